package attribution

// In plain text nothing marks where a quoted passage ends and the blogger speaks again; only the voice does. Each
// paragraph gets a score from traits that tell the two apart, and the likeliest course of voices through the post is
// found by dynamic programming over two states (Viterbi's algorithm).

// The weights of the traits: positive speaks for the blogger, negative for a quoted report. They are ratios of how
// much likelier a trait is in one voice than in the other, on a logarithmic scale, estimated, not trained.
const (
	weightContinues   = -2.0 // a paragraph after a passage goes on with it more often than not
	weightFirst       = 2.2  // I, my
	weightPlural      = 0.8  // we, our
	weightSecond      = 1.4  // you
	weightOpener      = 1.1  // "Well,", "Sigh."
	weightExclamation = 1.0
	weightQuestion    = 0.7
	weightShort       = 0.8 // at most 14 words
	weightMiddling    = 0.3 // at most 25 words
	weightLong        = -0.8
	weightBracketed   = 4.5  // wholly in parentheses
	weightBare        = 0.4  // no name, number or quotation
	weightPointing    = 0.4  // begins with "This", "That", "There"
	weightFragment    = 1.0  // at most five words, as the last: "Amazing. Just amazing."
	weightStance      = 0.4  // should, perhaps, of course
	weightPresent     = 0.4  // is, are, will
	weightPast        = -0.4 // was, were, had
	weightSaid        = -1.1 // said, told
	weightQuoting     = -0.6 // quotation marks
	weightNumber      = -0.5
	weightName        = -0.25 // each name within a sentence, three at most
	weightElided      = -1.8  // ends in dots: something was left out
	weightResumed     = -1.5  // begins with dots
	weightInserted    = -0.7  // has brackets within
	weightUnelided    = 1.2   // does not end in dots, while the paragraph before did
	weightEarlier     = -0.4  // for the last, if the blogger has commented before the passage
	weightLast        = 2.0   // posts end with a comment
	weightLeadIn      = 0.5   // ends in a colon

	costToComment      = 1.0  // of going over from quoting to commenting
	costToCommentWhole = 2.0  // the same, in a post that begins with a whole article under its own headline or dateline
	costToQuote        = 2.2  // and back
	costToQuoteLeadIn  = -1.0 // back after a paragraph that ends in a colon
	costToQuoteAside   = 0.2  // back after an interjection in brackets
)

// voice is what the words of a paragraph tell about who speaks.
type voice struct {
	score  float64
	first  bool // uses the first person outside of quotation marks
	elided bool // ends in dots
	colon  bool
	aside  bool // wholly in brackets
	last   bool // nothing but boilerplate follows
}

// voiceOf reads the voice of tokens. last says that nothing but boilerplate follows.
func (l *language) voiceOf(toks []token, last bool) voice {
	v := voice{score: weightContinues, last: last}
	if len(toks) == 0 {
		return v
	}
	var words, names int
	var second, plural, stance, present, past, said, quoting, number, inserted bool
	skip := 0
	for i, t := range toks {
		if i < skip {
			continue
		}
		if t.kind == tokOpen {
			if end := quotedEnd(toks, i); end > 0 {
				skip = end
				quoting = true
				continue
			}
		}
		switch t.kind {
		case tokWord:
			words++
			v.first = v.first || l.first.has(t.id)
			plural = plural || l.plural.has(t.id)
			second = second || l.second.has(t.id)
			stance = stance || l.stance.has(t.id)
			present = present || l.present.has(t.id)
			past = past || l.past.has(t.id)
			// "is said to be" is hearsay, not a report.
			said = said || l.saidVerb.has(t.id) && !(i > 0 && l.present.has(toks[i-1].id))
			number = number || t.digit
			if t.upper && i > 0 && toks[i-1].kind == tokWord && !l.first.has(t.id) {
				names++
			}
		case tokPunct:
			inserted = inserted || t.ch == '['
		default:
		}
	}
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
	add(plural, weightPlural)
	add(second, weightSecond)
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
	add(stance, weightStance)
	add(present, weightPresent)
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

// speakers tells for each paragraph of a passage and what follows whether it is quoted. The first one is. cost is that
// of going over to a comment.
func quotedParagraphs(voices []voice, cost float64) []bool {
	n := len(voices)
	quoted := make([]bool, n)
	if n == 0 {
		return quoted
	}
	// A passage in the first person makes the first person no sign of the blogger.
	discount := 0.0
	if voices[0].first {
		discount = weightFirst
	}
	const never = -1e9
	type step struct {
		score float64
		from  bool // the state before: quoted or not
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
