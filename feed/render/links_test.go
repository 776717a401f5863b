package render

import (
	"strings"
	"testing"
	"time"

	"feedpub/feed"
)

// TestPageLinksToFeeds checks that tags, authors and sources on a page link to the pages of their feeds if those feeds
// are unambiguous.
func TestPageLinksToFeeds(t *testing.T) {
	item := &feed.Item{
		ID: "1", Title: "T", HTML: "<p>x</p>", Published: time.Unix(0, 0).UTC(), Updated: time.Unix(0, 0).UTC(),
		Tags: []string{"Go", "C#", "Excluded"}, Authors: []feed.Author{{Name: "Ann Lee"}, {Name: "Bob", URL: "https://bob.example/"},
			{Name: "Carl", URL: "https://carl.example/"}},
		Quotes: []feed.Quote{{Source: feed.Source{Publication: "The Star"}}, {Source: feed.Source{Publication: "The Sun"}}},
		Feeds:  []feed.Name{"authors/ann-lee", "authors/bob", "sources/star", "tags/c-0a1b2c", "tags/go", "tags/go-fast"},
	}
	f := feed.Feed{Site: feed.Site{ID: "main", Title: "S", BaseURL: "https://feeds.example", Language: "en"}, Name: "main",
		Title: "S", Description: "S", Items: []*feed.Item{item}}
	page, err := New().Page(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`<a href="https://feeds.example/tags/go/" rel="tag">Go</a>`, `<a href="https://feeds.example/tags/c-0a1b2c/" rel="tag">C#</a>`,
		`<li>Excluded</li>`, `<a href="https://feeds.example/authors/ann-lee/" rel="author">Ann Lee</a>`,
		`<a href="https://feeds.example/authors/bob/" rel="author">Bob</a>`,
		`<a href="https://carl.example/" rel="author">Carl</a>`, `<a href="https://feeds.example/sources/star/">The Star</a>`,
	} {
		if !strings.Contains(string(page.Body), want) {
			t.Errorf("the page lacks %s:\n%s", want, page.Body)
		}
	}
}
