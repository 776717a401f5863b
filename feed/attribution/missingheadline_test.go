package attribution

import (
	"strings"
	"testing"
)

// TestMissingHeadline checks that the headline of a published credit is found if the post certainly gives it, and that
// titles of other works and parts of sentences are not headlines.
func TestMissingHeadline(t *testing.T) {
	r, err := New(Options{Threshold: 0.28}) // low enough to publish credits without a passage too
	if err != nil {
		t.Fatal(err)
	}
	const quoted = "\n\n> Every winter the harbour fills with sand, and every spring the council pays to have it dug out again.\n\nI have lived there for thirty years.\n"
	const own = "\n\nThe harbour fills with sand every winter, and I have lived there for thirty years."
	for _, tt := range []struct{ name, title, body, headline string }{
		{"entitled, linked", "", `In the Guardian's series on harbours, the oddest was entitled <a href="https://www.theguardian.com/a/1">"Sand without end"</a>. I kept it. From the article:` + quoted, "Sand without end"},
		{"entitled, by the author", "", `In the Guardian, Ann Reed has a story that is entitled, "Sand is my enemy":

The sand speaks for most of us. I cannot begin to think how deep it goes.

There are a good many more.`, "Sand is my enemy"},
		{"titled, after a word for a text", "", "The Guardian has [a story](https://www.theguardian.com/a/1) titled “Sand without end”, which says:" + quoted, "Sand without end"},
		{"German", "", "Der Spiegel schreibt in [einem Artikel](https://www.spiegel.de/a/1) mit dem Titel „Der Sand hört nicht auf“:\n\n> Jeden Winter versandet der Hafen, und jedes Frühjahr bezahlt der Rat dafür, dass er wieder ausgebaggert wird.\n\nIch wohne dort seit dreißig Jahren.", "Der Sand hört nicht auf"},
		{"French", "", "Dans [un article](https://www.lemonde.fr/a/1) du Monde intitulé « Le sable ne finit jamais » :\n\n> Chaque hiver le port s'ensable, et chaque printemps la commune paie pour le faire draguer de nouveau.\n\nJ'y habite depuis trente ans.", "Le sable ne finit jamais"},
		{"Spanish", "", "En [un artículo](https://elpais.com/a/1) de El País titulado «La arena no se acaba nunca»:\n\n> Cada invierno el puerto se llena de arena, y cada primavera el ayuntamiento paga para que la saquen.\n\nVivo allí desde hace treinta años.", "La arena no se acaba nunca"},
		{"a line above a byline", "", "From the Washington Post:\n\nSand Fills the Harbor. Nobody Knows Why It Comes Back.\n\nBy Ann Reed and Pete Holt\n\nEvery winter the sand comes back…" + own, "Sand Fills the Harbor. Nobody Knows Why It Comes Back."},
		{"a publication and its headline on one line", "", "The Associated Press: Many fear winter’s sand will close the harbour\n\nTo many people the sand is a nuisance" + own, "Many fear winter’s sand will close the harbour"},
		{"an emphasized line above the passage", "", "From [the Guardian](https://www.theguardian.com/a/1):\n\n*Sand without end in small harbours*" + quoted, "Sand without end in small harbours"},
		{"the title in the URL", "Sand Without End in Small Harbours", "From [the Guardian](https://www.theguardian.com/2020/sand-without-end-in-small-harbours):" + quoted, "Sand Without End in Small Harbours"},
		{"the title without the author", "Containing Sand - Ann Reed", "Ann Reed, in [the Guardian](https://www.theguardian.com/2020/containing-sand-ann-reed):" + quoted, "Containing Sand"},

		{"a person's title in a link", "", "Mistakes included, my view of the matter is from [Ann Reed’s Harbour Ethics](https://annreed.example/2023/harbour/):" + quoted, "Harbour Ethics"},

		{"a possessive before a word for a text", "", "My view of the matter is from [Ann Reed’s Harbour Article](https://annreed.example/2023/harbour/):" + quoted, ""},
		{"a remark after the publication", "", "Harbours\n\nThe one I mean is good.\n\nThe Associated Press: I told them so in spring\n\nTo many people a harbour counts for more than a road\n\nThat is fine by me.", ""},
		{"words of the title in the URL", "Sand", "From [the Guardian](https://www.theguardian.com/2020/sand-without-end):" + quoted, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			format := "markdown"
			if !strings.Contains(tt.body, "](") && !strings.Contains(tt.body, "</a>") {
				format = "text"
			}
			quotes := read(t, r, format, tt.title, tt.body).Quotes
			if len(quotes) == 0 {
				t.Fatalf("nothing was published, want a credit with the headline %q", tt.headline)
			}
			if got := quotes[0].Source.Headline; got != tt.headline {
				t.Errorf("headline %q, want %q", got, tt.headline)
			}
		})
	}
}
