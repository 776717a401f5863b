package attribution

import (
	"slices"
	"strings"
)

// bindCitation reads block i as a citation above its passage: "H; DECK, by A (X)", "A in X, DATE". It returns the index
// of the block to continue with, and whether the block is a citation.
func (rd *reading) bindCitation(i int) (int, bool) {
	b := rd.doc.blocks[i]
	if !mayBeCitationLine(b) {
		return 0, false
	}
	var found source                                   // on the stack, because most lines are not citations
	last := i                                          // last line of the citation
	headlineAbove := !announces(b.toks[len(b.toks)-1]) // the line above may be the headline
	switch {
	case rd.readPublicationLine(i, &found) && rd.hasHeaderBelow(i):
		headlineAbove = false // the rest of the citation is below the publication
	case phraseEnd(rd.l.by, b.toks) > 0 && b.toks[0].upper && rd.readByline(i, &found):
		// A byline that names the publication or an agency is a credit without a lead.
		last = rd.readPublicationBelow(i, &found)
		if found.pub.name == "" {
			return 0, false
		}
	default:
		c, ok := rd.readCitationLine(b)
		if !ok {
			return 0, false
		}
		found.citation = c
	}
	s := &source{citation: found.citation, convention: "9", weight: 0.7, kind: Excerpt, firstBlock: i, creditBlocks: []int{i}}
	if last > i {
		s.creditBlocks = append(s.creditBlocks, last)
	}
	rd.addVias(s.vias)
	if rd.nextBlock(last) < 0 {
		if s.headline == "" {
			return 0, false
		}
		s.kind = HeadlineOnly
		rd.setRole(b, Credit)
		rd.addSource(s)
		return i + 1, true
	}
	rd.setRole(b, Credit)
	if s.headline == "" && headlineAbove {
		rd.readHeadlineAbove(i, s)
	}
	return rd.bindFollowing(last+1, s), true
}

// mayBeCitationLine reports whether the block is short enough for a citation, and neither a list item nor a sentence.
func mayBeCitationLine(b *block) bool {
	n := len(b.toks)
	return n >= 1 && n <= 70 && len(b.text) <= 500 && !b.list && (!b.toks[n-1].isPunct(".") || b.toks[0].kind == tokOpen)
}

// readPublicationBelow adds to s, which has the byline in block i, the publication in the line below it, unless the
// byline names one. It returns the index of the last line of the credit.
func (rd *reading) readPublicationBelow(i int, s *source) int {
	next := rd.nextBlock(i)
	if s.pub.name != "" || next < 0 || !rd.readPublicationLine(next, s) {
		return i
	}
	rd.setRole(rd.doc.blocks[next], Credit)
	return next
}

// readCitationLine reads the block as a citation in one line, which may end with a colon or a dash before the passage.
// It reports whether the line is certainly a citation.
func (rd *reading) readCitationLine(b *block) (citation, bool) {
	end := len(b.toks)
	if announces(b.toks[end-1]) {
		end--
	}
	x := rd.r.citationReader(rd.l, b, span{0, end}, inLine)
	if x.isPlain() {
		return citation{}, false
	}
	c := x.read()
	facts := c.facts()
	switch {
	case c.pub.name == "", c.leftover && c.pub.known == nil:
		return citation{}, false
	case facts < 2, facts < 3 && c.guessed, facts == 2 && c.headline != "" && !hasCitationForm(b):
		return citation{}, false
	case len(c.authors) == 0 && c.date.month == 0 && rd.hasSentence(b):
		return citation{}, false
	}
	return c, true
}

// facts returns how many of the publication, the authors, the date and the headline the citation has.
func (c *citation) facts() int {
	n := 0
	for _, ok := range [...]bool{c.pub.name != "", len(c.authors) > 0, c.date.month != 0, c.headline != ""} {
		if ok {
			n++
		}
	}
	return n
}

// hasCitationForm reports whether the line has a mark of a citation: it is a link, begins with a quotation mark, ends
// with a bracket, or has a bar or a spaced dash, as page titles do.
func hasCitationForm(b *block) bool {
	return b.isWholly(runLink) || b.toks[0].kind == tokOpen || strings.HasSuffix(b.text, ")") ||
		slices.ContainsFunc(b.toks, func(t token) bool { return t.kind == tokDash && t.space || t.isPunct("|•·") })
}

// hasSentence reports whether a clause of the block ends as a sentence.
func (rd *reading) hasSentence(b *block) bool {
	found := false
	rd.r.clauses(rd.l, b.toks, func(s span) bool {
		found = b.toks[s.hi-1].isPunct(".?!")
		return !found
	})
	return found
}

// hasHeaderBelow reports whether one of the two lines below block i is a byline or a date.
func (rd *reading) hasHeaderBelow(i int) bool {
	var probe source
	for k, n := rd.nextBlock(i), 0; k >= 0 && n < 2; k, n = rd.nextBlock(k), n+1 {
		if rd.readByline(k, &probe) || rd.readDateLine(rd.doc.blocks[k], &probe) {
			return true
		}
	}
	return false
}

// readDateline returns the end of a wire dateline at the start of the block, and its agency: "BAGHDAD (AP) —",
// "WASHINGTON, June 5 (Reuters) -", "Reuters - ", "(Reuters) -". The end is 0 if there is no dateline.
func (rd *reading) readDateline(b *block) (int, publisher) {
	for k, t := range b.toks[:min(len(b.toks), 14)] {
		switch {
		case t.isPunct("("):
			return rd.agencyInBrackets(b, k)
		case t.kind == tokDash && k > 0:
			return rd.agencyBeforeDash(b, k)
		case t.kind == tokWord && (t.upper || t.digit), t.isPunct(",./"):
			// a word or mark of the place and date
		default:
			return 0, publisher{}
		}
	}
	return 0, publisher{}
}

// agencyInBrackets returns the agency in the brackets that open at token k, and the end of the dateline, which includes
// a dash after the brackets. The end is 0 if there is no agency. Without a place and date before the brackets, a
// publication before a dash is accepted too.
func (rd *reading) agencyInBrackets(b *block, k int) (int, publisher) {
	end := groupEnd(b.toks, k)
	if end == 0 || end > k+6 || end >= len(b.toks) {
		return 0, publisher{}
	}
	next := b.toks[end].kind
	if next != tokDash && next != tokWord {
		return 0, publisher{}
	}
	p := rd.r.publisherOf(rd.l, b.slice(span{k + 1, end - 1}))
	if p.known == nil || !p.known.Agency && (k > 0 || next != tokDash) {
		return 0, publisher{}
	}
	if next == tokDash {
		end++
	}
	return end, p
}

// agencyBeforeDash returns the agency named before the dash, which is token k, and the end of the dateline. The end is
// 0 for anything else, such as the credit "Reuters/New York -".
func (rd *reading) agencyBeforeDash(b *block, k int) (int, publisher) {
	if k > 3 || !b.toks[k].space {
		return 0, publisher{}
	}
	if p := rd.r.publisherOf(rd.l, b.slice(span{0, k})); p.known != nil && p.known.Agency {
		return k + 1, p
	}
	return 0, publisher{}
}

// bindDateline reads block i as the start of a wire report whose only credit is its dateline. It returns the index of
// the block to continue with, and whether there is a dateline.
func (rd *reading) bindDateline(i int) (int, bool) {
	b := rd.doc.blocks[i]
	end, p := rd.readDateline(b)
	if end == 0 || end == len(b.toks) || b.linkIn(span{0, end}) != "" {
		return 0, false // a dateline has no link: "[Reuters](…) - not available" is a remark
	}
	s := &source{convention: "11", weight: 0.7, kind: Excerpt, firstBlock: i, creditBlocks: nil}
	s.pub = p
	if i > 0 {
		if k := rd.previousBlock(i); k >= 0 {
			above := rd.doc.blocks[k]
			if m := rd.analyze(k); m.mention != nil && above.role == Commentary && len(above.toks) < 10 {
				rd.setRole(above, Credit) // such as "Go to AP original"
			}
		}
	}
	if s.headline == "" && rd.commentaryBlocks == 0 {
		s.headline = rd.postTitle
	}
	next := rd.bindText(i, s)
	if next == i {
		rd.markCommentary(i)
		next++
	}
	return next, true
}
