package publish_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/publish"
)

// restart simulates a start of the embedded store: it deletes all items, indexes and other derived data, and submits
// all posts again.
func (w *world) restart(posts ...feed.RawPost) {
	w.t.Helper()
	for _, k := range w.redis.Keys() {
		for _, lost := range []string{":item:", ":idx:", ":due", ":dirty", ":marks", ":inbox", ":cursor", ":problems"} {
			if strings.Contains(k, lost) {
				w.redis.Del(k)
			}
		}
	}
	w.put(posts...)
}

func (w *world) wantNoProblems() {
	w.t.Helper()
	if p := w.problems(); len(p) > 0 {
		w.t.Errorf("problems are %v, want none\n%s", p, w.log)
	}
}

// TestMoveWhileStopped checks that a post that was edited while the server was down leaves the feeds that it was in.
func TestMoveWhileStopped(t *testing.T) {
	author := func(name string) []map[string]string { return []map[string]string{{"name": name}} }
	w := newWorld(t)
	other := post("other")
	w.put(other, post("p", "tags", []string{"Old"}, "authors", author("Ann")))
	w.rebuild(w.builder("one"))
	w.wantIDs("tags/old", "p")
	w.wantIDs("authors/ann", "p")

	w.restart(other, post("p", "tags", []string{"New"}, "authors", author("Bob")))
	w.rebuild(w.builder("two"))
	w.wantIDs("tags/old")
	w.wantIDs("authors/ann")
	w.wantIDs("tags/new", "p")
	w.wantIDs("authors/bob", "p")
	w.wantNoProblems()
}

// TestMoveToFutureWhileStopped checks that a post is no longer public if its date was moved to the future while the
// server was down.
func TestMoveToFutureWhileStopped(t *testing.T) {
	w := newWorld(t)
	w.put(post("p", "tags", []string{"Go"}))
	w.rebuild(w.builder("one"))
	w.restart(post("p", "tags", []string{"Go"}, "date_published", "2999-01-02T03:04:05Z"))
	w.rebuild(w.builder("two"))
	w.wantIDs(feed.Main)
	w.wantIDs("tags/go")
	w.wantNoProblems()
}

// TestMoveBetweenArchivesWhileStopped checks that a post is in only one archive if its date was edited while the server
// was down.
func TestMoveBetweenArchivesWhileStopped(t *testing.T) {
	w := newWorld(t)
	var posts []feed.RawPost
	for i := range 12 {
		posts = append(posts, dated(fmt.Sprintf("p%02d", i), i))
	}
	w.put(posts...)
	w.rebuild(w.archived(1)) // so that nothing else makes the post's old archive dirty
	if got := len(w.crawl(feed.Main).documents); got < 4 {
		t.Fatalf("the feed has %d documents, want archives among them", got)
	}

	posts[1] = dated("p01", 7)
	w.restart(posts...)
	w.rebuild(w.archived(1))
	ids := w.crawl(feed.Main).ids
	slices.Sort(ids)
	if got := len(slices.Compact(slices.Clone(ids))); got != len(ids) || got != 12 {
		t.Errorf("the archives have %v, want each of 12 posts once", ids)
	}
	w.wantNoProblems()
}

// noCommit is a store whose Commit always fails.
type noCommit struct{ publish.Store }

func (noCommit) Commit(context.Context, feed.CommitRequest) (feed.Outcome, feed.Head, error) {
	return feed.Failed, feed.Head{}, errors.New("killed before the commit")
}

func (s noCommit) CommitAll(ctx context.Context, requests []feed.CommitRequest) []feed.CommitResult {
	results := make([]feed.CommitResult, len(requests))
	for i, r := range requests {
		_, _, results[i].Err = s.Commit(ctx, r)
	}
	return results
}

// TestKilledBeforeCommit checks that changes are published even if a process was killed between absorbing and
// committing them, and so has lost the list of dirty feeds.
func TestKilledBeforeCommit(t *testing.T) {
	for name, want := range map[string][]string{"deleted": nil, "private": nil, "moved": {"p"}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			other := post("other")
			w.put(other, post("p", "tags", []string{"Old"}))
			w.rebuild(w.builder("one"))

			rest := []feed.RawPost{other}
			switch name {
			case "deleted":
				w.delete("p")
			case "private":
				rest = append(rest, post("p", "tags", []string{"Old"}, "status", "private"))
				w.put(rest...)
			default:
				rest = append(rest, post("p", "tags", []string{"New"}))
				w.put(rest...)
			}
			killed := w.builder("killed", func(c *publish.Config) { c.Store = noCommit{w.site} })
			if _, err := killed.Rebuild(t.Context()); err != nil {
				t.Fatal(err)
			}
			w.restart(rest...)
			w.rebuild(w.builder("two"))
			w.wantIDs("tags/old")
			w.wantIDs(feed.Main, append(want, "other")...)
			w.wantNoProblems()
		})
	}
}

// TestMoveWithoutItem checks that a post leaves its former feeds if its item was lost in Redis.
func TestMoveWithoutItem(t *testing.T) {
	w := newWorld(t)
	w.put(post("p", "tags", []string{"Old"}))
	one := w.builder("one")
	w.rebuild(one)
	w.lose(":item:p", ":idx:main", ":idx:tags/old")
	w.put(post("p", "tags", []string{"New"}))
	w.rebuild(one)
	w.wantIDs("tags/old")
	w.wantIDs("tags/new", "p")
	w.wantNoProblems()
}

// TestDeleteScheduledPost checks that a rescheduled post can be deleted while it is still in the documents of a feed,
// for example because the builder crashed before it rebuilt that feed.
func TestDeleteScheduledPost(t *testing.T) {
	w := newWorld(t)
	p := w.builder("one")
	ann := []map[string]string{{"name": "Ann"}}
	w.put(post("a", "authors", ann), post("b"))
	w.rebuild(p)
	w.put(post("a", "authors", ann, "date_published", w.now().Add(time.Hour).UTC().Format(time.RFC3339)))
	w.rebuild(p, feed.Main) // does not build authors/ann
	if got := w.ids("authors/ann"); !slices.Equal(got, []string{"a"}) {
		t.Fatalf("authors/ann has %q before it is built again, want post \"a\"", got)
	}
	w.delete("a")
	if got := w.rebuild(p)["authors/ann"]; got != feed.Committed {
		t.Errorf("authors/ann is %s after its post was deleted, want committed", got)
	}
	if got := w.ids("authors/ann"); len(got) > 0 {
		t.Errorf("authors/ann has %q after its post was deleted, want no posts", got)
	}
}

// TestMoveAfterRejection checks that a post leaves its former feeds if its item was lost while the post could not be
// read, and the post is now valid again.
func TestMoveAfterRejection(t *testing.T) {
	w := newWorld(t)
	w.put(post("a", "tags", []string{"news"}), post("b"))
	w.rebuild(w.builder("one"))
	bad := feed.RawPost{ID: "a", Raw: []byte(`{"id": "a", "title": `)}
	w.put(bad)
	w.restart(bad, post("b"))
	p := w.builder("two")
	defer w.run(p)()
	w.until("the post is rejected", func() bool { return w.problems()["a"] == feed.KindRejected })
	if w.rebuild(p); !slices.Equal(w.ids("tags/news"), []string{"a"}) {
		t.Errorf("tags/news has %q while its post cannot be read, want post \"a\"", w.ids("tags/news"))
	}
	w.put(post("a"))
	w.rebuild(p) // the running builder may have committed the change already
	if got := w.ids("tags/news"); len(got) > 0 {
		t.Errorf("tags/news has %q after its post has moved, want no posts", got)
	}
}
