package attribution

// unitKind is the kind of a unit.
type unitKind uint8

const (
	unitPlain    unitKind = iota
	unitQuoted            // in quotation marks
	unitGroup             // a group in brackets at the end of a block
	unitSigned            // after a dash at the end of a block: "— A, X"
	unitTemplate          // code of a template: {% blockquote A, H %}
	unitKinds    = iota
)

// unit is a sentence, a quotation of some length, or a credit set off from the sentences of its block. Units are what
// [Model] decides about: a passage or a credit consists of whole units.
type unit struct {
	span      // tokens of the block
	block int // index of the block
	kind  unitKind
	first bool // the unit begins the block
	last  bool // the unit ends the block
}

// minQuoted is the minimum number of tokens, with the marks, of a quotation that is a unit.
const minQuoted = 7

// maxQuoted bounds the number of tokens of a quotation that is a unit, and maxOpen the number of marks in a block that
// are tried, so that marks without an end cost linear time.
const maxQuoted, maxOpen = 600, 32

// units splits the blocks of the post into units.
func (rd *reading) units() []unit {
	var us []unit
	for i, b := range rd.doc.blocks {
		us = rd.unitsOf(us, i, b)
	}
	return us
}

// unitsOf appends the units of block i.
func (rd *reading) unitsOf(us []unit, i int, b *block) []unit {
	from := len(us)
	n := len(b.toks)
	end, kind := rd.creditStart(b)
	lo, opened := 0, 0
	add := func(hi int, kind unitKind) {
		if hi > lo {
			us = append(us, unit{span: span{lo, hi}, block: i, kind: kind})
			lo = hi
		}
	}
	for k := 0; k < end; k++ {
		t := b.toks[k]
		if t.kind == tokOpen && opened < maxOpen {
			opened++
			if q := quotedEnd(b.toks[:min(end, k+maxQuoted)], k); q-k >= minQuoted {
				add(k, unitPlain)
				for q < end && !b.toks[q].space && b.toks[q].kind == tokPunct {
					q++
				}
				add(q, unitQuoted)
				k = q - 1
				continue
			}
		}
		if t.kind == tokPunct && (t.ch == '{' || t.ch == '[') {
			if q := templateEnd(b.toks[:end], k); q > 0 {
				add(k, unitPlain)
				add(q, unitTemplate)
				k = q - 1
				continue
			}
		}
		if (t.kind == tokPunct || t.kind == tokDots) && rd.endsUnit(b, lo, k) {
			hi := k + 1
			for hi < end && (b.toks[hi].kind == tokClose || !b.toks[hi].space && b.toks[hi].kind == tokPunct &&
				(b.toks[hi].ch == ')' || b.toks[hi].ch == ']')) {
				hi++
			}
			add(hi, unitPlain)
			k = hi - 1
		}
	}
	add(end, unitPlain)
	add(n, kind)
	if len(us) > from {
		us[from].first, us[len(us)-1].last = true, true
	}
	return us
}

// endsUnit reports whether token k ends the unit that begins with token lo. A label such as "Source:" belongs to what
// follows it, and the point of a German ordinal such as "11." ends nothing.
func (rd *reading) endsUnit(b *block, lo, k int) bool {
	if k > lo && k-lo <= 2 && b.toks[k].ch == ':' && (rd.l.source.has(b.toks[k-1].id) || rd.l.label.has(b.toks[k-1].id)) {
		return false
	}
	if p := max(k-1, 0); rd.l.nouns && b.toks[k].ch == '.' && b.toks[p].digit && b.toks[p].end-b.toks[p].start <= 2 {
		return false
	}
	return rd.r.endsClause(rd.l, b.toks, k)
}

// maxTemplate bounds the number of tokens of the code of a template.
const maxTemplate = 80

// templateEnd returns the position after the template code that begins at token k, or 0: {% … %}, {{< … >}},
// [quote …] and their ends.
func templateEnd(toks []token, k int) int {
	is := func(i int, ch rune) bool { return i < len(toks) && toks[i].kind == tokPunct && toks[i].ch == ch }
	word := k + 1
	if is(word, '/') {
		word++
	}
	closing, second := '}', is(k+1, '%') || is(k+1, '{')
	if toks[k].ch == '[' {
		closing, second = ']', word < len(toks) && toks[word].kind == tokWord && !toks[word].space && !toks[word].upper &&
			(is(word+1, '=') || is(word+1, ']') && (word > k+1 || toks[word].id > 0))
	}
	if !second {
		return 0
	}
	for i := k + 2; i < min(len(toks), k+maxTemplate); i++ {
		if !is(i, closing) {
			continue
		}
		if is(i+1, closing) {
			i++
		}
		return i + 1
	}
	return 0
}

// creditStart returns the token at which the group in brackets or the credit after a dash begins that ends the block,
// and its kind. It returns the number of tokens if there is none.
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
