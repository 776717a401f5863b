package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"feedpub/config"
	"feedpub/feed"
)

// environment is what a command has of the world outside of it.
type environment struct {
	getenv func(string) string
	stdin  io.Reader
	stdout io.Writer // answers
	stderr io.Writer // messages and logs
	// forms are the versions of the rendered form that this release makes.
	forms feed.Versions
}

// The exit codes; the package comment says what they mean.
const (
	exitDone     = 0
	exitFailed   = 1
	exitUsage    = 2
	exitSetAside = 3
)

// usageError is a mistake in how the program was called.
type usageError struct{ error }

// Unwrap returns the mistake itself.
func (e usageError) Unwrap() error { return e.error }

// errSetAside ends a command that did what it was asked to, except for posts that it has told about already.
var errSetAside = errors.New("some posts were set aside")

// exitCode tells the person about err, if there is anything to tell, and returns its exit code.
func (env *environment) exitCode(err error) int {
	var configuration *config.Error
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errSetAside):
		return exitSetAside
	case errors.As(err, &configuration):
		for _, p := range configuration.Problems {
			fmt.Fprintf(env.stderr, "feedpub: %s\n", p)
		}
		return exitUsage
	}
	fmt.Fprintf(env.stderr, "feedpub: %s\n", oneLine(err))
	if errors.As(err, new(usageError)) {
		return exitUsage
	}
	return exitFailed
}

// oneLine returns the message of err without line breaks, which joined errors have.
func oneLine(err error) string {
	return strings.Join(slices.Collect(strings.FieldsFuncSeq(err.Error(), func(r rune) bool {
		return r == '\n' || r == '\r'
	})), "; ")
}

func newRoot(env *environment) *cobra.Command {
	root := &cobra.Command{
		Use:   "feedpub",
		Short: "Publish the feeds of blogs that quote other publications",
		Long: `Feedpub turns posts into RSS, Atom and JSON Feed documents in which every quoted
source is credited, and serves them to feed readers.`,
		Example: `  feedpub serve                      # ./posts, or the sample posts
  feedpub serve --dir ~/blog/posts   # a folder, one file per post
  feedpub serve --redis redis://127.0.0.1:6379`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		// Errors are told once, by exitCode, and without the whole usage after them.
		SilenceErrors: true,
		SilenceUsage:  true,
		// The completion command is our own, with an example.
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see '%s --help'", err, cmd.CommandPath())}
	})
	root.AddCommand(
		newServe(env),
		newBuild(env),
		newRebuild(env),
		newUpgrade(env),
		newImport(env),
		newExport(env),
		newPost(env),
		newFeeds(env),
		newProblems(env),
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

// The commands' arguments are checked by these, so that wrong ones exit as wrong use.

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

// exactArgs wants one argument for each of names.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		return misused(cmd, fmt.Sprintf("%s takes %s, got %d arguments", cmd.CommandPath(), strings.Join(names, " and "), len(args)))
	}
}

// atMostOneArg wants one argument or none.
func atMostOneArg(cmd *cobra.Command, args []string) error {
	if len(args) <= 1 {
		return nil
	}
	return misused(cmd, fmt.Sprintf("%s takes at most 1 argument, got %d", cmd.CommandPath(), len(args)))
}

// someArgs wants at least one argument, called name.
func someArgs(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return nil
		}
		return misused(cmd, fmt.Sprintf("%s takes at least one %s", cmd.CommandPath(), name))
	}
}

func misused(cmd *cobra.Command, message string) error {
	return usageError{fmt.Errorf("%s; see '%s --help'", message, cmd.CommandPath())}
}
