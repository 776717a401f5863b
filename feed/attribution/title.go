package attribution

import (
	"strings"
)

// titleSource reads a credit in the post's title: "H (Reuters)", "H (Reuters via Yahoo! News)", "H - X.com", "H | X".
func (rd *reading) titleSource() *source {
	b := &block{text: collapseSpace(rd.postTitle), quote: -1}
	b.toks = rd.r.lx.tokenize(b.text, nil)
	n := len(b.toks)
	if n < 4 || n > 60 {
		return nil
	}
	s := &source{convention: "12", weight: 0.65, kind: Excerpt}
	for k := n - 2; k > 1; k-- {
		t := b.toks[k]
		switch {
		case t.kind == tokPunct && t.ch == '(' && groupEnd(b.toks, k) == n:
			in := span{k + 1, n - 1}
			for j := in.lo; j < in.hi; j++ {
				if rd.l.via.has(b.toks[j].id) && j > in.lo {
					rd.addVias(rd.r.readVias(rd.l, b, span{j + 1, in.hi}))
					in.hi = j
					break
				}
			}
			p := rd.r.publisherOf(rd.l, b.slice(in))
			if p.known == nil || !rd.r.coversName(rd.l, b, in) {
				return nil
			}
			s.pub, s.headline = p, b.slice(span{0, k})
			return s
		case (t.kind == tokDash && t.space || t.kind == tokPunct && (t.ch == '|' || t.ch == '»' || t.ch == '•')) && k > 2:
			in := span{k + 1, n}
			p := rd.r.publisherOf(rd.l, b.slice(in))
			if p.known != nil && rd.r.coversName(rd.l, b, in) || isDomain(strings.ToLower(b.slice(in))) {
				s.pub, s.headline = p, b.slice(span{0, k})
				return s
			}
			return nil
		}
	}
	return nil
}
