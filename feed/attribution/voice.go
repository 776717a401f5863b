package attribution

// The weights of the properties of a paragraph. A positive weight is evidence of the author's voice, and a negative
// weight is evidence of a quoted report. The weights are log likelihood ratios that were estimated by hand, not
// trained.
const (
	weightContinues   = -2.0 // the prior: a paragraph after a passage usually continues it
	weightFirst       = 2.2  // I, my
	weightPlural      = 0.8  // we, our
	weightSecond      = 1.4  // you
	weightOpener      = 1.1  // "Well,", "Sigh."
	weightExclamation = 1.0
	weightQuestion    = 0.7
	weightShort       = 0.8 // at most 14 words
	weightMiddling    = 0.3 // at most 25 words
	weightLong        = -0.8
	weightBracketed   = 4.5  // entirely in parentheses
	weightBare        = 0.4  // no name, number or quotation
	weightPointing    = 0.4  // begins with "This", "That", "There"
	weightFragment    = 1.0  // last paragraph of at most five words: "Amazing. Just amazing."
	weightStance      = 0.4  // should, perhaps, of course
	weightPresent     = 0.4  // is, are, will
	weightPast        = -0.4 // was, were, had
	weightSaid        = -1.1 // said, told
	weightQuoting     = -0.6 // quotation marks
	weightNumber      = -0.5
	weightName        = -0.25 // for each capitalized word within a sentence, up to three
	weightElided      = -1.8  // ends in dots, which mark an omission
	weightResumed     = -1.5  // begins with dots
	weightInserted    = -0.7  // contains a bracket
	weightUnelided    = 1.2   // does not end in dots, but the previous paragraph does
	weightEarlier     = -0.4  // last paragraph, if commentary precedes the passage
	weightLast        = 2.0   // last paragraph: posts usually end with a comment
	weightLeadIn      = 0.5   // ends in a colon

	costToComment      = 1.0  // cost of a change from passage to commentary
	costToCommentWhole = 2.0  // same, in a post that begins with a whole article
	costToQuote        = 2.2  // cost of a change back to the passage
	costToQuoteLeadIn  = -1.0 // same, after a paragraph that ends in a colon
	costToQuoteAside   = 0.2  // same, after a paragraph in brackets
)

// voice is the evidence in a paragraph's words about who is speaking: the author or a quoted report.
type voice struct {
	score  float64
	first  bool // uses the first person outside quotation marks
	elided bool // ends in dots
	colon  bool
	aside  bool // entirely in brackets
	last   bool // only boilerplate follows
}

// spoken holds the properties of a paragraph's words outside quotation marks.
type spoken struct {
	words, names            int
	flags                   uint16 // the flags of the words
	said, number            bool
	quoting, inserted, past bool
}

// spokenIn returns the properties of a paragraph's words.
func (l *language) spokenIn(toks []token) spoken {
	var s spoken
	opened := 0
	for i := 0; i < len(toks); i++ {
		t := &toks[i]
		switch {
		case t.kind == tokWord:
			flags := l.flagsOf(t.id)
			s.words++
			s.flags |= flags
			s.number = s.number || t.digit
			if i > 0 {
				s.addAfter(l, flags, t, &toks[i-1])
			} else {
				s.said = flags&flagSaid != 0
			}
		case t.kind == tokOpen && opened < maxOpen:
			opened++ // the bounds prevent quadratic time for marks that are never closed
			if end := quotedEnd(toks[:min(len(toks), i+maxQuoted)], i); end > 0 {
				s.quoting = true
				i = end - 1
			}
		case t.kind == tokPunct && t.ch == '[':
			s.inserted = true
		}
	}
	s.past = s.flags&flagPast != 0
	return s
}

// addAfter adds the properties of word t, which depend on the token before it.
func (s *spoken) addAfter(l *language, flags uint16, t, before *token) {
	if flags&flagSaid != 0 && l.flagsOf(before.id)&flagPresent == 0 { // "is said to be" is hearsay, not a report
		s.said = true
	}
	if t.upper && before.kind == tokWord && flags&flagFirst == 0 {
		s.names++
	}
}

// voiceOf returns the voice of a paragraph. If last is set, only boilerplate follows it.
func (l *language) voiceOf(toks []token, last bool) voice {
	if len(toks) == 0 {
		return voice{score: weightContinues, last: last}
	}
	s := l.spokenIn(toks)
	v := voice{
		score: weightContinues, last: last,
		first:  s.flags&flagFirst != 0,
		elided: lastInner(toks).kind == tokDots,
		colon:  isMark(toks, len(toks)-1, ':'),
		aside:  toks[0].ch == '(' && groupEnd(toks, 0) == len(toks),
	}
	for _, p := range l.properties(&v, &s, toks) {
		if p.holds {
			v.score += p.weight
		}
	}
	return v
}

// property states whether a paragraph has a property, and the weight of the property.
type property struct {
	holds  bool
	weight float64
}

// properties returns the weighted properties of a paragraph.
func (l *language) properties(v *voice, s *spoken, toks []token) [25]property {
	begin, end := toks[0], lastInner(toks)
	if begin.kind == tokPunct && (begin.ch == '[' || begin.ch == '(') && len(toks) > 1 {
		begin = toks[1]
	}
	return [...]property{
		{v.first, weightFirst},
		{s.flags&flagPlural != 0, weightPlural},
		{s.flags&flagSecond != 0, weightSecond},
		{l.opener.has(toks[0].id), weightOpener},
		{end.kind == tokPunct && end.ch == '!', weightExclamation},
		{end.kind == tokPunct && end.ch == '?', weightQuestion},
		{s.words <= 14, weightShort},
		{s.words <= 5 && v.last && !s.past && !l.det.has(toks[0].id), weightFragment},
		{s.words > 14 && s.words <= 25, weightMiddling},
		{s.words > 60, weightLong},
		{v.aside, weightBracketed},
		{s.names == 0 && !s.number && !s.quoting, weightBare},
		{l.pointing.has(toks[0].id), weightPointing},
		{s.flags&flagStance != 0, weightStance},
		{s.flags&flagPresent != 0, weightPresent},
		{s.past && !s.said, weightPast},
		{s.said, weightSaid},
		{s.quoting, weightQuoting},
		{s.number, weightNumber},
		{true, weightName * float64(min(s.names, 3))},
		{v.elided, weightElided},
		{begin.kind == tokDots, weightResumed},
		{s.inserted && !v.elided, weightInserted},
		{v.last, weightLast},
		{v.colon, weightLeadIn},
	}
}

// lastInner returns the last token before the closing quotation marks and brackets at the end.
func lastInner(toks []token) token {
	k := len(toks) - 1
	for k > 0 && closes(&toks[k]) {
		k--
	}
	return toks[k]
}

// quotedParagraphs reports for each paragraph whether it is part of the passage that begins with the first one. cost is
// the cost of a change from the passage to commentary.
func quotedParagraphs(voices []voice, cost float64) []bool {
	n := len(voices)
	quoted := make([]bool, n)
	if n == 0 {
		return quoted
	}
	// If the passage is in the first person, the first person is not evidence of the author's voice.
	discount := 0.0
	if voices[0].first {
		discount = weightFirst
	}
	const never = -1e9
	type step struct {
		score float64
		from  bool // whether the previous paragraph is quoted
	}
	steps := make([][2]step, n) // [0] comment, [1] quoted
	steps[0] = [2]step{{never, false}, {0, false}}
	for i := 1; i < n; i++ {
		v := voices[i].score
		if voices[i].first {
			v -= discount
		}
		if voices[i-1].elided && !voices[i].elided {
			if voices[i].last {
				v += weightUnelided
			} else {
				v += weightUnelided / 3
			}
		}
		resume := costToQuote
		switch {
		case voices[i-1].colon:
			resume = costToQuoteLeadIn
		case voices[i-1].aside:
			resume = costToQuoteAside
		}
		prev := steps[i-1]
		steps[i][0] = step{prev[0].score, false}
		if s := prev[1].score - cost; s > steps[i][0].score {
			steps[i][0] = step{s, true}
		}
		steps[i][0].score += v
		steps[i][1] = step{prev[1].score, true}
		if s := prev[0].score - resume; s > steps[i][1].score {
			steps[i][1] = step{s, false}
		}
	}
	state := steps[n-1][1].score >= steps[n-1][0].score
	for i := n - 1; i >= 0; i-- {
		quoted[i] = state
		k := 0
		if state {
			k = 1
		}
		state = steps[i][k].from
	}
	quoted[0] = true
	return quoted
}

// isFirstPerson reports whether the token is a word in the first person, such as "I" or "our".
func (rd *reading) isFirstPerson(t token) bool { return rd.l.first.has(t.id) || rd.l.plural.has(t.id) }
