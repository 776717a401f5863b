package attribution

import "strings"

// This file removes the name of a site from the title of one of its pages: the text of a link is often copied from the
// title bar of a browser.

// cutSite removes the name of the site and the author from the headline of s.
func (rd *reading) cutSite(s *source) {
	if s.headline == "" || s.kind == Tweet || s.kind == Reblog {
		return
	}
	headline := s.headline
	for range 3 { // "H | Section | Site"
		shorter := rd.withoutSite(s, headline)
		if shorter == headline {
			break
		}
		headline = shorter
	}
	if len(strings.Fields(headline)) >= minFoundTitle {
		s.headline = headline
	}
}

// afterTitle lists the separators that only a site, a section or an author follows, and beforeTitle lists those that
// only a site or a section precedes.
var (
	afterTitle  = []string{" | ", " ･ ", " « ", " ‹ ", " :: "}
	beforeTitle = []string{" » ", " › "}
)

// withoutSite returns the title without the first or the last of its parts, if that part is the name of a site, of a
// section or of an author. Otherwise it returns the title.
func (rd *reading) withoutSite(s *source, title string) string {
	title = strings.TrimPrefix(title, "» ")
	for _, cut := range []func(s *source, title string) string{rd.withoutSection, rd.withoutLastName, rd.withoutFirstName} {
		if shorter := cut(s, title); shorter != title {
			return strings.TrimSpace(shorter)
		}
	}
	for _, a := range s.authors {
		if h := withoutName(title, a); h != title {
			return h
		}
	}
	return title
}

// withoutSection returns the title without the part after one of the afterTitle separators, or before one of
// beforeTitle. If the site is the other part, it returns that part.
func (rd *reading) withoutSection(s *source, title string) string {
	for _, separator := range afterTitle {
		i := strings.LastIndex(title, separator)
		switch {
		case i <= 0:
		case rd.namesSite(s, title[:i]):
			return title[i+len(separator):]
		default:
			return title[:i]
		}
	}
	for _, separator := range beforeTitle {
		i := strings.Index(title, separator)
		switch {
		case i <= 0:
		case rd.namesSite(s, title[i+len(separator):]):
			return title[:i]
		default:
			return title[i+len(separator):]
		}
	}
	return title
}

// withoutLastName returns the title without the name of a site or an author after a dash or a colon with a space before
// it, or the name of the known publication at the URL after a comma.
func (rd *reading) withoutLastName(s *source, title string) string {
	for _, separator := range []string{" - ", " – ", " — ", " : "} {
		if i := strings.LastIndex(title, separator); i > 0 && rd.namesSiteOrAuthor(s, title[i+len(separator):]) {
			return title[:i]
		}
	}
	if i := strings.LastIndex(title, ", "); i > 0 && s.url != "" && rd.r.pubs.isAt(s.url, title[i+len(", "):]) {
		return title[:i]
	}
	return title
}

// withoutFirstName returns the title without the name of a site before a colon or a dash.
func (rd *reading) withoutFirstName(s *source, title string) string {
	for _, separator := range []string{": ", " - ", " – ", " — "} {
		if i := strings.Index(title, separator); i > 0 && rd.namesSite(s, title[:i]) {
			return title[i+len(separator):]
		}
	}
	return title
}

// namesSite reports whether the text is the name of the publication of s, or of the site at its URL: the host contains
// the text written as one word, or the text begins with the host's name.
func (rd *reading) namesSite(s *source, text string) bool {
	if s.pub.name != "" && rd.samePublication(text, s.pub.name) || s.url != "" && rd.r.publishes(s.url, text) {
		return true
	}
	const least = 5 // bytes
	label, _, _ := strings.Cut(hostOf(s.url), ".")
	return len(label) >= least && strings.HasPrefix(strings.ReplaceAll(fold(text), " ", ""), strings.ReplaceAll(label, "-", ""))
}

// namesSiteOrAuthor is like namesSite, and also reports whether the text is the name of an author of s, which it adds
// if s has none and the text is certainly a person's name.
func (rd *reading) namesSiteOrAuthor(s *source, text string) bool {
	if rd.namesSite(s, text) {
		return true
	}
	for _, a := range s.authors {
		if sameName(a, text) {
			return true
		}
	}
	if toks := rd.r.lx.tokenize(text, nil); len(toks) > 1 && rd.l.by.hasLower(toks[0]) {
		text = text[toks[1].start:] // "H - by Ann Reed"
	}
	if len(s.authors) > 0 || s.url == "" || !rd.isPersonLike(text) {
		return false
	}
	s.authors = []string{text}
	return true
}
