package attribution

import (
	"errors"
	"strings"
	"testing"

	"feedpub/feed"
)

// TestVerifyDoubts checks which doubts verification finds.
func TestVerifyDoubts(t *testing.T) {
	const u = "https://www.theguardian.com/uk/2012/may/03/pier"
	r := newReader(t)
	guardian := (&reading{r: r}).publisherNamed("Guardian")
	for _, tt := range []struct {
		name, text string
		c          citation
		credit     int   // block of the credit
		passage    []int // blocks of the passage
		inline     string
		fineText   string // fineText is a similar credit without doubts about it
		doubt      doubt
	}{
		{name: "a cross-post", text: "This post originally appeared on [the Guardian](" + u + ").", c: citation{pub: guardian, url: u}, doubt: doubtOwn,
			fineText: "This is in [the Guardian](" + u + ")."},
		{name: "a picture", text: "From [the Guardian](https://www.theguardian.com/a.png).", c: citation{pub: guardian, url: "https://www.theguardian.com/a.png"}, doubt: doubtOwn},
		{name: "no name", text: "I read [this](https://sand.example/a).", c: citation{url: "https://sand.example/a"}, doubt: doubtNames},
		{name: "a bibliography", text: "## References\n\nAnn Reed, Sand. The Guardian, 2012.", c: citation{pub: guardian, authors: []string{"Ann Reed"}}, credit: 1,
			doubt: doubtReference, fineText: "## Sand\n\nAnn Reed, Sand. The Guardian, 2012."},
		{name: "a common noun", text: "It lacks a standard.", c: citation{pub: (&reading{r: r}).publisherNamed("standard")}, doubt: doubtFragment},
		{name: "a person without a passage", text: "Ann Reed was there.", c: citation{authors: []string{"Ann Reed"}}, doubt: doubtMentioned},
		{name: "a name in passing", text: "Most people fold the Guardian every other day.", c: citation{pub: guardian}, doubt: doubtNamed,
			fineText: "The Guardian reports that the pier is shut."},
		{name: "another link in the sentence", text: "“It rained all day on the mole,” says [Ann Reed](https://reed.example/a).", c: citation{pub: guardian, url: u},
			inline: "It rained all day on the mole,", doubt: doubtLink, fineText: "“It rained all day on the mole,” says [Ann Reed](" + u + ")."},
		{name: "a heading below a passage", text: "> It rained.\n\n## The Guardian", c: citation{pub: guardian}, credit: 1, passage: []int{0}, doubt: doubtPlace,
			fineText: "> It rained.\n\nThe Guardian"},
	} {
		check := func(text string, want bool) {
			rd, s := newCredit(t, r, text, tt.c)
			s.creditBlocks, s.passageBlocks, s.convention, s.kind = []int{tt.credit}, tt.passage, "7", Summary
			for _, k := range tt.passage {
				s.passages = append(s.passages, rd.doc.blocks[k].text)
			}
			if tt.inline != "" {
				s.passages = []string{tt.inline}
			}
			if got := rd.verify(s); got.has(tt.doubt) != want {
				t.Errorf("%s: doubts about %q: %b; has(%d) is %v, want %v", tt.name, text, got, tt.doubt, got.has(tt.doubt), want)
			}
		}
		if check(tt.text, true); tt.fineText != "" {
			check(tt.fineText, false)
		}
	}
}

// TestVerifyNamesOfPeople checks that verification corrects the names of people.
func TestVerifyNamesOfPeople(t *testing.T) {
	r := newReader(t)
	guardian := (&reading{r: r}).publisherNamed("The Guardian")
	for _, tt := range []struct {
		name, text string
		c          citation
		credit     int
		want       string // publication|headline|authors
	}{
		{"a person as the publication", "Ann Reed says so.", citation{pub: publisher{name: "Ann Reed"}}, 0, "||Ann Reed"},
		{"a person as the headline", "Dr. Ann Reed, Professor of Sand, in the Guardian", citation{pub: guardian, headline: "Dr. Ann Reed, Professor of Sand", authors: []string{"Ann Reed"}}, 0,
			"The Guardian||Ann Reed"},
		{"a reference as the headline", "Reed & Hale 2024, in the Guardian", citation{pub: guardian, headline: "Reed & Hale 2024"}, 0, "The Guardian||"},
		{"the subject of an article", "[Ruth Calloway has a note](https://calloway.example/2006/08/07/users/) on the Guardian.",
			citation{pub: guardian, url: "https://calloway.example/2006/08/07/users/", authors: []string{"Ruth Calloway"}}, 0, "||Ruth Calloway"},
		{"a heading as the author", "## Northern Lights\n\nIt rained.\n\nNorthern Lights in the Guardian", citation{pub: guardian, authors: []string{"Northern Lights"}}, 2, "The Guardian||"},
		{"a name with a date", "2016-06-28 Ann Reed, the Guardian", citation{pub: guardian, authors: []string{"2016-06-28 Ann Reed"}}, 0, "The Guardian||"},
	} {
		rd, s := newCredit(t, r, tt.text, tt.c)
		s.creditBlocks = []int{tt.credit}
		rd.verify(s)
		if got := strings.Join([]string{s.pub.name, s.headline, strings.Join(s.authors, ", ")}, "|"); got != tt.want {
			t.Errorf("%s: verify of %q: %q, want %q", tt.name, tt.text, got, tt.want)
		}
	}
}

// TestIsHostOfKnown checks at which addresses the article of a known publication may be.
func TestIsHostOfKnown(t *testing.T) {
	r := newReader(t)
	guardian := (&reading{r: r}).publisherNamed("Guardian")
	for _, tt := range []struct {
		text, url string
		element   bool // the credit is in an element for credits
		want      bool
	}{
		{"From [this](https://www.theguardian.com/a).", "https://www.theguardian.com/a", false, true},
		{"From the Guardian: [this](https://copies.example/a).", "https://copies.example/a", false, false},
		{"From the Guardian: [this](https://copies.example/a).", "https://copies.example/a", true, true},
		{"From [the Guardian](https://copies.example/a).", "https://copies.example/a", false, true},
		{"[Guardian wins a prize](https://copies.example/a).", "https://copies.example/a", false, false},
	} {
		rd, s := newCredit(t, r, tt.text, citation{pub: guardian, url: tt.url})
		rd.doc.blocks[0].credit = tt.element
		if got := rd.isHostOfKnown(s); got != tt.want {
			t.Errorf("isHostOfKnown of %q, element %v: %v, want %v", tt.text, tt.element, got, tt.want)
		}
	}
}

// TestFinishWithoutVerdict checks what is published where there is no verdict: a source that is certain and more than
// a mention, about which there is no doubt.
func TestFinishWithoutVerdict(t *testing.T) {
	const threshold = 70
	r := newReader(t)
	guardian := (&reading{r: r}).publisherNamed("The Guardian")
	for _, tt := range []struct {
		name, text string
		certainty  int
		want       bool
	}{
		{"a source", "From the Guardian:", 95, true},
		{"not certain", "From the Guardian:", 69, false},
		{"a mention", "From the Guardian:", 80, false},
		{"a doubt", "## References\n\nAnn Reed, Sand. The Guardian, 2012.", 95, false},
	} {
		rd, s := newCredit(t, r, tt.text, citation{pub: guardian})
		s.creditBlocks, s.kind = []int{len(rd.doc.blocks) - 1}, Summary
		c := &candidate{source: s, rule: s, certainty: tt.certainty}
		if got := rd.finish(nil, c, []*candidate{c}, threshold); got != tt.want {
			t.Errorf("%s: finish of %q with certainty %d is %v, want %v (doubts %b)", tt.name, tt.text, tt.certainty, got, tt.want, c.doubts)
		}
	}
}

// TestSuggested checks that a suggestion has the verdict as its certainty, or that of the names, below the threshold.
func TestSuggested(t *testing.T) {
	for _, tt := range []struct {
		c    candidate
		want float64
	}{{candidate{verdict: 40, certainty: 90}, 0.4}, {candidate{certainty: 30}, 0.3}, {candidate{certainty: 90}, 0.69}, {candidate{verdict: 95}, 0.69}} {
		if got := suggested(Quote{}, &tt.c, 70).Confidence; got != tt.want {
			t.Errorf("verdict %d, certainty %d: suggested with %v, want %v", tt.c.verdict, tt.c.certainty, got, tt.want)
		}
	}
}

// TestSourceLineForm checks that a labeled link below a quotation has a clear form.
func TestSourceLineForm(t *testing.T) {
	const u = "https://notes.example/2006/sand"
	rd, s := newCredit(t, newReader(t), "> "+formQuote+"\n\nSource: [Sand Without End]("+u+")", citation{url: u})
	s.passageBlocks, s.creditBlocks = []int{0}, []int{1}
	if c := (&candidate{source: s}); !rd.isClear(c) || s.headline != "Sand Without End" {
		t.Errorf("isClear is false, or the headline %q is wrong", s.headline)
	}
}

// TestModelWithoutTrees checks that a model without the trees of a section is rejected, such as one of an old version.
func TestModelWithoutTrees(t *testing.T) {
	for _, section := range treeSections {
		var kept []string
		for line := range strings.Lines(modelData) {
			if !strings.HasPrefix(line, section+" ") {
				kept = append(kept, line)
			}
		}
		if _, err := ReadModel(strings.NewReader(strings.Join(kept, ""))); !errors.Is(err, feed.ErrInvalid) || !strings.Contains(err.Error(), section) {
			t.Errorf("ReadModel without the trees of %q: %v, want an ErrInvalid that names them", section, err)
		}
	}
}
