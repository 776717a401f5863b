// Package pathname turns the names of tags, authors and publications into the names that stand in paths. It decides
// which name is meant to be the same as another; which of two takes a contested path is recorded by the caller.
package pathname

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"feedpub/feed"
)

// maxLen bounds a plain path name in bytes. A longer one is cut and always takes its hash, since what was cut off may
// be all that tells it from another.
const maxLen = 100

// Assign returns the feed name for full, a tag's, author's or publication's name, in the family f. The first comer has
// the plain path name; a different name with the same plain one, or with an empty or overlong one, takes "-" and six or
// more hexadecimal digits of the SHA-256 of its folded form. taken tells which full name a feed name is recorded for.
//
// Names that differ only in case, in compatible characters (NFKC), in white space or, for sources, in a leading "the"
// are the same name. Assign is pure; the caller records its answer before it asks again.
func Assign(f feed.Family, full string, taken func(feed.Name) (string, bool)) feed.Name {
	folded := Fold(f, full)
	plain, whole := slug(folded)
	if whole && plain != "" {
		name := feed.Join(f, plain)
		if other, ok := taken(name); !ok || Fold(f, other) == folded {
			return name
		}
	}
	sum := sha256.Sum256([]byte(folded))
	digits := hex.EncodeToString(sum[:])
	for n := 6; n < len(digits); n += 2 {
		name := feed.Join(f, plain+"-"+digits[:n])
		if other, ok := taken(name); !ok || Fold(f, other) == folded {
			return name
		}
	}
	return feed.Join(f, plain+"-"+digits)
}

// Plain returns the feed name that full has if it comes first, or the one with its hash if it has no plain one.
func Plain(f feed.Family, full string) feed.Name {
	return Assign(f, full, func(feed.Name) (string, bool) { return "", false })
}

// Fold returns the form by which names of family f are compared: equal ones have equal forms.
func Fold(f feed.Family, full string) string {
	s := strings.Join(strings.Fields(strings.ToLower(norm.NFKC.String(full))), " ")
	if f == feed.Sources {
		if rest, ok := strings.CutPrefix(s, "the "); ok {
			s = rest
		}
	}
	return s
}

// slug joins the words of a folded name by "-". Apostrophes fall out of words instead of parting them. It returns false
// if the name was cut.
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
