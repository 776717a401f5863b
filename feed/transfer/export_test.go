package transfer_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/intake"
	"feedpub/feed/transfer"
)

// exported returns posts that have every member, including values that other formats cannot represent.
func exported() []feed.Post {
	at := time.Date(2020, 5, 1, 8, 0, 0, 0, time.UTC)
	return []feed.Post{
		{ID: "https://b.example/?p=1", URL: "https://b.example/1", Title: "Plain", ContentHTML: "<p>One</p>\n<p>Two</p>", Summary: "Words",
			DatePublished: at, DateModified: at.Add(time.Hour), Authors: []feed.Author{{Name: "Ann Lee"}}, Tags: []string{"Sea", "Walks"}},
		{ID: "credits", ContentHTML: "<p>One</p>", Image: "https://b.example/a.jpg",
			Quotes: []feed.Quote{{Source: feed.Source{Publication: "The Star", Headline: "Sea & sand", URL: "https://star.example/1",
				Authors: []feed.Author{{Name: "Bob", URL: "https://bob.example/"}}, DatePublished: "2020-04", Agencies: []string{"Reuters"}}, Text: "One"}},
			Via:         []feed.Via{{Name: "Cy", URL: "https://cy.example/"}},
			Attribution: feed.AttributionGiven, ExternalURL: "https://star.example/1", Language: "en-GB", ExcludeFrom: []feed.Name{"links"}},
		{ID: "draft", URL: "https://b.example/draft", Title: "Draft", Status: feed.Draft, DatePublished: time.Date(2020, 5, 1, 10, 0, 0, 5e8, time.FixedZone("", 7200))},
		{ID: "private", Title: "1 < 2 &amp; <main>", Status: feed.Private, ContentMarkdown: "# One\n\n*two* ]]> three", Tags: []string{"Uncategorized", "a", "A"}},
		{ID: "text", ContentText: "One\n\nTwo", Summary: "1 < 2  and more", Status: feed.Published, Image: "/relative.jpg"},
		{ID: "odd\u00a0id", Title: "Control \x01 character", ContentHTML: "One <!-- comment --> [caption]<img src=\"https://b.example/a.jpg\">x[/caption] \r\n",
			Authors:     []feed.Author{{Name: "Ann", URL: "https://ann.example/", Avatar: "https://ann.example/a.png"}, {Name: "Bob"}},
			Attachments: []feed.Attachment{{URL: "https://b.example/a.mp3", MIMEType: "audio/mpeg", Title: "One", DurationInSeconds: 7.5}},
			Unknown:     map[string]json.RawMessage{"_raw": json.RawMessage(`"x"`), "mood": json.RawMessage(`{"a":1}`)}},
		{ID: "only credits", Via: []feed.Via{{Name: "Cy"}}},
	}
}

// TestExportRoundTrip checks that posts are unchanged after exporting them to WordPress or JSON Feed format and
// importing them.
func TestExportRoundTrip(t *testing.T) {
	for _, format := range []transfer.WriteFormat{transfer.WriteWXR, transfer.WriteJSONFeed} {
		t.Run(string(format), func(t *testing.T) {
			var file bytes.Buffer
			w, err := transfer.NewPostWriter(format, &file, "", transfer.Channel{Title: "B & C", Link: "https://b.example", Language: "en"})
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range exported() {
				if err := w.Write(p); err != nil {
					t.Fatalf("write %s: %v", p.ID, err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			written := file.String()
			var got []feed.Post
			for e, err := range (transfer.Options{}).Read(strings.NewReader(written), "f") {
				if err != nil {
					t.Fatalf("%v in\n%s", err, written)
				}
				if e.Post == nil {
					continue // skip the image
				}
				p, err := intake.Decode(e.Post.ID, e.Post.Raw)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, p)
			}
			if diff := cmp.Diff(exported(), got); diff != "" {
				t.Errorf("imported posts (-exported +imported):\n%s\nfrom\n%s", diff, written)
			}
		})
	}
}

// TestEditInWordPressWins checks that content edited in WordPress wins over the original content in the export.
func TestEditInWordPressWins(t *testing.T) {
	var file bytes.Buffer
	w, err := transfer.NewPostWriter(transfer.WriteWXR, &file, "", transfer.Channel{})
	if err != nil {
		t.Fatal(err)
	}
	p := feed.Post{ID: "a", Title: "T", ContentText: "Old words", Via: []feed.Via{{Name: "Cy"}}}
	if err := w.Write(p); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(file.String(), "<p>Old words</p>", "<p>New words</p>", 1)
	for e, err := range (transfer.Options{}).Read(strings.NewReader(changed), "f") {
		if err != nil {
			t.Fatal(err)
		}
		got, err := intake.Decode(e.Post.ID, e.Post.Raw)
		if err != nil {
			t.Fatal(err)
		}
		if want := "<p>New words</p>"; got.ContentHTML != want || got.ContentText != "" || len(got.Via) != 1 {
			t.Errorf("edited in WordPress: got %+v, want the content %s and the via", got, want)
		}
	}
}
