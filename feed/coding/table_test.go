package coding

import (
	"slices"
	"strings"
	"testing"

	"feedpub/feed"
)

// TestNewCoding checks that every method of a coding without a row in the table panics with the coding's number.
func TestNewCoding(t *testing.T) {
	whole := codecs
	defer func() { codecs = whole }()
	codecs[Brotli] = codec{}
	for _, c := range []Coding{Brotli, Count} {
		for name, use := range map[string]func(){
			"Token":     func() { c.Token() },
			"TagSuffix": func() { c.TagSuffix() },
			"Extension": func() { c.Extension() },
			"Wildcard":  func() { c.Wildcard() },
			"Committed": func() { c.Committed(feed.DocumentRef{}) },
			"Stored":    func() { c.Stored(feed.Blob{}) },
			"Pack":      func() { c.Pack(nil) },
			"Unpack":    func() { _, _ = c.Unpack(nil, 0) },
			"Check":     func() { _ = c.Check(nil, "", 0) },
		} {
			if got := panics(use); !strings.Contains(got, "coding "+string('0'+rune(c))) {
				t.Errorf("%s of coding %d, which has no row, panics with %q, want a message with its number", name, c, got)
			}
		}
	}
}

// panics calls do and returns the text of its panic, or "" if it does not panic.
func panics(do func()) (text string) {
	defer func() { text, _ = recover().(string) }()
	do()
	return ""
}

// TestTableIsComplete checks that every row of the table has all columns, and that tokens, tag suffixes and extensions
// are unique.
func TestTableIsComplete(t *testing.T) {
	var tokens, suffixes, extensions []string
	for _, c := range All() {
		row := c.codec()
		if row.committed == nil || row.stored == nil {
			t.Errorf("the row of coding %q lacks a function: %+v", row.token, row)
		}
		if c != Identity && (row.pack == nil || row.readers == nil || row.tagSuffix == "" || row.extension == "") {
			t.Errorf("the row of coding %q is incomplete: %+v", row.token, row)
		}
		if slices.Contains(tokens, row.token) || slices.Contains(suffixes, row.tagSuffix) ||
			slices.Contains(extensions, row.extension) {
			t.Errorf("coding %q shares its token, tag suffix or extension with another coding", row.token)
		}
		tokens, suffixes = append(tokens, row.token), append(suffixes, row.tagSuffix)
		extensions = append(extensions, row.extension)
	}
	all, compressed := All(), Compressed()
	if !slices.Equal(all[1:], compressed[:]) || all[0] != Identity {
		t.Errorf("Compressed() = %v, want all codings of %v but Identity", compressed, all)
	}
}
