package attribution

import (
	"cmp"
	"maps"
	"slices"
)

// This file finds lines that are nothing but a credit: a person's name above a text, a link below a quotation, and a
// linked heading above one.

// isClearCitation reports whether the credit of s has one of the clear forms below.
func (rd *reading) isClearCitation(s *source) bool {
	if len(s.creditBlocks) != 1 {
		return false
	}
	b := rd.doc.blocks[s.creditBlocks[0]]
	if b.quotation != nil || len(b.toks) > maxSentenceBlock {
		return false
	}
	return !isHeading(b.elem) && (rd.isPersonLead(s, b) || rd.isOriginLine(s, b))
}

// isPersonLead reports whether block b consists of the author of s before a colon or dots, with nothing but "from", a
// verb of saying or vias in brackets, in a post that does not mark its quotations: "Ann Reed writes:", "Ann Reed (The
// Bugle):".
func (rd *reading) isPersonLead(s *source, b *block) bool {
	n := len(b.toks)
	if s.pub.name != "" || len(s.authors) != 1 || rd.marksQuotations || b.list || n < 2 || n > 2*maxLead ||
		!announces(b.toks[n-1]) || s.firstBlock+1 == len(rd.doc.blocks) {
		return false
	}
	_, name, ok := b.findName(s.authors[0])
	if !ok || name.empty() || !rd.isPersonLike(s.authors[0]) {
		return false
	}
	return rd.isLeadAround(b.toks[:name.lo], b.toks[name.hi:n-1])
}

// isLeadAround reports whether the tokens before a person's name are nothing or "from", and those after it are a verb
// of saying, nothing after "from", or a known publication or a via in brackets.
func (rd *reading) isLeadAround(before, after []token) bool {
	if len(before) > 0 && phraseEnd(rd.l.from, before) != len(before) {
		return false
	}
	if len(after) > 0 && isMark(after, 0, '(') {
		return len(before) == 0 && groupEnd(after, 0) == len(after) &&
			(phraseEnd(rd.l.viaWord, after[1:]) > 0 || rd.hasKnownName(after))
	}
	said := phraseEnd(rd.l.say, after)
	return said == len(after) && (said > 0) != (len(before) > 0)
}

// hasKnownName reports whether one of the names in the brackets, which commas separate, is that of a known publication.
func (rd *reading) hasKnownName(group []token) bool {
	for i := range len(group) - 1 {
		if (group[i].ch == '(' || group[i].ch == ',') && rd.r.pubs.knownPrefix(group[i+1:], true) > 0 {
			return true
		}
	}
	return false
}

// addClearLines adds the sources of blocks that begin with a person and the title of a text in a clear form, and of
// linked headings and links below a quotation. Such a source replaces the candidates for the same block that are less
// certain or have no passage. It also makes the quotation below a bookmark card the passage of the card's source.
func (rd *reading) addClearLines(d *decisions, cs []*candidate) []*candidate {
	for _, c := range cs {
		if s := c.source; s.convention == "card" && len(s.passages) == 0 {
			rd.takeQuotationBelow(d, c, rd.endOfCard(s.firstBlock))
		}
	}
	certain, quoted := certainBlocks(cs)
	found := make(map[int]*candidate) // by block of the credit
	for k := range rd.doc.blocks {
		if c := rd.clearLine(d, k); c != nil && (!certain[k] || !quoted[k] && len(c.passage.units) > 0) {
			found[k] = c
		}
	}
	if len(found) == 0 {
		return cs
	}
	cs = slices.DeleteFunc(cs, func(c *candidate) bool {
		return slices.ContainsFunc(slices.Concat(c.source.creditBlocks, c.source.passageBlocks), func(k int) bool {
			return found[k] != nil
		})
	})
	for _, k := range slices.Sorted(maps.Keys(found)) {
		cs = append(cs, found[k])
	}
	slices.SortStableFunc(cs, func(a, b *candidate) int { return cmp.Compare(a.source.firstBlock, b.source.firstBlock) })
	return cs
}

// minCertain is the certainty, in hundredths, of a candidate that is certain without its form.
const minCertain = 90

// certainBlocks returns, by block, whether a candidate that is certain without its form is there, and whether it has a
// passage.
func certainBlocks(cs []*candidate) (certain, quoted map[int]bool) {
	certain, quoted = make(map[int]bool), make(map[int]bool)
	for _, c := range cs {
		if c.certainty < minCertain {
			continue
		}
		for _, k := range slices.Concat(c.source.creditBlocks, c.source.passageBlocks) {
			certain[k] = true
			quoted[k] = quoted[k] || len(c.passage.units) > 0 || len(c.source.passages) > 0
		}
	}
	return certain, quoted
}

// mayBeClearLine reports whether the block is a line of text outside quotation elements that is not too long to search.
func (b *block) mayBeClearLine() bool {
	return b.quotation == nil && (b.role == "" || b.role == Commentary || b.role == Credit) && len(b.toks) >= 4 &&
		len(b.toks) <= maxSentenceBlock
}

// clearLine returns the candidate for a clear credit at the beginning of block k, or nil.
func (rd *reading) clearLine(d *decisions, k int) *candidate {
	if !rd.doc.blocks[k].mayBeClearLine() {
		return nil
	}
	if c := rd.linkedHeading(d, k); c != nil {
		return c
	}
	return rd.linkLine(d, k)
}

// newClearLine returns a candidate for a credit with a clear form in block k.
func (rd *reading) newClearLine(k int, c citation) *candidate {
	s := &source{citation: c, convention: "6", kind: HeadlineOnly, firstBlock: k, creditBlocks: []int{k}, clear: true}
	if rd.isOwnBlog(s) || !rd.isSource(s) {
		return nil
	}
	return &candidate{source: s, certainty: maxCertainty, forms: []form{formStart, formClear}}
}

// linkAt returns the link that begins at token i of the block and the tokens of its text, or an empty span.
func (rd *reading) linkAt(b *block, i int) (run, span) {
	for _, r := range b.runs {
		if _, in := tokensWithin(b.toks, span{0, len(b.toks)}, r); r.kind == runLink && in.lo == i && !in.empty() {
			return r, in
		}
	}
	return run{}, span{}
}

// takeQuotationBelow makes the quotation element directly below block k the passage of the candidate if it has no
// credit.
func (rd *reading) takeQuotationBelow(d *decisions, c *candidate, k int) {
	if k+1 < len(rd.doc.blocks) {
		rd.takeQuotationAt(d, c, k+1)
	}
}

// takeQuotationAt makes the quotation element that contains block k the passage of the candidate if it has no credit.
func (rd *reading) takeQuotationAt(d *decisions, c *candidate, k int) {
	if rd.doc.blocks[k].quotation == nil {
		return
	}
	q := outermost(rd.doc.blocks[k].quotation)
	if q.kind != quotationPlain || slices.ContainsFunc(q.blocks, func(n int) bool { return rd.doc.blocks[n].role != Uncredited }) {
		return
	}
	for _, n := range q.blocks {
		for i := d.ofBlock[n].lo; i < d.ofBlock[n].hi; i++ {
			c.passage.units = append(c.passage.units, i)
		}
	}
	c.passage.isLearned, c.passageCertain = true, maxCertainty
}

// linkLine returns the source of block k if the block consists of a label such as "Link:" and a link, and the quotation
// element directly above it has no credit. Otherwise it returns nil.
func (rd *reading) linkLine(d *decisions, k int) *candidate {
	b := rd.doc.blocks[k]
	end := phraseEnd(rd.l.more, b.toks)
	if end == 0 || k == 0 || !isMark(b.toks, end, ':') || rd.doc.blocks[k-1].role != Uncredited {
		return nil
	}
	link, title := rd.linkAt(b, end+1)
	if title.hi != len(b.toks) || !mayBeArticle(link.value) || articleOnly(link.value) == "" || isMediaHost(link.value) {
		return nil
	}
	c := rd.newClearLine(k, citation{url: link.value})
	if c == nil {
		return nil
	}
	rd.setLinkedTitle(c.source, b.slice(title))
	c.source.convention = "10"
	if rd.takeQuotationAt(d, c, k-1); len(c.passage.units) == 0 {
		return nil
	}
	return c
}

// endOfCard returns the last block of the bookmark card that begins at block k.
func (rd *reading) endOfCard(k int) int {
	for k+1 < len(rd.doc.blocks) && rd.doc.blocks[k+1].role == Credit && rd.doc.blocks[k+1].quotation == nil {
		k++
	}
	return k
}
