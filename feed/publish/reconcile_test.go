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
	forget := func(p feed.RawPost) {
		t.Helper()
		if err := w.redis.Set("feedpub:{main}:post:"+p.ID, string(p.Raw)); err != nil {
			t.Fatal(err)
		}
	}
	const first, later = 2200, 30 // more than a rebuild waits for
	for i := range first {
		forget(post(fmt.Sprintf("p%04d", i)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	b := w.builder("one")
	done := make(chan error)
	go func() { done <- b.Run(ctx) }()
	w.until("the first documents are there", func() bool { return w.ids("main") != nil })
	if n, err := w.site.Count(t.Context(), feed.Main); err != nil || n != first {
		t.Errorf("the first documents are made of %d posts, %v; want all %d, though nobody submitted them", n, err, first)
	}
	for i := range later {
		forget(post(fmt.Sprintf("z%04d", i), "date_published", "2024-01-02T03:04:05Z"))
	}
	if _, err := b.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.until("the posts are published whose writer added no inbox entry", func() bool {
		return slices.Contains(w.ids("main"), "z0000") && slices.Contains(w.ids("main"), "z0029")
	})
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}

func TestEqualItemsChangeNoDocument(t *testing.T) {
	w := newWorld(t)
	w.put(post("a", "tags", []string{"x"}), post("b"))
	w.rebuild(w.builder("one"))
	built := w.logged("feed built")

	w.put(post("a", "tags", []string{"x"}, "unknown", "member"))
	w.rebuild(w.builder("two"))
	if n := w.logged("feed built") - built; n != 0 {
		t.Errorf("%d feeds were built for a member of a post that no document shows, want none", n)
	}
	w.rebuild(w.builder("three", func(c *publish.Config) {
		reader, err := attribution.New(attribution.Options{Threshold: 0.6})
		if err != nil {
			t.Fatal(err)
		}
		c.Intake = intake.New(c.Site, reader)
		stored, err := w.site.Load(t.Context(), []string{"a"})
		if err != nil || stored[0].Item.Intake == c.Intake.Fingerprint() {
			t.Fatalf("the intake is not another: %v", err)
		}
	}))
	if n := w.logged("feed built") - built; n != 0 {
		t.Errorf("%d feeds were built because another intake read posts alike, want none", n)
	}
	states, err := w.site.PostStates(t.Context(), intakeOf(t, w), "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range states {
		if !st.Current || !st.Indexed {
			t.Errorf("post %s stands as %+v, want an item of the new intake in the index", st.ID, st)
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

// passes is a store whose scans withhold the post "z" until let is closed.
type passes struct {
	publish.Store
	let <-chan struct{}
}

func (s passes) IDs(ctx context.Context) iter.Seq2[feed.IDs, error] {
	return func(yield func(feed.IDs, error) bool) {
		for ids, err := range s.Store.IDs(ctx) {
			ids.Posts = slices.DeleteFunc(slices.Clone(ids.Posts), func(id string) bool { return id == "z" })
			if !yield(ids, err) {
				return
			}
		}
		select {
		case <-s.let:
			yield(feed.IDs{Posts: []string{"z"}}, nil)
		case <-ctx.Done():
			yield(feed.IDs{}, ctx.Err())
		}
	}
}

// TestWithoutOnChangeSubmissionsWaitForTick includes scans in the background that build what they find.
func TestWithoutOnChangeSubmissionsWaitForTick(t *testing.T) {
	w := newWorld(t)
	var posts []feed.RawPost
	for i := range 2200 { // more than a rebuild waits for
		posts = append(posts, post(fmt.Sprintf("p%04d", i), "tags", []string{"x"}))
	}
	w.put(posts...)
	w.rebuild(w.builder("first"))
	late := post("z", "date_published", "2024-01-02T03:04:05Z")
	if err := w.redis.Set("feedpub:{main}:post:z", string(late.Raw)); err != nil {
		t.Fatal(err)
	}
	let, built := make(chan struct{}), make(chan struct{})
	b := w.builder("one", func(c *publish.Config) {
		c.Store = passes{w.site, let}
		first := sync.OnceFunc(func() { close(built) })
		c.Built = func(feed.FeedReport) { first() }
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- b.Run(ctx) }()
	<-built // by Run, which did not wait for the whole pass
	w.advance(time.Minute)
	w.put(post("submitted", "date_published", "2024-01-02T03:04:06Z"))
	close(let)
	w.until("what the pass found is published", func() bool { return slices.Contains(w.ids("main"), "z") })
	if got, want := w.ids("main")[:2], []string{"z", "p2199"}; !slices.Equal(got, want) {
		t.Errorf("before the tick the main feed begins with %v, want %v: what the pass of the last tick found, and not "+
			"what was submitted since", got, want)
	}
	if err := b.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := w.ids("main")[:2], []string{"submitted", "z"}; !slices.Equal(got, want) {
		t.Errorf("after the tick the main feed begins with %v, want %v", got, want)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}

// TestScanHoldsNoTurn checks that a scan of one site does not block others.
func TestScanHoldsNoTurn(t *testing.T) {
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
	let := make(chan struct{})
	walks := w.builder("one", oneAtATime, func(c *publish.Config) { c.Store = passes{w.site, let} })
	done := make(chan error)
	go func() {
		_, err := walks.Rebuild(t.Context())
		done <- err
	}()
	w.until("one builder has the lease", func() bool {
		_, held, err := w.site.Holder(t.Context(), publish.Job)
		return held && err == nil
	})

	other := w.site.Client().Site("other")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	b := w.builder("one", oneAtATime, func(c *publish.Config) { c.Site.ID, c.Store = "other", other })
	if _, err := b.Rebuild(ctx); err != nil {
		t.Errorf("a site can't rebuild while another one walks: %v", err)
	}
	close(let)
	if err := <-done; err != nil {
		t.Errorf("Rebuild of the site that walked = %v", err)
	}
}
