package attribution

import (
	"strings"
)

// bindCitation reads block i as a citation above its passage: "H; DECK, by A (X)", "A in X, DATE". It returns the index
// of the block to continue with, and whether the block is a citation.
func (rd *reading) bindCitation(i int) (int, bool) {
	b := rd.doc.blocks[i]
	n := len(b.toks)
	if n < 1 || n > 70 || len(b.text) > 500 || b.list {
		return 0, false
	}
	end := n
	if announces(b.toks[n-1]) {
		end--
	}
	if t := b.toks[n-1]; t.kind == tokPunct && t.ch == '.' && b.toks[0].kind != tokOpen {
		return 0, false
	}
	last := i // last line of the citation
	s := &source{convention: "9", weight: 0.7, kind: Excerpt, firstBlock: i, creditBlocks: []int{i}}
	below := rd.readPublicationLine(i, s) && rd.hasHeaderBelow(i)
	if below {
		// The publication is on a line of its own, and the rest of the citation is below it.
	} else if by := phraseEnd(rd.l.by, b.toks); by > 0 && b.toks[0].upper && rd.readByline(i, s) {
		// A byline that names the publication or an agency is a credit without a lead.
		if next := rd.nextBlock(i); s.pub.name == "" && next >= 0 && rd.readPublicationLine(next, s) {
			rd.setRole(rd.doc.blocks[next], Credit)
			s.creditBlocks = append(s.creditBlocks, next)
			last = next
		}
		if s.pub.name == "" {
			return 0, false
		}
	} else {
		s.citation = rd.r.readCitation(rd.l, b, span{0, end}, inLine)
		c := &s.citation
		facts := 0
		for _, ok := range [...]bool{c.pub.name != "", len(c.authors) > 0, c.date.month != 0, c.headline != ""} {
			if ok {
				facts++
			}
		}
		sentences := 0
		rd.r.clauses(rd.l, b.toks, func(s span) bool {
			if t := b.toks[s.hi-1]; t.kind == tokPunct && (t.ch == '.' || t.ch == '?' || t.ch == '!') {
				sentences++
			}
			return true
		})
		if len(c.authors) == 0 && c.date.month == 0 && sentences > 0 {
			return 0, false
		}
		if c.leftover && c.pub.known == nil || c.pub.name == "" || facts < 2 || c.guessed && facts < 3 ||
			facts == 2 && c.headline != "" && !b.isWholly(runLink) && b.toks[0].kind != tokOpen &&
				!strings.HasSuffix(b.text, ")") && !rd.hasSeparator(b) {
			return 0, false
		}
	}
	rd.addVias(s.vias)
	if rd.nextBlock(last) < 0 {
		if s.headline != "" {
			s.kind = HeadlineOnly
			rd.setRole(b, Credit)
			rd.addSource(s)
			return i + 1, true
		}
		return 0, false
	}
	rd.setRole(b, Credit)
	if s.headline == "" && !below && end == n {
		rd.readHeadlineAbove(i, s)
	}
	return rd.bindFollowing(last+1, s), true
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

// hasSeparator reports whether the line has a bar or a spaced dash, as page titles and citations do.
func (rd *reading) hasSeparator(b *block) bool {
	for _, t := range b.toks {
		if t.kind == tokDash && t.space || t.kind == tokPunct && (t.ch == '|' || t.ch == '•' || t.ch == '·') {
			return true
		}
	}
	return false
}

// readDateline returns the end of a wire dateline at the start of the block, and its agency: "BAGHDAD (AP) —",
// "WASHINGTON, June 5 (Reuters) -", "Reuters - ", "(Reuters) -". The end is 0 if there is no dateline.
func (rd *reading) readDateline(b *block) (int, publisher) {
	limit := min(len(b.toks), 14)
	for k := range limit {
		t := b.toks[k]
		if t.kind == tokPunct && t.ch == '(' {
			end := groupEnd(b.toks, k)
			if end == 0 || end > k+6 || end >= len(b.toks) {
				return 0, publisher{}
			}
			p := rd.r.publisherOf(rd.l, b.slice(span{k + 1, end - 1}))
			if p.known == nil || !p.known.Agency && (k > 0 || b.toks[end].kind != tokDash) ||
				b.toks[end].kind != tokDash && b.toks[end].kind != tokWord {
				return 0, publisher{}
			}
			if b.toks[end].kind == tokDash {
				end++
			}
			return end, p
		}
		if t.kind == tokDash && k > 0 {
			p := rd.r.publisherOf(rd.l, b.slice(span{0, k}))
			if p.known != nil && p.known.Agency && k <= 3 && t.space {
				return k + 1, p
			}
			// Not a dateline, but a credit such as "Reuters/New York -".
			return 0, publisher{}
		}
		if t.kind != tokWord && !(t.kind == tokPunct && (t.ch == ',' || t.ch == '.' || t.ch == '/')) {
			return 0, publisher{}
		}
		if t.kind == tokWord && !t.upper && !t.digit {
			return 0, publisher{}
		}
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
