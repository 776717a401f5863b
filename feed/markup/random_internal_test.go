//go:build !race

// The race detector would find nothing in these tests, which use one goroutine, and make them ten times slower.
// "make test" runs this file without it.

package markup

import (
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/net/html/atom"
)

// TestParseWellNestedRandom compares the trees of random sequences of tags and words, most of them well nested.
func TestParseWellNestedRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	names := []string{"p", "div", "a", "b", "i", "em", "code", "ul", "ol", "li", "dl", "dt", "dd", "blockquote", "figure",
		"figcaption", "pre", "br", "hr", "img", "h1", "h2", "span", "cite", "q", "footer", "table", "summary", "center",
		"o:p", "font"}
	words := []string{"one", "two ", " three", "\n", "&amp;", "&lt;p&gt;", "\"", "'", "\n\n", "&#13;", "é", "<!-- a -->", "&", "> "}
	attributes := []string{"", "", ` href="x"`, ` href="?a=b&amp;c&d=e"`, ` title='"'`, ` class="c" id="d"`, ` src="a b&gt;"`, " /", ` title="&lt&amp"`}
	wellNested := 0
	for range 60_000 {
		var b strings.Builder
		var open []string
		for range 1 + r.IntN(14) {
			name, k := names[r.IntN(len(names))], r.IntN(10)
			switch {
			case k < 4:
				b.WriteString("<" + name + attributes[r.IntN(len(attributes))] + ">")
				if !void[atom.Lookup([]byte(name))] {
					open = append(open, name)
				}
			case k < 6 && len(open) > 0:
				b.WriteString("</" + open[len(open)-1] + ">")
				open = open[:len(open)-1]
			case k == 6 && r.IntN(4) == 0:
				b.WriteString("</" + name + ">")
			default:
				b.WriteString(words[r.IntN(len(words))])
			}
		}
		if checkWellNested(t, b.String()) {
			wellNested++
		}
	}
	if wellNested < 10_000 {
		t.Errorf("%d of 60,000 random bodies are well nested, want at least 10,000", wellNested)
	}
}

// markdownParts are parts of which randomMarkdown makes documents.
var markdownParts = []string{"a", "b ", " c", "\n", "\n\n", "  \n", " \n", "\\\n", "*", "**", "_", "~~", "~", "(", ")", "[", "](", "![", "]", "`", "``",
	"<b>", "</b>", "<a href=\"", "\">", "<script>", "\"", "'", ">", "> ", "- ", "1. ", "# ", "|", "\n|-|-|\n", ": ", "\n: ", "[^1]", "\n[^1]: ", "\n[r]: ",
	"[r]", "{: .a}", "{:toc}", "- [ ] ", "    ", "\t", "\\(", "\\*", "&amp;", "&quot;", ";", ".", ",", "?", "…", "é", "/", ":80", "\n===\n", "```\n", "@",
	"http://a.example", "https://b.example/c", "ftp://d.example", "www.e.example", "f@g.example", "http:", "(http://h.example/(i)", "\"www.j.example",
	"](https://k.example \"l\")", "<http://m.example>", "*https://n.example*", "(www.o.example)", "https://www.p.example/?q=(r"}

// randomMarkdown returns a random sequence of the parts.
func randomMarkdown(r *rand.Rand) string {
	var b strings.Builder
	for range 1 + r.IntN(24) {
		b.WriteString(markdownParts[r.IntN(len(markdownParts))])
	}
	return b.String()
}

// TestQuickConverterRandom checks that random Markdown without bare links is converted in the same way if they are not
// searched for.
func TestQuickConverterRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	compared := 0
	for range 20_000 {
		body := randomMarkdown(r)
		if !isQuick(body) {
			continue
		}
		compared++
		want, err := convertMarkdown(body, false)
		if err != nil {
			t.Fatalf("convert %q: %v", body, err)
		}
		got, err := convertMarkdown(body, true)
		if err != nil {
			t.Fatalf("convert %q quickly: %v", body, err)
		}
		wantHTML, _ := render(want)
		if gotHTML, _ := render(got); gotHTML != wantHTML {
			t.Fatalf("%q: the quick converter returns %q, want %q", body, gotHTML, wantHTML)
		}
	}
	if compared < 3_000 {
		t.Errorf("compared %d documents, want at least 3,000", compared)
	}
}
