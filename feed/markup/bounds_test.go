package markup

import (
	"errors"
	"strings"
	"testing"

	"feedpub/feed"
)

// TestMarkdownBounds checks that Parse rejects Markdown that would take too much time or memory, and accepts other
// text.
func TestMarkdownBounds(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"delimiters", "A.\n\n" + strings.Repeat("*a_ ", 120_000), "line 3: too many delimiters"},
		{"delimiters in links", strings.Repeat("[*a](b) ", 20_000), "line 1: too many delimiters"},
		{"wide table", "A.\n\n" + strings.Repeat("|a", 5_000) + "\n" + strings.Repeat("|-", 5_000) + "\n" + strings.Repeat("b\n", 5_000),
			"line 11: tables with more than 40006 cells"},
		{"long address used often", "[a]: " + strings.Repeat("b", 50_000) + "\n\n" + strings.Repeat("[a] ", 1_000), "links with more"},
		{"nested lists", "A.\n\n" + strings.Repeat("1. ", 1_000) + "a", "line 3: quotations and lists nested deeper than 100"},
		{"lists in quotations", strings.Repeat("> - ", 1_000) + "a", "line 1: quotations and lists nested deeper than 100"},
		{"indented list", strings.Repeat(" ", 500) + "- a", "line 1: a list item indented by more than 400 characters"},

		{"footnotes", strings.Repeat("[^a]: b\n", 501), "line 501: more than 500 footnotes"},

		{"emphasis in a long paragraph", strings.Repeat("some *words* and **more** of them_\n", 1_500), ""},
		{"emphasis in many paragraphs", strings.Repeat("some *words* and **more** of _them_\n\n", 25_000), ""},
		{"tight list", strings.Repeat("- some *words*: [a](https://b.example/c)\n", 20_000), ""},
		{"links of one paragraph", strings.Repeat("[some words](https://b.example/an/article/of/some/length)\n", 2_500), ""},
		{"table", "|a|b|c|\n|-|-|-|\n" + strings.Repeat("|*x*|`y`|[z](w)|\n", 10_000), ""},
		{"thematic break", "a\n\n" + strings.Repeat("* ", 300) + "\n\n" + strings.Repeat("- ", 300) + "\n\nb", ""},
		{"images", "![a]\n\n" + strings.Repeat("![b][a]\n\n", 10) + "[a]: <data:image/png;base64," + strings.Repeat("A", 50_000) + ">", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse(Markdown, tt.body)
			if tt.want == "" && err != nil {
				t.Errorf("Parse returned the error %v", err)
			}
			if tt.want != "" && (!errors.Is(err, feed.ErrInvalid) || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("Parse returned the error %v, want an error containing %q", err, tt.want)
			}
		})
	}
}
