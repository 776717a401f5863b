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
