package attribution

import (
	"strings"
	"testing"
)

// TestQuotedInSentence checks that the quotation in a sentence that names a known publication is published as its
// passage, and that words in quotation marks that may be the author's own are not.
func TestQuotedInSentence(t *testing.T) {
	for _, tt := range []struct{ body, publication, text string }{
		{"According to the Guardian, “the ferry had been tied up for eleven days” before anybody noticed. I took that ferry once.",
			"Guardian", "the ferry had been tied up for eleven days"},
		{"„Das Recht ist für die da, die sonst nichts haben“, schreibt Heribert Kamp in der Süddeutschen Zeitung. Ich stimme ihm zu.",
			"Süddeutsche Zeitung", "Das Recht ist für die da, die sonst nichts haben"},
		{"Selon Le Monde, « le bac était à quai depuis onze jours sans que personne le remarque ». Je ne suis pas surpris.",
			"Le Monde", "le bac était à quai depuis onze jours sans que personne le remarque"},

		{`The Guardian reports on bridges, but "safe as long as nobody uses it" would be closer to the truth.`, "", ""},
		{"Der Spiegel schreibt über Brücken, und Anna sagt „niemand baut sie heute noch so wie damals“. Immer.", "", ""},
		{`The Guardian reports that I said "nobody should have to count the bridges at night" in the council.`, "", ""},
		{"According to the Guardian, the so-called “right to walk” is dead. I walked there.", "", ""},
		{"The Guardian writes about “Why Nobody Counts the Bridges Any More” in a long piece. I liked it.", "", ""},
		{"Der Spiegel schreibt nicht, „dass die Fähre seit elf Tagen im Hafen liegt“. Das ist schade.", "", ""},
	} {
		var publications, texts []string
		for _, q := range readCase(t, tt.body, "text", tt.body) {
			if q.Text != "" {
				publications, texts = append(publications, q.Source.Publication), append(texts, q.Text)
			}
		}
		if p, text := strings.Join(publications, ";"), strings.Join(texts, ";"); p != tt.publication || text != tt.text {
			t.Errorf("%q: got publication %q with passage %q, want %q with %q", tt.body, p, text, tt.publication, tt.text)
		}
	}
}

// TestCitedWork checks that the author and the title of a work above or below a quotation element are published.
func TestCitedWork(t *testing.T) {
	r := newReader(t)
	const en = "> The salt came down the river in spring and went up it in autumn."
	const de = "> Das Salz kam im Frühling den Fluss herunter und ging im Herbst wieder hinauf."
	const es = "> La sal bajaba por el río en primavera y subía en otoño."
	for _, tt := range []struct{ body, headline, author string }{
		{"Ursula K. Lindqvist, in *The Left Bank of the River*:\n\n" + en + "\n\nSo it did.", "The Left Bank of the River", "Ursula K. Lindqvist"},
		{"Anna Holt, “The Salt Road”:\n\n" + en + "\n\nI grew up there.", "The Salt Road", "Anna Holt"},
		{en + "\n\n— Anna Holt, *The Salt Road*\n\nI grew up there.", "The Salt Road", "Anna Holt"},
		{"Anna Holt in „Die Salzstraße“:\n\n" + de + "\n\nIch bin dort aufgewachsen.", "Die Salzstraße", "Anna Holt"},
		{"Ana Vidal, en *La ruta de la sal*:\n\n" + es + "\n\nYo crecí allí.", "La ruta de la sal", "Ana Vidal"},
	} {
		got := read(t, r, "markdown", "", tt.body)
		if len(got.Quotes) != 1 {
			t.Errorf("%q: got quotes %+v and suggestions %+v, want one quote", tt.body, got.Quotes, got.Suggestions)
			continue
		}
		s := got.Quotes[0].Source
		if names := strings.Join(authorNames(s.Authors), ";"); s.Headline != tt.headline || s.Publication != "" || names != tt.author {
			t.Errorf("%q: got headline %q, publication %q and authors %q, want %q by %q", tt.body, s.Headline, s.Publication, names,
				tt.headline, tt.author)
		}
	}
}

// TestTitledHeadline checks that a title that the text introduces as such is the headline, without the words before it.
func TestTitledHeadline(t *testing.T) {
	r := newReader(t)
	for _, tt := range []struct{ lead, passage, headline, date string }{
		{"Leo en El País, en un artículo de Javier Marín titulado «El barco que no salía» (12 de mayo de 2019):",
			"El transbordador llevaba once días parado cuando los primeros viajeros durmieron en el muelle.\n\nYo lo tomé una vez.", "El barco que no salía", "2019-05-12"},
		{`In an article in the New York Times titled "The Ferry That Would Not Sail" (March 3, 2021):`,
			"The ferry had been tied up for eleven days when the first passengers began to sleep on the quay.", "The Ferry That Would Not Sail", "2021-03-03"},
	} {
		got := read(t, r, "markdown", "", tt.lead+"\n\n> "+tt.passage)
		if len(got.Quotes) != 1 {
			t.Errorf("%q: got quotes %+v and suggestions %+v, want one quote", tt.lead, got.Quotes, got.Suggestions)
			continue
		}
		if s := got.Quotes[0].Source; s.Headline != tt.headline || s.DatePublished != tt.date || got.Quotes[0].Text == "" {
			t.Errorf("%q: got headline %q, date %q and passage %q, want %q, %q and a passage", tt.lead, s.Headline, s.DatePublished,
				got.Quotes[0].Text, tt.headline, tt.date)
		}
	}
}
