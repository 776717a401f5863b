package markup

import (
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// FuzzPlainText checks that the fast path writes the same text as decoding, cleaning and escaping would.
func FuzzPlainText(f *testing.F) {
	for _, s := range []string{"", " \n\t", "plain \"text\" & more", "it's <b>", "a\rb", "a\x00b", "ü", "\f", "\x7f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		fast := tidier{cells: []bool{false}, open: map[atom.Atom]int{}}
		if !fast.plainText([]byte(s)) {
			return
		}
		slow := tidier{cells: []bool{false}, open: map[atom.Atom]int{}}
		slow.text(html.UnescapeString(s))
		if got, want := html.UnescapeString(fast.out.String()), html.UnescapeString(slow.out.String()); got != want {
			t.Errorf("plainText(%q) wrote %q, want %q as written by text", s, got, want)
		}
	})
}

func TestCleanTextLeavesCleanTextAlone(t *testing.T) {
	for _, s := range []string{"", "a", strings.Repeat("plain ", 1000), "tab\tline\nreturn\r\x7f", "naïve 日本 🎉"} {
		if got := CleanText(s); got != s {
			t.Errorf("CleanText(%q) = %q", s, got)
		}
		if got, want := CleanText(s+"\x01"+s), s+"\ufffd"+s; got != want {
			t.Errorf("CleanText with a control character after %q = %q, want %q", s, got, want)
		}
	}
}

// TestCleanTextFindsEveryByte checks that CleanText replaces a byte at any position, although it reads eight bytes at a
// time.
func TestCleanTextFindsEveryByte(t *testing.T) {
	const text = "text of 17 bytes."
	for c := range 256 {
		replaced := string(rune(c))
		switch b := byte(c); {
		case b == '\v' || b == '\f':
			replaced = " "
		case !asciiChar(b):
			replaced = "\ufffd"
		}
		for at := range len(text) {
			s := text[:at] + string([]byte{byte(c)}) + text[at+1:]
			if got, want := CleanText(s), text[:at]+replaced+text[at+1:]; got != want {
				t.Fatalf("CleanText(%q) = %q, want %q", s, got, want)
			}
		}
	}
}
