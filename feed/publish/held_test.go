package publish_test

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/publish"
)

// TestMissingPost checks that a post that is missing without an inbox entry stays published and is reported until an
// operator confirms the loss.
func TestMissingPost(t *testing.T) {
	w := newWorld(t)
	b := w.builder("one")
	w.put(post("a"), post("b"))
	w.rebuild(b)
	w.lose(":post:a")
	w.rebuild(b)
	if got := w.ids("main"); !slices.Equal(got, []string{"b", "a"}) {
		t.Errorf("main has %v, want both posts: post a was not deleted", got)
	}
	if got := w.problems()["a"]; got != feed.KindMissing {
		t.Errorf("problem %q, want %q", got, feed.KindMissing)
	}
	w.delete("a") // confirms the loss
	w.rebuild(b)
	if got := w.ids("main"); !slices.Equal(got, []string{"b"}) {
		t.Errorf("main has %v after the confirmation, want [b]", got)
	}
	if got := w.problems(); len(got) != 0 {
		t.Errorf("problems %v after the confirmation, want none", got)
	}
}

// TestHeldFeed checks that a commit is held if posts vanish without explanation, and that withdrawn posts are still
// removed from the documents.
func TestHeldFeed(t *testing.T) {
	w := newWorld(t)
	b := w.builder("one")
	w.put(post("a"), post("b"), post("c"), post("d"))
	w.rebuild(b)
	w.lose(":post:a", ":item:a", ":post:b", ":item:b")

	w.put(post("c", "title", "edited"))
	if got := w.rebuild(b); got["main"] != feed.Held {
		t.Fatalf("outcomes %v, want main held: the posts a and b have vanished", got)
	}
	if got := w.ids("main"); !slices.Equal(got, []string{"d", "c", "b", "a"}) {
		t.Errorf("main has %v while it is held, want the posts of the last commit", got)
	}
	if got := w.problems()["main"]; got != feed.KindHeld {
		t.Errorf("problem of the feed is %q, want %q", got, feed.KindHeld)
	}

	w.put(post("d", "status", "private"))
	if got := w.rebuild(b); got["main"] != feed.Held {
		t.Errorf("outcomes %v, want main still held", got)
	}
	if got := w.ids("main"); !slices.Equal(got, []string{"c", "b", "a"}) {
		t.Errorf("main has %v, want all but the private post: a withdrawn post is removed from a held feed", got)
	}
	for _, f := range feed.Formats() {
		if strings.Contains(string(w.body(w.head("main"), f)), "Title of d") {
			t.Errorf("the %s document still contains the private post", f)
		}
	}

	w.delete("a") // the operator confirms one loss
	w.put(post("b"))
	if got := w.rebuild(b); got["main"] != feed.Committed {
		t.Errorf("outcomes %v, want main committed: the loss of post a is confirmed, and post b is restored", got)
	}
	if got := w.ids("main"); !slices.Equal(got, []string{"c", "b"}) {
		t.Errorf("main has %v, want [c b]", got)
	}
	if got := w.problems(); len(got) != 0 {
		t.Errorf("problems %v, want none", got)
	}
}

func TestExplainedRemovals(t *testing.T) {
	t.Run("newer posts", func(t *testing.T) {
		w := newWorld(t)
		w.config.Limit = 2
		b := w.builder("one")
		w.put(post("a"), post("b"))
		w.rebuild(b)
		w.put(post("c"), post("d"))
		if got := w.rebuild(b); got["main"] != feed.Committed {
			t.Errorf("outcomes %v, want main committed", got)
		}
		if got := w.ids("main"); !slices.Equal(got, []string{"d", "c"}) {
			t.Errorf("main has %v, want the newest two", got)
		}
	})
	t.Run("a smaller limit", func(t *testing.T) {
		w := newWorld(t)
		w.put(post("a"), post("b"))
		w.rebuild(w.builder("one"))
		w.config.Limit = 1
		if got := w.rebuild(w.builder("two")); got["main"] != feed.Committed {
			t.Errorf("outcomes %v, want main committed", got)
		}
		if got := w.ids("main"); !slices.Equal(got, []string{"b"}) {
			t.Errorf("main has %v, want [b]", got)
		}
	})
	t.Run("a date moved to the future", func(t *testing.T) {
		w := newWorld(t)
		b := w.builder("one")
		w.put(post("a"), post("b"))
		w.rebuild(b)
		w.put(post("a", "date_published", w.now().Add(time.Hour).UTC().Format(time.RFC3339)))
		if got := w.rebuild(b); got["main"] != feed.Committed {
			t.Errorf("outcomes %v, want main committed", got)
		}
		if got := w.ids("main"); !slices.Equal(got, []string{"b"}) {
			t.Errorf("main has %v, want [b]", got)
		}
	})
	t.Run("not by an unrelated change to the configuration", func(t *testing.T) {
		w := newWorld(t)
		w.put(post("a"), post("b"))
		w.rebuild(w.builder("one"))
		w.lose(":post:a", ":item:a")
		w.config.Title = "Another Title"
		if got := w.rebuild(w.builder("two")); got["main"] != feed.Held {
			t.Errorf("outcomes %v, want main held", got)
		}
	})
}

func TestHeldFeedIsRetriedOnlyOnChange(t *testing.T) {
	w := newWorld(t)
	var tries atomic.Int32
	b := w.builder("one", func(c *publish.Config) {
		c.OnChange = true
		c.Built = func(r feed.FeedReport) {
			if r.Outcome == feed.Held {
				tries.Add(1)
			}
		}
	})
	stop := w.run(b)
	w.put(post("a"), post("b"))
	w.until("both are published", func() bool { return len(w.ids("main")) == 2 })
	w.lose(":post:a", ":item:a")
	for i, id := range []string{"c", "d", "e"} {
		w.put(post(id))
		w.until("main is held after "+id, func() bool { return tries.Load() == int32(i+1) })
	}
	stop()
	if n := tries.Load(); n != 3 {
		t.Errorf("the held feed was rebuilt %d times, want once for each of three changes", n)
	}
}
