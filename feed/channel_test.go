package feed_test

import (
	"errors"
	"testing"

	"feedpub/feed"
)

func TestArchiveNames(t *testing.T) {
	for _, tt := range []struct {
		name    feed.Name
		number  int
		archive feed.Name
		path    string
	}{
		{feed.Main, 1, "archive/1", "/archive/1/feed.xml"},
		{"tags/go", 12, "tags/go/archive/12", "/tags/go/archive/12/feed.xml"},
		{"links", 3, "links/archive/3", "/links/archive/3/feed.xml"},
	} {
		if got := tt.name.Archive(tt.number); got != tt.archive {
			t.Errorf("%s.Archive(%d) = %s, want %s", tt.name, tt.number, got, tt.archive)
		}
		if name, number := tt.archive.Archived(); name != tt.name || number != tt.number {
			t.Errorf("%s.Archived() = %s, %d, want %s, %d", tt.archive, name, number, tt.name, tt.number)
		}
		if got := tt.archive.Path(feed.RSS); got != tt.path {
			t.Errorf("%s.Path(RSS) = %s, want %s", tt.archive, got, tt.path)
		}
	}
	for _, n := range []feed.Name{
		"main", "links", "tags/archive", "tags/3", "archive", "archive/0", "archive/-1", "archive/01", "archive/x",
		"/archive/1", "tags/go/archive/1x",
	} {
		if name, number := n.Archived(); name != n || number != 0 {
			t.Errorf("%s.Archived() = %s, %d, want the name and 0", n, name, number)
		}
	}
}

func TestValidSelection(t *testing.T) {
	for _, n := range []feed.Name{"links", "a", "2024", "long-reads"} {
		if err := feed.ValidSelection(n); err != nil {
			t.Errorf("%s: %v", n, err)
		}
	}
	for _, n := range []feed.Name{
		"", "main", "tags", "authors", "sources", "archive", "pages", "Links", "a/b", "feed.xml", "é",
	} {
		if err := feed.ValidSelection(n); !errors.Is(err, feed.ErrInvalid) {
			t.Errorf("ValidSelection(%q) = %v, want an error of kind invalid", n, err)
		}
	}
}

func TestChannelDefaults(t *testing.T) {
	site := feed.Site{Limit: 50}
	c := feed.Catalog{
		Feeds: map[feed.Name]feed.Channel{
			feed.Main: {Archives: true}, "links": {Limit: 5, Formats: []feed.Format{feed.RSS}},
			"tags/go": {TitleLink: feed.SourceTitle},
		},
		Families: map[feed.Family]feed.Channel{feed.Tags: {Limit: 20, Content: feed.SummaryContent, Archives: true}},
	}
	for _, tt := range []struct {
		name  feed.Name
		limit int
		feed.Content
		feed.TitleLink
		formats  int
		archives bool
	}{
		{feed.Main, 50, feed.FullContent, feed.PermalinkTitle, 3, true},
		{"archive/2", 50, feed.FullContent, feed.PermalinkTitle, 3, true},
		{"links", 5, feed.FullContent, feed.PermalinkTitle, 1, false},
		{"links/archive/2", 5, feed.FullContent, feed.PermalinkTitle, 1, false},
		{"tags/other", 20, feed.SummaryContent, feed.PermalinkTitle, 3, true},
		{"tags/other/archive/1", 20, feed.SummaryContent, feed.PermalinkTitle, 3, true},
		{"tags/go", 20, feed.SummaryContent, feed.SourceTitle, 3, false},
		{"sources/guardian", 50, feed.FullContent, feed.PermalinkTitle, 3, false},
	} {
		ch := c.Channel(site, tt.name)
		if ch.Limit != tt.limit || ch.Content != tt.Content || ch.TitleLink != tt.TitleLink ||
			len(ch.Formats) != tt.formats || ch.Archives != tt.archives {
			t.Errorf("Channel(%s) = %+v, want %+v", tt.name, ch, tt)
		}
	}
	first, again := c.Fingerprint(), c.Fingerprint() // map iteration order may differ between the calls
	if (feed.Catalog{}).Fingerprint() == first || first != again {
		t.Error("different catalogs have equal fingerprints, or the fingerprint of one catalog is not stable")
	}
}
