package attribution

import "slices"

// span is a range of tokens: [lo, hi).
type span struct{ lo, hi int }

func (s span) empty() bool { return s.hi <= s.lo }

// maxSteps bounds the backtracking of one variant in one clause. Real credits need far fewer steps.
const maxSteps = 3000

// match is a match of a rule with a clause. A span is empty if its slot is not in the rule.
type match struct {
	rule                              *rule
	clause                            span
	pub, who, head, when, name, quote span
	cites                             []span
}

// matcher matches rules with the clauses of one block.
type matcher struct {
	r    *Reader
	l    *language
	b    *block
	toks []token
	hi   int // end of the clause
	step int
	m    match
	// lastRound holds, by variant number, the last round in which the variant was tried.
	lastRound []uint32
	round     uint32
	// rd decides whether each slot has a plausible value. If it is nil, every match is accepted.
	rd *reading
}

// bestMatch returns the match with the greatest weight among the credit rules that match the clause, or nil.
func (x *matcher) bestMatch(clause span) *match {
	if x.endsAsLead(clause) {
		return x.bestAmong(clause, &x.l.leads, &x.l.credits)
	}
	return x.bestAmong(clause, &x.l.credits)
}

// bestAmong is like bestMatch, but tries only the rules in the given indexes.
func (x *matcher) bestAmong(clause span, indexes ...*index) *match {
	if clause.hi-clause.lo > 120 {
		clause.lo = clause.hi - 120 // credits are shorter, but the clause may end in one
	}
	if clause.empty() {
		return nil
	}
	x.hi = clause.hi
	has := x.traitsOf(clause)
	if len(x.lastRound) < x.l.variants {
		x.lastRound = make([]uint32, x.l.variants)
	}
	if x.round++; x.round == 0 {
		clear(x.lastRound)
		x.round = 1
	}
	var found *match
	try := func(v *variant) {
		if !has.covers(&v.need) || x.lastRound[v.n] == x.round {
			return
		}
		x.lastRound[v.n] = x.round
		if found != nil && found.rule.weight >= v.rule.weight || !v.mayBegin(x.l, &x.toks[clause.lo]) ||
			!x.containsAll(clause, v.words) {
			return
		}
		x.step = maxSteps
		x.m = match{rule: v.rule, clause: clause, cites: x.m.cites[:0]}
		if x.match(v.elems, clause.lo) && (x.rd == nil || x.rd.plausibleSlots(x.b, &x.m)) {
			m := x.m
			m.cites = append([]span(nil), m.cites...)
			found = &m
		}
	}
	for _, from := range indexes {
		for i := clause.lo; i < clause.hi; i++ {
			if id := x.toks[i].id; x.l.triggers(id) {
				for _, v := range from.lists[id] {
					try(v)
				}
			}
		}
		if clause.hi-clause.lo <= 40 {
			for _, v := range from.bare {
				try(v)
			}
		}
	}
	return found
}

// mayBegin reports whether a match of the variant may begin with t. It returns false for most variants that begin with
// a word or a person.
func (v *variant) mayBegin(l *language, t *token) bool {
	switch e := &v.elems[0]; e.op {
	case opWord:
		return t.id == e.id
	case opClass:
		return e.class.has(t.id) || e.class.beginsPhrase(t.id)
	case opWho, opPerson:
		return t.kind == tokWord && (t.upper || l.honorific.has(t.id) || l.particle.has(t.id))
	case opQuote:
		return t.kind == tokOpen
	default:
		return true
	}
}

// traitsOf returns the traits of the clause: the classes of its words and the kinds of its punctuation.
func (x *matcher) traitsOf(clause span) traits {
	var has traits
	for _, t := range x.toks[clause.lo:clause.hi] {
		switch t.kind {
		case tokWord:
			if t.id > 0 && int(t.id) < len(x.l.traits) {
				has.union(&x.l.traits[t.id])
			}
			if x.r.pubs.startsName(t) {
				has.set(traitName)
			}
		case tokDash:
			has.set(traitDash)
		case tokDots:
			has.set(traitDots)
		case tokOpen:
			has.set(traitQuote)
		case tokPoss:
			has.set(traitPoss)
		case tokClose:
			has.set(traitPoss) // it may be a possessive apostrophe, as in "the Times' A"
		case tokPunct:
			switch t.ch {
			case '(', '[':
				has.set(traitGroup)
			case '@':
				has.set(traitAt)
			case '|':
				has.set(traitBar)
			case ',':
				has.set(traitComma)
			}
		}
	}
	return has
}

// containsAll reports whether the clause contains all words.
func (x *matcher) containsAll(clause span, words []int32) bool {
next:
	for _, w := range words {
		for _, t := range x.toks[clause.lo:clause.hi] {
			if t.id == w {
				continue next
			}
		}
		return false
	}
	return true
}

// endsAsLead reports whether the clause ends in a colon, dots or a dash.
func (x *matcher) endsAsLead(clause span) bool {
	i := clause.hi - 1
	return i >= clause.lo && announces(x.toks[i])
}

// announces reports whether t is a colon, dots or a dash, which at the end of a clause announce a passage.
func announces(t token) bool {
	return t.kind == tokDots || t.kind == tokDash || t.kind == tokPunct && t.ch == ':'
}

// match reports whether the elements match the tokens from i to the end of the clause. It fills the slots of x.m.
func (x *matcher) match(es []elem, i int) bool {
	if x.step--; x.step < 0 {
		return false
	}
	if len(es) == 0 {
		return i == x.hi
	}
	e, rest := &es[0], es[1:]
	var t token
	if i < x.hi {
		t = x.toks[i]
	} else if e.op != opStop && e.op != opStar && e.op != opRest {
		return false
	}
	switch e.op {
	case opWord:
		return t.id == e.id && t.kind == tokWord && x.match(rest, i+1)
	case opClass:
		var buf [8]int
		for _, end := range e.class.phraseEnds(x.toks[:x.hi], i, buf[:0]) {
			if x.match(rest, end) {
				return true
			}
		}
	case opStar:
		for n := 0; n <= 14 && i+n <= x.hi; n++ {
			if x.match(rest, i+n) {
				return true
			}
		}
	case opRest:
		return true
	case opAny:
		return t.kind == tokWord && x.match(rest, i+1)
	case opColon:
		return i == x.hi-1 && t.kind == tokPunct && t.ch == ':'
	case opTrail:
		return i == x.hi-1 && announces(t)
	case opStop:
		return i == x.hi || i == x.hi-1 &&
			(t.kind == tokDots || t.kind == tokPunct && (t.ch == '.' || t.ch == '!' || t.ch == ':'))
	case opDash:
		return t.kind == tokDash && x.match(rest, i+1)
	case opDots:
		return t.kind == tokDots && x.match(rest, i+1)
	case opPoss:
		return (t.kind == tokPoss || t.kind == tokClose && (t.ch == '\'' || t.ch == '’')) && x.match(rest, i+1)
	case opChar:
		return (t.kind == tokPunct || t.kind == tokWord) && t.ch == e.ch && t.end-t.start == len(string(t.ch)) &&
			x.match(rest, i+1)
	case opPub:
		var buf [12]span
		for _, p := range x.publicationSpans(i, buf[:0]) {
			if x.fillSlot(&x.m.pub, p, rest) {
				return true
			}
		}
	case opKnown:
		k := x.l.skipDeterminers(x.toks[:x.hi], i)
		if k < x.hi && !x.r.pubs.startsName(x.toks[k]) {
			return false
		}
		if n := x.r.pubs.knownPrefix(x.toks[k:x.hi], k > i); n > 0 {
			return x.fillSlot(&x.m.pub, span{i, k + n}, rest)
		}
	case opWho, opPerson:
		var buf [12]span
		for _, p := range x.peopleSpans(i, buf[:0]) {
			if e.op == opPerson && x.l.personScore(x.b.text, x.toks[p.lo:p.hi]) < 2 {
				continue
			}
			if x.fillSlot(&x.m.who, p, rest) {
				return true
			}
		}
	case opHead:
		if q := x.quotedEnd(i); q > 0 && x.fillSlot(&x.m.head, span{i, q}, rest) {
			return true
		}
		for n := min(x.hi, i+40); n >= i+2; n-- {
			if x.fillSlot(&x.m.head, span{i, n}, rest) {
				return true
			}
		}
	case opName:
		for n := min(x.hi, i+4); n > i; n-- {
			if x.fillSlot(&x.m.name, span{i, n}, rest) {
				return true
			}
		}
	case opWhen, opDate:
		var buf [8]int
		for _, end := range x.timeEnds(i, e.op == opDate, buf[:0]) {
			if x.fillSlot(&x.m.when, span{i, end}, rest) {
				return true
			}
		}
	case opQuote:
		if q := x.quotedEnd(i); q > 0 {
			return x.fillSlot(&x.m.quote, span{i, q}, rest)
		}
	case opCite:
		if end := x.groupEnd(i); end > 0 {
			x.m.cites = append(x.m.cites, span{i, end})
			if x.match(rest, end) {
				return true
			}
			x.m.cites = x.m.cites[:len(x.m.cites)-1]
		}
	}
	return false
}

// fillSlot sets the slot to s and matches the rest after it. A group in brackets after s may belong to the slot, since
// authors put dates, vias and headlines in brackets after any name.
func (x *matcher) fillSlot(to *span, s span, rest []elem) bool {
	old := *to
	*to = s
	if end := x.groupEnd(s.hi); end > 0 {
		x.m.cites = append(x.m.cites, span{s.hi, end})
		if x.match(rest, end) {
			return true
		}
		x.m.cites = x.m.cites[:len(x.m.cites)-1]
	}
	if x.match(rest, s.hi) {
		return true
	}
	*to = old
	return false
}

// groupEnd returns the position after the group in parentheses or brackets that begins at token i, or 0.
func (x *matcher) groupEnd(i int) int { return groupEnd(x.toks[:x.hi], i) }

// groupEnd returns the position after the group in parentheses or brackets that begins at toks[i], or 0.
func groupEnd(toks []token, i int) int {
	if i >= len(toks) || toks[i].kind != tokPunct {
		return 0
	}
	open, closing := toks[i].ch, rune(0)
	switch open {
	case '(':
		closing = ')'
	case '[':
		closing = ']'
	default:
		return 0
	}
	for depth, k := 0, i; k < min(len(toks), i+60); k++ {
		if t := &toks[k]; t.kind == tokPunct && t.ch == open {
			depth++
		} else if t.kind == tokPunct && t.ch == closing {
			if depth--; depth == 0 {
				return k + 1
			}
		}
	}
	return 0
}

// quotedEnd returns the position after the quotation that begins at token i, or 0.
func (x *matcher) quotedEnd(i int) int { return quotedEnd(x.toks[:x.hi], i) }

// quotedEnd returns the position after the closing mark of the quotation that begins at toks[i], or 0 if toks[i] is not
// an opening mark or there is no closing mark.
func quotedEnd(toks []token, i int) int {
	if i >= len(toks) || toks[i].kind != tokOpen {
		return 0
	}
	open := toks[i].ch
	depth := 0
	for k := i; k < len(toks); k++ {
		switch t := toks[k]; {
		case t.kind == tokOpen && t.ch == open:
			depth++
		case t.kind == tokClose && isClosing(open, t.ch):
			if depth--; depth <= 0 {
				return k + 1
			}
		}
	}
	return 0
}

// isClosing reports whether the mark c closes a quotation opened by the mark open.
func isClosing(open, c rune) bool {
	switch open {
	case '“', '„':
		return c == '”' || c == '“' || c == '"'
	case '‘', '‚':
		return c == '’' || c == '\''
	case '«':
		return c == '»'
	case '»':
		return c == '«'
	case '‹':
		return c == '›'
	default:
		return c == open || open == '"' && c == '”'
	}
}

// clauses calls yield with each clause of the tokens, until yield returns false. A clause is a sentence, or a part of a
// sentence that ends in a colon.
func (r *Reader) clauses(l *language, toks []token, yield func(span) bool) {
	lo, skip := 0, 0
	for i, t := range toks {
		if i < skip {
			continue
		}
		if t.kind == tokOpen {
			// A quotation or a headline in quotation marks may contain full stops and colons.
			if end := quotedEnd(toks[:min(len(toks), i+30)], i); end > 0 && i > lo {
				skip = end
				if end < len(toks) || !endsSentence(toks[end-1], toks[max(end-2, 0)]) {
					continue
				}
			}
		}
		if !r.endsClause(l, toks, i) {
			continue
		}
		hi := i + 1
		for depth := bracketDepth(toks[lo:hi]); hi < len(toks); hi++ {
			step := bracketDepth(toks[hi : hi+1])
			if toks[hi].kind != tokClose && (step >= 0 || depth > 0) {
				break
			}
			depth += step
		}
		if hi > lo && !yield(span{lo, hi}) {
			return
		}
		lo = hi
		skip = hi
	}
	if lo < len(toks) {
		yield(span{lo, len(toks)})
	}
}

// bracketDepth returns how many more brackets the tokens open than close.
func bracketDepth(toks []token) int {
	depth := 0
	for _, t := range toks {
		if t.kind == tokPunct {
			switch t.ch {
			case '(', '[':
				depth++
			case ')', ']':
				depth--
			}
		}
	}
	return depth
}

// endsSentence reports whether last is a closing quotation mark after the end of a sentence.
func endsSentence(last, before token) bool {
	return last.kind == tokClose && before.kind == tokPunct && (before.ch == '.' || before.ch == '!' || before.ch == '?')
}

// endsClause reports whether a clause ends with token i.
func (r *Reader) endsClause(l *language, toks []token, i int) bool {
	t := toks[i]
	if t.kind == tokDash && i >= 3 && i <= 14 && t.space &&
		slices.ContainsFunc(toks[:i], func(t token) bool { return t.kind == tokPunct && t.ch == '@' }) {
		return true // the dash in "A @ X - text"
	}
	if t.kind != tokDots && (t.kind != tokPunct || t.ch != '.' && t.ch != '!' && t.ch != '?' && t.ch != ':') {
		return false
	}
	n := i + 1
	for n < len(toks) && (toks[n].kind == tokClose || toks[n].kind == tokPunct &&
		(toks[n].ch == ')' || toks[n].ch == ']')) {
		n++
	}
	if n == len(toks) {
		return true
	}
	next := toks[n]
	if t.ch == ':' {
		return next.space
	}
	if next.kind == tokWord && !next.upper && !next.digit || next.kind == tokPunct && next.ch != '(' && next.ch != '[' {
		return false
	}
	if !next.space && t.kind != tokDots {
		return false
	}
	if t.ch == '!' && i > 0 && toks[i-1].kind == tokWord && n == i+1 && r.pubs.exclaimed[toks[i-1].id] {
		return false // the mark is part of the name, as in "Yahoo! News"
	}
	if t.ch == '.' && i > 0 && toks[i-1].kind == tokWord && l.abbreviation.has(toks[i-1].id) {
		return false
	}
	return true
}
