// Package pathname converts the names of tags, authors and publications to path names, and compares names. It does no
// I/O: the caller keeps the record of assigned path names.
package pathname

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"feedpub/feed"
)

// maxLen is the maximum length of a plain path name in bytes. A longer path name is truncated and always gets a hash,
// since the names may differ only in the part that was removed.
const maxLen = 100

// Assign returns the name of the feed in family f for full, the name of a tag, author or publication. The first name
// that maps to a plain path name gets it. A later name with the same plain path name, or one whose plain path name is
// empty or too long, gets the suffix "-" and at least six hexadecimal digits of the SHA-256 of its folded form.
// recorded returns the full name that is recorded for a feed name.
//
// Names that differ only in case, compatible characters (NFKC), white space or, for sources, a leading "the" are equal.
// The caller must record the result before it calls Assign again.
func Assign(f feed.Family, full string, recorded func(feed.Name) (string, bool)) feed.Name {
	folded := Fold(f, full)
	return assign(f, folded, folded, func(n feed.Name) bool {
		other, ok := recorded(n)
		return !ok || Fold(f, other) == folded
	})
}

// Post returns the name of the page of the post with the given id. It consists of the words of the id's [Stem], and is
// made unique by the rules of [Assign]. recorded returns the id that is recorded for a name. The caller must record the
// result before it calls Post again.
func Post(id string, recorded func(feed.Name) (string, bool)) feed.Name {
	return assign(feed.Posts, Fold(feed.Posts, Stem(id)), id, func(n feed.Name) bool {
		other, ok := recorded(n)
		return !ok || other == id
	})
}

// PlainPost returns the result of [Post] when no names are recorded.
func PlainPost(id string) feed.Name {
	return Post(id, func(feed.Name) (string, bool) { return "", false })
}

// Address returns the name under which the id of a post with the given URL is recorded. If several posts have the same
// URL, n numbers them from 0, so that each gets its own name. No page has such a name.
func Address(address string, n int) feed.Name {
	return feed.Join(feed.Posts, "-"+string(feed.HashOf([]byte(strconv.Itoa(n) + " " + address)))[:16])
}

// Slug returns the words of a text in lower case, joined by "-". It is empty if the text has no letters or digits.
func Slug(text string) string {
	s, _ := slug(Fold("", text))
	return s
}

// datePrefix matches the date at the start of a file name, as in Jekyll and many Hugo sites.
var datePrefix = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}-(.)`)

// Stem returns the part of a post's id that names the post. It takes the last segment of a path or URL, except for
// empty segments, index and _index, and removes a file extension such as .md and a leading date. The result is empty
// only if the id is empty.
func Stem(id string) string {
	s := strings.TrimRight(id, "/")
	for {
		dir, file := path.Split(s)
		switch ext := strings.ToLower(path.Ext(file)); ext {
		case ".md", ".markdown", ".html", ".htm", ".txt", ".json":
			file = file[:len(file)-len(ext)]
		}
		if dir = strings.TrimRight(dir, "/"); dir != "" && (file == "index" || file == "_index" || file == "") {
			s = dir // in Hugo's page bundles and on many sites, the folder's name is the name of the post
			continue
		}
		if m := datePrefix.FindStringSubmatchIndex(file); m != nil {
			file = file[m[2]:]
		}
		return cmp.Or(file, id)
	}
}

// assign returns a name of family f for text that the function free reports as unused. It tries the plain name first,
// and then names that end in more and more digits of the hash of key.
func assign(f feed.Family, text, key string, free func(feed.Name) bool) feed.Name {
	plain, complete := slug(text)
	if complete && plain != "" {
		if name := feed.Join(f, plain); free(name) {
			return name
		}
	}
	sum := sha256.Sum256([]byte(key))
	digits := hex.EncodeToString(sum[:])
	for n := 6; n < len(digits); n += 2 {
		if name := feed.Join(f, plain+"-"+digits[:n]); free(name) {
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
