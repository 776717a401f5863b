package attribution

// part is the text between two separators of a citation.
type part struct {
	span            // token range
	sep        rune // the separator before the part: '(' for a group, ' ' after a date or quotation, 0 for the first
	text       string
	link       string // URL of the first link in the part, or empty
	emphasized bool
	quoted     bool
}

// newPart returns the part with the tokens of the span.
func newPart(b *block, s span, sep rune) part {
	p := part{span: s, sep: sep, text: b.slice(s)}
	first, last := b.toks[s.lo].start, b.toks[s.hi-1].end
	for _, r := range b.runs {
		if r.start >= last {
			break
		}
		if r.end <= first {
			continue
		}
		switch r.kind {
		case runLink:
			if p.link == "" {
				p.link = r.value
			}
		case runEmphasis, runCite:
			p.emphasized = p.emphasized || r.start <= first && r.end >= last
		case runBold, runQuote, runTime:
		}
	}
	if b.toks[s.lo].kind == tokOpen && quotedEnd(b.toks[:s.hi], s.lo) == s.hi {
		p.quoted = true
		p.text = unquote(p.text)
	}
	return p
}

// partSplitter splits a citation at its separators. It never splits a date, a quotation or a group in brackets.
type partSplitter struct {
	l     *language
	b     *block
	where setting
	all   span    // the citation
	toks  []token // the tokens of the block up to the end of the citation
	lo    int     // first token of the current part
	sep   rune    // the separator before the current part
	parts []part
}

// splitParts returns the parts of the citation in the span.
func splitParts(l *language, b *block, s span, where setting) []part {
	x := partSplitter{l: l, b: b, where: where, all: s, toks: b.toks[:s.hi], lo: s.lo}
	for i := s.lo; i < s.hi; {
		if end, sep, separate := x.unit(i); end > 0 {
			if separate {
				x.endPart(i, sep)
				x.parts = append(x.parts, newPart(b, span{i, end}, sep))
				x.lo, x.sep = end, ' '
			}
			i = end
			continue
		}
		if sep := x.separator(i); sep != 0 {
			x.endPart(i, sep)
			x.lo = i + 1
		}
		i++
	}
	x.endPart(s.hi, 0)
	return x.parts
}

// endPart ends the current part before token hi. The separator after it is next. A comma does not replace the separator
// before an empty part.
func (x *partSplitter) endPart(hi int, next rune) {
	if hi > x.lo {
		x.parts = append(x.parts, newPart(x.b, span{x.lo, hi}, x.sep))
		x.sep = next
	} else if next != ',' {
		x.sep = next
	}
}

// unit returns the end of the date, linked text, quotation or group that begins at token i, or 0. If it is a part of
// its own, separate is set, and sep is the separator before it.
func (x *partSplitter) unit(i int) (end int, sep rune, separate bool) {
	t, first := &x.toks[i], i == x.lo
	if first || x.where == inByline && (x.l.weekday.has(t.id) || t.upper && x.l.month(t.id) > 0) {
		if end, _ := x.l.date(x.b.text, x.toks, i); end > 0 {
			return end, 0, true
		}
	}
	if first {
		if end := linkedEnd(x.b, x.toks, i); end > 0 && end-i < x.all.hi-x.all.lo {
			return end, 0, false
		}
	}
	if t.ch != '‘' || first {
		if end := quotedEnd(x.toks, i); end > 0 {
			return end, 0, first
		}
	}
	return groupEnd(x.toks, i), '(', true
}

// separator returns the separator at token i, or 0. A dash separates only next to a space, and a slash only after one.
func (x *partSplitter) separator(i int) rune {
	t := x.toks[i]
	switch {
	case t.kind == tokDash && (t.space || i+1 < len(x.toks) && x.toks[i+1].space):
		return '-'
	case t.isPunct(",;|•·»"), t.isPunct("/") && t.space:
		return t.ch
	}
	return 0
}

// linkedEnd returns the position after the linked or emphasized range of at least two tokens that begins at token i, or
// 0.
func linkedEnd(b *block, toks []token, i int) int {
	for _, r := range b.runs {
		if r.start > toks[i].start {
			return 0
		}
		if r.start == toks[i].start && (r.kind == runLink || r.kind == runEmphasis || r.kind == runCite) {
			if end := tokenEnding(toks, i, r.end); end > i+1 {
				return end
			}
		}
	}
	return 0
}
