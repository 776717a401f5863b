package attribution

import (
	"slices"
	"strings"
)

// This file finds credits with a clear form, which is evidence for the verdict.

// minClear is the minimum certainty, in hundredths, of the names of credits with most of the clear forms.
const minClear = 45

// minNamedNear is the minimum certainty, in hundredths, of a name next to a quotation.
const minNamedNear = 70

// minPerson is the minimum certainty, in hundredths, of a person in a line that announces a quotation.
const minPerson = 50

// findForms sets the forms of the candidates.
func (rd *reading) findForms(cs []*candidate) {
	for _, c := range cs {
		c.addForm(formExcerpt, rd.isCertainExcerpt(c))
		linked := rd.isLinkedArticle(c)
		c.addForm(formLinkedArticle, linked)
		c.addForm(formClear, rd.isClear(c))
		c.source.clear = c.hasForm(formClear)
		c.source.linkedArticle = linked && !c.hasForm(formExcerpt) && !c.hasForm(formClear)
	}
}

// isClear reports whether the candidate has a clear form: it is a quotation element below a sentence that names its
// source, or an entry of a list of links, and its certainty is at least minClear; or it is a name next to a quotation,
// one of clearForms, a line that is nothing but a credit, or the post's external URL. It completes the fields of the
// source that the form states.
func (rd *reading) isClear(c *candidate) bool {
	s := c.source
	if c.keepsPassage() || s.distant || s.inherited {
		return false
	}
	if rd.isClearName(c) || c.certainty >= minNamedNear && rd.isNamedNear(c) {
		return true
	}
	return c.certainty >= minClear && (rd.isClearLead(s) || rd.isClearEntry(s)) ||
		rd.isClearCitation(s) || rd.isSourceLine(s) || rd.isExternal(s)
}

// isNamedNear reports whether a quotation is next to the name of a known publication: in its sentence, directly above
// or below a short line, or below a sentence at the end of a block. The same holds for a person whom a line that
// announces the quotation names.
func (rd *reading) isNamedNear(c *candidate) bool {
	s := c.source
	if s.pub.known == nil {
		return s.pub.name == "" && len(s.authors) == 1 && c.certainty >= minPerson &&
			(c.near == nearAnnounced || c.near == nearTextBelow) && rd.isPersonLike(s.authors[0])
	}
	if c.near == nearNothing || len(s.creditBlocks) == 0 || len(s.authors) > 1 || rd.isMedia(s) ||
		!rd.isAtURL(s) && (s.pub.known.Word || rd.isGenericName(s.pub.name)) {
		return false
	}
	return rd.isVoiceNear(s, c.near, rd.doc.blocks[s.creditBlocks[0]])
}

// isVoiceNear reports whether the quotation at the given place near the name of s in block b may be that of s.
func (rd *reading) isVoiceNear(s *source, near int, b *block) bool {
	switch name := b.nameOf(s); near {
	case nearSentence:
		return rd.isSpeakerInSentence(s, b, name)
	case nearAnnounced, nearTextBelow:
		return true
	case nearAbove, nearTextAbove:
		return phraseEnd(rd.l.further, b.toks) == 0
	case nearBelow:
		return rd.sentenceAround(b.toks, name).hi == len(b.toks)
	default:
		return false
	}
}

// isSpeakerInSentence reports whether the known publication of s, whose name is in the block, may be what its
// sentence quotes: it is not where somebody works, commas do not surround it as in an enumeration, and no other known
// publication is in the sentence.
func (rd *reading) isSpeakerInSentence(s *source, b *block, name span) bool {
	before, after := rd.wordsBeside(b, name)
	if before == besideOf || before == besideComma && after == besideComma && !b.isEmphasized(name) && b.linkIn(name) == "" {
		return false
	}
	others, _ := rd.otherNames(b, rd.sentenceAround(b.toks, name), name, s)
	return others == 0
}

// isExternal reports whether s is the publication at the post's external URL, which its writer has given, and has a
// passage.
func (rd *reading) isExternal(s *source) bool {
	return rd.externalURL != "" && s.url == rd.externalURL && s.pub.name != "" && len(s.passageBlocks) > 0
}

// isClearLead reports whether the passage is a quotation element directly below a block that ends in a colon, and the
// last sentence of the block names the publication at the link or one author, contains a word of saying or origin, and
// has no link to a different site.
func (rd *reading) isClearLead(s *source) bool {
	if len(s.passageBlocks) == 0 || s.url == "" || len(s.creditBlocks) != 1 || s.creditBlocks[0] != s.passageBlocks[0]-1 ||
		!mayBeArticle(s.url) || isMediaHost(s.url) || isReferenceHost(s.url) {
		return false
	}
	lead := rd.leadOf(s, s.creditBlocks[0])
	if lead == nil || !announces(lead.toks[len(lead.toks)-1]) {
		return false
	}
	n := len(lead.toks)
	in := rd.sentenceAround(lead.toks, span{n - 1, n})
	return rd.isOnlyLink(lead, in, s.url) && rd.saysOrigin(lead, in) && rd.isNamedWithLink(s, lead.slice(in))
}

// saysOrigin reports whether the given span, at the end of block b, ends in "from" and a link, or contains a word of
// saying or origin and no word in the first person.
func (rd *reading) saysOrigin(b *block, in span) bool {
	toks := b.toks[in.lo:in.hi]
	if link, ok := b.lastLink(); ok && rd.l.name == fallback { // in other languages, the word also means "of"
		if before, title := tokensWithin(b.toks, in, link); title.hi == in.hi-1 && before > in.lo && rd.l.from.hasLower(b.toks[before-1]) {
			return true // "from [the Bugle](…):"
		}
	}
	if slices.ContainsFunc(toks, rd.isFirstPerson) {
		return false
	}
	return rd.sayingAfter(b, in.lo) >= 0 || phraseEnd(rd.l.from, toks) > 0 ||
		slices.ContainsFunc(toks, func(t token) bool { return rd.l.piece.has(t.id) })
}

// isNamedWithLink reports whether the sentence names the publication at the URL of s, the author, or both, and s has no
// other author.
func (rd *reading) isNamedWithLink(s *source, sentence string) bool {
	named := s.pub.name != "" && strings.Contains(sentence, s.pub.name) && rd.isAtURL(s)
	if len(s.authors) == 0 {
		return named
	}
	return len(s.authors) == 1 && strings.Contains(sentence, s.authors[0]) && rd.isPersonLike(s.authors[0]) &&
		(named || s.pub.name == "" || sameName(s.pub.name, rd.publisherOfHost(s.url).name))
}

// isAtURL reports whether the host of the URL of s is that of the publication or contains its name.
func (rd *reading) isAtURL(s *source) bool {
	return hostNamed(s.url, s.pub.name) || s.pub.known != nil && rd.r.pubs.byHost(s.url) == s.pub.known
}

// isOnlyLink reports whether the given span of block b contains a link to u, and no link to a different site.
func (rd *reading) isOnlyLink(b *block, in span, u string) bool {
	found := false
	for _, r := range b.runs {
		_, within := tokensWithin(b.toks, in, r)
		if r.kind != runLink || within.empty() {
			continue
		}
		if hostOf(r.value) != hostOf(u) {
			return false
		}
		found = found || r.value == u
	}
	return found
}

// isClearEntry reports whether the credit of s is a list item that begins with a headline and names a known
// publication, and either the headline or the name is a link to the article in that publication: "[Rents Rise](…) (The
// Bugle)" or "“Rents Rise” ([The Bugle](…))".
func (rd *reading) isClearEntry(s *source) bool {
	if s.pub.known == nil || rd.r.pubs.byHost(s.url) != s.pub.known || len(s.creditBlocks) != 1 || len(s.passageBlocks) > 0 ||
		len(s.authors) > 0 || len(s.passages) > 1 {
		return false
	}
	b := rd.doc.blocks[s.creditBlocks[0]]
	headline := b.beginningOfEntry(s)
	if headline == "" || strings.HasSuffix(headline, ".") {
		return false
	}
	return b.list && len(b.toks) > 0 && strings.Contains(b.text, s.pub.name) && rd.isOnlyLink(b, span{0, len(b.toks)}, s.url) &&
		b.beginsWithHeadline(headline, s)
}

// beginningOfEntry returns the words with which the entry of s in a list of links should begin: the headline of s, its
// passage if it has no headline, or the text of the link to the article if that begins with the publication and a
// colon, as in "The Bugle: Rents Rise".
func (b *block) beginningOfEntry(s *source) string {
	switch label := b.textOfLink(s.url); {
	case s.headline != "":
		return s.headline
	case len(s.passages) == 1:
		return s.passages[0]
	case strings.HasPrefix(label, s.pub.name+": "):
		return label
	default:
		return ""
	}
}

// beginsWithHeadline reports whether the block begins with the headline: as the text of the link to the article, or in
// quotation marks if that text is the name of the publication.
func (b *block) beginsWithHeadline(headline string, s *source) bool {
	label, end := b.textOfLink(s.url), quotedEnd(b.toks, 0)
	return strings.HasPrefix(b.text, label) && strings.HasPrefix(label, headline) ||
		sameName(label, s.pub.name) && end > 0 && unquote(b.slice(span{0, end})) == headline
}
