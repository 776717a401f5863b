package attribution

import "slices"

// maxSection is the maximum number of blocks between a linked heading and the quotation below it.
const maxSection = 3

// linkedHeading returns the source of block k if the block is a heading that is a link to an article, as in a list of
// bookmarks, and its section has one quotation element, no more than a few blocks below, without a credit of its own.
// Otherwise it returns nil.
func (rd *reading) linkedHeading(d *decisions, k int) *candidate {
	b := rd.doc.blocks[k]
	if !isHeading(b.elem) {
		return nil
	}
	link, title := rd.linkAt(b, 0)
	if title.hi != len(b.toks) || title.empty() || !isArticleOfSite(link.value) || articleOnly(link.value) == "" {
		return nil
	}
	at := rd.quotationOfSection(k)
	if at < 0 {
		return nil
	}
	c := rd.newClearLine(k, citation{pub: rd.publisherOfHost(link.value), headline: cleanHeadline(b.slice(title)), url: link.value})
	if c == nil {
		return nil
	}
	if rd.takeQuotationAt(d, c, at); len(c.passage.units) == 0 {
		return nil
	}
	return c
}

// quotationOfSection returns the first block of the only quotation element in the section of heading k, or -1. There is
// none if the element begins more than maxSection blocks after the heading, or a block between them has a link.
func (rd *reading) quotationOfSection(k int) int {
	at := -1
	for n := k + 1; n < len(rd.doc.blocks); n++ {
		b := rd.doc.blocks[n]
		switch {
		case isHeading(b.elem):
			return at
		case b.quotation == nil:
			if at < 0 && (n-k > maxSection || slices.ContainsFunc(b.runs, func(r run) bool { return r.kind == runLink })) {
				return -1
			}
		case at < 0:
			at = n
		case outermost(b.quotation) != outermost(rd.doc.blocks[at].quotation):
			return -1
		}
	}
	return at
}
