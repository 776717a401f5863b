package attribution

import (
	"slices"
	"strings"
	"testing"
)

// newCredit returns the reading of a Markdown paragraph, and a source whose credit is in it.
func newCredit(t *testing.T, r *Reader, text string, c citation) (*reading, *source) {
	t.Helper()
	rd := r.readRules(parsed(t, "markdown", text), &scratch{})
	return rd, &source{citation: c, creditBlocks: []int{0}}
}

// TestIsPictureOrOwnText checks which links lead to a picture or to the author's own words.
func TestIsPictureOrOwnText(t *testing.T) {
	r := newReader(t)
	for _, tt := range []struct {
		text, url string
		want      bool
	}{
		{"A [drawing](https://bugle.example/sand.GIF?w=2#x) of it.", "https://bugle.example/sand.GIF?w=2#x", true},
		{"A [page](https://bugle.example/sand.gif/) of it.", "https://bugle.example/sand.gif/", false},
		{"I have [asked](https://bugle.example/a) this.", "https://bugle.example/a", true},
		{"[I asked](https://bugle.example/a) this.", "https://bugle.example/a", true},
		{"My [article](https://bugle.example/a) on it.", "https://bugle.example/a", true},
		{"Ann has [asked](https://bugle.example/a) this.", "https://bugle.example/a", false},
		{"Ann sent me [an article](https://bugle.example/a).", "https://bugle.example/a", false},
		{"From the Bugle, we have [this report](https://bugle.example/a).", "https://bugle.example/a", false},
		{"From [my favourite article](https://bugle.example/a) in it.", "https://bugle.example/a", false},
	} {
		rd, s := newCredit(t, r, tt.text, citation{url: tt.url})
		if got := rd.isPictureOrOwnText(s, rd.doc.blocks[0]); got != tt.want {
			t.Errorf("isPictureOrOwnText in %q is %v, want %v", tt.text, got, tt.want)
		}
	}
}

// TestDropAuthorsElsewhere checks that an author in a link to a different site is dropped only beside one in the link
// to the article.
func TestDropAuthorsElsewhere(t *testing.T) {
	const here = "https://bugle.example/a"
	r := newReader(t)
	for text, want := range map[string][]string{
		"[Ann Reed in the Bugle](https://bugle.example/a) and [Tom Hale in the Lantern](https://lantern.example/b)": {"Ann Reed"},
		"[Ann Reed and Tom Hale](https://bugle.example/a)":                                                          {"Ann Reed", "Tom Hale"},
		"[The Bugle](https://bugle.example/a), by Ann Reed and [Tom Hale](https://hale.example/me)":                 {"Ann Reed", "Tom Hale"},
		"[Ann Reed](https://bugle.example/a) and Tom Hale of [the Lantern](https://lantern.example/b)":              {"Ann Reed", "Tom Hale"},
	} {
		rd, s := newCredit(t, r, text, citation{url: here, authors: []string{"Ann Reed", "Tom Hale"}})
		if rd.dropAuthorsElsewhere(s); !slices.Equal(s.authors, want) {
			t.Errorf("authors in %q: %q, want %q", text, s.authors, want)
		}
	}
}

// TestIsLinkOfSpeaker checks that only a link on what an author says replaces the URL of a publication.
func TestIsLinkOfSpeaker(t *testing.T) {
	const said = "https://reed.example/a/b"
	r := newReader(t)
	for text, want := range map[string]bool{
		"Ann Reed [writes](https://reed.example/a/b) about the box of the Guardian: it runs.": true,
		"Ann Reed [writes](https://reed.example/a/b) in the Guardian: it runs.":               false,
		"Tom Hale [writes](https://reed.example/a/b) that Ann Reed asks the Guardian.":        false,
		"Ann Reed [likes](https://reed.example/a/b) the box of the Guardian.":                 false,
	} {
		rd, s := newCredit(t, r, text, citation{pub: (&reading{r: r}).publisherNamed("Guardian"), authors: []string{"Ann Reed"}})
		b := rd.doc.blocks[0]
		for _, link := range b.runs {
			if link.value != said {
				continue
			}
			_, in := tokensWithin(b.toks, span{0, len(b.toks)}, link)
			if got := rd.isLinkOfSpeaker(s, b, link, in); got != want {
				t.Errorf("isLinkOfSpeaker in %q is %v, want %v", text, got, want)
			}
		}
	}
}

// TestJoinRelativeClause checks that a headline that begins with "who" gets the name before it only in one link.
func TestJoinRelativeClause(t *testing.T) {
	const article = "https://bugle.example/a/b"
	r := newReader(t)
	for text, want := range map[string]string{
		"[Ann Reed, Who Dug the Harbour, Dies](https://bugle.example/a/b)": "Ann Reed, Who Dug the Harbour, Dies",
		"Ann Reed: [Who Dug the Harbour, Dies](https://bugle.example/a/b)": "Who Dug the Harbour, Dies",
	} {
		rd, s := newCredit(t, r, text, citation{url: article, headline: "Who Dug the Harbour, Dies", authors: []string{"Ann Reed"}})
		if rd.joinRelativeClause(s); s.headline != want || (len(s.authors) > 0) != (want == "Who Dug the Harbour, Dies") {
			t.Errorf("the headline of %q is %q by %q, want %q", text, s.headline, s.authors, want)
		}
	}
}

// TestIsKindOfPage checks that a publication and a word in lower case are no headline.
func TestIsKindOfPage(t *testing.T) {
	r := newReader(t)
	rd, s := newCredit(t, r, "Sand", citation{pub: (&reading{r: r}).publisherNamed("The New York Times")})
	for text, want := range map[string]bool{
		"New York Times interactive": true, "The New York Times data page": true, "New York Times": false,
		"New York Times Wins": false, "New York Times wins a prize": false, "Guardian interactive": false,
	} {
		if got := rd.isKindOfPage(s, text); got != want {
			t.Errorf("isKindOfPage of %q is %v, want %v", text, got, want)
		}
	}
}

// TestIsTold checks which texts of links tell what somebody said.
func TestIsTold(t *testing.T) {
	r := newReader(t)
	for text, want := range map[string]bool{
		"Ann said this about sand": true, "Ann Reed wrote this in May": true, "Ann says the sand is back": false,
		"The council pays for sand": false,
	} {
		rd, _ := newCredit(t, r, text, citation{})
		b := rd.doc.blocks[0]
		if got := rd.isTold(b, span{0, len(b.toks)}); got != want {
			t.Errorf("isTold of %q is %v, want %v", text, got, want)
		}
	}
}

// TestIsPosition checks that a job after the author's name is no headline, and a title is one.
func TestIsPosition(t *testing.T) {
	r := newReader(t)
	for text, want := range map[string]bool{
		"— Ann Reed, Director of the Harbour Society": true,
		"— Ann Reed, Harbour’s SVP of Sand":           true,
		"— Ann Reed, CEO":                             true,
		"— Ann Reed, singer":                          true,
		"— Ann Reed, *Mayor of Oakham*":               false,
		"— Ann Reed, The Mayor of Oakham":             false,
		"— Ann Reed, Sand and Ships in Small Ports":   false,
	} {
		_, headline, _ := strings.Cut(strings.ReplaceAll(text, "*", ""), ", ")
		rd, s := newCredit(t, r, text, citation{headline: headline, authors: []string{"Ann Reed"}})
		if got := rd.isPosition(s, r.lx.tokenize(headline, nil)); got != want {
			t.Errorf("isPosition in %q is %v, want %v", text, got, want)
		}
	}
}

// TestPartialNames checks names that are only a part of something, or have other words in them.
func TestPartialNames(t *testing.T) {
	r := newReader(t)
	for _, tt := range []struct {
		text, name string
		want       bool
	}{
		{"In the Preamble, there is a figure.", "Preamble", true},
		{"Chapter V says so.", "Chapter V", true},
		{"Chapter House says so.", "Chapter House", false},
		{"Scene writes so.", "Scene", false},
		{"As Harbour Reed says, it is.", "As Harbour Reed", true},
		{"New York Times Election says so.", "New York Times Election", true},
		{"Wall Street Journal Magazine says so.", "Wall Street Journal Magazine", false},
		{"Süddeutsche Zeitung Verlag has it.", "Süddeutsche Zeitung", true},
		{"Süddeutsche Zeitung has it.", "Süddeutsche Zeitung", false},
		{"It lacks a standard.", "standard", true},
	} {
		rd, s := newCredit(t, r, tt.text, citation{pub: (&reading{r: r}).publisherNamed(tt.name)})
		if got := rd.isPartialName(s, rd.doc.blocks[0]); got != tt.want {
			t.Errorf("%q in %q is partial: %v, want %v", tt.name, tt.text, got, tt.want)
		}
	}
}

// TestCorrectNameOfLink checks names that are titles, have a word for a text after them, or are the beginning of a
// longer name.
func TestCorrectNameOfLink(t *testing.T) {
	r := newReader(t)
	for _, tt := range []struct {
		text, name, url string
		want            string // publication and headline
	}{
		{"Ann Reed asks us to [Stop the Sand](https://reed.example/a)", "Stop the Sand", "https://reed.example/a", "|Stop the Sand"},
		{"Ann Reed asks in [Stop the Sand](https://reed.example/a)", "Stop the Sand", "https://reed.example/a", "Stop the Sand|"},
		{"In [The Guardian of the Sand](https://guardianofthesand.example/a)", "The Guardian", "https://guardianofthesand.example/a", "The Guardian of the Sand|"},
		{"In [The Guardian of the Sand](https://sand.example/a)", "The Guardian", "https://sand.example/a", "The Guardian|"},
		{"From the Acme Corp.", "Acme Corp.", "", "Acme Corp.|"},
		{"From the Oakham Booksellers.", "Oakham Booksellers.", "", "Oakham Booksellers|"},
		{"From the Quay Advertiser article", "Quay Advertiser article", "", "Quay Advertiser|"},
	} {
		rd, s := newCredit(t, r, tt.text, citation{pub: (&reading{r: r}).publisherNamed(tt.name), url: tt.url, authors: []string{"Ann Reed"}})
		if rd.correctName(s); s.pub.name+"|"+s.headline != tt.want {
			t.Errorf("correctName in %q: %q, want %q", tt.text, s.pub.name+"|"+s.headline, tt.want)
		}
	}
}

// TestCutSiteAfterComma checks that the known publication at the URL is cut off a headline after a comma.
func TestCutSiteAfterComma(t *testing.T) {
	r := newReader(t)
	rd, _ := newCredit(t, r, "Sand", citation{})
	for headline, want := range map[string]string{
		"The Colours of Sand, Wikipedia": "The Colours of Sand", "The Colours of Sand, Oakham": "The Colours of Sand, Oakham",
		"The Colours of Sand : Wikipedia": "The Colours of Sand",
	} {
		s := &source{citation: citation{headline: headline, url: "https://en.wikipedia.org/wiki/Colours_of_Sand"}}
		if rd.cutSite(s); s.headline != want {
			t.Errorf("cutSite of %q: %q, want %q", headline, s.headline, want)
		}
	}
}

// TestVerifyFields checks that verify applies the corrections of fields to a credit.
func TestVerifyFields(t *testing.T) {
	const article = "https://www.nytimes.com/2024/03/26/arts/sand.html"
	r := newReader(t)
	for _, tt := range []struct {
		text, pub, headline string
		authors             []string
		want                string // headline and authors
	}{
		{"[Ann Reed in the New York Times](" + article + ") and [Tom Hale in the Guardian](https://www.theguardian.com/a/b) say that it is shut.", "New York Times", "",
			[]string{"Ann Reed", "Tom Hale"}, "|Ann Reed"},
		{"* The New York Times - [Ann Reed, Who Dug the Harbour, Dies](" + article + ")", "The New York Times", "Who Dug the Harbour, Dies", []string{"Ann Reed"},
			"Ann Reed, Who Dug the Harbour, Dies|"},
		{"It is from a [New York Times interactive](" + article + ") about sand.", "New York Times", "New York Times interactive", nil, "|"},
		{"In the New York Times [Ann said this about the sand](" + article + ") of the harbour.", "New York Times", "Ann said this about the sand", nil, "|"},
	} {
		rd, s := newCredit(t, r, tt.text, citation{pub: (&reading{r: r}).publisherNamed(tt.pub), url: article, headline: tt.headline, authors: tt.authors})
		rd.verify(s)
		if got := s.headline + "|" + strings.Join(s.authors, ", "); got != tt.want {
			t.Errorf("verify of %q: %q, want %q", tt.text, got, tt.want)
		}
	}
}

// TestLinkedTitleIsNoKindOfPage checks that a publication and a word in a link are not the title of the article.
func TestLinkedTitleIsNoKindOfPage(t *testing.T) {
	const article = "https://www.nytimes.com/2024/03/26/arts/sand.html"
	r := newReader(t)
	for label, want := range map[string]string{"New York Times interactive": "", "Sand Comes Back": "Sand Comes Back"} {
		rd, s := newCredit(t, r, "It is from the ["+label+"]("+article+")", citation{pub: (&reading{r: r}).publisherNamed("The New York Times"), url: article})
		if got := rd.linkedTitle(s); got != want {
			t.Errorf("linkedTitle of a link %q is %q, want %q", label, got, want)
		}
	}
}

// TestCleanHeadline checks which marks are removed from a headline.
func TestCleanHeadline(t *testing.T) {
	for headline, want := range map[string]string{
		"“Sand Comes Back,”": "Sand Comes Back", "« Le sable »": "Le sable", "Le sable »": "Le sable", "Le « sable »": "Le « sable »",
	} {
		if got := cleanHeadline(headline); got != want {
			t.Errorf("cleanHeadline of %q is %q, want %q", headline, got, want)
		}
	}
}

// TestIsCommonNoun checks that only a known name in lower case, with no other field, is a common noun.
func TestIsCommonNoun(t *testing.T) {
	r := newReader(t)
	known := func(name string) publisher { return (&reading{r: r}).publisherNamed(name) }
	for _, tt := range []struct {
		c    citation
		want bool
	}{
		{citation{pub: known("standard")}, true},
		{citation{pub: known("Standard")}, false},
		{citation{pub: known("dpa")}, false},
		{citation{pub: known("standard"), url: "https://standard.example/a"}, false},
		{citation{pub: known("standard"), headline: "Sand Comes Back"}, false},
		{citation{pub: known("standard"), authors: []string{"Ann Reed"}}, false},
	} {
		if got := (&source{citation: tt.c}).isCommonNoun(); got != tt.want {
			t.Errorf("isCommonNoun of %+v is %v, want %v", tt.c, got, tt.want)
		}
	}
}

// TestIsUnquoted checks that a source with the URL of a list of articles, and no other field, is not published.
func TestIsUnquoted(t *testing.T) {
	for u, want := range map[string]bool{
		"https://bugle.example/top/people/r/ann_reed/": true, "https://bugle.example/people/ann-reed": true, "https://bugle.example/search?q=sand": true,
		"https://bugle.example/people/2021/02/sand": false, "https://bugle.example/a/sand": false,
	} {
		if got := (&source{citation: citation{url: u}}).isUnquoted(); got != want {
			t.Errorf("isUnquoted of %s is %v, want %v", u, got, want)
		}
	}
}

// TestIsOtherSpeaker checks whether the sentence above a quotation begins with the name of somebody else.
func TestIsOtherSpeaker(t *testing.T) {
	r := newReader(t)
	for text, want := range map[string]bool{
		"Tom Hale is right, as the Guardian writes. Tom Hale answers in the book:":   true,
		"Tom Hale is right, as the Guardian writes. Hale answers in the book:":       true,
		"Ann Reed is right, as the Guardian writes. Reed answers in the book:":       false,
		"Tom Hale is right, as the Guardian writes. The Guardian goes on at length:": false,
		"Tom Hale is right, as the Guardian writes. Sand comes back like this:":      false,
	} {
		rd, s := newCredit(t, r, text+formBlock, citation{pub: (&reading{r: r}).publisherNamed("Guardian"), authors: []string{"Ann Reed"}})
		s.passageBlocks = []int{1}
		if got := rd.isOtherSpeaker(s, 0); got != want {
			t.Errorf("isOtherSpeaker in %q is %v, want %v", text, got, want)
		}
	}
}

// TestHeadlineInColon checks that a colon with a space before it separates a headline from the publication.
func TestHeadlineInColon(t *testing.T) {
	const article = "https://www.npr.org/2024/02/21/123/sand"
	r := newReader(t)
	for title, want := range map[string]string{"Sand comes back : NPR": "Sand comes back", "Sand comes back: NPR": ""} {
		if got := r.HeadlineIn(title, article); got != want {
			t.Errorf("HeadlineIn of %q is %q, want %q", title, got, want)
		}
	}
}

// TestUnlikelySuggestion checks that a source of low certainty is suggested.
func TestUnlikelySuggestion(t *testing.T) {
	res := read(t, newReader(t), "markdown", "", "She works for the Harbour Gazette, and he for the bank."+formOwn)
	if len(res.Suggestions) != 1 || res.Suggestions[0].Source.Publication != "Harbour Gazette" || res.Suggestions[0].Confidence >= 0.3 {
		t.Errorf("suggestions %+v, want Harbour Gazette with a certainty below 0.3", res.Suggestions)
	}
}

// TestDropOtherQuotation checks that a signature belongs to its own paragraph only, if the one before it is quoted too.
func TestDropOtherQuotation(t *testing.T) {
	const other = "> “Everything is impossible until somebody does it.”\n\n"
	checkVerified(t, []formCase{
		{"a quotation before a signed one", "markdown", other + "> “" + formQuote + "” -- Ann Reed\n\nNobody was surprised.\n", "||Ann Reed||SAND"},
		{"a quotation before one with a linked signature", "markdown", other + "> “" + formQuote + "” -- [Ann Reed](https://bugle.example/2012/sand-comes-back)\n\nNobody was surprised.\n",
			"bugle.example||Ann Reed|https://bugle.example/2012/sand-comes-back|SAND"},
		{"a quotation before two paragraphs of a signed one", "markdown", other + "> “It was never easy to dig it out.\n\n> “" + formQuote + "” -- Ann Reed\n\nNobody was surprised.\n",
			"||Ann Reed||“It was never easy to dig it out.\n\nSAND"},
		{"a paragraph that begins with a quoted word", "markdown", "> “Sand” is what they call it, and it comes back.\n\n> “" + formQuote + "” -- Ann Reed\n\nNobody was surprised.\n",
			"||Ann Reed||“Sand” is what they call it, and it comes back.\n\nSAND"},
		{"two paragraphs of a quotation", "markdown", "> “Everything is impossible until somebody does it.\n\n> “" + formQuote + "” -- Ann Reed\n\nNobody was surprised.\n",
			"||Ann Reed||“Everything is impossible until somebody does it.\n\nSAND"},
		{"a linked signature", "markdown", "> “" + formQuote + "” -- [Ann Heinemeier Reed](https://bugle.example/2012/sand-comes-back)\n\nNobody was surprised.\n",
			"bugle.example||Ann Heinemeier Reed|https://bugle.example/2012/sand-comes-back|SAND"},
		{"a linked headline", "markdown", "> “" + formQuote + "” -- [Sand Comes Back](https://bugle.example/2012/sand-comes-back)\n\nNobody was surprised.\n",
			"bugle.example|Sand Comes Back||https://bugle.example/2012/sand-comes-back|SAND"},
		{"a headline that begins with a given name", "markdown", "> “" + formQuote + "” -- [Ann Reed Comes Back](https://bugle.example/2012/sand-comes-back)\n\nNobody was surprised.\n",
			"bugle.example|Ann Reed Comes Back||https://bugle.example/2012/sand-comes-back|SAND"},
		{"a link that ends in a comma", "markdown", "[When there are calls for sand, remember the old days,](https://www.nytimes.com/2024/01/02/science/tides-rise-harbour.html)" + formBlock,
			"The New York Times|||https://www.nytimes.com/2024/01/02/science/tides-rise-harbour.html|SAND"},
	})
	got := read(t, newReader(t), "markdown", "", other+"> “"+formQuote+"” -- Ann Reed\n\nNobody was surprised.\n")
	if got.Blocks[0].Role != Uncredited {
		t.Errorf("the role of the other quotation is %q, want %q", got.Blocks[0].Role, Uncredited)
	}
}

// TestTakeSignature checks which linked names after a dash are authors.
func TestTakeSignature(t *testing.T) {
	const u = "https://bugle.example/2012/sand"
	r := newReader(t)
	for _, tt := range []struct {
		text string
		c    citation
		want string // the author, or "" if none is taken
	}{
		{"“Sand.” — [Ann Heinemeier Reed](" + u + ")", citation{url: u}, "Ann Heinemeier Reed"},
		{"“Sand.” — [Ann Heinemeier Reed](" + u + ")", citation{url: u, headline: "Ann Heinemeier Reed"}, "Ann Heinemeier Reed"},
		{"“Sand.” — [Ann Heinemeier Reed](" + u + ")", citation{url: u, headline: "Sand"}, ""},
		{"“Sand.” — [Ann Heinemeier Reed](" + u + ")", citation{url: "https://bugle.example/2013"}, ""},
		{"“Sand.” — [Ann Heinemeier Reed](" + u + ")", citation{}, ""},
		{"“Sand.” — [Ann Heinemeier Reed](" + u + ") again", citation{url: u}, ""},
		{"“Sand.” [Ann Heinemeier Reed](" + u + ")", citation{url: u}, ""},
		{"[Ann Heinemeier Reed](" + u + ")", citation{url: u}, ""},
		{"“Sand.” — Ann Heinemeier Reed", citation{url: u}, ""},
		{"“Sand.” — [Ann Heinemeier Reed Hale](" + u + ")", citation{url: u}, ""},
		{"“Sand.” — [Ann comes back](" + u + ")", citation{url: u}, ""},
		{"“Sand.” — [Sand Comes Back](" + u + ")", citation{url: u}, ""},
	} {
		rd, s := newCredit(t, r, tt.text, tt.c)
		var want []string
		headline := tt.c.headline
		if tt.want != "" {
			want, headline = []string{tt.want}, ""
		}
		if rd.takeSignature(s); !slices.Equal(s.authors, want) || s.headline != headline {
			t.Errorf("%q with %+v: headline %q by %q, want %q by %q", tt.text, tt.c, s.headline, s.authors, headline, want)
		}
	}
	rd, s := newCredit(t, r, "“Sand.” — [Ann Heinemeier Reed]("+u+")", citation{url: u, authors: []string{"Tom Hale"}})
	if rd.takeSignature(s); !slices.Equal(s.authors, []string{"Tom Hale"}) {
		t.Errorf("the author became %q", s.authors)
	}
	rd, s = newCredit(t, r, "Sand.", citation{url: u})
	s.creditBlocks = nil
	if rd.takeSignature(s); s.authors != nil {
		t.Errorf("the author of a source without a credit became %q", s.authors)
	}
}

// TestLinkedTitleInSentence checks that a link that ends in a comma, or that a comma and "and" follow, is part of a
// sentence.
func TestLinkedTitleInSentence(t *testing.T) {
	const u = "https://www.theguardian.com/2024/sand"
	r := newReader(t)
	for text, want := range map[string]string{
		"[When There Are Calls for Sand](" + u + ")":                                    "When There Are Calls for Sand",
		"[When There Are Calls for Sand,](" + u + ")":                                   "",
		"[Sand comes back to the old harbour](" + u + "), Tom Hale":                     "Sand comes back to the old harbour",
		"[Sand comes back to the old harbour](" + u + "), and the council pays for it.": "",
	} {
		rd, s := newCredit(t, r, text, citation{url: u})
		if got := rd.linkedTitle(s); got != want {
			t.Errorf("linkedTitle of %q is %q, want %q", text, got, want)
		}
	}
}
