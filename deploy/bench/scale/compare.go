package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"feedpub/feed"
)

// The kinds of work that are compared with Hugo.
const (
	firstReadWork = "first read of all posts, and build"
	rebuildWork   = "rebuild all, items and fragments cached"
)

// compare measures the first read of all posts, a rebuild of all feeds, and a Hugo build of the same posts, in several
// rounds. Each round begins with a new Redis server, and every second round begins with Hugo. Other load on the machine
// thus affects all of them about equally.
func (b *bench) compare(ctx context.Context) error {
	if b.options.hugo == "" {
		return errors.New("-rounds needs -hugo")
	}
	name := filepath.Join(b.dir, "posts.jsonl")
	if err := errors.Join(writePosts(name, b.posts), b.writeHugo()); err != nil {
		return err
	}
	var first, again, hugo []result
	buildHugo := func() error {
		r, err := b.buildHugo(ctx)
		hugo = append(hugo, r)
		return err
	}
	build := func() error {
		x, y, err := b.buildOnce(ctx, name)
		first, again = append(first, x), append(again, y)
		return err
	}
	for i := range b.rounds {
		steps := []func() error{build, buildHugo}
		if i%2 == 1 {
			slices.Reverse(steps)
		}
		for _, step := range steps {
			if err := step(); err != nil {
				return err
			}
		}
	}
	return errors.Join(
		b.ratios("first read, ratio to Hugo", first, hugo),
		b.ratios("rebuild all, ratio to Hugo", again, hugo),
		// The summaries sort the runs.
		b.out.Encode(summary(first)), b.out.Encode(summary(again)), b.out.Encode(summary(hugo)),
	)
}

// ratios writes the ratios of the times of two kinds of work in the same round.
func (b *bench) ratios(work string, x, y []result) error {
	for _, kind := range []struct {
		name string
		of   func(result) float64
	}{
		{"wall-clock time", func(r result) float64 { return r.Seconds }},
		{"CPU time without Redis", func(r result) float64 { return r.CPU }},
		{"CPU time with Redis", func(r result) float64 { return r.CPU + r.RedisCPU }},
	} {
		all := make([]result, len(x))
		for i := range x {
			all[i].Ratio = kind.of(x[i]) / kind.of(y[i])
		}
		r := result{Work: work + ", " + kind.name, Posts: b.posts, Runs: len(all)}
		r.Ratio, r.RatioQuartiles = quartiles(all, func(r result) float64 { return r.Ratio })
		if err := b.out.Encode(r); err != nil {
			return err
		}
	}
	return nil
}

// buildOnce imports the posts of a file into a new Redis server, and measures reading all of them for the first time
// and rebuilding all feeds.
func (b *bench) buildOnce(ctx context.Context, name string) (first, again result, err error) {
	b.close()
	b.client = nil
	b.server.stop()
	if err := os.RemoveAll(b.server.socket); err != nil {
		return first, again, err
	}
	if b.server, err = startRedis(ctx, b.dir); err != nil {
		return first, again, err
	}
	defer func() { b.rest() }()
	b.feeds = 0
	if err := errors.Join(b.open(), b.importFile(ctx, name), b.publisher(nil), resetPeakMemory()); err != nil {
		return first, again, err
	}
	if first, err = b.once(firstReadWork, func() error { return b.lead(ctx) }); err != nil {
		return first, again, err
	}
	if first.PeakMiB, err = peakMemory(); err != nil {
		return first, again, err
	}
	if err := b.rebuild(ctx, feed.Unchanged)(); err != nil { // sets the number of feeds
		return first, again, err
	}
	first.Feeds = b.feeds
	if err := b.publisher(b.renderer); err != nil { // a new icon, so that all documents change
		return first, again, err
	}
	again, err = b.once(rebuildWork, func() error { return b.lead(ctx) })
	return first, again, err
}
