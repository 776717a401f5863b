package markup_test

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"

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

func TestParseKeepsWordsAndCleanIsStable(t *testing.T) {
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

// TestParseTreeSize checks that unclosed inline elements, which parsers reopen in every block, do not make the tree
// large.
func TestParseTreeSize(t *testing.T) {
	var b strings.Builder
	for i := range 100 {
		fmt.Fprintf(&b, "<b title=%d>", i)
	}
	body := "<p>" + b.String() + strings.Repeat("<p>x", 2_000)
	tree, err := markup.Parse(markup.HTML, body)
	if err != nil {
		t.Fatal(err)
	}
	nodes := 0
	for range tree.Descendants() {
		nodes++
	}
	if limit := 10 * 2_000 * 2; nodes > limit {
		t.Errorf("%d bytes became %d nodes, want at most %d", len(body), nodes, limit)
	}
}

// TestParseLinearTime parses hostile input of two sizes, one four times as large as the other. The ratio of the times
// is about 4 if parsing takes linear time, and 16 if it takes quadratic time. Parse may return an error.
func TestParseLinearTime(t *testing.T) {
	parse := func(h hostile) time.Duration {
		start := time.Now()
		if tree, err := markup.Parse(h.format, h.body); err == nil {
			markup.PlainText(tree)
			markup.Clean(tree)
		}
		return time.Since(start)
	}
	small, large := hostileBodies(1<<14), hostileBodies(1<<16)
	for i, h := range large {
		t.Run(h.name, func(t *testing.T) {
			short, long := parse(small[i]), parse(h)
			// Short times are not compared. The measurement is repeated in case the machine is busy.
			for try := 0; long > 10*short && long > 3*time.Second && try < 5; try++ {
				short, long = max(short, parse(small[i])), min(long, parse(h))
			}
			if long > 10*short && long > 3*time.Second {
				t.Errorf("%d bytes took %v and %d bytes took %v: not linear", len(small[i].body), short, len(h.body), long)
			}
		})
	}
}

// hostile is a body that some parsers take a long time to parse.
type hostile struct {
	name   string
	format markup.Format
	body   string
}

// hostileBodies returns hostile bodies of about size bytes.
func hostileBodies(size int) []hostile {
	repeat := func(s string) string { return strings.Repeat(s, size/len(s)) }
	return []hostile{
		{"stray end tags", markup.HTML, repeat("a</x>")},
		{"stray end tags of items", markup.HTML, strings.Repeat("<li>", size/10) + strings.Repeat("a</li>", size/10)},
		{"text between rows", markup.HTML, "<table>" + repeat("a<tr>")},
		{"cells without a table", markup.HTML, repeat("a<td>")},
		{"tables in tables", markup.HTML, strings.Repeat("<table>", 200) + "</table>" + repeat("a<td>")},
		{"open inline elements", markup.HTML, "<p>" + strings.Repeat("<b title=1><i title=2><u>", 200) + repeat("<p>x")},
		{"open links", markup.HTML, repeat("<a href=x>a<p>")},
		{"misnested", markup.HTML, repeat("<b><p></b>x</p>")},
		{"attributes", markup.HTML, "<p " + repeat("a=1 ") + ">x"},
		{"open tag", markup.HTML, repeat("<p ")},
		{"comments", markup.HTML, repeat("<!--")},
		{"drawings", markup.HTML, repeat("<svg>")},
		{"brackets", markup.Markdown, repeat("[")},
		{"images", markup.Markdown, repeat("![a](")},
		{"asterisks", markup.Markdown, repeat("*a_b ")},
		{"quotations", markup.Markdown, repeat("> ")},
		{"lists", markup.Markdown, repeat("- ")},
		{"ticks", markup.Markdown, repeat("`a``")},
		{"definitions", markup.Markdown, repeat("[a]: /b\n")},
		{"definitions within bounds", markup.Markdown, strings.Repeat("[a]: /b\n", min(9_999, size/8))},
		{"open links within bounds", markup.Markdown, repeat(strings.Repeat("[a](", 999) + "\n\n")},
		{"quotations within bounds", markup.Markdown, repeat(strings.Repeat("> ", 99) + "\n")},
		{"tables", markup.Markdown, "|a|\n|-|\n" + repeat("|b|c\n")},
		{"angles", markup.Markdown, repeat("<a ")},
		{"addresses", markup.Markdown, repeat("http://a.b/(")},
		{"tildes", markup.Markdown, repeat("~~a ")},
		{"footnotes", markup.Markdown, repeat("[^a]: b\n")},
		{"footnotes within bounds", markup.Markdown, strings.Repeat("[^a]: b\n", 499) + repeat("[^b]")},
		{"references to footnotes", markup.Markdown, "[^a]: b\n\n" + repeat("[^a]")},
		{"open footnotes", markup.Markdown, repeat("[^")},
		{"definition lists", markup.Markdown, repeat("a\n: b\n")},
		{"definitions without terms", markup.Markdown, repeat(": ")},
		{"tasks", markup.Markdown, repeat("- [ ] a\n")},
		{"kramdown attributes", markup.Markdown, repeat("{: .a}")},
		{"open kramdown attributes", markup.Markdown, repeat("{: .a")},
		{"heading attributes", markup.Markdown, "# " + repeat("{#a} ")},
		{"headings with attributes", markup.Markdown, repeat("# a {#a}\n")},
		{"lines", markup.Text, repeat("a\n")},
	}
}
