package attribution

import (
	"slices"
	"unicode/utf8"
)

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
	r        *Reader
	l        *language
	b        *block
	toks     []token
	clause   span
	hi       int     // end of the clause
	has      traits  // traits of the clause
	triggers []int32 // words of the clause that an index contains
	best     *match  // the best match so far, or nil
	step     int
	m        match
	// lastRound holds, by variant number, the last round in which the variant was tried.
	lastRound []uint32
	round     uint32
	// pubSpans holds the result of publicationSpans for each token of the clause, and pubMemory holds the spans.
	pubSpans  [maxClause]cachedSpans
	pubMemory []span
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

// Only the last maxClause tokens of a clause are searched for a credit. Variants that require no word are matched only
// with clauses of at most maxBareClause tokens.
const maxClause, maxBareClause = 120, 40

// bestAmong is like bestMatch, but tries only the rules in the given indexes.
func (x *matcher) bestAmong(clause span, indexes ...*index) *match {
	clause.lo = max(clause.lo, clause.hi-maxClause)
	if clause.empty() {
		return nil
	}
	x.begin(clause)
	for _, from := range indexes {
		for _, id := range x.triggers {
			x.tryAll(from.lists[id])
		}
		if clause.hi-clause.lo <= maxBareClause {
			x.tryAll(from.bareGroups)
		}
	}
	return x.best
}

// begin prepares the matcher for a clause, which must not be empty.
func (x *matcher) begin(clause span) {
	x.clause, x.hi, x.best = clause, clause.hi, nil
	x.pubMemory = x.pubMemory[:0]
	x.readTraits()
	if len(x.lastRound) < x.l.variants {
		x.lastRound = make([]uint32, x.l.variants)
	}
	if x.round++; x.round == 0 {
		clear(x.lastRound)
		clear(x.pubSpans[:])
		x.round = 1
	}
}

// tryAll matches the variants with the clause, except those already tried, those that cannot match, and those that
// weigh no more than the best match so far.
func (x *matcher) tryAll(groups []variantGroup) {
	for i := range groups {
		if g := &groups[i]; x.has.covers(&g.need) && !(x.best != nil && x.best.rule.weight >= g.rule.weight) {
			x.tryGroup(g)
		}
	}
}

// tryGroup matches the variants of a group with the clause, except those already tried and those that cannot match.
func (x *matcher) tryGroup(g *variantGroup) {
	for _, v := range g.variants {
		if !x.has.covers(&v.need) || x.lastRound[v.n] == x.round {
			continue
		}
		x.lastRound[v.n] = x.round
		if x.best != nil && x.best.rule.weight >= v.rule.weight || !x.mayMatch(&v.elems[0], x.clause.lo) ||
			!x.containsAll(x.clause, v.words) {
			continue
		}
		x.step = maxSteps
		x.m = match{rule: v.rule, clause: x.clause, cites: x.m.cites[:0]}
		if x.match(v.elems, x.clause.lo) && (x.rd == nil || x.rd.plausibleSlots(x.b, &x.m)) {
			m := x.m
			m.cites = append([]span(nil), m.cites...)
			x.best = &m
		}
	}
}

// mayMatch reports whether the element may match tokens from i on. It is a quick check that avoids finding the spans
// that may fill a slot.
func (x *matcher) mayMatch(e *elem, i int) bool {
	if i >= x.hi {
		return true
	}
	t := &x.toks[i]
	switch e.op {
	case opWord, opAny, opDash, opDots, opPoss, opChar:
		return e.isToken(t)
	case opColon, opTrail, opStop:
		return i == x.hi-1
	case opClass:
		return e.class.has(t.id) || e.class.beginsPhrase(t.id)
	case opSlot:
		return x.mayFill(e.slot, t)
	case opCite:
		return t.kind == tokPunct && (t.ch == '(' || t.ch == '[')
	case opStar, opRest:
	}
	return true
}

// mayFill reports whether a span that begins with t may fill the slot.
func (x *matcher) mayFill(s slot, t *token) bool {
	switch s {
	case slotPub:
		// Any text with markup or in quotation marks may be a name.
		return len(x.b.runs) > 0 || t.kind == tokOpen || startsName(x.l, t) || x.mayBeKnown(t)
	case slotKnown:
		return x.mayBeKnown(t)
	case slotWho, slotPerson:
		return t.kind == tokWord && (t.upper || x.l.honorific.has(t.id) || x.l.particle.has(t.id))
	case slotQuote:
		return t.kind == tokOpen
	case slotHead, slotName, slotWhen, slotDate:
	}
	return true
}

// mayBeKnown reports whether the name of a known publication, or its determiners, may begin with t.
func (x *matcher) mayBeKnown(t *token) bool { return x.l.isDeterminer(t) || x.r.pubs.startsName(t) }

// readTraits sets has to the traits of the clause: the classes of its words, the kinds of its punctuation, and the
// slots that its names may fill. It also sets triggers.
func (x *matcher) readTraits() {
	x.triggers = x.triggers[:0]
	var has traits
	if len(x.b.runs) > 0 {
		has.set(traitPub) // any text with markup may be a name
	}
	for i := x.clause.lo; i < x.hi; i++ {
		t := &x.toks[i]
		switch t.kind {
		case tokWord:
			if id := uint32(t.id); id > 0 && id < uint32(len(x.l.words)) {
				w := &x.l.words[id]
				has.union(&w.traits)
				if w.trigger {
					x.triggers = append(x.triggers, t.id)
				}
			}
			if !has.hasNames() {
				x.addNames(&has, i)
			}
		case tokDash:
			has.set(traitDash)
		case tokDots:
			has.set(traitDots)
		case tokOpen:
			has.set(traitQuote)
			has.set(traitPub)
		case tokPoss, tokClose: // a closing mark may be a possessive apostrophe, as in "the Times' Ann Reed"
			has.set(traitPoss)
		case tokPunct:
			has.addMark(t.ch)
		}
	}
	x.has = has
}

// hasNames reports whether t contains all traits that [matcher.addNames] may add.
func (t *traits) hasNames() bool {
	const names = 1<<traitKnown | 1<<traitPub | 1<<traitPerson
	return t[0]&names == names
}

// addNames adds the traits of the names that may begin with the word at token i. A clause begins with a capital letter,
// so a stop word at its start is not a name.
func (x *matcher) addNames(has *traits, i int) {
	t := &x.toks[i]
	if startsName(x.l, t) {
		stop := x.l.stop.has(t.id)
		if i > x.clause.lo || !stop {
			has.set(traitPub)
		}
		if !stop && x.l.isNameWord(t) {
			has.set(traitPerson)
		}
	}
	if x.r.pubs.startsName(t) && (!has.has(traitPub) || !has.has(traitKnown) && mayBeginKnown(t)) {
		x.addKnownName(has, x.toks[i:x.hi])
	}
}

// addKnownName adds the traits of the known names at the start of toks. A known name of several words may fill a PUB
// slot even if it is in lower case.
func (x *matcher) addKnownName(has *traits, toks []token) {
	x.r.pubs.walk(toks, 0, func(end int, _ *publication) {
		if end > 1 {
			has.set(traitPub)
		}
		if mayBeginKnown(&toks[0]) {
			has.set(traitKnown)
		}
	})
}

// addMark adds the trait of a punctuation mark, if it has one.
func (t *traits) addMark(ch rune) {
	switch ch {
	case '(', '[':
		t.set(traitGroup)
	case '@':
		t.set(traitAt)
	case '|':
		t.set(traitBar)
	case ',':
		t.set(traitComma)
	}
}

// containsAll reports whether the clause contains all words.
func (x *matcher) containsAll(clause span, words []int32) bool {
next:
	for _, w := range words {
		for i := clause.lo; i < clause.hi; i++ {
			if x.toks[i].id == w {
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
	switch e.op {
	case opWord, opAny, opDash, opDots, opPoss, opChar:
		return i < x.hi && e.isToken(&x.toks[i]) && x.match(rest, i+1)
	case opColon, opTrail, opStop:
		return x.endsAt(e.op, i)
	case opRest:
		return true
	case opStar:
		return x.matchStar(i, rest)
	case opClass:
		return i < x.hi && x.matchClass(e.class, i, rest)
	case opSlot:
		return i < x.hi && x.matchSlot(e.slot, i, rest)
	case opCite:
		return i < x.hi && x.matchCite(i, rest)
	}
	return false
}

// isToken reports whether the element, which matches a single token, matches t.
func (e *elem) isToken(t *token) bool {
	switch e.op {
	case opWord:
		return t.id == e.id && t.kind == tokWord
	case opAny:
		return t.kind == tokWord
	case opDash:
		return t.kind == tokDash
	case opDots:
		return t.kind == tokDots
	case opPoss:
		return t.kind == tokPoss || t.kind == tokClose && (t.ch == '\'' || t.ch == '’')
	case opChar:
		return (t.kind == tokPunct || t.kind == tokWord) && t.ch == e.ch && t.end-t.start == utf8.RuneLen(t.ch)
	case opClass, opSlot, opCite, opStar, opRest, opColon, opTrail, opStop:
	}
	return false
}

// endsAt reports whether the clause ends at token i as the element o requires.
func (x *matcher) endsAt(o op, i int) bool {
	if i == x.hi {
		return o == opStop
	}
	if i != x.hi-1 {
		return false
	}
	t := x.toks[i]
	switch isMark := t.kind == tokPunct; o {
	case opColon:
		return isMark && t.ch == ':'
	case opTrail:
		return announces(t)
	case opStop:
		return t.kind == tokDots || isMark && (t.ch == '.' || t.ch == '!' || t.ch == ':')
	case opWord, opClass, opSlot, opCite, opStar, opRest, opAny, opDash, opDots, opPoss, opChar:
	}
	return false
}

// maxStar is the maximum number of tokens that a star matches.
const maxStar = 14

// matchStar matches up to maxStar tokens at i, and the rest after them.
func (x *matcher) matchStar(i int, rest []elem) bool {
	for end := i; end <= min(x.hi, i+maxStar); end++ {
		if len(rest) > 0 && !x.mayMatch(&rest[0], end) {
			x.step-- // count the step that match would have counted
			continue
		}
		if x.match(rest, end) {
			return true
		}
	}
	return false
}

// matchClass matches a phrase of the class at token i, and the rest after it.
func (x *matcher) matchClass(c *class, i int, rest []elem) bool {
	var buf [8]int
	for _, end := range c.phraseEnds(x.toks[:x.hi], i, buf[:0]) {
		if x.match(rest, end) {
			return true
		}
	}
	return false
}

// matchCite matches a group in brackets at token i, and the rest after it.
func (x *matcher) matchCite(i int, rest []elem) bool {
	end := x.groupEnd(i)
	return end > 0 && x.matchAfterCite(span{i, end}, rest)
}

// matchAfterCite adds a group in brackets to the citations of the match, and matches the rest after the group.
func (x *matcher) matchAfterCite(group span, rest []elem) bool {
	x.m.cites = append(x.m.cites, group)
	if x.match(rest, group.hi) {
		return true
	}
	x.m.cites = x.m.cites[:len(x.m.cites)-1]
	return false
}

// maxSpans is the maximum number of spans that are tried for a slot.
const maxSpans = 12

// matchSlot fills a slot with tokens from i on, and matches the rest after them.
func (x *matcher) matchSlot(s slot, i int, rest []elem) bool {
	var buf [maxSpans]span
	switch spans := buf[:0]; s {
	case slotPub:
		return x.fillAny(&x.m.pub, x.publicationSpansAt(i), rest)
	case slotKnown:
		return x.fillAny(&x.m.pub, x.knownSpans(i, spans), rest)
	case slotWho:
		return x.fillAny(&x.m.who, x.peopleSpans(i, spans), rest)
	case slotPerson:
		return x.fillAny(&x.m.who, x.personSpans(i, spans), rest)
	case slotHead:
		return x.fillHeadline(i, rest)
	case slotName:
		for end := min(x.hi, i+4); end > i; end-- {
			spans = append(spans, span{i, end})
		}
		return x.fillAny(&x.m.name, spans, rest)
	case slotWhen, slotDate:
		return x.fillAny(&x.m.when, x.timeSpans(i, s == slotDate, spans), rest)
	case slotQuote:
		q := x.quotedEnd(i)
		return q > 0 && x.fillSlot(&x.m.quote, span{i, q}, rest)
	}
	return false
}

// cachedSpans is a range of spans that were found in the given round of the matcher.
type cachedSpans struct {
	round  uint32
	lo, hi int
}

// publicationSpansAt returns the result of publicationSpans for token i. It computes it once for each clause, because
// many rules begin with a publication.
func (x *matcher) publicationSpansAt(i int) []span {
	c := &x.pubSpans[i-x.clause.lo]
	if c.round != x.round {
		lo := len(x.pubMemory)
		x.pubMemory = slices.Grow(x.pubMemory, maxSpans)
		x.pubMemory = append(x.pubMemory, x.publicationSpans(i, x.pubMemory[lo:lo:lo+maxSpans])...)
		*c = cachedSpans{round: x.round, lo: lo, hi: len(x.pubMemory)}
	}
	return x.pubMemory[c.lo:c.hi]
}

// fillAny fills the slot with the first span after which the rest matches, and reports whether there is such a span.
func (x *matcher) fillAny(to *span, spans []span, rest []elem) bool {
	for _, s := range spans {
		if x.fillSlot(to, s, rest) {
			return true
		}
	}
	return false
}

// maxHeadline is the maximum number of tokens in a headline without quotation marks.
const maxHeadline = 40

// fillHeadline fills the slot of the headline with tokens from i on: a text in quotation marks, or at least two tokens,
// as many as possible.
func (x *matcher) fillHeadline(i int, rest []elem) bool {
	if q := x.quotedEnd(i); q > 0 && x.fillSlot(&x.m.head, span{i, q}, rest) {
		return true
	}
	for end := min(x.hi, i+maxHeadline); end >= i+2; end-- {
		if x.fillSlot(&x.m.head, span{i, end}, rest) {
			return true
		}
	}
	return false
}

// fillSlot sets the slot to s and matches the rest after it. A group in brackets after s may belong to the slot, since
// authors put dates, vias and headlines in brackets after any name.
func (x *matcher) fillSlot(to *span, s span, rest []elem) bool {
	old := *to
	*to = s
	if end := x.groupEnd(s.hi); end > 0 && x.matchAfterCite(span{s.hi, end}, rest) {
		return true
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
	for i := range toks {
		if i < skip || toks[i].kind == tokWord {
			continue
		}
		if end := titleEnd(toks, i); end > 0 && i > lo {
			skip = end
			if end < len(toks) || !endsSentence(toks[end-1], toks[max(end-2, 0)]) {
				continue
			}
		}
		if !r.endsClause(l, toks, i) {
			continue
		}
		hi := clauseEnd(toks, lo, i+1)
		if hi > lo && !yield(span{lo, hi}) {
			return
		}
		lo, skip = hi, hi
	}
	if lo < len(toks) {
		yield(span{lo, len(toks)})
	}
}

// maxTitle is the maximum number of tokens of a quotation or a headline in quotation marks within a clause.
const maxTitle = 30

// titleEnd returns the position after the quotation or headline in quotation marks that begins at token i, or 0. The
// text may contain periods and colons.
func titleEnd(toks []token, i int) int {
	if toks[i].kind != tokOpen {
		return 0
	}
	return quotedEnd(toks[:min(len(toks), i+maxTitle)], i)
}

// clauseEnd returns the end of the clause that begins at token lo and whose last word or mark is before token end. The
// clause includes closing quotation marks, and the brackets that close those opened in it.
func clauseEnd(toks []token, lo, end int) int {
	if end == len(toks) || !closes(&toks[end]) {
		return end
	}
	for depth := bracketDepth(toks[lo:end]); end < len(toks); end++ {
		step := bracketDepth(toks[end : end+1])
		if toks[end].kind != tokClose && (step >= 0 || depth > 0) {
			break
		}
		depth += step
	}
	return end
}

// bracketDepth returns how many more brackets the tokens open than close.
func bracketDepth(toks []token) int {
	depth := 0
	for i := range toks {
		if t := &toks[i]; t.kind == tokPunct {
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
	t := &toks[i]
	if t.kind == tokDash {
		return endsAtCredit(toks, i)
	}
	if !mayEndClause(t) {
		return false
	}
	n := i + 1
	for n < len(toks) && closes(&toks[n]) {
		n++
	}
	if n == len(toks) {
		return true
	}
	switch next := &toks[n]; {
	case t.ch == ':':
		return next.space
	case !mayBeginClause(next), !next.space && t.kind != tokDots:
		return false
	case i == 0 || toks[i-1].kind != tokWord:
		return true
	case t.ch == '!' && n == i+1:
		return !r.pubs.exclaimed[toks[i-1].id] // the mark may be part of a name, as in "Yahoo! News"
	default:
		return t.ch != '.' || !l.abbreviation.has(toks[i-1].id)
	}
}

// endsAtCredit reports whether token i is the dash after a credit such as "Ann Reed @ The Bugle - Fees rise again".
func endsAtCredit(toks []token, i int) bool {
	return i >= 3 && i <= 14 && toks[i].space &&
		slices.ContainsFunc(toks[:i], func(t token) bool { return t.kind == tokPunct && t.ch == '@' })
}

// mayEndClause reports whether the token is a mark that may end a clause.
func mayEndClause(t *token) bool {
	return t.kind == tokDots || t.kind == tokPunct && (t.ch == '.' || t.ch == '!' || t.ch == '?' || t.ch == ':')
}

// mayBeginClause reports whether a clause may begin with token t. A word must be capitalized or a number, and of the
// punctuation marks (tokPunct) only opening brackets may begin a clause.
func mayBeginClause(t *token) bool {
	switch t.kind {
	case tokWord:
		return t.upper || t.digit
	case tokPunct:
		return t.ch == '(' || t.ch == '['
	case tokDash, tokDots, tokOpen, tokClose, tokPoss:
	}
	return true
}

// closes reports whether the token is a closing quotation mark or bracket.
func closes(t *token) bool {
	return t.kind == tokClose || t.kind == tokPunct && (t.ch == ')' || t.ch == ']')
}
