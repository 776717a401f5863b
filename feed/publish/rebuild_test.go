package publish_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"feedpub/feed"
	"feedpub/feed/publish"
)

func TestRebuildCommitsFeeds(t *testing.T) {
	w := newWorld(t)
	w.put(
		post("a", "tags", []string{"Go", "Feeds"}, "authors", []any{map[string]string{"name": "Ann Lee"}}),
		post("b", "date_published", "2021-01-02T03:04:05Z", "tags", []string{"go"},
			"quotes", []any{map[string]any{"source": map[string]any{"publication": "The Spectator"}, "text": "Quoted words."}}),
	)
	b := w.builder("one")
	got := w.rebuild(b)
	want := map[feed.Name]feed.Outcome{
		"main": feed.Committed, "tags/go": feed.Committed, "tags/feeds": feed.Committed,
		"authors/ann-lee": feed.Committed, "sources/spectator": feed.Committed,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	for name, ids := range map[feed.Name][]string{
		"main": {"b", "a"}, "tags/go": {"b", "a"}, "tags/feeds": {"a"}, "authors/ann-lee": {"a"}, "sources/spectator": {"b"},
	} {
		if got := w.ids(name); !slices.Equal(got, ids) {
			t.Errorf("%s has %v, want %v", name, got, ids)
		}
	}
	for name, outcome := range w.rebuild(b) {
		if outcome != feed.Unchanged {
			t.Errorf("outcome of %s in a rebuild without changes is %s, want %s", name, outcome, feed.Unchanged)
		}
	}
}

func TestEmptySite(t *testing.T) {
	w := newWorld(t)
	if got := w.rebuild(w.builder("one")); got["main"] != feed.Committed {
		t.Errorf("outcomes %v, want the main feed committed", got)
	}
	if got := w.ids("main"); got == nil || len(got) != 0 {
		t.Errorf("the main feed has %v, want a feed without items", got)
	}
}

// TestDocumentsAreDeterministic checks that the same posts, records and configuration produce the same bytes.
func TestDocumentsAreDeterministic(t *testing.T) {
	posts := []feed.RawPost{
		post("a", "tags", []string{"x", "y"}), post("b", "tags", []string{"y"}), post("c", "date_published", "2019-05-05"),
		post("d", "content_text", nil, "content_html", "<p>HTML & <b>more</b></p>"),
	}
	one, two := newWorld(t), newWorld(t)
	one.put(posts...)
	one.rebuild(one.builder("one"))
	two.advance(12345 * time.Hour)
	b := two.builder("two")
	slices.Reverse(posts)
	for _, p := range posts {
		two.put(p)
		two.rebuild(b)
	}
	for _, name := range []feed.Name{"main", "tags/x", "tags/y"} {
		for _, f := range feed.Formats() {
			if diff := cmp.Diff(string(one.body(one.head(name), f)), string(two.body(two.head(name), f))); diff != "" {
				t.Errorf("%s of %s differs between two builds of the same posts:\n%s", f, name, diff)
			}
		}
	}
}

func TestEditAndDelete(t *testing.T) {
	w := newWorld(t)
	b := w.builder("one")
	w.put(post("a", "tags", []string{"x"}), post("b", "tags", []string{"x"}))
	w.rebuild(b)
	before := w.head("tags/x")

	w.put(post("a", "tags", []string{"y"}))
	w.rebuild(b)
	if got := w.ids("tags/x"); !slices.Equal(got, []string{"b"}) {
		t.Errorf("after the edit tags/x has %v, want [b]", got)
	}
	if got := w.ids("tags/y"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("after the edit tags/y has %v, want [a]", got)
	}
	after := w.head("tags/x")
	for i, d := range after.Documents {
		if !d.Modified.After(before.Documents[i].Modified) {
			t.Errorf("Last-Modified of %s is %v before and %v after an edit, want a later one", d.Path,
				before.Documents[i].Modified, d.Modified)
		}
	}

	w.delete("b")
	if got := w.rebuild(b); got["main"] != feed.Committed || got["tags/x"] != feed.Committed ||
		got["tags/y"] != feed.Unchanged {
		t.Errorf("outcomes after the deletion: %v, want main and tags/x committed and tags/y unchanged", got)
	}
	if got := w.ids("tags/x"); got == nil || len(got) != 0 {
		t.Errorf("tags/x has %v, want none", got)
	}
	removed, err := w.site.LastRemoval(t.Context(), "tags/x")
	if err != nil || removed.IsZero() {
		t.Errorf("the time of the removal from tags/x is %v, %v; want it recorded", removed, err)
	}
}

func TestResubmission(t *testing.T) {
	w := newWorld(t)
	b := w.builder("one")
	p := post("a", "tags", []string{"x"}, "authors", []any{map[string]string{"name": "Ann"}}, "date_published", nil)
	w.put(p)
	w.rebuild(b)
	for range 3 {
		w.put(p, p)
	}
	w.advance(time.Hour)
	w.rebuild(b, "main")
	dirty, err := w.site.DirtyFeeds(t.Context())
	if err != nil || len(dirty) != 0 {
		t.Errorf("dirty feeds %v, %v; want none: the post has not changed", dirty, err)
	}
}

func TestFeedNamesAreNotReused(t *testing.T) {
	w := newWorld(t)
	b := w.builder("one")
	w.put(post("a", "tags", []string{"C++"}))
	w.rebuild(b)
	w.put(post("b", "tags", []string{"C#"}))
	w.rebuild(b)
	w.delete("a")
	w.put(post("b", "tags", []string{"C#"}, "title", "edited"))
	w.rebuild(b)
	if got := w.ids("tags/c"); len(got) != 0 {
		t.Errorf("tags/c has %v, want none: the name belongs to C++, not to C#", got)
	}
	names, err := w.site.Names(t.Context())
	if err != nil || names["tags/c"] != "C++" || len(names) != 2 {
		t.Errorf("names %v, %v; want tags/c for C++ and a different name for C#", names, err)
	}
}

func TestFencing(t *testing.T) {
	w := newWorld(t)
	w.put(post("a"))
	one := w.builder("one")
	w.rebuild(one)
	// The second builder acquires the lease while the first is still working.
	ctx := t.Context()
	old, err := w.site.Acquire(ctx, publish.Job, "one", time.Minute, w.now(), 0)
	if err != nil {
		t.Fatal(err)
	}
	w.redis.FastForward(2 * time.Minute)
	newer, err := w.site.Acquire(ctx, publish.Job, "two", time.Minute, w.now(), 0)
	if err != nil || newer <= old {
		t.Fatalf("token of the second builder is %d, %v; want more than %d", newer, err, old)
	}
	h := w.head("main")
	h.Token = newer
	if _, _, err := w.site.Commit(ctx, feed.CommitRequest{Head: h, Now: w.now()}); err != nil {
		t.Fatal(err)
	}
	h.Token = old
	if _, _, err := w.site.Commit(ctx, feed.CommitRequest{Head: h, Now: w.now()}); !errors.Is(err, feed.ErrStale) {
		t.Errorf("commit of the first builder: %v, want an error of kind stale", err)
	}
	cursor, err := w.site.Cursor(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.site.Absorb(ctx, feed.Absorption{Token: old, Cursor: cursor, Next: cursor}); !errors.Is(err,
		feed.ErrStale) {
		t.Errorf("absorption of the first builder: %v, want an error of kind stale", err)
	}
}

// TestConcurrentRebuilds requests rebuilds from several commands at the same time, some of them before the server has
// acquired the lease. All of them receive a report.
func TestConcurrentRebuilds(t *testing.T) {
	w := newWorld(t)
	w.put(post("a"))
	ctx, cancel := context.WithCancel(t.Context())
	server, other := w.builder("server"), w.builder("other")
	done := make(chan error)
	var g errgroup.Group
	for i := range 12 {
		p := server
		if i%2 == 1 {
			p = other
		}
		g.Go(func() error {
			r, err := p.Rebuild(ctx)
			if err == nil && len(r.Feeds) == 0 {
				err = errors.New("the report has no feeds")
			}
			return err
		})
		if i == 5 {
			go func() { done <- server.Run(ctx) }()
		}
	}
	if err := g.Wait(); err != nil {
		t.Errorf("concurrent rebuilds: %v\n%s", err, w.log)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}
