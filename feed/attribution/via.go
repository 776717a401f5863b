package attribution

import (
	"strings"

	"feedpub/feed"
)

// maxVias bounds the number of vias in a post.
const maxVias = 50

// addVias adds the vias that have a name and have not been added yet, up to maxVias.
func (rd *reading) addVias(vias []feed.Via) {
next:
	for _, v := range vias {
		if v.Name == "" {
			continue
		}
		if len(rd.vias) == maxVias {
			return
		}
		for _, old := range rd.vias {
			if old.Name == v.Name {
				continue next
			}
		}
		rd.vias = append(rd.vias, v)
	}
}

// readViaLine reports whether the block states only where something was found, and if so, adds its vias.
func (rd *reading) readViaLine(b *block) bool {
	if len(b.toks) > 30 || len(b.toks) < 2 || b.quotation != nil {
		return false
	}
	s := span{0, len(b.toks)}
	if b.toks[0].ch == '(' || b.toks[0].ch == '[' {
		if groupEnd(b.toks, 0) != s.hi {
			return false
		}
		s = span{1, s.hi - 1}
	}
	for s.lo < s.hi && b.toks[s.lo].kind == tokDash {
		s.lo++
	}
	if s.empty() {
		return false
	}
	end := phraseEnd(rd.l.via, b.toks[s.lo:s.hi])
	if end == 0 && b.toks[0].ch == '(' {
		// Tumblr shows the first blog of a chain as "(Source: blog)".
		end = phraseEnd(rd.l.source, b.toks[s.lo:s.hi])
		if end == 0 || s.hi-s.lo > end+3 {
			return false
		}
	}
	if end == 0 || s.lo+end >= s.hi {
		return false
	}
	vias := rd.r.readVias(rd.l, b, span{s.lo + end, s.hi})
	if len(vias) == 0 || b.toks[s.hi-1].kind == tokPunct && b.toks[s.hi-1].ch == ':' {
		return false
	}
	rd.addVias(vias)
	return true
}

// readTrailingVia adds the vias in brackets, or after a dash, at the end of the span.
func (rd *reading) readTrailingVia(b *block, s span) {
	for k := s.lo; k < s.hi; k++ {
		t := b.toks[k]
		if t.kind == tokPunct && (t.ch == '(' || t.ch == '[') && k+1 < s.hi {
			if end := phraseEnd(rd.l.via, b.toks[k+1:s.hi]); end > 0 {
				if g := groupEnd(b.toks, k); g > 0 {
					rd.addVias(rd.r.readVias(rd.l, b, span{k + 1 + end, g}))
				}
			}
		}
		if k > s.lo && k > s.hi-12 && t.kind == tokWord &&
			(b.toks[k-1].kind == tokDash || b.toks[k-1].kind == tokPunct && strings.ContainsRune(".!?", b.toks[k-1].ch)) {
			if end := phraseEnd(rd.l.via, b.toks[k:s.hi]); end > 0 && k+end < s.hi && (t.upper || b.toks[k-1].kind == tokDash) {
				rd.addVias(rd.r.readVias(rd.l, b, span{k + end, s.hi}))
			}
		}
	}
}

// hasViaURL reports whether one of the vias has the URL u.
func hasViaURL(vias []feed.Via, u string) bool {
	for _, v := range vias {
		if v.URL == u {
			return true
		}
	}
	return false
}

// readVias returns the names in the span, which follows "via", "h/t" or a similar phrase.
func (r *Reader) readVias(l *language, b *block, s span) []feed.Via {
	var vias []feed.Via
	toks := b.toks
	add := func(lo, hi int) {
		for lo < hi && (toks[lo].kind == tokPunct || l.det.has(toks[lo].id) && !toks[lo].upper ||
			l.viaSkip.has(toks[lo].id)) {
			lo++
		}
		for hi > lo && (toks[hi-1].kind == tokPunct && toks[hi-1].ch != '!' || toks[hi-1].kind == tokDots ||
			toks[hi-1].kind == tokClose) {
			hi--
		}
		if lo >= hi || hi-lo > 8 {
			return
		}
		in := span{lo, hi}
		link := b.linkIn(in)
		if link == "" && !toks[lo].upper && toks[lo].ch != '@' && (hi-lo > 2 || l.stop.has(toks[lo].id)) {
			return // "thanks to everybody who wrote"
		}
		vias = append(vias, feed.Via{Name: strings.TrimPrefix(b.slice(in), "@"), URL: link})
	}
	for s.lo < s.hi && toks[s.lo].kind == tokPunct && (toks[s.lo].ch == ':' || toks[s.lo].ch == ',') {
		s.lo++
	}
	lo := s.lo
	for i := s.lo; i < s.hi; i++ {
		t := toks[i]
		stop := t.kind == tokDash || t.kind == tokDots || t.kind == tokPunct && strings.ContainsRune(").];:|", t.ch)
		next := t.kind == tokPunct && (t.ch == ',' || t.ch == '&' && i > s.lo && t.space) ||
			t.kind == tokWord && l.and.has(t.id) ||
			t.kind == tokWord && phraseEnd(l.via, toks[i:i+1]) > 0
		if !stop && !next || insideLink(b, toks[i]) {
			continue
		}
		add(lo, i)
		lo = i + 1
		if stop {
			return vias
		}
	}
	add(lo, s.hi)
	return vias
}

// insideLink reports whether the token is inside a link, not at its start or end.
func insideLink(b *block, t token) bool {
	for _, r := range b.runs {
		if r.kind == runLink && r.start < t.start && r.end > t.end {
			return true
		}
	}
	return false
}

// readViaLineInQuotation is readViaLine for a block in a quotation element.
func (rd *reading) readViaLineInQuotation(b *block) bool {
	q := b.quotation
	b.quotation = nil
	ok := rd.readViaLine(b)
	b.quotation = q
	return ok
}
