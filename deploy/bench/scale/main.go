// Scale measures what feedpub's work costs as posts grow: importing them into Redis, the first read of all, rebuilding
// all feeds, rebuilding with nothing changed, and the way of one changed post to the documents that a second process
// serves. With -feeds it measures instead what a server takes that holds the documents of many feeds, and with -sites what
// a process takes that builds and serves many sites.
//
// It starts a redis-server of its own on a Unix socket in a temporary folder and, for the last, a "feedpub serve" that
// it builds; it works on posts that are always the same, prints one line of JSON for each measurement, and removes
// everything. It needs the go command and Debian's redis-server. deploy/scale/README.md has what was measured.
//
//	go run ./deploy/bench/scale -posts 100000
//	go run ./deploy/bench/scale -feeds 10000
//	go run ./deploy/bench/scale -sites 200
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
)

type options struct {
	posts, edits, repeat, replicas int
	documentFeeds, manySiteCount   int
	profile, hugo                  string
}

func main() {
	var o options
	flag.IntVar(&o.posts, "posts", 10_000, "how many posts")
	flag.IntVar(&o.edits, "edits", 100, "how many single changes are timed, a good second each; 0 for none")
	flag.IntVar(&o.documentFeeds, "feeds", 0, "measure instead a server that holds so many feeds; 10000 take some minutes")
	flag.IntVar(&o.manySiteCount, "sites", 0, "measure instead a process that builds and serves so many sites")
	flag.IntVar(&o.repeat, "repeat", 5, "how often what is quick is done; the median counts")
	flag.IntVar(&o.replicas, "replicas", 4, "how many processes serve when changes and the builder's end are timed for all; 0 for none")
	flag.StringVar(&o.profile, "cpuprofile", "", "write a CPU profile of everything after the import to this file")
	flag.StringVar(&o.hugo, "hugo", "", "let this hugo make RSS of the same posts too")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	dir, err := os.MkdirTemp("", "feedpub-scale-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	server, err := startRedis(ctx, dir)
	if err != nil {
		return err
	}
	defer server.stop()
	b := &bench{options: o, dir: dir, server: server, out: newOutput(os.Stdout), rest: func() {}}
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
		if err := b.fleet(ctx); err != nil {
			return err
		}
	}
	if o.hugo != "" {
		return b.hugo(ctx)
	}
	return nil
}
