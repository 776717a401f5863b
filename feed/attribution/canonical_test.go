package attribution

import "testing"

// TestPublishedName checks that a publication named in the dative or the genitive, or without its article, is published
// in the nominative.
func TestPublishedName(t *testing.T) {
	r := newReader(t)
	for _, tt := range []struct{ lead, want string }{
		{"In der Süddeutschen Zeitung schreibt Heribert Kamp:", "Süddeutsche Zeitung"},
		{"In der Neuen Osnabrücker Zeitung schreibt Heribert Kamp:", "Neue Osnabrücker Zeitung"},
		{"In der Sächsischen Zeitung schreibt Heribert Kamp:", "Sächsische Zeitung"},
		{"In der Frankfurter Allgemeinen schreibt Heribert Kamp:", "Frankfurter Allgemeine"},
		{"Im Schwäbischen Tagblatt schreibt Heribert Kamp:", "Schwäbisches Tagblatt"},
		{"In der Zeit schreibt Heribert Kamp:", "Die Zeit"},
		{"Im Spiegel schreibt Heribert Kamp:", "Der Spiegel"},
		{"Im Guardian schreibt Nora Kamp:", "The Guardian"},
		{"In der SZ schreibt Heribert Kamp:", "SZ"},
		{"Bei Spiegel Online schreibt Heribert Kamp:", "Spiegel Online"},
		{"Dans un article du Monde, Claire Aubert écrit :", "Le Monde"},
		{"Un artículo del Mundo, de Marta Vidal, lo cuenta:", "El Mundo"},
		{"According to the Guardian:", "Guardian"},
	} {
		passage := map[string]string{
			"I": "Sieben Boote lagen im Hafen, und das achte war noch nicht da.", "B": "Sieben Boote lagen im Hafen.",
			"D": "Sept bateaux étaient dans le port, et le huitième était en retard.",
			"U": "Siete barcos estaban en el puerto, y el octavo llegó tarde.",
			"A": "Seven boats lay in the harbour, and the eighth was late.",
		}[tt.lead[:1]]
		got := read(t, r, "html", "", "<p>"+tt.lead+"</p><blockquote><p>"+passage+"</p></blockquote>")
		if len(got.Quotes) != 1 || got.Quotes[0].Source.Publication != tt.want {
			t.Errorf("%q: got quotes %+v and suggestions %+v, want the publication %q", tt.lead, got.Quotes, got.Suggestions, tt.want)
		}
	}
}
