package attribution

import (
	"regexp"
	"slices"
	"strings"
)

// This file corrects people who were taken for a publication or a headline.

// takePersonAsAuthor makes an unknown publication the author if the credit names no author and the name is that of a
// person, or the surname of a person whose full name is in the post.
func (rd *reading) takePersonAsAuthor(s *source) {
	if s.pub.known != nil || s.pub.name == "" || len(s.authors) > 0 {
		return
	}
	name := s.pub.name
	if full := rd.fullName(name); full != "" && !rd.isAtURL(s) {
		name = full
	}
	if rd.isPersonLike(name) {
		s.pub, s.authors = publisher{}, []string{name}
	}
}

// citationKey matches a reference to a work by its authors and year, such as "Reed & Hale 2024", "Reed et al. 2024" or
// "Reed and Hale (2024)".
var citationKey = regexp.MustCompile(`^\p{Lu}[\p{L}'’-]+` +
	`(?:(?:,? & \p{Lu}[\p{L}'’-]+|,? et al\.?),? \(?\d{4}[a-z]?\)?|(?: (?:and|und|et|y) \p{Lu}[\p{L}'’-]+)? \(\d{4}[a-z]?\))$`)

// dropNameAsHeadline removes a headline that refers to a work by its authors and year, or that is the name of an author
// of s, perhaps after a title and before a comma or a period, as in "Dr. Ann Reed, Professor of Sand".
func (rd *reading) dropNameAsHeadline(s *source) {
	h := s.headline
	if citationKey.MatchString(h) || slices.ContainsFunc(s.authors, func(name string) bool {
		before, after, ok := strings.Cut(h, name)
		return ok && name != "" && rd.isHonorific(before) && (after == "" || strings.HasPrefix(after, ", ") || strings.HasPrefix(after, ". "))
	}) {
		s.headline = ""
	}
}

// isHonorific reports whether the text is empty or an abbreviated title before a name, such as "Dr. ".
func (rd *reading) isHonorific(text string) bool {
	word, ok := strings.CutSuffix(text, ". ")
	return text == "" || ok && rd.l.abbreviation.has(rd.wordOf(word))
}
