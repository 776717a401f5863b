package attribution

import (
	"math/bits"
	"unicode"

	"golang.org/x/net/html/atom"
)

// The feature templates for a unit.
const (
	uBias = iota
	uElem
	uQuotation
	uMarks
	uBeforeQuotation
	uAfterQuotation
	uList
	uCode
	uCaption
	uCreditElem
	uRole
	uRoleKind
	uRule
	uRuleWeight
	uLen
	uBlockLen
	uPlace
	uPosition
	uBlocks
	uKind
	uQuotedLen
	uStart
	uEnd
	uShortEnd
	uCase
	uLink
	uBold
	uEmphasis
	uCite
	uHost
	uClass
	uFirstClass
	uLastClass
	uKnown
	uPerson
	uCapitals
	uDate
	uVoice
	uVoiceChange
	uOpen
	uSinceColon
	uFirstAfterColon
	uEnglish
	uNextBlock
	uPreviousBlock
	uBlockQuoted
	uBlockName
	uBlockSays
	uBefore
	uAfter
	uQuotedCase
	uTemplates
)

// unitFeatures numbers the features of units.
var unitFeatures = newFeatureSet([]template{
	uBias:            {name: "bias", every: true},
	uElem:            {name: "element", values: 7, near: true, every: true},
	uQuotation:       {name: "quotation", values: 7, near: true, every: true},
	uMarks:           {name: "post-marks-quotations", values: 4, every: true},
	uBeforeQuotation: {name: "before-quotation", near: true},
	uAfterQuotation:  {name: "after-quotation", near: true},
	uList:            {name: "list"},
	uCode:            {name: "code"},
	uCaption:         {name: "caption"},
	uCreditElem:      {name: "credit-element", near: true},
	uRole:            {name: "rule-role", values: 13, near: true, every: true, usual: 1},
	uRoleKind:        {name: "rule-role-and-kind", values: 13 * unitKinds, every: true, usual: unitKinds},
	uRule:            {name: "rule", values: 9, near: true, every: true},
	uRuleWeight:      {name: "rule-weight", values: 4},
	uLen:             {name: "length", values: 8, near: true, every: true, usual: 4},
	uBlockLen:        {name: "block-length", values: 6, near: true, every: true, usual: 4},
	uPlace:           {name: "place-in-block", values: 4, near: true, every: true, usual: 2},
	uPosition:        {name: "position", values: 7, every: true, usual: 3},
	uBlocks:          {name: "blocks", values: 5, every: true, usual: 3},
	uKind:            {name: "kind", values: unitKinds, near: true, every: true},
	uQuotedLen:       {name: "quoted-length", values: 8},
	uStart:           {name: "start", values: 11, near: true, every: true, usual: 8},
	uEnd:             {name: "end", values: 10, near: true, every: true, usual: 3},
	uShortEnd:        {name: "end-of-short", values: 30},
	uCase:            {name: "case", values: 3, near: true, every: true},
	uLink:            {name: "link", values: 4, near: true, every: true},
	uBold:            {name: "bold", values: 3},
	uEmphasis:        {name: "emphasis", values: 3},
	uCite:            {name: "cite"},
	uHost:            {name: "host", values: 5, near: true, every: true},
	uClass:           {name: "class", values: len(evidenceClasses), near: true},
	uFirstClass:      {name: "first-word", values: len(evidenceClasses)},
	uLastClass:       {name: "last-word", values: len(evidenceClasses)},
	uKnown:           {name: "known-name", values: 4, near: true, every: true},
	uPerson:          {name: "person", values: 4, near: true, every: true},
	uCapitals:        {name: "capitals", values: 4, every: true, usual: 1},
	uDate:            {name: "date", values: 3, near: true, every: true},
	uVoice:           {name: "voice", values: 9, near: true, every: true, usual: 4},
	uVoiceChange:     {name: "voice-change", values: 7, every: true, usual: 3},
	uOpen:            {name: "open-mark", near: true},
	uSinceColon:      {name: "blocks-since-colon", values: 6, every: true, usual: 5},
	uFirstAfterColon: {name: "first-person-after-colon", values: 2},
	uEnglish:         {name: "english", values: 2, every: true, usual: 1},
	uNextBlock:       {name: "next-block", values: 6, every: true, usual: 1},
	uPreviousBlock:   {name: "previous-block", values: 6, every: true, usual: 1},
	uBlockQuoted:     {name: "block-has-quoted", values: 3, near: true, every: true},
	uBlockName:       {name: "block-has-name", values: 4, near: true, every: true},
	uBlockSays:       {name: "block-has-verb", values: 2, every: true},
	uBefore:          {name: "kind-2", values: 2 * unitKinds * 3},
	uAfter:           {name: "kind+2", values: 2 * unitKinds * 3},
	uQuotedCase:      {name: "quoted-case", values: 3 * 4},
})

// unitReader computes the features of a post's units.
type unitReader struct {
	rd    *reading
	units []unit
	list  *featureList
	// The state of the current block and of the blocks before it.
	voice, previousVoice float64
	sinceColon           int
	firstAfterColon      bool
	quoted, name, says   int // what the block contains
}

// evidence returns the features of the units, and the kind of border before each unit. They are valid until the next
// call.
func (rd *reading) evidence(us []unit) (*featureList, []uint8) {
	s := rd.scratch
	s.unitFeatures.reset(unitFeatures, rd.listAll, 44*len(us))
	s.contexts = resized(s.contexts, len(us))
	s.contexts[0] = borderNone
	x := unitReader{rd: rd, units: us, list: &s.unitFeatures, sinceColon: 5}
	for i := range us {
		if us[i].first {
			x.enterBlock(i)
		}
		x.unit(i)
		x.list.endItem()
		if i > 0 {
			s.contexts[i] = rd.border(&us[i-1], &us[i])
		}
	}
	return x.list, s.contexts
}

// The kinds of borders between two units.
const (
	borderNone      = iota // in the same block
	borderLine             // a line break
	borderParagraph        // a paragraph break
	borderEnter            // the second unit begins a quotation element
	borderLeave            // the first unit ends a quotation element
	borderChange           // the units are in different quotation elements
	borderHeading          // one of the units is a heading
	borders
)

// border returns the kind of border between two consecutive units.
func (rd *reading) border(a, b *unit) uint8 {
	p, q := rd.doc.blocks[a.block], rd.doc.blocks[b.block]
	switch {
	case a.block == b.block:
		return borderNone
	case p.quotation == q.quotation && (isHeading(p.elem) || isHeading(q.elem)):
		return borderHeading
	case p.quotation == q.quotation && p.paragraph == q.paragraph:
		return borderLine
	case p.quotation == q.quotation:
		return borderParagraph
	case p.quotation == nil:
		return borderEnter
	case q.quotation == nil:
		return borderLeave
	default:
		return borderChange
	}
}

// addAll adds a feature for each value in a bit set.
func (x *unitReader) addAll(t int, values uint64) {
	for ; values != 0; values &= values - 1 {
		x.list.add(t, bits.TrailingZeros64(values))
	}
}

// enterBlock updates the state for the block that begins with unit i.
func (x *unitReader) enterBlock(i int) {
	b := x.rd.doc.blocks[x.units[i].block]
	x.previousVoice = x.voice
	if i > 0 {
		p := x.rd.doc.blocks[x.units[i-1].block]
		if n := len(p.toks); n > 0 && announces(p.toks[n-1]) {
			x.sinceColon = 0
			v := x.rd.l.voiceOf(b.toks, false)
			x.firstAfterColon = v.first
		} else if x.sinceColon < 5 {
			x.sinceColon++
		}
	}
	x.voice = x.rd.voiceOf(b, x.units[i].block == x.rd.lastProse).score
	x.surveyBlock(i, b)
}

// surveyBlock finds the quotations, names and verbs of saying in the block that begins with unit i.
func (x *unitReader) surveyBlock(i int, b *block) {
	rd := x.rd
	x.quoted, x.name, x.says = 0, 0, 0
	for ; i < len(x.units); i++ {
		if x.units[i].kind == unitQuoted {
			x.quoted = max(x.quoted, 1+bucket(x.units[i].hi-x.units[i].lo, 12))
		}
		if x.units[i].last {
			break
		}
	}
	if b.marks.flags&flagSaying != 0 {
		x.says = 1
	}
	for k := 0; k < len(b.toks) && x.name < 3; k++ {
		if b.toks[k].upper {
			x.name = max(x.name, rd.nameAt(b.toks, k))
		}
	}
	if x.name < 1 && len(b.runs) > 0 && b.cover(runLink, 0, len(b.text)) > 0 {
		x.name = 1
	}
}

// unit appends the features of unit i.
func (x *unitReader) unit(i int) {
	u := &x.units[i]
	b := x.rd.doc.blocks[u.block]
	toks := b.toks[u.lo:u.hi]
	x.list.add(uBias, 0)
	x.block(u, b)
	x.rules(u, b)
	x.shape(u, b, toks)
	x.markup(u, b)
	x.words(b, toks)
	x.list.add(uBlockQuoted, x.quoted)
	x.list.add(uBlockName, x.name)
	x.list.add(uBlockSays, x.says)
	if i > 1 {
		x.list.add(uBefore, x.summary(i-2))
	}
	if i+2 < len(x.units) {
		x.list.add(uAfter, x.summary(i+2))
	}
	if u.kind == unitQuoted {
		x.list.add(uQuotedCase, bucket(len(toks), 9, 14, 22)*3+caseNumber(x.rd.l, b, toks))
	}
}

// nameAt returns the kind of name that begins at token k: 3 a known publication, 2 a person, 0 none.
func (rd *reading) nameAt(toks []token, k int) int {
	switch {
	case rd.namesKnown(toks, k):
		return 3
	case k+1 < len(toks) && rd.l.given.has(toks[k].id) && toks[k+1].upper:
		return 2
	default:
		return 0
	}
}

// summary returns the kind, element and length of unit i as one number.
func (x *unitReader) summary(i int) int {
	u := &x.units[i]
	n := int(u.kind)*3 + bucket(u.hi-u.lo, 6, 16)
	if x.rd.doc.blocks[u.block].quotation != nil {
		n += unitKinds * 3
	}
	return n
}

// caseNumber returns 1 for capitals, 2 for title case and 0 for other text.
func caseNumber(l *language, b *block, toks []token) int {
	switch n := len(toks); {
	case allCapitals(b.text[toks[0].start:toks[n-1].end]):
		return 1
	case n > 2 && l.name == fallback && isTitleCase(l, toks):
		return 2
	default:
		return 0
	}
}

// block appends the features of the block and its position.
func (x *unitReader) block(u *unit, b *block) {
	rd := x.rd
	x.list.add(uElem, elemNumber(b.elem))
	q := rd.quotationPlace(u.block)
	x.list.add(uQuotation, q)
	marks := 0
	if rd.marksQuotations {
		marks = 2
	}
	if q > 0 {
		marks++
	}
	x.list.add(uMarks, marks)
	n := len(rd.doc.blocks)
	x.list.flag(uBeforeQuotation, b.quotation == nil && u.last && u.block+1 < n && rd.doc.blocks[u.block+1].quotation != nil)
	x.list.flag(uAfterQuotation, b.quotation == nil && u.first && u.block > 0 && rd.doc.blocks[u.block-1].quotation != nil)
	x.list.flag(uList, b.list)
	x.list.flag(uCode, b.code)
	x.list.flag(uCaption, b.caption)
	x.list.flag(uCreditElem, b.credit)
	x.list.add(uBlockLen, bucket(len(b.toks), 5, 12, 25, 50, 100))
	x.list.add(uPlace, u.placeInBlock())
	x.list.add(uPosition, rd.positionOf(u.block))
	x.list.add(uBlocks, bucket(n, 2, 4, 8, 16))
	english := 0
	if rd.l.name == fallback {
		english = 1
	}
	x.list.add(uEnglish, english)
	x.list.add(uNextBlock, rd.outline(b, u.block+1))
	x.list.add(uPreviousBlock, rd.outline(b, u.block-1))
}

// placeInBlock returns the position of the unit in its block: 0 alone, 1 first, 2 in between, 3 last.
func (u *unit) placeInBlock() int {
	switch {
	case u.first && u.last:
		return 0
	case u.first:
		return 1
	case u.last:
		return 3
	default:
		return 2
	}
}

// positionOf returns the position of block i in the post: 0 to 2 for the first three blocks, 3 and 4 for the rest of
// the first and second half, 5 from the last block of prose on, 6 for the last block.
func (rd *reading) positionOf(i int) int {
	switch n := len(rd.doc.blocks); {
	case i < 3:
		return i
	case i == n-1:
		return 6
	case i >= rd.lastProse:
		return 5
	case i*2 < n:
		return 3
	default:
		return 4
	}
}

// outline returns a code for block i, a neighbor of b: 0 there is no such block, 2 it is in a different quotation
// element, 3 it is in no quotation element but b is, 4 it begins with a quotation mark, 5 it is short and does not end
// like a sentence, 1 none of these.
func (rd *reading) outline(b *block, i int) int {
	if i < 0 || i >= len(rd.doc.blocks) {
		return 0
	}
	o := rd.doc.blocks[i]
	switch {
	case o.quotation != nil && o.quotation != b.quotation:
		return 2
	case o.quotation != b.quotation:
		return 3
	case len(o.toks) > 0 && o.toks[0].kind == tokOpen:
		return 4
	case len(o.toks) > 0 && len(o.toks) <= 14 && o.toks[len(o.toks)-1].kind == tokWord:
		return 5
	default:
		return 1
	}
}

// elemNumber returns the group of a block element.
func elemNumber(a atom.Atom) int {
	switch a {
	case atom.P:
		return 0
	case atom.Li, atom.Dd, atom.Dt, atom.Td, atom.Th:
		return 1
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		return 2
	case atom.Blockquote:
		return 3
	case atom.Cite, atom.Footer, atom.Figcaption:
		return 4
	case atom.Pre:
		return 5
	default:
		return 6
	}
}

// quotationPlace returns the position of block i in its quotation element: 0 outside, 1 the only block, 2 the first, 3
// in between, 4 the last, 5 in an inner quotation, 6 in a different kind of quotation.
func (rd *reading) quotationPlace(i int) int {
	q := rd.doc.blocks[i].quotation
	switch {
	case q == nil:
		return 0
	case q.kind != quotationPlain:
		return 6
	case q.parent != nil:
		return 5
	}
	first, last := q.blocks[0] == i, q.blocks[len(q.blocks)-1] == i
	switch {
	case first && last:
		return 1
	case first:
		return 2
	case last:
		return 4
	default:
		return 3
	}
}

// rules appends the features derived from the rules: the role of the block, and the match that overlaps the unit.
func (x *unitReader) rules(u *unit, b *block) {
	role := roleNumber(b.role)
	x.list.add(uRole, role)
	x.list.add(uRoleKind, role*unitKinds+int(u.kind))
	rule, weight := x.rd.ruleOf(u)
	x.list.add(uRule, rule)
	if rule > 0 {
		x.list.add(uRuleWeight, bucket(int(weight*100), 35, 55, 75))
	}
}

// ruleOf returns the kind and weight of a rule match that overlaps the unit, or 0.
func (rd *reading) ruleOf(u *unit) (int, float64) {
	a := &rd.analyses[u.block]
	for i, m := range [...]*match{a.lead, a.back, a.inline, a.tail, a.mention, a.summary} {
		if m != nil && m.clause.lo < u.hi && m.clause.hi > u.lo {
			kind := i + 1
			if i == 0 && a.private {
				kind = 7
			}
			if i == 0 && m.pub.empty() {
				kind = 8
			}
			return kind, m.rule.weight
		}
	}
	return 0, 0
}

// shape appends the features of length and punctuation.
func (x *unitReader) shape(u *unit, b *block, toks []token) {
	n := len(toks)
	length := bucket(n, 2, 4, 8, 14, 22, 35, 60)
	x.list.add(uLen, length)
	x.list.add(uKind, int(u.kind))
	if u.kind == unitQuoted {
		x.list.add(uQuotedLen, length)
	}
	x.list.add(uStart, startNumber(x.rd.l, toks))
	end := endNumber(toks)
	x.list.add(uEnd, end)
	if n <= 22 {
		x.list.add(uShortEnd, end*3+bucket(n, 5, 12))
	}
	x.list.add(uCase, caseNumber(x.rd.l, b, toks))
	x.list.flag(uOpen, u.first && toks[0].kind == tokOpen && u.kind != unitQuoted)
	x.list.add(uSinceColon, x.sinceColon)
	if x.sinceColon < 5 {
		first := 0
		if x.firstAfterColon {
			first = 1
		}
		x.list.add(uFirstAfterColon, first)
	}
	x.list.add(uVoice, bucket(int(x.voice*2), -7, -5, -4, -3, -1, 0, 2, 5))
	x.list.add(uVoiceChange, bucket(int((x.voice-x.previousVoice)*2), -5, -3, -1, 0, 2, 4))
}

// startNumber returns a number for the kind of the first token.
func startNumber(l *language, toks []token) int {
	switch t := toks[0]; t.kind {
	case tokOpen:
		return 0
	case tokDots:
		return 1
	case tokDash:
		return 2
	case tokClose, tokPoss:
		return 3
	case tokPunct:
		if t.ch == '(' || t.ch == '[' {
			return 4
		}
		return 5
	case tokWord:
		return startWordNumber(l, t)
	}
	return 5
}

// startWordNumber returns the number of a word at the start of a unit; see [startNumber].
func startWordNumber(l *language, t token) int {
	switch {
	case l.by.has(t.id) && t.upper:
		return 6
	case t.digit:
		return 7
	case t.upper:
		return 8
	case t.ch == '@':
		return 9
	default:
		return 10
	}
}

// endNumber returns a number that identifies the kind of the last token.
func endNumber(toks []token) int {
	switch t := toks[len(toks)-1]; t.kind {
	case tokClose:
		return 0
	case tokDots:
		return 1
	case tokDash:
		return 2
	case tokPunct:
		return endMarkNumber(t.ch)
	case tokWord, tokOpen, tokPoss:
	}
	return 9
}

// endMarkNumber returns the [endNumber] of a punctuation mark.
func endMarkNumber(ch rune) int {
	switch ch {
	case '.':
		return 3
	case '?', '!':
		return 4
	case ':':
		return 5
	case ',', ';':
		return 6
	case ')', ']':
		return 7
	default:
		return 8
	}
}

// allCapitals reports whether s has at least four letters and all are capitals.
func allCapitals(s string) bool {
	n := 0
	for _, r := range s {
		if unicode.IsLower(r) {
			return false
		}
		if unicode.IsUpper(r) {
			n++
		}
	}
	return n >= 4
}

// cover returns how a range of bytes of a block is covered by runs of the given kind: 0 not at all, 1 partly, 2 from
// its start, 3 entirely.
func (b *block) cover(kind runKind, first, last int) int {
	best := 0
	for _, r := range b.runs {
		if r.start >= last {
			break
		}
		if r.kind != kind || r.end <= first {
			continue
		}
		switch {
		case r.start <= first+1 && r.end >= last-1:
			return 3
		case r.start <= first+1:
			best = max(best, 2)
		default:
			best = max(best, 1)
		}
	}
	return best
}

// markup appends the features of links and emphasis.
func (x *unitReader) markup(u *unit, b *block) {
	first, last := b.toks[u.lo].start, b.toks[u.hi-1].end
	link := 0
	if len(b.runs) > 0 {
		link = b.cover(runLink, first, last)
		x.list.add(uBold, min(2, b.cover(runBold, first, last)))
		x.list.add(uEmphasis, min(2, b.cover(runEmphasis, first, last)))
		x.list.flag(uCite, b.cover(runCite, first, last) > 0)
	}
	x.list.add(uLink, link)
	host := 0
	if link > 0 {
		switch l := x.rd.linkTo(b.linkIn(u.span)); {
		case x.rd.blog.hosts[l.host] || l.host == "":
			host = 1
		case l.known != nil:
			host = 2
		case !l.article:
			host = 3
		default:
			host = 4
		}
	}
	x.list.add(uHost, host)
}

// words appends the features of words and names.
func (x *unitReader) words(b *block, toks []token) {
	rd := x.rd
	var has uint64
	capitals := 0
	for k := range toks {
		t := &toks[k]
		if t.kind != tokWord {
			continue
		}
		has |= rd.l.evidenceClassesOf(t.id)
		if t.upper && k > 0 {
			capitals++
		}
	}
	x.addAll(uClass, has)
	x.classesOf(uFirstClass, toks)
	last := len(toks) - 1
	for last > 0 && toks[last].kind != tokWord {
		last--
	}
	x.classesOf(uLastClass, toks[last:])
	known, person := x.names(toks)
	x.list.add(uKnown, known)
	x.list.add(uPerson, person)
	x.list.add(uCapitals, bucket(capitals, 0, 2, 5))
	x.list.add(uDate, x.dateIn(b, toks))
}

// names returns where a known publication and a person are first named: 0 nowhere, 1 at the start, 2 near the start, 3
// later.
func (x *unitReader) names(toks []token) (known, person int) {
	rd := x.rd
	for k := range toks {
		t := &toks[k]
		if t.kind != tokWord || !t.upper {
			continue
		}
		if known == 0 && rd.namesKnown(toks, k) {
			known = 1 + bucket(k, 1, 6)
		}
		if person == 0 && k > 0 && toks[k-1].kind == tokWord && toks[k-1].upper && rd.l.given.has(toks[k-1].id) &&
			!rd.l.pubWord.has(t.id) {
			person = 1 + bucket(k, 1, 6)
		}
	}
	return known, person
}

// namesKnown reports whether the name of a known publication begins at token k.
func (rd *reading) namesKnown(toks []token, k int) bool {
	return rd.r.pubs.startsName(&toks[k]) && rd.r.pubs.knownPrefix(toks[k:], k > 0 && rd.l.det.has(toks[k-1].id)) > 0
}

// dateIn returns 1 if the tokens contain a date, 2 if they are little more than a date, and 0 otherwise.
func (x *unitReader) dateIn(b *block, toks []token) int {
	if !b.marks.dates {
		return 0
	}
	l := x.rd.l
	for k := range min(len(toks), 40) {
		t := &toks[k]
		if !t.digit && !(t.kind == tokWord && (t.upper || l.nouns) && l.month(t.id) > 0) {
			continue
		}
		end, _ := l.date(b.text, toks, k)
		switch {
		case end == 0:
		case k <= 1 && end >= len(toks)-1:
			return 2
		default:
			return 1
		}
	}
	return 0
}

// classesOf appends the classes of the first word of toks.
func (x *unitReader) classesOf(t int, toks []token) {
	if toks[0].kind == tokWord {
		x.addAll(t, x.rd.l.evidenceClassesOf(toks[0].id))
	}
}
