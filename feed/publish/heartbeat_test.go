package publish_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"feedpub/feed"
	"feedpub/feed/publish"
	"feedpub/store/memstore"
)

// pulse is a store in which recording that a process is alive can be made to fail or to take longer.
type pulse struct {
	publish.Store
	memory *memstore.Site

	mu     sync.Mutex
	failed bool
	delay  time.Duration // delays the next record
	renews int
}

func (p *pulse) SetAlive(ctx context.Context, process string, ttl time.Duration) (bool, error) {
	p.mu.Lock()
	failed, delay := p.failed, p.delay
	p.delay = 0
	p.mu.Unlock()
	time.Sleep(delay)
	if failed {
		return false, feed.ErrUnavailable
	}
	return p.memory.SetAlive(ctx, process, ttl)
}

func (p *pulse) ClearAlive(ctx context.Context, process string) error {
	if p.failing() {
		return feed.ErrUnavailable
	}
	return p.memory.ClearAlive(ctx, process)
}

func (p *pulse) Renew(ctx context.Context, job, owner string, ttl time.Duration) error {
	p.mu.Lock()
	p.renews++
	p.mu.Unlock()
	return p.Store.Renew(ctx, job, owner, ttl)
}

func (p *pulse) fail(failed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = failed
}

func (p *pulse) failing() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

// beating runs builders with heartbeats in virtual time.
type beating struct {
	t         *testing.T
	configure func(string, publish.Store) publish.Config
	store     *memstore.Site
}

// start starts a builder with a heartbeat. The stop function ends both, as the end of a process does.
func (b *beating) start(name string) (p *pulse, stop func()) {
	b.t.Helper()
	p = &pulse{Store: b.store, memory: b.store}
	h := publish.NewHeartbeat(p, "process of "+name, slog.New(slog.DiscardHandler))
	c := b.configure(name, p)
	c.Heartbeat = h
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan error, 2)
	go func() { ended <- publish.New(c).Run(ctx) }()
	go func() { ended <- h.Run(ctx) }()
	return p, func() {
		cancel()
		if err := errors.Join(<-ended, <-ended); err != nil {
			b.t.Errorf("Run of %s: %v", name, err)
		}
	}
}

// publishes writes a post and returns the time until it is published.
func (b *beating) publishes(id string) time.Duration {
	b.t.Helper()
	start := time.Now()
	if err := b.store.Put(b.t.Context(), oldPost(id)); err != nil {
		b.t.Fatal(err)
	}
	for range 10_000 {
		if h, err := b.store.Head(b.t.Context(), feed.Main); err == nil && slices.Contains(h.IDs, id) {
			return time.Since(start)
		}
		time.Sleep(time.Millisecond)
	}
	b.t.Fatalf("%s was not published within 10 s", id)
	return 0
}

// holder returns the owner of the lease.
func (b *beating) holder() string {
	b.t.Helper()
	owner, _, err := b.store.Holder(b.t.Context(), publish.Job)
	if err != nil {
		b.t.Fatal(err)
	}
	return feed.UnboundOwner(owner)
}

func TestHeartbeat(t *testing.T) {
	configure := virtualConfig(t)
	for _, tt := range []struct {
		name string
		run  func(t *testing.T, b *beating)
	}{
		{"a builder takes over two seconds after the last heartbeat", func(t *testing.T, b *beating) {
			dead, stop := b.start("first")
			b.publishes("a")
			_, stopNext := b.start("second")
			defer stopNext()
			time.Sleep(7 * time.Second)
			dead.fail(true)
			kill := &killable{Store: dead.Store}
			kill.killed.Store(true)
			dead.Store = kill
			stop()
			if took := b.publishes("b"); took > 2500*time.Millisecond {
				t.Errorf("the next post was published after %v, want at most 2.5 s", took)
			}
		}},
		{"an idle builder renews its lease every 40 seconds", func(t *testing.T, b *beating) {
			p, stop := b.start("first")
			defer stop()
			b.publishes("a")
			time.Sleep(10 * time.Minute)
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.renews < 12 || p.renews > 18 || b.holder() != "first" {
				t.Errorf("%d renewals in ten minutes, and the lease is held by %q; want about 15 renewals, and \"first\"", p.renews, b.holder())
			}
		}},
		{"a late heartbeat does not end the term if no other process has acquired the lease", func(t *testing.T, b *beating) {
			p, stop := b.start("first")
			defer stop()
			b.publishes("a")
			first := token(t, b.store)
			p.mu.Lock()
			p.delay = 900 * time.Millisecond
			p.mu.Unlock()
			if err := b.store.ClearAlive(t.Context(), "process of first"); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
			b.publishes("b")
			if got := token(t, b.store); got != first {
				t.Errorf("the token changed from %d to %d, want the same term", first, got)
			}
		}},
		{"a term ends if another process has acquired the lease during a lapse", func(t *testing.T, b *beating) {
			p, stop := b.start("first")
			defer stop()
			b.publishes("a")
			_, stopNext := b.start("second")
			defer stopNext()
			p.fail(true)
			time.Sleep(4 * time.Second)
			if got := b.holder(); got != "second" {
				t.Errorf("4 s after the last heartbeat of \"first\", the lease is held by %q, want \"second\"", got)
			}
			p.fail(false)
			time.Sleep(4 * time.Second)
			first := token(t, b.store)
			b.publishes("b")
			if got := token(t, b.store); got < first || b.holder() != "second" {
				t.Errorf("after \"first\" is back, token %d was followed by %d, and the lease is held by %q", first, got, b.holder())
			}
		}},
		{"a post that was absorbed after the copy that a store is restored from is absorbed again", func(t *testing.T, b *beating) {
			_, stop := b.start("first")
			defer stop()
			b.publishes("a")
			if err := b.store.Put(t.Context(), oldPost("b")); err != nil {
				t.Fatal(err)
			}
			recent := b.store.Snapshot()
			if h, err := b.store.Head(t.Context(), feed.Main); err != nil || slices.Contains(h.IDs, "b") {
				t.Fatalf("the copy already contains the published post (%v), so this test proves nothing", err)
			}
			time.Sleep(10 * time.Second) // the post is published, and the builder waits for the next one
			first := token(t, b.store)
			b.store.RollBack(recent)
			time.Sleep(3 * time.Second)
			if h, err := b.store.Head(t.Context(), feed.Main); err != nil || !slices.Contains(h.IDs, "b") {
				t.Errorf("3 s after the store was restored, the main feed has %v (%v), want the post of the inbox too", h.IDs, err)
			}
			if got := token(t, b.store); got != first {
				t.Errorf("the token changed from %d to %d, want the same term, since the copy contains its lease", first, got)
			}
		}},
		{"a term ends if the store has lost its data", func(t *testing.T, b *beating) {
			empty := b.store.Snapshot()
			_, stop := b.start("first")
			defer stop()
			b.publishes("a")
			first := token(t, b.store)
			b.store.RollBack(empty)
			time.Sleep(2 * time.Second)
			b.publishes("b")
			if got := token(t, b.store); got == first {
				t.Errorf("the builder commits with token %d after the store has lost its lease, want a new term", got)
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tt.run(t, &beating{t, configure, memstore.New(time.Now)})
			})
		})
	}
}

// TestHeartbeatLog checks that the log says once why no site is built, for example because the user of Redis has no
// access to the record, and when sites are built again.
func TestHeartbeatLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		p := &pulse{memory: memstore.New(time.Now)}
		h := publish.NewHeartbeat(p, "process", slog.New(slog.NewTextHandler(&log, nil)))
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		p.fail(true)
		go func() { ended <- h.Run(ctx) }()
		time.Sleep(time.Minute)
		p.fail(false)
		time.Sleep(time.Minute)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		for _, text := range []string{"level=ERROR msg=\"cannot record that this process is alive", "level=INFO msg=\"this process is recorded"} {
			if n := strings.Count(log.String(), text); n != 1 {
				t.Errorf("the log contains %q %d times, want once:\n%s", text, n, log.String())
			}
		}
	})
}

// countedStore counts the reads of an idle builder.
type countedStore struct {
	*memstore.Site
	mu     sync.Mutex
	checks int // cheap checks
	full   int // reads of the inbox, which are part of a full check
}

func (s *countedStore) HasWork(ctx context.Context) (bool, error) {
	s.mu.Lock()
	s.checks++
	s.mu.Unlock()
	return s.Site.HasWork(ctx)
}

func (s *countedStore) Waiting(ctx context.Context, n int) (feed.Waiting, error) {
	s.mu.Lock()
	s.full++
	s.mu.Unlock()
	return s.Site.Waiting(ctx, n)
}

// TestIdleBuilder checks that an idle builder only checks whether there is work, but finds feeds that another process
// makes dirty.
func TestIdleBuilder(t *testing.T) {
	configure := virtualConfig(t)
	synctest.Test(t, func(t *testing.T) {
		s := &countedStore{Site: memstore.New(time.Now)}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- publish.New(configure("b", s)).Run(ctx) }()
		defer func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("Run: %v", err)
			}
		}()
		if err := s.Put(ctx, oldPost("a")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		s.mu.Lock()
		checks, full := s.checks, s.full
		s.mu.Unlock()
		time.Sleep(20 * time.Minute)
		s.mu.Lock()
		checks, full = s.checks-checks, s.full-full
		s.mu.Unlock()
		if checks < 100 || checks > 125 || full < 3 || full > 5 {
			t.Errorf("%d cheap and %d full checks in 20 minutes, want about 116 and 4", checks, full)
		}
		if err := s.MarkDirty(ctx, feed.Main); err != nil {
			t.Fatal(err)
		}
		time.Sleep(11 * time.Second)
		if dirty, err := s.Site.DirtyFeeds(ctx); err != nil || len(dirty) > 0 {
			t.Errorf("11 s after another process has made main dirty, the dirty feeds are %v, %v", dirty, err)
		}
	})
}
