package attribution

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCertain checks which quotes are published if the credit or an end of the passage is uncertain, and that they
// contain none of the author's own words.
func TestCertain(t *testing.T) {
	const (
		houses = "Houses fall into the sea on this coast every winter, and the council has no plan for those who lose them."
		nobody = "Nobody was hurt, according to the report, although two cars and a shed have been lost since the middle of March."
	)
	tests := []struct {
		name, format, body string
		want               []string // "PUBLICATION: PASSAGE", or "PUBLICATION" for a credit without a passage
	}{
		{"an unmarked paragraph after a marked quotation", "html",
			"<p>From the Guardian:</p><blockquote><p>" + houses +
				"</p></blockquote><p>Officials said on Monday that 40 more would fall…</p>",
			[]string{"Guardian: " + houses}},
		{"an unmarked paragraph between a lead and a quotation", "html",
			"<p>From the Guardian:</p><p>I read this on the train and laughed.</p><blockquote><p>" + houses +
				"</p></blockquote>",
			[]string{"Guardian: " + houses}},
		{"a lead in plain text after a marked quotation", "markdown",
			"> " + houses + "\n\nFrom the Guardian:\n\nThe council said on Monday that nobody was hurt.",
			[]string{"Guardian"}},
		{"a lead in plain text", "text",
			"From the Guardian:\n\nHouses fall into the sea, the council said.\n\nI told them so.", []string{"Guardian"}},
		{"quotation marks around the whole", "text", "From the Guardian:\n\n“" + houses + "”\n\nI told them so.",
			[]string{"Guardian: “" + houses + "”"}},
		{"quotation marks around each paragraph", "text", "From the Guardian:\n\n“" + houses +
			"”\n\n“" + nobody + "”\n\nI told them so.",
			[]string{"Guardian: “" + houses + "”\n\n“" + nobody + "”"}},
		{"a byline copied with the passage, and no end", "text",
			"From the Guardian:\n\nHouses fall\n\nBy Ann Reed | June 16, 2014\n\n" +
				"Three houses fell on Monday, the council said.\n\nNobody was hurt, it said.\n\nI told them so.",
			[]string{"Guardian"}},
		{"a byline copied with the passage, and an end", "text",
			"From the Guardian:\n\nHouses fall\n\nBy Ann Reed | June 16, 2014\n\n" +
				"Three houses fell on Monday, the council said.\n\nNobody was hurt, it said…\n\nI told them so.",
			[]string{"Guardian: Three houses fell on Monday, the council said.\n\nNobody was hurt, it said…"}},
		{"a colon before the author's own paragraphs", "text",
			"Here is what The Economist got wrong:\n\nPrices do not rise because wages rise.", nil},
		{"a colon within a line", "html", "<p>Wired: this is not the end of keyboards.</p><p>The keys are stiff.</p>", nil},
		{"a colon before code", "markdown", "Wired says:\n\n```\nsudo reboot\n```\n", nil},
		{"a note of the author in a quotation element", "html",
			"<p>The Guardian reports:</p><blockquote><p>" + houses +
				"</p></blockquote><p>I fixed my server.</p><blockquote><p>Note: do not run this.</p></blockquote>",
			[]string{"The Guardian: " + houses}},
		{"a quotation of another speaker after a quotation", "html",
			"<p>The Guardian reports:</p><blockquote><p>" + houses +
				"</p></blockquote><p>And my grandmother used to sing:</p><blockquote><p>The sea, the sea.</p></blockquote>",
			[]string{"The Guardian: " + houses}},
		{"more of the same source", "html",
			"<p>The Guardian reports:</p><blockquote><p>" + houses +
				"</p></blockquote><p>And further down:</p><blockquote><p>" + nobody + "</p></blockquote>",
			[]string{"The Guardian: " + houses}},
		{"a shop", "html", `<p>Get it at <a href="https://www.amazon.com/dp/B00">the shop</a>:</p>` +
			`<blockquote><p>It was raining.</p></blockquote>`, nil},
		{"a relative", "html", "<p>From Aunt Mary:</p><blockquote><p>Stir well until it thickens.</p></blockquote>", nil},
		{"a file to download", "html",
			`<p>Get it <a href="https://example.org/tool.zip">here</a>:</p><blockquote><p>Needs a printer.</p></blockquote>`,
			nil},
		{"two names and an agency", "text", "From the Cape Cod Times and the Associated Press:\n\n“" + houses + "”",
			[]string{"Cape Cod Times: “" + houses + "”"}},
	}
	r := newReader(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, q := range read(t, r, tt.format, "", tt.body).Quotes {
				s := q.Source.Publication
				if q.Text != "" {
					s += ": " + q.Text
				}
				got = append(got, s)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("quotes in %s\n(-want +got):\n%s", tt.body, diff)
			}
		})
	}
}

// TestNoSource checks that a name is never credited if it cannot be the name of a publication, person, work or
// institution.
func TestNoSource(t *testing.T) {
	r := newReader(t)
	for _, name := range []string{
		"14px", "v8.6", "Version 8.6", "Go 1.22", "Christmas", "Christmas Eve", "New Year", "Weihnachten", "2008 to 2022",
		"2008–2022", "December", "March 2014",
		"Monday", "todo list", "My Todo List", "Todo List", "settings.yml", "README.md", "main.go", "She", "It", "Them",
		"3.2 GB", "Chapter 3", "Part 2",
		"Northern Lights", "A Walk",
	} {
		for _, body := range []string{
			"<h2>Northern Lights</h2><p>From " + name + ":</p><blockquote><p>Bring a coat, it is cold.</p></blockquote>",
			"<h2>Northern Lights</h2><p>" + name + ":</p><blockquote><p>Bring a coat, it is cold.</p></blockquote>",
			"<h2>Northern Lights</h2><blockquote><p>Bring a coat, it is cold.</p></blockquote>" +
				`<p>— <a href="https://example.org/a/b">` + name + "</a></p>",
			"<h2>Northern Lights</h2><p>Source: <b>" + name + "</b></p>",
		} {
			for _, q := range read(t, r, "html", "A Walk", body).Quotes {
				if q.Source.Publication != "" && q.Source.Publication != "example.org" || len(q.Source.Authors) > 0 {
					t.Errorf("%s\ncredits %q by %v (confidence %v), want no credit",
						body, q.Source.Publication, authorNames(q.Source.Authors), q.Confidence)
				}
			}
		}
	}
}

// TestOwnBlog checks that a post that quotes its own blog has no source.
func TestOwnBlog(t *testing.T) {
	r := newReader(t)
	for _, body := range []string{
		`<p>From <a href="https://www.blog.example/2012/cliff">The Cliff Report</a>:</p>` +
			`<blockquote><p>The cliff is safe.</p></blockquote>`,
		`<p>From Harbour Notes:</p><blockquote><p>The cliff is safe.</p></blockquote>`,
		`<blockquote cite="https://blog.example/2012/cliff"><p>The cliff is safe.</p></blockquote>`,
		`<p>As I wrote last year:</p><blockquote><p>The cliff is safe.</p></blockquote>`,
		`<p>I am quoting myself about cliffs again (through Reinout):</p><blockquote><p>The cliff is safe.</p></blockquote>`,
	} {
		in := parsed(t, "html", body)
		in.Hosts, in.Names = []string{"blog.example"}, []string{"Harbour Notes"}
		if got := r.Read(in); len(got.Quotes)+len(got.Suggestions) != 0 {
			t.Errorf("%s\ncredits %+v, want no source", body, append(got.Quotes, got.Suggestions...))
		}
	}
}

// TestSuggestions checks that an uncertain credit is a suggestion, and that the quotation below it is uncredited.
func TestSuggestions(t *testing.T) {
	got := read(t, newReader(t), "html", "",
		"<p>From Aunt Mary:</p><blockquote><p>Stir well until it thickens.</p></blockquote>")
	if len(got.Quotes) != 0 || len(got.Suggestions) != 1 || got.Suggestions[0].Source.Publication != "Aunt Mary" {
		t.Errorf("quotes %v and suggestions %v, want Aunt Mary suggested", got.Quotes, got.Suggestions)
	}
	if slices.ContainsFunc(got.Blocks, func(b Block) bool {
		return b.Role == Passage || strings.HasPrefix(b.Text, "Stir") && b.Role != Uncredited
	}) {
		t.Errorf("blocks %+v, want no passage and an uncredited quotation", got.Blocks)
	}
}

// TestMentions checks that a source that a post with marked quotations only mentions is suggested, not published.
func TestMentions(t *testing.T) {
	const quotation = "<p>From the <i>Harbour Gazette</i>:</p><blockquote><p>The pier is shut until the spring.</p></blockquote>"
	got := read(t, newReader(t), "html", "", quotation+
		"<p>My aunt subscribes to the Financial Times, and her cat sleeps on it.</p>")
	if len(got.Quotes) != 1 || got.Quotes[0].Source.Publication != "Harbour Gazette" {
		t.Errorf("quotes %+v, want only the Harbour Gazette", got.Quotes)
	}
}

// TestCertainPublication checks which publications are certain enough to get a feed of their own.
func TestCertainPublication(t *testing.T) {
	r, err := New(Options{Publications: []Publication{{Name: "The Ellermoor Courier"}}})
	if err != nil {
		t.Fatal(err)
	}
	for lead, want := range map[string]bool{
		"From the Guardian:":              true,
		"From the Ellermoor Courier:":     true,
		"From the Rivertown Courier:":     false,
		"From <i>the Rivertown News</i>:": false,
		`From <a href="https://rivertowncourier.example/a/1">the Rivertown Courier</a>:`: true,
		`From <a href="https://elsewhere.example/a/1">the Rivertown Courier</a>:`:        false,
	} {
		got := read(t, r, "html", "", "<p>"+lead+"</p><blockquote><p>Houses fall into the sea.</p></blockquote>")
		if len(got.Quotes) != 1 || got.Quotes[0].Certain != want {
			t.Errorf("%s: quotes %+v, want one with Certain %v", lead, got.Quotes, want)
		}
	}
}

// TestNotQuoted checks that names that a post mentions are not published as sources: each case is a kind of name that
// was once taken for a source in posts of real blogs.
func TestNotQuoted(t *testing.T) {
	r := newReader(t)
	for _, tt := range []struct{ name, title, format, body string }{
		{"a protocol in a list", "", "markdown",
			"Every few years somebody solves this again:\n\n- Meteor, with its DDP protocol\n- Firebase\n- Derby.js, over Share\n\n" +
				"None of them asked me."},
		{"a timeline and a person who revealed it", "", "markdown",
			"The programme, [revealed by Edward Snowden](https://www.eff.org/nsa-spying/timeline), is older than my shed. " +
				"The Electronic Frontier Foundation keeps a list of it."},
		{"the name of a bill", "", "markdown",
			"There are two proposals: the Harbour Court Reform Act and the Presidential Appointment of Harbour Judges Act. " +
				"Neither says who pays."},
		{"a forum that links to a picture", "", "html",
			`<p>Depuis lundi, un forum, <a href="http://forum.example/t/12">La Otra Orilla</a>, affiche ma photo « Masque » sans la ` +
				`copier. J'ai mis un crabe à la place.</p>`},
		{"works in footnotes", "", "markdown",
			"Some of us are behind, and some are ahead.[^1] I am beside.[^2]\n\n" +
				"[^1]: Tom Reed, \"The Two Clocks,\" *Harbour History*, 3 May 2012, <http://harbourhistory.example/clocks>.\n" +
				"[^2]: Paul Field, \"What Is a Clock?\" *Bloomberg*, June 11, 2015."},
		{"a saying after a link that proves something else", "", "markdown",
			"For most people [any boat is better than no boat](https://skeptics.stackexchange.com/questions/99/any-boat). " +
				"Is that so? For some of my friends it may well be that:\n\n> A boat is like soup - even when it is bad, it is warm.\n\n" +
				"I have had bad soup."},
		{"a book that was finished", "", "markdown",
			"This week I finished [Thrive by Arianna Huffington](https://www.goodreads.com/book/show/18594633-thrive), fixed the date " +
				"picker and slept."},
		{"a month and a city", "", "markdown",
			"Letzten September, beim Parteitag in Brighton, stand ich am Zaun und habe die Möwen gezählt. Es waren die üblichen."},
		{"names in code", "", "markdown",
			"The reader needs a token first:\n\n```\nsid = get_SID(user)\nrequest(\"GET\", url, sid)\n```\n\nThe SID and token functions are " +
				"the same for every request, and Reader never tells you."},
		{"a book under review", "Review of Harbour Nation", "markdown",
			"Andrew Murray, *Harbour Nation: Piers and the Public* (Oxford University Press, 2009). This book is long. Murray argues " +
				"that piers make a public, and he is fond of them."},
		{"an item of a list", "", "markdown",
			"It can combine many kinds of data:\n\n* Hacker News posts\n* GitHub projects\n* GitHub actions jobs\n\nI wanted to know how."},
		{"sites of tools", "", "markdown",
			"Where I look first:\n\n* Stack Overflow\n* GitHub\n* Hacker News\n* Wikipedia\n\nThen I ask my daughter."},
		{"the post's own title", "Hacking the Harbour", "markdown",
			"I led a session on Hacking the Harbour, a phrase that I borrowed from Chris Mendel, and nobody fell in."},
		{"a singer with a footnote mark", "", "html",
			`<p>Le disque de Carla Breton<sup>3</sup> sort vendredi, et le téléphone avec : ` +
				`<a href="http://www.iphon.fr/post/sortie">tout est dit ici</a>. On attendra.</p>`},
		{"products and projects", "", "markdown",
			"I moved the notes from Evernote to Obsidian, the mail from Gmail to Fastmail, and the site from Jekyll to Hugo. Syncthing " +
				"does the rest."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, q := range read(t, r, tt.format, tt.title, tt.body).Quotes {
				t.Errorf("published %q, headline %q, by %v with passage %q and confidence %v, want only suggestions", q.Source.Publication,
					q.Source.Headline, authorNames(q.Source.Authors), q.Text, q.Confidence)
			}
		})
	}
}
