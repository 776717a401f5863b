package intake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"feedpub/feed/markup"
)

// Replaced counts the characters of a post that are replaced with U+FFFD: bytes that are not UTF-8, unpaired surrogates
// and control characters.
type Replaced struct {
	Count int    // total in all known members
	Place string // the JSON path of the first value with a replaced character
}

// String describes the replaced characters in a phrase for the operator. It does not include the place.
func (r Replaced) String() string {
	if r.Count == 1 {
		return "1 character is replaced with U+FFFD (invalid UTF-8 or control character)"
	}
	return fmt.Sprintf("%d characters are replaced with U+FFFD (invalid UTF-8 or control characters)", r.Count)
}

// add counts the replaced characters of the string s, which was decoded from raw.
func (r *Replaced) add(path string, raw json.RawMessage, s string) {
	n := markup.Unclean(s)
	// Decoding JSON replaces invalid bytes with U+FFFD. A U+FFFD that the post itself contains is not counted.
	if strings.ContainsRune(s, utf8.RuneError) {
		n += strings.Count(s, string(utf8.RuneError)) - writtenReplacements(raw)
	}
	if n > 0 && r.Count == 0 {
		r.Place = path
	}
	r.Count += max(n, 0)
}

// writtenReplacements counts the U+FFFD in a JSON string, escaped or not.
func writtenReplacements(raw json.RawMessage) int {
	n := bytes.Count(raw, []byte(string(utf8.RuneError)))
	// In an escaped backslash, the second backslash does not begin another escape.
	escapes := bytes.ReplaceAll(raw, []byte(`\\`), nil)
	return n + bytes.Count(bytes.ToLower(escapes), []byte(`\ufffd`))
}
