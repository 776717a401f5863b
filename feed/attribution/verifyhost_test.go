package attribution

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestVerifyOrigin checks that a source is the origin of the quoted words, rather than a publication that the author
// writes about, an archive, an aggregator, an interviewed person or an entry of a bibliography.
func TestVerifyOrigin(t *testing.T) {
	const passage = "Every winter the harbour fills with sand, and every spring the council pays to have it dug out again."
	const quoted = "\n\n> " + passage + "\n"
	tests := []struct {
		name, body string
		want       []string // "PUBLICATION|HEADLINE|AUTHORS|URL"
	}{
		{"as a publication put it", "Sand is heavy, or as the Guardian once put it:" + quoted, []string{"Guardian|||"}},
		{"a publication with a modal verb and a verb of saying", "The Guardian can now report:" + quoted, []string{"The Guardian|||"}},

		{"a page in an archive", "From [the harbour page](https://web.archive.org/web/20130906/https://www.theguardian.com/a/sand):" + quoted,
			[]string{"The Guardian|||https://web.archive.org/web/20130906/https://www.theguardian.com/a/sand"}},
		{"a headline on an aggregator's site",
			"My text, titled *Sand, Ships and Money in Small Ports*, is now on a great many Hacker News copies.\n", nil},
		{"a speaker in an obituary", "In an [obituary of the pier in the Guardian](https://www.theguardian.com/a/pier), Calloway says so herself:" + quoted,
			[]string{"Guardian|||https://www.theguardian.com/a/pier"}},
		{"a surname whose full name is in the post", "I have all the books of Ruth Calloway.\n\nAs Calloway [wrote in the Guardian](https://www.theguardian.com/a/sand):" + quoted,
			[]string{"Guardian||Ruth Calloway|https://www.theguardian.com/a/sand"}},
		{"a page title as link", "From [Sand and Ferries in Small Ports | The Guardian](https://www.theguardian.com/a/sand):" + quoted,
			[]string{"The Guardian|Sand and Ferries in Small Ports||https://www.theguardian.com/a/sand"}},
		{"entries of a list of links",
			"Ports fill with sand.\n\n### Reading\n\n1. [The Guardian: Sand and Ferries in Small Ports](https://www.theguardian.com/a/sand)\n" +
				"2. [A page about cranes](https://cranes.example/)\n",
			[]string{"The Guardian|Sand and Ferries in Small Ports||https://www.theguardian.com/a/sand"}},
		{"entries of a bibliography",
			"Ports fill with sand [1].\n\n### References\n\n1. [The Guardian: Sand and Ferries in Small Ports](https://www.theguardian.com/a/sand)\n" +
				"2. [Wired: Cranes and Clocks of the Port](https://www.wired.com/story/cranes/)\n", nil},
	}
	r := newReader(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, q := range read(t, r, "markdown", "", tt.body).Quotes {
				got = append(got, fmt.Sprintf("%s|%s|%s|%s", q.Source.Publication, q.Source.Headline,
					strings.Join(authorNames(q.Source.Authors), "; "), q.Source.URL))
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("published (-want +got):\n%s", d)
			}
		})
	}
}

// TestHostOfArchive checks that the host of an archived page or a redirect is that of the original.
func TestHostOfArchive(t *testing.T) {
	for u, want := range map[string]string{
		"https://web.archive.org/web/20130906082520/http://www.bugle.example/a": "bugle.example",
		"https://web.archive.org/web/2013*/bugle.example/a":                     "bugle.example",
		"https://archive.ph/2021.03.02-1/https://bugle.example/a":               "bugle.example",
		"https://www.google.com/url?q=https%3A%2F%2Fbugle.example%2Fa&sa=D":     "bugle.example",
		"https://archive.org/details/harbour":                                   "archive.org",
		"https://bugle.example/archive.html?from=https://other.example/":        "bugle.example",
		"https://t.co/abc": "t.co",
	} {
		if got := hostOf(u); got != want {
			t.Errorf("hostOf(%q) = %q, want %q", u, got, want)
		}
	}
}
