package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/coding"
	"feedpub/feed/intake"
	"feedpub/feed/posttest"
	"feedpub/feed/publish"
	"feedpub/feed/render"
	"feedpub/feed/transfer"
	"feedpub/store"
)

type bench struct {
	options
	dir    string
	server *redisServer
	out    *output
	feeds  int // number of feeds of the site, once known

	hugoFeeds int // number of feeds that Hugo must write

	client   *store.Client
	site     *store.Site
	last     *publish.Publisher
	renderer *render.Renderer       // renderer used by last
	joiner   *coding.Joiner         // joiner used by last
	built    <-chan feed.FeedReport // reports of the feeds that last has built
	rest     func()                 // stops last if it builds in the background
	icons    int                    // number of icons used so far
}

// open connects to the store like a new process.
func (b *bench) open() error {
	b.close()
	client, err := store.Open(store.Options{URL: b.server.url(), Compress: true})
	if err != nil {
		return err
	}
	b.client, b.site = client, client.Site("main")
	return nil
}

func (b *bench) close() {
	if b.client != nil {
		_ = b.client.Close()
	}
}

// fill measures importing posts from a JSON Lines file.
func (b *bench) fill(ctx context.Context) error {
	name := filepath.Join(b.dir, "posts.jsonl")
	if err := writePosts(name, b.posts); err != nil {
		return err
	}
	defer func() { _ = os.Remove(name) }()
	return b.time("import from JSON Lines", 1, nil, func() error { return b.importFile(ctx, name) })
}

// importFile imports posts from a JSON Lines file, like "feedpub import".
func (b *bench) importFile(ctx context.Context, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	const size = 1000
	batch := make([]feed.RawPost, 0, size)
	for entry, err := range transfer.Read(f, name, nil, nil) {
		if err != nil {
			return err
		}
		if _, err := intake.Decode(entry.Post.ID, entry.Post.Raw); err != nil {
			return err
		}
		if batch = append(batch, *entry.Post); len(batch) == size {
			if err := b.site.Put(ctx, batch...); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return b.site.Put(ctx, batch...)
}

func writePosts(name string, n int) (err error) {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	for p := range posttest.All(n) {
		if _, err := w.Write(append(p.Raw, '\n')); err != nil {
			return err
		}
	}
	return w.Flush()
}

// build measures absorbing all posts, and rebuilding with various caches filled.
func (b *bench) build(ctx context.Context) error {
	defer func() { b.rest() }()
	if err := b.publisher(nil); err != nil {
		return err
	}
	if err := b.time(firstReadWork, 1, nil, func() error { return b.lead(ctx) }); err != nil {
		return err
	}
	if err := b.rebuild(ctx, feed.Unchanged)(); err != nil { // this call sets the number of feeds
		return err
	}
	if err := b.memory(ctx); err != nil { // measure before documents are replaced, since Redis keeps the old ones for days
		return err
	}
	if err := b.time(unchangedWork, b.repeat, nil, b.rebuild(ctx, feed.Unchanged)); err != nil {
		return err
	}
	// A new icon changes all documents but no items.
	cold := func() error { return errors.Join(b.open(), b.publisher(nil)) }
	items := func() error { return b.publisher(nil) }
	warm := func() error { return b.publisher(b.renderer) }
	for _, r := range []struct {
		work    string
		prepare func() error
	}{
		{coldWork, cold},
		{"rebuild all, items cached", items},
		{rebuildWork, warm},
	} {
		if err := b.time(r.work, b.repeat, r.prepare, func() error { return b.lead(ctx) }); err != nil {
			return err
		}
	}
	return nil
}

// rebuild rebuilds all feeds and checks that each has the expected outcome.
func (b *bench) rebuild(ctx context.Context, want feed.Outcome) func() error {
	return func() error {
		r, err := b.last.Rebuild(ctx)
		if err != nil {
			return err
		}
		b.feeds = len(r.Feeds)
		for _, f := range r.Feeds {
			if f.Outcome != want {
				return fmt.Errorf("feed %s is %s, want %s: %s", f.Feed, f.Outcome, want, f.Reason)
			}
		}
		return nil
	}
}

// lead runs the publisher in the background, like "feedpub serve", and waits until all feeds have been committed. The
// number of feeds is unknown at first. Reports are sent only after all feeds are committed, so the first report ends
// the wait.
func (b *bench) lead(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- b.last.Run(ctx) }()
	b.rest = func() {
		cancel()
		if err := <-ended; err != nil {
			fmt.Fprintln(os.Stderr, "scale: the builder:", err)
		}
		b.rest = func() {}
	}
	for range max(b.feeds, 1) {
		select {
		case r := <-b.built:
			if r.Outcome != feed.Committed {
				return fmt.Errorf("feed %s is %s, want committed: %s", r.Feed, r.Outcome, r.Reason)
			}
		case <-time.After(10 * time.Minute):
			return errors.New("the builder stopped before it built the feeds")
		}
	}
	return nil
}

// publisher creates a builder for the site with a new icon. It uses the caches of the given renderer and of the last
// joiner, or empty caches if the renderer is nil.
func (b *bench) publisher(r *render.Renderer) error {
	b.rest()
	if r == nil {
		r, b.joiner = render.New(), coding.NewJoiner(coding.DefaultJoinerBytes)
	}
	b.renderer = r
	b.icons++
	site := feed.Site{
		ID: "main", Title: "Scale", Language: "en", BaseURL: "https://feeds.example", HomeURL: "https://blog.example/",
		Icon:  "https://blog.example/icon-" + strconv.Itoa(b.icons) + ".png",
		Since: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), Limit: 50, TTL: time.Hour,
	}
	reader, err := attribution.New(attribution.Options{})
	if err != nil {
		return err
	}
	built := make(chan feed.FeedReport, 100_000)
	b.built = built
	// No other process builds before this one stops. With a shorter lease, a builder on a very busy machine may lose it.
	b.last = publish.New(publish.Config{
		Site: site, Store: b.site, Intake: intake.New(site, reader), Renderer: r, Joiner: b.joiner,
		Canonical: reader.Canonical, Owner: "scale", Lease: publish.LeaseAlone, Clock: time.Now,
		Logger: slog.New(slog.DiscardHandler), OnChange: true,
		Built: func(r feed.FeedReport) {
			select {
			case built <- r:
			default: // nothing is waiting for the report
			}
		},
	})
	return nil
}
