// Package pathname converts the names of tags, authors and publications to path names, and compares names. It does no
// I/O: the caller records which name has which path name.
package pathname

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"feedpub/feed"
)

// maxLen is the maximum length of a plain path name in bytes. A longer path name is truncated and always gets a hash,
// since the names may differ only in the part that was removed.
const maxLen = 100

// Assign returns the name of the feed in family f for full, the name of a tag, author or publication. The first name to
// use a plain path name gets it. Another name with the same plain path name, or one whose plain path name is empty or
// too long, gets the suffix "-" and at least six hexadecimal digits of the SHA-256 of its folded form. Recorded returns
// the full name that is recorded for a feed name.
//
// Names that differ only in case, compatible characters (NFKC), white space or, for sources, a leading "the" are equal.
// The caller must record the result before it calls Assign again.
func Assign(f feed.Family, full string, recorded func(feed.Name) (string, bool)) feed.Name {
	folded := Fold(f, full)
	plain, complete := slug(folded)
	if complete && plain != "" {
		name := feed.Join(f, plain)
		if other, ok := recorded(name); !ok || Fold(f, other) == folded {
			return name
		}
	}
	sum := sha256.Sum256([]byte(folded))
	digits := hex.EncodeToString(sum[:])
	for n := 6; n < len(digits); n += 2 {
		name := feed.Join(f, plain+"-"+digits[:n])
		if other, ok := recorded(name); !ok || Fold(f, other) == folded {
			return name
		}
	}
	return feed.Join(f, plain+"-"+digits)
}

// Plain returns the result of [Assign] when no names are recorded.
func Plain(f feed.Family, full string) feed.Name {
	return Assign(f, full, func(feed.Name) (string, bool) { return "", false })
}

// Fold returns the folded form of a name of family f. Equal names have equal folded forms.
func Fold(f feed.Family, full string) string {
	s := strings.Join(strings.Fields(strings.ToLower(norm.NFKC.String(full))), " ")
	if f == feed.Sources {
		if rest, ok := strings.CutPrefix(s, "the "); ok {
			s = rest
		}
	}
	return s
}

// slug returns the words of a folded name joined by "-", without apostrophes, and truncated to maxLen bytes. It also
// reports whether the result is complete.
func slug(folded string) (string, bool) {
	var b strings.Builder
	gap := false
	for _, r := range folded {
		switch {
		case r == '\'' || r == '’':
		case unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r):
			if gap && b.Len() > 0 {
				b.WriteByte('-')
			}
			gap = false
			if b.Len()+len(string(r)) > maxLen {
				return b.String(), false
			}
			b.WriteRune(r)
		default:
			gap = true
		}
	}
	return b.String(), true
}
