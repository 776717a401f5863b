package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"feedpub/feed"
)

// The kinds of work that are measured beside Hugo.
const (
	firstReadWork = "first read of all posts, and build"
	rebuildWork   = "rebuild all, items and fragments cached"
	coldWork      = "rebuild all, nothing cached"
	unchangedWork = "rebuild, nothing changed"
)

// buildRuns are the runs of each kind of work.
type buildRuns struct{ first, again, cold, unchanged []result }

// compare measures the first read of all posts, rebuilds of all feeds, and a Hugo build of the same posts, in several
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
	var runs buildRuns
	var hugo []result
	buildHugo := func() error {
		r, err := b.buildHugo(ctx)
		hugo = append(hugo, r)
		return err
	}
	build := func() error { return b.buildOnce(ctx, name, &runs) }
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
		b.ratios("first read, ratio to Hugo", runs.first, hugo),
		b.ratios("rebuild all, ratio to Hugo", runs.again, hugo),
		// The summaries sort the runs.
		b.out.Encode(summary(runs.first)), b.out.Encode(summary(runs.again)), b.out.Encode(summary(runs.cold)),
		b.out.Encode(summary(runs.unchanged)), b.out.Encode(summary(hugo)),
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

// buildOnce imports the posts of a file into a new Redis server, and measures reading all of them for the first time,
// and rebuilding all feeds. It adds the results to runs.
func (b *bench) buildOnce(ctx context.Context, name string, runs *buildRuns) (err error) {
	b.close()
	b.client = nil
	b.server.stop()
	if err := os.RemoveAll(b.server.socket); err != nil {
		return err
	}
	if b.server, err = startRedis(ctx, b.dir); err != nil {
		return err
	}
	defer func() { b.rest() }()
	b.feeds = 0
	if err := errors.Join(b.open(), b.importFile(ctx, name), b.publisher(nil), resetPeakMemory()); err != nil {
		return err
	}
	lead := func() error { return b.lead(ctx) }
	first, err := b.once(firstReadWork, lead)
	if err != nil {
		return err
	}
	if first.PeakMiB, err = peakMemory(); err != nil {
		return err
	}
	if first.RedisMiB, err = b.redisMemory(ctx); err != nil { // before documents are replaced, since Redis keeps the old ones
		return err
	}
	unchanged, err := b.once(unchangedWork, b.rebuild(ctx, feed.Unchanged)) // sets the number of feeds
	if err != nil {
		return err
	}
	first.Feeds, unchanged.Feeds = b.feeds, b.feeds
	if err := b.publisher(b.renderer); err != nil { // a new icon, so that all documents change
		return err
	}
	again, err := b.once(rebuildWork, lead)
	if err != nil {
		return err
	}
	if err := errors.Join(b.open(), b.publisher(nil)); err != nil {
		return err
	}
	cold, err := b.once(coldWork, lead)
	runs.first, runs.again = append(runs.first, first), append(runs.again, again)
	runs.cold, runs.unchanged = append(runs.cold, cold), append(runs.unchanged, unchanged)
	return err
}
