package attribution

import (
	"strings"
	"testing"
)

// nameIn returns a reading of the body, its first block that contains "Guardian", and the tokens of that name.
func nameIn(t *testing.T, r *Reader, body string) (rd *reading, k int, name span) {
	t.Helper()
	rd = r.readRules(parsed(t, "html", body), &scratch{})
	for k, b := range rd.doc.blocks {
		if _, name, ok := b.findName("Guardian"); ok {
			return rd, k, name
		}
	}
	t.Fatalf("no block of %s contains the name", body)
	return nil, 0, span{}
}

func TestSentenceLinks(t *testing.T) {
	const ours, other = `<a href="https://www.theguardian.com/a/sand">`, `<a href="https://bugle.example/a">`
	r := newReader(t)
	for _, tt := range []struct {
		body string
		want int
	}{
		{"<p>The Guardian says so.</p>", linksNone},
		{"<p>The " + ours + "Guardian</a> says so.</p>", linksSource},
		{"<p>The Guardian " + other + "says</a> so.</p>", linksOther},
		{"<p>The " + ours + "Guardian</a> and " + other + "others</a> say so.</p>", linksBoth},
		{"<p>The Guardian says so. It is " + ours + "here</a> today.</p>", linksElsewhere},
	} {
		rd, k, name := nameIn(t, r, tt.body)
		s := &source{citation: citation{url: "https://www.theguardian.com/a/sand"}}
		if got := rd.sentenceLinks(rd.doc.blocks[k], name, s); got != tt.want {
			t.Errorf("the links in the sentence of the name in %s have kind %d, want %d", tt.body, got, tt.want)
		}
	}
}

func TestOtherNames(t *testing.T) {
	r := newReader(t)
	for _, tt := range []struct {
		body                  string
		publications, persons int
	}{
		{"<p>This is what the Guardian says today.</p>", 0, 0},
		{"<p>This is what Mary Smith told the Guardian today. Peter Jones was there.</p>", 0, 1},
		{"<p>This is what the New York Times and the Guardian say of Mary Smith and Peter Jones.</p>", 1, 2},
		{"<p>Time and again the Guardian says so.</p>", 0, 0},
		{"<p>Not Reuters, nor the New York Times, nor Le Monde, but the Guardian says so.</p>", 2, 0},
	} {
		rd, k, name := nameIn(t, r, tt.body)
		s := &source{citation: citation{pub: rd.publisherNamed("Guardian")}}
		b := rd.doc.blocks[k]
		publications, persons := rd.otherNames(b, rd.sentenceAround(b.toks, name), name, s)
		if publications != tt.publications || persons != tt.persons {
			t.Errorf("the sentence in %s has %d other publications and %d persons, want %d and %d", tt.body, publications, persons,
				tt.publications, tt.persons)
		}
	}
}

func TestPlaceOf(t *testing.T) {
	const own = "<p>I have lived there for thirty years, and I have seen it come and go, and come again, every single winter of them, with and without my boots.</p>"
	long := "<p>The Guardian" + strings.Repeat(" and the sand", 10) + "</p>"
	r := newReader(t)
	for _, tt := range []struct {
		body string
		want int
	}{
		{own + long + own, placeParagraph},
		{own + "<p>The Guardian</p>" + own, placeShort},
		{own + "<ul><li>The Guardian</li></ul>" + own, placeList},
		{own + "<h2>The Guardian</h2>" + own, placeHeading},
		{own + "<figure><img src=a.png><figcaption>The Guardian</figcaption></figure>" + own, placeCaption},
		{long + own, placeFirst},
		{own + long, placeLast},
	} {
		rd, k, _ := nameIn(t, r, tt.body)
		if got := rd.placeOf(k); got != tt.want {
			t.Errorf("the block of the name in %s has place %d, want %d", tt.body, got, tt.want)
		}
	}
}

func TestPieceNear(t *testing.T) {
	r := newReader(t)
	for _, tt := range []struct {
		body string
		want int
	}{
		{"<p>I read the Guardian daily. The article was there.</p>", 0},
		{"<p>In an article in the Guardian</p>", pieceBefore},
		{"<p>The Guardian has an article on it</p>", pieceAfter},
		{`<p>The Guardian has <a href="https://www.theguardian.com/a">an article</a> on it</p>`, pieceAfter | pieceLinked},
		{"<p>The Guardian knows all that can be known of it, and more than one article says so</p>", 0},
	} {
		rd, k, name := nameIn(t, r, tt.body)
		if got := rd.pieceNear(rd.doc.blocks[k], name); got != tt.want {
			t.Errorf("the words for a text near the name in %s are %b, want %b", tt.body, got, tt.want)
		}
	}
}

func TestSentencePlace(t *testing.T) {
	r := newReader(t)
	for body, want := range map[string]int{
		"<p>The Guardian says so.</p>":                             sentenceOnly,
		"<p>The Guardian says so. I do not.</p>":                   sentenceFirst,
		"<p>I do not know. The Guardian does.</p>":                 sentenceLast,
		"<p>I do not know. The Guardian does. Nobody else is.</p>": sentenceMiddle,
	} {
		rd, k, name := nameIn(t, r, body)
		if got := rd.sentencePlace(rd.doc.blocks[k], name); got != want {
			t.Errorf("the sentence of the name in %s has place %d, want %d", body, got, want)
		}
	}
}

func TestQuotationGap(t *testing.T) {
	const name, own, block = "<p>The Guardian</p>", "<p>And so on.</p>", "<blockquote>Every winter it fills with sand.</blockquote>"
	r := newReader(t)
	for body, want := range map[string]int{
		name + own: gapNone,
		"<blockquote>The Guardian</blockquote>" + own: gapAround,
		name + block:                   gapBelow,
		block + name:                   gapAbove,
		name + own + own + block:       gapNearBelow,
		block + own + own + name:       gapNearAbove,
		name + own + own + own + block: gapFar,
	} {
		rd, k, _ := nameIn(t, r, body)
		if got := rd.quotationGap(k); got != want {
			t.Errorf("the nearest quotation in %s is at %d, want %d", body, got, want)
		}
	}
}
