package publish_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

// TestReplacedCommitOfSameSecond checks that all replicas eventually serve the same documents if the store has lost a
// commit and the builder has replaced it with one that has the same Last-Modified. Replicas cannot tell which of the
// two is later, so they keep what they serve until the store has the feed with a greater token.
func TestReplacedCommitOfSameSecond(t *testing.T) {
	w := newWorld(t)
	w.put(post("a"))
	w.seen = &seen{heads: map[feed.Name]feed.Head{}, blobs: map[feed.Hash]feed.Blob{}}
	p := w.builder("one")
	defer w.run(p)()
	w.rebuild(p)
	lost := w.head(feed.Main)
	lost.Documents = slices.Clone(lost.Documents)
	lost.Documents[0].Hash = feed.HashOf([]byte("lost"))
	w.seen.mu.Lock()
	w.seen.heads[feed.Main] = lost
	w.seen.mu.Unlock()
	w.rebuild(p)
	if got := w.head(feed.Main); got.Token <= lost.Token {
		t.Errorf("the token of main is %d, want more than %d, that of the lost commit", got.Token, lost.Token)
	}
}

// TestFlushedStore checks that no feed loses posts after the store is flushed, and that the builder can commit again.
func TestFlushedStore(t *testing.T) {
	w := newWorld(t)
	posts := []feed.RawPost{post("a", "tags", []string{"x"}), post("b")}
	w.put(posts...)
	w.rebuild(w.builder("one"))
	w.remember()
	newest := w.seen.Newest()
	documents := map[feed.Format]string{}
	for _, f := range feed.Formats() {
		documents[f] = string(w.body(w.head("main"), f))
	}

	w.redis.FlushAll()
	b := w.builder("two")
	if got := w.rebuild(b); got["main"] != feed.Held {
		t.Errorf("outcomes %v, want main held: the replica serves two posts and the store has none", got)
	}
	if _, err := w.site.Head(t.Context(), "main"); !errors.Is(err, feed.ErrNotFound) {
		t.Errorf("head of main: %v, want an error of kind not found", err)
	}

	w.put(posts...)
	if got := w.rebuild(b); got["main"] != feed.Committed || got["tags/x"] != feed.Committed {
		t.Errorf("outcomes %v, want main and tags/x committed: the posts are restored", got)
	}
	head := w.head("main")
	if head.Token <= newest {
		t.Errorf("token %d after the flush, want more than %d, which replicas have seen", head.Token, newest)
	}
	for _, f := range feed.Formats() {
		if got := string(w.body(head, f)); got != documents[f] {
			t.Errorf("the %s document differs after the store was flushed and the posts restored", f)
		}
	}
}

func TestRolledBackHead(t *testing.T) {
	w := newWorld(t)
	w.put(post("a"))
	w.rebuild(w.builder("one"))
	w.remember()
	h := w.seen.heads["main"]
	h.Token += 1e9 // the replica has seen a later commit, which the store has lost
	w.seen.heads["main"] = h
	delete(w.seen.sums, "main") // the store's head is no longer the served one
	b := w.builder("two")
	w.rebuild(b)
	if got := w.head("main").Token; got <= h.Token {
		t.Errorf("token %d, want more than %d: the replica has seen that token and rejects smaller ones", got, h.Token)
	}
}

func TestLostBlob(t *testing.T) {
	w := newWorld(t)
	b := w.builder("one")
	w.put(post("a"))
	w.rebuild(b)
	ref, _ := w.head("main").Document(feed.Atom)
	w.lose(":doc:" + string(ref.Hash))
	w.rebuild(b)
	if _, err := w.site.Blob(t.Context(), ref.Hash); err != nil {
		t.Errorf("lost document after a rebuild: %v, want it restored", err)
	}
}

func TestLostDerivedKeys(t *testing.T) {
	w := newWorld(t)
	w.put(post("a", "tags", []string{"x"}), post("b", "date_published", nil))
	w.rebuild(w.builder("one"))
	before := string(w.body(w.head("main"), feed.Atom))
	for _, derived := range []string{":item:", ":idx:", ":cursor", ":dirty"} {
		for _, k := range w.redis.Keys() {
			if strings.Contains(k, derived) {
				w.redis.Del(k)
			}
		}
	}
	w.advance(time.Hour)
	if got := w.rebuild(w.builder("two")); got["main"] == feed.Held || got["tags/x"] == feed.Held {
		t.Errorf("outcomes %v, want none held: no post is lost", got)
	}
	if got := string(w.body(w.head("main"), feed.Atom)); got != before {
		t.Errorf("the document rebuilt from the primary keys differs (-before +after):\n%s", cmp.Diff(before, got))
	}
	if got := w.ids("tags/x"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("tags/x has %v, want [a]", got)
	}
}
