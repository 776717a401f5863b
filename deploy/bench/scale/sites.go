package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/coding"
	"feedpub/feed/intake"
	"feedpub/feed/posttest"
	"feedpub/feed/publish"
	"feedpub/feed/render"
	"feedpub/feed/serve"
	"feedpub/store"
)

const (
	// sitePosts is the number of posts per site, and idleFor is how long idle sites are measured.
	sitePosts = 5
	idleFor   = 20 * time.Second
)

// manySites measures a process that builds and serves many sites: its startup, its cost when idle, and the time until
// it serves a change written by another process.
func (b *bench) manySites(ctx context.Context) (err error) { //nolint:gocyclo,funlen // a flat list of steps
	ids := make([]feed.SiteID, b.manySiteCount)
	for i := range ids {
		ids[i] = feed.SiteID(fmt.Sprintf("site-%d", i))
		batch := make([]feed.RawPost, sitePosts)
		for j := range batch {
			batch[j] = posttest.Post(j)
		}
		if err := b.client.Site(ids[i]).Put(ctx, batch...); err != nil {
			return err
		}
	}
	b.posts = sitePosts
	client, err := store.Open(store.Options{URL: b.server.url()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, client.Close()) }()
	reader, err := attribution.New(attribution.Options{})
	if err != nil {
		return err
	}
	m := makers{
		reader, render.New(), coding.NewJoiner(coding.DefaultJoinerBytes),
		semaphore.NewWeighted(int64(max(2, runtime.GOMAXPROCS(0)))),
	}
	before, goroutines := heap(), runtime.NumGoroutine()
	running, stop := context.WithCancel(ctx)
	g, running := errgroup.WithContext(running)
	defer func() {
		stop()
		err = errors.Join(err, g.Wait())
	}()
	replicas := make([]*serve.Replica, len(ids))
	if err := b.time(fmt.Sprintf("start of %d sites", len(ids)), 1, nil, func() error {
		for i, id := range ids {
			p, r := m.site(client.Site(id), id)
			replicas[i] = r
			g.Go(func() error { return p.Run(running) })
			g.Go(func() error { return r.Run(running) })
		}
		for _, r := range replicas {
			if err := until(running, func() bool { return r.Ready() == nil }); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		return err
	}
	// Let the startup work finish.
	if err := until(ctx, func() bool { return b.commands(ctx, time.Second) < float64(10*len(ids)) }); err != nil {
		return err
	}
	idle := fmt.Sprintf("%d idle sites", len(ids))
	if err := b.out.Encode(result{
		Work: idle + ": one of them", Posts: sitePosts, Goroutines: float64(runtime.NumGoroutine()-goroutines) / float64(len(ids)),
		MiB: (heap() - before) / float64(len(ids)),
	}); err != nil {
		return err
	}
	var rate float64
	if err := b.time(idle, 1, nil, func() error {
		rate = b.commands(ctx, idleFor)
		return nil
	}); err != nil {
		return err
	}
	if err := b.out.Encode(result{Work: idle + ": commands", PerSecond: rate}); err != nil {
		return err
	}
	took := make([]time.Duration, 0, b.edits)
	for i := range b.edits {
		n := i % len(ids)
		version, _ := replicas[n].Version()
		head, _ := replicas[n].Head(feed.Main)
		start := time.Now()
		if err := b.client.Site(ids[n]).Put(ctx, posttest.Post(sitePosts+i)); err != nil {
			return err
		}
		if err := until(ctx, func() bool {
			now, _ := replicas[n].Head(feed.Main)
			return len(now.IDs) > len(head.IDs)
		}); err != nil {
			return fmt.Errorf("a change of %s at version %d: %w", ids[n], version, err)
		}
		took = append(took, time.Since(start))
	}
	if len(took) == 0 {
		return nil
	}
	return b.latencies(fmt.Sprintf("one of %d sites changed, until its documents are served", len(ids)), took)
}

// makers contains what the builders in a process share, as in "feedpub serve".
type makers struct {
	reader   *attribution.Reader
	renderer *render.Renderer
	joiner   *coding.Joiner
	turns    *semaphore.Weighted
}

// turn waits until one more site may rebuild.
func (m makers) turn(ctx context.Context) (done func(), err error) {
	if err := m.turns.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	return func() { m.turns.Release(1) }, nil
}

// site returns the publisher and the replica of a site.
func (m makers) site(s *store.Site, id feed.SiteID) (*publish.Publisher, *serve.Replica) {
	site := feed.Site{
		ID: id, Title: "Scale", Language: "en", BaseURL: "https://feeds.example", HomeURL: "https://blog.example/",
		Since: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), Limit: 50, TTL: time.Hour,
	}
	log := slog.New(slog.DiscardHandler)
	r := serve.NewReplica(serve.ReplicaConfig{Source: s, Log: log, Now: time.Now})
	return publish.New(publish.Config{
		Site: site, Store: s, Intake: intake.New(site, m.reader), Renderer: m.renderer, Joiner: m.joiner,
		Canonical: m.reader.Canonical, Replica: r, Owner: "scale", Clock: time.Now, Logger: log, OnChange: true,
		Turn: m.turn,
	}), r
}

// until waits for a condition for up to a few minutes.
func until(ctx context.Context, met func() bool) error {
	for end := time.Now().Add(5 * time.Minute); !met(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return errors.New("condition not met within five minutes")
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// commands returns the number of commands per second that Redis executes during d.
func (b *bench) commands(ctx context.Context, within time.Duration) float64 {
	count := func() float64 {
		out, err := exec.CommandContext(ctx, "redis-cli", "-s", b.server.socket, "info", "commandstats").Output()
		if err != nil {
			return 0
		}
		n := 0.0
		for line := range strings.Lines(string(out)) {
			_, calls, _ := strings.Cut(line, ":calls=")
			calls, _, _ = strings.Cut(calls, ",")
			n += field([]byte("n:"+calls), "n:")
		}
		return n
	}
	before := count()
	time.Sleep(within)
	return (count() - before) / within.Seconds()
}

// heap returns the size of the heap in use, in MiB.
func heap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapInuse+m.StackInuse) / (1 << 20)
}
