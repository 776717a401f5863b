package attribution

// This file describes what else is around the name of a source: the links and the other names in its sentence, the
// element that contains it, and the word for a text next to it. All of it is evidence for the certainty of the source.

import "slices"

// The links in the sentence of a name.
const (
	linksNone      = iota
	linksSource    // only links to the site of the source
	linksOther     // only links to different sites
	linksBoth      // links to the site of the source and to different sites
	linksElsewhere // the sentence has no link, but the block has
	linkKinds
)

// sentenceLinks returns the kind of the links in the sentence of the block that contains a name of s.
func (rd *reading) sentenceLinks(b *block, name span, s *source) int {
	in := rd.sentenceAround(b.toks, name)
	start, end := b.toks[in.lo].start, b.toks[in.hi-1].end
	host := hostOf(s.url)
	kind, elsewhere := linksNone, false
	for _, r := range b.runs {
		switch {
		case r.kind != runLink:
		case r.end <= start || r.start >= end:
			elsewhere = true
		case s.url != "" && hostOf(r.value) == host:
			kind |= linksSource
		default:
			kind |= linksOther
		}
	}
	if kind == linksNone && elsewhere {
		return linksElsewhere
	}
	return kind
}

// maxOthers is the greatest number of other names that is counted.
const maxOthers = 2

// otherKinds is the number of results of otherNames.
const otherKinds = (maxOthers + 1) * (maxOthers + 1)

// otherNames returns how many other names than that of s the span of the block has: known publications, and persons. It
// counts up to maxOthers of each. name holds the tokens of the name of s.
func (rd *reading) otherNames(b *block, in, name span, s *source) (publications, persons int) {
	for i := in.lo; i < in.hi && (publications < maxOthers || persons < maxOthers); {
		if i >= name.lo && i < name.hi || !b.toks[i].upper {
			i++
			continue
		}
		if end, p := rd.knownNameAt(b, span{i, in.hi}); end > 0 {
			if p != s.pub.known {
				publications++
			}
			i = end
			continue
		}
		end, n := rd.otherPersons(b, span{i, in.hi}, s)
		persons += n
		i = max(i+1, end)
	}
	return min(publications, maxOthers), min(persons, maxOthers)
}

// otherPersons returns the end of the longest list of persons at the beginning of the span, as in "Ann Reed and Tom
// Oakes", and how many there are without the authors of s. The end is 0 if there is no such list.
func (rd *reading) otherPersons(b *block, in span, s *source) (end, n int) {
	toks := b.toks[in.lo:in.hi]
	var buf [24]int
	for _, e := range slices.Backward(rd.l.peopleEnds(toks, 0, buf[:0])) {
		if !rd.l.surePeople(b.text, toks[:e], false) {
			continue
		}
		for _, name := range rd.l.splitPeople(b.text, toks[:e]) {
			if !hasSameName(s.authors, name) {
				n++
			}
		}
		return in.lo + e, n
	}
	return 0, 0
}

// knownNameAt returns the end and the entry of the longest known publication that begins at the first token of the
// span, or 0. A single word that is also a common one, such as "Time", does not count.
func (rd *reading) knownNameAt(b *block, in span) (end int, found *publication) {
	rd.r.pubs.walk(b.toks[:in.hi], in.lo, func(e int, p *publication) {
		if !p.Word || e > in.lo+1 {
			end, found = e, p
		}
	})
	return end, found
}

// hasSameName reports whether one of the names is the same as name; see [sameName].
func hasSameName(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return sameName(n, name) })
}

// The kinds of the block that contains a name.
const (
	placeParagraph = iota
	placeShort     // a paragraph of a few words
	placeList
	placeHeading
	placeCaption // a caption, or an element for credits
	placeFirst   // the first paragraph of the post
	placeLast    // the last block of the post
	placeKinds
)

// placeOf returns the kind of block k.
func (rd *reading) placeOf(k int) int {
	b := rd.doc.blocks[k]
	switch {
	case b.caption || b.credit:
		return placeCaption
	case isHeading(b.elem):
		return placeHeading
	case b.list:
		return placeList
	case k == len(rd.doc.blocks)-1:
		return placeLast
	case len(b.toks) <= maxShortCredit:
		return placeShort
	case k == 0:
		return placeFirst
	default:
		return placeParagraph
	}
}

// The bits of where a word for a text, such as "article", is in the sentence of a name.
const (
	pieceBefore = 1 << iota // shortly before the name
	pieceAfter              // shortly after the name
	pieceLinked             // in the text of a link
	pieceKinds  = 1 << iota
)

// maxBesidePiece is the maximum number of tokens between a name and the word for a text that belongs to it.
const maxBesidePiece = 4

// pieceNear returns where a word for a text is in the sentence of the name.
func (rd *reading) pieceNear(b *block, name span) int {
	where := 0
	in := rd.sentenceAround(b.toks, name)
	for k := in.lo; k < in.hi; k++ {
		if t := b.toks[k]; t.kind != tokWord || t.upper || !rd.l.piece.has(t.id) {
			continue
		}
		switch {
		case k < name.lo && name.lo-k <= maxBesidePiece:
			where |= pieceBefore
		case k >= name.hi && k-name.hi < maxBesidePiece:
			where |= pieceAfter
		}
		if b.linkIn(span{k, k + 1}) != "" {
			where |= pieceLinked
		}
	}
	return where
}

// The places of a sentence in its block.
const (
	sentenceOnly = iota
	sentenceFirst
	sentenceLast
	sentenceMiddle
	sentenceKinds
)

// sentencePlace returns where the sentence of a name is in its block.
func (rd *reading) sentencePlace(b *block, name span) int {
	in := rd.sentenceAround(b.toks, name)
	switch first, last := in.lo == 0, in.hi >= len(b.toks); {
	case first && last:
		return sentenceOnly
	case first:
		return sentenceFirst
	case last:
		return sentenceLast
	default:
		return sentenceMiddle
	}
}

// The places of the quotation element that is nearest to a block.
const (
	gapNone   = iota // the post has none
	gapAround        // the block is in one
	gapBelow         // directly below the block
	gapAbove         // directly above it
	gapNearBelow
	gapNearAbove
	gapFar // more than maxGap blocks away
	gapKinds
)

// maxGap is the maximum number of blocks between a name and a quotation element that is near it.
const maxGap = 3

// quotationGap returns where the quotation element nearest to block k is.
func (rd *reading) quotationGap(k int) int {
	if len(rd.doc.quotations) == 0 {
		return gapNone
	}
	quoted := func(at int) bool {
		return at >= 0 && at < len(rd.doc.blocks) && rd.doc.blocks[at].quotation != nil
	}
	switch {
	case quoted(k):
		return gapAround
	case quoted(k + 1):
		return gapBelow
	case quoted(k - 1):
		return gapAbove
	}
	for gap := 2; gap <= maxGap; gap++ {
		if quoted(k + gap) {
			return gapNearBelow
		}
		if quoted(k - gap) {
			return gapNearAbove
		}
	}
	return gapFar
}
