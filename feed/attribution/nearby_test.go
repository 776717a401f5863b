package attribution

import (
	"strings"
	"testing"
)

func TestQuotationNear(t *testing.T) {
	const sand = "Every winter the harbour fills with sand, and every spring it is dug out again."
	const block = "<blockquote><p>" + sand + "</p></blockquote>"
	const own = "<p>I have lived there for thirty years, and I have seen it.</p>"
	r := newReader(t)
	for _, tt := range []struct {
		body string
		want int
	}{
		{"<p>I like the Guardian, and I read it every day.</p>" + own, nearNothing},
		{"<blockquote><p>The Guardian says that the harbour is full.</p></blockquote>", nearInside},
		{"<blockquote><p>" + sand + "</p><p>— Ann Reed, The Guardian</p></blockquote>", nearLastLine},
		{`<p>According to the Guardian, "` + sand + `"</p>` + own, nearSentence},
		{"<p>I like the Guardian, which says:</p>" + block + own, nearAnnounced},
		{`<p>I like the Guardian, which says:</p><p>"` + sand + `"</p>` + own, nearTextBelow},
		{block + "<p>Ann Reed in the Guardian</p>" + own, nearAbove},
		{`<p>"` + sand + `"</p><p>Ann Reed in the Guardian</p>` + own, nearTextAbove},
		{block + "<h2>Ann Reed in the Guardian</h2>" + own, nearNothing},
		{`<p>I like the Guardian and read it. Ann Reed has this to say today. "` + sand + `" So she says.</p>` + own, nearParagraph},
		{"<p>I like the Guardian. This is from it</p>" + block + own, nearBelow},
		{`<p>I like the Guardian. This is from it</p><p>"` + sand + `"</p>` + own, nearMarksBelow},
		{"<p>I like the Guardian a lot. This is from a friend:</p>" + block + own, nearBelow},
		{"<p>From the Guardian:</p><p>" + sand + "</p>" + own, nearPlain},
		{"<p>From the Guardian:</p><p>" + sand + "</p>" + own + block, nearNothing}, // the post marks its quotations
		{"<p>I like the Guardian a lot. This is what I think:</p><p>" + sand + "</p>" + own, nearNothing},
	} {
		rd := r.readRules(parsed(t, "html", tt.body), &scratch{})
		d := rd.decide()
		s := &source{citation: citation{pub: publisher{name: "Guardian"}}}
		for k, b := range rd.doc.blocks {
			if !strings.Contains(b.text, "Guardian") {
				continue
			}
			if got := rd.quotationNear(d, k, s); got != tt.want {
				t.Errorf("the quotation near the name in %s has place %d, want %d", tt.body, got, tt.want)
			}
		}
	}
}

func TestWordsBeside(t *testing.T) {
	r := newReader(t)
	for _, tt := range []struct {
		text          string
		before, after int
	}{
		{"This is from the Guardian:", besideFrom, besideColon},
		{"From the Guardian:", besideFrom, besideColon},
		{"A letter From the Guardian:", besideUpper, besideColon}, // elsewhere, prepositions count in lower case only
		{"Ann Reed writes in the Guardian, and she is right.", besideIn, besideComma},
		{"The Guardian says so.", besideStart, besideSay},
		{"Ann Reed, director of the Guardian (a newspaper)", besideOf, besideBracket},
		{"I like the Guardian's pages.", besideOther, besidePossessive},
		{"A word by the Guardian Ann Reed", besideBy, besideUpper},
	} {
		rd := r.readRules(parsed(t, "text", tt.text), &scratch{})
		b := rd.doc.blocks[0]
		_, name, _ := b.findName("Guardian")
		if before, after := rd.wordsBeside(b, name); before != tt.before || after != tt.after {
			t.Errorf("the words beside the name in %q have kinds %d and %d, want %d and %d", tt.text, before, after, tt.before, tt.after)
		}
	}
}

func TestAnchorKind(t *testing.T) {
	r := newReader(t)
	for _, tt := range []struct {
		body string
		want int
	}{
		{"In the Guardian, but without a link", anchorNone},
		{`In the <a href="https://www.theguardian.com/a/sand">Guardian</a> of today`, anchorName},
		{`In <a href="https://www.theguardian.com/a/sand">a Guardian story</a> of today`, anchorWith},
		{`In the Guardian, <a href="https://www.theguardian.com/a/sand">here</a>`, anchorShort},
		{`In the Guardian, <a href="https://www.theguardian.com/a/sand">Harbours Fill With Sand Again</a>`, anchorTitle},
		{`In the Guardian, <a href="https://www.theguardian.com/a/sand">the harbours fill with sand again</a>`, anchorClause},
		{`<a href="https://www.theguardian.com/a/sand">The harbours fill with sand, says the Guardian</a>`, anchorWhole},
	} {
		rd := r.readRules(parsed(t, "html", "<p>"+tt.body+"</p>"), &scratch{})
		s := &source{citation: citation{pub: publisher{name: "Guardian"}, url: "https://www.theguardian.com/a/sand"}}
		if got := rd.anchorKind(rd.doc.blocks[0], s); got != tt.want {
			t.Errorf("the link in %s has kind %d, want %d", tt.body, got, tt.want)
		}
	}
}
