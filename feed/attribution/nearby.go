package attribution

// This file describes what is near the name of a source: a quotation, the words before and after the name, the rest of
// its sentence, and the link to the article. All of it is evidence for the certainty of the source.

import (
	"slices"
	"strings"
)

// The places of the quotation nearest to the name of a source. A name with a quotation next to it is more often quoted
// than mentioned, even if it is uncertain where the quotation begins and ends.
const (
	nearNothing    = iota
	nearInside     // the name is in a quotation element
	nearLastLine   // the name is in the last block of a quotation element that has several
	nearSentence   // in quotation marks, in the sentence of the name
	nearAnnounced  // an element directly below, which the block of the name announces
	nearTextBelow  // quotation marks begin the next block, which the block of the name announces
	nearAbove      // an element directly above a short credit
	nearTextAbove  // quotation marks directly above a short credit
	nearParagraph  // in quotation marks, in a different sentence of the block
	nearBelow      // an element directly below
	nearMarksBelow // quotation marks begin the next block
	nearPlain      // the sentence of the name announces text that is not marked, in a post that marks no quotations
	nearPlaces
)

// maxShortCredit is the maximum number of tokens of a credit to which a quotation above it may belong.
const maxShortCredit = 24

// quotationNear returns the place of the quotation that is nearest to the first of the names of s in block k.
func (rd *reading) quotationNear(d *decisions, k int, s *source) int {
	if k < 0 {
		return nearNothing
	}
	b := rd.doc.blocks[k]
	if b.quotation != nil {
		q := outermost(b.quotation)
		if n := len(q.blocks); n > 1 && q.blocks[n-1] == k && len(b.toks) <= maxShortCredit {
			return nearLastLine
		}
		return nearInside
	}
	at := b.nameOf(s)
	place := rd.quotationInBlock(d, k, at)
	if place == nearSentence {
		return place
	}
	if beside := rd.quotationBeside(d, k, at); beside != nearNothing && (place == nearNothing || beside < place) {
		return beside
	}
	return place
}

// nameOf returns the tokens of the publication of s, or of one of its authors, in the block. If it contains none of
// them, nameOf returns the text of the link to the article, and all tokens if there is no such link.
func (b *block) nameOf(s *source) span {
	for _, name := range append([]string{s.pub.name}, s.authors...) {
		if name == "" {
			continue
		}
		if _, at, ok := b.findName(name); ok && !at.empty() {
			return at
		}
	}
	for _, r := range b.runs {
		if r.kind != runLink || s.url == "" || r.value != s.url {
			continue
		}
		if _, at := tokensWithin(b.toks, span{0, len(b.toks)}, r); !at.empty() {
			return at
		}
	}
	return span{0, len(b.toks)}
}

// quotationInBlock returns the place of a quotation in block k, which contains the given name.
func (rd *reading) quotationInBlock(d *decisions, k int, name span) int {
	b := rd.doc.blocks[k]
	place := nearNothing
	for i := d.ofBlock[k].lo; i < d.ofBlock[k].hi; i++ {
		u := &d.units[i]
		if u.kind != unitQuoted || rd.isQuotedName(b, u.span) || u.lo <= name.lo && name.hi <= u.hi {
			continue
		}
		// The units between the name and the quotation belong to one sentence unless one of them ends it.
		lo, hi := min(name.lo, u.lo), max(name.hi, u.hi)
		if in := rd.sentenceAround(b.toks, name); in.lo <= lo && hi <= in.hi+1 {
			return nearSentence
		}
		place = nearParagraph
	}
	return place
}

// quotationBeside returns the place of a quotation in the block above or below block k, which contains the given name.
func (rd *reading) quotationBeside(d *decisions, k int, name span) int {
	b := rd.doc.blocks[k]
	n := len(b.toks)
	if n == 0 {
		return nearNothing
	}
	announced := announces(b.toks[n-1]) && rd.sentenceAround(b.toks, name).hi == n
	below := rd.quotationAt(d, rd.nextBlock(k), nearBelow, nearMarksBelow)
	if announced && below == nearBelow {
		return nearAnnounced
	}
	if announced && below == nearMarksBelow {
		return nearTextBelow
	}
	if n <= maxShortCredit && !isHeading(b.elem) {
		if above := rd.quotationAt(d, k-1, nearAbove, nearTextAbove); above != nearNothing {
			return above
		}
	}
	if below == nearNothing && announced && !rd.marksQuotations && rd.nextBlock(k) >= 0 {
		return nearPlain
	}
	return below
}

// quotationAt returns element if block k is in a quotation element, marks if it begins with a quotation, and
// nearNothing otherwise. k may be -1 for no block.
func (rd *reading) quotationAt(d *decisions, k, element, marks int) int {
	switch {
	case k < 0:
		return nearNothing
	case rd.doc.blocks[k].quotation != nil:
		return element
	case rd.beginsQuoted(d, k):
		return marks
	default:
		return nearNothing
	}
}

// beginsQuoted reports whether block k begins with a quotation in quotation marks, or is emphasized as a whole.
func (rd *reading) beginsQuoted(d *decisions, k int) bool {
	b := rd.doc.blocks[k]
	units := d.ofBlock[k]
	if units.empty() || len(b.toks) < minQuoted {
		return false
	}
	return d.units[units.lo].kind == unitQuoted || b.toks[0].kind == tokOpen && quotedEnd(b.toks, 0) == 0 || b.isWholly(runEmphasis)
}

// The kinds of the URL of a source.
const (
	addressNone      = iota
	addressFront     // the front page of a site
	addressList      // a list of articles, such as the results of a search
	addressMedia     // a page of a shop, a reference work, or a site that hosts media
	addressOwn       // an article on the site of the publication
	addressElsewhere // an article on a different site, or no publication is known
	addressKinds
)

// addressKind returns the kind of the URL of s. A link to the front page of the publication, in the block with index k,
// counts if s has no URL.
func (rd *reading) addressKind(k int, s *source) int {
	switch {
	case s.url == "" && k >= 0 && s.pub.name != "" && rd.linksName(rd.doc.blocks[k], s.pub.name):
		return addressFront
	case s.url == "":
		return addressNone
	case listPath.MatchString(s.url):
		return addressList
	case !isArticleOfSite(s.url):
		return addressMedia
	case rd.isAtURL(s):
		return addressOwn
	default:
		return addressElsewhere
	}
}

// linksName reports whether a link in the block contains the name.
func (rd *reading) linksName(b *block, name string) bool {
	for _, r := range b.runs {
		if r.kind != runLink {
			continue
		}
		if _, at, ok := b.findName(name); ok {
			_, within := tokensWithin(b.toks, at, r)
			return !within.empty()
		}
	}
	return false
}

// The kinds of the words beside a name.
const (
	besideOther = iota
	besideStart // the beginning or end of the block
	besideFrom  // "from"
	besideBy    // "by"
	besideIn    // "in" or "at"
	besideSay   // a verb of saying
	besideColon // a colon, dots or a dash
	besideComma
	besideBracket
	besideMark // another mark
	besidePossessive
	besideOf    // "of", or "for" after a person's role
	besideUpper // a capitalized word
	besideKinds
)

// besideKind returns the kind of token i of the block, which is next to a name.
func (rd *reading) besideKind(b *block, i int) int {
	if i < 0 || i >= len(b.toks) {
		return besideStart
	}
	t := b.toks[i]
	if t.kind != tokWord {
		return besideMarkKind(t)
	}
	switch {
	case rd.l.from.hasLower(t) || i == 0 && rd.l.from.has(t.id):
		return besideFrom
	case rd.l.by.hasLower(t):
		return besideBy
	case rd.l.employ.hasLower(t) && rd.followsRole(b, i), rd.l.genitive.hasLower(t):
		return besideOf
	case rd.l.in.hasLower(t), rd.l.at.hasLower(t):
		return besideIn
	case rd.l.say.has(t.id):
		return besideSay
	case t.upper:
		return besideUpper
	default:
		return besideOther
	}
}

// besideMarkKind returns the kind of t, which is not a word.
func besideMarkKind(t token) int {
	switch {
	case t.kind == tokPoss:
		return besidePossessive
	case announces(t):
		return besideColon
	case t.kind == tokPunct && t.ch == ',':
		return besideComma
	case t.kind == tokPunct && strings.ContainsRune("()[]", t.ch):
		return besideBracket
	default:
		return besideMark
	}
}

// maxAfterRole is the maximum number of tokens between a person's role and the name of the employer.
const maxAfterRole = 5

// followsRole reports whether a person's role, such as "director", shortly precedes token i of the block.
func (rd *reading) followsRole(b *block, i int) bool {
	return slices.ContainsFunc(b.toks[max(0, i-maxAfterRole):i], func(t token) bool {
		return t.kind == tokWord && (rd.l.position.has(t.id) || rd.l.role.has(t.id))
	})
}

// The kinds of the text of the link to the URL of a source.
const (
	anchorNone   = iota // no link
	anchorName          // the name of the source
	anchorWith          // the name and other words
	anchorShort         // up to maxShortAnchor other words
	anchorTitle         // more words, capitalized like a title
	anchorClause        // more words
	anchorWhole         // the whole block
	anchorKinds
)

// maxShortAnchor is the maximum number of tokens of the text of a link that is too short for a headline.
const maxShortAnchor = 3

// anchorKind returns the kind of the text of the link to the URL of s in the block.
func (rd *reading) anchorKind(b *block, s *source) int {
	if s.url == "" {
		return anchorNone
	}
	for _, r := range b.runs {
		if r.kind != runLink || r.value != s.url {
			continue
		}
		_, in := tokensWithin(b.toks, span{0, len(b.toks)}, r)
		label := b.text[r.start:r.end]
		switch {
		case s.pub.name != "" && sameName(label, s.pub.name):
			return anchorName
		case in.hi-in.lo == len(b.toks):
			return anchorWhole
		case s.pub.name != "" && strings.Contains(label, s.pub.name):
			return anchorWith
		case in.hi-in.lo <= maxShortAnchor:
			return anchorShort
		case isTitleCase(rd.l, b.toks[in.lo:in.hi]):
			return anchorTitle
		default:
			return anchorClause
		}
	}
	return anchorNone
}

// wordsBeside returns the kinds of the words before and after a name in the block. Determiners before it are skipped.
func (rd *reading) wordsBeside(b *block, name span) (before, after int) {
	k := name.lo - 1
	for k >= 0 && b.toks[k].kind == tokWord && rd.l.det.has(b.toks[k].id) {
		k--
	}
	return rd.besideKind(b, k), rd.besideKind(b, name.hi)
}

// The bits of what the sentence around a name contains.
const (
	toldSay    = 1 << iota // a verb of saying
	toldPiece              // a word for a text, such as "article"
	toldClause             // a word such as "that", which begins what is said
	toldFirst              // a word in the first person
	toldKinds  = 1 << iota
)

// toldBy returns what the sentence around the name in the block contains.
func (rd *reading) toldBy(b *block, name span) int {
	in := rd.sentenceAround(b.toks, name)
	told := 0
	for k := in.lo; k < in.hi; k++ {
		t := b.toks[k]
		if k >= name.lo && k < name.hi || t.kind != tokWord {
			continue
		}
		switch {
		case rd.isFirstPerson(t):
			told |= toldFirst
		case rd.l.say.has(t.id) && !rd.l.stop.has(t.id):
			told |= toldSay
		case rd.l.piece.hasLower(t):
			told |= toldPiece
		case rd.l.clause.hasLower(t):
			told |= toldClause
		}
	}
	return told
}
