package markup_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed/markup"
)

// TestMarkdownExtensions checks the HTML of footnotes, definition lists, task lists and kramdown's attributes.
func TestMarkdownExtensions(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"footnote", "One[^1] two[^b].\n\n[^1]: First *note*.\n[^b]: Second.\n\n    More.\n\nThree.",
			"<p>One<sup><a href=\"#fn:1\">1</a></sup> two<sup><a href=\"#fn:2\">2</a></sup>.</p>\n<p>Three.</p>\n<div>\n<hr/>\n<ol>\n" +
				"<li>\n<p>First <em>note</em>.</p>\n</li>\n<li>\n<p>Second.</p>\n<p>More.</p>\n</li>\n</ol>\n</div>"},
		{"footnote used twice", "One[^1] two[^1].\n\n[^1]: Note.", "<p>One<sup><a href=\"#fn:1\">1</a></sup> two<sup><a href=\"#fn:1\">1</a></sup>.</p>\n" +
			"<div>\n<hr/>\n<ol>\n<li>\n<p>Note.</p>\n</li>\n</ol>\n</div>"},
		{"footnote without reference", "One[^1].\n\n[^2]: Unused.\n[^1]: Used.", "<p>One<sup><a href=\"#fn:1\">1</a></sup>.</p>\n<div>\n<hr/>\n<ol>\n" +
			"<li>\n<p>Used.</p>\n</li>\n<li>\n<p>Unused.</p>\n</li>\n</ol>\n</div>"},
		{"only a footnote", "[^2]: Unused.", "<div>\n<hr/>\n<ol>\n<li>\n<p>Unused.</p>\n</li>\n</ol>\n</div>"},
		{"reference without footnote", "One[^1].", "<p>One[^1].</p>"},
		{"footnote in code", "`[^1]: x`\n\n    [^1]: y", "<p><code>[^1]: x</code></p>\n<pre><code>[^1]: y\n</code></pre>"},
		{"definition list", "Sea\n: Water.\n: Salt.\n\nLand\n: *Earth*.", "<dl>\n<dt>Sea</dt>\n<dd>Water.</dd>\n<dd>Salt.</dd>\n<dt>Land</dt>\n<dd><em>Earth</em>.</dd>\n</dl>"},
		{"task list", "- [ ] one\n- [x] two\n- [y] three", "<ul>\n<li>☐ one</li>\n<li>☑ two</li>\n<li>[y] three</li>\n</ul>"},
		{"class of a paragraph", "One\n{: .wide #x title=\"a b\"}\n\nTwo", "<p>One</p>\n<p>Two</p>"},
		{"class on a line of its own", "One\n\n{:.wide}\n\nTwo", "<p>One</p>\n<p>Two</p>"},
		{"class of a link", "[a](/b){:target=\"_blank\" rel='x'} and ![c](/d){: .left }", "<p><a href=\"/b\">a</a> and <img src=\"/d\" alt=\"c\"/></p>"},
		{"class of code", "```\nx\n```\n{: .language-ruby}", "<pre><code>x\n</code></pre>"},
		{"attributes in code", "`{: .a}`\n\n    {: .b}", "<p><code>{: .a}</code></p>\n<pre><code>{: .b}\n</code></pre>"},
		{"words in braces", "He {: smiled } {:} {: a.b} {.c} {#d}", "<p>He {: smiled } {:} {: a.b} {.c} {#d}</p>"},
		{"attributes over lines", "{: .a\n.b}", "<p>{: .a\n.b}</p>"},
		{"table of contents", "* Contents\n{:toc}\n\n# One\n", "<h1>One</h1>"},
		{"numbered table of contents", "1. TOC\n{:toc}\n\nOne", "<p>One</p>"},
		{"table of contents marked twice", "* Contents {:toc}\n{:toc}\n\nOne", "<p>One</p>"},
		{"table of contents without list", "Contents {:toc}", "<p>Contents </p>"},
		{"list with the mark of a table of contents", "* One\n* Two\n{:toc}", "<ul>\n<li>One</li>\n<li>Two</li>\n</ul>"},
		{"heading with an id", "## One {#one}\n\nTwo\n===\n\n### C {:.no_toc}\n\n## {x}", "<h2>One</h2>\n<h1>Two</h1>\n<h3>C </h3>\n<h2>{x}</h2>"},
	} {
		tree, err := markup.Parse(markup.Markdown, tt.body)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if diff := cmp.Diff(tt.want, strings.TrimSpace(markup.Clean(tree))); diff != "" {
			t.Errorf("%s: HTML of %q (-want +got):\n%s", tt.name, tt.body, diff)
		}
	}
}
