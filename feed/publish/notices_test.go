package publish_test

import (
	"slices"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/publish"
)

// TestAnnouncedChanges checks which changes add notices for hubs: those that readers see, and no others. Each document
// in a format of a feed is a topic; archives are not.
func TestAnnouncedChanges(t *testing.T) {
	w := newWorld(t)
	b := w.builder("one", func(c *publish.Config) { c.Notices.Topics = []string{"ping"} })
	in := func(d time.Duration) string { return w.now().Add(d).UTC().Format(time.RFC3339) }
	all := []string{"ping atom main", "ping json main", "ping rss main"}
	w.put(post("a"))
	w.rebuild(b)
	date := in(time.Hour)
	for _, tt := range []struct {
		name string
		do   func()
		want []string
	}{
		{"the first version of a feed", func() {}, nil},
		{"a rebuild without changes", func() {}, nil},
		{"a post that is stored again", func() { w.put(post("a")) }, nil},
		{"a draft", func() { w.put(post("b", "status", "draft")) }, nil},
		{"a private post", func() { w.put(post("c", "status", "private")) }, nil},
		{"a rejected post", func() { w.put(feed.RawPost{ID: "d", Raw: []byte(`{"title": 7}`)}) }, nil},
		{"a post with a future date", func() { w.put(post("e", "date_published", date)) }, nil},
		{"its date comes", func() { w.advance(2 * time.Hour) }, all},
		{"a new post", func() { w.put(post("f")) }, all},
		{"a changed post", func() { w.put(post("f", "title", "Changed")) }, all},
		{"a deleted post", func() { w.delete("f") }, all},
		{"a published draft", func() { w.put(post("b")) }, all},
	} {
		tt.do()
		w.rebuild(b)
		// The claims are made at a time at which all notices are due.
		at := w.now().Add(time.Minute)
		claims, err := w.site.ClaimNotices(t.Context(), feed.Claiming{At: at, Lease: time.Second, Most: 100, Claimant: "test"})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range claims {
			got = append(got, c.Key)
			if err := w.site.FinishNotice(t.Context(), at, c, 0, ""); err != nil {
				t.Fatal(err)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, tt.want) {
			t.Errorf("notices after %s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
