package attribution

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestVias checks which names after "via", "thanks to" and similar words are published as the place where something was
// found. Most such phrases say how something is done, or thank somebody for something else.
func TestVias(t *testing.T) {
	r := newReader(t)
	for _, tt := range []struct {
		name, body string
		want       []string
	}{
		{"link in brackets", `<p>A map of every bench (via <a href="https://maps.example/">Maps Mania</a>).</p>`, []string{"Maps Mania"}},
		{"brackets after a sentence", `<p>A map of every bench in the city. (via Maps Mania) Mine is missing.</p>`, []string{"Maps Mania"}},
		{"person in brackets", `<p>The bench is gone.</p><p>(Via Hattie Grange.)</p>`, []string{"Hattie Grange"}},
		{"own line", `<p>The bench is gone.</p><p>via Boing Boing</p>`, []string{"Boing Boing"}},
		{"hat tip with more words", `<p>The bench is gone. Hat tip to Hattie Grange, who sat on it.</p>`, []string{"Hattie Grange"}},
		{"hat tip for the link", `<p>The bench is gone. Hat tip to RealClearPolitics for the link.</p>`, []string{"RealClearPolitics"}},
		{"thanks for the link", `<p>The bench is gone.</p><p>(Thanks to Hattie for the link.)</p>`, []string{"Hattie"}},
		{"thanks with a link in brackets", `<p>The bench is gone. (Thanks, <a href="https://hattie.example/">Hattie</a>.)</p>`, []string{"Hattie"}},
		{"Hinweis", `<p>Die Bank ist weg, und keiner hat sie genommen.</p><p>(Danke an <a href="https://h.example/">Henni</a> für den Hinweis.)</p>`, []string{"Henni"}},
		{"signalement", `<p>Le banc est parti, et personne ne l'a pris.</p><p>(Merci à Odile pour le signalement.)</p>`, []string{"Odile"}},
		{"the first blog of a chain", `<p>The bench is gone.</p><p>(Source: benchblog)</p>`, []string{"benchblog"}},

		{"the host of a picture", `<p><img src="bench.jpg"></p><p>(source : <a href="https://benches.net/a">benches.net</a>)</p><p>The bench is gone.</p>`, nil},
		{"the state of a politician", `<p><a href="https://hattie.example/a">Hattie Grange</a> (<a href="https://en.wikipedia.org/wiki/Tennessee">R-Tenn</a>):</p><blockquote><p>The bench is gone.</p></blockquote>`, nil},
		{"a means in brackets", `<p>Benches are taught to us by culture (via family rules, school, posters, etc) and nobody asks.</p>`, nil},
		{"a technique in brackets", `<p>The plan is a small drawing (via SVG width and height attributes).</p>`, nil},
		{"a program as a sentence", `<p>I made the table of benches.</p><p>Via SSMS.</p>`, nil},
		{"a linked technique at the start of a sentence", `<p>Empêchez les bancs de partir. Via les <a href="https://doc.example/rewrite">Rewrite Rules du serveur</a>, en l'occurrence.</p>`, nil},
		{"how it was sent", `<p>I got the plan of the bench (via e-mail).</p>`, nil},
		{"thanks to a person", `<p>Now there is a bench.</p><p>Thanks, Hattie!</p>`, nil},
		{"thanks for help", `<p>Thanks to <a href="https://hattie.example/">Hattie</a> for her help with the bench.</p>`, nil},
		{"thanks to partners", `<p>Thanks to Hattie Grange, my partner in this course, and Moses Field, for the numbers.</p>`, nil},
		{"thanks to a committee", `<p>Special thanks to the <strong>bench committee</strong>: Hattie Grange, Moses Field.</p>`, nil},
		{"gracias", `<p>El banco sigue ahí, gracias a Dios y a los vecinos.</p>`, nil},
		{"über", `<p>Die Bank ist weg. Über SSH war nichts zu machen.</p>`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, v := range read(t, r, "html", "", tt.body).Via {
				got = append(got, v.Name)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("vias of %s (-want +got):\n%s", tt.body, diff)
			}
		})
	}
}
