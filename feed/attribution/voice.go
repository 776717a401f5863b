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

// voiceOf returns the voice of a paragraph. If last is set, only boilerplate follows it.
func (l *language) voiceOf(toks []token, last bool) voice {
	v := voice{score: weightContinues, last: last}
	if len(toks) == 0 {
		return v
	}
	var words, names int
	var said, quoting, number, inserted bool
	var flags uint8
	skip, opened := 0, 0
	for i := range toks {
		t := &toks[i]
		if i < skip {
			continue
		}
		if t.kind == tokOpen && opened < maxOpen {
			opened++ // the bounds prevent quadratic time for marks that are never closed
			if end := quotedEnd(toks[:min(len(toks), i+maxQuoted)], i); end > 0 {
				skip = end
				quoting = true
				continue
			}
		}
		switch t.kind {
		case tokWord:
			words++
			of := l.flagsOf(t.id)
			flags |= of
			// "is said to be" is hearsay, not a report.
			said = said || of&flagSaid != 0 && !(i > 0 && l.present.has(toks[i-1].id))
			number = number || t.digit
			if t.upper && i > 0 && toks[i-1].kind == tokWord && of&flagFirst == 0 {
				names++
			}
		case tokPunct:
			inserted = inserted || t.ch == '['
		default:
		}
	}
	v.first = flags&flagFirst != 0
	past := flags&flagPast != 0
	add := func(ok bool, w float64) {
		if ok {
			v.score += w
		}
	}
	end := toks[len(toks)-1]
	for k := len(toks) - 1; k > 0 &&
		(end.kind == tokClose || end.kind == tokPunct && (end.ch == ')' || end.ch == ']')); k-- {
		end = toks[k-1]
	}
	v.elided = end.kind == tokDots
	v.colon = toks[len(toks)-1].kind == tokPunct && toks[len(toks)-1].ch == ':'
	begin := toks[0]
	if begin.kind == tokPunct && (begin.ch == '[' || begin.ch == '(') && len(toks) > 1 {
		begin = toks[1]
	}
	add(v.first, weightFirst)
	add(flags&flagPlural != 0, weightPlural)
	add(flags&flagSecond != 0, weightSecond)
	add(l.opener.has(toks[0].id), weightOpener)
	add(end.kind == tokPunct && end.ch == '!', weightExclamation)
	add(end.kind == tokPunct && end.ch == '?', weightQuestion)
	add(words <= 14, weightShort)
	add(words <= 5 && last && !past && !l.det.has(toks[0].id), weightFragment)
	add(words > 14 && words <= 25, weightMiddling)
	add(words > 60, weightLong)
	v.aside = toks[0].ch == '(' && groupEnd(toks, 0) == len(toks)
	add(v.aside, weightBracketed)
	add(names == 0 && !number && !quoting, weightBare)
	add(l.pointing.has(toks[0].id), weightPointing)
	add(flags&flagStance != 0, weightStance)
	add(flags&flagPresent != 0, weightPresent)
	add(past && !said, weightPast)
	add(said, weightSaid)
	add(quoting, weightQuoting)
	add(number, weightNumber)
	v.score += weightName * float64(min(names, 3))
	add(v.elided, weightElided)
	add(begin.kind == tokDots, weightResumed)
	add(inserted && !v.elided, weightInserted)
	add(last, weightLast)
	add(v.colon, weightLeadIn)
	return v
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
