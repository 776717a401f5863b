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
				return false
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

// isOnlyMentioned reports whether s, whose credit is in block b, has no passage and is named without being quoted: it
// has no publication, it is a site that hosts videos or code, it is named in a remark in brackets, it reported on the
// author's own work, or block b is emphasized like the caption of a picture.
func (rd *reading) isOnlyMentioned(s *source, b *block) bool {
	if len(s.passages) > 0 || s.entry || s.copiedHeader {
		return false
	}
	if s.pub.name == "" {
		return !s.clear
	}
	if rd.isMedia(s) || b.isWholly(runEmphasis) && !announces(b.toks[len(b.toks)-1]) {
		return true
	}
	if s.pub.known == nil && len(s.authors) > 0 && s.url == "" && !rd.isMarkedName(s) && !rd.hasPerson(s) {
		return true
	}
	return false
}

// isMedia reports whether the URL of s or, if there is none, the publication is a site that hosts videos or code.
func (rd *reading) isMedia(s *source) bool {
	return isMediaHost(s.url) || s.url == "" && s.pub.known != nil && slices.ContainsFunc(s.pub.known.Domains, isMediaHost)
}

// hasPerson reports whether an author of s is almost certainly a person.
func (rd *reading) hasPerson(s *source) bool {
	return slices.ContainsFunc(s.authors, rd.isPersonLike)
}

// dropEmployer removes a publication that is only the organization of a person, as in "Ann Reed, founder of Acme" and
// "Ann Reed, professor, Acme".
func (rd *reading) dropEmployer(s *source) {
	if s.pub.name == "" || s.copiedHeader || s.hasHeader {
		return
	}
	if rd.isLinkedEmployer(s) {
		s.pub, s.url = publisher{}, ""
		return
	}
	if rd.isAtURL(s) {
		return
	}
	if slices.ContainsFunc(rd.contextsOf(s, s.pub.name), func(c nameContext) bool {
		return rd.isAfterPosition(c) || rd.isAffiliation(s, c)
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
		at := c.before - 1
		if at < 0 || !rd.l.employ.hasLower(c.b.toks[at]) || c.b.linkIn(c.at) != s.url {
			return false
		}
		author := c.b.endOfNames(s.authors, at)
		return author > 0 && isMark(c.b.toks, author, ',') && rd.hasPosition(c.b.toks[author:at])
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

// isAfterPosition reports whether the name at c follows a position in an organization and a preposition, as in "founder
// of Acme".
func (rd *reading) isAfterPosition(c nameContext) bool {
	last := c.before - 1
	return last > 0 && rd.l.employ.hasLower(c.b.toks[last]) && rd.endsWithPosition(c.b.toks[:last])
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
