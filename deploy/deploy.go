// Package deploy holds the examples of how feedpub is run: a container, a compose file, a unit of systemd and an
// annotated configuration; programs that write posts; and the scripts behind the Makefile. It has no code, only the
// tests that keep the examples true.
package deploy
