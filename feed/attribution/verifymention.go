package attribution

import (
	"regexp"
	"strings"
)

// This file checks sources that only the title of the post credits, and corrects names with other words or brackets in
// them.

// isTitleOfSource reports whether the post's title names the publication of s, which only the title credits. If there
// is no passage, the name must be in brackets: after a dash, as in "Rents Rise - The Bugle", it is usually part of the
// title of a page that the post is about.
func (rd *reading) isTitleOfSource(s *source) bool {
	if s.convention != "12" {
		return true
	}
	if len(s.passages) == 0 && !strings.HasSuffix(rd.postTitle, ")") {
		return false
	}
	if s.pub.known == nil {
		return true
	}
	title := rd.titleSource()
	return title != nil && title.pub.known == s.pub.known
}

// isUnquoted reports whether s has no passage and no headline, and its URL is that of a list of articles, such as the
// results of a search or the articles about a person.
func (s *source) isUnquoted() bool {
	return len(s.passages) == 0 && s.headline == "" && listPath.MatchString(s.url)
}

// listPath matches the URL of search results or of the articles of a category or about a person.
var listPath = regexp.MustCompile(`^https?://[^/]+(?:/[^?]*)?/` +
	`(?:(?:search|category|tag)(?:[/?].*)?|people(?:/[^/?]+){1,2}/?)$`)

// maxAbbreviation is the maximum length in bytes of an abbreviation such as "Corp.", including its period.
const maxAbbreviation = 5

// cutName removes a closing bracket and the period of the sentence from the end of the name of s, and from an unknown
// name a word for a text, as in "FAZ-Artikel" and "Harbour Notes article".
func (rd *reading) cutName(s *source) {
	name := s.pub.name
	if !strings.Contains(name, "(") {
		name = strings.TrimRight(name, ").")
	}
	if s.pub.known == nil {
		name = rd.withoutKind(name)
	}
	last := name[strings.LastIndexByte(name, ' ')+1:]
	abbreviated := name+"." == s.pub.name && (len(last) < maxAbbreviation || strings.Contains(last, "."))
	switch e := rd.r.pubs.lookup(name); {
	case name == s.pub.name:
	case e != nil && (s.pub.known == nil || e == s.pub.known):
		s.pub = publisher{name: name, known: e}
	case s.pub.known == nil && !abbreviated:
		s.pub.name = name
	}
}

// withoutKind returns the name without a word for a text at its end, as in "Harbour Notes article" and "FAZ-Artikel".
func (rd *reading) withoutKind(name string) string {
	if i := strings.LastIndexByte(name, '-'); i > 0 && rd.l.piece.has(rd.wordOf(name[i+1:])) {
		return name[:i]
	}
	toks := rd.r.lx.tokenize(name, nil)
	if n := len(toks) - 1; n > 0 && rd.l.piece.hasLower(toks[n]) && toks[n-1].kind == tokWord && toks[n-1].upper {
		return name[:toks[n-1].end]
	}
	return name
}
