package attribution

import (
	"strings"
)

// dateline returns the end of a wire dateline at the beginning of the tokens, and the agency it names: "BAGHDAD (AP) —",
// "WASHINGTON, June 5 (Reuters) -", "Reuters - ", "(Reuters) -".
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
			if k > 0 && b.toks[end].kind != tokDash && !strings.HasPrefix(b.text, strings.ToUpper(b.slice(span{0, 1}))) {
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
			// "Reuters/New York -"
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

// bindDateline takes a wire report whose only credit is its dateline.
func (rd *reading) bindDateline(i int) (int, bool) {
	b := rd.doc.blocks[i]
	end, p := rd.readDateline(b)
	if end == 0 || end == len(b.toks) {
		return 0, false
	}
	s := &source{convention: "11", weight: 0.7, kind: Excerpt, firstBlock: i, creditBlocks: nil}
	s.pub = p
	if i > 0 {
		if k := rd.previousBlock(i); k >= 0 {
			above := rd.doc.blocks[k]
			if m := rd.analyse(k); m.mention != nil && above.role == Commentary && len(above.toks) < 10 {
				rd.setRole(above, Credit) // "Go to AP original"
			} else if above.role == Commentary && rd.looksLikeHeadline(above) {
				s.headline = cleanHeadline(above.text)
				rd.setRole(above, Credit)
				s.creditBlocks = append(s.creditBlocks, k)
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

func (rd *reading) looksLikeHeadline(b *block) bool {
	n := len(b.toks)
	t := b.toks[n-1]
	return n >= 3 && n <= 30 && !(t.kind == tokDots || t.kind == tokPunct && strings.ContainsRune(".:,;!?", t.ch))
}
