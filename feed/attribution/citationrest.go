package attribution

import "strings"

// This file classifies the parts of a citation that cannot be recognized by their form. It considers which fields of
// the citation are still empty.

// openPart is a part that is not classified yet.
type openPart struct {
	part
	name   bool // the part is at most four words, all capitalized
	person int  // its score as a person's name; see language.personScore
	last   bool // no part that is not classified follows
}

// readOpenParts classifies the open parts according to which fields of the citation are still empty.
func (x *citationReader) readOpenParts(open []part) {
	if n := len(open) - 1; n > 0 && x.isTitlePublication(open[n]) {
		x.guessPublication(open[n])
		open = open[:n]
	}
	for len(open) > 0 {
		p := openPart{part: open[0], last: len(open) == 1}
		p.name = p.hi-p.lo <= 4 && x.isCapitalized(p.span)
		p.person = x.l.personScore(x.b.text, x.b.toks[p.lo:p.hi])
		n := 1 // number of parts that belong together
		switch {
		case x.isOnlyPublication(p):
			x.guessPublication(p.part)
		case x.isMarkedHeadline(p):
			x.setHeadline(p.text, p.link)
		case x.isAuthor(p):
			x.c.authors = x.l.splitPeople(x.b.text, x.b.toks[p.lo:p.hi])
			x.c.guessed = x.c.guessed || p.person < 2
		case x.isOnlyWord(p):
			x.c.authors = []string{p.text}
			x.c.guessed = true
		case x.isPublication(p):
			x.guessPublication(p.part)
		case x.c.headline == "" && x.where != inByline:
			n = headlineParts(open)
			x.setHeadline(x.b.slice(span{p.lo, open[n-1].hi}), open[n-1].link)
		default:
			x.c.leftover = true
		}
		open = open[n:]
	}
}

// isTitlePublication reports whether p, the last of several open parts, is the publication in a page title: it follows
// the headline after a dash or a bar.
func (x *citationReader) isTitlePublication(p part) bool {
	return x.c.pub.name == "" && strings.ContainsRune("-|•·(»", p.sep) && p.hi-p.lo <= 5 && x.where != inByline &&
		x.isCapitalized(p.span) && (x.where != inLine || x.l.personScore(x.b.text, x.b.toks[p.lo:p.hi]) < 2)
}

// isOnlyPublication reports whether p, the only open part, is a publication because of the setting: after a headline in
// brackets, or after "Source:".
func (x *citationReader) isOnlyPublication(p openPart) bool {
	return p.last && p.name && x.c.pub.name == "" && (x.where == inGroup || x.where == inSource && p.person < 2)
}

// isMarkedHeadline reports whether p is a headline because it links to an article, or because it is emphasized in a
// credit, and the publication is known.
func (x *citationReader) isMarkedHeadline(p openPart) bool {
	if x.c.headline != "" || x.c.pub.name == "" || p.person == 2 {
		return false
	}
	return articleOnly(p.link) != "" && p.hi-p.lo > 1 && x.where != inByline || p.emphasized && x.where == inCredit
}

// isAuthor reports whether p is the author, in a setting where people are named. A linked name that is the only part of
// the citation is more likely a publication.
func (x *citationReader) isAuthor(p openPart) bool {
	if !p.name || p.person == 0 || len(x.c.authors) > 0 ||
		p.last && p.link != "" && p.person < 2 && x.c.pub.name == "" {
		return false
	}
	return x.where == inCredit || x.where == inByline || x.where == inLine && x.c.pub.name != ""
}

// isOnlyWord reports whether p is a person who is named by a single word, as in "— Voltaire".
func (x *citationReader) isOnlyWord(p openPart) bool {
	return p.last && p.name && p.hi-p.lo == 1 && p.link == "" && x.where == inCredit && len(x.c.authors) == 0 &&
		x.c.pub.name == ""
}

// isPublication reports whether p is a publication: a name that is linked, emphasized or beside a headline. After an
// author, it must be linked or beside a headline.
func (x *citationReader) isPublication(p openPart) bool {
	if !p.name || x.c.pub.name != "" || x.where != inCredit && x.where != inSource {
		return false
	}
	return p.link != "" || x.c.headline != "" || p.emphasized && p.last && len(x.c.authors) == 0
}

// guessPublication sets the publication of the citation to a part that was classified by elimination.
func (x *citationReader) guessPublication(p part) {
	x.c.pub = x.r.publisherOf(x.l, p.text)
	x.c.guessed = true
}

// setHeadline sets the headline of the citation, and its URL to the link of the headline unless it has one.
func (x *citationReader) setHeadline(text, link string) {
	x.c.headline = cleanHeadline(text)
	if x.c.url == "" {
		x.c.url = articleOnly(link)
	}
}

// headlineParts returns how many of the open parts are one headline, which its own commas and dashes have separated. A
// deck follows a semicolon.
func headlineParts(open []part) int {
	n := 1
	for n < len(open) && open[n].lo <= open[n-1].hi+1 && !strings.ContainsRune(";|(", open[n].sep) {
		n++
	}
	return n
}
