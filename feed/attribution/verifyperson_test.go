package attribution

import (
	"strings"
	"testing"
)

// TestPeopleAsNames checks people who were taken for a publication or a headline.
func TestPeopleAsNames(t *testing.T) {
	r := newReader(t)
	for _, tt := range []struct {
		text string
		c    citation
		want string // publication|headline|authors
	}{
		{"Ann Reed says so.", citation{pub: publisher{name: "Ann Reed"}}, "||Ann Reed"},
		{"Ann Reed says so.", citation{pub: publisher{name: "Ann Reed"}, authors: []string{"Tom Hale"}}, "Ann Reed||Tom Hale"},
		{"Harbour Lantern says so.", citation{pub: publisher{name: "Harbour Lantern"}}, "Harbour Lantern||"},
		{"Ann Reed has been there. Reed says so.", citation{pub: publisher{name: "Reed"}}, "||Ann Reed"},
		{"Ann Reed has been there. [Reed](https://reed.example/a) says so.", citation{pub: publisher{name: "Reed"}, url: "https://reed.example/a"}, "Reed||"},
		{"Quayside has been there. Reed says so.", citation{pub: publisher{name: "Reed"}}, "Reed||"},
		{"Dr. Ann Reed. Professor of Sand", citation{headline: "Dr. Ann Reed. Professor of Sand", authors: []string{"Ann Reed"}}, "||Ann Reed"},
		{"Ann Reed, Harbour Master", citation{headline: "Ann Reed, Harbour Master", authors: []string{"Ann Reed"}}, "||Ann Reed"},
		{"Ann Reed", citation{headline: "Ann Reed", authors: []string{"Ann Reed"}}, "||Ann Reed"},
		{"Ann Reed Digs a Harbour", citation{headline: "Ann Reed Digs a Harbour", authors: []string{"Ann Reed"}}, "|Ann Reed Digs a Harbour|Ann Reed"},
		{"On Ann Reed, Explained", citation{headline: "On Ann Reed, Explained", authors: []string{"Ann Reed"}}, "|On Ann Reed, Explained|Ann Reed"},
		{"Reed & Hale 2024", citation{headline: "Reed & Hale 2024", pub: publisher{name: "Nature"}}, "Nature||"},
		{"Reed et al. (2024)", citation{headline: "Reed et al. (2024)", pub: publisher{name: "Nature"}}, "Nature||"},
		{"Reed und Hale (2024)", citation{headline: "Reed und Hale (2024)", pub: publisher{name: "Nature"}}, "Nature||"},
		{"Oslo and Paris 1968", citation{headline: "Oslo and Paris 1968", pub: publisher{name: "Nature"}}, "Nature|Oslo and Paris 1968|"},
		{"Brexit 2016", citation{headline: "Brexit 2016", pub: publisher{name: "Nature"}}, "Nature|Brexit 2016|"},
		{"Harbour Life in 2024", citation{headline: "Harbour Life in 2024", pub: publisher{name: "Nature"}}, "Nature|Harbour Life in 2024|"},
	} {
		rd, s := newCredit(t, r, tt.text, tt.c)
		rd.dropNameAsHeadline(s)
		rd.takePersonAsAuthor(s)
		if got := strings.Join([]string{s.pub.name, s.headline, strings.Join(s.authors, ", ")}, "|"); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
		}
	}
}
