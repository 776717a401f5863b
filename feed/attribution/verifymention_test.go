package attribution

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMentioned checks that sources that are only mentioned are not published, and that names are neither cut nor
// joined to other words.
func TestMentioned(t *testing.T) {
	const sand = "Every winter the harbour fills with sand, and every spring the council pays to have it dug out again."
	const quoted = "\n\n> " + sand + "\n"
	tests := []struct {
		name, body string
		want       []string // "PUBLICATION|HEADLINE|AUTHORS|URL"
	}{
		{"a name without its apostrophe", "This didn't stop [The Investors Business Daily](https://www.ibdeditorials.com/a.aspx?id=12) from warning us:" + quoted,
			[]string{"Investors Business Daily|||https://www.ibdeditorials.com/a.aspx?id=12"}},
		{"ein Wort nach einem Bindestrich", "Dazu noch ein Zitat aus dem [FAZ-Artikel](https://www.faz.net/aktuell/hafen-12.html):\n\n" +
			"> Jeden Winter füllt sich der Hafen mit Sand, und jedes Frühjahr bezahlt die Stadt dafür, dass er ausgebaggert wird.\n",
			[]string{"FAZ|||https://www.faz.net/aktuell/hafen-12.html"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, q := range readCase(t, tt.name, "markdown", tt.body) {
				got = append(got, fmt.Sprintf("%s|%s|%s|%s", q.Source.Publication, q.Source.Headline,
					strings.Join(authorNames(q.Source.Authors), "; "), q.Source.URL))
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("published (-want +got):\n%s", d)
			}
		})
	}
}

// TestUnquoted checks which URLs are those of search results or of a category's articles.
func TestUnquoted(t *testing.T) {
	for u, want := range map[string]bool{
		"https://www.eff.org/search/site/harbours": true,
		"https://bugle.example/category/sand/":     true,
		"https://bugle.example/search?q=sand":      true,
		"https://bugle.example/2012/the-search/":   false,
		"https://bugle.example/research/sand":      false,
		"":                                         false,
	} {
		s := &source{citation: citation{url: u}}
		if got := s.isUnquoted(); got != want {
			t.Errorf("isUnquoted with the URL %q = %v, want %v", u, got, want)
		}
		if s.headline = "Sand"; s.isUnquoted() {
			t.Errorf("isUnquoted with the URL %q and a headline = true, want false", u)
		}
	}
}

// TestTitleOfSource checks that a post's title credits only the publication that it names, and without a passage only
// one in brackets.
func TestTitleOfSource(t *testing.T) {
	const bar, brackets = "Cranes and Boats Sit Idle in the Harbour | RedState", "Cranes and Boats Sit Idle in the Harbour (RedState)"
	r := newReader(t)
	for _, tt := range []struct {
		title, name string
		passages    []string
		want        bool
	}{
		{bar, "RedState", []string{formQuote}, true},
		{bar, "RedState", nil, false},
		{brackets, "RedState", nil, true},
		{bar, "Daily Caller", []string{formQuote}, false},
	} {
		rd := &reading{r: r, l: r.lx.langs[fallback], postTitle: tt.title}
		s := newTitleSource(publisher{name: tt.name, known: r.pubs.lookup(tt.name)}, tt.title)
		s.passages = tt.passages
		if got := rd.isTitleOfSource(s); got != tt.want {
			t.Errorf("isTitleOfSource for %s with %d passages below %q = %v, want %v", tt.name, len(tt.passages), tt.title, got, tt.want)
		}
	}
}
