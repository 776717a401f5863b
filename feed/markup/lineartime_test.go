//go:build !race && unix

// The race detector distorts times, so "make test" runs this file without it.

package markup_test

import (
	"strings"
	"testing"
	"time"

	"feedpub/feed/markup"
	"feedpub/feed/posttest"
)

// TestParseLinearTime parses hostile input of two sizes, one four times as large as the other. The ratio of the times
// is about 4 if parsing takes linear time, and 16 if it takes quadratic time. Parse may return an error.
func TestParseLinearTime(t *testing.T) {
	parse := func(h hostile) time.Duration {
		start := posttest.CPUTime()
		if tree, err := markup.Parse(h.format, h.body); err == nil {
			markup.PlainText(tree)
			markup.Clean(tree)
		}
		return posttest.CPUTime() - start
	}
	small, large := hostileBodies(1<<14), hostileBodies(1<<16)
	for i, h := range large {
		t.Run(h.name, func(t *testing.T) {
			short, long := parse(small[i]), parse(h)
			// Short times are not compared. The measurement is repeated in case the machine is busy.
			for try := 0; long > 10*short && long > 300*time.Millisecond && try < 5; try++ {
				short, long = max(short, parse(small[i])), min(long, parse(h))
			}
			if long > 10*short && long > 300*time.Millisecond {
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
