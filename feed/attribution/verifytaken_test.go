package attribution

import (
	"strings"
	"testing"
)

// TestTakenNames checks names that were taken for a publication, a headline or an author and are something else.
func TestTakenNames(t *testing.T) {
	r := newReader(t)
	for _, tt := range []struct {
		text string
		c    citation
		want string // publication|headline|authors|URL
	}{
		{"Ann Reed says so.", citation{pub: publisher{name: "Ann Reed"}}, "||Ann Reed|"},
		{"Ann Reed says so.", citation{pub: publisher{name: "Ann Reed"}, authors: []string{"Tom Hale"}}, "Ann Reed||Tom Hale|"},
		{"Harbour Lantern says so.", citation{pub: publisher{name: "Harbour Lantern"}}, "Harbour Lantern|||"},
		{"Harbour Gazette says so.", citation{authors: []string{"Harbour Gazette"}}, "Harbour Gazette|||"},
		{"Ann Reed says so.", citation{authors: []string{"Ann Reed"}}, "||Ann Reed|"},
		{"[Routine](https://lantern.example/posts/routine.html) says so.", citation{pub: publisher{name: "Routine"}, url: "https://lantern.example/posts/routine.html"},
			"lantern.example|Routine||https://lantern.example/posts/routine.html"},
		{"[Sand Without End](https://lantern.example/sand-without-end/) says so.", citation{pub: publisher{name: "Sand Without End"}, url: "https://lantern.example/sand-without-end/"},
			"lantern.example|Sand Without End||https://lantern.example/sand-without-end/"},
		{"[Lantern](https://lantern.example/lantern) says so.", citation{pub: publisher{name: "Lantern"}, url: "https://lantern.example/lantern"},
			"Lantern|||https://lantern.example/lantern"},
		{"[Sand](https://lantern.example/2020/sandbank) says so.", citation{pub: publisher{name: "Sand"}, url: "https://lantern.example/2020/sandbank"},
			"Sand|||https://lantern.example/2020/sandbank"},
		{"June 12, 2026 at 12:39 AM", citation{headline: "June 12, 2026 at 12:39 AM", authors: []string{"Ann Reed"}}, "||Ann Reed|"},
		{"June 12, 2026 in the Harbour", citation{headline: "June 12, 2026 in the Harbour", authors: []string{"Ann Reed"}}, "|June 12, 2026 in the Harbour|Ann Reed|"},
		{"Dr. Ann Reed. Professor of Sand", citation{headline: "Dr. Ann Reed. Professor of Sand", authors: []string{"Ann Reed"}}, "||Ann Reed|"},
		{"Ann Reed, Harbour Master", citation{headline: "Ann Reed, Harbour Master", authors: []string{"Ann Reed"}}, "||Ann Reed|"},
		{"Ann Reed Digs a Harbour", citation{headline: "Ann Reed Digs a Harbour", authors: []string{"Ann Reed"}}, "|Ann Reed Digs a Harbour|Ann Reed|"},
		{"The Sand of Ann Reed, Explained", citation{headline: "The Sand of Ann Reed, Explained", authors: []string{"Ann Reed"}}, "|The Sand of Ann Reed, Explained|Ann Reed|"},
		{"Reed & Hale 2024", citation{headline: "Reed & Hale 2024", pub: publisher{name: "Nature"}}, "Nature|||"},
		{"Reed et al. (2024)", citation{headline: "Reed et al. (2024)", pub: publisher{name: "Nature"}}, "Nature|||"},
		{"Harbour Life in 2024", citation{headline: "Harbour Life in 2024", pub: publisher{name: "Nature"}}, "Nature|Harbour Life in 2024||"},
	} {
		rd, s := newCredit(t, r, tt.text, tt.c)
		rd.dropTimeAsHeadline(s)
		rd.dropNameAsHeadline(s)
		rd.takePersonAsAuthor(s)
		rd.takeAuthorAsPublication(s)
		rd.takeTitleAtURL(s)
		if got := strings.Join([]string{s.pub.name, s.headline, strings.Join(s.authors, ", "), s.url}, "|"); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.text, got, tt.want)
		}
	}
}
