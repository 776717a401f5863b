package publish_test

import (
	"encoding/json"
	"html"
	"strings"
	"testing"

	"feedpub/feed"
	"feedpub/feed/intake"
	"feedpub/feed/publish"
)

// withPages makes a builder publish pages.
func withPages(c *publish.Config) { c.Catalog.Pages = true }

// links returns the URLs of the items in the main feed, by id.
func (w *world) links() map[string]string {
	w.t.Helper()
	var doc struct{ Items []struct{ ID, URL string } }
	if err := json.Unmarshal(w.body(w.head(feed.Main), feed.JSON), &doc); err != nil {
		w.t.Fatal(err)
	}
	links := map[string]string{}
	for _, it := range doc.Items {
		links[it.ID] = it.URL
	}
	return links
}

// TestPostsWithoutURLHavePages checks that each post without a URL has a page, that posts with the same file name have
// different pages whose names do not change, and that the page is committed before a feed links to it.
func TestPostsWithoutURLHavePages(t *testing.T) {
	w := newWorld(t)
	var order []feed.Name
	one := w.builder("one", withPages, func(c *publish.Config) {
		c.Built = func(r feed.FeedReport) { order = append(order, r.Feed) }
	})
	w.put(post("2024/hello.md"), post("notes/hello.md", "title", "Hello <you>"), post("own", "url", "https://blog.example/own"))
	w.rebuild(one)
	links := w.links()
	first, second := links["2024/hello.md"], links["notes/hello.md"]
	if first != "https://feeds.example/posts/hello/" || !strings.HasPrefix(second, "https://feeds.example/posts/hello-") {
		t.Errorf("links are %v; want pages named hello, and hello with a suffix", links)
	}
	if links["own"] != "https://blog.example/own" {
		t.Errorf("the link of a post with a URL is %q; want its URL", links["own"])
	}
	if len(order) != 3 || !order[0].OfPost() || !order[1].OfPost() || order[2] != feed.Main {
		t.Errorf("commits are in the order %v; want the pages before the feed that links to them", order)
	}
	name := feed.Name(strings.Trim(strings.TrimPrefix(second, "https://feeds.example/"), "/"))
	page := string(w.body(w.head(name), feed.HTML))
	for _, want := range []string{"<h1>Hello &lt;you&gt;</h1>", "Text of notes/hello.md.", `rel="canonical" href="` + second + `"`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
	if strings.Contains(page, "noindex") {
		t.Error("the page has a noindex directive, but it is the only page of the post")
	}

	w.put(post("notes/hello.md", "title", "A different title"))
	w.delete("2024/hello.md")
	order = nil
	w.rebuild(one)
	if got := w.links(); got["notes/hello.md"] != second || len(got) != 2 {
		t.Errorf("after an edit, links are %v; want %s unchanged", got, second)
	}
	if h := w.head("posts/hello"); len(h.IDs) != 0 || strings.Contains(string(w.body(h, feed.HTML)), "2024/hello.md") {
		t.Errorf("the page of the deleted post has the ids %v and may show it", h.IDs)
	}
	for _, n := range order {
		if n == "posts/own" {
			t.Error("a post with a URL has a page")
		}
	}
	if problems := w.problems(); len(problems) > 0 {
		t.Errorf("problems are %v; want none", problems)
	}
}

// TestFragments checks that a reference to a fragment of a post, such as a footnote, refers to the page of the post.
func TestFragments(t *testing.T) {
	w := newWorld(t)
	const note = "A note[^1].\n\n[^1]: See `<a href=\"#x\">`."
	w.put(post("here", "content_text", "", "content_markdown", note),
		post("there", "url", "https://blog.example/there", "content_text", "", "content_markdown", note))
	w.rebuild(w.builder("one", withPages))
	body := string(w.body(w.head(feed.Main), feed.Atom))
	for _, want := range []string{"https://feeds.example/posts/here/#fn:1", "https://blog.example/there#fn:1", `href="#x"`} {
		if got := html.UnescapeString(html.UnescapeString(body)); !strings.Contains(got, want) {
			t.Errorf("the feed lacks %s:\n%s", want, got)
		}
	}
}

// TestPermalinks checks that the pattern determines the blog URLs of posts that specify no URL, and that such posts
// have no page.
func TestPermalinks(t *testing.T) {
	w := newWorld(t)
	w.config.Permalink = "/:year/:month/:day/:slug/"
	w.put(post("notes/2020-01-02-hello-you.md", "date_published", "2020-01-02T23:30:00-05:00"), post("b.md", "slug", "Own Slug"))
	w.rebuild(w.builder("one", withPages, func(c *publish.Config) { c.Intake = intake.New(w.config, nil) }))
	links := w.links()
	if got, want := links["notes/2020-01-02-hello-you.md"], "https://blog.example/2020/01/02/hello-you/"; got != want {
		t.Errorf("the link is %q; want %q", got, want)
	}
	if got, want := links["b.md"], "https://blog.example/2020/01/02/own-slug/"; got != want {
		t.Errorf("the link of a post with a slug is %q; want %q", got, want)
	}
	heads, err := w.site.Heads(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range heads {
		if h.Feed.OfPost() {
			t.Errorf("there is a page %s", h.Feed)
		}
	}
}

// TestSamePermalink checks that the first of two posts with the same permalink keeps it, that the other has a page of
// its own and a problem that names both, and that the permalink becomes free when the first post has a different one.
func TestSamePermalink(t *testing.T) {
	w := newWorld(t)
	w.config.Permalink = "/:year/:slug/"
	one := w.builder("one", withPages, func(c *publish.Config) { c.Intake = intake.New(w.config, nil) })
	const at, first, second = "https://blog.example/2020/hello/", "a/hello.md", "b/hello.md"
	w.put(post(second, "date_published", "2020-03-04"), post(first, "date_published", "2020-01-02"))
	w.rebuild(one)
	links := w.links()
	if links[second] != at || links[first] != "https://feeds.example/posts/hello/" {
		t.Errorf("links are %v; want the permalink for %s, which came first, and a page for the other", links, second)
	}
	problems, err := w.site.Problems(t.Context())
	if err != nil || len(problems) != 1 || problems[0].ID != first || problems[0].Kind != feed.KindNote ||
		!strings.Contains(problems[0].Reason, at) || !strings.Contains(problems[0].Reason, second) {
		t.Errorf("problems are %+v (error %v); want a note for %s that names the permalink and %s",
			problems, err, first, second)
	}

	// Edits and a different builder change nothing.
	w.put(post(first, "date_published", "2020-01-02", "title", "Edited"))
	w.put(post(second, "date_published", "2020-03-04", "title", "Edited"))
	w.rebuild(one)
	if got := w.links(); got[second] != at || got[first] != links[first] {
		t.Errorf("after edits, links are %v; want %v", got, links)
	}

	w.put(post(second, "date_published", "2021-03-04"))
	w.rebuild(one)
	w.put(post(first, "date_published", "2020-01-02", "title", "Edited again"))
	w.rebuild(one)
	if got := w.links(); got[first] != at || len(w.problems()) > 0 {
		t.Errorf("the link is %q, with the problems %v; want the permalink that has become free", got[first], w.problems())
	}
}

// TestPostsWithoutPages checks that nothing links to pages if the site has none.
func TestPostsWithoutPages(t *testing.T) {
	w := newWorld(t)
	w.put(post("a"))
	w.rebuild(w.builder("one"))
	if links := w.links(); links["a"] != "" {
		t.Errorf("links are %v; want none", links)
	}
}
