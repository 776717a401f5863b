package publish_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
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
			t.Errorf("%s holds %v, want %v", name, got, ids)
		}
	}
	for name, outcome := range w.rebuild(b) {
		if outcome != feed.Unchanged {
			t.Errorf("a rebuild with nothing changed: %s is %s", name, outcome)
		}
	}
}

func TestEmptySite(t *testing.T) {
	w := newWorld(t)
	if got := w.rebuild(w.builder("one")); got["main"] != feed.Committed {
		t.Errorf("outcome %v, want the main feed committed", got)
	}
	if got := w.ids("main"); got == nil || len(got) != 0 {
		t.Errorf("the main feed holds %v, want a feed without items", got)
	}
}

// Promise 2: the same posts, records and configuration give the same bytes.
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
		t.Errorf("after the edit tags/x holds %v, want [b]", got)
	}
	if got := w.ids("tags/y"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("after the edit tags/y holds %v, want [a]", got)
	}
	after := w.head("tags/x")
	for i, d := range after.Documents {
		if !d.Modified.After(before.Documents[i].Modified) {
			t.Errorf("%s: Last-Modified went from %v to %v with new bytes", d.Path, before.Documents[i].Modified, d.Modified)
		}
	}

	w.delete("b")
	if got := w.rebuild(b); got["main"] != feed.Committed || got["tags/x"] != feed.Committed || got["tags/y"] != feed.Unchanged {
		t.Errorf("after the deletion the outcomes are %v", got)
	}
	if got := w.ids("tags/x"); got == nil || len(got) != 0 {
		t.Errorf("tags/x holds %v, want none", got)
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
		t.Errorf("dirty feeds %v, %v; want none: the post was submitted again as it was", dirty, err)
	}
}

// Promise 5: a rejected post does not affect the feed.
func TestRejectedPost(t *testing.T) {
	w := newWorld(t)
	b := w.builder("one")
	w.put(post("good"), feed.RawPost{ID: "bad", Raw: []byte(`{"title": 7`)})
	report, err := b.Rebuild(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := w.ids("main"); !slices.Equal(got, []string{"good"}) {
		t.Errorf("main holds %v, want [good]", got)
	}
	if len(report.Problems) != 1 || report.Problems[0].ID != "bad" || report.Problems[0].Reason == "" {
		t.Errorf("problems: %+v, want bad with its reason", report.Problems)
	}
	if raw, err := w.site.Post(t.Context(), "bad"); err != nil || string(raw) != `{"title": 7` {
		t.Errorf("the raw post is %q, %v; want it as it came", raw, err)
	}
	w.put(post("bad"))
	w.rebuild(b)
	if got := w.ids("main"); !slices.Equal(got, []string{"good", "bad"}) && !slices.Equal(got, []string{"bad", "good"}) {
		t.Errorf("main holds %v after the post was corrected", got)
	}
	if got := w.problems(); len(got) != 0 {
		t.Errorf("problems %v after the post was corrected, want none", got)
	}
}

func TestRejectedNewVersion(t *testing.T) {
	for _, tt := range []struct {
		name, raw string
		stays     bool
	}{
		{"unreadable", `{`, true},
		{"another id", `{"id": "b", "content_text": "x"}`, true},
		{"a bad member, and draft", `{"id": "a", "title": 7, "status": "draft"}`, false},
		{"a bad member, and private", `{"id": "a", "date_published": "soon", "status": "private"}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			b := w.builder("one")
			w.put(post("a"))
			w.rebuild(b)
			w.put(feed.RawPost{ID: "a", Raw: []byte(tt.raw)})
			w.rebuild(b)
			if got := slices.Contains(w.ids("main"), "a"); got != tt.stays {
				t.Errorf("published: %v, want %v", got, tt.stays)
			}
			if got := w.problems()["a"]; got != feed.KindRejected {
				t.Errorf("problem %q, want %q", got, feed.KindRejected)
			}
		})
	}
}

// A post key of another type is no deletion, with an inbox entry or without.
func TestPostKeyOfAnotherType(t *testing.T) {
	for _, noticed := range []bool{true, false} {
		t.Run(fmt.Sprintf("noticed %v", noticed), func(t *testing.T) {
			w := newWorld(t)
			b := w.builder("one")
			w.put(post("a"), post("b"))
			w.rebuild(b)
			for _, id := range []string{"a", "never"} {
				w.lose(":post:" + id)
				if _, err := w.redis.RPush("feedpub:{main}:post:"+id, "x"); err != nil {
					t.Fatal(err)
				}
				if noticed {
					if _, err := w.redis.XAdd("feedpub:{main}:inbox", "*", []string{"id", id}); err != nil {
						t.Fatal(err)
					}
				}
			}
			w.rebuild(b)
			if got := w.ids("main"); !slices.Contains(got, "a") || !slices.Contains(got, "b") {
				t.Errorf("main holds %v; want the last good version of a, and b", got)
			}
			list, err := w.site.Problems(t.Context())
			if err != nil || len(list) != 2 {
				t.Fatalf("problems %+v, %v; want one of each of both posts", list, err)
			}
			for i, p := range list {
				if p.Kind != feed.KindRejected || !strings.Contains(p.Reason, "Redis list") || p.Serving != (i == 0) {
					t.Errorf("problem %+v; want one that says what its key holds", p)
				}
			}
			w.lose(":post:a", ":post:never")
			w.delete("never")
			w.put(post("a"))
			w.rebuild(b)
			if got := w.problems(); len(got) != 0 {
				t.Errorf("problems %v after the posts were corrected, want none", got)
			}
		})
	}
}

func TestReplacedCharacters(t *testing.T) {
	w := newWorld(t)
	b := w.builder("one")
	w.put(feed.RawPost{ID: "a", Raw: []byte("{\"title\":\"caf\xe9\\u0000\",\"content_text\":\"Text.\"}")})
	w.rebuild(b)
	list, err := w.site.Problems(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatalf("problems %+v, %v; want one", list, err)
	}
	if p := list[0]; p.Kind != feed.KindCharacters || p.Place != "title" || !p.Serving || !strings.HasPrefix(p.Reason, "2 characters") {
		t.Errorf("problem %+v; want the two characters that the title has lost", p)
	}
	if got := w.ids("main"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("main holds %v; want the post", got)
	}
	w.put(post("a"))
	w.rebuild(b)
	if got := w.problems(); len(got) != 0 {
		t.Errorf("problems %v after the post was corrected, want none", got)
	}
}

func TestDraftAndPrivate(t *testing.T) {
	for _, status := range []string{"draft", "private"} {
		t.Run(status, func(t *testing.T) {
			w := newWorld(t)
			b := w.builder("one")
			w.put(post("never", "status", status), post("once"))
			w.rebuild(b)
			w.put(post("once", "status", status))
			if got := w.rebuild(b); got["main"] != feed.Committed {
				t.Errorf("withdrawing: %v, want main committed, never held", got)
			}
			if got := w.ids("main"); len(got) != 0 {
				t.Errorf("main holds %v, want nothing", got)
			}
			w.put(post("once"))
			w.rebuild(b)
			if got := w.ids("main"); !slices.Equal(got, []string{"once"}) {
				t.Errorf("published again, main holds %v, want [once]", got)
			}
		})
	}
}

// Promise 6: a post that is missing without an inbox entry stays published and is reported until the loss is
// confirmed.
func TestMissingPostStaysUntilConfirmed(t *testing.T) {
	w := newWorld(t)
	b := w.builder("one")
	w.put(post("a"), post("b"))
	w.rebuild(b)
	w.lose(":post:a")
	w.rebuild(b)
	if got := w.ids("main"); !slices.Equal(got, []string{"b", "a"}) {
		t.Errorf("main holds %v, want both: nobody deleted a", got)
	}
	if got := w.problems()["a"]; got != feed.KindMissing {
		t.Errorf("problem %q, want %q", got, feed.KindMissing)
	}
	w.delete("a") // confirms
	w.rebuild(b)
	if got := w.ids("main"); !slices.Equal(got, []string{"b"}) {
		t.Errorf("main holds %v after the confirmation, want [b]", got)
	}
	if got := w.problems(); len(got) != 0 {
		t.Errorf("problems %v after the confirmation, want none", got)
	}
}

// Promise 6: a commit is held if posts vanish unexplained, but withdrawn posts are removed.
func TestHeldFeed(t *testing.T) {
	w := newWorld(t)
	b := w.builder("one")
	w.put(post("a"), post("b"), post("c"), post("d"))
	w.rebuild(b)
	w.lose(":post:a", ":item:a", ":post:b", ":item:b")

	w.put(post("c", "title", "edited"))
	if got := w.rebuild(b); got["main"] != feed.Held {
		t.Fatalf("outcome %v, want main held: a and b are gone", got)
	}
	if got := w.ids("main"); !slices.Equal(got, []string{"d", "c", "b", "a"}) {
		t.Errorf("main holds %v while held, want the last documents", got)
	}
	if got := w.problems()["main"]; got != feed.KindHeld {
		t.Errorf("problem of the feed is %q, want %q", got, feed.KindHeld)
	}

	w.put(post("d", "status", "private"))
	if got := w.rebuild(b); got["main"] != feed.Held {
		t.Errorf("outcome %v, want main still held", got)
	}
	if got := w.ids("main"); !slices.Equal(got, []string{"c", "b", "a"}) {
		t.Errorf("main holds %v, want all but the private post: withdrawals are never held back", got)
	}
	for _, f := range feed.Formats() {
		if strings.Contains(string(w.body(w.head("main"), f)), "Title of d") {
			t.Errorf("the %s document still shows the private post", f)
		}
	}

	w.delete("a") // the operator confirms one loss
	w.put(post("b"))
	if got := w.rebuild(b); got["main"] != feed.Committed {
		t.Errorf("outcome %v, want main committed: a is confirmed, b is back", got)
	}
	if got := w.ids("main"); !slices.Equal(got, []string{"c", "b"}) {
		t.Errorf("main holds %v, want [c b]", got)
	}
	if got := w.problems(); len(got) != 0 {
		t.Errorf("problems %v, want none", got)
	}
}

func TestExplainedDisappearance(t *testing.T) {
	t.Run("the limit", func(t *testing.T) {
		w := newWorld(t)
		w.config.Limit = 2
		b := w.builder("one")
		w.put(post("a"), post("b"))
		w.rebuild(b)
		w.put(post("c"), post("d"))
		if got := w.rebuild(b); got["main"] != feed.Committed {
			t.Errorf("outcome %v, want committed", got)
		}
		if got := w.ids("main"); !slices.Equal(got, []string{"d", "c"}) {
			t.Errorf("main holds %v, want the newest two", got)
		}
	})
	t.Run("the configuration", func(t *testing.T) {
		w := newWorld(t)
		w.put(post("a"), post("b"))
		w.rebuild(w.builder("one"))
		w.config.Limit = 1
		if got := w.rebuild(w.builder("two")); got["main"] != feed.Committed {
			t.Errorf("outcome %v, want committed", got)
		}
		if got := w.ids("main"); !slices.Equal(got, []string{"b"}) {
			t.Errorf("main holds %v, want [b]", got)
		}
	})
	t.Run("a date moved to the future", func(t *testing.T) {
		w := newWorld(t)
		b := w.builder("one")
		w.put(post("a"), post("b"))
		w.rebuild(b)
		w.put(post("a", "date_published", w.now().Add(time.Hour).UTC().Format(time.RFC3339)))
		if got := w.rebuild(b); got["main"] != feed.Committed {
			t.Errorf("outcome %v, want committed", got)
		}
		if got := w.ids("main"); !slices.Equal(got, []string{"b"}) {
			t.Errorf("main holds %v, want [b]", got)
		}
	})
	t.Run("but a new configuration does not explain lost data", func(t *testing.T) {
		w := newWorld(t)
		w.put(post("a"), post("b"))
		w.rebuild(w.builder("one"))
		w.lose(":post:a", ":item:a")
		w.config.Title = "Another Title"
		if got := w.rebuild(w.builder("two")); got["main"] != feed.Held {
			t.Errorf("outcome %v, want held", got)
		}
	})
}

// Promise 1 and 6: a flushed Redis never makes a feed emptier, and does not lock the builder out.
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
		t.Errorf("outcome %v, want main held: the replica serves two posts and the store has none", got)
	}
	if _, err := w.site.Head(t.Context(), "main"); !errors.Is(err, feed.ErrNotFound) {
		t.Errorf("head of main: %v, want none committed", err)
	}

	w.put(posts...)
	if got := w.rebuild(b); got["main"] != feed.Committed || got["tags/x"] != feed.Committed {
		t.Errorf("outcome %v, want main and tags/x committed: the posts are back", got)
	}
	head := w.head("main")
	if head.Token <= newest {
		t.Errorf("token %d after the flush, want more than the %d that replicas have seen", head.Token, newest)
	}
	for _, f := range feed.Formats() {
		if got := string(w.body(head, f)); got != documents[f] {
			t.Errorf("the %s document changed by a flush and a restore", f)
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
	b := w.builder("two")
	w.rebuild(b)
	if got := w.head("main").Token; got <= h.Token {
		t.Errorf("token %d, want more than the %d that the replica has seen, else it never takes this head", got, h.Token)
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
		t.Errorf("the lost document: %v; a rebuild has not restored it", err)
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
		t.Errorf("outcomes %v, want none held: all posts are there", got)
	}
	if got := string(w.body(w.head("main"), feed.Atom)); got != before {
		t.Errorf("the document rebuilt from the primary keys differs:\n%s", cmp.Diff(before, got))
	}
	if got := w.ids("tags/x"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("tags/x holds %v, want [a]", got)
	}
}

func TestPostWithoutInboxEntry(t *testing.T) {
	w := newWorld(t)
	b := w.builder("one")
	w.rebuild(b)
	p := post("forgotten")
	if err := w.redis.Set("feedpub:{main}:post:forgotten", string(p.Raw)); err != nil {
		t.Fatal(err)
	}
	w.rebuild(b)
	if got := w.ids("main"); !slices.Equal(got, []string{"forgotten"}) {
		t.Errorf("main holds %v, want the post whose writer added no inbox entry", got)
	}
	if err := w.redis.Set("feedpub:{main}:post:forgotten", string(post("forgotten", "title", "Second").Raw)); err != nil {
		t.Fatal(err)
	}
	w.rebuild(b)
	if !strings.Contains(string(w.body(w.head("main"), feed.RSS)), "Second") {
		t.Error("the second version, written without a notice, is not published")
	}
}

func TestFuturePost(t *testing.T) {
	w := newWorld(t)
	b := w.builder("one")
	w.put(post("now"), post("later", "tags", []string{"x"}, "date_published", w.now().Add(time.Hour).UTC().Format(time.RFC3339)))
	w.rebuild(b)
	w.put(post("later", "tags", []string{"x"}, "date_published", w.now().Add(time.Hour).UTC().Format(time.RFC3339)))
	w.rebuild(b)
	if got := w.ids("main"); !slices.Equal(got, []string{"now"}) {
		t.Errorf("main holds %v, want [now]", got)
	}
	w.advance(2 * time.Hour)
	w.rebuild(b)
	if got := w.ids("main"); !slices.Equal(got, []string{"later", "now"}) {
		t.Errorf("main holds %v an hour later, want [later now]", got)
	}
	if got := w.ids("tags/x"); !slices.Equal(got, []string{"later"}) {
		t.Errorf("tags/x holds %v an hour later, want [later]", got)
	}
}

func TestFuturePostIsNotDisclosed(t *testing.T) {
	w := newWorld(t)
	b := w.builder("one")
	later := func(d time.Duration, tag string) feed.RawPost {
		return post("later", "tags", []string{tag}, "date_published", w.now().Add(d).UTC().Format(time.RFC3339))
	}
	w.put(post("now"))
	w.rebuild(b)
	before := w.head("main")
	w.put(later(48*time.Hour, "secret"))
	w.rebuild(b)
	w.put(later(49*time.Hour, "hidden"))
	w.rebuild(b)
	w.delete("later")
	w.rebuild(b)
	if diff := cmp.Diff(before.Documents, w.head("main").Documents); diff != "" {
		t.Errorf("a post that was edited and deleted before its time changed the main feed:\n%s", diff)
	}
	for _, name := range []feed.Name{"tags/secret", "tags/hidden"} {
		if ids := w.ids(name); ids != nil {
			t.Errorf("%s exists and holds %v: it tells of a post that was never published", name, ids)
		}
	}
}

func TestRejectedVersionOfFuturePost(t *testing.T) {
	w := newWorld(t)
	b := w.builder("one")
	w.put(post("later", "date_published", w.now().Add(time.Hour).UTC().Format(time.RFC3339)))
	w.rebuild(b)
	w.put(feed.RawPost{ID: "later", Raw: []byte("{")})
	w.rebuild(b)
	w.advance(2 * time.Hour)
	w.rebuild(b)
	if got := w.ids("main"); !slices.Equal(got, []string{"later"}) {
		t.Errorf("main holds %v, want the last good version at its time", got)
	}
}

// Promise 3: the date of a post that has none is recorded once.
func TestDateOfUndatedPost(t *testing.T) {
	w := newWorld(t)
	b := w.builder("one")
	w.put(post("a", "date_published", nil))
	w.rebuild(b)
	before := w.body(w.head("main"), feed.JSON)
	w.advance(24 * time.Hour)
	w.lose(":item:a")
	w.put(post("a", "date_published", nil))
	w.rebuild(b)
	if diff := cmp.Diff(string(before), string(w.body(w.head("main"), feed.JSON))); diff != "" {
		t.Errorf("the document of an undated post changed with time:\n%s", diff)
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
		t.Errorf("tags/c holds %v: it was C++'s and must not come to mean C#", got)
	}
	names, err := w.site.Names(t.Context())
	if err != nil || names["tags/c"] != "C++" || len(names) != 2 {
		t.Errorf("names %v, %v; want tags/c for C++ and another for C#", names, err)
	}
}

func TestFencing(t *testing.T) {
	w := newWorld(t)
	w.put(post("a"))
	one := w.builder("one")
	w.rebuild(one)
	// The second builder takes over while the first still works; the writes of the first are refused.
	ctx := t.Context()
	old, err := w.site.Acquire(ctx, publish.Job, "one", time.Minute, w.now(), 0)
	if err != nil {
		t.Fatal(err)
	}
	w.redis.FastForward(2 * time.Minute)
	newer, err := w.site.Acquire(ctx, publish.Job, "two", time.Minute, w.now(), 0)
	if err != nil || newer <= old {
		t.Fatalf("the second builder's token is %d, %v; want more than %d", newer, err, old)
	}
	h := w.head("main")
	h.Token = newer
	if _, _, err := w.site.Commit(ctx, feed.CommitRequest{Head: h, Now: w.now()}); err != nil {
		t.Fatal(err)
	}
	h.Token = old
	if _, _, err := w.site.Commit(ctx, feed.CommitRequest{Head: h, Now: w.now()}); !errors.Is(err, feed.ErrStale) {
		t.Errorf("the first builder's commit: %v, want it refused as stale", err)
	}
	cursor, err := w.site.Cursor(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.site.Absorb(ctx, feed.Absorption{Token: old, Cursor: cursor, Next: cursor}); !errors.Is(err, feed.ErrStale) {
		t.Errorf("the first builder's absorption: %v, want it refused as stale", err)
	}
}

func TestRebuildAsksRunningBuilder(t *testing.T) {
	w := newWorld(t)
	w.put(post("a"))
	ctx, cancel := context.WithCancel(t.Context())
	running := w.builder("runs")
	done := make(chan error)
	go func() { done <- running.Run(ctx) }()
	w.until("the running builder has built", func() bool { return w.ids("main") != nil })

	w.put(post("b"))
	got := w.rebuild(w.builder("asks"))
	if got["main"] != feed.Committed {
		t.Errorf("the answer is %v, want main committed", got)
	}
	if ids := w.ids("main"); !slices.Equal(ids, []string{"b", "a"}) {
		t.Errorf("main holds %v, want [b a]", ids)
	}
	_, err := w.builder("asks").Rebuild(ctx, "tags/none")
	if !errors.Is(err, feed.ErrNotFound) {
		t.Errorf("asked for a feed that does not exist: %v, want not found", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	if _, held, err := w.site.Holder(t.Context(), publish.Job); err != nil || held {
		t.Errorf("after Run the lease is held: %v, %v; want it released", held, err)
	}
}

// A rebuild may be requested before the server has acquired the lease, and several commands may rebuild at once: all
// of them get a report, and none fails because of another.
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
				err = errors.New("a report without feeds")
			}
			return err
		})
		if i == 5 {
			go func() { done <- server.Run(ctx) }()
		}
	}
	if err := g.Wait(); err != nil {
		t.Errorf("a rebuild among many: %v\n%s", err, w.log)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}

func TestRunBuildsOnChange(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	b := w.builder("one", func(c *publish.Config) { c.OnChange = true })
	done := make(chan error)
	go func() { done <- b.Run(ctx) }()
	w.until("the empty feed is there", func() bool { return w.ids("main") != nil })
	for i, id := range []string{"a", "b", "c"} {
		w.put(post(id))
		w.until(id+" is published", func() bool { return len(w.ids("main")) == i+1 })
	}
	w.put(post("soon", "date_published", w.now().Add(time.Second).UTC().Format(time.RFC3339Nano)))
	w.until("the post with a date a second ahead is published", func() bool { return slices.Contains(w.ids("main"), "soon") })
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}

func TestHeldFeedIsRetriedOnlyOnChange(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var tries atomic.Int32
	b := w.builder("one", func(c *publish.Config) {
		c.OnChange = true
		c.Built = func(r feed.FeedReport) {
			if r.Outcome == feed.Held {
				tries.Add(1)
			}
		}
	})
	done := make(chan error)
	go func() { done <- b.Run(ctx) }()
	w.put(post("a"), post("b"))
	w.until("both are published", func() bool { return len(w.ids("main")) == 2 })
	w.lose(":post:a", ":item:a")
	for i, id := range []string{"c", "d", "e"} {
		w.put(post(id))
		w.until("main is held, for "+id, func() bool { return tries.Load() == int32(i+1) })
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	if n := tries.Load(); n != 3 {
		t.Errorf("the held feed was tried %d times, want once for each of three changes", n)
	}
}

func TestProblemsAreLoggedOnce(t *testing.T) {
	w := newWorld(t)
	b := w.builder("one")
	tags := []string{"u", "v", "x", "y", "z"}
	w.put(post("a", "tags", tags), post("b", "tags", tags), feed.RawPost{ID: "bad", Raw: []byte(`{"title": 7}`)})
	w.rebuild(b)
	for range 2 {
		w.rebuild(b)
	}
	if n := w.logged("post rejected"); n != 1 {
		t.Errorf("the log says %d times that a post was rejected, want once:\n%s", n, w.log)
	}
	w.put(feed.RawPost{ID: "bad", Raw: []byte(`{"title": 8}`)}) // the same fault
	w.rebuild(b)
	w.put(feed.RawPost{ID: "bad", Raw: []byte(`{"title": `)})
	w.rebuild(b)
	if n := w.logged("post rejected"); n != 2 {
		t.Errorf("the log says %d times that a post was rejected, want again when the reason has changed:\n%s", n, w.log)
	}
	w.put(post("bad"))
	w.rebuild(b)
	w.put(feed.RawPost{ID: "bad", Raw: []byte(`{"title": `)})
	w.rebuild(b)
	if n := w.logged("earlier_version_published=true"); n != 1 {
		t.Errorf("the log says %d times that a new version was rejected, want once:\n%s", n, w.log)
	}

	w.lose(":item:a", ":post:a", ":record:a", ":idx:main", ":idx:tags/u", ":idx:tags/v", ":idx:tags/x", ":idx:tags/y", ":idx:tags/z")
	for range 3 {
		w.rebuild(b)
	}
	if n := w.logged("level=ERROR"); n != 1 {
		t.Errorf("the log has %d errors about feeds that are held for one cause, want one:\n%s", n, w.log)
	}
	if !strings.Contains(w.log.String(), `feeds="main, tags/u, tags/v, tags/x, tags/y and 1 more"`) {
		t.Errorf("the log does not say which feeds are held:\n%s", w.log)
	}
}

func TestScheduledFeed(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	w.put(post("a", "tags", []string{"weekly"}))
	b := w.builder("one", func(c *publish.Config) { c.OnChange, c.Scheduled = true, []feed.Name{"tags/weekly"} })
	done := make(chan error)
	go func() { done <- b.Run(ctx) }()
	w.until("the first build", func() bool { return w.ids("tags/weekly") != nil })
	w.put(post("b", "tags", []string{"weekly"}))
	w.until("b is in the main feed", func() bool { return len(w.ids("main")) == 2 })
	if err := b.Tick(ctx); err != nil {
		t.Fatal(err)
	}
	if got := w.ids("tags/weekly"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("tags/weekly holds %v before its schedule, want [a]", got)
	}
	if err := b.Tick(ctx, "tags/weekly", "tags/none-yet"); err != nil {
		t.Errorf("Tick of a feed that no post belongs to: %v, want nil", err)
	}
	if err := b.Tick(ctx, "tags/weekly"); err != nil {
		t.Fatal(err)
	}
	if got := w.ids("tags/weekly"); !slices.Equal(got, []string{"b", "a"}) {
		t.Errorf("tags/weekly holds %v, want [b a]", got)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}

func TestRunRetriesWhenStoreIsUnavailable(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	b := w.builder("one", func(c *publish.Config) { c.OnChange = true })
	done := make(chan error)
	go func() { done <- b.Run(ctx) }()
	w.put(post("a"))
	w.until("a is published", func() bool { return slices.Equal(w.ids("main"), []string{"a"}) })
	w.redis.SetError("LOADING Redis is loading the dataset in memory")
	if _, err := b.Rebuild(ctx); !errors.Is(err, feed.ErrUnavailable) {
		t.Errorf("Rebuild with the store away: %v, want an error of kind unavailable", err)
	}
	w.redis.SetError("")
	w.redis.FastForward(time.Minute) // the lease has expired meanwhile
	w.put(post("b"))
	w.until("b is published", func() bool { return len(w.ids("main")) == 2 })
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}

// until polls cond, and fails the test after a minute.
func (w *world) until(what string, cond func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !cond() {
		if time.Now().After(deadline) {
			w.t.Fatalf("waited a minute for: %s\n%s", what, w.log)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestNewIntakeReadsPostsAgain(t *testing.T) {
	w := newWorld(t)
	w.put(post("a", "content_text", nil, "content_html", `<p><a href="/about">About</a></p>`))
	w.rebuild(w.builder("one"))
	w.config.HomeURL = "https://moved.example/"
	w.rebuild(w.builder("two"))
	if got := string(w.body(w.head("main"), feed.JSON)); !strings.Contains(got, "https://moved.example/about") {
		t.Errorf("the blog has moved, and its item is still the one of the old home:\n%s", got)
	}
}
