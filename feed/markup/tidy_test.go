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
