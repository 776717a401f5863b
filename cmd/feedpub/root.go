package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"feedpub/cmd/internal/hosting"
	"feedpub/config"
	"feedpub/feed"
)

// environment is the part of the process's environment that commands use.
type environment struct {
	getenv  func(string) string
	environ []string // all variables, as "NAME=value"
	// replace starts the program again in this process and passes it the sockets. It returns only if that fails. If
	// replace is nil, a server does not restart on SIGUSR2.
	replace  func(sockets) error
	sockets  sockets                         // to pass to the server that replaces this one
	try      func(context.Context) *exec.Cmd // see [hosting.Process.Try]; may be nil
	stdin    io.Reader
	stdout   io.Writer     // results
	stderr   io.Writer     // messages and logs
	versions feed.Versions // the rendering versions of this release
	release  versionInfo
}

// The exit statuses, which the package comment describes.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitRejected = 3
)

// usageError reports that the program was called with wrong arguments or settings.
type usageError struct{ error }

// Unwrap returns the wrapped error.
func (e usageError) Unwrap() error { return e.error }

// errRejected is returned by a command that succeeded except for posts that it has already reported.
var errRejected = errors.New("some posts were rejected")

// exitCode prints err and returns the exit status for it.
func (env *environment) exitCode(err error) int {
	var configuration *config.Error
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errRejected):
		return exitRejected
	case errors.As(err, &configuration):
		for _, p := range configuration.Problems {
			fmt.Fprintf(env.stderr, "feedpub: %s\n", p)
		}
		return exitUsage
	}
	fmt.Fprintf(env.stderr, "feedpub: %s\n", hosting.OneLine(err))
	if errors.As(err, new(usageError)) || errors.As(err, new(*hosting.ChoiceError)) {
		return exitUsage
	}
	return exitFailed
}

func newRoot(env *environment) *cobra.Command {
	root := &cobra.Command{
		Use:   "feedpub",
		Short: "Publish the feeds of blogs that quote other publications",
		Long: `Turn posts into RSS, Atom and JSON Feed documents in which every quoted source is
credited, and serve them to feed readers.`,
		Example: `  feedpub serve                      # ./posts, or the sample posts
  feedpub serve --dir ~/blog/posts   # a folder, one file per post
  feedpub serve --redis redis://127.0.0.1:6379`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		// exitCode prints errors, and does not print the usage after them.
		SilenceErrors: true,
		SilenceUsage:  true,
		// Cobra's own completion command is replaced by newCompletion, which has an example.
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see '%s --help'", err, cmd.CommandPath())}
	})
	root.AddCommand(
		newServe(env),
		newBuild(env),
		newRebuild(env),
		newReload(env),
		newUpgrade(env),
		newImport(env),
		newExport(env),
		newPost(env),
		newFeeds(env),
		newProblems(env),
		newCredits(env),
		newSubscriptions(env),
		newExplain(env),
		newRuns(env),
		newSchedule(env),
		newAttribute(env),
		newRender(env),
		newCheck(env),
		newHealthcheck(env),
		newVersion(env),
		newCompletion(env),
		newMan(env),
	)
	return root
}

// The following functions check the arguments of commands. Unlike cobra's, they return a usageError.

// noArgs accepts no arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if !cmd.HasSubCommands() {
		return misused(cmd, fmt.Sprintf("%s takes no arguments, got %q", cmd.CommandPath(), args[0]))
	}
	hint := ""
	if names := cmd.SuggestionsFor(args[0]); len(names) > 0 {
		hint = fmt.Sprintf(", did you mean %s?", strings.Join(names, " or "))
	}
	return misused(cmd, fmt.Sprintf("unknown command %q%s", args[0], hint))
}

// exactArgs accepts exactly one argument for each name.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		return misused(cmd, fmt.Sprintf("%s takes %s, got %d arguments", cmd.CommandPath(), strings.Join(names, " and "),
			len(args)))
	}
}

// atMostOneArg accepts one argument or none.
func atMostOneArg(cmd *cobra.Command, args []string) error {
	if len(args) <= 1 {
		return nil
	}
	return misused(cmd, fmt.Sprintf("%s takes at most 1 argument, got %d", cmd.CommandPath(), len(args)))
}

// someArgs accepts one or more arguments. The name describes a single argument.
func someArgs(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return nil
		}
		return misused(cmd, fmt.Sprintf("%s takes at least one %s", cmd.CommandPath(), name))
	}
}

// misused returns a usageError that refers to the command's help.
func misused(cmd *cobra.Command, message string) error {
	return usageError{fmt.Errorf("%s; see '%s --help'", message, cmd.CommandPath())}
}
