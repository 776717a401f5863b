package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"feedpub/cmd/internal/hosting"
)

// tryPosts is the only argument of a process that a builder starts to read posts that may crash it. It is not a command
// for users.
const tryPosts = "try-posts"

// tryCommand returns the command that runs this program with the argument [tryPosts].
func tryCommand(ctx context.Context) *exec.Cmd {
	program := "/proc/self/exe" // works even if the program's file was replaced
	if _, err := os.Stat(program); err != nil {
		if program, err = os.Executable(); err != nil {
			program = os.Args[0]
		}
	}
	cmd := exec.CommandContext(ctx, program, tryPosts)
	cmd.Args[0] = os.Args[0]
	return cmd
}

// runTryPosts reads the posts on standard input, and returns the exit status.
func runTryPosts() int {
	if err := hosting.TryPosts(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return exitFailed
	}
	return exitDone
}
