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

// TestImprobableNames checks names that are only a part of something, or have other words in them.
func TestImprobableNames(t *testing.T) {
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
		if got := rd.isFragment(s) || rd.isPartOfWork(s) || rd.isPublisher(s); got != tt.want {
			t.Errorf("%q in %q is improbable: %v, want %v", tt.name, tt.text, got, tt.want)
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
