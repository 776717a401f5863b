package attribution

import (
	"cmp"
	"slices"
)

// This file finds sentences with a clear form that say what a publication, or a person in it, reports.

// isReportLinked reports whether the sentence says what a publication reports, and its only link leads to the
// article there: "The Bugle [reported](…) on Tuesday that", "[According to the Bugle](…), it".
func (rd *reading) isReportLinked(c *candidate, b *block, name span) bool {
	s := c.source
	in := rd.sentenceAround(b.toks, name)
	if s.pub.name == "" || !isArticleOfSite(s.url) || !rd.isAtURL(s) && b.linkIn(name) != s.url || !rd.isOnlyLink(b, in, s.url) ||
		slices.ContainsFunc(b.toks[in.lo:name.lo], func(t token) bool { return rd.isFirstPerson(t) || rd.l.contrast.has(t.id) }) {
		return false
	}
	if rd.isCitingBefore(b, rd.beforeDeterminers(b, name.lo)) {
		return true
	}
	if !rd.isAtURL(s) {
		return false
	}
	if phraseEnd(rd.l.say, b.toks[name.hi:in.hi]) > 0 && !rd.l.stop.has(b.toks[name.hi].id) || rd.isLinkedVerbAfter(s, b, span{name.hi, in.hi}) {
		return true
	}
	link, text := rd.linkAt(b, name.lo)
	return link.value == s.url && text.hi > name.hi && slices.ContainsFunc(b.toks[name.hi:text.hi], rd.isSayVerb)
}

// isReporter reports whether a sentence without a link says what the publication, which is known or has a word such as
// "Times", reports: the block begins with "The Harbour Gazette reports that", or the sentence ends in ", the Harbour
// Gazette says".
func (rd *reading) isReporter(c *candidate, b *block, name span) bool {
	s := c.source
	if s.pub.name == "" || b.list || !rd.looksPublished(s, b, name) {
		return false
	}
	begin, said := rd.beforeDeterminers(b, name.lo), cmp.Or(groupEnd(b.toks, name.hi), name.hi)
	if said >= len(b.toks) || !rd.isSayVerb(b.toks[said]) {
		return false
	}
	if begin > 0 {
		return b.toks[begin-1].isPunct(",") && rd.sentenceAround(b.toks, name).hi == said+2 && b.toks[said+1].isPunct(".")
	}
	return said+1 < len(b.toks) && rd.l.clause.has(b.toks[said+1].id)
}

// isReadAt reports whether the sentence is a reference to the rest of the article at a publication whose name is the
// link: "Read the full article on this at [The Bugle](…)".
func (rd *reading) isReadAt(c *candidate, b *block, name span) bool {
	s := c.source
	in := rd.sentenceAround(b.toks, name)
	if s.pub.name == "" || !rd.isAtURL(s) || b.linkIn(name) != s.url || !isArticleOfSite(s.url) || !rd.isOnlyLink(b, in, s.url) {
		return false
	}
	last := name.hi
	for last < in.hi && b.toks[last].kind == tokPunct {
		last++
	}
	return last == in.hi && slices.ContainsFunc(b.toks[in.lo:name.lo], func(t token) bool { return rd.l.readOn.has(t.id) }) &&
		!slices.ContainsFunc(b.toks[in.lo:name.lo], rd.isFirstPerson)
}

// maxBeforeVerb is the maximum number of tokens between the name of a publication and a linked verb of saying.
const maxBeforeVerb = 4

// isLinkedVerbAfter reports whether a link to the article of s that begins with a verb of saying begins within the
// first few tokens of the span of the block: "The Bugle in the meantime [says that](…)".
func (rd *reading) isLinkedVerbAfter(s *source, b *block, in span) bool {
	for k := in.lo; k < in.hi && k <= in.lo+maxBeforeVerb; k++ {
		if link, text := rd.linkAt(b, k); link.value == s.url && !text.empty() {
			return rd.isSayVerb(b.toks[text.lo])
		}
	}
	return false
}

// maxBeforeColon is the maximum number of tokens between the name of a publication and the colon before its words.
const maxBeforeColon = 6

// isVoice reports whether the block begins with the name of the publication, which is known or has a word such as
// "Times", and a colon and a quotation follow within a few words: "The Guardian in a leader: “…”". It sets s.voiced.
func (rd *reading) isVoice(c *candidate, b *block, name span) bool {
	s := c.source
	if s.pub.name == "" || rd.beforeDeterminers(b, name.lo) != 0 && !rd.isPaperBefore(b, name.lo) || !rd.looksPublished(s, b, name) {
		return false
	}
	for k := name.hi; k+1 < len(b.toks) && k <= name.hi+maxBeforeColon; k++ {
		if b.toks[k].isPunct(":") {
			end := quotedEnd(b.toks, k+1)
			s.voiced = end > 0 && countWords(b.toks[k+1:end]) >= minQuotedWords
			return s.voiced
		}
	}
	return false
}

// maxBeforePaper is the maximum number of tokens before the name of a paper at the beginning of a block.
const maxBeforePaper = 4

// isPaperBefore reports whether the few tokens of the block before token i are determiners, "and", marks, and a word
// for a publication, perhaps with capitalized words, as in "And the Vienna paper".
func (rd *reading) isPaperBefore(b *block, i int) bool {
	named, generic := false, false
	for _, t := range b.toks[:min(i, maxBeforePaper)] {
		switch {
		case t.kind != tokWord || rd.l.det.has(t.id) || rd.l.and.has(t.id):
		case rd.l.generic.has(t.id), rd.l.pubWord.has(t.id):
			generic = true
		case t.upper:
			named = true
		default:
			return false
		}
	}
	return i <= maxBeforePaper && (generic || !named)
}

// isSayVerb reports whether t is a verb of saying, and not also a common word.
func (rd *reading) isSayVerb(t token) bool { return rd.l.say.hasLower(t) && !rd.l.stop.has(t.id) }

// beforeDeterminers returns the index of the first of the determiners directly before token i of the block, or i.
func (rd *reading) beforeDeterminers(b *block, i int) int {
	for i > 0 && (rd.l.det.has(b.toks[i-1].id) || rd.l.epithet.has(b.toks[i-1].id)) {
		i--
	}
	return i
}
