package publish_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/intake"
	"feedpub/feed/publish"
)

func TestLargeSiteIsReconciledInBackground(t *testing.T) {
	w := newWorld(t)
	putSilently := func(p feed.RawPost) {
		t.Helper()
		if err := w.redis.Set("feedpub:{main}:post:"+p.ID, string(p.Raw)); err != nil {
			t.Fatal(err)
		}
	}
	const first, later = 2200, 30 // more than waitPosts, so the rebuild does not wait for the whole scan
	for i := range first {
		putSilently(post(fmt.Sprintf("p%04d", i)))
	}
	b := w.builder("one")
	stop := w.run(b)
	w.until("the first documents are committed", func() bool { return w.ids("main") != nil })
	if n, err := w.site.Counts(t.Context(), feed.Main); err != nil || n[feed.Main] != first {
		t.Errorf("main has %d posts, %v; want all %d, which have no inbox entries", n[feed.Main], err, first)
	}
	for i := range later {
		putSilently(post(fmt.Sprintf("z%04d", i), "date_published", "2024-01-02T03:04:05Z"))
	}
	if _, err := b.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.until("the posts without inbox entries are published", func() bool {
		return slices.Contains(w.ids("main"), "z0000") && slices.Contains(w.ids("main"), "z0029")
	})
	stop()
}

func TestEqualItemsChangeNoDocument(t *testing.T) {
	w := newWorld(t)
	w.put(post("a", "tags", []string{"x"}), post("b"))
	w.rebuild(w.builder("one"))
	built := w.logged("feed built")

	w.put(post("a", "tags", []string{"x"}, "unknown", "member"))
	w.rebuild(w.builder("two"))
	if n := w.logged("feed built") - built; n != 0 {
		t.Errorf("%d feeds were built for a member that no document contains, want none", n)
	}
	w.rebuild(w.builder("three", func(c *publish.Config) {
		reader, err := attribution.New(attribution.Options{Threshold: 0.6})
		if err != nil {
			t.Fatal(err)
		}
		c.Intake = intake.New(c.Site, reader)
		stored, err := w.site.Load(t.Context(), []string{"a"})
		if err != nil || stored[0].Item.Intake == c.Intake.Fingerprint() {
			t.Fatalf("the new intake has the same fingerprint: %v", err)
		}
	}))
	if n := w.logged("feed built") - built; n != 0 {
		t.Errorf("%d feeds were built although a different intake made the same items, want none", n)
	}
	states, err := w.site.PostStates(t.Context(), intakeOf(t, w), "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range states {
		if !st.Current || !st.Indexed {
			t.Errorf("state of post %s is %+v, want a current item in the index", st.ID, st)
		}
	}
}

// intakeOf returns the fingerprint of the intake that made the item of post a.
func intakeOf(t *testing.T, w *world) string {
	t.Helper()
	stored, err := w.site.Load(t.Context(), []string{"a"})
	if err != nil || stored[0].Item == nil {
		t.Fatalf("Load = %v, %v", stored, err)
	}
	return stored[0].Item.Intake
}

// slowScan is a store whose scans return the post "z" only after release is closed.
type slowScan struct {
	publish.Store
	release <-chan struct{}
}

func (s slowScan) IDs(ctx context.Context) iter.Seq2[feed.IDs, error] {
	return func(yield func(feed.IDs, error) bool) {
		for ids, err := range s.Store.IDs(ctx) {
			ids.Posts = slices.DeleteFunc(slices.Clone(ids.Posts), func(id string) bool { return id == "z" })
			if !yield(ids, err) {
				return
			}
		}
		select {
		case <-s.release:
			yield(feed.IDs{Posts: []string{"z"}}, nil)
		case <-ctx.Done():
			yield(feed.IDs{}, ctx.Err())
		}
	}
}

// TestSubmissionsWaitForTick checks that without OnChange a scan in the background publishes the posts that it finds,
// but not those that were submitted since the last tick.
func TestSubmissionsWaitForTick(t *testing.T) {
	w := newWorld(t)
	var posts []feed.RawPost
	for i := range 2200 { // more than waitPosts, so the rebuild does not wait for the whole scan
		posts = append(posts, post(fmt.Sprintf("p%04d", i), "tags", []string{"x"}))
	}
	w.put(posts...)
	// LeaseAlone keeps a busy machine from losing the lease.
	w.rebuild(w.builder("first", func(c *publish.Config) { c.Lease = publish.LeaseAlone }))
	late := post("z", "date_published", "2024-01-02T03:04:05Z")
	if err := w.redis.Set("feedpub:{main}:post:z", string(late.Raw)); err != nil {
		t.Fatal(err)
	}
	release, built := make(chan struct{}), make(chan struct{})
	b := w.builder("one", func(c *publish.Config) {
		c.Store = slowScan{w.site, release}
		first := sync.OnceFunc(func() { close(built) })
		c.Built = func(feed.FeedReport) { first() }
	})
	stop := w.run(b)
	<-built // Run builds without waiting for the whole scan
	w.advance(time.Minute)
	w.put(post("submitted", "date_published", "2024-01-02T03:04:06Z"))
	close(release)
	w.until("the post that the scan found is published", func() bool { return slices.Contains(w.ids("main"), "z") })
	if got, want := w.ids("main")[:2], []string{"z", "p2199"}; !slices.Equal(got, want) {
		t.Errorf("the main feed begins with %v before the tick, want %v: the post that the scan found, and not the one "+
			"that was submitted since", got, want)
	}
	if err := b.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := w.ids("main")[:2], []string{"submitted", "z"}; !slices.Equal(got, want) {
		t.Errorf("the main feed begins with %v after the tick, want %v", got, want)
	}
	stop()
}

// TestScanTakesNoTurn checks that a scan of one site does not block the builds of others.
func TestScanTakesNoTurn(t *testing.T) {
	w := newWorld(t)
	turns := make(chan struct{}, 1)
	oneAtATime := func(c *publish.Config) {
		c.Turn = func(ctx context.Context) (func(), error) {
			select {
			case turns <- struct{}{}:
				return func() { <-turns }, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
	}
	release := make(chan struct{})
	scanning := w.builder("one", oneAtATime, func(c *publish.Config) { c.Store = slowScan{w.site, release} })
	done := make(chan error)
	go func() {
		_, err := scanning.Rebuild(t.Context())
		done <- err
	}()
	w.until("one builder has the lease", func() bool {
		_, left, err := w.site.Holder(t.Context(), publish.Job)
		return left > 0 && err == nil
	})

	other := w.site.Client().Site("other")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b := w.builder("one", oneAtATime, func(c *publish.Config) { c.Site.ID, c.Store = "other", other })
	if _, err := b.Rebuild(ctx); err != nil {
		t.Errorf("Rebuild of a site while another is scanned: %v", err)
	}
	close(release)
	if err := <-done; err != nil {
		t.Errorf("Rebuild of the scanned site: %v", err)
	}
}
