// Package deploy holds examples of running feedpub (containers, a systemd unit, configurations), programs that write
// posts, the documentation, and the scripts of the Makefile. It contains no code but the tests of the examples.
package deploy
