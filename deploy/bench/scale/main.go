// Scale measures how the cost of feedpub's work grows with the number of posts: importing posts into Redis, absorbing
// them, rebuilding all feeds, rebuilding without changes, and the time from changing a post until a second process
// serves it. With -rounds, it instead compares reading the posts for the first time, and rebuilding all feeds, with
// Hugo; with -feeds, it measures the memory of a server with many feeds, with -sites, a process with many sites, and
// with -folder, a server with a folder of posts.
//
// It starts a redis-server on a Unix socket in a temporary folder and, if needed, builds and starts "feedpub serve". It
// generates fixed posts, prints a line of JSON for each measurement, and removes all files at the end. It needs the go
// command and Debian's redis-server. The results are in deploy/docs/benchmarks.md.
//
//	go -C deploy/bench run ./scale -posts 100000
//	go -C deploy/bench run ./scale -posts 10000 -rounds 5 -hugo /usr/bin/hugo
//	go -C deploy/bench run ./scale -feeds 10000
//	go -C deploy/bench run ./scale -sites 200
//	go -C deploy/bench run ./scale -folder 10000
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"time"
)

type options struct {
	posts, edits, repeat, replicas int
	rounds                         int
	documentFeeds, manySiteCount   int
	folderPosts                    int
	profile, hugo, binary          string
	settle                         time.Duration
}

func main() {
	var o options
	flag.IntVar(&o.posts, "posts", 10_000, "number of posts")
	flag.IntVar(&o.edits, "edits", 100, "number of single changes to time, just over a second each; 0 for none")
	flag.IntVar(&o.documentFeeds, "feeds", 0, "measure a server with this number of feeds instead; 10000 feeds take several minutes")
	flag.IntVar(&o.manySiteCount, "sites", 0, "measure a process with this number of sites instead")
	flag.IntVar(&o.folderPosts, "folder", 0, "measure a server with a folder of this many posts instead")
	flag.IntVar(&o.repeat, "repeat", 5, "number of runs of each short measurement; the median is reported")
	flag.IntVar(&o.replicas, "replicas", 4, "number of servers for timing changes and failovers; 0 for none")
	flag.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of everything after the import to this file")
	flag.StringVar(&o.hugo, "hugo", "", "the hugo binary for comparison")
	flag.IntVar(&o.rounds, "rounds", 0, "instead, measure this number of times, in turn, the first read of all posts, a "+
		"rebuild of all feeds, and Hugo building its feeds of the same posts, with -hugo")
	flag.StringVar(&o.binary, "binary", "", "the feedpub binary to start as a server; empty to build it")
	client := flag.String("client", "", "internal: write posts to this Redis server and read documents, as requested on "+
		"standard input")
	flag.DurationVar(&o.settle, "settle", 5*time.Minute, "with -sites, the time before idle sites are measured: caches drop what was "+
		"not used for two to four minutes, and the garbage collector of an idle process runs every two minutes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	var err error
	if *client != "" {
		err = runClient(ctx, *client, os.Stdin, os.Stdout)
	} else {
		err = run(ctx, o)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) { //nolint:gocyclo // a flat list of steps
	dir, err := os.MkdirTemp("", "feedpub-scale-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if o.folderPosts > 0 {
		b := &bench{options: o, dir: dir, out: newOutput(os.Stdout)}
		return b.folder(ctx)
	}
	server, err := startRedis(ctx, dir)
	if err != nil {
		return err
	}
	b := &bench{options: o, dir: dir, server: server, out: newOutput(os.Stdout), rest: func() {}}
	defer func() { b.server.stop() }() // compare replaces the server
	if err := b.open(); err != nil {
		return err
	}
	defer b.close()

	if o.documentFeeds > 0 {
		return b.documents(ctx)
	}
	if o.manySiteCount > 0 {
		return b.manySites(ctx)
	}
	if o.rounds > 0 {
		return b.compare(ctx)
	}
	if err := b.fill(ctx); err != nil {
		return err
	}
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	if err := b.build(ctx); err != nil {
		return err
	}
	if o.edits > 0 {
		if err := b.change(ctx); err != nil {
			return err
		}
	}
	if o.replicas > 1 {
		return b.fleet(ctx)
	}
	return nil
}
