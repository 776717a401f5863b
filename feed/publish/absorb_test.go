package publish_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/publish"
	"feedpub/store"
)

// TestRejectedPost checks that a rejected post is reported and does not affect other posts.
func TestRejectedPost(t *testing.T) {
	w := newWorld(t)
	b := w.builder("one")
	w.put(post("good"), feed.RawPost{ID: "bad", Raw: []byte(`{"title": 7`)})
	report, err := b.Rebuild(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := w.ids("main"); !slices.Equal(got, []string{"good"}) {
		t.Errorf("main has %v, want [good]", got)
	}
	if len(report.Problems) != 1 || report.Problems[0].ID != "bad" || report.Problems[0].Reason == "" {
		t.Errorf("problems %+v, want one for the post \"bad\", with a reason", report.Problems)
	}
	if raw, err := w.site.Post(t.Context(), "bad"); err != nil || string(raw) != `{"title": 7` {
		t.Errorf("raw post %q, %v; want it unchanged", raw, err)
	}
	w.put(post("bad"))
	w.rebuild(b)
	if got := w.ids("main"); !slices.Equal(got, []string{"good", "bad"}) && !slices.Equal(got, []string{"bad", "good"}) {
		t.Errorf("main has %v after the post was corrected, want the posts \"good\" and \"bad\"", got)
	}
	if got := w.problems(); len(got) != 0 {
		t.Errorf("problems %v after the post was corrected, want none", got)
	}
}

func TestRejectedNewVersion(t *testing.T) {
	for _, tt := range []struct {
		name, raw string
		published bool
	}{
		{"malformed JSON", `{`, true},
		{"another id", `{"id": "b", "content_text": "x"}`, true},
		{"an invalid member of a draft", `{"id": "a", "title": 7, "status": "draft"}`, false},
		{"an invalid member of a private post", `{"id": "a", "date_published": "soon", "status": "private"}`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			b := w.builder("one")
			w.put(post("a"))
			w.rebuild(b)
			w.put(feed.RawPost{ID: "a", Raw: []byte(tt.raw)})
			w.rebuild(b)
			if got := slices.Contains(w.ids("main"), "a"); got != tt.published {
				t.Errorf("published: %t, want %t", got, tt.published)
			}
			if got := w.problems()["a"]; got != feed.KindRejected {
				t.Errorf("problem %q, want %q", got, feed.KindRejected)
			}
		})
	}
}

// TestPostKeyOfAnotherType checks that a post whose key has the wrong type is reported and stays published, whether or
// not it has an inbox entry.
func TestPostKeyOfAnotherType(t *testing.T) {
	for _, announced := range []bool{true, false} {
		t.Run(fmt.Sprintf("inbox entry %t", announced), func(t *testing.T) {
			w := newWorld(t)
			b := w.builder("one")
			w.put(post("a"), post("b"))
			w.rebuild(b)
			for _, id := range []string{"a", "never"} {
				w.lose(":post:" + id)
				if _, err := w.redis.RPush("feedpub:{main}:post:"+id, "x"); err != nil {
					t.Fatal(err)
				}
				if announced {
					if _, err := w.redis.XAdd("feedpub:{main}:inbox", "*", []string{"id", id}); err != nil {
						t.Fatal(err)
					}
				}
			}
			w.rebuild(b)
			if got := w.ids("main"); !slices.Contains(got, "a") || !slices.Contains(got, "b") {
				t.Errorf("main has %v, want the last valid version of post a, and post b", got)
			}
			list, err := w.site.Problems(t.Context())
			if err != nil || len(list) != 2 {
				t.Fatalf("problems %+v, %v; want one for each of two posts", list, err)
			}
			for i, p := range list {
				if p.Kind != feed.KindRejected || !strings.Contains(p.Reason, "Redis list") || p.Serving != (i == 0) {
					t.Errorf("problem %+v, want a rejection whose reason names the type of the key", p)
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
	if p := list[0]; p.Kind != feed.KindCharacters || p.Place != "title" || !p.Serving ||
		!strings.HasPrefix(p.Reason, "2 characters") {
		t.Errorf("problem %+v, want two replaced characters in the title", p)
	}
	if got := w.ids("main"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("main has %v, want the post", got)
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
			w.put(post("new", "status", status), post("a"))
			w.rebuild(b)
			w.put(post("a", "status", status))
			if got := w.rebuild(b); got["main"] != feed.Committed {
				t.Errorf("outcomes after a post was withdrawn: %v, want main committed", got)
			}
			if got := w.ids("main"); len(got) != 0 {
				t.Errorf("main has %v, want no posts", got)
			}
			w.put(post("a"))
			w.rebuild(b)
			if got := w.ids("main"); !slices.Equal(got, []string{"a"}) {
				t.Errorf("main has %v after the post was published again, want [a]", got)
			}
		})
	}
}

func TestPostWithoutInboxEntry(t *testing.T) {
	w := newWorld(t)
	b := w.builder("one")
	w.rebuild(b)
	p := post("silent")
	if err := w.redis.Set("feedpub:{main}:post:silent", string(p.Raw)); err != nil {
		t.Fatal(err)
	}
	w.rebuild(b)
	if got := w.ids("main"); !slices.Equal(got, []string{"silent"}) {
		t.Errorf("main has %v, want the post without an inbox entry", got)
	}
	if err := w.redis.Set("feedpub:{main}:post:silent", string(post("silent", "title", "Second").Raw)); err != nil {
		t.Fatal(err)
	}
	w.rebuild(b)
	if !strings.Contains(string(w.body(w.head("main"), feed.RSS)), "Second") {
		t.Error("the second version, written without an inbox entry, is not published")
	}
}

func TestFuturePost(t *testing.T) {
	w := newWorld(t)
	b := w.builder("one")
	w.put(post("now"),
		post("later", "tags", []string{"x"}, "date_published", w.now().Add(time.Hour).UTC().Format(time.RFC3339)))
	w.rebuild(b)
	w.put(post("later", "tags", []string{"x"}, "date_published", w.now().Add(time.Hour).UTC().Format(time.RFC3339)))
	w.rebuild(b)
	if got := w.ids("main"); !slices.Equal(got, []string{"now"}) {
		t.Errorf("main has %v, want only the post \"now\"", got)
	}
	w.advance(2 * time.Hour)
	w.rebuild(b)
	if got := w.ids("main"); !slices.Equal(got, []string{"later", "now"}) {
		t.Errorf("main has %v two hours later, want the posts \"later\" and \"now\"", got)
	}
	if got := w.ids("tags/x"); !slices.Equal(got, []string{"later"}) {
		t.Errorf("tags/x has %v two hours later, want the post \"later\"", got)
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
		t.Errorf("a post that was edited and deleted before its date changed the main feed (-before +after):\n%s", diff)
	}
	for _, name := range []feed.Name{"tags/secret", "tags/hidden"} {
		if ids := w.ids(name); ids != nil {
			t.Errorf("%s exists with %v, want no feed: its post was never published", name, ids)
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
		t.Errorf("main has %v, want the last valid version once its date has passed", got)
	}
}

// TestDateOfUndatedPost checks that the date assigned to an undated post is recorded once.
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
		t.Errorf("the document of an undated post differs a day later (-before +after):\n%s", diff)
	}
}

func TestPostsAreReadAgainByNewIntake(t *testing.T) {
	w := newWorld(t)
	w.put(post("a", "content_text", nil, "content_html", `<p><a href="/about">About</a></p>`))
	w.rebuild(w.builder("one"))
	w.config.HomeURL = "https://moved.example/"
	w.rebuild(w.builder("two"))
	if got := string(w.body(w.head("main"), feed.JSON)); !strings.Contains(got, "https://moved.example/about") {
		t.Errorf("the item still has a link to the former home page:\n%s", got)
	}
}

// dyingStore is a store whose process is killed immediately after an absorption.
type dyingStore struct{ *store.Site }

func (d dyingStore) Absorb(ctx context.Context, a feed.Absorption) error {
	if err := d.Site.Absorb(ctx, a); err != nil {
		return err
	}
	return errors.New("killed")
}

// TestRejectionIsReportedAfterCrash checks that the notices about a rejected post are in the outbox as soon as the post
// is rejected, so that a crash cannot lose them, and that none are added if the reason has not changed.
func TestRejectionIsReportedAfterCrash(t *testing.T) {
	w := newWorld(t)
	rejected := func(p feed.Problem) []feed.StoredNotice {
		return []feed.StoredNotice{{Key: "webhook rejected " + p.ID, Value: p.Reason}}
	}
	w.put(feed.RawPost{ID: "bad", Raw: []byte(`{"title": 7}`)})
	b := w.builder("one", func(c *publish.Config) { c.Store, c.Rejected = dyingStore{w.site}, rejected })
	if _, err := b.Rebuild(t.Context()); err == nil {
		t.Fatal("the rebuild did not return the store's error")
	}
	claim := func() []feed.Claim {
		claims, err := w.site.ClaimNotices(t.Context(), feed.Claiming{Lease: time.Hour, Most: 10, Claimant: "test"})
		if err != nil {
			t.Fatal(err)
		}
		return claims
	}
	claims := claim()
	if len(claims) != 1 || claims[0].Key != "webhook rejected bad" || claims[0].Value == "" {
		t.Fatalf("the notices after the crash are %+v, want one about the post", claims)
	}
	b = w.builder("two", func(c *publish.Config) { c.Rejected = rejected })
	w.put(feed.RawPost{ID: "bad", Raw: []byte(`{"title": 8}`)}) // rejected for the same reason
	w.rebuild(b)
	if again := claim(); len(again) > 0 {
		t.Errorf("the notices after a version that is rejected for the same reason are %+v, want none", again)
	}
}
