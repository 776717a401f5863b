package attribution

import (
	"slices"
	"strings"
)

// This file checks the names of a credit against the words around them: the subject of an article is not its author,
// and a source that is only mentioned is doubtful.

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
// has no publication, it is a site that hosts videos or code, block b begins with words such as "see also", or it is
// emphasized like the caption of a picture.
func (rd *reading) isOnlyMentioned(s *source, b *block) bool {
	if len(s.passages) > 0 || s.entry || s.copiedHeader {
		return false
	}
	if s.pub.name == "" {
		return !s.clear
	}
	return rd.isMedia(s) || phraseEnd(rd.l.further, b.toks) > 0 || s.date.month == 0 && isCaption(b)
}

// isCaption reports whether block b is emphasized like the caption of a picture and announces nothing.
func isCaption(b *block) bool { return b.isWholly(runEmphasis) && !announces(b.toks[len(b.toks)-1]) }

// isMedia reports whether the URL of s or, if there is none, the publication is a site that hosts videos or code.
func (rd *reading) isMedia(s *source) bool {
	return isMediaHost(s.url) || s.url == "" && s.pub.known != nil && slices.ContainsFunc(s.pub.known.Domains, isMediaHost)
}
