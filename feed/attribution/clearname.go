package attribution

import (
	"slices"
	"strings"
)

// This file finds credits with a clear form that name a source next to its quotation, and lists the clear forms of
// running text, most of which are in clearreport.go and clearentry.go.

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
	{0, true, (*reading).isLonePiece},
	{minClear, false, (*reading).isSiteNear},
	{minClear, false, (*reading).isSpeakerOf},
	{minLikely, false, (*reading).isBracketTail},
	{minEvident, false, (*reading).isReportLinked},
	{minEvident, false, (*reading).isTitledEntry},
	{minEvident, false, (*reading).isReadAt},
	{minEvident, false, (*reading).isCitationOnly},
	{0, false, (*reading).isReporter},
	{0, false, (*reading).isVoice},
	{0, false, (*reading).isPageTitle},
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
