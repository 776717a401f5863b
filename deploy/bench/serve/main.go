// Serve compares the cost of a response from feedpub with that of nginx serving the same bytes and header from a file.
//
// It measures two documents: a small one, and one of the default size. For each, it publishes fixed posts, copies the
// document to a folder for nginx, and starts both servers on the loopback interface. Feedpub runs as a replica without
// Redis, so that it only serves. The servers are pinned to one core and wrk to another, which it shares with slow
// clients at the lowest priority. Short runs alternate between the servers, so that other load on the machine affects
// both. Each figure is the median of the ratios of adjacent runs, except that the 99th percentile of latency is that of
// all runs together, without those during which the hypervisor took CPU time from the machine.
//
// The cost is the CPU time of the server process per request, taken from /proc. Other load affects it less than it
// affects the number of requests per second.
//
// It needs the go command, taskset, and Debian's nginx and wrk. It prints a table of ratios and exits with status 1 if
// a ratio exceeds its bound.
//
//	go -C deploy/bench run ./serve            # about seven minutes, more on a busy machine
//	go -C deploy/bench run ./serve -rounds 3 -seconds 1 -engine standard
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"feedpub/deploy/bench/internal/program"
)

type options struct {
	engine    string
	rounds    int
	length    time.Duration
	clients   int
	sizes     []size
	limit     int // items of the main feed
	feeds     int
	cached    bool
	binary    string
	only      string
	serverCPU string
	loadCPU   string
}

// size is a size of the main feed.
type size struct {
	items int
	all   bool // measure everything, not only the cost of a 304 and a 200
}

func main() {
	// With 14 items, the feed is about 16 KB in gzip coding. By default, a feed has 50 items.
	o := options{sizes: []size{{items: 14, all: true}, {items: 50}}}
	seconds := flag.Int("seconds", 2, "duration of a run")
	flag.StringVar(&o.engine, "engine", "fast", "feedpub's engine: fast or standard")
	flag.IntVar(&o.rounds, "rounds", 9, "number of runs of each kind for each server")
	flag.IntVar(&o.clients, "connections", 10_000, "number of open connections, and of slow connections")
	flag.Func("limits", "numbers of items in the main feed, separated by commas, one for each document size to measure (default 14,50)", func(text string) error {
		o.sizes = nil
		for field := range strings.SplitSeq(text, ",") {
			n, err := strconv.Atoi(field)
			if err != nil {
				return err
			}
			o.sizes = append(o.sizes, size{items: n, all: len(o.sizes) == 0})
		}
		return nil
	})
	flag.IntVar(&o.feeds, "feeds", 3000, "number of other feeds")
	flag.BoolVar(&o.cached, "open-file-cache", true, "let nginx keep files open, unlike in Debian's configuration")
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
		missed, err = runAll(ctx, o)
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

// runAll runs all measurements and returns the number of figures that exceed their bounds.
func runAll(ctx context.Context, o options) (missed int, err error) {
	if o.binary == "" {
		dir, err := os.MkdirTemp("", "feedpub-bench-")
		if err != nil {
			return 0, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		o.binary = filepath.Join(dir, "feedpub")
		if err := program.Build(ctx, o.binary); err != nil {
			return 0, err
		}
	}
	for _, z := range o.sizes {
		o.limit = z.items
		n, err := run(ctx, o, z.all)
		missed += n
		if err != nil {
			return missed, err
		}
	}
	return missed, nil
}

// run measures a document of one size.
func run(ctx context.Context, o options, all bool) (missed int, err error) {
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
	fmt.Printf("%s engine; the document has %d items, %d bytes, %d with gzip; %d runs of %v each\n\n",
		o.engine, o.limit, doc.length, len(doc.gzip), o.rounds, o.length)
	fmt.Printf("| figure | median | quartiles | bound |\n| --- | --- | --- | --- |\n")

	b := &bench{options: o, dir: dir, ours: ours, theirs: theirs, doc: doc}
	for _, f := range []struct {
		name    string
		each    bool // measured for each size
		measure func(context.Context) error
	}{
		{"304", true, b.notModified}, {"200", true, b.whole}, {"p99", false, b.latency}, {"feeds", false, b.manyFeeds},
		{"open", false, b.openConnections}, {"slow", false, b.slowConnections},
	} {
		if o.only != "" && o.only != f.name || !all && !f.each {
			continue
		}
		if err := f.measure(ctx); err != nil {
			return b.missed, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	fmt.Println()
	return b.missed, nil
}
