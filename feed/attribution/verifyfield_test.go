package attribution

import (
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
		{"Scene writes so.", "Scene", false},
		{"As Harbour Reed says, it is.", "As Harbour Reed", true},
		{"New York Times Election says so.", "New York Times Election", true},
		{"Wall Street Journal Magazine says so.", "Wall Street Journal Magazine", false},
		{"It lacks a standard.", "standard", true},
	} {
		rd, s := newCredit(t, r, tt.text, citation{pub: (&reading{r: r}).publisherNamed(tt.name)})
		if got := rd.isPartialName(s); got != tt.want {
			t.Errorf("%q in %q is partial: %v, want %v", tt.name, tt.text, got, tt.want)
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
	checkQuotes(t, []formCase{
		{"a quotation before a signed one", "markdown", other + "> “" + formQuote + "” -- Ann Reed\n\nNobody was surprised.\n", "||Ann Reed||SAND"},
		{"a quotation before two paragraphs of a signed one", "markdown", other + "> “It was never easy to dig it out.\n\n> “" + formQuote + "” -- Ann Reed\n\nNobody was surprised.\n",
			"||Ann Reed||“It was never easy to dig it out.\n\nSAND"},
		{"a paragraph that begins with a quoted word", "markdown", "> “Sand” is what they call it, and it comes back.\n\n> “" + formQuote + "” -- Ann Reed\n\nNobody was surprised.\n",
			"||Ann Reed||“Sand” is what they call it, and it comes back.\n\nSAND"},
		{"two paragraphs of a quotation", "markdown", "> “Everything is impossible until somebody does it.\n\n> “" + formQuote + "” -- Ann Reed\n\nNobody was surprised.\n",
			"||Ann Reed||“Everything is impossible until somebody does it.\n\nSAND"},
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
