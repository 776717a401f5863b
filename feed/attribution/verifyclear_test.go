package attribution

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestClearForms checks that credits with a clear form are published, and that similar credits are not.
func TestClearForms(t *testing.T) {
	const quoted = "\n\n> Every winter the harbour fills with sand, and every spring the council pays to have it dug out again.\n"
	const own = "\n\nI have lived at the harbour for thirty years and never saw a winter like this one.\n"
	tests := []struct {
		name, title, body string
		want              []string // "PUBLICATION|HEADLINE|AUTHORS|URL"
	}{
		{"a lead with the link on the sentence", "", "As Carsten Albrecht explains on PortNotes, <a href=\"https://portnotes.example/2009/sand/\">the sand comes back</a>:" + quoted,
			[]string{"PortNotes||Carsten Albrecht|https://portnotes.example/2009/sand/"}},
		{"an entry of a list of links", "", "Links of the week:\n\n* [Sand and Ferries in Small Ports](https://www.theguardian.com/a/sand) (The Guardian)\n* [Cranes](https://cranes.example/)\n",
			[]string{"The Guardian|Sand and Ferries in Small Ports||https://www.theguardian.com/a/sand"}},
		{"an agency in the title", "Harbour closes for the winter (Reuters)", "The harbour will be shut from Friday, officials say." + own,
			[]string{"Reuters|Harbour closes for the winter||"}},
		{"a word in brackets in the title", "How to dredge a harbour (part two)", "The harbour will be shut from Friday, officials say." + own, nil},
		{"the rest of an article", "", "The harbour will be shut from Friday." + own + "\n\nRead the entire article at the Washington Post.\n", []string{"Washington Post|||"}},
	}
	r := newReader(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, q := range read(t, r, "markdown", tt.title, tt.body).Quotes {
				got = append(got, fmt.Sprintf("%s|%s|%s|%s", q.Source.Publication, q.Source.Headline,
					strings.Join(authorNames(q.Source.Authors), "; "), q.Source.URL))
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("published (-want +got):\n%s", d)
			}
		})
	}
}
