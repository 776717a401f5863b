package markup

import (
	"strings"
	"unicode/utf8"
)

// CleanText returns s with only the characters that a document in XML 1.0 (section 2.2, Char) can hold. Every byte
// that is not UTF-8 and every other character becomes U+FFFD, so that what was lost shows; vertical tab and form
// feed, which are white space, become a space. Other white space is kept as it is.
func CleanText(s string) string {
	// Most texts are plain ASCII for most of their length, and all are clean.
	first := 0
	for first < len(s) && asciiChar(s[first]) {
		first++
	}
	unclean := strings.IndexFunc(s[first:], func(r rune) bool { return r == utf8.RuneError || !xmlChar(r) })
	if unclean < 0 {
		return s
	}
	first += unclean
	var b strings.Builder
	b.Grow(len(s))
	b.WriteString(s[:first])
	for _, r := range s[first:] {
		switch {
		case r == '\v' || r == '\f':
			r = ' '
		case !xmlChar(r):
			r = utf8.RuneError
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Unclean returns how many characters of s, which is UTF-8, [CleanText] replaces by U+FFFD.
func Unclean(s string) int {
	n := 0
	for _, r := range s {
		if !xmlChar(r) && r != '\v' && r != '\f' {
			n++
		}
	}
	return n
}

// asciiChar reports whether c is a Char of XML 1.0 by itself.
func asciiChar(c byte) bool {
	return c >= 0x20 && c < utf8.RuneSelf || c == '\t' || c == '\n' || c == '\r'
}

// xmlChar reports whether r is a Char of XML 1.0.
func xmlChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' ||
		r >= 0x20 && r <= 0xD7FF ||
		r >= 0xE000 && r <= 0xFFFD ||
		r >= 0x10000 && r <= utf8.MaxRune
}
