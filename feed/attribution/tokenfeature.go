package attribution

import (
	"math/bits"
	"strings"
)

// The feature templates for a token in a credit.
const (
	kBias = iota
	kKind
	kBefore
	kAfter
	kClass
	kKnown
	kPerson
	kLink
	kLinkHost
	kHostWord
	kEmphasis
	kBold
	kCite
	kQuoted
	kBracket
	kDate
	kRule
	kField
	kUnit
	kUnitKind
	kPlace
	kVia
	kLead
	kTitleCase
	kHeading
	kEnglish
	kKnownAndLast
	kTemplates
)

// tokenFeatures numbers the features of tokens.
var tokenFeatures = newFeatureSet([]template{
	kBias:         {name: "bias", every: true},
	kKind:         {name: "kind", values: tokenShapes, near: true, every: true, usual: 25},
	kBefore:       {name: "kind-2", values: tokenShapes},
	kAfter:        {name: "kind+2", values: tokenShapes},
	kClass:        {name: "class", values: len(evidenceClasses), near: true},
	kKnown:        {name: "known-name", values: 3, near: true, every: true},
	kPerson:       {name: "person", values: 4, near: true, every: true},
	kLink:         {name: "link", values: 3, near: true, every: true},
	kLinkHost:     {name: "link-host", values: 4},
	kHostWord:     {name: "word-of-host", near: true},
	kEmphasis:     {name: "emphasis", values: 3, near: true, every: true},
	kBold:         {name: "bold", values: 3, every: true},
	kCite:         {name: "cite", values: 3, every: true},
	kQuoted:       {name: "quoted", values: 3, near: true, every: true},
	kBracket:      {name: "bracket", values: 2, every: true},
	kDate:         {name: "date", values: 3, near: true, every: true},
	kRule:         {name: "rule-slot", values: 7, near: true, every: true},
	kField:        {name: "rule-field", values: 5, near: true, every: true},
	kUnit:         {name: "credit", values: unitLabels, every: true, usual: labelMention},
	kUnitKind:     {name: "unit-kind", values: unitKinds, every: true},
	kPlace:        {name: "place", values: 6, every: true, usual: 5},
	kVia:          {name: "after-via"},
	kLead:         {name: "after-by", values: 3, every: true, usual: 2},
	kTitleCase:    {name: "title-case"},
	kHeading:      {name: "heading-or-bold"},
	kEnglish:      {name: "english", values: 2, every: true, usual: 1},
	kKnownAndLast: {name: "known-and-unit", values: 3 * unitLabels, every: true, usual: labelMention},
})

// tokenShapes is the number of values of [tokenShape].
const tokenShapes = 26

// tokenShape returns a number for the kind of a token, and for its case or its character.
func tokenShape(text string, t token) int {
	switch t.kind {
	case tokDash:
		return 0
	case tokDots:
		return 1
	case tokOpen:
		return 2
	case tokClose:
		return 3
	case tokPoss:
		return 4
	case tokPunct:
		if i := strings.IndexRune(",:;.()[]|/&!", t.ch); i >= 0 {
			return 5 + i
		}
		return 17
	case tokWord:
		return wordShape(text[t.start:t.end], t)
	default:
		return 17
	}
}

// wordShape returns the [tokenShape] of a word.
func wordShape(w string, t token) int {
	switch {
	case t.ch == '@':
		return 18
	case t.inner && isDomain(strings.ToLower(w)):
		return 19
	case t.digit:
		return 20
	case t.upper && len(w) > 1 && acronym(w):
		return 21
	case t.upper && strings.HasSuffix(w, "."):
		return 22
	case t.upper:
		return 23
	case t.inner:
		return 24
	default:
		return 25
	}
}

// maxCredit is the maximum number of tokens of a credit that are labeled: the last ones of a lead, and the first ones
// of any other credit.
const maxCredit = 90

// creditTokens returns the span of a unit's tokens that are labeled.
func creditTokens(u *unit, label int) span {
	s := u.span
	if s.hi-s.lo > maxCredit {
		if label == labelLead {
			s.lo = s.hi - maxCredit
		} else {
			s.hi = s.lo + maxCredit
		}
	}
	return s
}

// tokenSpans describes each token of a span. known, person and date are 1 if the token begins a known name, a person's
// name or a date, and 2 if it continues one. rule is the number of the slot in which the rules found the token, field
// is the number of the citation's field in which they found it, and 0 means none.
type tokenSpans struct {
	known, person, date, rule, field []uint8
}

// tokenReader computes the features of the tokens of a credit.
type tokenReader struct {
	rd    *reading
	u     *unit
	b     *block
	toks  []token // the tokens that are labeled
	label int     // the label of the unit
	spans tokenSpans

	links, emphasis, bold, cite []uint8 // see [block.markRuns]
	shapes                      []int
	title                       bool // the tokens are in title case
	// State at the token: quoted (1 at the opening mark, 2 after it), depth of brackets, distance from "by", and whether a
	// via phrase precedes it.
	quoted, depth, by int
	via               bool

	list *featureList
}

// tokenEvidence returns the features of the tokens in span s of a unit with the given label. They are valid until the
// next call.
func (rd *reading) tokenEvidence(u *unit, s span, label int) *featureList {
	b := rd.doc.blocks[u.block]
	n := s.hi - s.lo
	sc := rd.scratch
	sc.tokenMarks = resized(sc.tokenMarks, 9*n)
	clear(sc.tokenMarks)
	marks := func(k int) []uint8 { return sc.tokenMarks[k*n : k*n+n : k*n+n] }
	sc.tokenShapes = resized(sc.tokenShapes, n)
	x := &tokenReader{rd: rd, u: u, b: b, toks: b.toks[s.lo:s.hi], label: label,
		spans: tokenSpans{known: marks(0), person: marks(1), date: marks(2), rule: marks(3), field: marks(4)},
		links: marks(5), emphasis: marks(6), bold: marks(7), cite: marks(8),
		shapes: sc.tokenShapes, by: 3, list: &sc.tokenFeatures}
	x.list.reset(tokenFeatures, rd.listAll, 24*n)
	rd.findSpans(&x.spans, u, b, s)
	if len(b.runs) > 0 {
		b.markRuns(x.links, runLink, s)
		b.markRuns(x.emphasis, runEmphasis, s)
		b.markRuns(x.bold, runBold, s)
		b.markRuns(x.cite, runCite, s)
	}
	for k, t := range x.toks {
		x.shapes[k] = tokenShape(b.text, t)
	}
	x.title = rd.l.name == fallback && n > 2 && isTitleCase(rd.l, x.toks)
	for k := range n {
		x.enter(k)
		x.neighbors(k)
		x.names(k)
		x.marks(k)
		x.place(k)
		x.leave(k)
		x.list.endItem()
	}
	return x.list
}

// enter updates the state before token k.
func (x *tokenReader) enter(k int) {
	t := x.toks[k]
	if t.kind == tokPunct && (t.ch == '(' || t.ch == '[') {
		x.depth++
	}
	if x.quoted == 0 && t.kind == tokOpen {
		x.quoted = 1
	}
}

// leave updates the state after token k.
func (x *tokenReader) leave(k int) {
	l, t := x.rd.l, x.toks[k]
	switch {
	case t.kind == tokClose:
		x.quoted = 0
	case x.quoted == 1:
		x.quoted = 2
	}
	if t.kind == tokPunct && (t.ch == ')' || t.ch == ']') {
		x.depth = max(x.depth-1, 0)
	}
	x.via = x.via || t.kind == tokWord && phraseEnd(l.via, x.toks[k:]) > 0
	switch {
	case t.kind == tokWord && l.by.has(t.id):
		x.by = 0
	case x.by < 3 && !t.upper:
		x.by = 3
	case x.by < 3:
		x.by = 1
	}
}

// neighbors adds the kinds of token k and of the tokens two positions before and after it.
func (x *tokenReader) neighbors(k int) {
	x.list.add(kBias, 0)
	x.list.add(kKind, x.shapes[k])
	if k > 1 {
		x.list.add(kBefore, x.shapes[k-2])
	}
	if k+2 < len(x.toks) {
		x.list.add(kAfter, x.shapes[k+2])
	}
}

// names adds the features for the classes of token k, and for the names and dates that contain it.
func (x *tokenReader) names(k int) {
	l, t := x.rd.l, x.toks[k]
	if t.kind == tokWord {
		for has := l.evidenceClassesOf(t.id); has != 0; has &= has - 1 {
			x.list.add(kClass, bits.TrailingZeros64(has))
		}
	}
	known, person := int(x.spans.known[k]), int(x.spans.person[k])
	if person == 1 && l.given.has(t.id) {
		person = 3
	}
	x.list.add(kKnown, known)
	x.list.add(kKnownAndLast, known*unitLabels+x.label)
	x.list.add(kPerson, person)
	x.list.add(kDate, int(x.spans.date[k]))
	x.list.add(kRule, int(x.spans.rule[k]))
	x.list.add(kField, int(x.spans.field[k]))
}

// marks adds the features for the markup, quotation marks and brackets around token k.
func (x *tokenReader) marks(k int) {
	x.list.add(kLink, int(x.links[k]))
	if x.links[k] > 0 {
		x.rd.linkFeatures(x.b, x.toks[k], x.list.add)
	}
	x.list.add(kEmphasis, int(x.emphasis[k]))
	x.list.add(kBold, int(x.bold[k]))
	x.list.add(kCite, int(x.cite[k]))
	x.list.add(kQuoted, x.quoted)
	x.list.add(kBracket, min(x.depth, 1))
}

// place adds the features of the unit and of the position of token k in it.
func (x *tokenReader) place(k int) {
	x.list.add(kUnit, x.label)
	x.list.add(kUnitKind, int(x.u.kind))
	x.list.add(kPlace, placeOf(k, len(x.toks), x.u, x.b))
	x.list.flag(kVia, x.via)
	x.list.add(kLead, min(x.by, 2))
	x.list.flag(kTitleCase, x.title)
	x.list.flag(kHeading, isHeading(x.b.elem))
	english := 0
	if x.rd.l.name == fallback {
		english = 1
	}
	x.list.add(kEnglish, english)
}

// linkFeatures adds the features of the link around token t.
func (rd *reading) linkFeatures(b *block, t token, add func(t, value int)) {
	for _, r := range b.runs {
		if r.kind != runLink || r.start > t.start || r.end < t.end {
			continue
		}
		l := rd.linkTo(r.value)
		switch {
		case l.known != nil:
			add(kLinkHost, 1)
		case !l.article:
			add(kLinkHost, 2)
		default:
			add(kLinkHost, 3)
		}
		if w := b.text[t.start:t.end]; t.upper && len(w) > 2 && hostContains(l.host, w) {
			add(kHostWord, 0)
		}
		return
	}
}

// placeOf returns a code for the position of token k, out of n, in its unit.
func placeOf(k, n int, u *unit, b *block) int {
	t := b.toks[u.hi-1]
	switch {
	case k == 0:
		return 0
	case k == 1:
		return 1
	case k == n-1:
		return 2
	case k == n-2 && t.kind != tokWord:
		return 3
	case k == n-2:
		return 4
	default:
		return 5
	}
}

// markRuns marks the tokens of the span in out: 1 if a run of the given kind begins at the token, and 2 if a run that
// began earlier covers it.
func (b *block) markRuns(out []uint8, kind runKind, s span) {
	for _, r := range b.runs {
		if r.start >= b.toks[s.hi-1].end {
			break
		}
		if r.kind != kind || r.end <= b.toks[s.lo].start {
			continue
		}
		begun := false
		for k := s.lo; k < s.hi; k++ {
			t := b.toks[k]
			if t.end <= r.start || t.start >= r.end {
				continue
			}
			out[k-s.lo] = 2
			if !begun && t.start >= r.start {
				out[k-s.lo] = 1
			}
			begun = true
		}
	}
}

// findSpans marks the known names, persons and dates in the span, and the parts that the rules found.
func (rd *reading) findSpans(x *tokenSpans, u *unit, b *block, s span) {
	mark := func(to []uint8, lo, hi int, first, rest uint8) {
		for k := max(lo, s.lo); k < min(hi, s.hi); k++ {
			to[k-s.lo] = rest
			if k == lo {
				to[k-s.lo] = first
			}
		}
	}
	toks := b.toks[:s.hi]
	for k := s.lo; k < s.hi; k++ {
		t := toks[k]
		if t.kind != tokWord {
			continue
		}
		if x.known[k-s.lo] == 0 && rd.r.pubs.startsName(&t) {
			if m := rd.r.pubs.knownPrefix(toks[k:], k > s.lo && rd.l.det.has(toks[k-1].id)); m > 0 {
				mark(x.known, k, k+m, 1, 2)
			}
		}
		if x.date[k-s.lo] == 0 {
			if end := rd.dateEndAt(b, toks, k); end > 0 {
				mark(x.date, k, end, 1, 2)
			}
		}
		if x.person[k-s.lo] == 0 && t.upper {
			for end := min(k+4, s.hi); end > k+1; end-- {
				if rd.l.personScore(b.text, toks[k:end]) == 2 {
					mark(x.person, k, end, 1, 2)
					break
				}
			}
		}
	}
	rd.markRules(u, b, x, mark)
}

// dateEndAt returns the position after the date that begins at token k of block b, or 0.
func (rd *reading) dateEndAt(b *block, toks []token, k int) int {
	if !b.marks.dates {
		return 0
	}
	end, _ := rd.l.date(b.text, toks, k)
	return end
}

// markRules marks the slots of the rules that match in the block, and the fields of citations.
func (rd *reading) markRules(u *unit, b *block, x *tokenSpans, mark func(to []uint8, lo, hi int, first, rest uint8)) {
	a := &rd.analyses[u.block]
	for _, m := range [...]*match{a.summary, a.mention, a.tail, a.inline, a.back, a.lead} {
		if m == nil {
			continue
		}
		for i, slot := range [...]span{m.pub, m.who, m.head, m.when, m.name, m.quote} {
			mark(x.rule, slot.lo, slot.hi, uint8(i+1), uint8(i+1))
		}
	}
	for _, src := range rd.creditsOf[u.block] {
		fields := [...][]string{{src.pub.name}, src.authors, {src.headline}}
		for i, texts := range fields {
			for _, text := range texts {
				if text == "" {
					continue
				}
				at := strings.Index(b.text, text)
				if at < 0 {
					continue
				}
				lo := u.lo
				for lo < u.hi && b.toks[lo].start < at {
					lo++
				}
				hi := lo
				for hi < u.hi && b.toks[hi].start < at+len(text) {
					hi++
				}
				mark(x.field, lo, hi, uint8(i+1), uint8(i+1))
			}
		}
	}
}
