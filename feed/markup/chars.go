package markup

import (
	"strings"
	"unicode/utf8"
)

// CleanText replaces each invalid byte in s, and each character that XML 1.0 does not allow (section 2.2, Char), with
// U+FFFD. Vertical tabs and form feeds become spaces. Other white space is kept.
func CleanText(s string) string {
	// Fast path: nearly all text is clean, and most of it is ASCII.
	first := 0
	for first < len(s) {
		if asciiChar(s[first]) {
			first++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[first:])
		if r == utf8.RuneError || !xmlChar(r) {
			break
		}
		first += size
	}
	if first == len(s) {
		return s
	}
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

// Unclean returns the number of characters in s that [CleanText] replaces with U+FFFD. The string s must be valid
// UTF-8.
func Unclean(s string) int {
	n := 0
	for _, r := range s {
		if !xmlChar(r) && r != '\v' && r != '\f' {
			n++
		}
	}
	return n
}

// asciiChar reports whether c is an ASCII character that XML 1.0 allows.
func asciiChar(c byte) bool {
	return c >= 0x20 && c < utf8.RuneSelf || c == '\t' || c == '\n' || c == '\r'
}

// xmlChar reports whether XML 1.0 allows the character r.
func xmlChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' ||
		r >= 0x20 && r <= 0xD7FF ||
		r >= 0xE000 && r <= 0xFFFD ||
		r >= 0x10000 && r <= utf8.MaxRune
}
