package attribution

import (
	"slices"
	"strings"
)

// This file finds entries of lists, tails of paragraphs and other credits with a clear form that name an article and
// its publication.

// isTitledEntry reports whether the block begins with a link to the article, whose text is its title, and the
// name of the publication follows after a dash or a comma or in brackets: "[Rents Rise](…) — _Harbour Notes_. He
// carries".
func (rd *reading) isTitledEntry(c *candidate, b *block, name span) bool {
	s := c.source
	link, title := rd.linkAt(b, 0)
	if s.pub.name == "" || link.value != s.url || title.hi-title.lo < minFoundTitle || !isArticleOfSite(s.url) ||
		!b.toks[title.lo].upper && b.toks[title.lo].kind == tokWord {
		return false
	}
	sep := rd.beforeDeterminers(b, name.lo) - 1
	if sep != title.hi || b.toks[sep].kind != tokDash && !b.toks[sep].isPunct(",([") ||
		s.pub.known == nil && !hostNamed(s.url, s.pub.name) && !rd.isPublicationName(s, b, name) {
		return false
	}
	return name.hi == len(b.toks) || b.toks[name.hi].isPunct(".:)]") || b.toks[name.hi].kind == tokDash
}

// isPageTitle reports whether the block is a link to the article whose text is the title of a page that ends in
// the name of the publication at the link: "[Rents Rise - The Bugle](…)".
func (rd *reading) isPageTitle(c *candidate, b *block, name span) bool {
	s := c.source
	link, text := rd.linkAt(b, 0)
	if s.pub.name == "" || text.hi != len(b.toks) || link.value != s.url || !isArticleOfSite(s.url) || !rd.isAtURL(s) || name.hi != len(b.toks) {
		return false
	}
	sep := rd.beforeDeterminers(b, name.lo) - 1
	return sep >= minFoundTitle && (b.toks[sep].kind == tokDash || b.toks[sep].isPunct("|:") && b.toks[sep].space)
}

// minBeforeBrackets is the minimum number of tokens before the name of a publication in brackets at the end of a block.
const minBeforeBrackets = 6

// isBracketTail reports whether the block ends in brackets that contain nothing but the name of the publication, which
// is known or has a word such as "Times": "They have asked how they will know. [Harbour Weekly Post]". After a
// quotation, the brackets may contain any name.
func (rd *reading) isBracketTail(c *candidate, b *block, name span) bool {
	s := c.source
	if rd.isQuotedBeforeBrackets(b, name) {
		return true
	}
	if s.pub.name == "" || s.pub.known == nil && !rd.l.looksLikePub(b.text, b.toks[name.lo:name.hi]) ||
		strings.Contains(s.pub.name, "/") { // "(Ann Reed/Harbour Times)" is the credit of a photo
		return false
	}
	open := rd.beforeDeterminers(b, name.lo) - 1
	return open >= minBeforeBrackets && groupEnd(b.toks, open) == name.hi+1 && skipMark(b.toks, name.hi+1, '.') == len(b.toks)
}

// isQuotedBeforeBrackets reports whether the block consists of a quotation and the name in brackets: "“…” (UNHCR)".
func (rd *reading) isQuotedBeforeBrackets(b *block, name span) bool {
	end := b.quotedBefore(name.lo)
	return end > 0 && end == rd.beforeDeterminers(b, name.lo)-1 && groupEnd(b.toks, end) == name.hi+1 && skipMark(b.toks, name.hi+1, '.') == len(b.toks)
}

// maxBelowPiece is the maximum number of blocks between a link to an article and the quotation of it.
const maxBelowPiece = 3

// isLonePiece reports whether the block of the candidate links to an article with a word such as "article", there is no
// link to another article, except to one of the blog itself, above the first quotation element, and the block above
// this element announces it without a name: "I have read [this article](…)." and then "It begins well:".
func (rd *reading) isLonePiece(c *candidate, b *block, name span) bool {
	s := c.source
	k := s.creditBlocks[0]
	if c.near != nearNothing || !isArticleOfSite(s.url) || rd.pieceNear(b, name) == 0 || len(rd.doc.quotations) == 0 {
		return false
	}
	first := rd.doc.quotations[0].blocks[0]
	if first <= k+1 || first > k+1+maxBelowPiece || rd.linksToOther(first, s.url) {
		return false
	}
	lead := rd.doc.blocks[first-1]
	return isLead(lead) && !slices.ContainsFunc(lead.toks[1:], func(t token) bool { return t.upper && t.kind == tokWord && !rd.isFirstPerson(t) })
}

// linksToOther reports whether a block before the block with the given index links to an article other than that at u,
// and not on the blog's own site.
func (rd *reading) linksToOther(before int, u string) bool {
	return slices.ContainsFunc(rd.doc.blocks[:before], func(b *block) bool {
		return slices.ContainsFunc(b.runs, func(r run) bool {
			return r.kind == runLink && r.value != u && articleOnly(r.value) != "" && !rd.blog.hosts[hostOf(r.value)]
		})
	})
}
