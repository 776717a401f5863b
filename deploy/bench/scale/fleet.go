package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"feedpub/feed"
	"feedpub/feed/posttest"
	"feedpub/feed/publish"
)

// failovers is the number of times that the builder is killed.
const failovers = 5

// fleet measures the time until all replicas serve a change, and the time from killing the builder to the next commit.
func (b *bench) fleet(ctx context.Context) error {
	if err := b.publisher(nil); err != nil {
		return err
	}
	defer func() { b.rest() }()
	if err := b.lead(ctx); err != nil {
		return err
	}
	var fleet []*replica
	defer func() {
		for _, r := range fleet {
			r.stop()
		}
	}()
	for len(fleet) < b.replicas {
		r, err := b.startFilled(ctx)
		if err != nil {
			return err
		}
		fleet = append(fleet, r)
	}
	if b.edits > 0 {
		if err := b.spread(ctx, fleet); err != nil {
			return err
		}
	}
	b.rest()
	return b.failover(ctx, &fleet)
}

// startFilled starts a replica and waits until it has all documents. The document of the last feed is the last one that
// the replica loads.
func (b *bench) startFilled(ctx context.Context) (*replica, error) {
	heads, err := b.site.Heads(ctx)
	if err != nil {
		return nil, err
	}
	r, err := b.startReplica(ctx)
	if err != nil {
		return nil, err
	}
	last := slices.MaxFunc(heads, func(x, y feed.Head) int { return x.Feed.Compare(y.Feed) })
	if err := r.get(ctx, last.Documents[0].Path, ""); err != nil {
		r.stop()
		return nil, err
	}
	return r, nil
}

// spread measures the time from an edit until all replicas serve it in the main feed.
func (b *bench) spread(ctx context.Context, fleet []*replica) error {
	heads, err := b.site.Heads(ctx)
	if err != nil {
		return err
	}
	newest := posttest.Post(b.posts - 1).ID
	c, err := b.startClient()
	if err != nil {
		return err
	}
	defer c.stop()
	feeds := make([][]location, len(fleet))
	for i, r := range fleet {
		feeds[i] = documentsOf(heads, newest, r.base)[0]
	}
	took := make([]time.Duration, 0, b.edits)
	for i := range b.edits {
		reply, err := c.change(posttest.Version(b.posts-1, 1000+i), feeds)
		if err != nil {
			return err
		}
		took = append(took, reply.All)
	}
	return b.latencies(fmt.Sprintf("one post changed, until all %d replicas serve the main feed", len(fleet)), took)
}

// failover kills the builder right after a post has changed, and measures the time until a second process has built the
// change and a third process serves it.
func (b *bench) failover(ctx context.Context, fleet *[]*replica) error {
	took := make([]time.Duration, 0, failovers)
	for i := range failovers {
		builder, err := b.builderOf(ctx, *fleet)
		if err != nil {
			return err
		}
		if _, err := b.site.Ask(ctx, []byte("{}"), time.Minute); err != nil { // the reply arrives after the build
			return err
		}
		path := feed.Main.Path(feed.RSS)
		others := (*fleet)[:0:0]
		for _, r := range *fleet {
			if r == builder {
				continue
			}
			others = append(others, r)
			if err := r.get(ctx, path, ""); err != nil {
				return err
			}
		}
		builder.kill()
		start := time.Now()
		if err := b.site.Put(ctx, posttest.Version(b.posts-1, 5000+i)); err != nil {
			return err
		}
		for _, r := range others {
			if err := r.get(ctx, path, r.tags[path]); err != nil {
				return err
			}
		}
		took = append(took, time.Since(start))
		another, err := b.startFilled(ctx)
		if err != nil {
			return err
		}
		others = append(others, another)
		*fleet = others
	}
	return b.latencies("builder killed, until the others serve the next commit", took)
}

// builderOf waits until one of the replicas has become the builder, and returns it.
func (b *bench) builderOf(ctx context.Context, fleet []*replica) (*replica, error) {
	for range 600 {
		owner, left, err := b.site.Holder(ctx, publish.Job)
		if err != nil {
			return nil, err
		}
		for _, r := range fleet {
			if left > 0 && strings.Contains(owner, ":"+strconv.Itoa(r.pid())+":") {
				return r, nil
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil, errors.New("no replica has become the builder")
}
