// Serve measures what an answer costs feedpub, against nginx serving the same bytes with the same header from a file.
//
// It builds feedpub, lets it publish posts that are always the same, copies the document to a folder for nginx, and
// starts both on loopback, feedpub as a replica that has lost its Redis, so that it does nothing but serve. Servers are
// pinned to one core and wrk to another, which slow clients share at the lowest priority. Runs are short and alternate
// between the servers, so that whatever else the machine does falls on both; the figure is the median of the ratios of
// neighbouring runs. Cost is CPU time of the server's process from /proc, per request: on a machine with other work it
// says more than requests per second do.
//
// It needs the go command, taskset, and Debian's nginx and wrk. It prints a table of ratios, and exits with 1 if one is
// beyond its bound.
//
//	go run ./deploy/bench/serve            # about five minutes
//	go run ./deploy/bench/serve -rounds 3 -seconds 1 -engine standard
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"time"
)

type options struct {
	engine    string
	rounds    int
	length    time.Duration
	clients   int
	limit     int
	feeds     int
	cached    bool
	binary    string
	only      string
	serverCPU string
	loadCPU   string
}

func main() {
	var o options
	seconds := flag.Int("seconds", 2, "how long a run is")
	flag.StringVar(&o.engine, "engine", "fast", "feedpub's engine: fast or standard")
	flag.IntVar(&o.rounds, "rounds", 9, "how many runs each server has of each kind")
	flag.IntVar(&o.clients, "connections", 10_000, "how many connections are held open, and how many are slow")
	flag.IntVar(&o.limit, "limit", 16, "items of the main feed; 16 are about 18 KB in gzip coding")
	flag.IntVar(&o.feeds, "feeds", 3000, "how many feeds there are besides")
	flag.BoolVar(&o.cached, "open-file-cache", false, "let nginx keep its files open, which Debian's configuration does not")
	flag.StringVar(&o.only, "only", "", "one of 304, 200, p99, feeds, open, slow")
	flag.StringVar(&o.binary, "feedpub", "", "a feedpub to measure; none builds it here")
	flag.StringVar(&o.serverCPU, "server-cpu", "0", "core of the servers")
	flag.StringVar(&o.loadCPU, "load-cpu", "1", "core of wrk")
	flag.Parse()
	o.length = time.Duration(*seconds) * time.Second

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var missed int
	var err error
	if flag.Arg(0) == slowCommand && flag.NArg() == 3 {
		err = slow(ctx, flag.Args()[1:])
	} else {
		missed, err = run(ctx, o)
	}
	stop()
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(2)
	case missed > 0:
		os.Exit(1)
	}
}

// slow is what the program does as a process of slow clients.
func slow(ctx context.Context, args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	return beSlow(ctx, args[0], n)
}

// run measures, and returns how many figures are beyond their bounds.
func run(ctx context.Context, o options) (missed int, err error) {
	dir, err := os.MkdirTemp("", "feedpub-bench-")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	ours, doc, err := startFeedpub(ctx, dir, o)
	if err != nil {
		return 0, err
	}
	defer ours.stop()
	theirs, err := startNginx(ctx, dir, doc, o)
	if err != nil {
		return 0, err
	}
	defer theirs.stop()
	fmt.Printf("%s engine; the document has %d bytes, %d in gzip coding; %d runs of %v each\n\n",
		o.engine, doc.length, len(doc.gzip), o.rounds, o.length)
	fmt.Printf("| figure | median | quartiles | bound |\n| --- | --- | --- | --- |\n")

	b := &bench{options: o, dir: dir, ours: ours, theirs: theirs, doc: doc}
	for _, f := range []struct {
		name    string
		measure func(context.Context) error
	}{
		{"304", b.notModified}, {"200", b.whole}, {"p99", b.latency}, {"feeds", b.manyFeeds},
		{"open", b.openConnections}, {"slow", b.slowConnections},
	} {
		if o.only != "" && o.only != f.name {
			continue
		}
		if err := f.measure(ctx); err != nil {
			return b.missed, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	return b.missed, nil
}
