package attribution

// unitKind is the kind of a unit.
type unitKind uint8

const (
	unitPlain    unitKind = iota
	unitQuoted            // in quotation marks
	unitGroup             // in brackets at the end of a block
	unitSigned            // after a dash at the end of a block: "— Ann Reed, The Bugle"
	unitTemplate          // code of a template: {% blockquote Ann Reed, The Pier %}
	unitKinds    = iota
)

// unit is a sentence, a quotation of at least minQuoted tokens, or a credit set off from the sentences of its block.
// [Model] labels units: a passage or a credit consists of whole units.
type unit struct {
	span      // tokens of the block
	block int // index of the block
	kind  unitKind
	first bool // the unit begins the block
	last  bool // the unit ends the block
}

// minQuoted is the minimum number of tokens, including the marks, of a quotation that is a unit.
const minQuoted = 7

// maxQuoted bounds the number of tokens of a quotation that is a unit, and maxOpen the number of opening marks that are
// tried in a block, so that unclosed marks cost linear time.
const maxQuoted, maxOpen = 600, 32

// units splits the blocks of the post into units.
func (rd *reading) units() []unit {
	us := rd.scratch.units[:0]
	for i, b := range rd.doc.blocks {
		us = rd.unitsOf(us, i, b)
	}
	rd.scratch.units = us
	return us
}

// unitSplitter splits a block into units.
type unitSplitter struct {
	rd     *reading
	b      *block
	index  int // index of the block
	end    int // end of the tokens before a credit that ends the block
	lo     int // start of the next unit
	opened int // number of opening quotation marks that have been tried
	units  []unit
}

// unitsOf appends the units of b, which is block i, to us.
func (rd *reading) unitsOf(us []unit, i int, b *block) []unit {
	from := len(us)
	x := &unitSplitter{rd: rd, b: b, index: i, units: us}
	var kind unitKind
	x.end, kind = rd.creditStart(b)
	for k := 0; k < x.end; {
		if b.toks[k].kind == tokWord {
			k++
			continue
		}
		k = x.split(k)
	}
	x.add(x.end, unitPlain)
	x.add(len(b.toks), kind)
	if us = x.units; len(us) > from {
		us[from].first, us[len(us)-1].last = true, true
	}
	return us
}

// add ends a unit before token hi.
func (x *unitSplitter) add(hi int, kind unitKind) {
	if hi > x.lo {
		x.units = append(x.units, unit{span: span{x.lo, hi}, block: x.index, kind: kind})
		x.lo = hi
	}
}

// split adds the units that token k ends or begins, if any, and returns the token to continue with.
func (x *unitSplitter) split(k int) int {
	switch x.b.toks[k].kind {
	case tokWord, tokPoss, tokDash, tokClose:
		return k + 1
	case tokOpen:
		q := x.quotationEnd(k)
		if q == 0 {
			return k + 1
		}
		x.add(k, unitPlain)
		x.add(q, unitQuoted)
		return q
	case tokPunct:
		if q := templateEnd(x.b.toks[:x.end], k); q > 0 {
			x.add(k, unitPlain)
			x.add(q, unitTemplate)
			return q
		}
	case tokDots:
	}
	if !x.rd.endsUnit(x.b, x.lo, k) {
		return k + 1
	}
	hi := k + 1
	for hi < x.end && closesSentence(&x.b.toks[hi]) {
		hi++
	}
	x.add(hi, unitPlain)
	return hi
}

// quotationEnd returns the position after the quotation that begins at the opening mark at token k, and after the
// punctuation that follows it without a space. It returns 0 if the quotation is not a unit.
func (x *unitSplitter) quotationEnd(k int) int {
	toks := x.b.toks[:x.end]
	if x.opened >= maxOpen {
		return 0
	}
	x.opened++
	q := quotedEnd(toks[:min(x.end, k+maxQuoted)], k)
	if q-k < minQuoted {
		return 0
	}
	for q < x.end && !toks[q].space && toks[q].kind == tokPunct {
		q++
	}
	return q
}

// closesSentence reports whether the token after the end of a sentence is part of the sentence: a closing mark or
// bracket.
func closesSentence(t *token) bool {
	return closes(t) && (t.kind == tokClose || !t.space)
}

// endsUnit reports whether token k ends the unit that begins with token lo. A label such as "Source:" belongs to what
// follows it, and the period of a German ordinal such as "11." does not end a unit.
func (rd *reading) endsUnit(b *block, lo, k int) bool {
	if k > lo && k-lo <= 2 && b.toks[k].ch == ':' && (rd.l.source.has(b.toks[k-1].id) || rd.l.label.has(b.toks[k-1].id)) {
		return false
	}
	if p := max(k-1, 0); rd.l.nouns && b.toks[k].ch == '.' && b.toks[p].digit && b.toks[p].end-b.toks[p].start <= 2 {
		return false
	}
	return rd.r.endsClause(rd.l, b.toks, k)
}

// maxTemplate is the maximum number of tokens in template code.
const maxTemplate = 80

// templateEnd returns the position after the template code that begins at token k, or 0: {% … %}, {{< … >}}, [quote=A]
// and their closing tags.
func templateEnd(toks []token, k int) int {
	var closing rune
	switch {
	case isMark(toks, k, '{') && (isMark(toks, k+1, '%') || isMark(toks, k+1, '{')):
		closing = '}'
	case isMark(toks, k, '[') && beginsShortcode(toks, k):
		closing = ']'
	default:
		return 0
	}
	for i := k + 2; i < min(len(toks), k+maxTemplate); i++ {
		if !isMark(toks, i, closing) {
			continue
		}
		if isMark(toks, i+1, closing) {
			i++
		}
		return i + 1
	}
	return 0
}

// beginsShortcode reports whether the bracket at token k begins a code such as [quote=A], [quote] or [/quote].
func beginsShortcode(toks []token, k int) bool {
	word := k + 1
	if isMark(toks, word, '/') {
		word++
	}
	if word >= len(toks) || toks[word].kind != tokWord || toks[word].space || toks[word].upper {
		return false
	}
	return isMark(toks, word+1, '=') || isMark(toks, word+1, ']') && (word > k+1 || toks[word].id > 0)
}

// isMark reports whether token i is the given character.
func isMark(toks []token, i int, ch rune) bool {
	return i < len(toks) && toks[i].kind == tokPunct && toks[i].ch == ch
}

// creditStart returns the token at which a final group in brackets or a final credit after a dash begins, and its kind.
// It returns the number of tokens if the block ends in neither.
func (rd *reading) creditStart(b *block) (int, unitKind) {
	n := len(b.toks)
	end := n
	for end > 0 && b.toks[end-1].kind == tokPunct && b.toks[end-1].ch == '.' {
		end--
	}
	if end > 2 && b.toks[end-1].kind == tokPunct && (b.toks[end-1].ch == ')' || b.toks[end-1].ch == ']') {
		for k := end - 2; k > 0 && k > end-40; k-- {
			if t := b.toks[k]; t.kind == tokPunct && (t.ch == '(' || t.ch == '[') && groupEnd(b.toks, k) == end {
				return k, unitGroup
			}
		}
		return n, unitPlain
	}
	if k := rd.creditDash(b); k > 0 {
		return k, unitSigned
	}
	return n, unitPlain
}
