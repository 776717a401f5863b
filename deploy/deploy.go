// Package deploy contains examples of running feedpub (containers, a systemd unit, configurations), programs that write
// posts, the documentation, and the scripts for the Makefile. Its only Go code is the tests of the examples.
package deploy
