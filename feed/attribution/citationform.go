package attribution

// This file classifies the parts of a citation that can be recognized by their form, such as "by A" or a date.

// readPart classifies part p without considering the other parts, and adds it to the citation. It reports whether p
// could be classified. If first is set, p is the first part.
func (x *citationReader) readPart(p part, first bool) bool {
	toks := x.b.toks[p.lo:p.hi]
	switch {
	case x.readDate(p):
		return true
	case p.sep == '(':
		return x.readGroup(p)
	case x.isIgnored(p):
		return true
	case p.quoted:
		return x.readQuotedTitle(p)
	case x.readVia(p), x.readByPeople(p), x.readByPublication(p), x.readHeadlineBy(p), x.readPersonIn(p), x.readJournalist(p):
		return true
	case x.where == inByline && first:
		return x.readPeople(p.span)
	case x.l.allRoles(toks):
		return true
	case x.readEmployer(p), x.readPublication(p.span, false):
		return true
	case x.l.surePeople(x.b.text, toks, len(x.c.authors) == 0):
		x.addAuthors(toks)
		return true
	}
	return false
}

// readDate adds a date to the citation.
func (x *citationReader) readDate(p part) bool {
	toks := x.b.toks[p.lo:p.hi]
	if end, d := x.l.date(x.b.text, toks, 0); end == len(toks) {
		if x.c.date.month == 0 {
			x.c.date = d
		}
		return true
	}
	if len(toks) > 1 {
		return false
	}
	d, ok := compactDate(p.text)
	if ok {
		x.c.date = d
	}
	return ok
}

// readGroup adds a part in brackets to the citation: vias, a publication, or a nested citation.
func (x *citationReader) readGroup(p part) bool {
	in := span{p.lo + 1, p.hi - 1}
	if in.empty() {
		return true
	}
	c := &x.c
	if cue := phraseEnd(x.l.via, x.b.toks[in.lo:in.hi]); cue > 0 {
		x.addVias(in, cue, !c.empty())
		return true
	}
	inner := x.r.readCitation(x.l, x.b, in, inGroup)
	if inner.date.month != 0 && c.date.month == 0 {
		c.date = inner.date
	}
	if inner.pub.name != "" {
		c.addPub(inner.pub)
	}
	if len(inner.authors) > 0 && len(c.authors) == 0 {
		c.authors = inner.authors
	}
	if inner.headline != "" && c.headline == "" {
		c.headline = inner.headline
	}
	c.vias = append(c.vias, inner.vias...)
	c.guessed = c.guessed || inner.guessed
	return true
}

// isIgnored reports whether the part says nothing that a credit needs: a year without a day, such as "2002" or "May
// 2002", a time of day, or a label.
func (x *citationReader) isIgnored(p part) bool {
	toks := x.b.toks[p.lo:p.hi]
	if len(toks) == 1 {
		if _, ok := year(p.text); ok || x.l.label.has(toks[0].id) {
			return true
		}
	}
	return x.l.isMonthAndYear(x.b.text, toks) || x.l.isTime(x.b.text, toks)
}

// readQuotedTitle sets the headline to the part, which is in quotation marks, unless there is a headline already.
func (x *citationReader) readQuotedTitle(p part) bool {
	if x.c.headline != "" {
		return false
	}
	x.c.headline = p.text
	return true
}

// readVia adds the vias of the form "via X".
func (x *citationReader) readVia(p part) bool {
	cue := phraseEnd(x.l.via, x.b.toks[p.lo:p.hi])
	if cue == 0 || cue == p.hi-p.lo {
		return false
	}
	x.addVias(p.span, cue, true)
	return true
}

// addVias adds the vias in the span, which begins with a cue of the given number of tokens, such as "via".
func (x *citationReader) addVias(s span, cue int, cited bool) {
	phrase := viaPhrase{cue: span{s.lo, s.lo + cue}, names: span{s.lo + cue, s.hi}, cited: cited}
	x.c.vias = append(x.c.vias, x.r.readVias(x.l, x.b, phrase)...)
}

// readByPeople adds the authors of the form "by A".
func (x *citationReader) readByPeople(p part) bool {
	by := phraseEnd(x.l.by, x.b.toks[p.lo:p.hi])
	return by > 0 && by < p.hi-p.lo && x.readPeople(span{p.lo + by, p.hi})
}

// readByPublication adds the publication of a form such as "interviewed by X".
func (x *citationReader) readByPublication(p part) bool {
	toks := x.b.toks[p.lo:p.hi]
	if len(toks) >= 10 {
		return false
	}
	for k := 1; k < len(toks)-1; k++ {
		if x.l.by.has(toks[k].id) && !toks[k-1].upper &&
			x.r.pubs.knownPrefix(toks[x.l.skipDeterminers(toks, k+1):], true) > 0 &&
			x.readPublication(span{p.lo + k + 1, p.hi}, false) {
			return true
		}
	}
	return false
}

// readHeadlineBy adds the headline and the authors of the form "H by A". In a line without a mark, the headline must be
// linked or emphasized.
func (x *citationReader) readHeadlineBy(p part) bool {
	if x.where == inByline || x.c.headline != "" {
		return false
	}
	toks := x.b.toks[p.lo:p.hi]
	for k := len(toks) - 2; k > 0; k-- {
		if !x.l.by.hasLower(toks[k]) || x.where == inLine && linkedEnd(x.b, x.b.toks[:p.hi], p.lo) != p.lo+k {
			continue
		}
		if authors := toks[k+1:]; x.l.allPeople(authors) && x.l.personScore(x.b.text, authors) > 0 {
			x.addAuthors(authors)
			x.c.headline = cleanHeadline(x.b.slice(span{p.lo, p.lo + k}))
			return true
		}
	}
	return false
}

// readPersonIn adds the authors and the publication of the forms "A in X" and "A for X", and the publication of
// "inscription quoted in X".
func (x *citationReader) readPersonIn(p part) bool {
	toks := x.b.toks[p.lo:p.hi]
	for k := len(toks) - 2; k > 0; k-- {
		if !x.l.in.hasLower(toks[k]) {
			continue
		}
		people := x.l.allPeople(toks[:k])
		sure := people && x.l.surePeople(x.b.text, toks[:k], false)
		if p.emphasized && !sure {
			people = false // the title of a work: "Birds of America"
		}
		if !people && (x.where != inCredit || len(toks) >= 16) {
			continue
		}
		if x.readPublication(span{p.lo + k + 1, p.hi}, sure || people && x.where == inCredit) {
			if people {
				x.addAuthors(toks[:k])
			}
			return true
		}
	}
	return false
}

// readJournalist adds the publication and the author of the form "New York Times journalist A".
func (x *citationReader) readJournalist(p part) bool {
	toks := x.b.toks[p.lo:p.hi]
	isRole := func(t token) bool { return x.l.role.has(t.id) || t.kind == tokPoss }
	for k := 1; k < len(toks)-1; k++ {
		if !isRole(toks[k]) || x.r.pubs.lookup(x.b.slice(span{p.lo, p.lo + k})) == nil {
			continue
		}
		name := k
		for name < len(toks)-1 && isRole(toks[name]) {
			name++
		}
		if x.l.personScore(x.b.text, toks[name:]) == 0 {
			return false
		}
		x.readPublication(span{p.lo, p.lo + k}, false)
		x.addAuthors(toks[name:])
		return true
	}
	return false
}

// readEmployer adds the publication before a role: "Associated Press Writer", "AP Business Writer".
func (x *citationReader) readEmployer(p part) bool {
	toks := x.b.toks[p.lo:p.hi]
	for n := 1; n <= x.l.trailingRoles(toks) && n < len(toks); n++ {
		if x.readPublication(span{p.lo, p.hi - n}, false) {
			return true
		}
	}
	return false
}

// readPublication adds the text of the span to the citation if it is a publication: a known name, a host name, a name
// with a word typical of publications, or a linked name that is part of the host. If loose is set, any name is
// accepted.
func (x *citationReader) readPublication(s span, loose bool) bool {
	if s.empty() || s.hi-s.lo > 9 {
		return false
	}
	text := x.b.slice(s)
	p := x.r.publisherOf(x.l, text)
	if p.known == nil || !x.r.coversName(x.l, x.b, s) {
		p.known = nil
		if !x.isCapitalized(s) ||
			!(loose || isDomain(text) || x.l.looksLikePub(x.b.text, x.b.toks[s.lo:s.hi]) || hostNamed(x.b.linkIn(s), p.name)) {
			return false
		}
	}
	x.c.addPub(p)
	return true
}

// isCapitalized reports whether the whole span is a run of capitalized words.
func (x *citationReader) isCapitalized(s span) bool {
	toks := x.b.toks[s.lo:s.hi]
	k := x.l.skipDeterminers(toks, 0)
	return k < len(toks) && nameStart(x.l, toks, k) && x.l.nameEnd(toks, k) == len(toks)
}

// readPeople adds the people named in the span to the citation, without the place or role that follows them in a
// byline: "A, B and C in Washington", "A of the Post". It reports whether it found any.
func (x *citationReader) readPeople(s span) bool {
	toks := x.b.toks[s.lo:s.hi]
	// A place or a publication follows the names.
	for k := 1; k < len(toks)-1; k++ {
		if x.l.in.hasLower(toks[k]) && x.l.allPeople(toks[:k]) {
			x.addAuthors(toks[:k])
			return true
		}
	}
	if x.readPublication(s, false) && x.where == inByline {
		return true // "By Associated Press": the agency, not a person
	}
	if n := x.l.trailingRoles(toks); n > 0 {
		if n < len(toks) && x.l.corporate.has(toks[len(toks)-1].id) {
			// "By DAILY MAIL REPORTER" is a byline without a person; it is kept unchanged.
			x.c.authors = append(x.c.authors, x.b.slice(s))
			return true
		}
		toks = toks[:len(toks)-n]
	}
	if len(toks) == 0 || !x.l.allPeople(toks) {
		return false
	}
	x.addAuthors(toks)
	return true
}

// addAuthors adds the people in a list of names to the authors.
func (x *citationReader) addAuthors(toks []token) {
	x.c.authors = append(x.c.authors, x.l.splitPeople(x.b.text, toks)...)
}
