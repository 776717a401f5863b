package attribution

import (
	"strings"
)

// This file finds credits with a clear form directly above or below a quotation element.

// isFirstPerson reports whether the token is a word in the first person, such as "I" or "our".
func (rd *reading) isFirstPerson(t token) bool { return rd.l.first.has(t.id) || rd.l.plural.has(t.id) }

// isArticleOfSite reports whether u can be the URL of an article on a site that publishes articles of its own.
func isArticleOfSite(u string) bool {
	return u != "" && mayBeArticle(u) && !isMediaHost(u) && !isReferenceHost(u)
}

// isPlacePreposition reports whether the token is a preposition such as "at" or "in".
func (rd *reading) isPlacePreposition(t token) bool {
	return rd.l.in.hasLower(t) || rd.l.at.hasLower(t)
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
