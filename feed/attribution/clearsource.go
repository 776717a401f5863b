package attribution

import "strings"

// This file finds lines with a label and a link directly below a quotation element.

// isSourceLine reports whether the credit of s is a line directly below its passage, a quotation element, and consists
// of a label such as "Source:" and a link to the article. It takes the headline from the link.
func (rd *reading) isSourceLine(s *source) bool {
	if len(s.passageBlocks) == 0 || len(s.creditBlocks) != 1 || rd.doc.blocks[s.passageBlocks[0]].quotation == nil ||
		s.creditBlocks[0] != s.passageBlocks[len(s.passageBlocks)-1]+1 || !isArticleOfSite(s.url) {
		return false
	}
	b := rd.doc.blocks[s.creditBlocks[0]]
	label, text := rd.sourceLabel(b), b.textOfLink(s.url)
	if label == 0 || label >= len(b.toks) || text == "" || strings.TrimSuffix(b.slice(span{label, len(b.toks)}), ".") != text {
		return false
	}
	rd.setLinkedTitle(s, text)
	return true
}

// setLinkedTitle sets the publication and the headline of s from the text of the link to its article, unless the
// publication is already a known one or that of the URL: the text is the name of the publication, or a title, perhaps
// after the name of the site and a colon.
func (rd *reading) setLinkedTitle(s *source, text string) {
	if s.pub.known != nil || s.pub.name != "" && rd.isAtURL(s) || sameName(text, s.pub.name) && !strings.Contains(text, ": ") {
		return
	}
	s.pub, s.headline = rd.publisherOfHost(s.url), cleanHeadline(text)
	if name, rest, ok := strings.Cut(text, ": "); ok && hostNamed(s.url, name) {
		s.pub, s.headline = publisher{name: name, known: rd.r.pubs.lookup(name)}, cleanHeadline(rest)
	}
}
