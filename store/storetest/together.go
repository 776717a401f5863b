package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"feedpub/feed"
)

// togetherTests test the methods that read in one round trip what other methods read in several.
func togetherTests() []test {
	return []test{
		{"CurrentHeads", testCurrentHeads},
		{"FeedItems", testFeedItems},
		{"Waiting", testWaiting},
	}
}

// testCurrentHeads also tests Editions, whose documents depend on the store.
func testCurrentHeads(t *testing.T, s suite) {
	main := s.commit(t, request(t, feed.Main, 1, day(1), "rss", "atom"), feed.Committed)
	tag := s.commit(t, request(t, "tags/a", 1, day(1), "rss of a", "atom of a"), feed.Committed)
	want := []feed.Head{tag, main}
	got, err := s.CurrentHeads(s.ctx, "tags/a", "tags/none", feed.Main)
	must(t, "CurrentHeads", err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("CurrentHeads (-want +got):\n%s", diff)
	}
	known := []feed.Hash{main.Documents[0].Hash}
	got, blobs, err := s.Editions(s.ctx, known, "tags/a", "tags/none", feed.Main)
	must(t, "Editions", err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("heads of Editions (-want +got):\n%s", diff)
	}
	for _, b := range blobs {
		if slices.Contains(known, b.Hash) {
			t.Errorf("Editions returned document %s, which is known", b.Hash)
		}
		stored, err := s.Blob(s.ctx, b.Hash)
		must(t, "Blob", err)
		if !slices.Equal(b.Gzip, stored.Gzip) || b.Size != stored.Size {
			t.Errorf("Editions returned %d bytes for document %s, want the %d bytes that Blob returns",
				len(b.Gzip), b.Hash, len(stored.Gzip))
		}
	}
}

func testFeedItems(t *testing.T, s suite) {
	s.absorb(t, 1, enter(item("a", 1, "tags/x")), enter(item("b", 2)), enter(item("c", 3, "tags/x")))
	limits := map[feed.Name]int{feed.Main: 2, "tags/x": 0, "tags/none": 5}
	check := func(when string) {
		t.Helper()
		got, err := s.FeedItems(s.ctx, limits)
		must(t, "FeedItems", err)
		for name, limit := range limits {
			ids, err := s.Select(s.ctx, name, limit)
			must(t, "Select", err)
			want, err := s.Items(s.ctx, ids...)
			must(t, "Items", err)
			if diff := cmp.Diff(want, got[name].Items, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: FeedItems of %s (-want +got):\n%s", when, name, diff)
			}
			removed, err := s.LastRemoval(s.ctx, name)
			must(t, "LastRemoval", err)
			if !got[name].Removed.Equal(removed) {
				t.Errorf("%s: FeedItems returned the removal %v of %s, want %v", when, got[name].Removed, name, removed)
			}
		}
	}
	check("at first")
	check("with cached items")

	// A different client changes an item and removes another one from a feed.
	stored, err := s.Load(s.ctx, []string{"b", "c"})
	must(t, "Load", err)
	changed := item("b", 2)
	changed.Title = "A new title"
	must(t, "Absorb", s.open().Absorb(s.ctx, feed.Absorption{
		Token: 2, Removals: map[feed.Name]time.Time{"tags/x": day(4)},
		Changes: []feed.Change{
			{ID: "b", Item: changed, ItemSum: stored[0].ItemSum, Entered: all(), Record: stored[0].Record},
			{ID: "c", ItemSum: stored[1].ItemSum, Left: all("tags/x"), Record: stored[1].Record},
		},
	}))
	check("after a change by a different client")
	got, err := s.FeedItems(s.ctx, limits)
	must(t, "FeedItems", err)
	if items := got[feed.Main].Items; len(items) != 2 || items[0].Title != changed.Title || items[1].ID != "a" {
		t.Errorf("FeedItems of the main feed = %v, want the changed item b and item a", items)
	}
}

func testWaiting(t *testing.T, s suite) {
	s.put(t, "first", "second", "third")
	entries, err := s.Inbox(s.ctx, "", 10)
	must(t, "Inbox", err)
	ahead := item("ahead", 1)
	ahead.Published = day(1).AddDate(1000, 0, 0)
	due := item("due", 2)
	must(t, "Absorb", s.Absorb(s.ctx, feed.Absorption{
		Token: 1, Next: entries[0].Entry,
		Changes: []feed.Change{enter(ahead), {ID: "due", Item: due, Due: due.Published, Record: feed.Record{ID: "due"}}},
	}))
	costly := feed.Costly{ID: "costly", Sum: feed.HashOf([]byte("costly")), Intake: "1", Reason: "slow"}
	must(t, "SetCostly", s.SetCostly(s.ctx, costly))

	w, err := s.Waiting(s.ctx, 1)
	must(t, "Waiting", err)
	if w.Now.IsZero() || w.Now.Before(due.Published) {
		t.Errorf("Waiting returned the time %v", w.Now)
	}
	if diff := cmp.Diff([]feed.Position{feed.PositionOf(ahead)}, w.Ahead); diff != "" {
		t.Errorf("posts dated after now (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"due"}, w.Due); diff != "" {
		t.Errorf("due posts (-want +got):\n%s", diff)
	}
	if w.Cursor != entries[0].Entry {
		t.Errorf("the cursor is %q, want %q", w.Cursor, entries[0].Entry)
	}
	if diff := cmp.Diff(entries[1:2], w.Submissions); diff != "" {
		t.Errorf("submissions (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]feed.Costly{costly}, w.Costly); diff != "" {
		t.Errorf("costly versions (-want +got):\n%s", diff)
	}
}
