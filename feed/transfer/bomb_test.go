package transfer

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"feedpub/feed"
)

// aliasBomb returns front matter whose aliases expand to width^depth nodes.
func aliasBomb(depth, width int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "a0: &a0 [%s]\n", strings.TrimSuffix(strings.Repeat("x,", width), ","))
	for i := 1; i < depth; i++ {
		alias := fmt.Sprintf("*a%d", i-1)
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(alias+",", width), ","))
	}
	return b.String()
}

// TestFrontMatterBounds checks that front matter that would require too much memory or time is rejected with its line
// number.
func TestFrontMatterBounds(t *testing.T) {
	fill := func(s string, size int) string { return strings.Repeat(s, size/len(s)) }
	for _, tt := range []struct{ name, fence, front, want string }{
		{"nested aliases", "---", aliasBomb(9, 9), "line 6: front matter: the aliases expand to more than 131072 bytes"},
		{"nested mapping aliases", "---", "a: &a {x: 1, y: 2}\n" + strings.ReplaceAll(aliasBomb(9, 9), "x", "*a"), "expand to"},
		{"many aliases of a long text", "---", "a: &a " + fill("x", 60_000) + "\nb: [*a, *a, *a]\n", "expand to"},
		{"open brackets", "---", "a: " + fill("[", 100_000) + "\n", "front matter: more than 10000 YAML tokens"},
		{"few open brackets", "---", "a: " + fill("[", 100) + "\n", "line 2: front matter: nested deeper than 32"},
		{"braces", "---", "a: " + fill("{a: ", 400) + "\n", "nested deeper than 32"},
		{"dashes", "---", "a:\n  " + fill("- ", 100) + "\n", "nested deeper than 32"},
		{"keys", "---", fill("a: b\n", 100_000), "more than 10000 YAML tokens"},
		{"angle brackets", "---", "a: b\nc: " + fill("<", 60_000) + "\n", "line 3: front matter: more than 99 \"<\" in a row"},
		{"size", "---", "a: |\n" + fill("  x\n", 200_000), "front matter: want at most 131072 bytes"},
		{"TOML size", "+++", "a = \"" + fill("x", 200_000) + "\"\n", "front matter: want at most 131072 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			content := tt.fence + "\n" + tt.front + tt.fence + "\nWords.\n"
			_, err := Options{Format: Markdown}.Decode("a.md", []byte(content))
			if !errors.Is(err, feed.ErrInvalid) || !strings.Contains(fmt.Sprint(err), tt.want) {
				t.Errorf("Decode returned the error %v, want an error containing %q", err, tt.want)
			}
			for _, err := range (Options{}).Read(strings.NewReader(content), "a.md") {
				if !errors.Is(err, feed.ErrInvalid) || !strings.Contains(fmt.Sprint(err), tt.want) {
					t.Errorf("Read yielded the error %v, want an error containing %q", err, tt.want)
				}
			}
		})
	}
}

// TestFrontMatterWithinBounds checks that ordinary front matter is accepted.
func TestFrontMatterWithinBounds(t *testing.T) {
	for name, front := range map[string]string{
		"aliases":      "tags: &t [a, b]\nkeywords: *t\nmore: {x: &x {y: z}, all: [*x, *x, *x]}\n",
		"merge keys":   "base: &b {a: 1}\nc:\n  <<: *b\n  d: 2\n",
		"nested":       "a: [[[[[[[[[[x]]]]]]]]]]\n",
		"long text":    "description: |\n" + strings.Repeat("  some words here - and: more\n", 4_000),
		"asterisks":    "title: \"" + strings.Repeat("*a* & ", 1_000) + "\"\n",
		"long list":    "tags:\n" + strings.Repeat("  - tag\n", 3_000),
		"deep mapping": "a:\n b:\n  c:\n   d:\n    - e:\n       f: [[[x]]]\n",
	} {
		if _, err := (Options{Format: Markdown}).Decode("a.md", []byte("---\n"+front+"---\nWords.\n")); err != nil {
			t.Errorf("%s: Decode returned the error %v", name, err)
		}
	}
}

// TestTemplateBounds checks that template code whose replacement is too long is rejected with its line number.
func TestTemplateBounds(t *testing.T) {
	front := "---\nlong: \"" + strings.Repeat("&", 60_000) + "\"\n---\n"
	jekyll := fstest.MapFS{"_posts/2020-01-01-b.md": {Data: []byte("---\n---\nb")}}
	hugo := fstest.MapFS{"content/posts/b.md": {Data: []byte("---\n---\nb")}, "hugo.toml": {Data: nil}}
	numbered := func(format string) string {
		var b strings.Builder
		for i := range 2_000 {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for _, tt := range []struct {
		name string
		site fstest.MapFS
		text string
		ok   bool
	}{
		{"Jekyll values", jekyll, strings.Repeat("{{ page.long }}", 10_000), false},
		{"Jekyll filters", jekyll, strings.Repeat("{{ page.long | append: page.long | prepend: page.long | x }}", 1_000), false},
		{"Jekyll escapes", jekyll, "{{ page.long" + strings.Repeat(" | escape", 500) + "}}", false},
		{"Jekyll links", jekyll, numbered("{%% link %d %%}"), false},
		{"Jekyll links to one post", jekyll, strings.Repeat("{% link _posts/2020-01-01-b.md %}", 2_000), true},
		{"Jekyll some values", jekyll, strings.Repeat("{{ page.long }}", 10), true},
		{"Hugo values", hugo, strings.Repeat("{{< param long >}}", 10_000), false},
		{"Hugo links", hugo, numbered("{{< ref \"%d\" >}}"), false},
		{"Hugo links to one post", hugo, strings.Repeat("{{< ref \"b\" >}}", 2_000), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, g, _ := findGenerator(tt.site, Options{})
			_, err := postFile{options: Options{generator: g}, name: "content/posts/a.md"}.convert([]byte(front + tt.text))
			if tt.ok && err != nil {
				t.Errorf("convert returned the error %v", err)
			}
			if !tt.ok && (!errors.Is(err, feed.ErrInvalid) || !strings.HasPrefix(fmt.Sprint(err), "line 4: template code expands to more than")) {
				t.Errorf("convert returned the error %v, want an error about the size of the template code on line 4", err)
			}
		})
	}
}
