package intake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"feedpub/feed/markup"
)

// Replaced are the characters of a post that no document can hold as they came, and which are shown as U+FFFD: bytes
// that are not UTF-8, halves of surrogate pairs, and control characters.
type Replaced struct {
	Count int    // in all values that feedpub reads
	Place string // the JSON path of the first value with one
}

// String returns a phrase for the operator, without the place.
func (r Replaced) String() string {
	if r.Count == 1 {
		return "a character is shown as U+FFFD: it is not UTF-8, or a control character"
	}
	return fmt.Sprintf("%d characters are shown as U+FFFD: they are not UTF-8, or control characters", r.Count)
}

// add counts what is replaced in the string s, of which raw is the JSON.
func (r *Replaced) add(path string, raw json.RawMessage, s string) {
	n := markup.Unclean(s)
	// What is no character became U+FFFD when the JSON was read. Who writes U+FFFD means it.
	if strings.ContainsRune(s, utf8.RuneError) {
		n += strings.Count(s, string(utf8.RuneError)) - writtenReplacements(raw)
	}
	if n > 0 && r.Count == 0 {
		r.Place = path
	}
	r.Count += max(n, 0)
}

// writtenReplacements counts the U+FFFD that a string in JSON has by itself, as it is or escaped.
func writtenReplacements(raw json.RawMessage) int {
	n := bytes.Count(raw, []byte(string(utf8.RuneError)))
	// Of an escaped backslash the second must not be taken for the begin of an escape.
	escapes := bytes.ReplaceAll(raw, []byte(`\\`), nil)
	return n + bytes.Count(bytes.ToLower(escapes), []byte(`\ufffd`))
}
