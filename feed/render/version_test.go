package render

import (
	"errors"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
)

func versionFeed(language string) feed.Feed {
	when := time.Date(2014, 6, 17, 9, 30, 0, 0, time.UTC)
	return feed.Feed{
		Site: feed.Site{ID: "main", Title: "T", Language: language, BaseURL: "https://feeds.example.org",
			HomeURL: "https://blog.example.org", Since: when, Limit: 10},
		Name: feed.Main, Title: "T", Description: "T", Updated: when,
		Items: []*feed.Item{{ID: "a", Title: "A", HTML: "<p>a</p>", Published: when, Updated: when}},
	}
}

// TestVersionsSideBySide adds a fake version that changes items, and renders a feed alternately in both versions.
func TestVersionsSideBySide(t *testing.T) {
	const next = Version + 1
	rss := *writers[feed.RSS]
	defer func(w *formatWriter) { writers[feed.RSS] = w }(writers[feed.RSS])
	changed := rss
	changed.fragment = func(p *pen, version int, site feed.SiteID, item *feed.Item, v Variant) ([]byte, error) {
		if version >= next {
			other := *item
			other.Title = "new " + item.Title
			item = &other
		}
		return rss.fragment(p, version, site, item, v)
	}
	writers[feed.RSS] = &changed

	present := New()
	newer := *present // shares the cache
	newer.version = next
	f := versionFeed("en")
	for range 2 {
		for _, r := range []*Renderer{present, &newer} {
			docs, _, err := r.Documents(f)
			if err != nil {
				t.Fatal(err)
			}
			title := "<title>A</title>"
			if r.Version() == next {
				title = "<title>new A</title>"
			}
			body := string(docs[0].Body)
			for _, want := range []string{"<generator>feedpub " + generatorVersion(r.Version(), false) + "</generator>", title} {
				if !strings.Contains(body, want) {
					t.Errorf("the RSS document of version %d has no %s:\n%s", r.Version(), want, body)
				}
			}
		}
	}
}

func TestAt(t *testing.T) {
	for _, version := range []int{Oldest - 1, Version + 1} {
		if _, err := New().At(version); !errors.Is(err, feed.ErrInvalid) {
			t.Errorf("At(%d): error is %v, want one of kind %q", version, err, feed.ErrInvalid)
		}
	}
	for version := Oldest; version <= Version; version++ {
		r, err := New().At(version)
		if err != nil || r.Version() != version {
			t.Errorf("At(%d) = a renderer of version %d, %v", version, r.Version(), err)
		}
	}
}

func TestStyleSheetLanguage(t *testing.T) {
	for language, want := range map[string]string{
		"en": "This is a web feed", "de-AT": "Dies ist ein Webfeed", "es": "Esto es una fuente web",
		"fr": "Ceci est un flux web", "ja": "This is a web feed",
	} {
		css := string(New().StyleSheet(versionFeed(language).Site, true).Body)
		if !strings.Contains(css, `content: "`+want) || strings.Contains(css, "{notice}") {
			t.Errorf("the style sheet of a site in %s has no %q", language, want)
		}
	}
}
