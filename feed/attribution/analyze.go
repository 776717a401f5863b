package attribution

import (
	"slices"
)

// analysis holds the credits found in the clauses of a block, at most one for each position of the passage. A field is
// nil if no credit was found for its position.
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

// analyze returns the credits in the clauses of block i. It computes them once and caches the result.
func (rd *reading) analyze(i int) *analysis {
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
		if m := x.bestMatch(s); m != nil {
			rd.addMatch(a, b, s, m)
		}
		return true
	})
	return a
}

// addMatch records m, the rule match for clause s of block b, in a. It keeps the first lead, inline and summary credit
// of the block, and the last mention and tail.
func (rd *reading) addMatch(a *analysis, b *block, s span, m *match) {
	switch m.rule.position {
	case positionLead, positionHeadline, positionBack, positionLetter, positionSelf:
		rd.addLead(a, b, s, m)
	case positionTail:
		switch {
		case s.hi == len(b.toks) || rd.onlyBracketsFrom(b, s.hi):
			a.tail = m
		case a.inline == nil && s.lo > 4 && quotedEnd(b.toks, 0) == s.lo:
			// The block begins with a quotation and its credit ("So wrote Ann Reed in the Guardian."), and continues
			// with the author's own text.
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
	case positionPosted: // the author and date of the post itself are not a credit
	}
}

// addLead records m, a match with clause s of block b whose passage follows, as the lead of the block. A credit without
// a publication must end the block or precede quotation marks. Elsewhere it is more likely reported speech.
func (rd *reading) addLead(a *analysis, b *block, s span, m *match) {
	if a.lead != nil {
		return
	}
	if s.hi < len(b.toks) {
		next := &b.toks[s.hi]
		if next.kind == tokWord && !next.upper && !next.digit && !b.isMarked(*next) {
			return // the sentence continues after the colon
		}
		if m.pub.empty() && m.rule.position == positionLead && (next.kind != tokOpen || s.lo > 0 && rd.isGivenName(b, m.who)) {
			return
		}
	}
	a.lead, a.before, a.after = m, span{0, s.lo}, span{s.hi, len(b.toks)}
	a.private = m.rule.position == positionLetter || m.rule.position == positionSelf
	if m.rule.position == positionBack {
		a.back = m
	}
}

// isGivenName reports whether span s of block b is a single given name. "Anna said: …" names an acquaintance of the
// author.
func (rd *reading) isGivenName(b *block, s span) bool {
	return s.hi-s.lo == 1 && rd.l.given.has(b.toks[s.lo].id)
}

// startsLikeVia reports whether the clause begins with a via phrase, as in "(H/T Ann Reed)" or "Thanks to Ann Reed for
// the link". Such a clause does not introduce a passage.
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

// plausibleSlots reports whether the slots of match m have plausible values. The publication must not be a month, a
// place or a common word, and the authors must be plausible names of people.
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
	if m.who.empty() {
		return true
	}
	if m.pub.empty() && b.hasFootnote(m.who.hi) {
		return false // footnote links name publications, not people
	}
	return m.rule.convention == "13" || rd.plausiblePeople(b, m)
}

// plausiblePeople reports whether all names in the WHO slot of match m may be names of people. If the match has no
// publication, at least one of the names must look like a person's.
func (rd *reading) plausiblePeople(b *block, m *match) bool {
	sure := 0
	for _, n := range nameSpans(rd.l, b, m.who) {
		toks := b.toks[n.lo:n.hi]
		p := rd.l.personScore(b.text, toks)
		if k := rd.r.pubs.knownSuffix(toks); k == len(toks) || k > 0 && p < 2 && !rd.r.endsUnknownName(rd.l, toks, k) {
			return false
		}
		// A single word that a class of the language contains is unlikely to be a surname.
		if p == 0 && (len(toks) > 1 || rd.l.known(toks[0].id)) {
			return false
		}
		sure += p
	}
	return sure > 0 || !m.pub.empty()
}

// insideHeadline reports whether the slots of match m are in the same linked or emphasized range. Such a range is more
// likely a headline: "Rents Rise in Every City But One" is not an article by Rents Rise.
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

// slotsSwapped reports whether the PUB slot holds a person's name and the WHO slot does not. The rule for "the
// Guardian's Ann Miller", in which the publication precedes the author, also matches "Adam Tooze's Chartbook", in which
// the author comes first.
func (rd *reading) slotsSwapped(b *block, m *match) bool {
	if m.who.empty() {
		return false
	}
	pub, who := b.toks[m.pub.lo:m.pub.hi], b.toks[m.who.lo:m.who.hi]
	return rd.l.personScore(b.text, pub) == 2 && rd.l.personScore(b.text, who) < 2 && !rd.l.looksLikePub(b.text, pub)
}

// nameSpans returns the spans of the names in span s, which is a list of people.
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

// pubSlot is an unknown name in the PUB slot of a match.
type pubSlot struct {
	rd   *reading
	b    *block
	m    *match
	name string
	// toks are the tokens of the name. Determiners at the beginning are removed, and so is a role after them, as "the
	// architect" in "the architect Renzo Piano".
	toks   []token
	bare   bool // no determiner precedes the name
	linked bool // the name is linked or emphasized, or has a footnote
	looks  bool // the name looks like that of a publication
}

// unlikelyPublication reports whether p, an unknown name in the PUB slot, is probably not a publication.
func (rd *reading) unlikelyPublication(b *block, m *match, p publisher) bool {
	s := &pubSlot{rd: rd, b: b, m: m, name: p.name, toks: b.toks[m.pub.lo:m.pub.hi]}
	k := rd.l.skipDeterminers(s.toks, 0)
	s.toks, s.bare = s.toks[k:], k == 0
	if len(s.toks) == 0 {
		return true
	}
	for !s.bare && len(s.toks) > 1 && s.toks[0].kind == tokWord && !s.toks[0].upper && !s.toks[0].digit {
		s.toks = s.toks[1:]
		s.bare = s.toks[0].upper
	}
	s.linked = b.linkIn(m.pub) != "" || b.isEmphasized(m.pub) || b.hasFootnote(m.pub.hi)
	s.looks = rd.l.looksLikePub(b.text, s.toks)
	return s.isNoun() || s.isTime() || s.isCommonWord() || s.isPerson() || s.isFirstWord() || s.isSpeaker() ||
		s.isUnmarkedWord()
}

// isNoun reports whether the name is only a noun in a language that capitalizes every noun, as German does: "Der
// Nachbar meinte: …".
func (s *pubSlot) isNoun() bool {
	return s.rd.l.nouns && s.m.who.empty() && len(s.toks) == 1 && s.b.linkIn(s.m.pub) == "" && !s.b.isEmphasized(s.m.pub) &&
		!isDomain(s.name) && !acronym(s.name) && !s.looks && s.b.toks[s.m.pub.lo].kind != tokOpen
}

// isTime reports whether the name begins with a month or a weekday, or is a number.
func (s *pubSlot) isTime() bool {
	t := s.toks[0]
	return s.rd.l.month(t.id) > 0 || s.rd.l.weekday.has(t.id) || t.digit && len(s.toks) == 1
}

// isCommonWord reports whether the name begins with a word that never begins a name, or is a single place, epithet or
// given name.
func (s *pubSlot) isCommonWord() bool {
	l, id := s.rd.l, s.toks[0].id
	if !s.looks && (l.notName.has(id) || l.stop.has(id)) {
		return true
	}
	return len(s.toks) == 1 && (l.place.has(id) || l.epithet.has(id) || l.given.has(id) && !s.linked)
}

// isPerson reports whether the name is more likely that of a person than that of a publication. It considers the shape
// of the name, its link, and whether it is the subject of a sentence.
func (s *pubSlot) isPerson() bool {
	if s.looks {
		return false
	}
	l, pub := s.rd.l, s.m.pub
	person := l.personScore(s.b.text, s.toks)
	if !s.linked && person == 2 {
		return true
	}
	if !s.m.who.empty() || !s.bare || s.b.hasFootnote(pub.hi) || hostNamed(s.b.linkIn(pub), s.name) {
		return false
	}
	if person == 2 || person == 1 && s.isSubject() {
		return true
	}
	// A linked name after "in" is a work, even if it joins two names: Pride and Prejudice.
	return (!s.linked || s.isSubject()) && l.allPeople(s.toks) && hasAnd(l, s.toks)
}

// isSubject reports whether the name begins its block, follows "by", or does not follow a preposition such as "at" or
// "in".
func (s *pubSlot) isSubject() bool {
	if s.m.pub.lo == 0 {
		return true
	}
	l, before := s.rd.l, s.b.toks[s.m.pub.lo-1].id
	return !l.at.has(before) || l.by.has(before)
}

// isWord reports whether the name is a single word that neither a determiner nor markup identifies as a name.
func (s *pubSlot) isWord() bool { return len(s.toks) == 1 && s.bare && !s.linked && !isDomain(s.name) }

// isFirstWord reports whether the name is a word at the beginning of a sentence, which is always capitalized.
func (s *pubSlot) isFirstWord() bool {
	return s.m.rule.convention == "7" && s.m.pub.lo == s.m.clause.lo && s.isWord()
}

// isSpeaker reports whether the name is a single word before a verb. It is a person, as in "Krugman writes", unless the
// verb is "reports", as in "Engadget reports".
func (s *pubSlot) isSpeaker() bool {
	if c := s.m.rule.convention; c != "3" && (c != "7" || s.m.pub.lo > 0) {
		return false
	}
	next := s.m.pub.hi
	return s.isWord() && next < len(s.b.toks) && !s.rd.l.report.has(s.b.toks[next].id) && !s.looks
}

// isUnmarkedWord reports whether a name before a colon is too weak to be a publication: it has no markup, does not
// begin with a known name (as "Politico Europe" does), and is a single word or does not look like a publication's name.
func (s *pubSlot) isUnmarkedWord() bool {
	return s.m.rule.convention == "2" && !s.linked && !isDomain(s.name) && (len(s.toks) == 1 || !s.looks) &&
		s.rd.r.pubs.knownPrefix(s.toks, false) == 0
}

// hasAnd reports whether the tokens contain a word for "and".
func hasAnd(l *language, toks []token) bool {
	return slices.ContainsFunc(toks, func(t token) bool { return l.and.has(t.id) })
}

// isEmphasized reports whether an em, i or cite element ends with the span and begins within it.
func (b *block) isEmphasized(s span) bool {
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
