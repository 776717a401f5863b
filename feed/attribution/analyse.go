package attribution

import (
	"slices"
)

// analysis holds the credits found in the clauses of a block, at most one for each position of the passage, or nil for
// a position without a credit.
type analysis struct {
	lead, inline, mention, tail, back, summary *match
	private                                    bool // the lead names a private person or the blog itself
	after                                      span // tokens after the lead
	before                                     span // tokens before the lead
	// tailCitation and tailWeight cache [reading.tailCitation] once tailRead is set. tailCitation is nil if there is none.
	tailRead     bool
	tailCitation *citation
	tailWeight   float64
	done         bool // the block has been analyzed
}

// matcherFor returns the shared matcher, set up for block b. The next call invalidates it.
func (rd *reading) matcherFor(b *block) *matcher {
	x := &rd.scratch.matcher
	x.r, x.l, x.b, x.toks, x.rd = rd.r, rd.l, b, b.toks, rd
	return x
}

// analyse returns the credits in the clauses of block i. It computes them once and caches the result.
func (rd *reading) analyse(i int) *analysis {
	a := &rd.analyses[i]
	if a.done {
		return a
	}
	a.done = true
	b := rd.doc.blocks[i]
	if b.code || len(b.toks) == 0 {
		return a
	}
	x := rd.matcherFor(b)
	rd.r.clauses(rd.l, b.toks, func(s span) bool {
		m := x.bestMatch(s)
		if m == nil {
			return true
		}
		switch m.rule.position {
		case positionLead, positionHeadline, positionBack, positionLetter, positionSelf:
			// A credit without a publication must begin a line, end a paragraph, or precede quotation marks. Elsewhere it
			// is more likely reported speech.
			weak := m.pub.empty() && m.rule.position == positionLead
			followed := s.hi < len(b.toks)
			if followed && b.toks[s.hi].kind == tokWord && !b.toks[s.hi].upper && !b.toks[s.hi].digit &&
				!b.isMarked(b.toks[s.hi]) {
				return true // the sentence continues after the colon
			}
			if a.lead != nil || weak && followed && b.toks[s.hi].kind != tokOpen {
				return true
			}
			if weak && followed && s.lo > 0 && m.who.hi-m.who.lo == 1 && rd.l.given.has(b.toks[m.who.lo].id) {
				return true // "Anna said: …" names an acquaintance of the author
			}
			a.lead, a.before, a.after = m, span{0, s.lo}, span{s.hi, len(b.toks)}
			a.private = m.rule.position == positionLetter || m.rule.position == positionSelf
			if m.rule.position == positionBack {
				a.back = m
			}
		case positionTail:
			switch {
			case s.hi == len(b.toks) || rd.onlyBracketsFrom(b, s.hi):
				a.tail = m
			case a.inline == nil && s.lo > 4 && quotedEnd(b.toks, 0) == s.lo:
				// “…” So wrote A in X. The author's own text follows.
				m.quote, m.clause.lo = span{0, s.lo}, 0
				a.inline = m
			}
		case positionInline:
			if a.inline == nil {
				a.inline = m
			}
		case positionMention:
			if !rd.startsLikeVia(b, s) {
				a.mention = m
			}
		case positionSummary:
			if a.summary == nil {
				a.summary = m
			}
		default:
		}
		return true
	})
	return a
}

// startsLikeVia reports whether the clause begins with a via phrase, as in "(H/T X)" or "Thanks to X for the coverage".
// Such a clause does not introduce a passage.
func (rd *reading) startsLikeVia(b *block, s span) bool {
	if s.lo < s.hi && b.toks[s.lo].kind == tokPunct {
		s.lo++
	}
	return phraseEnd(rd.l.via, b.toks[s.lo:s.hi]) > 0
}

// precedesQuotation reports whether the next block after i that is not boilerplate is in a quotation element.
func (rd *reading) precedesQuotation(i int) bool {
	n := rd.skipBoilerplate(i + 1)
	return n < len(rd.doc.blocks) && rd.doc.blocks[n].quotation != nil
}

// isMarked reports whether an emphasized range or a q element begins at token t.
func (b *block) isMarked(t token) bool {
	return slices.ContainsFunc(b.runs,
		func(r run) bool { return (r.kind == runEmphasis || r.kind == runQuote) && r.start == t.start })
}

// hasFootnote reports whether a footnote number such as "[1]" begins at token k.
func (b *block) hasFootnote(k int) bool {
	return k+2 < len(b.toks) && b.toks[k].ch == '[' && b.toks[k+1].digit && b.toks[k+2].ch == ']'
}

// onlyBracketsFrom reports whether the tokens from k to the end are all in brackets.
func (rd *reading) onlyBracketsFrom(b *block, k int) bool {
	for k < len(b.toks) {
		end := groupEnd(b.toks, k)
		if end == 0 {
			return false
		}
		k = end
	}
	return true
}

// plausibleSlots reports whether the slots of the match have plausible values: the publication must not be a month, a
// place or a common word, and the authors must look like personal names.
func (rd *reading) plausibleSlots(b *block, m *match) bool {
	if !m.pub.empty() {
		p := rd.r.publisherOf(rd.l, b.slice(m.pub))
		if p.known == nil && (rd.unlikelyPublication(b, m, p) || rd.slotsSwapped(b, m) || rd.insideHeadline(b, m)) {
			return false
		}
	}
	if !m.head.empty() && m.rule.convention == "1b" && !b.toks[m.head.lo].upper && b.toks[m.head.lo].kind == tokWord {
		return false
	}
	if !m.who.empty() && b.hasFootnote(m.who.hi) && m.pub.empty() {
		return false // footnote links name publications, not people
	}
	if !m.who.empty() && m.rule.convention != "13" {
		sure := 0
		for _, n := range nameSpans(rd.l, b, m.who) {
			if k := rd.r.pubs.knownSuffix(b.toks[n.lo:n.hi]); k == n.hi-n.lo ||
				k > 0 && !rd.r.endsUnknownName(rd.l, b.toks[n.lo:n.hi], k) && rd.l.personScore(b.text, b.toks[n.lo:n.hi]) < 2 {
				return false
			}
			p := rd.l.personScore(b.text, b.toks[n.lo:n.hi])
			// A single word that a class of the language contains is unlikely to be a surname.
			if p == 0 && (n.hi-n.lo > 1 || rd.l.known(b.toks[n.lo].id)) {
				return false
			}
			sure += p
		}
		if m.pub.empty() && sure == 0 {
			return false
		}
	}
	return true
}

// insideHeadline reports whether the slots are parts of one linked or emphasized range. Such a range is more likely to
// be a headline: "Rents Rise in Every City But One" is not by Rents Rise.
func (rd *reading) insideHeadline(b *block, m *match) bool {
	other := m.who
	if other.empty() {
		other = m.head
	}
	if other.empty() || rd.l.surePeople(b.text, b.toks[other.lo:other.hi], false) {
		return false
	}
	first, last := min(b.toks[other.lo].start, b.toks[m.pub.lo].start), max(b.toks[other.hi-1].end, b.toks[m.pub.hi-1].end)
	return slices.ContainsFunc(b.runs, func(r run) bool { return r.kind != runBold && r.start <= first && r.end >= last })
}

// slotsSwapped reports whether the PUB slot holds a person's name and the WHO slot does not. "Adam Tooze's Chartbook"
// looks like "the Guardian's A".
func (rd *reading) slotsSwapped(b *block, m *match) bool {
	if m.who.empty() {
		return false
	}
	pub, who := b.toks[m.pub.lo:m.pub.hi], b.toks[m.who.lo:m.who.hi]
	return rd.l.personScore(b.text, pub) == 2 && rd.l.personScore(b.text, who) < 2 && !rd.l.looksLikePub(b.text, pub)
}

// nameSpans splits a list of people into the span of each name.
func nameSpans(l *language, b *block, s span) []span {
	var out []span
	lo := s.lo
	for k := s.lo; k <= s.hi; k++ {
		if k == s.hi || b.toks[k].kind == tokPunct && (b.toks[k].ch == ',' || b.toks[k].ch == '&') ||
			l.and.has(b.toks[k].id) || l.with.has(b.toks[k].id) {
			for lo < k && l.honorific.has(b.toks[lo].id) {
				lo++
			}
			if k > lo {
				out = append(out, span{lo, k})
			}
			lo = k + 1
		}
	}
	return out
}

// unlikelyPublication reports whether p, an unknown name in the PUB slot, is probably not a publication.
func (rd *reading) unlikelyPublication(b *block, m *match, p publisher) bool {
	toks := b.toks[m.pub.lo:m.pub.hi]
	k := rd.l.skipDeterminers(toks, 0)
	toks = toks[k:]
	if len(toks) == 0 {
		return true
	}
	for k > 0 && len(toks) > 1 && toks[0].kind == tokWord && !toks[0].upper && !toks[0].digit {
		toks = toks[1:] // skip the role in "the architect A"
		if len(toks) > 0 && toks[0].upper {
			k = 0
		}
	}
	// German capitalizes every noun, so a capital letter is no evidence of a name: "Der Nachbar meinte: …"
	if rd.l.nouns && m.who.empty() && len(toks) == 1 && b.linkIn(m.pub) == "" && !b.isEmphasised(m.pub) &&
		!isDomain(p.name) && !acronym(p.name) &&
		!rd.l.looksLikePub(b.text, toks) && b.toks[m.pub.lo].kind != tokOpen {
		return true
	}
	linked := b.linkIn(m.pub) != "" || b.isEmphasised(m.pub) || b.hasFootnote(m.pub.hi)
	t := toks[0]
	if rd.l.month(t.id) > 0 || rd.l.weekday.has(t.id) || t.digit && len(toks) == 1 {
		return true
	}
	if (rd.l.notName.has(t.id) || rd.l.stop.has(t.id)) && !rd.l.looksLikePub(b.text, toks) {
		return true
	}
	if len(toks) == 1 && (rd.l.place.has(t.id) || rd.l.epithet.has(t.id) || rd.l.given.has(t.id) && !linked) {
		return true
	}
	// A given name followed by another capitalized word is a person, unless the name is linked.
	if !linked && rd.l.personScore(b.text, toks) == 2 && !rd.l.looksLikePub(b.text, toks) {
		return true
	}
	// A single name or the subject of a sentence may just as well be a person.
	if m.who.empty() && k == 0 && !b.hasFootnote(m.pub.hi) && !hostNamed(b.linkIn(m.pub), p.name) &&
		!rd.l.looksLikePub(b.text, toks) {
		person := rd.l.personScore(b.text, toks)
		subject := m.pub.lo == 0 || !rd.l.at.has(b.toks[m.pub.lo-1].id) || rd.l.by.has(b.toks[m.pub.lo-1].id)
		// A linked name after "in" is a work, even if it joins two names: Pride and Prejudice.
		pair := (subject || !linked) && rd.l.allPeople(toks) && hasAnd(rd.l, toks)
		if person == 2 || person == 1 && subject || pair {
			return true
		}
	}
	// The first word of a sentence is always capitalized.
	if m.rule.convention == "7" && m.pub.lo == m.clause.lo && len(toks) == 1 && k == 0 && !linked && !isDomain(p.name) {
		return true
	}
	// A single word before a verb is a person, as in "Krugman writes", unless the verb is "reports", as in "Engadget
	// reports".
	if next := m.pub.hi; (m.rule.convention == "3" || m.rule.convention == "7" && m.pub.lo == 0) && len(toks) == 1 &&
		k == 0 && !linked && !isDomain(p.name) &&
		next < len(b.toks) && !rd.l.report.has(b.toks[next].id) && !rd.l.looksLikePub(b.text, toks) {
		return true
	}
	if rd.r.pubs.knownPrefix(toks, false) > 0 {
		return false // it begins with a known name, as in "Politico Europe"
	}
	return m.rule.convention == "2" && !linked && len(toks) == 1 && !isDomain(p.name) ||
		m.rule.convention == "2" && !linked && !isDomain(p.name) && !rd.l.looksLikePub(b.text, toks)
}

// hasAnd reports whether the tokens contain a word for "and".
func hasAnd(l *language, toks []token) bool {
	return slices.ContainsFunc(toks, func(t token) bool { return l.and.has(t.id) })
}

// isEmphasised reports whether an em, i or cite element ends with the span and begins within it.
func (b *block) isEmphasised(s span) bool {
	last := b.toks[s.hi-1].end
	for _, r := range b.runs {
		if r.start >= last {
			break
		}
		if (r.kind == runEmphasis || r.kind == runCite) && r.end == last && r.start >= b.toks[s.lo].start {
			return true
		}
	}
	return false
}
