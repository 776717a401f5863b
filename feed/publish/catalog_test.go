package publish_test

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/alias"
	"feedpub/feed/publish"
)

// with returns a builder with a catalog.
func (w *world) with(c feed.Catalog) *publish.Publisher {
	return w.builder("one", func(config *publish.Config) { config.Catalog = c })
}

func selection(n feed.Name, c feed.Criteria) feed.Selection {
	return feed.Selection{Name: n, Criteria: c}
}

func TestSelections(t *testing.T) {
	w := newWorld(t)
	quotes := []any{map[string]any{"source": map[string]any{"publication": "The Guardian"}, "text": "Quoted words."}}
	c := feed.Catalog{
		Feeds: map[feed.Name]feed.Channel{"links": {
			Title: "Links", Description: "What we read", Limit: 2, Formats: []feed.Format{feed.JSON},
		}},
		Selections: []feed.Selection{
			selection("links", feed.Criteria{Quoting: feed.Yes}), selection("own-words", feed.Criteria{Quoting: feed.No}),
			selection("nothing", feed.Criteria{Tags: []string{"none"}}),
		},
	}
	b := w.with(c)
	w.put(dated("a", 1, "quotes", quotes), dated("b", 2, "quotes", quotes), dated("c", 3, "quotes", quotes), dated("d", 4))
	w.rebuild(b)
	for name, want := range map[feed.Name][]string{"links": {"c", "b"}, "own-words": {"d"}, "nothing": {}} {
		if got := w.ids(name); got == nil || !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", name, got, want)
		}
	}
	h := w.head("links")
	if len(h.Documents) != 1 || h.Documents[0].Path != "/links/feed.json" {
		t.Errorf("links has the documents %+v, want only /links/feed.json", h.Documents)
	}
	if got := string(w.body(h, feed.JSON)); !strings.Contains(got, `"Links"`) || !strings.Contains(got, "What we read") {
		t.Errorf("links lacks the configured title or description:\n%s", got)
	}

	// An edit moves a post between selections, and leaves all other selections unchanged.
	before := w.head("own-words")
	w.put(dated("d", 4, "quotes", quotes))
	got := w.rebuild(b)
	if got["links"] != feed.Committed || got["own-words"] != feed.Committed || got["nothing"] != feed.Unchanged {
		t.Errorf("outcomes %v, want links and own-words committed and nothing unchanged", got)
	}
	if got := w.ids("links"); !slices.Equal(got, []string{"d", "c"}) {
		t.Errorf("links has %v, want [d c]", got)
	}
	if after := w.head("own-words"); len(after.IDs) != 0 ||
		!after.Documents[0].Modified.After(before.Documents[0].Modified) {
		t.Errorf("head of own-words is %+v, want a later one without posts", after)
	}
}

// TestUncertainSourceHasNoFeed checks that a publication that is only named in prose is credited, and has a feed only
// once a post links to its domain.
func TestUncertainSourceHasNoFeed(t *testing.T) {
	w := newWorld(t)
	quoting := func(credit string) string {
		return "<p>" + credit + ":</p><blockquote><p>Houses fall into the sea.</p></blockquote>"
	}
	w.put(
		post("known", "content_html", quoting("From the Guardian")),
		post("unknown", "content_html", quoting("From the Rivertown Courier")),
	)
	p := w.builder("b1")
	feeds := w.rebuild(p)
	if _, ok := feeds["sources/guardian"]; !ok {
		t.Errorf("the known publication has no feed; the feeds are %v", slices.Sorted(maps.Keys(feeds)))
	}
	for name := range feeds {
		if strings.Contains(string(name), "rivertown") {
			t.Errorf("the publication that one post names in prose has the feed %s", name)
		}
	}
	if doc := w.body(w.head("main"), feed.JSON); !bytes.Contains(doc, []byte("Rivertown Courier")) {
		t.Errorf("the uncertain source is not credited in the post:\n%s", doc)
	}
	w.put(post("unknown", "content_html",
		quoting(`From <a href="https://rivertowncourier.example/a/1">the Rivertown Courier</a>`)))
	if feeds := w.rebuild(p); feeds["sources/rivertown-courier"] == "" {
		t.Errorf("the publication whose domain a post links to has no feed; the feeds are %v",
			slices.Sorted(maps.Keys(feeds)))
	}
}

func TestChangeMakesAffectedFeedsDirty(t *testing.T) {
	w := newWorld(t)
	c := feed.Catalog{Selections: []feed.Selection{
		selection("go", feed.Criteria{Tags: []string{"Go"}}), selection("rust", feed.Criteria{Tags: []string{"Rust"}}),
		selection("german", feed.Criteria{Languages: []string{"de"}}),
	}}
	b := w.with(c)
	w.put(dated("a", 1, "tags", []string{"go"}), dated("b", 2, "tags", []string{"rust"}),
		dated("c", 3, "language", "de-AT"))
	w.rebuild(b)
	for _, tt := range []struct {
		name string
		post feed.RawPost
		want []feed.Name
	}{
		{"an edit", dated("a", 1, "tags", []string{"go"}, "title", "New"), []feed.Name{"go", "main", "tags/go"}},
		{"a replaced tag", dated("a", 1, "tags", []string{"rust"}),
			[]feed.Name{"go", "main", "rust", "tags/go", "tags/rust"}},
		{"a new post of two selections", dated("new", 9, "tags", []string{"Go"}, "language", "de"),
			[]feed.Name{"german", "go", "main", "tags/go"}},
		{"the same post again", dated("new", 9, "tags", []string{"Go"}, "language", "de"), nil},
		{"a post that excludes itself",
			dated("new", 9, "tags", []string{"Go"}, "language", "de", "exclude_from", []string{"german", "tags/go"}),
			[]feed.Name{"german", "go", "main", "tags/go"}},
	} {
		w.put(tt.post)
		w.rebuild(b, "rust") // absorbs all posts, but builds only this feed
		dirty, err := w.site.DirtyFeeds(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []feed.Name
		for _, d := range dirty {
			got = append(got, d.Name)
		}
		slices.Sort(got)
		want := slices.DeleteFunc(slices.Clone(tt.want), func(n feed.Name) bool { return n == "rust" })
		if !slices.Equal(got, want) {
			t.Errorf("%s: dirty feeds %v, want %v", tt.name, got, want)
		}
		w.rebuild(b)
	}
	if got := w.ids("german"); !slices.Equal(got, []string{"c"}) {
		t.Errorf("german has %v, want [c]: the new post excludes itself", got)
	}
	if got := w.ids("tags/go"); len(got) != 0 {
		t.Errorf("tags/go has %v, want none: the new post excludes itself", got)
	}
	if got := w.ids("go"); !slices.Equal(got, []string{"new"}) {
		t.Errorf("go has %v, want [new]: the post excludes itself only from other feeds", got)
	}
}

func TestSelectionsAfterConfigurationChange(t *testing.T) {
	w := newWorld(t)
	w.put(dated("a", 1, "tags", []string{"go"}), dated("b", 2, "tags", []string{"rust"}))
	w.rebuild(w.with(feed.Catalog{}))
	w.rebuild(w.with(feed.Catalog{Selections: []feed.Selection{selection("x", feed.Criteria{Tags: []string{"go"}})}}))
	if got := w.ids("x"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("the new selection has %v, want [a]", got)
	}
	w.rebuild(w.with(feed.Catalog{Selections: []feed.Selection{selection("x", feed.Criteria{Tags: []string{"rust"}})}}))
	if got := w.ids("x"); !slices.Equal(got, []string{"b"}) {
		t.Errorf("the selection with changed criteria has %v, want [b]", got)
	}
	if got := w.rebuild(w.with(feed.Catalog{})); got["x"] != feed.Committed {
		t.Errorf("outcome of a removed selection is %s, want committed without posts", got["x"])
	}
	if got := w.ids("x"); got == nil || len(got) != 0 {
		t.Errorf("the removed selection has %v, want a feed without posts, since readers may still request it", got)
	}
}

func TestSelectionWithArchives(t *testing.T) {
	w := newWorld(t)
	b := w.with(feed.Catalog{
		Feeds:      map[feed.Name]feed.Channel{"x": {Limit: 3, Archives: true}},
		Families:   map[feed.Family]feed.Channel{feed.Tags: {Limit: 2, Archives: true, Content: feed.SummaryContent}},
		Selections: []feed.Selection{selection("x", feed.Criteria{Tags: []string{"go"}})},
	})
	published := map[string]bool{}
	for _, id := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		published[id] = true
		w.put(dated(id, int(id[0]), "tags", []string{"go"}))
	}
	w.rebuild(b)
	for _, name := range []feed.Name{"x", "tags/go"} {
		c := w.crawl(name)
		c.wantOnce(t, string(name), published)
		if len(c.documents) < 3 {
			t.Errorf("%s has the documents %v, want archives", name, c.documents)
		}
	}
	if c := w.crawl(feed.Main); len(c.documents) != 1 {
		t.Errorf("the main feed has the documents %v, want no archives", c.documents)
	}
}

func TestAliasesAreCommitted(t *testing.T) {
	w := newWorld(t)
	b := w.with(feed.Catalog{
		Feeds:    map[feed.Name]feed.Channel{"tags/foreign-policy": {Formats: []feed.Format{feed.Atom}}},
		Presets:  []feed.Preset{alias.Blogger, alias.Jekyll},
		Aliases:  []feed.Alias{{Target: "/podcast.rss", Feed: feed.Main, Format: feed.RSS}},
		PlainXML: true,
	})
	w.put(post("a", "tags", []string{"Foreign Policy"}))
	w.rebuild(b)
	for _, tt := range []struct {
		feed      feed.Name
		format    feed.Format
		target    string
		mediaType string
	}{
		{feed.Main, feed.RSS, "/rss.xml", "application/xml; charset=utf-8"},
		{feed.Main, feed.RSS, "/podcast.rss", "application/xml; charset=utf-8"},
		{feed.Main, feed.Atom, "/feeds/posts/default", "application/xml; charset=utf-8"},
		{"tags/foreign-policy", feed.Atom, "/feeds/posts/default/-/Foreign Policy", "application/xml; charset=utf-8"},
		{"tags/foreign-policy", feed.Atom, "/feeds/posts/default/-/Foreign Policy?alt=rss",
			"application/xml; charset=utf-8"}, // the feed has no RSS document
		{feed.Main, feed.JSON, "", feed.JSON.MediaType()},
	} {
		ref, ok := w.head(tt.feed).Document(tt.format)
		if !ok || tt.target != "" && !slices.Contains(ref.Aliases, tt.target) {
			t.Errorf("%s of %s has the aliases %q, want %s among them", tt.format, tt.feed, ref.Aliases, tt.target)
		}
		if ref.MediaType != tt.mediaType {
			t.Errorf("%s of %s has media type %q, want %q", tt.format, tt.feed, ref.MediaType, tt.mediaType)
		}
		if slices.Contains(ref.Aliases, ref.Path) {
			t.Errorf("the aliases of %s include its own path: %q", ref.Path, ref.Aliases)
		}
	}
	// The document states its own URL, so that readers switch to it.
	if got := string(w.body(w.head(feed.Main), feed.RSS)); strings.Contains(got, "podcast.rss") ||
		!strings.Contains(got, "https://feeds.example/feed.xml") {
		t.Errorf("the document lacks its own URL, or contains an alias:\n%s", got)
	}
	// A change to the aliases is committed even though no bytes change.
	before := w.head(feed.Main)
	w.rebuild(w.with(feed.Catalog{}))
	after := w.head(feed.Main)
	if len(after.Documents[0].Aliases) != 0 || after.Documents[0].Hash != before.Documents[0].Hash ||
		!after.Documents[0].Modified.Equal(before.Documents[0].Modified) {
		t.Errorf("reference without aliases is %+v, want the hash and date of %+v", after.Documents[0], before.Documents[0])
	}
}

func TestPagesListFeeds(t *testing.T) {
	w := newWorld(t)
	c := feed.Catalog{
		Pages:      true,
		Feeds:      map[feed.Name]feed.Channel{feed.Main: {Archives: true}, "empty": {Title: "Not yet"}},
		Selections: []feed.Selection{selection("empty", feed.Criteria{Tags: []string{"none"}})},
	}
	w.config.Limit = 2
	b := w.with(c)
	w.put(dated("a", 1, "tags", []string{"Go"}), dated("b", 2), dated("c", 3))
	w.rebuild(b)
	pages := w.head(feed.Pages)
	var paths []string
	for _, d := range pages.Documents {
		paths = append(paths, d.Path)
		if (d.Policy != "") != strings.HasPrefix(d.MediaType, "text/html") {
			t.Errorf("%s has the Content-Security-Policy %q, want one only for pages", d.Path, d.Policy)
		}
	}
	if diff := cmp.Diff([]string{"/", "/404.html", "/410.html", "/feeds.opml", "/feed.css"}, paths); diff != "" {
		t.Errorf("pages (-want +got):\n%s", diff)
	}
	for _, format := range []feed.Format{feed.HTML, feed.OPML} {
		got := string(w.body(pages, format))
		for text, want := range map[string]bool{"tags/go/": true, "Not yet": true, "archive/1": false} {
			if strings.Contains(got, text) != want {
				t.Errorf("the %s list of feeds contains %q: %t, want %t", format, text, !want, want)
			}
		}
	}
	if page := string(w.body(w.head("tags/go"), feed.HTML)); !strings.Contains(page, "Title of a") {
		t.Errorf("the page of tags/go lacks its post:\n%s", page)
	}

	// The OPML changes when a tag is new or loses its last post, but not when other posts change.
	version := func() feed.Hash {
		d, _ := w.head(feed.Pages).Document(feed.OPML)
		return d.Hash
	}
	before := version()
	w.put(dated("d", 4, "tags", []string{"Go"}))
	w.rebuild(b)
	if version() != before {
		t.Error("a post of listed feeds changed the list")
	}
	w.put(dated("e", 5, "tags", []string{"New"}))
	w.rebuild(b)
	if got := string(w.body(w.head(feed.Pages), feed.HTML)); !strings.Contains(got, "tags/new/") {
		t.Error("a new tag is not listed")
	}
	w.delete("e")
	w.rebuild(b)
	if version() != before {
		t.Error("a feed that lost its last post is still listed")
	}
	if _, err := b.Rebuild(t.Context(), feed.Pages); err == nil {
		t.Error("Rebuild of the pages returned no error, want one: pages are not a feed")
	}

	// An unlisted feed is still built.
	c.Unlisted = []feed.Name{"tags/go"}
	w.rebuild(w.with(c))
	for _, format := range []feed.Format{feed.HTML, feed.OPML} {
		if got := string(w.body(w.head(feed.Pages), format)); strings.Contains(got, "tags/go/") {
			t.Errorf("the %s list of feeds contains an unlisted feed:\n%s", format, got)
		}
	}
	if got := w.ids("tags/go"); len(got) == 0 {
		t.Error("an unlisted feed has no posts")
	}
}

func TestRunListsNewFeed(t *testing.T) {
	w := newWorld(t)
	b := w.builder("one", func(c *publish.Config) { c.OnChange, c.Catalog = true, feed.Catalog{Pages: true} })
	stop := w.run(b)
	w.until("the list is committed", func() bool { _, err := w.site.Head(t.Context(), feed.Pages); return err == nil })
	w.put(post("a", "tags", []string{"fresh"}))
	w.until("the new tag is listed", func() bool {
		return strings.Contains(string(w.body(w.head(feed.Pages), feed.OPML)), "tags/fresh/")
	})
	w.delete("a")
	w.until("the tag without posts is no longer listed", func() bool {
		return !strings.Contains(string(w.body(w.head(feed.Pages), feed.OPML)), "tags/fresh/")
	})
	stop()
}
