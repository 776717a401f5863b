package render_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/render"
)

// FuzzDocuments renders a feed of an arbitrary item and a fixed one. It checks that the documents are well-formed, that
// the fixed item is always included, and that the arbitrary item is either included with its id or rejected.
func FuzzDocuments(f *testing.F) {
	f.Add("id", "title", "<p>html</p>", "summary", "https://example.org/", "tag", int64(1402997400000))
	f.Add("a]]>b", "</title>&amp;<", "]]>]]]]><![CDATA[", "&#0;", "javascript:alert(1)", "]]>", int64(0))
	f.Add("\x00", "\xff", "\r\n\r", "\ufffe", "https://[::1]:80/a b?%zz#x#y", " ", int64(-1e15))
	f.Add("https://example.org/é", "\u202e🏳️‍🌈", "<!-- -- -->", "\t\n", "//x", "<b", int64(1<<62))
	f.Fuzz(func(t *testing.T, id, title, html, summary, address, tag string, ms int64) {
		when := time.UnixMilli(ms).UTC()
		item := &feed.Item{
			ID: id, URL: address, ExternalURL: address, Title: title, HTML: html, Text: summary, Summary: summary,
			Image:     address,
			Published: when, Updated: when, Authors: []feed.Author{{Name: tag, URL: address}}, Tags: []string{tag, title},
			Language: tag,
			Attachments: []feed.Attachment{{
				URL: address, MIMEType: tag, Title: title, SizeInBytes: ms, DurationInSeconds: float64(ms),
			}},
			Quotes: []feed.Quote{{
				Source: feed.Source{Publication: tag, Headline: title, URL: address, FeedURL: address},
				Text:   summary, HTML: html,
			}},
			Via: []feed.Via{{Name: tag, URL: address}},
		}
		other := post("other", at(when))
		if id == other.ID {
			return
		}
		fd := mainFeed(other)
		fd.Items = append(fd.Items, item)
		docs, rejected, err := render.New().Documents(fd)
		if err != nil {
			t.Fatalf("Documents: %v", err)
		}
		want := []string{other.ID, item.ID}
		for _, p := range rejected {
			switch p.ID {
			case item.ID:
				want = want[:1]
				if strings.TrimSpace(p.Reason) == "" {
					t.Errorf("the post is rejected without a reason")
				}
			case other.ID:
				if y := when.Year(); y > 0 && y < 9999 {
					t.Fatalf("a valid post is rejected: %+v", p)
				}
				return
			}
		}
		for _, d := range docs {
			if got := idsIn(t, d); strings.Join(got, "\n") != strings.Join(expected(d.Format, want), "\n") {
				t.Errorf("ids in the %s document are %q, want %q\n%s", d.Format, got, expected(d.Format, want), d.Body)
			}
		}
	})
}

// expected returns the ids as documents of the format contain them.
func expected(format feed.Format, ids []string) []string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = id
		if format == feed.Atom {
			list[i] = render.AtomID("main", id)
		}
	}
	return list
}

// idsIn decodes the whole document and returns the ids of its items.
func idsIn(t *testing.T, d feed.Document) (ids []string) {
	t.Helper()
	if d.Format == feed.JSON {
		var doc struct{ Items []struct{ ID string } }
		if err := json.Unmarshal(d.Body, &doc); err != nil {
			t.Fatalf("the JSON Feed document is not JSON: %v\n%s", err, d.Body)
		}
		for _, i := range doc.Items {
			ids = append(ids, i.ID)
		}
		return ids
	}
	element := map[feed.Format]string{feed.RSS: "guid", feed.Atom: "id"}[d.Format]
	dec := xml.NewDecoder(strings.NewReader(string(d.Body)))
	for depth := 0; ; {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return ids
		}
		if err != nil {
			t.Fatalf("the %s document is not well-formed: %v\n%s", d.Format, err, d.Body)
		}
		switch token := token.(type) {
		case xml.StartElement:
			depth++
			if token.Name.Local == element && (d.Format == feed.RSS || depth == 3) {
				var id string
				if err := dec.DecodeElement(&id, &token); err != nil {
					t.Fatal(err)
				}
				depth--
				ids = append(ids, id)
			}
		case xml.EndElement:
			depth--
		}
	}
}
