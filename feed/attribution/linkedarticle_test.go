package attribution

import (
	"slices"
	"strings"
	"testing"
)

// TestLinkedArticle checks that a link to an article of a known publication is a credit if the text retells the
// article.
func TestLinkedArticle(t *testing.T) {
	const (
		times    = "https://www.nytimes.com/2024/01/02/science/tides-rise-harbour.html"
		guardian = "https://www.theguardian.com/environment/2019/may/02/harbour-closes-winter"
		own      = " I have moved the shed to the other side of the garden, where the ground is higher and the cat can see the quay."
	)
	checkQuotes(t, []formCase{
		{"a fact with its source", "markdown", "The tides [rise faster here](" + times + ") than in the south, according to a study of the New York Times." + own,
			"New York Times|||" + times},
		{"a report of an article", "markdown", "A [New York Times article](" + times + ") says that the tides rise faster here than in the south." + own,
			"New York Times|||" + times},
		{"a source that only the link names", "markdown", "According to [this story](" + times + ") the tides rise faster here than in the south." + own,
			"The New York Times|||" + times},
		{"a headline", "markdown", "Ann Reed wrote [“The Tides Rise Faster Here”](" + times + ") for the New York Times." + own,
			"The New York Times|The Tides Rise Faster Here||" + times},
		{"an entry of a list with a remark", "markdown", "Read this week:\n\n- [The tides rise faster](" + times + ") and nobody in the harbour office had noticed it before\n- Other things that I did not read\n",
			"The New York Times|The tides rise faster||" + times},
		{"an author before the publication", "markdown", "- [Ann Reed in the Guardian](" + guardian + ") on why the harbour was closed in winter and who paid\n- Other things",
			"Guardian||Ann Reed|" + guardian},
		{"a subject of the article", "markdown", "[Father Barry was inspired mostly by the Rev. John Corridan](https://www.bostonglobe.com/2009/07/02/metro/harbour-priest-dies/), and the film used his speech." + own,
			"The Boston Globe|||https://www.bostonglobe.com/2009/07/02/metro/harbour-priest-dies/"},
		{"a recommendation", "markdown", "For more tips on boats, check out [this article](" + times + ") on the tides." + own, ""},
		{"a list of reviews", "markdown", "Reviews:\n\n- [Guardian](https://www.theguardian.com/music/2013/dec/04/tide-songs-review)\n- [Financial Times](https://www.ft.com/cms/s/2/d8517232-5cd1-11e3-a558-00144feabdc0.html)\n", ""},
	})
}

// TestCertainExcerpt checks that a quotation element below a link to an article is a quotation of it.
func TestCertainExcerpt(t *testing.T) {
	const u = "https://harbourboard.example/reports/2012/sand-and-salt.html"
	checkQuotes(t, []formCase{
		{"a document", "markdown", "We started looking into the rules, and into [the harbour act](" + u + ") itself. It says, in section 28:" + formBlock + formOwn,
			"harbourboard.example|||" + u + "|SAND"},
		{"a pointing word", "markdown", "[Here](" + u + ") one reads things such as:" + formBlock + formOwn, "harbourboard.example|||" + u + "|SAND"},
		{"people", "markdown", "Ann Reed and Peter Hall on sand:" + formBlock + formOwn, "||Ann Reed, Peter Hall||SAND"},
		{"a home page", "markdown", "[Here](https://harbourboard.example/) one reads things such as:" + formBlock + formOwn, ""},
		{"a video", "markdown", "[Here](https://www.youtube.com/watch?v=abc123456) one reads things such as:" + formBlock + formOwn, ""},
	})
}

// TestIsLinkedArticle checks the limits of linked articles and excerpts.
func TestIsLinkedArticle(t *testing.T) {
	const (
		times   = "https://www.nytimes.com/2024/01/02/science/tides-rise-harbour.html"
		unknown = "https://bugle.example/2024/sand-comes-back.html"
	)
	r := newReader(t)
	for _, tt := range []struct {
		text, url        string
		certainty        int
		passage          int // certainty of the passage
		article, excerpt bool
	}{
		{"It [rises faster](" + times + ") there.", times, 50, 85, true, true},
		{"It [rises faster](" + times + ") there.", times, 49, 85, false, false},
		{"It [rises faster](" + times + ") there.", times, 90, 85, true, true},
		{"It [rises faster](" + times + ") there.", times, 89, 84, true, false},
		{"It [comes back](" + unknown + ") there.", unknown, 60, 90, false, true},
		{"It [rises faster](https://www.nytimes.com/science) there.", "https://www.nytimes.com/science", 60, 90, false, false},
		{"It [rises faster](https://stackoverflow.com/a/4276742) there.", "https://stackoverflow.com/a/4276742", 60, 90, false, true},
		{"It [rises faster](https://www.reddit.com/r/tides/comments/vz13z123) there.", "https://www.reddit.com/r/tides/comments/vz13z123", 60, 90, false, true},
		{"It [rises faster](https://www.nytimes.com/shop/tides-rise-harbour.zip) there.", "https://www.nytimes.com/shop/tides-rise-harbour.zip", 60, 90, false, false},
		{"## It [rises faster](" + times + ") there", times, 60, 90, false, true},
		{"- It [rises faster](" + times + ")", times, 60, 90, false, true},
		{"Check out why it [rises faster](" + times + ") there.", times, 60, 90, false, true},
		{"It [rises faster](" + times + ") there. Check out [the rest](" + unknown + ").", times, 60, 90, true, true},
		{"It [rises faster](" + times + ") there." + strings.Repeat(" It rises", maxSentenceBlock/2), times, 60, 90, false, true},
	} {
		rd, s := newCredit(t, r, tt.text, citation{url: tt.url})
		s.pub = rd.publisherOfHost(tt.url)
		c := &candidate{source: s, certainty: tt.certainty, passageCertain: tt.passage}
		if got := rd.isLinkedArticle(c); got != tt.article {
			t.Errorf("isLinkedArticle in %q with certainty %d is %v, want %v", tt.text, tt.certainty, got, tt.article)
		}
		if rd.isCertainExcerpt(c) {
			t.Errorf("isCertainExcerpt in %q without a passage is true, want false", tt.text)
		}
		s.pub.name, s.pub.known = "Bugle", rd.publisherOfHost("https://www.theguardian.com/").known
		if rd.isLinkedArticle(c) {
			t.Errorf("isLinkedArticle in %q with a different publication is true, want false", tt.text)
		}
		s.pub = rd.publisherOfHost(tt.url)
		s.passages = []string{formQuote}
		if got := rd.isCertainExcerpt(c); got != tt.excerpt {
			t.Errorf("isCertainExcerpt in %q with certainties %d and %d is %v, want %v", tt.text, tt.certainty, tt.passage, got, tt.excerpt)
		}
	}
}

// TestExcerptOfPeople checks that the names of people are enough for a certain excerpt, if there is no other name.
func TestExcerptOfPeople(t *testing.T) {
	r := newReader(t)
	for _, tt := range []struct {
		text string
		c    citation
		want bool
	}{
		{"Ann Reed on sand:", citation{authors: []string{"Ann Reed"}}, true},
		{"Ann Reed on sand:", citation{authors: []string{"Ann Reed", "Peter Hall"}}, true},
		{"Ann Reed on sand:", citation{authors: []string{"Ann Reed", "Qwertz"}}, false},
		{"Ann Reed on sand:", citation{authors: []string{"Ann Reed"}, headline: "Sand"}, false},
		{"Ann Reed on sand:", citation{authors: []string{"Ann Reed"}, pub: publisher{name: "Bugle"}}, false},
		{"Ann Reed in the Guardian on sand:", citation{authors: []string{"Ann Reed"}}, false},
		{"On sand:", citation{}, false},
		{"Ann Reed on sand" + strings.Repeat(" and sand", maxSentenceBlock/2) + ":", citation{authors: []string{"Ann Reed"}}, false},
		{"[Ann Reed](https://bugle.example/2024/sand) on sand:", citation{authors: []string{"Qwertz"}, url: "https://bugle.example/2024/sand"}, true},
		{"[Bugle](https://bugle.example/2024/sand) on sand:", citation{pub: publisher{name: "Bugle"}, url: "https://bugle.example/2024/sand"}, true},
		{"[Lantern](https://bugle.example/2024/sand) on sand:", citation{pub: publisher{name: "Lantern"}, url: "https://bugle.example/2024/sand"}, false},
	} {
		rd, s := newCredit(t, r, tt.text, tt.c)
		s.passages = []string{formQuote}
		if got := rd.isCertainExcerpt(&candidate{source: s, certainty: 60, passageCertain: 90}); got != tt.want {
			t.Errorf("isCertainExcerpt of %+v in %q is %v, want %v", tt.c, tt.text, got, tt.want)
		}
	}
}

// TestLinkedArticleForm checks that a linked article has that form, and that verification removes a person whom it is
// about from its authors.
func TestLinkedArticleForm(t *testing.T) {
	const u = "https://www.nytimes.com/2024/01/02/science/tides-rise-harbour.html"
	rd, s := newCredit(t, newReader(t), "I watched this [rather bizarre Ann Reed]("+u+") interview in the New York Times today.",
		citation{url: u, authors: []string{"Ann Reed"}})
	s.pub, s.kind, s.convention = rd.publisherOfHost(u), Summary, learnedConvention
	c := &candidate{source: s, certainty: minLinkedArticle}
	if rd.findForms([]*candidate{c}); len(c.forms) != 1 || !c.hasForm(formLinkedArticle) || !s.linkedArticle {
		t.Errorf("forms %v and linkedArticle %v, want %v and true", c.forms, s.linkedArticle, formLinkedArticle)
	}
	s.passages, c.passageCertain, c.forms = []string{formQuote}, minExcerptPassage, nil
	if rd.findForms([]*candidate{c}); !c.hasForm(formExcerpt) || !c.hasForm(formLinkedArticle) || s.linkedArticle {
		t.Errorf("with a passage: forms %v and linkedArticle %v, want an excerpt, and false", c.forms, s.linkedArticle)
	}
	for _, linked := range []bool{false, true} {
		rd, s := newCredit(t, newReader(t), "According to the New York Times, [Ann Reed had asked the council]("+u+") where the sand was.",
			citation{url: u, authors: []string{"Ann Reed"}})
		s.pub, s.kind, s.convention, s.linkedArticle = rd.publisherOfHost(u), Summary, learnedConvention, linked
		if d := rd.verify(s); d != 0 || len(s.authors) == 0 != linked {
			t.Errorf("with linkedArticle %v, verify returns %b, and the authors are %q", linked, d, s.authors)
		}
	}
}

// TestIsReferral checks which links only refer the reader to an article.
func TestIsReferral(t *testing.T) {
	const u = "https://www.theguardian.com/a/sand"
	r := newReader(t)
	for text, want := range map[string]bool{
		"Check out [the piece on sand](" + u + ") in the Guardian.":                        true,
		"In my [piece on sand](" + u + ") for the Guardian I counted it.":                  true,
		"The sand is my. [It is counted](" + u + ") in the Guardian.":                      false,
		"I have the [Guardian](" + u + ") article like that one.":                          true,
		"The [Guardian](" + u + ") announced that it was.":                                 false,
		"The Guardian has a [piece on sand](" + u + ").":                                   true,
		"I took the [Guardian](" + u + ") with me.":                                        true,
		"The [Guardian](" + u + ") reported on it.":                                        false,
		"The [Guardian piece](" + u + ") is about sand.":                                   false,
		"The Guardian [counted the sand](" + u + ").":                                      false,
		"Check out the ferry. The sand is [counted each year](" + u + ") in the Guardian.": false,
		"The Guardian has moved. The sand is [counted each year](" + u + ") there.":        true,
		"[Sand](" + u + ") is counted.":                                                    false,
	} {
		rd, s := newCredit(t, r, text, citation{pub: publisher{name: "Guardian"}, url: u})
		b := rd.doc.blocks[0]
		i := slices.IndexFunc(b.runs, func(r run) bool { return r.kind == runLink })
		if got := rd.isReferral(s, b, b.runs[i]); got != want {
			t.Errorf("isReferral in %q is %v, want %v", text, got, want)
		}
	}
}

// TestIsBareEntry checks which list items only name articles.
func TestIsBareEntry(t *testing.T) {
	r := newReader(t)
	for text, want := range map[string]bool{
		"- [Sand Comes Back](https://bugle.example/a) by Ann Reed in the Bugle":         true,
		"- [Sand Comes Back](https://bugle.example/a), which nobody expected this year": false,
		"- by Ann in Sand at Quay by Reed, by Hale in the Bugle":                        true,
		"- The Bugle: [the sand comes back to the harbour](https://bugle.example/a)":    true,
		"[Sand Comes Back](https://bugle.example/a) by Ann Reed":                        false,
		"- [Sand Comes Back](https://bugle.example/a), who would have":                  true,
		"- [Sand Comes Back](https://bugle.example/a), who would have thought":          false,
	} {
		rd, _ := newCredit(t, r, text, citation{})
		if got := rd.isBareEntry(rd.doc.blocks[0]); got != want {
			t.Errorf("isBareEntry of %q is %v, want %v", text, got, want)
		}
	}
}

// TestArticlePath checks which URLs can be those of articles by their paths.
func TestArticlePath(t *testing.T) {
	for u, want := range map[string]bool{
		"https://bugle.example/":                          false,
		"https://bugle.example/sand":                      false,
		"https://bugle.example/sand/harbour-news":         false,
		"https://bugle-of-the-harbour.example/sand":       false,
		"https://bugle123.example/sand":                   false,
		"https://bugle.example/sand-comes-back":           true,
		"https://bugle.example/news/sand_comes_back.html": true,
		"https://bugle.example/2024/sand":                 true,
		"https://bugle.example/2024/":                     false,
		"https://bugle.example/20245":                     true,
		"https://bugle.example/story.php?id=4231":         true,
		"https://bugle.example/story.php?id=42":           false,
	} {
		if got := isArticlePath(u); got != want {
			t.Errorf("isArticlePath(%q) is %v, want %v", u, got, want)
		}
	}
}

// TestCertainHeadline checks which headlines of linked articles are kept, and with them the authors.
func TestCertainHeadline(t *testing.T) {
	const u = "https://www.theguardian.com/a/sand"
	const long = "the sand comes back to the harbour every winter and every spring the council pays to have it dug out"
	r := newReader(t)
	for _, tt := range []struct {
		text, headline string
		want           string
		authors        []string
	}{
		{"[Sand Comes Back](" + u + "), Ann Reed says.", "Sand Comes Back", "Sand Comes Back", []string{"Ann Reed"}},
		{"[Sand comes back there](" + u + "), Ann Reed says.", "Sand comes back there", "", nil},
		{"[“Sand comes back there”](" + u + "), Ann Reed says.", "Sand comes back there", "Sand comes back there", []string{"Ann Reed"}},
		{"[*Sand comes back there*](" + u + "), Ann Reed says.", "Sand comes back there", "Sand comes back there", []string{"Ann Reed"}},
		{"- [Sand comes back there](" + u + "), Ann Reed says.", "Sand comes back there", "Sand comes back there", []string{"Ann Reed"}},
		{"[“" + long + "”](" + u + "), Ann Reed says.", long, "", nil},
		{"“Actually,” [another says](" + u + "), it is Ann Reed.", "Actually", "", nil},
		{"[Harbour Blog Post](" + u + ") of Ann Reed", "Harbour Blog Post", "", nil},
		{"[It is counted](" + u + "), by Ann Reed", "", "", []string{"Ann Reed"}},
		{"[Ann Reed in the Guardian](" + u + ")", "", "", []string{"Ann Reed"}},
		{"[It was Ann Reed](" + u + ") who counted", "", "", nil},
		{"[It was counted](" + u + ")", "", "", nil},
	} {
		rd, s := newCredit(t, r, tt.text, citation{url: u, headline: tt.headline, authors: []string{"Ann Reed"}})
		s.linkedArticle = true
		rd.dropUncertainMembers(s, rd.doc.blocks[0])
		if s.headline != tt.want || !slices.Equal(s.authors, tt.authors) {
			t.Errorf("%q: headline %q by %q, want %q by %q", tt.text, s.headline, s.authors, tt.want, tt.authors)
		}
		s.headline, s.authors, s.passages = tt.headline, []string{"Tom Hale"}, []string{formQuote}
		if rd.dropUncertainMembers(s, rd.doc.blocks[0]); s.headline != tt.headline || len(s.authors) != 1 {
			t.Errorf("%q: members of a credit with a passage were removed", tt.text)
		}
		s.linkedArticle, s.passages = false, nil
		if rd.dropUncertainMembers(s, rd.doc.blocks[0]); s.headline != tt.headline || len(s.authors) != 1 {
			t.Errorf("%q: members of another credit were removed", tt.text)
		}
	}
}
