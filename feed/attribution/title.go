package attribution

import (
	"slices"
	"strings"
)

// titleSource returns the source that the post's title names, or nil. It reads titles such as "Rents Rise (Reuters)",
// "Rents Rise (Reuters via Yahoo! News)", "Rents Rise - bugle.com" and "Rents Rise | The Bugle".
func (rd *reading) titleSource() *source {
	b := &block{text: collapseSpace(rd.postTitle), quote: -1}
	b.toks = rd.r.lx.tokenize(b.text, nil)
	b.marks = rd.l.marksOf(b.toks)
	n := len(b.toks)
	if n < 4 || n > 60 {
		return nil
	}
	for k := n - 2; k > 1; k-- {
		t := b.toks[k]
		switch {
		case t.kind == tokPunct && t.ch == '(' && groupEnd(b.toks, k) == n:
			in := rd.withoutTitleVia(b, span{k + 1, n - 1})
			p := rd.r.publisherOf(rd.l, b.slice(in))
			if p.known == nil || !rd.r.coversName(rd.l, b, in) {
				return nil
			}
			return newTitleSource(p, b.slice(span{0, k}))
		case k > 2 && separatesTitle(t):
			in := span{k + 1, n}
			p := rd.r.publisherOf(rd.l, b.slice(in))
			if p.known != nil && rd.r.coversName(rd.l, b, in) || isDomain(strings.ToLower(b.slice(in))) {
				return newTitleSource(p, b.slice(span{0, k}))
			}
			return nil
		}
	}
	return nil
}

// newTitleSource returns a source named in the post's title.
func newTitleSource(p publisher, headline string) *source {
	s := &source{convention: "12", weight: 0.65, kind: Excerpt}
	s.pub, s.headline = p, headline
	return s
}

// separatesTitle reports whether the token can separate the headline and the publication in a title.
func separatesTitle(t token) bool {
	return t.kind == tokDash && t.space || t.kind == tokPunct && (t.ch == '|' || t.ch == '»' || t.ch == '•')
}

// withoutTitleVia returns the span up to a word such as "via", and adds the names after that word as vias.
func (rd *reading) withoutTitleVia(b *block, in span) span {
	for k := in.lo + 1; k < in.hi; k++ {
		if rd.l.via.has(b.toks[k].id) {
			rd.addVias(rd.r.readVias(rd.l, b, viaPhrase{names: span{k + 1, in.hi}}))
			return span{in.lo, k}
		}
	}
	return in
}

// bindTitle adds the source that the post's title names, unless there is already a source with the same publication or
// with a passage.
func (rd *reading) bindTitle() {
	s := rd.titleSource()
	if s == nil {
		return
	}
	for _, f := range rd.sources {
		if f.pub.known == s.pub.known || f.kind == Excerpt {
			if f.pub.known == s.pub.known && f.headline == "" || f.headline == rd.postTitle {
				f.headline = s.headline
			}
			return
		}
	}
	if rd.bindTitleQuotation(s) {
		return
	}
	if !slices.ContainsFunc(rd.doc.blocks, func(b *block) bool { return b.role == Commentary && len(b.ownText) == 0 }) {
		return
	}
	s.kind = HeadlineOnly
	rd.addSource(s)
}

// bindTitleQuotation makes the uncredited quotation elements the passage of s, the source that the title names. It
// reports whether there were any.
func (rd *reading) bindTitleQuotation(s *source) bool {
	for k, b := range rd.doc.blocks {
		if b.role != Uncredited || b.quotation == nil || b.quotation.kind != quotationPlain {
			continue
		}
		if len(s.passages) == 0 {
			s.firstBlock, s.marked = k, true
		}
		rd.setRole(b, "")
		rd.addPassage(s, k, k+1)
	}
	if len(s.passages) == 0 {
		return false
	}
	rd.addQuote(s)
	return true
}
