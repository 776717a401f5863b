package attribution

import (
	"slices"
	"strings"
)

// This file finds credits with a clear form that name a source next to its quotation. The other clear forms of running
// text are in clearreport.go and clearentry.go.

// The minimum certainties, in hundredths, of credits with these forms.
const (
	minLikely  = 35
	minEvident = 20
)

// isClearName reports whether the sentence that names the source of the candidate has one of the clear forms below.
func (rd *reading) isClearName(c *candidate) bool {
	s := c.source
	if len(s.creditBlocks) == 0 {
		return false
	}
	b := rd.doc.blocks[s.creditBlocks[0]]
	if b.quotation != nil || len(b.toks) == 0 || len(b.toks) > maxSentenceBlock {
		return false
	}
	at := b.nameOf(s)
	if isHeading(b.elem) {
		return c.certainty >= minEvident && rd.isTitledEntry(c, b, at)
	}
	// The publication is not only that of the link, and its name is not longer than a sentence, as "Yahoo! News" is.
	named := (s.pub.name == "" || strings.Contains(b.text, s.pub.name)) && at.hi <= rd.sentenceAround(b.toks, at).hi
	return slices.ContainsFunc(clearForms[:], func(f clearForm) bool {
		return c.certainty >= f.limit && (named || f.unnamed) && f.is(rd, c, b, at)
	})
}

// clearForm is a form of credits.
type clearForm struct {
	limit   int  // minimum certainty, in hundredths
	unnamed bool // the text need not contain the name of the publication
	is      func(rd *reading, c *candidate, b *block, name span) bool
}

// clearForms lists the forms of credits in running text.
var clearForms = [...]clearForm{
	{minClear, true, (*reading).isLinkedQuote},
	{minLikely, true, (*reading).isLinkedSaying},
	{0, true, (*reading).isLonePiece},
	{minClear, false, (*reading).isSiteNear},
	{minClear, false, (*reading).isSpeakerOf},
	{minLikely, false, (*reading).isMarkedNear},
	{minLikely, false, (*reading).isPersonIn},
	{minLikely, false, (*reading).isBracketTail},
	{minLikely, false, (*reading).isBareName},
	{minEvident, false, (*reading).isReportLinked},
	{minEvident, false, (*reading).isTitledEntry},
	{minEvident, false, (*reading).isReadAt},
	{minEvident, false, (*reading).isCitationOnly},
	{0, false, (*reading).isTitledPiece},
	{0, false, (*reading).isSayingIn},
	{0, false, (*reading).isReporter},
	{0, false, (*reading).isExcerptLine},
	{0, false, (*reading).isReadIn},
	{0, false, (*reading).isVoice},
	{0, false, (*reading).isPageTitle},
}

// isMarkedNear reports whether the block announces a quotation and names a publication that is not linked and whose
// name is emphasized, or bold after a preposition: "In reaction, Ann Reed, of _Harbour Notes_, writes:".
func (rd *reading) isMarkedNear(c *candidate, b *block, name span) bool {
	if c.source.pub.name == "" || b.linkIn(name) != "" || c.near != nearAnnounced && c.near != nearTextBelow {
		return false
	}
	k := rd.beforeDeterminers(b, name.lo) - 1
	return b.isEmphasized(name) || b.isBold(name) && k >= 0 && (rd.l.at.has(b.toks[k].id) || rd.l.in.has(b.toks[k].id) || rd.l.from.has(b.toks[k].id))
}

// isBold reports whether the span is all of a b or strong element that is not all of the block.
func (b *block) isBold(s span) bool {
	first, last := b.toks[s.lo].start, b.toks[s.hi-1].end
	return (s.lo > 0 || s.hi < len(b.toks)) && slices.ContainsFunc(b.runs, func(r run) bool {
		return r.kind == runBold && r.start == first && r.end == last
	})
}

// isSiteNear reports whether a quotation is next to the name of a site, and the source is an article on this site.
func (rd *reading) isSiteNear(c *candidate, b *block, name span) bool {
	s := c.source
	if s.pub.known != nil || s.pub.name == "" || s.pub.name == hostOf(s.url) || !hostNamed(s.url, s.pub.name) || !isArticleOfSite(s.url) {
		return false
	}
	switch c.near {
	case nearAnnounced, nearTextBelow, nearAbove, nearTextAbove:
		return true
	case nearBelow, nearMarksBelow:
		return rd.sentenceAround(b.toks, name).hi == len(b.toks)
	default:
		return false
	}
}

// isPersonIn reports whether the block ends in a clause that announces text and consists of the author, a preposition,
// the publication, which is known or emphasized or has a name with a word such as "Times", and perhaps a date: "Ann
// Reed in the Harbour Post yesterday:". If the quotation follows in the same block, other words may precede the author.
func (rd *reading) isPersonIn(c *candidate, b *block, name span) bool {
	s, n := c.source, len(b.toks)
	if name.hi+1 < n && b.toks[name.hi].isPunct(":") && quotedEnd(b.toks, name.hi+1) > 0 {
		n = name.hi + 1
	}
	if s.pub.name == "" || len(s.authors) != 1 || !announces(b.toks[n-1]) || c.near == nearNothing ||
		s.pub.known == nil && !rd.isPublicationName(s, b, name) {
		return false
	}
	_, author, ok := b.findName(s.authors[0])
	if in := rd.sentenceAround(b.toks, name); n == len(b.toks) && (author.lo != in.lo || in.hi != n) {
		return false
	}
	return ok && rd.isInAfter(b, author, name) && rd.isDateOrNothing(b, span{name.hi, n - 1})
}

// isInAfter reports whether nothing but a preposition such as "in", and determiners, separates the author from the name
// of the publication.
func (rd *reading) isInAfter(b *block, author, name span) bool {
	if rd.beforeDeterminers(b, name.lo)-author.hi != 1 {
		return false
	}
	return rd.l.in.has(b.toks[author.hi].id) || rd.l.at.has(b.toks[author.hi].id)
}

// isDateOrNothing reports whether the span of the block contains no words but dates and words such as "yesterday".
func (rd *reading) isDateOrNothing(b *block, in span) bool {
	for k := in.lo; k < in.hi; k++ {
		if end, _ := rd.l.date(b.text, b.toks, k); end > k {
			k = end - 1
		} else if t := b.toks[k]; t.kind == tokWord && !rd.l.when.has(t.id) && !rd.l.on.has(t.id) {
			return false
		}
	}
	return true
}

// isSpeakerOf reports whether the sentence quotes its subject: it begins with the name and a verb of saying, or with
// words such as "according to" and the name: "The Harbour Trust notes that “…”".
func (rd *reading) isSpeakerOf(c *candidate, b *block, name span) bool {
	s := c.source
	if c.near != nearSentence || s.pub.name == "" && (len(s.authors) != 1 || !rd.isPersonLike(s.authors[0])) {
		return false
	}
	in := rd.sentenceAround(b.toks, name)
	begin := rd.beforeDeterminers(b, name.lo)
	if rd.isDoubtful(b, in) {
		return false
	}
	if begin == in.lo {
		return name.hi < in.hi && rd.isSayVerb(b.toks[name.hi])
	}
	return s.pub.name != "" && phraseEnd(rd.l.citing, b.toks[in.lo:]) == begin-in.lo && name.hi < in.hi && b.toks[name.hi].isPunct(",")
}

// isLinkedSaying reports whether the name of the source is directly before a verb of saying that is the link to the
// article, and a colon or comma and the quotation follow: "Ann [writes](…): “…”".
func (rd *reading) isLinkedSaying(c *candidate, b *block, name span) bool {
	s := c.source
	if c.near != nearSentence && c.near != nearAnnounced && c.near != nearTextBelow || !isArticleOfSite(s.url) {
		return false
	}
	link, said := rd.linkAt(b, name.hi)
	if link.value != s.url || said.empty() || !rd.isSaying(b.toks[said.lo:said.hi]) || said.hi >= len(b.toks) || !b.toks[said.hi].isPunct(":,") {
		return false
	}
	in := rd.sentenceAround(b.toks, name)
	return rd.beforeDeterminers(b, name.lo) == in.lo && rd.isOnlyLink(b, in, s.url)
}

// isLinkedQuote reports whether the block begins with the link to the article, and continues with a colon or a dash and
// a quotation: "[Ann Reed](…): “…”", "[Rents Rise](…) - “…”". The publication is known, the link is the name, or the
// link is a title in a list item.
func (rd *reading) isLinkedQuote(c *candidate, b *block, _ span) bool {
	s := c.source
	link, text := rd.linkAt(b, 0)
	if text.empty() || link.value != s.url || !isArticleOfSite(s.url) || text.hi+1 >= len(b.toks) || !announces(b.toks[text.hi]) ||
		!rd.isOnlyLink(b, span{0, len(b.toks)}, s.url) {
		return false
	}
	end := quotedEnd(b.toks, text.hi+1)
	return end > 0 && countWords(b.toks[text.hi+1:end]) >= minQuotedWords &&
		(s.pub.known != nil || s.isNamed(b.slice(text)) || b.list && text.hi >= minFoundTitle && isTitleCase(rd.l, b.toks[:text.hi]))
}

// isNamed reports whether the text is the name of the publication or of the only author of s.
func (s *source) isNamed(text string) bool {
	return s.pub.name != "" && sameName(text, s.pub.name) || len(s.authors) == 1 && sameName(text, s.authors[0])
}

// isBareName reports whether the block is nothing but the name of the publication, which is known or has a word such as
// "Times", next to a quotation.
func (rd *reading) isBareName(c *candidate, b *block, name span) bool {
	s := c.source
	if s.pub.name == "" || c.near == nearNothing || c.near == nearParagraph || b.list || strings.Trim(b.text, " :—–-") != s.pub.name {
		return false
	}
	return rd.looksPublished(s, b, name)
}
