//go:build !race

// The race detector would find nothing in these tests, which use one goroutine, and make them ten times slower.
// "make test" runs this file without it.

package markup_test

import (
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"

	"feedpub/feed/markup"
)

// randomHTML returns a random sequence of tags and words, which byte-level fuzzing rarely produces.
func randomHTML(r *rand.Rand) string {
	names := []string{"p", "div", "a", "b", "i", "em", "code", "table", "tr", "td", "th", "caption", "tbody", "colgroup",
		"col", "ul", "ol", "li", "dl", "dt", "dd", "blockquote", "figure", "figcaption", "pre", "br", "hr", "img", "ruby",
		"rt", "rp", "details", "summary", "h1", "h2", "span", "select", "option", "button", "form", "math", "mi", "center",
		"font", "nobr", "video", "source", "audio", "address", "textarea", "body", "html", "head", "input", "frameset"}
	words := []string{"one", "two ", " three", "\n", "&amp;", "&lt;p&gt;", "\"", "'", "\n\n", "&#13;", "é"}
	attributes := []string{"", ` href="x"`, ` href=y`, ` title='"'`, ` lang=en`, ` class=c`, ` src="a b"`, " /"}
	var b strings.Builder
	for range 1 + r.IntN(40) {
		name := names[r.IntN(len(names))]
		switch r.IntN(5) {
		case 0, 1:
			b.WriteString("<" + name + attributes[r.IntN(len(attributes))] + ">")
		case 2:
			b.WriteString("</" + name + ">")
		default:
			b.WriteString(words[r.IntN(len(words))])
		}
	}
	return b.String()
}

// TestParseAndCleanRandom checks that Parse and Clean keep the words of random HTML, and that Clean is idempotent.
func TestParseAndCleanRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	base := &url.URL{Scheme: "https", Host: "blog.example", Path: "/post"}
	for range 20_000 {
		body := randomHTML(r)
		tree, err := markup.Parse(markup.HTML, body)
		if err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		want := letters(tokensText(body))
		if got := letters(textOf(tree)); got != want {
			t.Fatalf("Parse(%q): the tree has the words %q, want %q", body, got, want)
		}
		markup.Absolute(tree, base)
		cleaned := markup.Clean(tree)
		again, err := markup.Parse(markup.HTML, cleaned)
		if err != nil {
			t.Fatalf("%q: cannot parse the output of Clean: %v", body, err)
		}
		if got := letters(textOf(again)); got != want {
			t.Fatalf("%q: Clean returned %q, which has the words %q, want %q", body, cleaned, got, want)
		}
		if twice := markup.Clean(again); twice != cleaned {
			t.Fatalf("%q: Clean returned %q, and cleaning the result again returned %q", body, cleaned, twice)
		}
	}
}
