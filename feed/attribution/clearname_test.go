package attribution

import (
	"slices"
	"strings"
	"testing"
)

// formCase is a post with a credit in running text, or a similar one that credits nobody.
type formCase struct {
	name, format, body string
	// want has a line "PUBLICATION|HEADLINE|AUTHORS|URL" or "PUBLICATION|HEADLINE|AUTHORS|URL|PASSAGE" for each published
	// quote. The passage is compared only if the line has one; SAND stands for formQuote.
	want string
}

// checkQuotes checks what is published of each post.
func checkQuotes(t *testing.T, tests []formCase) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := strings.Split(tt.want, "\n")
			var got []string
			for i, q := range readCase(t, tt.name, tt.format, tt.body) {
				s := q.Source
				fields := []string{s.Publication, s.Headline, strings.Join(authorNames(s.Authors), ", "), s.URL}
				if i < len(want) && strings.Count(want[i], "|") == len(fields) {
					fields = append(fields, strings.ReplaceAll(q.Text, formQuote, "SAND"))
				}
				got = append(got, strings.Join(fields, "|"))
			}
			if got := strings.Join(got, "\n"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

const (
	formQuote = "Every winter the harbour fills with sand, and every spring the council pays to have it dug out again."
	formBlock = "\n\n> " + formQuote + "\n\nNobody on the quay was surprised.\n"
	formOwn   = "\n\nThe ferry was late again, and nobody on the quay was surprised by it."
)

// TestClearName checks credits that name a source next to its quotation.
func TestClearName(t *testing.T) {
	const article = "https://www.theguardian.com/2021/feb/11/sand"
	checkQuotes(t, []formCase{
		{"an emphasized name", "markdown", "In reaction, the paper that we all read, *Harbour Lantern*, writes:" + formBlock, "Harbour Lantern||||SAND"},
		{"a bold name", "markdown", "The catalogue is out:\n\n* our club was founded in 1997.\n\nIn **Quay and Province** no 402, 15 May 2000, there is an interview with the owner of a dredger:" + formBlock, "Quay and Province||||SAND"},
		{"the link that announces the quotation", "markdown", "I had given up on it until she came to it. From [her closing paragraph](" + article + "):" + formBlock,
			"The Guardian|||" + article + "|SAND"},
		{"the name of a site", "markdown", "Over at [Lantern Quay](https://lanternquay.example/2021/sand) they have counted it:" + formBlock,
			"Lantern Quay|||https://lanternquay.example/2021/sand|SAND"},
		{"a person in a publication", "text", "Ann Reed in the Harbour Post yesterday:\n\n" + formQuote + formOwn, "Harbour Post||Ann Reed|"},
		{"a speaker that is not known", "text", "The Harbour Trust notes that “every winter the basin fills with sand, and every spring the council pays for it”." + formOwn,
			"The Harbour Trust||||every winter the basin fills with sand, and every spring the council pays for it"},
		{"a linked verb of saying", "html", `<p>Ellen Marsh <a href="https://plainly.example/2002/03/14">writes</a>: "Templates are how harbours keep the writers out of the kitchen."</p><p>I have heard her on this subject.</p>`,
			"||Ellen Marsh|https://plainly.example/2002/03/14|Templates are how harbours keep the writers out of the kitchen."},
		{"a linked name and its quotation", "markdown", "They have gone three ways on it.\n\n[Ann Reed](https://reed.example/2021/sand): “It is a tax on sand, collected by the harbour for the benefit of two dredgers in Oakham, and nobody has ever paid it twice.”" + formOwn,
			"||Ann Reed|https://reed.example/2021/sand|It is a tax on sand, collected by the harbour for the benefit of two dredgers in Oakham, and nobody has ever paid it twice."},
		{"a name alone", "html", "<p><b>The Quay Advertiser</b></p><blockquote><p>" + formQuote + "</p></blockquote><p>I went to see it.</p>", "The Quay Advertiser|||"},
		{"a person in brackets after the quotation", "text", "Quiet tonight. Two boats, one of them twice.\n\n\"A harbour is a house which everybody has just left.\" (Ann Reed)\n\nI have that on a card." + formOwn, "||Ann Reed|"},
		{"a person in a publication below another sentence", "text", "Nothing on the boat today, because this came with the milk. Ewan Stark in the Basin Herald yesterday:\n\n" + formQuote + formOwn,
			"Basin Herald||Ewan Stark|"},
		{"a site whose link is not its name", "markdown", "The crew at Gullfeed [wonder about it](https://gullfeed.example/2021/05/harbours):" + formBlock,
			"Gullfeed|||https://gullfeed.example/2021/05/harbours|SAND"},
		{"an emphasized name within a sentence", "markdown", "I love what *Quay and Province* has on it today:" + formBlock, "Quay and Province||||SAND"},
		{"an emphasized name and a passage without a credit", "markdown", "I read it to my aunt in bed. In *Harbour Lantern* there is this:" + formBlock, "Harbour Lantern||||SAND"},

		{"a link to pay", "html", `<p><i>Support my work via <a href="https://paypal.me/AnnReed">Paypal</a></i></p><blockquote><p>` + formQuote + "</p></blockquote>", ""},
		{"an enumeration of topics", "text", "We spoke of Dylan, of sand, Mother Jones, Ann Reed's “Dark as the Basin that fills with Sand” and of much else." + formOwn, ""},
		{"a site that hosts videos", "markdown", "All of it is back, and this one above all: [this](https://www.youtube.com/watch?v=LbT4) on YouTube:" + formBlock, ""},
	})
}

// TestClearReport checks sentences that say what a publication or a person in it reports.
func TestClearReport(t *testing.T) {
	const article = "https://www.theguardian.com/2021/feb/11/sand"
	checkQuotes(t, []formCase{
		{"a link on the clause", "markdown", "The basin will be shut, [The Guardian reports](" + article + ")." + formOwn, "The Guardian|||" + article + "|"},
		{"according to", "markdown", "[According to the Guardian](" + article + "), it began with a joke of the crew." + formOwn, "Guardian|||" + article + "|"},
		{"a person who wrote in a publication", "text", "Ann Reed wrote in yesterday's New York Post that two of the crews had laid a protest." + formOwn, "New York Post||Ann Reed||"},
		{"a person in today's paper", "text", "In today's New York Times, Ann Reed suggests that the council will wait until June." + formOwn, "New York Times||Ann Reed||"},
		{"a reporter", "text", "The Harbour Gazette reports that the ten bells of the mole will not be rung this winter." + formOwn, "Harbour Gazette||||"},
		{"a reference to the rest", "markdown", "The lamp burns whatever the goat leaves. Read the full article on this at [The Guardian](" + article + ")." + formOwn,
			"The Guardian|||" + article + "|"},

		{"a linked verb after the name", "markdown", "The Guardian in the meantime [says that](" + article + ") the harbours have met twice." + formOwn, "The Guardian|||" + article + "|"},
		{"a fact that was read in a publication", "markdown", "I read in [the Guardian](" + article + ") that the state sells the house on the mole, with its well." + formOwn,
			"Guardian|||" + article + "|"},
		{"a paper and its words", "text", "The Guardian in a leader: \"A harbour that has to be dug out twice is not shut. It is asleep.\"" + formOwn, "The Guardian|||"},
		{"a paper in a place", "text", "And the Vienna paper Die Presse on the day after: \"" + formQuote + "\"" + formOwn, "Die Presse||||SAND"},
		{"a speaker to an agency", "text", "\"The basin was always the slow part, and the mole comes by itself,\" she told Reuters." + formOwn, "Reuters|||"},

		{"in the first person", "markdown", "I was glad when [The Guardian reported](" + article + ") it." + formOwn, ""},
		{"a name in another sentence than the quotation", "markdown", "I had the [Guardian](" + article + ") with me on the ferry. My aunt looked up and said, \"" + formQuote + "\" She is ninety." + formOwn, ""},
		{"a link to a different site", "markdown", "The Guardian reported on [the harbour](https://harbour.example/a/b) in May." + formOwn, ""},
	})
}

// TestClearEntry checks entries of lists, tails of paragraphs, and citations.
func TestClearEntry(t *testing.T) {
	const article = "https://www.theguardian.com/2021/feb/11/sand"
	checkQuotes(t, []formCase{
		{"a title, a dash and a name", "markdown", "* [The last mile of sand is a person](https://www.wired.com/2021/mile) — *Wired*. A day with a dredger.\n* [Chair of the harbour is glad](https://thehill.com/a/b) — *The Hill*. He always is.\n",
			"Wired|The last mile of sand is a person||https://www.wired.com/2021/mile|\nThe Hill|Chair of the harbour is glad||https://thehill.com/a/b|"},
		{"a name in brackets at the end", "text", "* The ferrymen have been told that they may fish to the middle. They have asked how they will know. [Harbour Weekly Post]\n* The bar is shut.",
			"Harbour Weekly Post|||"},
		{"a piece that is quoted below", "html", `<p>I have now been through <a href="` + article + `">this article</a> three times, with coffee.</p><p>It starts well and it gets better:</p><blockquote><p>` + formQuote + `</p></blockquote>`,
			"The Guardian|||" + article},
		{"a dash and a newspaper at the end", "text", "Fourteen harbours are to be shut before Easter after the county failed to find anybody who was willing to dredge them - Lunesdale Gazette",
			"Lunesdale Gazette|Fourteen harbours are to be shut before Easter after the county failed to find anybody who was willing to dredge them||"},
		{"a citation of an old newspaper", "text", formQuote + "\n\nOakham Daily Gazette (Oakham, Ohio), 14 March 1893, page 3" + formOwn, "Oakham Daily Gazette|||"},
		{"a source and a date", "text", formQuote + "\n\nSource: quayplainsman.com, 19 August 2006" + formOwn, "quayplainsman.com|||"},
		{"an agency above a dateline", "text", "Ohio County Keeps Its Harbour's Horn\n\nThe Associated Press\n\nMARIETTA, Ohio (AP) — A county ferry and an ice cream vendor who play the same tune have agreed not to be on the same quay." + formOwn,
			"AP|||"},
		{"a publication that is linked below", "html", `<p>From Trade Counter:</p><p>` + formQuote + `</p><p>Link to the rest at <a href="https://www.tradecounter.example/news/sand-1">Trade Counter</a></p><p>We say that the word in it is “sand”.</p>`,
			"Trade Counter|||https://www.tradecounter.example/news/sand-1"},

		{"the title of a page", "markdown", "[Printing Hall Now a Gym - Lantern Advertiser](https://www.lanternadvertiser.example/news/gym)\n\nThere must be a joke in it." + formOwn,
			"Lantern Advertiser|Printing Hall Now a Gym||https://www.lanternadvertiser.example/news/gym"},
		{"a source below the text", "text", formQuote + " They do it with one boat.\n\nSource: Oakham Gazette" + formOwn, "Oakham Gazette|||"},
		{"a link to a via", "markdown", "In the [Boston Globe](https://www.boston.com/news/local/articles/2005/02/17/sand/), via [Lantern Jaw](https://lanternjaw.example/2005/sand):" + formBlock,
			"Boston Globe|||https://www.boston.com/news/local/articles/2005/02/17/sand/|SAND"},
		{"a citation in brackets", "markdown", "They say that the harbour was a prayer once, and that nobody has come to it since (*Harbour Lantern*, 30 April 2000)." + formOwn, "Harbour Lantern|||"},
		{"a publication with a title as the lead", "markdown", "[BASIN POST: Pilots ask for a bell](https://basinpost.example/2021/bell):" + formBlock,
			"BASIN POST|Pilots ask for a bell||https://basinpost.example/2021/bell|SAND"},
		{"a lead and a link to the rest", "markdown", "From the Guardian of 12 May 2009:\n\n> " + formQuote + "\n\nLink: [Sand Comes Back](https://www.theguardian.com/2009/may/12/sand)",
			"The Guardian|Sand Comes Back||https://www.theguardian.com/2009/may/12/sand|SAND"},

		{"a photo credit", "html", `<p>The company rehearsing its part of the evening on the quay. (Ann Reed/Harbour Times)</p><p>You enter through the bay.</p>`, ""},
		{"a source that is no publication", "text", "The basin has lost nine boats since March, and most of them went in the same week.\n\nSource: Own Measurements" + formOwn, ""},
		{"a place in brackets", "text", "There were thirty of them in the shed that night, and nobody had a lamp (Oakham)." + formOwn, ""},
		{"a page that is quoted with others", "html", `<p>I read <a href="` + article + `">this article</a> and <a href="https://reed.example/a/b">that one</a>.</p><p>It starts well:</p><blockquote><p>` + formQuote + `</p></blockquote>`, ""},
	})
}

// TestLinkedHeading checks that a heading that links to an article credits the only quotation element of its section.
func TestLinkedHeading(t *testing.T) {
	const first, second = "https://lantern.example/2009/08/history.html", "https://quay.example/2009/09/fonts.html"
	heading := func(title, url string) string { return "### [" + title + "](" + url + ")\n\n" }
	checkQuotes(t, []formCase{
		{"a list of bookmarks", "markdown", heading("A Short and Unfair History of Sand", first) + "Made me spill my tea" + formBlock + "\n" + heading("Which harbours can I use?", second) + "Handy.\n",
			"lantern.example|A Short and Unfair History of Sand||" + first + "|SAND"},
		{"a line that announces the quotation", "markdown", heading("Lantern: Sand in the cellar", first) + "There is comfort in it:" + formBlock,
			"Lantern|Sand in the cellar||" + first + "|SAND"},
		{"two quotations", "markdown", heading("A Short and Unfair History of Sand", first) + "Made me spill my tea" + formBlock + formBlock, ""},
	})
}

// TestClearNameAcrossSentences checks names that contain the end of a sentence, and links that do.
func TestClearNameAcrossSentences(t *testing.T) {
	checkQuotes(t, []formCase{
		{"a link of two sentences", "markdown", "I read [that rain falls. The sun reported](https://www.bbc.co.uk/news/science-123456), on BBCNews." + formOwn, ""},
	})
}

// TestNameWeak checks that a unit of which the model labels no names is found with the known publication in it, with
// the name that is where sources are named, or with the publication of the link's host.
func TestNameWeak(t *testing.T) {
	const bells = "We keep nine bells in the shed, and there is room for a tenth. "
	const bucket = " notes that “a bell which nobody rings is a bucket, and a bucket is no use on a mole”. I have rung all of mine."
	r := newReader(t)
	for _, tt := range []struct {
		name, body string
		want       string // "PUBLICATION|AUTHORS|URL" of the credit
	}{
		{"a known publication", "I read Le Monde standing, at the bar, as my father did, and like him I begin with the obituaries. " +
			"This morning, on page 9, between a loto and a hunt, there was this: \"" + formQuote + "\"", "Le Monde||"},
		{"another name before a verb of saying", bells + "HSO" + bucket, "HSO||"},
		{"a link without a name", "My aunt counted the boats twice. There are [nine of them now](https://www.theguardian.com/2021/boats), and there were twelve in March." + formOwn,
			"The Guardian||https://www.theguardian.com/2021/boats"},
		{"a name without a verb", bells + "Marek has nine more, and they are all for sale." + formOwn, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			res := read(t, r, "markdown", "", tt.body)
			for _, q := range slices.Concat(res.Quotes, res.Suggestions) {
				got = append(got, strings.Join([]string{q.Source.Publication, strings.Join(authorNames(q.Source.Authors), ", "), q.Source.URL}, "|"))
			}
			if got := strings.Join(got, "\n"); got != tt.want {
				t.Errorf("found %q, want %q", got, tt.want)
			}
		})
	}
}

// TestMayName checks where a name that the model does not label may be that of a source.
func TestMayName(t *testing.T) {
	r := newReader(t)
	for _, tt := range []struct {
		body, name string
		want       bool
	}{
		{"So the Sand Board (Oakham) says that it is back.", "Sand Board", true},
		{"It is all in *Sand and Stone*, on page nine.", "Sand and Stone", true},
		{"It is all in Sand and Stone, on page nine.", "Sand", false},
		{"I gave her *Sand and Stone* on Sunday.", "Sand and Stone", false},
		{"The rest is from the Harbour Times of Sunday.", "Harbour Times", true},
		{"I sold the Harbour Times on Sundays.", "Harbour Times", false},
	} {
		rd := r.readRules(parsed(t, "markdown", tt.body), &scratch{})
		b := rd.doc.blocks[0]
		_, name, _ := b.findName(tt.name)
		if got := rd.mayName(b, span{0, len(b.toks)}, name); got != tt.want {
			t.Errorf("mayName of %q in %q is %v, want %v", tt.name, tt.body, got, tt.want)
		}
	}
}

// TestMayNameSource checks which units may name a source.
func TestMayNameSource(t *testing.T) {
	r := newReader(t)
	for body, want := range map[string]bool{
		"It is in the Guardian":                 true,
		"Reed says so":                          true,
		"So [it is](https://reed.example/2021)": true,
		"It is in the paper":                    false,
		"Guardian of the mole":                  false,
		"Nobody at the bar says so":             false,
	} {
		rd := r.readRules(parsed(t, "markdown", body), &scratch{})
		b := rd.doc.blocks[0]
		if got := rd.mayNameSource(b, span{0, len(b.toks)}); got != want {
			t.Errorf("mayNameSource of %q is %v, want %v", body, got, want)
		}
	}
}
