package render

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"feedpub/feed"
)

// fake is a format that is not in the tables.
const fake feed.Format = "fake"

// TestNewFormatWithoutWriter adds a format to package feed only. Package initialization must panic.
func TestNewFormatWithoutWriter(t *testing.T) {
	all, ofFeeds := append(feed.AllFormats(), fake), append(feed.FeedFormats(), fake)
	if got := panics(func() { complete(writers, all, ofFeeds) }); !strings.Contains(got, `"fake"`) {
		t.Errorf("complete with an additional format panics with %q, want a message that names it", got)
	}
	table := maps.Clone(writers)
	table[fake] = &formatWriter{}
	if got := panics(func() { complete(table, all, ofFeeds) }); !strings.Contains(got, `"fake"`) {
		t.Errorf("complete with an empty row panics with %q, want a message that names the format", got)
	}
	if got := panics(func() { complete(writers, feed.AllFormats(), feed.FeedFormats()) }); got != "" {
		t.Errorf("complete with the current table panics with %q", got)
	}
}

// TestUnknownFormat checks that all functions reject a format that is not in the tables.
func TestUnknownFormat(t *testing.T) {
	f := versionFeed("en")
	if b, err := Fragment("main", f.Items[0], fake, Variant{}); !errors.Is(err, feed.ErrInvalid) {
		t.Errorf("Fragment = %q, %v; want an error of kind %q", b, err, feed.ErrInvalid)
	}
	f.Formats = []feed.Format{feed.RSS, fake}
	if docs, _, err := New().Documents(f); !errors.Is(err, feed.ErrInvalid) {
		t.Errorf("Documents = %d documents, %v; want an error of kind %q", len(docs), err, feed.ErrInvalid)
	}
	if page, err := New().Page(f); err == nil {
		t.Errorf("Page = %q, want an error", page.Body)
	}
	entry := Entry{Name: feed.Main, Title: "T", Formats: []feed.Format{fake}}
	for name, do := range map[string]func(){
		"Index": func() { _, _ = New().Index(f.Site, []Entry{entry}, nil) },
		"OPML":  func() { _, _ = OPML(f.Site, []Entry{entry}) },
		"Snippet": func() {
			Snippet(f.Site, []Entry{entry}, func(feed.Name, feed.Format) string { return "https://feeds.example/" })
		},
		"Link": func() { New().Link(f, fake) },
		"URL":  func() { URL(f.Site, f.Name, fake) },
	} {
		if got := panics(do); !strings.Contains(got, `"fake"`) {
			t.Errorf("%s of an unknown format panics with %q, want a message that names it", name, got)
		}
	}
}

// panics calls do and returns the text of its panic, or "" if it does not panic.
func panics(do func()) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text, _ = r.(string)
		}
	}()
	do()
	return ""
}
