//go:build !race && unix

// The race detector distorts times and allocation counts, so "make test" runs this file without it.

package transfer

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/net/html"

	"feedpub/feed"
	"feedpub/feed/posttest"
)

// TestReadCost checks that the time and memory needed for hostile files grow linearly with their size.
func TestReadCost(t *testing.T) {
	site := func(name string) Options {
		_, g, _ := findGenerator(fstest.MapFS{name: {Data: []byte("Words.\n")}, "content/a.md": {Data: nil}, "hugo.toml": {Data: nil}}, Options{})
		if g == nil {
			t.Fatalf("found no generator for %s", name)
		}
		return Options{Format: Markdown, generator: g}
	}
	cdata := strings.NewReplacer("]]>", "]]")
	for _, format := range []struct {
		name    string
		options Options
		wrap    func(text string) string
	}{
		{"WordPress content", Options{Format: WXR}, func(s string) string { _, s = wrap("wp", cdata.Replace(s)); return s }},
		{"WordPress export", Options{Format: WXR}, func(s string) string { _, s = wrap("wxr", s); return s }},
		{"RSS content", Options{Format: FeedXML}, func(s string) string {
			_, s = wrap("rss", "<item><guid>g</guid><description>"+html.EscapeString(s)+"</description></item>")
			return s
		}},
		{"RSS", Options{Format: FeedXML}, func(s string) string { _, s = wrap("rss", "<item>"+s); return s }},
		{"Atom content", Options{Format: FeedXML}, func(s string) string {
			_, s = wrap("atom", `<entry><id>g</id><content type="xhtml">`+s+"</content></entry>")
			return s
		}},
		{"Hugo text", site("content/posts/a.md"), func(s string) string { return "---\na: b\n---\n" + s }},
		{"Jekyll text", site("_posts/2020-01-01-a.md"), func(s string) string { return "---\na: b\n---\n" + s }},
		{"YAML", Options{Format: Markdown}, func(s string) string { return "---\n" + s + "\n---\nWords.\n" }},
		{"YAML value", Options{Format: Markdown}, func(s string) string { return "---\na: " + s + "\n---\nWords.\n" }},
		{"YAML flow", Options{Format: Markdown}, func(s string) string { return "---\na: [" + s + "]\n---\nWords.\n" }},
		{"TOML", Options{Format: Markdown}, func(s string) string { return "+++\n" + s + "\n+++\nWords.\n" }},
		{"TOML value", Options{Format: Markdown}, func(s string) string { return "+++\na = [" + s + "]\n+++\nWords.\n" }},
		{"JSON", Options{Format: JSON}, func(s string) string { return "{\"id\":\"a\",\"b\":" + s }},
		{"HTML", Options{Format: HTML}, func(s string) string { return "<title>a</title>" + s }},
		{"date", Options{Format: Markdown}, func(s string) string { return "+++\ndate = '''" + s + "'''\n+++\nWords.\n" }},
	} {
		posttest.CheckCost(t, format.name, format.wrap, func(input string) {
			for _, err := range format.options.Read(strings.NewReader(input), "content/posts/a") {
				if err != nil && !errors.Is(err, feed.ErrInvalid) && !errors.Is(err, ErrDamaged) {
					t.Errorf("%s: error %v has an unexpected kind", format.name, err)
				}
			}
		})
	}
}
