package markup_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/markup"
)

func TestParse(t *testing.T) {
	tests := []struct {
		name   string
		format markup.Format
		body   string
		html   string
		text   string
	}{
		{
			name:   "paragraphs and lines of plain text",
			format: markup.Text,
			body:   "\r\n  One & <two>\r\nthree\r\n \t\r\n\r\nfour\rfive\n",
			html:   "<p>One &amp; &lt;two&gt;<br/>three</p><p>four<br/>five</p>",
			text:   "One & <two>\nthree\n\nfour\nfive",
		},
		{
			name:   "empty text",
			format: markup.Text,
			body:   " \n\n",
		},
		{
			name:   "bad UTF-8 and controls",
			format: markup.Text,
			body:   "a\x00b\xffc\x0bd\uffffe",
			html:   "<p>a\ufffdb\ufffdc d\ufffde</p>",
			text:   "a\ufffdb\ufffdc d\ufffde",
		},
		{
			name:   "controls as character references",
			format: markup.HTML,
			body:   `<p title="&#8;">a&#1;b&#xFFFF;c&#12;d&#13;e</p>`,
			html:   "<p title=\"\ufffd\">a\ufffdb\ufffdc d\ne</p>",
			text:   "a\ufffdb\ufffdc d e",
		},
		{
			name:   "scripts, styles and comments are removed with their content",
			format: markup.HTML,
			body: `<p onclick="x()">a<script>b</script><style>c</style><!-- d --><noscript>e</noscript><template>f</template>` +
				`<svg><title>g</title><text>h</text></svg> i</p>`,
			html: `<p>a i</p>`,
			text: "a i",
		},
		{
			name:   "an unclosed drawing ends at the next block",
			format: markup.HTML,
			body:   `<svg><path d="M0"><p>kept</p>`,
			html:   `<p>kept</p>`,
			text:   "kept",
		},
		{
			name:   "forms are replaced by their text",
			format: markup.HTML,
			body:   `<form action="/x"><label>Name <input name=n value=v></label><select><option>a<option>b</select><textarea>c &lt;</textarea></form>`,
			html:   `<div>Name    a b  c &lt; </div>`,
			text:   "Name a b c <",
		},
		{
			name:   "words between cells keep their position",
			format: markup.HTML,
			body:   `<table>one<tr>two<td>three</td>four<b>five</b></tr>six</table>`,
			html: `<table><tbody><tr><td>one</td></tr><tr><td>two</td><td>three</td><td>four<b>five</b></td></tr>` +
				`<tr><td>six</td></tr></tbody></table>`,
			text: "one\ntwo three fourfive\nsix",
		},
		{
			name:   "table parts outside of a table",
			format: markup.HTML,
			body:   `a<td>b</td><tr>c`,
			html:   `a b c`,
			text:   "a b c",
		},
		{
			name:   "misnested",
			format: markup.HTML,
			body:   `<b>a<i>b</b>c</i><a href="/x">d<a href="/y">e</a></p>f`,
			html:   `<b>a<i>b</i></b><i>c</i><a href="/x">d</a><a href="/y">e</a>f`,
			text:   "abcdef",
		},
		{
			name:   "unknown elements are replaced by their content",
			format: markup.HTML,
			body:   `<o:p>a</o:p> <font color=red>b</font> <my-card>c</my-card> <math><mi>x</mi></math>`,
			html:   `a b c x`,
			text:   "a b c x",
		},
		{
			name:   "a frame with a video becomes a link, one with a counter is removed",
			format: markup.HTML,
			body: `<iframe src="//www.youtube.com/embed/1?a=b&amp;c" title="A talk"></iframe>` +
				`<iframe src="https://counter.example/1">x</iframe><iframe src="javascript:alert(1)"></iframe>`,
			html: `<p><a href="https://www.youtube.com/embed/1?a=b&amp;c">A talk</a></p>`,
			text: "A talk",
		},
		{
			name:   "preformatted",
			format: markup.HTML,
			body:   "<p>a\n b</p><pre>\n\n  c\n    d\n</pre><xmp><b></xmp>",
			html:   "<p>a\n b</p><pre>\n\n  c\n    d\n</pre><pre>&lt;b&gt;</pre>",
			text:   "a b\n\n  c\n    d\n\n<b>",
		},
		{
			name:   "markdown with raw HTML",
			format: markup.Markdown,
			body: "# Head\n\nSee https://example.com/ and ~~not~~ *this* <q cite=\"/s\">that</q>.\n\n" +
				"> Quoted\n\n| a | b |\n|:--|--:|\n| 1 | 2 |\n\n<script>alert(1)</script>\n",
			html: "<h1>Head</h1>\n<p>See <a href=\"https://example.com/\">https://example.com/</a> and <del>not</del> " +
				"<em>this</em> <q cite=\"/s\">that</q>.</p>\n<blockquote>\n<p>Quoted</p>\n</blockquote>\n" +
				"<table>\n<thead>\n<tr>\n<th align=\"left\">a</th>\n<th align=\"right\">b</th>\n</tr>\n</thead>\n" +
				"<tbody>\n<tr>\n<td align=\"left\">1</td>\n<td align=\"right\">2</td>\n</tr>\n</tbody>\n</table>\n\n",
			text: "Head\n\nSee https://example.com/ and not this that.\n\nQuoted\n\na b\n1 2",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tree, err := markup.Parse(tt.format, tt.body)
			if err != nil {
				t.Fatalf("Parse(%s, %q): %v", tt.format, tt.body, err)
			}
			if diff := cmp.Diff(tt.text, markup.PlainText(tree)); diff != "" {
				t.Errorf("PlainText of %q (-want +got):\n%s", tt.body, diff)
			}
			if diff := cmp.Diff(tt.html, markup.Clean(tree)); diff != "" {
				t.Errorf("Clean of %q (-want +got):\n%s", tt.body, diff)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	_, err := markup.Parse(markup.HTML, strings.Repeat("<div>", 600)+"x")
	if !errors.Is(err, feed.ErrInvalid) {
		t.Errorf("600 nested elements: got error %v, want an error of kind %v", err, feed.ErrInvalid)
	}
	_, err = markup.Parse("rtf", "x")
	if !errors.Is(err, feed.ErrInvalid) {
		t.Errorf("an unknown format: got error %v, want an error of kind %v", err, feed.ErrInvalid)
	}
}

func TestAbsolute(t *testing.T) {
	base, err := url.Parse("https://blog.example/2024/post.html?x=1")
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, body, want string }{
		{"link", `<a href="../a?b=1&amp;c">x</a>`, `<a href="https://blog.example/a?b=1&amp;c">x</a>`},
		{"within the page", `<a href="#note">x</a>`, `<a href="https://blog.example/2024/post.html?x=1#note">x</a>`},
		{"without scheme", `<img src="//cdn.example/i.png">`, `<img src="https://cdn.example/i.png"/>`},
		{"white space and stray percent", `<a href=" /a b%zz%20 ">x</a>`, `<a href="https://blog.example/a%20b%25zz%20">x</a>`},
		{"absolute with tracking", `<a href="HTTP://E.example/?utm_source=x#y">x</a>`, `<a href="http://E.example/?utm_source=x#y">x</a>`},
		{"mail", `<a href="mailto:a@b.example">x</a>`, `<a href="mailto:a@b.example">x</a>`},
		{"script", `<a href="javascript:alert(1)">x</a><a href="java&#10;script:alert(1)">y</a>`, `<a>x</a><a>y</a>`},
		{"srcset", `<img src="a.png" srcset="a.png, b,c.png 2x ,d.png 480w">`,
			`<img src="https://blog.example/2024/a.png" srcset="https://blog.example/2024/a.png, https://blog.example/2024/b,c.png 2x, https://blog.example/2024/d.png 480w"/>`},
		{"script in srcset", `<img src="a.png" srcset="javascript:alert(1) 2x">`, `<img src="https://blog.example/2024/a.png"/>`},
		{"media", `<video poster="p.jpg"><source src="v.webm" type="video/webm"></video><audio src="a.mp3" controls></audio>`,
			`<video poster="https://blog.example/2024/p.jpg"><source src="https://blog.example/2024/v.webm" type="video/webm"/></video>` +
				`<audio src="https://blog.example/2024/a.mp3" controls=""></audio>`},
		{"script in a source", `<audio><source src="javascript:alert(1)"></audio>`, `<audio></audio>`},
		{"cite", `<blockquote cite="/s">x</blockquote><q cite="t">y</q><del cite="u">z</del>`,
			`<blockquote cite="https://blog.example/s">x</blockquote><q cite="https://blog.example/2024/t">y</q>` +
				`<del cite="https://blog.example/2024/u">z</del>`},
		{"data image", `<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" alt="dot">`,
			`<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" alt="dot"/>`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tree, err := markup.Parse(markup.HTML, tt.body)
			if err != nil {
				t.Fatal(err)
			}
			markup.Absolute(tree, base)
			if diff := cmp.Diff(tt.want, markup.Clean(tree)); diff != "" {
				t.Errorf("Absolute and Clean of %s (-want +got):\n%s", tt.body, diff)
			}
		})
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
