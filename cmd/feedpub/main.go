// Feedpub publishes the feeds of blogs that quote other publications.
//
// It reads posts from a folder or from Redis, and turns them into RSS, Atom and JSON Feed documents in which every
// quoted source is credited. It rebuilds the documents on a schedule and on change, and serves them to feed readers.
//
//	feedpub serve                        # ./posts, or the sample posts, on http://127.0.0.1:8080
//	feedpub serve --dir ~/blog/posts     # a folder, one file per post
//	feedpub serve --redis redis://…      # posts in Redis
//	feedpub serve --config feedpub.yml   # everything
//
// # Commands
//
//	serve          build the feeds and serve them
//	build          build the feeds for servers on other machines
//	rebuild        rebuild feeds now
//	reload         make a running server reload its configuration
//	upgrade        move to the newest rendering version that all servers can render
//	import         import posts from files
//	export         write all posts to a file or to standard output
//	post           put, get, list or delete single posts
//	feeds          list the published feeds
//	problems       list what is not published and why
//	explain        explain why a post is or is not in the feeds
//	credits        list, accept, reject and edit the credits of posts
//	runs           list what the builder did, and why
//	schedule       list when the feeds are rebuilt next
//	subscriptions  list or remove the subscribers of the built-in hub
//	attribute      show which sources a text credits
//	render         write one document to standard output
//	check          check the configuration and the files and servers it names
//	healthcheck    ask a running server whether it is ready
//	version        print the version
//	completion     print a completion script for a shell
//	man            write the man pages
//
// Run a command with --help for its manual.
//
// # Configuration
//
// The configuration is read from a YAML file (--config or FEEDPUB_CONFIG), environment variables (FEEDPUB_ and the path
// of a key in capitals) and flags. Variables override the file, and flags override both. The fields of config.Config
// are the reference; deploy/feedpub.example.yml shows every key.
//
// The keys sites and sites_from configure several sites in one Redis. The commands serve, build, upgrade, problems and
// check work on all of them, or on the one named by --site; the other commands need --site.
//
// # Posts
//
// Posts are read from --redis or --dir. The default is the folder ./posts if it exists, and otherwise the sample posts
// that are part of the program. Commands that write posts create ./posts. Only one process uses a folder at a time:
// while serve runs, the other commands reach it through a private socket in the data folder (--data, default
// ./feedpub-data), so they need the same --dir and --data.
//
// # Signals
//
// On SIGTERM or SIGINT, serve and build finish active requests and exit with status 0; on a second signal they
// exit at once. On SIGUSR2 they restart in the same process without refusing connections. On SIGHUP they read the
// configuration, the files of sites_from and the files of tokens again. Changed keys that need a restart, such as
// listen, are logged.
//
// # Exit status
//
//	0  success
//	1  failure
//	2  usage error: an unknown command, flag or configuration key
//	3  success, but some posts were rejected; feedpub problems lists them
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // for schedules: containers often have no time zone database

	"feedpub/feed"
	"feedpub/feed/render"
)

// version is the version that feedpub version prints. make build VERSION=v1.2.3 sets it with the linker; by default the
// version of the module is printed.
var version string

func main() { program(feed.Versions{Oldest: render.Oldest, Newest: render.Version}) }

// program runs the command line as a release that can render these versions, and exits.
func program(versions feed.Versions) {
	if len(os.Args) == 2 && os.Args[1] == tryPosts {
		os.Exit(runTryPosts())
	}
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2) // room for two signals, so that none is lost
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(exitFailed)
	}()
	env := &environment{
		getenv: os.Getenv, environ: os.Environ(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, versions: versions,
		release: readVersion(version),
		replace: func(s sockets) error { return s.replace(os.Args, os.Environ()) },
		try:     tryCommand,
	}
	os.Exit(env.run(ctx, os.Args[1:]))
}

// run runs the command line args and returns the exit status. When ctx is done, it stops as it does on SIGTERM.
func (env *environment) run(ctx context.Context, args []string) int {
	root := newRoot(env)
	root.SetArgs(append([]string{}, args...)) // never nil, for which cobra would use the arguments of the process
	root.SetIn(env.stdin)
	root.SetOut(env.stdout)
	root.SetErr(env.stderr)
	err := root.ExecuteContext(ctx)
	if errors.Is(err, errRestart) {
		err = env.replace(env.sockets)
	}
	return env.exitCode(err)
}
