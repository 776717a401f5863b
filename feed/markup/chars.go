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
		if c := s[first]; asciiChar(c) {
			first++
			first += printable(s[first:])
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

// printable returns the number of bytes at the start of s, rounded down to a multiple of eight, that are certainly
// printable ASCII characters.
func printable(s string) int {
	const ones = 0x0101010101010101
	n := 0
	for len(s) >= n+8 {
		b := s[n : n+8]
		w := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		// The upper bit of a byte of w-0x20… is set if the byte is below 0x20, unless the next lower byte borrowed from it.
		if ((w-0x20*ones)|w)&(0x80*ones) != 0 {
			break
		}
		n += 8
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
