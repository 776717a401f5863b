package attribution

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// This file finds names and headlines that are probably wrong: a headline that is only part of a sentence, and a name
// that is no publication or person.

// isPartialName reports whether a name of s is probably only a part of a name, or something other than a publication or
// a person.
func (rd *reading) isPartialName(s *source) bool {
	return rd.isFragment(s) || slices.ContainsFunc(s.authors, func(name string) bool { return !rd.isName(name, "") })
}

// isOnlyNamed reports whether s, a known publication, has no passage and no link, and the sentence does not name it as
// the origin of what it says: "the Guardian should report it".
func (rd *reading) isOnlyNamed(s *source) bool {
	return s.pub.known != nil && len(s.passages) == 0 && !s.clear && rd.isUnlinked(s) && !rd.isNamedAsOrigin(s)
}

// isFragment reports whether the publication of s is only a title before a person's name, the suffix of a company's
// name, up to two letters, a common noun, or a name with other words before or after it, and is not marked as a name:
// "Rt Hon Ann Reed", "Acme, Inc".
func (rd *reading) isFragment(s *source) bool {
	name := strings.TrimSuffix(s.pub.name, ".")
	if name == "" || rd.isMarkedName(s) || rd.isAtURL(s) || rd.isInQuotationMarks(s) {
		return false
	}
	if s.pub.known == nil && rd.hasOtherWords(name) || s.isCommonNoun() {
		return true
	}
	if letters := utf8.RuneCountInString(name); letters <= 2 && (s.pub.known == nil || !acronym(name)) {
		return true
	}
	return !slices.ContainsFunc(strings.Fields(name), func(w string) bool {
		w = strings.Trim(w, ".,")
		id := rd.r.lx.lookup(w)
		return !rd.l.nameAffix.has(id) && !rd.l.companySuffix.has(id) || w == strings.ToUpper(w) && s.pub.known != nil
	})
}

// isCommonNoun reports whether the known publication of s is written in lower case, like a common noun, and the credit
// states nothing else. Agencies such as "dpa" are written in lower case.
func (s *source) isCommonNoun() bool {
	name := s.pub.name
	return s.pub.known != nil && !s.pub.known.Agency && !isDomain(name) && name == strings.ToLower(name) && s.url == "" &&
		s.headline == "" && len(s.authors) == 0
}

// hasOtherWords reports whether an unknown name begins with the words of a clause, as in "As Ann Reed", unless the
// first is also a given name, or with the whole name of a known publication, and does not end in a word such as
// "Magazine": "New York Times Election".
func (rd *reading) hasOtherWords(name string) bool {
	toks := rd.r.lx.tokenize(name, nil)
	if n := phraseEnd(rd.l.citing, toks); n > 0 && n < len(toks) && !rd.l.given.has(toks[0].id) {
		return true
	}
	toks = toks[rd.l.skipDeterminers(toks, 0):]
	n := rd.r.pubs.knownPrefix(toks, true)
	return n > 1 && n < len(toks) && toks[n].kind == tokWord && !rd.l.pubWord.has(toks[len(toks)-1].id)
}

// isInQuotationMarks reports whether quotation marks surround the publication of s in its credit.
func (rd *reading) isInQuotationMarks(s *source) bool {
	return slices.ContainsFunc(rd.contextsOf(s, s.pub.name), func(c nameContext) bool {
		return c.at.lo > 0 && c.b.toks[c.at.lo-1].kind == tokOpen
	})
}

// dropSentencePart removes a headline that is only part of a sentence or of several sentences: nothing marks it as a
// title, and it contains a link and other words, a full stop before a new sentence, or is followed by a word in lower
// case that does not belong to a credit.
func (rd *reading) dropSentencePart(s *source) {
	if s.headline == "" || strings.Contains(rd.postTitle, s.headline) || rd.isHeading(s.headline) {
		return
	}
	for _, k := range s.creditBlocks {
		b := rd.doc.blocks[k]
		from := strings.Index(b.text, s.headline)
		if from < 0 {
			continue
		}
		if to := from + len(s.headline); !b.marksTitle(from, to) && (rd.isSentencePart(b, from, to) || rd.isBracketRemark(b, from, to)) {
			s.headline = ""
		}
		return
	}
}

// marksTitle reports whether the text between two offsets is in quotation marks, in emphasized text, in the text of a
// link, or all of the block.
func (b *block) marksTitle(from, to int) bool {
	before, _ := utf8.DecodeLastRuneInString(b.text[:from])
	first, _ := utf8.DecodeRuneInString(b.text[from:])
	if strings.ContainsRune(`"“”„«»‘‚'`, before) || strings.ContainsRune(`"“„«‘`, first) || from == 0 && to >= len(b.text)-1 {
		return true
	}
	return slices.ContainsFunc(b.runs, func(r run) bool {
		return (r.kind == runLink || r.kind == runEmphasis || r.kind == runCite) && r.start <= from && r.end >= to
	})
}

// sentenceEnd matches the end of a sentence and the beginning of the next one.
var sentenceEnd = regexp.MustCompile(`\p{Ll}[.!?] \p{Lu}`)

// isSentencePart reports whether the unmarked text of block b between two offsets is part of a sentence.
func (rd *reading) isSentencePart(b *block, from, to int) bool {
	if sentenceEnd.MatchString(b.text[from:to]) {
		return true
	}
	if slices.ContainsFunc(b.runs, func(r run) bool { return r.kind == runLink && r.start < to && r.end > from }) {
		return true
	}
	i := slices.IndexFunc(b.toks, func(t token) bool { return t.start >= to })
	if i < 0 {
		return false
	}
	t := b.toks[i]
	return t.kind == tokWord && !t.upper && !t.digit && !slices.ContainsFunc(
		[]*class{rd.l.by, rd.l.in, rd.l.from, rd.l.at, rd.l.on, rd.l.via}, func(c *class) bool { return c.has(t.id) })
}

// isBracketRemark reports whether the text of block b between two offsets is all of the text in brackets and is not in
// title case: "The Bugle (worth reading)".
func (rd *reading) isBracketRemark(b *block, from, to int) bool {
	if from == 0 || b.text[from-1] != '(' || !strings.HasPrefix(b.text[to:], ")") {
		return false
	}
	return !isTitleCase(rd.l, rd.r.lx.tokenize(b.text[from:to], nil))
}
