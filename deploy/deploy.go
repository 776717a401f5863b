// Package deploy contains examples of running feedpub (containers, a systemd unit, configurations), programs that write
// posts, the documentation, and the scripts for the Makefile. It contains no code except the tests of the examples.
package deploy
