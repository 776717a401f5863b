package intake

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

func TestEdits(t *testing.T) {
	read := feed.Quote{Text: "Stir well.", Source: feed.Source{
		Publication: "Soup Weekly", PublicationURL: "https://soup.example/", FeedURL: "https://soup.example/feed",
		Headline: "Soup", URL: "https://soup.example/1", DatePublished: "2024-05-17",
		Authors: []feed.Author{{Name: "Mary Ross", URL: "https://mary.example/"}},
	}}
	value := func(s string) *string { return &s }
	for _, tt := range []struct {
		name  string
		edits Edits
		want  func(*feed.Quote)
	}{
		{"nothing", Edits{}, func(*feed.Quote) {}},
		{"the same values", Edits{
			Publication: value(" Soup Weekly"), Headline: value("Soup"), Text: value("Stir well.\n"),
			Authors: &[]string{"Mary Ross ", ""},
		}, func(*feed.Quote) {}},
		{"a publication", Edits{Publication: value("The Cook ")}, func(q *feed.Quote) {
			q.Source.Publication, q.Source.PublicationURL, q.Source.FeedURL = "The Cook", "", ""
		}},
		{"empty values", Edits{Headline: value(""), URL: value(""), Date: value(""), Text: value(""), Authors: &[]string{}},
			func(q *feed.Quote) {
				q.Text, q.Source.Headline, q.Source.URL, q.Source.DatePublished, q.Source.Authors = "", "", "", "", nil
			}},
		{"authors", Edits{Authors: &[]string{"Mary Ross", " Ann Lee"}}, func(q *feed.Quote) {
			q.Source.Authors = []feed.Author{{Name: "Mary Ross"}, {Name: "Ann Lee"}}
		}},
	} {
		got, want := read, read
		tt.edits.Apply(&got)
		tt.want(&want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
