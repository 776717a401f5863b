package attribution

import (
	"slices"
	"strings"
)

// This file checks the names of a credit against the words around them: an employer is not a publication, the subject
// of an article is not its author, and a source that is only mentioned is not published.

// nameContext is an occurrence of a name in a credit block.
type nameContext struct {
	b      *block
	at     span // tokens of the name
	before int  // end of the tokens before the name, its determiners and epithets
}

// contextsOf returns the first occurrence of the name in each credit block of s.
func (rd *reading) contextsOf(s *source, name string) []nameContext {
	var found []nameContext
	for _, k := range s.creditBlocks {
		b := rd.doc.blocks[k]
		lo, at, ok := b.findName(name)
		if !ok || at.empty() {
			continue
		}
		for lo > 0 && (rd.l.det.has(b.toks[lo-1].id) || rd.l.epithet.has(b.toks[lo-1].id)) {
			lo--
		}
		found = append(found, nameContext{b: b, at: at, before: lo})
	}
	return found
}

// dropEmployer removes a publication that is only the organization of a person, as in "Ann Reed, founder of Acme", "Ann
// Reed from Acme" and "the company Acme".
func (rd *reading) dropEmployer(s *source) {
	if s.pub.name == "" || s.copiedHeader || s.hasHeader {
		return
	}
	if rd.isLinkedEmployer(s) {
		s.pub, s.url = publisher{}, ""
		return
	}
	named := hostNamed(s.url, s.pub.name) || s.pub.known != nil && rd.r.pubs.byHost(s.url) == s.pub.known
	if slices.ContainsFunc(rd.contextsOf(s, s.pub.name), func(c nameContext) bool {
		return rd.isEmployer(s, c, named) || !named && rd.isAffiliation(s, c)
	}) {
		s.pub = publisher{}
	}
}

// isLinkedEmployer reports whether the unknown publication of s is the organization in which its author has a position,
// and the URL of s is only the link on its name: "Ann Reed, director of sales at [Acme](…), writes:".
func (rd *reading) isLinkedEmployer(s *source) bool {
	if s.pub.known != nil || len(s.authors) == 0 || s.url == "" {
		return false
	}
	return slices.ContainsFunc(rd.contextsOf(s, s.pub.name), func(c nameContext) bool {
		toks, _ := rd.beforeEmployer(c)
		author := c.b.endOfNames(s.authors, len(toks))
		return author > 0 && c.b.linkIn(c.at) == s.url && isMark(toks, author, ',') && rd.hasPosition(toks[author:])
	})
}

// endOfNames returns the end of the last of the names that ends before the given token of the block, or 0.
func (b *block) endOfNames(names []string, before int) int {
	end := 0
	for _, name := range names {
		if _, at, ok := b.findName(name); ok && at.hi < before {
			end = max(end, at.hi)
		}
	}
	return end
}

// hasPosition reports whether the tokens contain a position in an organization, such as "chief executive".
func (rd *reading) hasPosition(toks []token) bool {
	for i := range toks {
		if phraseEnd(rd.l.position, toks[i:]) > 0 {
			return true
		}
	}
	return false
}

// isEmployer reports whether the publication of s, which occurs at c, is the organization of a person. If named is set,
// the article is on the organization's own site, which makes it the publication.
func (rd *reading) isEmployer(s *source, c nameContext, named bool) bool {
	toks, firm := rd.beforeEmployer(c)
	if toks == nil {
		return false
	}
	if rd.endsWithPosition(toks) {
		return !named
	}
	if c.b.toks[c.before].upper && rd.l.det.has(c.b.toks[c.before].id) {
		return false // "Ann Reed of The Bugle"
	}
	if named || s.pub.known != nil || rd.isMarkedName(s) || rd.l.looksLikePub(c.b.text, c.b.toks[c.at.lo:c.at.hi]) {
		return false
	}
	for _, author := range s.authors {
		_, at, ok := c.b.findName(author)
		if !ok || at.empty() || at.hi > len(toks) {
			continue
		}
		return firm || at.hi == len(toks) || rd.isApposition(toks[at.hi:])
	}
	return false
}

// beforeEmployer returns the tokens before the preposition ("of", "at") that precedes the name, and whether a word for
// a company is between the preposition and the name. The tokens are nil if no such preposition precedes the name.
func (rd *reading) beforeEmployer(c nameContext) (toks []token, firm bool) {
	toks = c.b.toks[:c.before]
	firm = len(toks) > 0 && rd.l.firm.has(toks[len(toks)-1].id)
	for len(toks) > 0 && (rd.l.firm.has(toks[len(toks)-1].id) || rd.l.det.has(toks[len(toks)-1].id)) {
		toks = toks[:len(toks)-1]
	}
	last := len(toks) - 1
	if last < 1 || !rd.l.employ.has(toks[last].id) || toks[last].upper {
		return nil, false
	}
	return toks[:last], firm
}

// completeInstitution adds the capitalized words before an unknown publication that begins with a word such as
// "University", and removes authors that are part of the whole name: "the Ann Reed University Library".
func (rd *reading) completeInstitution(s *source) {
	if s.pub.known != nil || s.pub.name == "" {
		return
	}
	for _, c := range rd.contextsOf(s, s.pub.name) {
		if !rd.l.institution.has(c.b.toks[c.at.lo].id) {
			continue
		}
		lo := c.at.lo
		for lo > 0 && c.b.toks[lo-1].kind == tokWord && c.b.toks[lo-1].upper && !rd.l.det.has(c.b.toks[lo-1].id) && !rd.l.stop.has(c.b.toks[lo-1].id) {
			lo--
		}
		if lo == c.at.lo {
			continue
		}
		name := c.b.slice(span{lo, c.at.hi})
		s.pub = publisher{name: name, known: rd.r.pubs.lookup(name)}
		s.authors = slices.DeleteFunc(slices.Clone(s.authors), func(a string) bool { return strings.Contains(name, a) })
		return
	}
}

// withoutEmployer returns the tokens of a person's name before a word for a company and the preposition before it, as
// in "Ann Reed of the company Acme".
func (rd *reading) withoutEmployer(toks []token) []token {
	for i, t := range toks {
		if !rd.l.firm.has(t.id) {
			continue
		}
		for i > 0 && (rd.l.employ.has(toks[i-1].id) || rd.l.det.has(toks[i-1].id)) {
			i--
		}
		return toks[:i]
	}
	return toks
}

// endsWithPosition reports whether the tokens end in a position in an organization, such as "chief executive".
func (rd *reading) endsWithPosition(toks []token) bool {
	var ends [4]int
	for i := max(0, len(toks)-3); i < len(toks); i++ {
		if slices.Contains(rd.l.position.phraseEnds(toks, i, ends[:0]), len(toks)) {
			return true
		}
	}
	return false
}

// isApposition reports whether the tokens after a person's name describe the person without a word for writing, as in
// ", a surveyor at".
func (rd *reading) isApposition(toks []token) bool {
	if toks[0].kind != tokPunct || toks[0].ch != ',' {
		return false
	}
	described := false
	for _, t := range toks[1:] {
		if t.kind != tokWord || rd.l.say.has(t.id) || rd.l.piece.has(t.id) || rd.l.role.has(t.id) || rd.l.report.has(t.id) {
			return false
		}
		described = described || !t.upper && !rd.l.stop.has(t.id) && !rd.l.det.has(t.id)
	}
	return described
}

// replaceGenericName replaces a publication that consists only of nouns such as "the company blog" by the publication
// that the URL's host identifies.
func (rd *reading) replaceGenericName(s *source) {
	if s.pub.name == "" || s.pub.known != nil || hostNamed(s.url, s.pub.name) || !rd.isGenericName(s.pub.name) {
		return
	}
	s.pub = publisher{}
	if h := hostOf(s.url); h != "" {
		s.pub = rd.publisherOfHost(s.url)
	}
}

// isGenericName reports whether the name consists of generic nouns and function words, such as "the company blog".
func (rd *reading) isGenericName(name string) bool {
	toks := rd.r.lx.tokenize(name, nil)
	generic := 0
	for _, t := range toks {
		switch {
		case rd.l.generic.has(t.id):
			generic++
		case t.kind != tokWord || rd.l.stop.has(t.id) || rd.l.det.has(t.id) || rd.l.connector.has(t.id) || rd.l.common.has(t.id):
		default:
			return false
		}
	}
	return generic > 0
}

// isSubject reports whether the given span of block b is the name of someone whom a text is about rather than its
// author: "a story about Ann Reed". A verb of saying after the name or a word such as "by" before it makes it the
// author.
func (rd *reading) isSubject(b *block, at span) bool {
	if at.hi < len(b.toks) && (rd.l.say.has(b.toks[at.hi].id) || announces(b.toks[at.hi])) {
		return false
	}
	depth := 0
	for k := at.lo - 1; k >= 0; k-- {
		t := b.toks[k]
		switch {
		case isMark(b.toks, k, ')'):
			depth++
		case isMark(b.toks, k, '('):
			if depth == 0 {
				return rd.isDescription(b.toks[k+1 : at.lo])
			}
			depth--
		case k < at.lo-1 && isMark(b.toks, k, ','), rd.endsSubject(b, k):
			return false
		case t.kind == tokWord && !t.upper && rd.isAboutBefore(b, k, at.lo):
			return true
		}
	}
	return false
}

// endsSubject reports whether words before token k cannot make a name after it a subject: the token ends a clause, or
// it is "by", "from" or a verb of saying.
func (rd *reading) endsSubject(b *block, k int) bool {
	switch t := b.toks[k]; {
	case t.kind == tokOpen, t.kind == tokDash:
		return true
	case t.kind == tokPunct:
		before := b.toks[max(0, k-1)]
		return strings.ContainsRune(".:;!?", t.ch) && !rd.l.abbreviation.has(before.id) && !before.upper
	case t.kind != tokWord || t.upper:
		return false
	default:
		return rd.l.by.has(t.id) || rd.l.from.has(t.id) || rd.l.say.has(t.id) && !rd.l.stop.has(t.id)
	}
}

// isAboutBefore reports whether a phrase such as "about" begins at token k and ends before token end.
func (rd *reading) isAboutBefore(b *block, k, end int) bool {
	var ends [4]int
	return slices.ContainsFunc(rd.l.about.phraseEnds(b.toks, k, ends[:0]), func(e int) bool { return e <= end })
}

// isInterviewed reports whether the given span of block b is the name of a person who was interviewed or profiled, as
// in "in a profile by the Bugle, Ann Reed says". A word such as "by" before the name makes it the author.
func (rd *reading) isInterviewed(b *block, at span) bool {
	lo := at.lo
	for lo > 0 && b.toks[lo-1].kind == tokWord && rd.isDescriptive(b.toks[lo-1]) {
		lo--
	}
	if lo > 0 && rd.l.by.has(b.toks[lo-1].id) || at.hi < len(b.toks) && b.toks[at.hi].kind == tokPoss {
		return false
	}
	in := rd.sentenceAround(b.toks, at)
	for k := in.lo; k < in.hi; k++ {
		if rd.l.meeting.has(b.toks[k].id) && (k < at.lo || k >= at.hi) && rd.isMeetingWith(b, k, in.lo, at) {
			return true
		}
	}
	return false
}

// isDescriptive reports whether the word can stand between "by" and a name: a determiner, an epithet or a role.
func (rd *reading) isDescriptive(t token) bool {
	return rd.l.det.has(t.id) || rd.l.epithet.has(t.id) || rd.l.role.has(t.id)
}

// isMeetingWith reports whether the interview or profile at token k, in a sentence that begins at token lo, is with or
// about the person named in the given span: the interview follows the name or a preposition such as "in", or "with" or
// "of" stands between the interview and the name.
func (rd *reading) isMeetingWith(b *block, k, lo int, at span) bool {
	if k == at.hi || slices.ContainsFunc(b.toks[max(lo, k-3):k], func(t token) bool { return rd.l.in.has(t.id) && t.id != 0 }) {
		return true
	}
	return k < at.lo && slices.ContainsFunc(b.toks[k+1:at.lo], func(t token) bool {
		return rd.l.with.has(t.id) || rd.l.genitive.has(t.id)
	})
}

// withoutSurnames returns the names with each lone surname replaced by the full name that the post contains. If the
// post contains none, the surname is removed, because it does not identify a person. Given names, user names and the
// surnames of several authors are not changed.
func (rd *reading) withoutSurnames(names []string) []string {
	var kept []string
	for _, name := range names {
		toks := rd.r.lx.tokenize(name, nil)
		if len(toks) != 1 || len(names) > 1 || !toks[0].upper || rd.l.given.has(toks[0].id) || acronym(name) {
			kept = append(kept, name)
		} else if full := rd.fullName(name); full != "" {
			kept = append(kept, full)
		}
	}
	return kept
}

// fullName returns the first name in the post that consists of a given name and the surname, or "".
func (rd *reading) fullName(surname string) string {
	if rd.fullNames == nil {
		rd.fullNames = make(map[string]string)
		for _, b := range rd.doc.blocks {
			for k := 1; k < len(b.toks); k++ {
				t, before := b.toks[k], b.toks[k-1]
				if t.kind != tokWord || !t.upper || !before.upper || !rd.l.given.has(before.id) || rd.l.given.has(t.id) || rd.l.stop.has(t.id) {
					continue
				}
				if name := b.text[t.start:t.end]; rd.fullNames[name] == "" {
					rd.fullNames[name] = b.slice(span{k - 1, k + 1})
				}
			}
		}
	}
	return rd.fullNames[surname]
}

// isDescription reports whether the tokens before a name in brackets describe something, as in "(in this case that of
// the Ballads of Ann Reed)", rather than name its author.
func (rd *reading) isDescription(toks []token) bool {
	if len(toks) < 3 || rd.l.by.has(toks[0].id) || rd.l.via.has(toks[0].id) {
		return false
	}
	for len(toks) > 1 && rd.l.det.has(toks[len(toks)-1].id) {
		toks = toks[:len(toks)-1]
	}
	last := toks[len(toks)-1]
	return rd.l.employ.has(last.id) && !rd.l.by.has(last.id) && !slices.ContainsFunc(toks, func(t token) bool {
		return t.kind == tokPunct && t.ch == ',' || rd.l.say.has(t.id) && !rd.l.stop.has(t.id)
	})
}

// isOnlyMentioned reports whether s, whose credit is in block b, has no passage and is named without being quoted: it
// has no publication, it is a site that hosts videos or code, it is named in a remark in brackets, it reported on the
// author's own work, block b begins with words such as "see also", or it is emphasized like the caption of a picture.
func (rd *reading) isOnlyMentioned(s *source, b *block) bool {
	if len(s.passages) > 0 || s.entry || s.copiedHeader {
		return false
	}
	if s.pub.name == "" {
		return !s.clear
	}
	if rd.isMedia(s) || phraseEnd(rd.l.further, b.toks) > 0 || s.date.month == 0 && isCaption(b) || rd.isUnmarked(s) {
		return true
	}
	return slices.ContainsFunc(rd.contextsOf(s, s.pub.name), func(c nameContext) bool {
		return rd.isRemark(s, c) || rd.isCoverage(c)
	})
}

// isCaption reports whether block b is emphasized like the caption of a picture and announces nothing.
func isCaption(b *block) bool { return b.isWholly(runEmphasis) && !announces(b.toks[len(b.toks)-1]) }

// isUnmarked reports whether s has authors and an unknown publication, whose name is not marked, and no URL, and
// its credit has no clear form.
func (rd *reading) isUnmarked(s *source) bool {
	return s.pub.known == nil && !s.clear && len(s.authors) > 0 && s.url == "" && !rd.isMarkedName(s) && !rd.hasPerson(s)
}

// isMedia reports whether the URL of s or, if there is none, the publication is a site that hosts videos or code.
func (rd *reading) isMedia(s *source) bool {
	return isMediaHost(s.url) || s.url == "" && s.pub.known != nil && slices.ContainsFunc(s.pub.known.Domains, isMediaHost)
}

// dropAside removes an unknown publication that is emphasized within a sentence and not named as its origin: "I just
// finished reading Moby-Dick".
func (rd *reading) dropAside(s *source) {
	if s.pub.known == nil && s.pub.name != "" && rd.isAside(s) {
		s.pub = publisher{}
	}
}

// isAside reports whether the publication of s is emphasized within a sentence and not named as its origin.
func (rd *reading) isAside(s *source) bool {
	if s.clear || s.hasHeader || s.copiedHeader || s.entry || s.convention == "cite" || s.url != "" || rd.isNamedAsOrigin(s) {
		return false
	}
	return slices.ContainsFunc(rd.contextsOf(s, s.pub.name), func(c nameContext) bool { return c.b.isEmphasized(c.at) })
}

// hasPerson reports whether an author of s is almost certainly a person.
func (rd *reading) hasPerson(s *source) bool {
	return slices.ContainsFunc(s.authors, rd.isPersonLike)
}

// isRemark reports whether the name is in brackets, alone or after a few words in lower case, as in "(by the Bugle)"
// and "(e.g. the Bugle)". After the author or the headline, the name alone in brackets is a credit.
func (rd *reading) isRemark(s *source, c nameContext) bool {
	if s.clear {
		return false
	}
	open := c.at.lo - 1
	for open > 0 && open > c.at.lo-8 && (c.b.toks[open].kind != tokPunct || c.b.toks[open].ch != '(') {
		if t := c.b.toks[open]; t.upper || t.kind == tokOpen {
			return false
		}
		open--
	}
	if open <= 0 || groupEnd(c.b.toks, open) != c.at.hi+1 || open == c.at.lo-1 && (len(s.authors) > 0 || s.headline != "") {
		return false
	}
	before := c.b.toks[open-1] // the words of a quotation end in a quotation mark or a period
	return before.kind == tokWord
}

// isCoverage reports whether the publication at c reported on the author's own work: "this was featured on the Bugle".
func (rd *reading) isCoverage(c nameContext) bool {
	toks := c.b.toks[:c.before]
	if len(toks) > 0 && rd.l.at.has(toks[len(toks)-1].id) {
		toks = toks[:len(toks)-1]
	}
	covered := false
	var ends [4]int
	for i := max(0, len(toks)-3); i < len(toks); i++ {
		covered = covered || slices.Contains(rd.l.covered.phraseEnds(toks, i, ends[:0]), len(toks))
	}
	in := rd.sentenceAround(c.b.toks, c.at)
	own := slices.ContainsFunc(c.b.toks[in.lo:c.at.lo], func(t token) bool {
		return rd.isFirstPerson(t) || rd.l.pointing.has(t.id)
	})
	if covered && own {
		return true
	}
	for k := c.at.hi; k+1 < in.hi && k < c.at.hi+4; k++ { // "the Bugle wrote about me"
		var ends [4]int
		for _, end := range rd.l.about.phraseEnds(c.b.toks, k, ends[:0]) {
			if end < in.hi && rd.isFirstPerson(c.b.toks[end]) {
				return true
			}
		}
	}
	return false
}
