package attribution

import (
	"slices"
	"strings"
)

// This file finds credits with a clear form directly above or below a quotation element.

// isClearBeside reports whether the passage of s is a quotation element, and the credit is the block directly above it
// and introduces it, or the line directly below it or at its end and signs it.
func (rd *reading) isClearBeside(s *source) bool {
	if len(s.passageBlocks) == 0 || len(s.creditBlocks) != 1 || rd.doc.blocks[s.passageBlocks[0]].quotation == nil {
		return false
	}
	at, first, last := s.creditBlocks[0], s.passageBlocks[0], s.passageBlocks[len(s.passageBlocks)-1]
	b := rd.doc.blocks[at]
	switch {
	case b.list || isHeading(b.elem) || len(b.toks) < 2:
		return false
	case at == first-1:
		return announces(b.toks[len(b.toks)-1]) && (rd.isPersonAbove(s, b) || rd.isSiteAbove(s, b) || rd.isFromLine(s, b))
	case at == last+1:
		return rd.isSourceLine(s, b) || rd.isSignature(s, b)
	default:
		return false
	}
}

// isFromLine reports whether block b consists of "From", the publication of s, which begins with a capital letter, and
// a colon: "From the Harbour Notes:".
func (rd *reading) isFromLine(s *source, b *block) bool {
	from := phraseEnd(rd.l.from, b.toks)
	at := rd.l.skipDeterminers(b.toks, from)
	n := len(b.toks) - 1
	return from > 0 && at < n && b.toks[n-1].upper && len(s.authors) == 0 && s.pub.name != "" &&
		strings.HasSuffix(s.pub.name, b.slice(span{at, n})) && !rd.isRelativeName(s.pub.name)
}

// isPersonAbove reports whether the last sentence of block b, which announces a quotation, names the author of s and
// nobody else, and consists of the name, a date and a verb of saying: "Ann Reed:", "Or as Ann Reed puts it:". The
// sentence must not be in the first person, and must not link to a different site.
func (rd *reading) isPersonAbove(s *source, b *block) bool {
	if len(s.authors) != 1 || !rd.isPersonLike(s.authors[0]) || s.headline != "" ||
		s.pub.name != "" && (s.url == "" || !sameName(s.pub.name, rd.publisherOfHost(s.url).name)) {
		return false
	}
	_, name, ok := b.findName(s.authors[0])
	if !ok || name.empty() {
		return false
	}
	n := len(b.toks)
	in := rd.sentenceAround(b.toks, span{n - 1, n})
	if name.lo < in.lo || s.url == "" && b.linkIn(in) != "" || s.url != "" && !rd.isOnlyLink(b, in, s.url) {
		return false
	}
	return rd.isNameAndVia(b, span{in.lo, in.hi - 1}, name) || rd.onlySays(b, span{in.lo, in.hi - 1}, name)
}

// isNameAndVia reports whether the sentence in block b consists of the given name, and a via or a known publication in
// brackets: "Ann Reed (via The Bugle)".
func (rd *reading) isNameAndVia(b *block, in, name span) bool {
	after := b.toks[name.hi:in.hi]
	return name.lo == in.lo && isMark(after, 0, '(') && rd.isLeadAround(nil, after)
}

// onlySays reports whether the sentence in block b consists of the given name, dates and words without capital letters
// that include a verb of saying, or of the name and dates alone. No word may be in the first person.
func (rd *reading) onlySays(b *block, in, name span) bool {
	said, words := false, 0
	for k := in.lo; k < in.hi; k++ {
		if k == name.lo {
			k = name.hi - 1
			continue
		}
		t := b.toks[k]
		if end, _ := rd.l.date(b.text, b.toks[:in.hi], k); end > 0 {
			k = end - 1
			continue
		}
		if t.upper && k > in.lo || t.kind == tokOpen || rd.isFirstPerson(t) || rd.l.about.has(t.id) {
			return false
		}
		if t.kind == tokWord {
			words++
			said = said || rd.l.say.has(t.id) && !rd.l.stop.has(t.id)
		}
	}
	return words == 0 || said && !rd.isSubject(b, name)
}

// isFirstPerson reports whether the token is a word in the first person, such as "I" or "our".
func (rd *reading) isFirstPerson(t token) bool { return rd.l.first.has(t.id) || rd.l.plural.has(t.id) }

// isSiteAbove reports whether block b, which announces a quotation, ends in a preposition and the name of the
// publication of s, which is the whole text of the only link in the sentence: "found over at [Harbour Notes](…):". It
// moves a person in the headline, as in "Ann Reed at Harbour Notes", to the authors.
func (rd *reading) isSiteAbove(s *source, b *block) bool {
	if s.pub.name == "" || !isArticleOfSite(s.url) {
		return false
	}
	n := len(b.toks)
	link, ok := b.lastLink()
	if !ok || link.value != s.url || b.text[link.start:link.end] != s.pub.name {
		return false
	}
	before, name := tokensWithin(b.toks, span{0, n}, link)
	in := rd.sentenceAround(b.toks, span{n - 1, n})
	if name.empty() || name.hi != n-1 || before <= in.lo || !b.toks[name.lo].upper || !rd.isOnlyLink(b, in, s.url) ||
		slices.ContainsFunc(b.toks[name.lo:name.hi], rd.isPlacePreposition) { // "Ann Reed at the Bugle"
		return false
	}
	rd.moveAuthorFromHeadline(s)
	t := b.toks[before-1]
	return rd.l.at.hasLower(t) || rd.l.in.hasLower(t) && !rd.l.genitive.has(t.id)
}

// isArticleOfSite reports whether u can be the URL of an article on a site that publishes articles of its own.
func isArticleOfSite(u string) bool {
	return u != "" && mayBeArticle(u) && !isMediaHost(u) && !isReferenceHost(u)
}

// isPlacePreposition reports whether the token is a preposition such as "at" or "in".
func (rd *reading) isPlacePreposition(t token) bool {
	return rd.l.in.hasLower(t) || rd.l.at.hasLower(t)
}

// moveAuthorFromHeadline removes a headline that ends in the publication of s, as in "Ann Reed at Harbour Notes". The
// person in it becomes the author if s has none.
func (rd *reading) moveAuthorFromHeadline(s *source) {
	rest, ok := strings.CutSuffix(s.headline, s.pub.name)
	if !ok {
		return
	}
	person := rd.r.lx.tokenize(rest, nil)
	if n := len(person) - 1; n > 1 && len(s.authors) == 0 && rd.l.personScore(rest, person[:n]) > 0 {
		s.authors = []string{rest[:person[n-1].end]}
	}
	s.headline = ""
}

// maxSignature is the maximum number of tokens in a line that signs a quotation.
const maxSignature = 20

// isSignature reports whether block b, which is below a quotation, consists of the author of s, a comma and a work or a
// publication, perhaps after a dash or in brackets: "— Ann Reed, The Salt Road (1949)". It sets the headline or the
// publication of s to that name.
func (rd *reading) isSignature(s *source, b *block) bool {
	if len(b.toks) > maxSignature || len(s.authors) != 1 || s.url != "" {
		return false
	}
	work := rd.signedWork(b, s.authors[0])
	if work.empty() || !b.toks[work.lo].upper && b.toks[work.lo].kind != tokOpen ||
		slices.ContainsFunc(b.toks[work.lo:work.hi], func(t token) bool { return t.isPunct(",;:.") }) {
		return false
	}
	text := b.slice(work)
	known := rd.r.pubs.lookup(text)
	switch {
	case known != nil:
		s.pub, s.headline = publisher{name: text, known: known}, ""
	case !b.isEmphasized(work) && b.toks[work.lo].kind != tokOpen && !isYearAfter(b, work):
		return false // the name of a publication, or a description of the person
	default:
		s.pub, s.headline = publisher{}, cleanHeadline(text)
	}
	return true
}

// signedWork returns the tokens after the name and a comma in block b, without a date at the end, if the block begins
// with the name. Before the name there may be a dash or a bracket. Without a dash, the name must be almost certainly a
// person's. Otherwise the span is empty.
func (rd *reading) signedWork(b *block, author string) span {
	start := 0
	for start < len(b.toks) && (b.toks[start].kind == tokDash || isMark(b.toks, start, '(')) {
		start++
	}
	least := 2
	if b.toks[0].kind == tokDash {
		least = 1
	}
	_, name, ok := b.findName(author)
	if !ok || name.lo != start || !isMark(b.toks, name.hi, ',') ||
		rd.l.personScore(author, rd.r.lx.tokenize(author, nil)) < least {
		return span{}
	}
	return rd.workIn(b, span{name.hi + 1, len(b.toks)})
}

// isYearAfter reports whether a year in brackets follows the given tokens of block b: "The Salt Road (1949)".
func isYearAfter(b *block, in span) bool {
	return isMark(b.toks, in.hi, '(') && in.hi+2 < len(b.toks) && b.toks[in.hi+1].digit && isMark(b.toks, in.hi+2, ')')
}

// workIn returns the span without a date, a year, page numbers and marks at its end.
func (rd *reading) workIn(b *block, in span) span {
	for k := in.lo; k < in.hi; k++ {
		if end, _ := rd.l.date(b.text, b.toks[:in.hi], k); end > 0 && k > in.lo {
			in.hi = k
		}
	}
	for in.hi > in.lo {
		t := b.toks[in.hi-1]
		if t.kind != tokPunct && !(t.digit && in.hi-in.lo > 2) {
			break
		}
		in.hi--
	}
	return in
}

// isSourceLine reports whether block b, which is below a quotation, consists of a label such as "Source:" and the
// publication of s, which is known or linked, or the title of the article with a link to it.
func (rd *reading) isSourceLine(s *source, b *block) bool {
	label := rd.sourceLabel(b)
	if label == 0 || label >= len(b.toks) || len(b.toks) > maxSignature {
		return false
	}
	in := span{label, len(b.toks)}
	if s.url != "" {
		text := b.textOfLink(s.url)
		if !mayBeArticle(s.url) || text == "" || strings.ContainsAny(text, ",;/") || !rd.isOnlyLink(b, in, s.url) || !strings.HasPrefix(b.slice(in), text) {
			return false
		}
		rd.setLinkedTitle(s, text)
		return true
	}
	rest := rd.workIn(b, in)
	if rest.empty() {
		return false
	}
	text := b.slice(rest)
	return s.pub.known != nil && rd.r.pubs.lookup(text) == s.pub.known ||
		s.pub.name == text && countWords(b.toks[rest.lo:rest.hi]) > 1 && !strings.ContainsAny(text, ",;:")
}

// setLinkedTitle sets the publication and the headline of s from the text of the link to its article, unless the
// publication is already a known one or that of the URL: the text is the name of the publication, or a title, perhaps
// after the name of the site and a colon.
func (rd *reading) setLinkedTitle(s *source, text string) {
	if s.pub.known != nil || s.pub.name != "" && rd.isAtURL(s) || sameName(text, s.pub.name) && !strings.Contains(text, ": ") {
		return
	}
	s.pub, s.headline = rd.publisherOfHost(s.url), cleanHeadline(text)
	if name, rest, ok := strings.Cut(text, ": "); ok && hostNamed(s.url, name) {
		s.pub, s.headline = publisher{name: name, known: rd.r.pubs.lookup(name)}, cleanHeadline(rest)
	}
}
