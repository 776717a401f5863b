package publish_test

import (
	"encoding/xml"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/publish"
)

// archived returns a builder whose main feed has archives.
func (w *world) archived(limit int) *publish.Publisher {
	w.config.Limit = limit
	return w.builder("one", func(c *publish.Config) {
		c.Catalog = feed.Catalog{Feeds: map[feed.Name]feed.Channel{feed.Main: {Archives: true}}}
	})
}

// dated returns a post that is published on the given day, counted from the start of 2010.
func dated(id string, day int, members ...any) feed.RawPost {
	at := time.Date(2010, 1, 1, 12, 0, 0, 0, time.UTC).AddDate(0, 0, day)
	return post(id, append([]any{"date_published", at.Format(time.RFC3339)}, members...)...)
}

// crawled is the result of following the links from the Atom document of a feed to its last archive.
type crawled struct {
	ids       []string // newest first
	documents []string // paths, beginning with the subscription document
	bodies    map[string]string
}

// crawl follows the prev-archive links from the subscription document (RFC 5005 section 4), and checks the links of
// each document.
func (w *world) crawl(name feed.Name) crawled {
	w.t.Helper()
	heads, err := w.site.Heads(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	at := map[string]feed.Head{}
	for _, h := range heads {
		for _, d := range h.Documents {
			at[d.Path] = h
		}
	}
	c := crawled{bodies: map[string]string{}}
	subscription := name.Path(feed.Atom)
	for path, newer := subscription, ""; path != ""; {
		h, ok := at[path]
		if !ok {
			w.t.Fatalf("%s is not committed, but %v link to it", path, c.documents)
		}
		body := w.body(h, feed.Atom)
		var doc struct {
			Archive *struct{} `xml:"http://purl.org/syndication/history/1.0 archive"`
			Entries []struct {
				ID string `xml:"id"`
			} `xml:"entry"`
			Links []struct {
				Rel  string `xml:"rel,attr"`
				Href string `xml:"href,attr"`
			} `xml:"link"`
		}
		if err := xml.Unmarshal(body, &doc); err != nil {
			w.t.Fatal(err)
		}
		links := map[string]string{}
		for _, l := range doc.Links {
			links[l.Rel] = strings.TrimPrefix(l.Href, w.config.BaseURL)
		}
		if got, want := doc.Archive != nil, path != subscription; got != want {
			w.t.Errorf("%s is marked as an archive: %t, want %t", path, got, want)
		}
		if want := map[bool]string{true: subscription}[path != subscription]; links["current"] != want {
			w.t.Errorf("the current link of %s is %q, want %q", path, links["current"], want)
		}
		next := newer
		if newer == subscription {
			next = "" // the subscription document is not an archive
		}
		if links["next-archive"] != next {
			w.t.Errorf("the next-archive link of %s is %q, want %q", path, links["next-archive"], next)
		}
		for _, e := range doc.Entries {
			c.ids = append(c.ids, strings.TrimPrefix(e.ID, "urn:feedpub:main:"))
		}
		c.documents = append(c.documents, path)
		c.bodies[path] = string(body)
		path, newer = links["prev-archive"], path
	}
	return c
}

// wantOnce checks that a crawl has found each published post once.
func (c crawled) wantOnce(t *testing.T, when string, published map[string]bool) {
	t.Helper()
	got := slices.Sorted(slices.Values(c.ids))
	if diff := cmp.Diff(slices.Sorted(maps.Keys(published)), got); diff != "" {
		t.Errorf("%s: posts found by a crawler (-published +found):\n%s", when, diff)
	}
}

// changed returns the documents that differ from those of an earlier crawl.
func (c crawled) changed(before crawled) []string {
	var paths []string
	for path, body := range c.bodies {
		if before.bodies[path] != body {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

func TestCrawlFindsEveryPostOnce(t *testing.T) {
	const n, limit = 1000, 50
	w := newWorld(t)
	b := w.archived(limit)
	published := map[string]bool{}
	id := func(i int) string { return fmt.Sprintf("p%04d", i) }
	add := func(p feed.RawPost) feed.RawPost {
		published[p.ID] = true
		return p
	}
	var posts []feed.RawPost
	for i := range n {
		posts = append(posts, add(dated(id(i), 2*i/3))) // some posts have the same date
	}
	w.put(posts...)
	w.rebuild(b)
	first := w.crawl(feed.Main)
	first.wantOnce(t, "after a thousand posts", published)
	if got := len(w.ids(feed.Main)); got != limit {
		t.Errorf("the subscription document has %d posts, want %d", got, limit)
	}
	for _, path := range first.documents {
		if got := strings.Count(first.bodies[path], "<entry"); got > limit {
			t.Errorf("%s has %d posts, want at most the limit of %d", path, got, limit)
		}
	}
	if want := n / limit; len(first.documents) != want {
		t.Errorf("the feed has %d documents, want %d", len(first.documents), want)
	}

	pathOf := func(c crawled, id string) string {
		for path, body := range c.bodies {
			if strings.Contains(body, "urn:feedpub:main:"+id+"<") {
				return path
			}
		}
		return "none"
	}
	for _, tt := range []struct {
		name string
		post string // post whose document is expected to change
		do   func()
	}{
		{"an edit", id(500), func() { w.put(dated(id(500), 2*500/3, "title", "Edited")) }},
		{"a deletion", id(321), func() { w.delete(id(321)); delete(published, id(321)) }},
		{"a late import", "late", func() { w.put(add(dated("late", 400))) }},
		{"an import of the oldest", "oldest", func() { w.put(add(dated("oldest", -4000))) }},
		{"a withdrawal", id(111), func() { w.put(dated(id(111), 74, "status", "private")); delete(published, id(111)) }},
	} {
		before := w.crawl(feed.Main)
		tt.do()
		w.rebuild(b)
		after := w.crawl(feed.Main)
		after.wantOnce(t, "after "+tt.name, published)
		at := pathOf(after, tt.post)
		if at == "none" {
			at = pathOf(before, tt.post)
		}
		if got := after.changed(before); !slices.Equal(got, []string{at}) {
			t.Errorf("%s changed the documents %v, want only %s, which contains the post", tt.name, got, at)
		}
	}

	// A new date changes both the post's previous document and its new one.
	before := w.crawl(feed.Main)
	w.put(dated(id(200), 5000))
	w.rebuild(b)
	after := w.crawl(feed.Main)
	after.wantOnce(t, "after a new date", published)
	if got := after.changed(before); !slices.Contains(got, pathOf(before, id(200))) || !slices.Contains(got, "/atom.xml") {
		t.Errorf("a new date changed the documents %v, want at least %s and /atom.xml", got, pathOf(before, id(200)))
	}
}

// TestLostArchiveBoundary checks that no post is in two documents of a feed after the store has lost the boundaries of
// some archives, but not their documents, which replicas may have restored.
func TestLostArchiveBoundary(t *testing.T) {
	w := newWorld(t)
	b := w.archived(4)
	var posts []feed.RawPost
	published := map[string]bool{}
	for i := range 14 {
		posts = append(posts, dated(fmt.Sprintf("p%02d", i), i))
		published[posts[i].ID] = true
		w.put(posts[i])
		w.rebuild(b)
	}
	w.redis.HDel("feedpub:{main}:archives", string(feed.Main.Archive(2)))
	w.redis.HDel("feedpub:{main}:archives", string(feed.Main.Archive(10)))
	w.put(dated("p12", 12, "title", "Edited")) // the post is in the main feed
	w.rebuild(b)
	w.rebuild(b)
	w.crawl(feed.Main).wantOnce(t, "after the boundaries of archives were lost", published)
	heads, err := w.site.Heads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	documents := map[string][]feed.Name{}
	for _, h := range heads {
		if h.Feed == feed.Main || strings.HasPrefix(string(h.Feed), "archive/") {
			for _, id := range h.IDs {
				documents[id] = append(documents[id], h.Feed)
			}
		}
	}
	for id := range published {
		if len(documents[id]) != 1 {
			t.Errorf("post %s is in the documents of %v, want only one document", id, documents[id])
		}
	}
}

// TestLostArchiveBoundariesOfUnchangedFeed checks that the posts of archives whose boundaries were lost get new
// archives, even if the feed itself has not changed: replicas that restore archives make only these archives dirty.
func TestLostArchiveBoundariesOfUnchangedFeed(t *testing.T) {
	w := newWorld(t)
	published := map[string]bool{}
	b := w.archived(4)
	for i := range 10 {
		p := dated(fmt.Sprintf("p%02d", i), i)
		published[p.ID] = true
		w.put(p)
		w.rebuild(b)
	}
	archives, err := w.site.Archives(t.Context())
	if err != nil || len(archives) < 2 {
		t.Fatalf("Archives = %v, %v; want several", archives, err)
	}
	w.lose(":archives")
	for _, a := range archives {
		if err := w.site.MarkDirty(t.Context(), a.Feed); err != nil {
			t.Fatal(err)
		}
	}
	w.rebuild(w.archived(4))
	w.crawl(feed.Main).wantOnce(t, "after all boundaries were lost", published)
}

func TestFeedGrowsPostByPost(t *testing.T) {
	const limit = 8
	w := newWorld(t)
	b := w.archived(limit)
	published := map[string]bool{}
	var before crawled
	for i := range 60 {
		id := fmt.Sprintf("p%02d", i)
		published[id] = true
		w.put(dated(id, i))
		w.rebuild(b, feed.Main)
		c := w.crawl(feed.Main)
		c.wantOnce(t, fmt.Sprintf("after %d posts", i+1), published)
		if got := len(w.ids(feed.Main)); got > limit || i >= limit && got <= limit*3/4-1 {
			t.Errorf("the subscription document has %d of %d posts, want %d to %d", got, i+1, limit*3/4, limit)
		}
		if i > 0 && len(c.documents) > 1 {
			changed := c.changed(before)
			// A new archive is linked from the previous archive. Older archives do not change.
			newest := c.documents[:min(3, len(c.documents))]
			if slices.ContainsFunc(changed, func(p string) bool { return !slices.Contains(newest, p) }) {
				t.Errorf("post %d changed the documents %v, want at most %v", i+1, changed, newest)
			}
		}
		before = c
	}
	for _, path := range before.documents[1:] {
		if got := strings.Count(before.bodies[path], "<entry"); got != limit/4 {
			t.Errorf("%s has %d posts, want a quarter of the limit", path, got)
		}
	}
}

func TestLastRemoval(t *testing.T) {
	w := newWorld(t)
	b := w.archived(4)
	for i := range 12 {
		w.put(dated(fmt.Sprintf("p%02d", i), i, "tags", []string{"x"}))
	}
	w.rebuild(b)
	w.put(dated("p01", 1, "title", "Edited", "tags", []string{"x"}),
		dated("p11", 11, "title", "Edited", "tags", []string{"x"}))
	w.rebuild(b)
	for _, n := range []feed.Name{feed.Main, "archive/1", "tags/x"} {
		if at, err := w.site.LastRemoval(t.Context(), n); err != nil || !at.IsZero() {
			t.Errorf("last removal from %s after an edit is at %v, %v; want none", n, at, err)
		}
	}
	w.put(dated("p01", 1, "title", "Edited"))
	w.delete("p00")
	w.rebuild(b)
	for n, want := range map[feed.Name]bool{feed.Main: false, "archive/1": true, "tags/x": true} {
		if at, err := w.site.LastRemoval(t.Context(), n); err != nil || at.IsZero() == want {
			t.Errorf("last removal from %s after a deletion is at %v, %v; want it recorded: %t", n, at, err, want)
		}
	}
}

func TestLargeArchiveIsDivided(t *testing.T) {
	const limit = 4
	w := newWorld(t)
	b := w.archived(limit)
	published := map[string]bool{}
	for i := range 9 {
		id := fmt.Sprintf("new%d", i)
		published[id] = true
		w.put(dated(id, 1000+i))
	}
	w.rebuild(b)
	before := w.crawl(feed.Main)
	var late []feed.RawPost
	for i := range 50 {
		id := fmt.Sprintf("late%02d", i)
		published[id] = true
		late = append(late, dated(id, i))
	}
	w.put(late...)
	w.rebuild(b)
	after := w.crawl(feed.Main)
	after.wantOnce(t, "after many late posts", published)
	for _, path := range after.documents {
		if got := strings.Count(after.bodies[path], "<entry"); got > 4*limit {
			t.Errorf("%s has %d posts, want at most four times the limit of %d", path, got, limit)
		}
	}
	if after.bodies["/atom.xml"] != before.bodies["/atom.xml"] {
		t.Error("posts added to an archive changed the subscription document")
	}
}

func TestArchivesSurviveLossOfDerivedData(t *testing.T) {
	w := newWorld(t)
	b := w.archived(4)
	for i := range 23 {
		w.put(dated(fmt.Sprintf("p%02d", i), i))
		w.rebuild(b, feed.Main)
	}
	before := w.crawl(feed.Main)
	for _, k := range w.redis.Keys() {
		for _, derived := range []string{":item:", ":idx:", ":cursor", ":dirty", ":head", ":doc:"} {
			if strings.Contains(k, derived) {
				w.redis.Del(k)
			}
		}
	}
	w.rebuild(w.archived(4))
	after := w.crawl(feed.Main)
	if diff := cmp.Diff(before.bodies, after.bodies); diff != "" {
		t.Errorf("documents rebuilt from posts and records (-before +after):\n%s", diff)
	}
}

// TestArchivesAreExported checks that exported records contain the boundaries of archives, so that the documents are
// the same after an import.
func TestArchivesAreExported(t *testing.T) {
	one, two := newWorld(t), newWorld(t)
	var posts []feed.RawPost
	b := one.archived(4)
	for i := range 23 {
		posts = append(posts, dated(fmt.Sprintf("p%02d", i), i))
		one.put(posts[i])
		one.rebuild(b, feed.Main)
	}
	for line, err := range one.site.Records(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if err := two.site.RestoreRecords(t.Context(), line); err != nil {
			t.Fatal(err)
		}
	}
	slices.Reverse(posts)
	two.put(posts...)
	two.rebuild(two.archived(4))
	if diff := cmp.Diff(one.crawl(feed.Main).bodies, two.crawl(feed.Main).bodies); diff != "" {
		t.Errorf("documents after an export and an import (-exported +imported):\n%s", diff)
	}
}

// TestHeldArchive checks that only the archive from which a post vanished is held.
func TestHeldArchive(t *testing.T) {
	w := newWorld(t)
	b := w.archived(4)
	for i := range 12 {
		w.put(dated(fmt.Sprintf("p%02d", i), i))
	}
	w.rebuild(b)
	before := w.crawl(feed.Main)
	w.lose(":post:p01", ":item:p01")
	w.put(dated("p02", 2, "title", "Edited"), dated("new", 100))
	report, err := b.Rebuild(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	outcomes := map[feed.Name]feed.Outcome{}
	for _, r := range report.Feeds {
		outcomes[r.Feed] = r.Outcome
	}
	if outcomes["archive/1"] != feed.Held || outcomes[feed.Main] != feed.Committed {
		t.Errorf("outcomes %v, want archive/1 held and main committed", outcomes)
	}
	if after := w.crawl(feed.Main); after.bodies["/archive/1/atom.xml"] != before.bodies["/archive/1/atom.xml"] {
		t.Error("the held archive has changed")
	}
}

func TestFeedsWithoutArchivesKeepTheirLimit(t *testing.T) {
	w := newWorld(t)
	b := w.archived(4)
	for i := range 12 {
		w.put(dated(fmt.Sprintf("p%02d", i), i, "tags", []string{"x"}))
	}
	w.rebuild(b)
	if got := w.ids("tags/x"); !slices.Equal(got, []string{"p11", "p10", "p09", "p08"}) {
		t.Errorf("tags/x has %v, want the newest four", got)
	}
	if c := w.crawl("tags/x"); len(c.documents) != 1 {
		t.Errorf("tags/x has the archives %v, want none", c.documents[1:])
	}
}
