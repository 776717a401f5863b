package attribution

import (
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
)

// This file corrects names that were taken for a publication or a headline and are something else.

// takePersonAsAuthor makes an unknown publication the author if it is a person's name and the credit names no author.
func (rd *reading) takePersonAsAuthor(s *source) {
	if s.pub.known != nil || s.pub.name == "" || len(s.authors) > 0 || !rd.isPersonLike(s.pub.name) {
		return
	}
	s.pub, s.authors = publisher{}, []string{s.pub.name}
}

// takeAuthorAsPublication makes the only author the publication if it is called like one and there is none.
func (rd *reading) takeAuthorAsPublication(s *source) {
	if s.pub.name != "" || len(s.authors) != 1 {
		return
	}
	name := s.authors[0]
	if toks := rd.r.lx.tokenize(name, nil); rd.l.personScore(name, toks) == 0 && rd.l.looksLikePub(name, toks) {
		s.pub, s.authors = rd.r.publisherOf(rd.l, name), nil
	}
}

// dropNamesBesidePerson removes authors that are not called like people and have a particle in their name, if another
// author is called like a person: "Gründerin von Hafenwerk".
func (rd *reading) dropNamesBesidePerson(s *source) {
	if !slices.ContainsFunc(s.authors, rd.isPersonLike) {
		return
	}
	s.authors = slices.DeleteFunc(slices.Clone(s.authors), func(name string) bool {
		toks := rd.r.lx.tokenize(name, nil)
		return rd.l.personScore(name, toks) < 2 && slices.ContainsFunc(toks, func(t token) bool { return !t.upper && t.kind == tokWord })
	})
}

// takeTitleAtURL makes an unknown publication the headline if it consists of the words of the last part of the URL's
// path, as in "[Sand Without End](https://lantern.example/sand-without-end)", and takes the publication from the host.
func (rd *reading) takeTitleAtURL(s *source) {
	if s.pub.known != nil || s.pub.name == "" || s.headline != "" || hostNamed(s.url, s.pub.name) || !endsInWords(s.url, s.pub.name) {
		return
	}
	s.headline, s.pub = s.pub.name, rd.publisherOfHost(s.url)
}

// endsInWords reports whether the last part of the path of u consists of the words of the name.
func endsInWords(u, name string) bool {
	parsed, err := url.Parse(u)
	if err != nil {
		return false
	}
	last := path.Base(parsed.Path)
	last = strings.TrimSuffix(last, path.Ext(last))
	words := strings.ReplaceAll(fold(name), " ", "")
	return len(words) > 3 && strings.ReplaceAll(fold(last), " ", "") == words
}

// dropTimeAsHeadline removes a headline that begins with a date, if only a time of day follows it.
func (rd *reading) dropTimeAsHeadline(s *source) {
	toks := rd.r.lx.tokenize(s.headline, nil)
	if len(toks) == 0 {
		return
	}
	end, _ := rd.l.date(s.headline, toks, 0)
	if end == 0 {
		return
	}
	for _, t := range toks[end:] {
		word := strings.ToLower(s.headline[t.start:t.end])
		if t.kind == tokWord && !t.digit && word != "am" && word != "pm" && !rd.l.at.has(t.id) {
			return
		}
	}
	s.headline = ""
}

// citationKey matches a reference to a work by its authors and year, such as "Reed & Hale 2024" or "Reed et al.
// (2024)".
var citationKey = regexp.MustCompile(`^\p{Lu}[\p{L}'’-]+(?:,? (?:&|and|und|et|y) \p{Lu}[\p{L}'’-]+|,? et al\.?)?,? \(?(?:1[89]|20)\d\d[a-z]?\)?$`)

// dropNameAsHeadline removes a headline that refers to a work by its authors and year, or that begins with one of the
// authors of s and continues after a comma or period, as in "Ann Reed, Professor of Sand".
func (rd *reading) dropNameAsHeadline(s *source) {
	h := s.headline
	if citationKey.MatchString(h) || slices.ContainsFunc(s.authors, func(name string) bool {
		at := strings.Index(h, name)
		if name == "" || at < 0 || at > maxHonorific {
			return false
		}
		rest := h[at+len(name):]
		return rest == "" || strings.HasPrefix(rest, ", ") || strings.HasPrefix(rest, ". ")
	}) {
		s.headline = ""
	}
}

// maxHonorific is the maximum length of what precedes a name in a headline that consists of a name, such as "Dr. ".
const maxHonorific = 6
