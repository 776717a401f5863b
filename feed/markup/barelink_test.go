package markup

import (
	"math/rand/v2"
	"strings"
	"testing"
)

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

// TestQuickConverter checks that Markdown without bare links is converted in the same way if they are not searched for.
func TestQuickConverter(t *testing.T) {
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

func TestIsQuick(t *testing.T) {
	for body, want := range map[string]bool{
		"":                                   true,
		"[a](https://b.example/c)":           true,
		"[a](https://www.b.example)":         true,
		"<a href=\"http://b.example\">a</a>": true,
		"https://b.example":                  false,
		"See www.b.example.":                 false,
		"(https://b.example":                 true,
		"[a](b) ftp://c.example":             false,
		"[a]: https://b.example":             false,
		"Ann <ann@b.example>":                false,
		"a \nb":                              true,
		"a  \nb":                             false,
	} {
		if got := isQuick(body); got != want {
			t.Errorf("isQuick(%q) = %v, want %v", body, got, want)
		}
	}
}
