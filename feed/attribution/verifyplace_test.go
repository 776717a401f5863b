package attribution

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestVerifyPlace checks that a credit is published only if its link and its passage belong together.
func TestVerifyPlace(t *testing.T) {
	const passage = "Every winter the harbour fills with sand, and every spring the council pays to have it dug out again."
	const quoted = "\n\n> " + passage + "\n"
	tests := []struct {
		name, body string
		want       []string // "PUBLICATION|AUTHORS|URL", and "via NAME"
	}{
		{"a link in the paragraph before",
			"The [Guardian](https://www.theguardian.com/a/dredger) reported on the dredger.\n\nI also found [this report](https://ports.example/sand)." + quoted, nil},
		{"the link in the last sentence", "Sand is heavy. The [Guardian](https://www.theguardian.com/a/sand) writes:" + quoted,
			[]string{"The Guardian||https://www.theguardian.com/a/sand"}},
		{"the nearer of two publications", "In reply to [an article](https://www.theguardian.com/a/sand), there is now [a longer one](https://www.nytimes.com/2020/01/02/sand.html):" + quoted,
			[]string{"The New York Times||https://www.nytimes.com/2020/01/02/sand.html"}},
		{"the nearer of a publication and a person", "After [the Guardian](https://www.theguardian.com/a/sand) wrote about it, [Ruth Calloway](https://ruth.example/2020/sand) answered:" + quoted,
			[]string{"|Ruth Calloway|https://ruth.example/2020/sand"}},
		{"the author's page after the publication", "In [the Guardian](https://www.theguardian.com/a/sand), [Ruth Calloway](https://ruth.example/about) writes:" + quoted,
			[]string{"Guardian|Ruth Calloway|https://www.theguardian.com/a/sand"}},
		{"a remark of the author after the publication", "From [the Guardian](https://www.theguardian.com/a/sand), which [I have praised before](https://harbour.example/2019/praise):" + quoted,
			[]string{"Guardian||https://www.theguardian.com/a/sand"}},
		{"the nearer of a publication and an unknown site", "After [the Guardian](https://www.theguardian.com/a/sand) wrote about it, [Pilots and Ports](https://pilots.example/2020/sand) answered:" + quoted, nil},
		{"the subject of an article in an encyclopedia", "[Ruth Calloway](https://en.wikipedia.org/wiki/Ruth_Calloway) built the harbour, as Wikipedia says:" + quoted,
			[]string{"Wikipedia||https://en.wikipedia.org/wiki/Ruth_Calloway"}},
		{"a link on the verb", "We keep [a list of ports](https://ports.example/list). Ruth Calloway [recently wrote](https://reed.example/2020/sand):" + quoted,
			[]string{"|Ruth Calloway|https://reed.example/2020/sand"}},
		{"a via before the author", "Via [a remark on Lifehacker](https://lifehacker.com/sand-12), [Pilots and Ports](https://pilots.example/) tells how it began:" + quoted,
			[]string{"via Lifehacker"}},
		{"a via in brackets", "I like [Tide Atlas](https://tideatlas.example/) (via [Lantern Jaw](https://lanternjaw.example/2007/09/atlas.html)), a map of all bars:" + quoted,
			[]string{"via Lantern Jaw"}},
		{"a link to pay on the verb", "Ruth Calloway [asks for help](https://paypal.me/RuthCalloway/sand), and in [The Guardian](https://www.theguardian.com/a/sand) she writes:" + quoted,
			[]string{"The Guardian|Ruth Calloway|https://www.theguardian.com/a/sand"}},
		{"an adverb in a link", "Quoting [the HLP again](https://pilots.example/sand):" + quoted, []string{"HLP||https://pilots.example/sand"}},
		{"a given name", "[Ruth writes,](https://ruthcalloway.example/sand)" + quoted, []string{"|Ruth|https://ruthcalloway.example/sand"}},
		{"a film", "Le port en hiver se voit aussi dans un film, [disponible sur Vimeo](https://vimeo.com/album/12/video/4288)&nbsp;:\n\n" +
			"Il est court, mais les bateaux y sont.\n", nil},
		{"words of the author", "Somebody on [Hacker News](https://news.ycombinator.com/item?id=30698) measures sand from the shore - but we at the " +
			"port have one answer for all such plans, \"_Hire a ship, and pay for it by the hour like the rest of us do every single " +
			"spring_\"\n\n### Ships are cheap\n", nil},
		{"a common noun", "Le monde de Calloway écrit :\n\n> Chaque hiver le port se remplit de sable, et chaque printemps la ville paie pour le vider.\n", nil},
	}
	r := newReader(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			res := read(t, r, "markdown", "", tt.body)
			for _, q := range res.Quotes {
				got = append(got, fmt.Sprintf("%s|%s|%s", q.Source.Publication, strings.Join(authorNames(q.Source.Authors), "; "), q.Source.URL))
			}
			for _, v := range res.Via {
				got = append(got, "via "+v.Name)
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("published (-want +got):\n%s", d)
			}
		})
	}
}
