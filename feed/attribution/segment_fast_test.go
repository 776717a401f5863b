package attribution

import (
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// plainCollapse is the plain version of how [segmenter] collapses the white space of a text node.
func plainCollapse(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \n\t\r\f\u00a0", r) }), " ")
}

// TestSegmentMatchesPlainCollapse checks that reading text several bytes at a time collapses the same white space as
// reading it rune by rune.
func TestSegmentMatchesPlainCollapse(t *testing.T) {
	texts := corpusTexts(t)
	r := rand.New(rand.NewPCG(5, 6))
	parts := []string{"a", "bc", " ", "  ", "\n", "\t", "\u00a0", "é", "\u00c2", "word ", "averylongword", "\x01", "…", "."}
	for range 3_000 {
		var b strings.Builder
		for range 1 + r.IntN(30) {
			b.WriteString(parts[r.IntN(len(parts))])
		}
		texts = append(texts, b.String())
	}
	for _, text := range texts {
		if !strings.Contains(text, "\xff") { // trees contain only valid UTF-8
			body := &html.Node{Type: html.ElementNode}
			body.AppendChild(&html.Node{Type: html.TextNode, Data: text})
			got := ""
			for _, b := range segment(body, &scratch{}).blocks {
				got += b.text
			}
			if want := plainCollapse(text); got != want {
				t.Fatalf("the text of %q is %q, want %q", text, got, want)
			}
		}
	}
}
