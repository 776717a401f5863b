package publish_test

import (
	"slices"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/publish"
)

// setBack sets back the clocks of the builders and of the store.
func (w *world) setBack(d time.Duration) { w.advance(-d) }

// dated returns a post whose date is the current time.
func (w *world) dated(id string, members ...any) feed.RawPost {
	return post(id, append([]any{"date_published", w.now().UTC().Format(time.RFC3339Nano)}, members...)...)
}

func (w *world) wantIDs(name feed.Name, want ...string) {
	w.t.Helper()
	if got := w.ids(name); !slices.Equal(got, want) {
		w.t.Errorf("%s has %v, want %v\n%s", name, got, want, w.log)
	}
}

// skews are the ways in which the clocks of two builders differ.
func skews() map[string]func(*world) func(*publish.Config) {
	return map[string]func(*world) func(*publish.Config){
		"clock is set back": func(w *world) func(*publish.Config) {
			w.setBack(5 * time.Second)
			return func(*publish.Config) {}
		},
		"next builder is behind": func(w *world) func(*publish.Config) {
			return func(c *publish.Config) { c.Clock = func() time.Time { return time.Now().Add(-3 * time.Second) } }
		},
	}
}

// TestWithdrawAfterClockSkew checks that a published post can be withdrawn when a clock is behind its date, and that
// its feeds are not held.
func TestWithdrawAfterClockSkew(t *testing.T) {
	for name, skew := range skews() {
		for _, withdraw := range []string{"delete", "private", "draft"} {
			t.Run(name+"/"+withdraw, func(t *testing.T) {
				w := newWorld(t)
				w.put(post("old"), w.dated("withdrawn", "tags", []string{"Go"}))
				w.rebuild(w.builder("one"))
				w.wantIDs(feed.Main, "withdrawn", "old")

				two := w.builder("two", skew(w))
				if withdraw == "delete" {
					w.delete("withdrawn")
				} else {
					w.put(w.dated("withdrawn", "tags", []string{"Go"}, "status", withdraw))
				}
				w.put(post("later"))
				w.rebuild(two)
				w.wantIDs(feed.Main, "old", "later")
				w.wantIDs("tags/go")
				if p := w.problems(); len(p) > 0 {
					t.Errorf("problems are %v, want none", p)
				}
			})
		}
	}
}

// TestEditAfterClockSkew checks that a published post stays public and its edits are published when a clock is behind
// its date.
func TestEditAfterClockSkew(t *testing.T) {
	for name, skew := range skews() {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			date := w.now().UTC().Format(time.RFC3339Nano)
			w.put(post("p", "date_published", date, "tags", []string{"Old"}))
			w.rebuild(w.builder("one"))

			two := w.builder("two", skew(w))
			w.put(post("p", "date_published", date, "tags", []string{"New"}))
			w.rebuild(two)
			w.wantIDs(feed.Main, "p")
			w.wantIDs("tags/old")
			w.wantIDs("tags/new", "p")
		})
	}
}

// TestPostWithoutDateAfterClockStep checks that an undated post is dated with the time of its inbox entry. The store
// sets that time from its own clock and never decreases it.
func TestPostWithoutDateAfterClockStep(t *testing.T) {
	w := newWorld(t)
	w.put(post("one", "date_published", nil))
	w.setBack(5 * time.Second)
	w.put(post("two", "date_published", nil))
	w.rebuild(w.builder("b", func(c *publish.Config) {
		c.Clock = func() time.Time { return w.now().Add(-time.Hour) }
	}))
	w.wantIDs(feed.Main, "two", "one")
}

// TestClockStepWithoutIndex checks that the documents show which posts were published if there is no index. The
// embedded store does not keep items and indexes across restarts.
func TestClockStepWithoutIndex(t *testing.T) {
	w := newWorld(t)
	w.put(w.dated("p", "tags", []string{"Go"}))
	w.rebuild(w.builder("one"))
	w.setBack(5 * time.Second)
	w.lose(":item:p", ":idx:main", ":idx:tags/go", ":due")
	w.rebuild(w.builder("two"))
	w.wantIDs(feed.Main, "p")
}

// TestBuilderAheadOfStore checks that the store's clock, and not the builder's, determines when a post with a future
// date is published.
func TestBuilderAheadOfStore(t *testing.T) {
	w := newWorld(t)
	w.put(post("old"), post("planned", "date_published", w.now().Add(30*time.Second).UTC().Format(time.RFC3339)))
	ahead := w.builder("one", func(c *publish.Config) {
		c.Clock = func() time.Time { return w.now().Add(time.Minute) }
	})
	w.rebuild(ahead)
	w.wantIDs(feed.Main, "old")
	w.advance(31 * time.Second)
	w.rebuild(ahead)
	w.wantIDs(feed.Main, "planned", "old")
}
