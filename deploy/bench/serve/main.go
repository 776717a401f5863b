// Serve compares the cost of a response from feedpub with that of nginx serving the same bytes and header from a file.
//
// It builds feedpub, publishes fixed posts, copies the document to a folder for nginx, and starts both servers on the
// loopback interface. Feedpub runs as a replica without Redis, so that it only serves. The servers are pinned to one
// core and wrk to another, which it shares with slow clients at the lowest priority. Short runs alternate between the
// servers, so that other load on the machine affects both. Each figure is the median of the ratios of adjacent runs.
// The cost is the CPU time of the server process per request, taken from /proc. Other load affects it less than it
// affects the number of requests per second.
//
// It needs the go command, taskset, and Debian's nginx and wrk. It prints a table of ratios and exits with status 1 if
// a ratio exceeds its bound.
//
//	go -C deploy/bench run ./serve            # about five minutes
//	go -C deploy/bench run ./serve -rounds 3 -seconds 1 -engine standard
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
	seconds := flag.Int("seconds", 2, "duration of a run")
	flag.StringVar(&o.engine, "engine", "fast", "feedpub's engine: fast or standard")
	flag.IntVar(&o.rounds, "rounds", 9, "number of runs of each kind for each server")
	flag.IntVar(&o.clients, "connections", 10_000, "number of open connections, and of slow connections")
	flag.IntVar(&o.limit, "limit", 16, "items of the main feed; 16 are about 18 KB when compressed with gzip")
	flag.IntVar(&o.feeds, "feeds", 3000, "number of other feeds")
	flag.BoolVar(&o.cached, "open-file-cache", false, "let nginx keep files open, unlike in Debian's configuration")
	flag.StringVar(&o.only, "only", "", "one of 304, 200, p99, feeds, open, slow")
	flag.StringVar(&o.binary, "feedpub", "", "the feedpub binary to measure; by default it is built")
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

// slow is the main function of the process for slow clients.
func slow(ctx context.Context, args []string) error {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	return beSlow(ctx, args[0], n)
}

// run runs all measurements and returns the number of figures that exceed their bounds.
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
	fmt.Printf("%s engine; the document has %d bytes, %d with gzip; %d runs of %v each\n\n",
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
