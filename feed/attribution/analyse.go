package attribution

import (
	"slices"
)

// analysis is what the clauses of a block say.
type analysis struct {
	lead, inline, mention, tail, back, summary *match
	private                                    bool // the lead names a private person, or the blog itself
	after                                      span // the tokens after the lead
	before                                     span // and before it
	// The block read as a credit of what stands before it; nil if that was not tried.
	tailCitation *citation
	tailWeight   float64
}

func (rd *reading) matcherFor(b *block) *matcher {
	x := &rd.matcherState
	x.r, x.l, x.b, x.toks, x.plausible = rd.r, rd.l, b, b.toks, rd.plausibleSlots
	return x
}

// analyse searches the clauses of block i for credits. The result is kept.
func (rd *reading) analyse(i int) *analysis {
	if rd.analyses[i] != nil {
		return rd.analyses[i]
	}
	a := &analysis{}
	rd.analyses[i] = a
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
		case placeTold:
			// What is quoted is the speaker's, and the paper is the source only of a whole passage.
			if a.lead == nil && s.hi == len(b.toks) && rd.precedesQuotation(i) {
				m.rule = &rule{convention: "7", position: placeLead, weight: 0.4}
				a.lead, a.before, a.after = m, span{0, s.lo}, span{s.hi, len(b.toks)}
			}
		case placeLead, placeHead, placeBack, placeLetter, placeSelf:
			// A credit without a publication has to begin a line, end a paragraph, or stand before quotation marks; within a
			// paragraph it is more likely speech that is reported.
			weak := m.pub.empty() && m.rule.position == placeLead
			followed := s.hi < len(b.toks)
			if followed && b.toks[s.hi].kind == tokWord && !b.toks[s.hi].upper && !b.toks[s.hi].digit &&
				!b.isMarked(b.toks[s.hi]) {
				return true // the sentence goes on after its colon
			}
			if a.lead != nil || weak && followed && b.toks[s.hi].kind != tokOpen {
				return true
			}
			if weak && followed && s.lo > 0 && m.who.hi-m.who.lo == 1 && rd.l.given.has(b.toks[m.who.lo].id) {
				return true // "Anna said: …", in a story, is somebody the blogger knows
			}
			a.lead, a.before, a.after = m, span{0, s.lo}, span{s.hi, len(b.toks)}
			a.private = m.rule.position == placeLetter || m.rule.position == placeSelf
			if m.rule.position == placeBack {
				a.back = m
			}
		case placeTail:
			switch {
			case s.hi == len(b.toks) || rd.onlyBracketsFrom(b, s.hi):
				a.tail = m
			case a.inline == nil && s.lo > 4 && quotedEnd(b.toks, 0) == s.lo:
				// “…” So wrote A in X. And then the blogger.
				m.quote, m.clause.lo = span{0, s.lo}, 0
				a.inline = m
			}
		case placeInline:
			if a.inline == nil {
				a.inline = m
			}
		case placeMention:
			if !rd.startsLikeVia(b, s) {
				a.mention = m
			}
		case placeSummary:
			if a.summary == nil {
				a.summary = m
			}
		default:
		}
		return true
	})
	return a
}

// givesThanks reports whether the clause begins like a via: "(H/T X)", "Thanks to X for the coverage". It names nobody
// whose words follow.
func (rd *reading) startsLikeVia(b *block, s span) bool {
	if s.lo < s.hi && b.toks[s.lo].kind == tokPunct {
		s.lo++
	}
	return phraseEnd(rd.l.via, b.toks[s.lo:s.hi]) > 0
}

// beforeQuotation reports whether a quotation element follows block i.
func (rd *reading) precedesQuotation(i int) bool {
	n := rd.skipBoilerplate(i + 1)
	return n < len(rd.doc.blocks) && rd.doc.blocks[n].quotation != nil
}

// marked reports whether an emphasised stretch or a q element begins with the token.
func (b *block) isMarked(t token) bool {
	return slices.ContainsFunc(b.runs,
		func(r run) bool { return (r.kind == runEmphasis || r.kind == runQuote) && r.start == t.start })
}

// footnoted reports whether a footnote's number stands at token k: "[1]".
func (b *block) hasFootnote(k int) bool {
	return k+2 < len(b.toks) && b.toks[k].ch == '[' && b.toks[k+1].digit && b.toks[k+2].ch == ']'
}

// onlyGroups reports whether only brackets stand after token k.
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

// names reports whether what the match found in its slots can be what it should be: a publication that is not a
// month, a place or a common word, persons that look like persons.
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
		return false // sites that set their links as footnotes link to publications
	}
	if !m.who.empty() && m.rule.convention != "13" {
		sure := 0
		for _, n := range nameSpans(rd.l, b, m.who) {
			if k := rd.r.pubs.knownSuffix(b.toks[n.lo:n.hi]); k == n.hi-n.lo ||
				k > 0 && !rd.r.endsUnknownName(rd.l, b.toks[n.lo:n.hi], k) && rd.l.personScore(b.text, b.toks[n.lo:n.hi]) < 2 {
				return false
			}
			p := rd.l.personScore(b.text, b.toks[n.lo:n.hi])
			// A word that is in the lexicon for something else is hardly a surname.
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

// withinTitle reports whether the slots are pieces of one linked or emphasised stretch that is more likely a headline:
// "Rents Rise in Every City But One" is not by Rents Rise.
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

// swapped reports whether an unknown name in a PUB slot is surely a person's, and that in the WHO slot is not: "Adam
// Tooze's Chartbook" reads like "the Guardian's A".
func (rd *reading) slotsSwapped(b *block, m *match) bool {
	if m.who.empty() {
		return false
	}
	pub, who := b.toks[m.pub.lo:m.pub.hi], b.toks[m.who.lo:m.who.hi]
	return rd.l.personScore(b.text, pub) == 2 && rd.l.personScore(b.text, who) < 2 && !rd.l.looksLikePub(b.text, pub)
}

// splitSpans cuts a list of persons into the spans of the single names.
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

// unlikely reports whether an unknown name in a PUB slot is more likely something else.
func (rd *reading) unlikelyPublication(b *block, m *match, p publisher) bool {
	toks := b.toks[m.pub.lo:m.pub.hi]
	k := rd.l.skipDeterminers(toks, 0)
	toks = toks[k:]
	if len(toks) == 0 {
		return true
	}
	for k > 0 && len(toks) > 1 && toks[0].kind == tokWord && !toks[0].upper && !toks[0].digit {
		toks = toks[1:] // "the architect A"
		if len(toks) > 0 && toks[0].upper {
			k = 0
		}
	}
	// Where every noun is capitalised, a capital says nothing: "Der Nachbar meinte: …"
	if rd.l.nouns && m.who.empty() && len(toks) == 1 && b.linkIn(m.pub) == "" && !b.isEmphasised(m.pub) &&
		!isDomain(p.name) && !acronym(p.name) &&
		!rd.l.looksLikePub(b.text, toks) && b.toks[m.pub.lo].kind != tokOpen {
		return true
	}
	linked := b.linkIn(m.pub) != "" || b.isEmphasised(m.pub) || b.hasFootnote(m.pub.hi)
	t := toks[0]
	if _, month := rd.l.months[t.id]; month || rd.l.weekday.has(t.id) || t.digit && len(toks) == 1 {
		return true
	}
	if (rd.l.notName.has(t.id) || rd.l.stop.has(t.id)) && !rd.l.looksLikePub(b.text, toks) {
		return true
	}
	if len(toks) == 1 && (rd.l.place.has(t.id) || rd.l.epithet.has(t.id) || rd.l.given.has(t.id) && !linked) {
		return true
	}
	// Two capitalised words with a given name are a person, unless they link elsewhere.
	if !linked && rd.l.personScore(b.text, toks) == 2 && !rd.l.looksLikePub(b.text, toks) {
		return true
	}
	// Where the name is all there is, or the subject of the sentence, it is as likely a person's.
	if m.who.empty() && k == 0 && !b.hasFootnote(m.pub.hi) && !hostNamed(b.linkIn(m.pub), p.name) &&
		!rd.l.looksLikePub(b.text, toks) {
		person := rd.l.personScore(b.text, toks)
		subject := m.pub.lo == 0 || !rd.l.at.has(b.toks[m.pub.lo-1].id) || rd.l.by.has(b.toks[m.pub.lo-1].id)
		// What is linked and stands after "in" is a work, also if it is a pair: Pride and Prejudice.
		pair := (subject || !linked) && rd.l.allPeople(toks) && hasAnd(rd.l, toks)
		if person == 2 || person == 1 && subject || pair {
			return true
		}
	}
	// The first word of a sentence is capitalised anyway.
	if m.rule.convention == "7" && m.pub.lo == m.clause.lo && len(toks) == 1 && k == 0 && !linked && !isDomain(p.name) {
		return true
	}
	// "Krugman writes", but "Engadget reports"
	if next := m.pub.hi; (m.rule.convention == "3" || m.rule.convention == "7" && m.pub.lo == 0) && len(toks) == 1 &&
		k == 0 && !linked && !isDomain(p.name) &&
		next < len(b.toks) && !rd.l.report.has(b.toks[next].id) && !rd.l.looksLikePub(b.text, toks) {
		return true
	}
	if rd.r.pubs.knownPrefix(toks, false) > 0 {
		return false // "Politico Europe"
	}
	return m.rule.convention == "2" && !linked && len(toks) == 1 && !isDomain(p.name) ||
		m.rule.convention == "2" && !linked && !isDomain(p.name) && !rd.l.looksLikePub(b.text, toks)
}

func hasAnd(l *language, toks []token) bool {
	return slices.ContainsFunc(toks, func(t token) bool { return l.and.has(t.id) })
}

// emphasised reports whether the stretch, determiners aside, is set in italics or the like.
func (b *block) isEmphasised(s span) bool {
	last := b.toks[s.hi-1].end
	for _, r := range b.runs {
		if (r.kind == runEmphasis || r.kind == runCite) && r.end == last && r.start >= b.toks[s.lo].start {
			return true
		}
	}
	return false
}
