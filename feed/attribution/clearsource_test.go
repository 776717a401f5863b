package attribution

import (
	"strings"
	"testing"

	"feedpub/feed/markup"
)

// TestClearBeside checks that credits with a clear form directly above or below a quotation element are published, and
// that similar text is not.
func TestClearBeside(t *testing.T) {
	const quoted = "> Every winter the harbour fills with sand, and every spring the council pays to have it dug out again."
	const own = "\n\nI have lived at the harbour for thirty years and never saw a winter like this one.\n"
	r := newReader(t)
	for _, tt := range []struct{ name, body, want string }{ // want is "PUBLICATION|HEADLINE|AUTHORS" of the credits
		{"a name", "Nobody asks.\n\nJoan Westbrook:\n\n" + quoted + own, "||Joan Westbrook"},
		{"a name and a verb", "Or as Tony Hale puts it:\n\n" + quoted + own, "||Tony Hale"},
		{"a site", "So I was pleased to find this over at [Groyne's Table](http://groynestable.blogspot.com/2012/08/friction.html):\n\n" + quoted + own,
			"Groyne's Table||"},
		{"a link", "This is how it works:\n\n" + quoted + "\n\nLink: [Closing Hours of Small Harbours](http://rules.example/closing.html)" + own,
			"rules.example|Closing Hours of Small Harbours|"},
		{"an unknown publication", "From the Harbour Notes:\n\n" + quoted, "Harbour Notes||"},
		{"a relative", "From Aunt Mary:\n\n" + quoted + own, ""},
		{"a signature", quoted + "\n\n— Olivia Stone, The Seven Harbours (1949)" + own, "|The Seven Harbours|Olivia Stone"},

		{"a label without a quotation", "The harbour is shut.\n\nLink: [Closing Hours of Small Harbours](http://rules.example/closing.html)" + own, ""},
		{"a description of a person", quoted + "\n\n— Olivia Stone, to a pupil" + own, "||Olivia Stone"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, q := range read(t, r, "markdown", "", tt.body).Quotes {
				if q.Text == "" {
					t.Errorf("the credit of %v has no passage", q.Source)
				}
				got = append(got, q.Source.Publication+"|"+q.Source.Headline+"|"+strings.Join(authorNames(q.Source.Authors), ", "))
			}
			if s := strings.Join(got, "; "); s != tt.want {
				t.Errorf("got %q, want %q", s, tt.want)
			}
		})
	}
}

// TestFieldsOfOneQuotation checks that the fields of a credit are not taken from words that belong to something else.
func TestFieldsOfOneQuotation(t *testing.T) {
	r := newReader(t)
	for _, tt := range []struct{ name, format, body, want string }{
		{"two quotations with a credit inside each", "markdown", "Gestern hat das Hafengericht den neuen Kran zunächst einmal stillgelegt. Dabei bescheinigten die Richter dem Kran einen:\n\n> erheblichen Lärm am frühen Morgen.\n>\n> -- <cite>[HGer](https://www.hafengericht.example/mitteilungen/hg08-037.html)</cite>\n\nDer stellvertretende Sprecher Thomas Kramer sagte dazu:\n\n> Im Rat jedenfalls ist die Entscheidung nicht lange besprochen worden und sie ist mit großer Ruhe zur Kenntnis genommen worden.\n>\n> -- <cite>[Thomas Kramer](https://archiv.hafenrat.example/2008-03-19-regpk.html)</cite>\n\nIch wohne am Kran.\n",
			"HGer||| https://www.hafengericht.example/mitteilungen/hg08-037.html; ||Thomas Kramer| https://archiv.hafenrat.example/2008-03-19-regpk.html"},
		{"a possessive before the link", "html", `<p>Have you ever read Ann Reed's <a href="http://www.theguardian.com/articles/20.html">Harbour Letter IV: Sand and the 80/20 Myth</a>?</p><blockquote><p>A lot of pilots are seduced by the old rule. It seems to make a lot of sense: most of the boats use a small part of the quay.</p></blockquote><p>I think so.</p>`,
			"The Guardian|Harbour Letter IV: Sand and the 80/20 Myth|Ann Reed| http://www.theguardian.com/articles/20.html"},
		{"an adverb and a pronoun", "markdown", "Today I tweeted about it and then went out to enjoy the day a bit:\n\n> I might have built a very useless crane on top of a barrow, made from old doors and wire.\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := read(t, r, tt.format, "", tt.body)
			var got []string
			for _, q := range append(res.Quotes, res.Suggestions...) {
				got = append(got, q.Source.Publication+"|"+q.Source.Headline+"|"+strings.Join(authorNames(q.Source.Authors), ", ")+"| "+q.Source.URL)
				if strings.HasSuffix(q.Text, "Monnier") {
					t.Errorf("the passage %q includes the credit", q.Text)
				}
			}
			if s := strings.Join(got, "; "); s != tt.want {
				t.Errorf("got %q, want %q", s, tt.want)
			}
		})
	}
}

// TestByMeansOf checks that brackets with "via" after a name in a sentence are not a via.
func TestByMeansOf(t *testing.T) {
	res := read(t, newReader(t), "markdown", "", "Nun sieht es so aus, dass nicht nur Hafenbau (via [Kranwerk](https://kranwerk.example/)) mit Sand in das Geschäft drängt.\n")
	if len(res.Via) > 0 {
		t.Errorf("got vias %v, want none", res.Via)
	}
}

// TestOwnAccount checks that a social media post credits nobody if its account is named after the blog's host, or the
// line above says that it is the author's own.
func TestOwnAccount(t *testing.T) {
	const post = `<blockquote class="twitter-tweet"><p>The harbour is full of sand again.</p>&mdash; Quay (@_quay) <a href="https://twitter.com/_quayside/status/1091348170">January 2, 2009</a></blockquote>`
	r := newReader(t)
	for _, tt := range []struct {
		name, lead string
		hosts      []string
		quotes     int
	}{
		{"somebody else's", "<p>Seen this morning:</p>", []string{"blog.annreed.example"}, 1},
		{"named after the host", "<p>Seen this morning:</p>", []string{"blog.quayside.example"}, 0},
		{"my tweet", "<p>There was a lot of feedback on my tweet.</p>", nil, 0},
	} {
		body, err := markup.Parse(markup.HTML, tt.lead+post)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Read(Input{Body: body, Hosts: tt.hosts}).Quotes; len(got) != tt.quotes {
			t.Errorf("%s: got %d quotes, want %d", tt.name, len(got), tt.quotes)
		}
	}
}

// TestIsSourceLine checks which lines below a quotation are nothing but a label and a link to the article.
func TestIsSourceLine(t *testing.T) {
	const u = "https://notes.example/2006/sand"
	r := newReader(t)
	for _, tt := range []struct {
		line string
		want string // "PUBLICATION|HEADLINE", or "" if it is no such line
	}{
		{"Source: [Sand Without End](" + u + ")", "notes.example|Sand Without End"},
		{"Source: [Sand Without End](" + u + ").", "notes.example|Sand Without End"},
		{"Source: [Notes: Sand Without End](" + u + ")", "Notes|Sand Without End"},
		{"Source: [Sand Without End](" + u + "), 2006", ""},
		{"[Sand Without End](" + u + ")", ""},
		{"Source: [Sand](https://notes.example/sand.png)", ""},
	} {
		rd, s := newCredit(t, r, formBlock[2:len(formBlock)-len("Nobody on the quay was surprised.\n")]+tt.line, citation{url: u})
		s.passageBlocks, s.creditBlocks = []int{0}, []int{1}
		got := ""
		if rd.isSourceLine(s) {
			got = s.pub.name + "|" + s.headline
		}
		if got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.line, got, tt.want)
		}
		if s.passageBlocks = nil; rd.isSourceLine(s) {
			t.Errorf("%q is a source line without a passage", tt.line)
		}
	}
}
