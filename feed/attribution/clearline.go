package attribution

import (
	"slices"
	"strings"
)

// This file finds lines with a clear form that name where the text below is from, in posts that do not mark their
// quotations.

// minTextBelow is the minimum number of tokens of the text below a line that says where it is from.
const minTextBelow = 12

// isOriginLine reports whether block b, in a post that does not mark its quotations, has one of these forms, with
// nothing else, and a paragraph follows: "Ann Reed:", or "From Harbour Times".
func (rd *reading) isOriginLine(s *source, b *block) bool {
	if rd.marksQuotations || b.list || len(b.toks) < 2 || len(b.toks) > maxFoundTitle {
		return false
	}
	return rd.hasTextBelow(s) && (rd.isLonePerson(s, b) || rd.isFromName(s, b))
}

// hasTextBelow reports whether a paragraph follows the credit of s.
func (rd *reading) hasTextBelow(s *source) bool {
	next := rd.nextBlock(s.creditBlocks[0])
	return next >= 0 && len(rd.doc.blocks[next].toks) >= minTextBelow
}

// isLonePerson reports whether block b consists of the author of s and a colon, and is the only such line. In an
// interview there are several.
func (rd *reading) isLonePerson(s *source, b *block) bool {
	n := len(b.toks)
	if s.pub.name != "" || len(s.authors) != 1 || !isMark(b.toks, n-1, ':') || !sameName(s.authors[0], b.slice(span{0, n - 1})) ||
		!rd.isPersonLike(s.authors[0]) {
		return false
	}
	return !slices.ContainsFunc(rd.doc.blocks, func(o *block) bool {
		colon := slices.IndexFunc(o.toks[:min(len(o.toks), 5)], func(t token) bool { return t.isPunct(":") })
		return o != b && colon > 0 && rd.l.allPeople(o.toks[:colon])
	})
}

// isFromName reports whether block b consists of "From" and the publication of s, whose name contains a word such as
// "Times" or is elsewhere in the post the text of a link to its site. If that link leads to an article, it becomes the
// URL of s.
func (rd *reading) isFromName(s *source, b *block) bool {
	from := phraseEnd(rd.l.from, b.toks)
	if from == 0 || from == len(b.toks) || s.pub.name == "" || len(s.authors) > 0 {
		return false
	}
	from = min(rd.l.skipDeterminers(b.toks, from), len(b.toks)-1)
	if strings.TrimSuffix(b.slice(span{from, len(b.toks)}), ":") != s.pub.name {
		return false
	}
	link, linked := rd.namedLinks()[s.pub.name]
	if s.url == "" && articleOnly(link) != "" {
		s.url = link
	}
	return linked || rd.l.looksLikePub(b.text, b.toks[from:])
}

// namedLinks returns the links of the post by their texts, if these are the names of the sites to which they lead.
func (rd *reading) namedLinks() map[string]string {
	if rd.linksByName == nil {
		rd.linksByName = make(map[string]string)
		for _, b := range rd.doc.blocks {
			for _, r := range b.runs {
				if r.kind != runLink {
					continue
				}
				if text := b.text[r.start:r.end]; hostNamed(r.value, text) {
					rd.linksByName[text] = r.value
				}
			}
		}
	}
	return rd.linksByName
}

// isDashTail reports whether block b is a long paragraph that ends in a dash and the publication of s, in a post that
// does not mark its quotations: "… has yet to leave its garage - Harbour Gazette".
func (rd *reading) isDashTail(s *source, b *block) bool {
	n := len(b.toks)
	if rd.marksQuotations || b.list || s.pub.name == "" || !strings.HasSuffix(b.text, s.pub.name) {
		return false
	}
	_, name := tokensWithin(b.toks, span{0, n}, run{start: len(b.text) - len(s.pub.name), end: len(b.text)})
	if name.empty() || name.hi != n || s.pub.known == nil && !rd.l.looksLikePub(b.text, b.toks[name.lo:]) {
		return false
	}
	lo := rd.beforeDeterminers(b, name.lo)
	return lo > minTextBelow && b.toks[lo-1].kind == tokDash && b.toks[lo-1].space
}

// isWritingFor reports whether block b begins with the author of s, a comma, a word such as "writing", a preposition
// and the known publication of s: "Ann Reed, writing in the Bugle, about sand".
func (rd *reading) isWritingFor(s *source, b *block) bool {
	if s.pub.known == nil || len(s.authors) != 1 || b.list {
		return false
	}
	_, name, ok := b.findName(s.authors[0])
	if !ok || name.lo != 0 || !isMark(b.toks, name.hi, ',') || !rd.isPersonLike(s.authors[0]) {
		return false
	}
	at := name.hi + 1
	if at+1 >= len(b.toks) || !rd.l.writing.hasLower(b.toks[at]) || !rd.l.at.hasLower(b.toks[at+1]) {
		return false
	}
	_, pub, ok := b.findName(s.pub.name)
	at = rd.l.skipDeterminers(b.toks, at+2)
	return ok && pub.lo <= at && at < pub.hi
}

// isLinkedTitleLead reports whether block b, which ends in a colon directly above a quotation element, the passage of
// s, begins with the headline of s as the text of a link, and names only the author of s after it: "[Rents Rise](…) by
// the excellent Ann Reed:".
func (rd *reading) isLinkedTitleLead(s *source, b *block) bool {
	if s.headline == "" || s.url == "" || len(s.authors) != 1 || rd.leadOf(s, s.creditBlocks[0]) != b || !isLead(b) || !isArticleOfSite(s.url) {
		return false
	}
	link, title := rd.linkAt(b, 0)
	_, name, ok := b.findName(s.authors[0])
	if !ok || link.value != s.url || cleanHeadline(b.slice(title)) != s.headline || name.lo < title.hi || name.hi != len(b.toks)-1 {
		return false
	}
	between := b.toks[title.hi:name.lo]
	return len(between) <= maxLead && slices.ContainsFunc(between, func(t token) bool { return rd.l.by.has(t.id) }) &&
		!slices.ContainsFunc(between, func(t token) bool { return t.upper || rd.isFirstPerson(t) })
}
