// Feedpub publishes the feeds of blogs that quote other publications.
//
// Posts lie in a folder or in Redis. Feedpub turns them into RSS, Atom and JSON Feed documents in which every quoted
// source is credited, rebuilds them on a schedule and on change, and serves them to feed readers.
//
//	feedpub serve                        # ./posts, or the sample posts, on http://127.0.0.1:8080
//	feedpub serve --dir ~/blog/posts     # a folder, one file per post
//	feedpub serve --redis redis://…      # posts in Redis
//	feedpub serve --config feedpub.yml   # everything
//
// # Commands
//
//	serve        build the feeds and serve them
//	build        build the feeds for servers elsewhere
//	rebuild      rebuild feeds now
//	upgrade      publish in the newest form that all servers know
//	import       take in posts from files
//	export       write all posts to standard output
//	post         put, get, list or delete single posts
//	feeds        list the published feeds
//	problems     list what is not published, and why
//	attribute    show which sources a text credits
//	render       write one document to standard output
//	check        check the configuration and what it points to
//	healthcheck  ask a running server whether it is ready
//	version      print the version
//	completion   print a completion script for a shell
//	man          write the man pages
//
// Each says more about itself with --help.
//
// # Configuration
//
// A YAML file (--config or FEEDPUB_CONFIG), environment variables (FEEDPUB_ and a key's path in capitals) and flags, the
// later ones stronger. The fields of config.Config are the reference; deploy/feedpub.example.yml shows every key.
//
// With sites or sites_from in it there are many sites, all in one Redis: serve and build work on all of them, problems and
// check too, and other commands on the one of --site. Serve reads the files of sites_from anew on SIGHUP.
//
// # Which posts
//
// Those of --redis or --dir. Without either, the folder ./posts if it exists, else sample posts that come with the
// program. Commands that write make ./posts. A folder is used by one process at a time: while serve runs, the other
// commands reach it through a private socket in the data folder (--data, default ./feedpub-data), so they need the
// same --dir and --data.
//
// # Exit codes
//
//	0  done
//	1  failed
//	2  used wrongly: an unknown command, flag or configuration key
//	3  done, but some posts were set aside; problems lists them
//
// The first SIGTERM or SIGINT ends serve in good order, with code 0; the second one ends it at once.
package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // schedules have time zones, and a container has no database of them

	"feedpub/feed"
)

func main() { program(forms()) }

// program runs the whole program, as a release that makes these versions of the rendered form, and ends the process.
func program(made feed.Versions) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2) // room for both, however soon the second comes
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-signals // asks for an end in good order
		cancel()
		<-signals // asks for an end
		os.Exit(exitFailed)
	}()
	env := &environment{getenv: os.Getenv, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, forms: made}
	os.Exit(env.run(ctx, os.Args[1:]))
}

// run carries out args and returns the exit code. It ends in good order when ctx does.
func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	env := &environment{getenv: getenv, stdin: stdin, stdout: stdout, stderr: stderr, forms: forms()}
	return env.run(ctx, args)
}

// run is the whole program in its environment.
func (env *environment) run(ctx context.Context, args []string) int {
	root := newRoot(env)
	root.SetArgs(append([]string{}, args...)) // nil would mean those of the process
	root.SetIn(env.stdin)
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	return env.exitCode(root.ExecuteContext(ctx))
}
