package attribution

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestImprobable checks that parts of sentences are not published as headlines, that titles, suffixes, sections and
// affiliations are not published as names, and that a credit does not combine links to different sites.
func TestImprobable(t *testing.T) {
	const quoted = "\n\n> Every winter the harbour fills with sand, and every spring the council pays to have it dug out again.\n"
	const zitat = "\n\n> Jeden Winter füllt sich der Hafen mit Sand, und jedes Frühjahr bezahlt die Stadt dafür, dass er ausgebaggert wird.\n"
	const cité = "\n\n> Chaque hiver le port se remplit de sable, et chaque printemps la ville paie pour le faire enlever.\n"
	const pier = "https://www.theguardian.com/uk/2012/may/03/pier"
	tests := []struct {
		name, body string
		want       []string // "PUBLICATION|HEADLINE|AUTHORS|URL"
	}{
		{"a name in a sentence", "[The Guardian](" + pier + ") on a Danish inquiry into the sand of the north coast:" + quoted,
			[]string{"The Guardian|||" + pier}},
		{"a quoted title", "In \"[Sand Comes Back](" + pier + ")\", The Guardian writes:" + quoted,
			[]string{"The Guardian|Sand Comes Back||" + pier}},
		{"a disclaimer", "I went to the pier.\n\n[All opinions on these pages belong to me and are in no way those of Harbour Freight Systems, Inc.]\n", nil},
		{"a title before a name", "Rt Hon Ruth Calloway MP, 14:05 on 3 May 2012:" + quoted, nil},
		{"Herr ohne Namen", "Herr:" + zitat, nil},
		{"two letters", "According to Ho, the sand is back:" + quoted, nil},
		{"the words of a site", "Heard on the ferry:\n\n- [Wired](https://www.wired.com/) says \"Every winter the harbour fills with sand, and every spring the council pays for it\"\n",
			[]string{"Wired|||"}},
		{"the press release of a different site",
			"The [press release](https://council.example/2012/pier.html) is silent, but [Harbour Weekly](https://weekly.example/) found out more about the pier." + quoted, nil},
		{"a second site", "*See also* the reviews in *[The Guardian](" + pier + ")* and on [Harbour Club](https://club.example/pier).\n", nil},
		{"a named idea", "Ruth Calloway writes in [The Guardian](" + pier + ") about what she calls The Ruth Option:" + quoted,
			[]string{"The Guardian||Ruth Calloway|" + pier}},
		{"a section", "The Guardian's Harbour Watch has [a piece](" + pier + ") on the sand:" + quoted,
			[]string{"Guardian|||" + pier}},
		{"a reporter before a colon", "From InfoWorld's Galen Frost:" + quoted, []string{"InfoWorld||Galen Frost|"}},
		{"a reporter after a possessive", "The Guardian's Ruth Calloway has [a piece](" + pier + ") on the sand:" + quoted,
			[]string{"Guardian||Ruth Calloway|" + pier}},
		{"une professeure", "Anne Marchand, professeure d'hydraulique à l'Université de Portneuf, écrit :" + cité,
			[]string{"||Anne Marchand|"}},
		{"a reporter of a newspaper", "Ruth Calloway, harbour reporter at The Guardian, writes:" + quoted, []string{"The Guardian||Ruth Calloway|"}},
		{"an author as the argument of a tag", "{% blockquote Ruth Calloway %}\nEvery winter the harbour fills with sand.\n{% endblockquote %}\n",
			[]string{"||Ruth Calloway|"}},
	}
	r := newReader(t)
	lenient := newLenientReader(t)
	doubtful := map[string]bool{ // the model is not certain of these
		"eine Direktorin": true,
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			reader := r
			if doubtful[tt.name] {
				reader = lenient
			}
			for _, q := range read(t, reader, "markdown", "", tt.body).Quotes {
				got = append(got, fmt.Sprintf("%s|%s|%s|%s", q.Source.Publication, q.Source.Headline,
					strings.Join(authorNames(q.Source.Authors), "; "), q.Source.URL))
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("published (-want +got):\n%s", d)
			}
		})
	}
}

// TestOwnName checks when the name of a social media account is that of the blog's author, from the blog's host.
func TestOwnName(t *testing.T) {
	tests := []struct {
		host, name string
		want       bool
	}{
		{"rcalloway.example", "Ruth Calloway", true},
		{"ruthcalloway.example", "Ruth Calloway", true},
		{"blog.calloway.example", "Ruth Calloway", true},
		{"harbour.example", "Ruth Calloway", false},
		{"calloway.example", "Ruth Reed", false},
		{"ann.example", "Ann", false},
		{"calloway.example", "", false},
	}
	for _, tt := range tests {
		rd := &reading{}
		rd.blog.hosts = map[string]bool{tt.host: true}
		if got := rd.isOwnName(tt.name); got != tt.want {
			t.Errorf("isOwnName(%q) on %s = %v, want %v", tt.name, tt.host, got, tt.want)
		}
	}
}
