package publish_test

import (
	"strings"
	"testing"

	"feedpub/feed"
)

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
		t.Errorf("%d records of a rejected post, want 1:\n%s", n, w.log)
	}
	w.put(feed.RawPost{ID: "bad", Raw: []byte(`{"title": 8}`)}) // rejected for the same reason
	w.rebuild(b)
	w.put(feed.RawPost{ID: "bad", Raw: []byte(`{"title": `)})
	w.rebuild(b)
	if n := w.logged("post rejected"); n != 2 {
		t.Errorf("%d records of a rejected post, want 2 after the reason has changed:\n%s", n, w.log)
	}
	w.put(post("bad"))
	w.rebuild(b)
	w.put(feed.RawPost{ID: "bad", Raw: []byte(`{"title": `)})
	w.rebuild(b)
	if n := w.logged("earlier_version_published=true"); n != 1 {
		t.Errorf("%d records of a rejected new version, want 1:\n%s", n, w.log)
	}

	w.lose(":item:a", ":post:a", ":record:a", ":idx:main", ":idx:tags/u", ":idx:tags/v", ":idx:tags/x", ":idx:tags/y",
		":idx:tags/z")
	for range 3 {
		w.rebuild(b)
	}
	if n := w.logged("level=ERROR"); n != 1 {
		t.Errorf("%d errors about feeds that are held for the same reason, want 1:\n%s", n, w.log)
	}
	if !strings.Contains(w.log.String(), `feeds="main, tags/u, tags/v, tags/x, tags/y and 1 more"`) {
		t.Errorf("the log does not name the held feeds:\n%s", w.log)
	}
}
