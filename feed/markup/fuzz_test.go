package markup_test

import (
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"feedpub/feed/markup"
)

var seeds = []string{
	"",
	"One\n\ntwo\nthree",
	`<p>a<b>b<p>c</b>d`,
	`<table>a<tr>b<td>c<table><td>d</table>e</table>f`,
	`<a href=/x>a<table><td><a href=/y>b</table>c</a>`,
	`<ul><li>a<li>b<ol><li>c</ul>d`,
	`<svg><style><img src=x onerror=alert(1)></style></svg><math><mtext><table><mglyph><style><img src=x>`,
	`<pre>` + "\n\n" + `a</pre><textarea><b>x</textarea><xmp></p></xmp><plaintext><i>`,
	`<img src="a" srcset="javascript:x 1x, b 2x" alt='"&#1;&quot;>'>`,
	`<form><select><option>a</select><input value=x></form><noscript><p>x</noscript>`,
	`<dl><dt>a<dd>b<dt>c</dl></br><br/><hr></p>x`,
	`<ruby>a<rp>(</rp><rt>b</rt></ruby><details open><summary>s</summary>t</details>`,
	"&#0;&#x80;&#xD800;&#xFFFE;\x00\xff\r\n\v",
	"# a\n\n> b\n\n- c\n  - d\n\n`e` ~~f~~ [g](javascript:h) <i>i</i>\n\n|a|\n|-|\n|b|",
}

// FuzzClean checks that Clean is idempotent, and that its output has only characters that XML 1.0 allows and no
// element, attribute or scheme that runs code.
func FuzzClean(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	base := &url.URL{Scheme: "https", Host: "blog.example", Path: "/post"}
	f.Fuzz(func(t *testing.T, body string) {
		for _, format := range []markup.Format{markup.HTML, markup.Markdown, markup.Text} {
			tree, err := markup.Parse(format, body)
			if err != nil {
				continue
			}
			markup.Absolute(tree, base)
			cleaned := markup.Clean(tree)
			checkText(t, cleaned)
			again, err := markup.Parse(markup.HTML, cleaned)
			if err != nil {
				t.Fatalf("%s %q: cannot parse the output of Clean: %v\n%s", format, body, err, cleaned)
			}
			checkHarmless(t, again)
			if twice := markup.Clean(again); twice != cleaned {
				t.Errorf("%s %q: Clean returned %q, and cleaning the result again returned %q", format, body, cleaned, twice)
			}
		}
	})
}

// FuzzParseKeepsWords checks that each word of the HTML appears in the tree exactly once and in order.
func FuzzParseKeepsWords(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if hidesText(body) {
			return
		}
		tree, err := markup.Parse(markup.HTML, body)
		if err != nil {
			return
		}
		if got, want := letters(textOf(tree)), letters(tokensText(body)); got != want {
			t.Errorf("Parse(%q): the tree has the words %q, want %q", body, got, want)
		}
		if got, want := letters(markup.PlainText(tree)), letters(textOf(tree)); got != want {
			t.Errorf("PlainText of %q: got the words %q, want %q", body, got, want)
		}
	})
}

// FuzzCleanText checks that cleaned text is valid in XML 1.0, and that CleanText does not change the number of
// characters.
func FuzzCleanText(f *testing.F) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := markup.CleanText(s)
		checkText(t, got)
		if markup.CleanText(got) != got {
			t.Errorf("CleanText(%q) = %q is not clean", s, got)
		}
		if utf8.RuneCountInString(got) != utf8.RuneCountInString(s) {
			t.Errorf("CleanText(%q) = %q: the number of characters changed", s, got)
		}
	})
}

// checkText reports an error unless s is unchanged after being encoded as XML and decoded.
func checkText(t *testing.T, s string) {
	t.Helper()
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		t.Fatal(err)
	}
	var decoded string
	if err := xml.Unmarshal([]byte("<a>"+b.String()+"</a>"), &decoded); err != nil && !errors.Is(err, io.EOF) {
		t.Errorf("decode %q from XML: %v", s, err)
	}
	if decoded != s {
		t.Errorf("%q encoded to XML and decoded is %q", s, decoded)
	}
}

// active lists elements that run code, load resources or must not appear in content.
var active = []atom.Atom{atom.Script, atom.Style, atom.Iframe, atom.Form, atom.Input, atom.Object, atom.Embed, atom.Svg,
	atom.Math, atom.Base, atom.Link, atom.Meta}

// hiding lists elements whose text is not in the tree.
var hiding = []atom.Atom{atom.Annotation, atom.AnnotationXml, atom.Noembed, atom.Noframes, atom.Noscript, atom.Script,
	atom.Style, atom.Svg, atom.Template, atom.Title, atom.Iframe}

func checkHarmless(t *testing.T, tree *html.Node) {
	t.Helper()
	for n := range tree.Descendants() {
		if slices.Contains(active, n.DataAtom) {
			t.Errorf("a %s element was kept", n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "id" || a.Key == "class" || a.Key == "name" {
				t.Errorf("the attribute %s of %s was kept", a.Key, n.Data)
			}
			value := strings.ToLower(strings.Map(func(r rune) rune {
				if unicode.IsSpace(r) || unicode.IsControl(r) {
					return -1
				}
				return r
			}, a.Val))
			switch a.Key {
			case "href", "src", "cite", "poster", "srcset":
				if strings.Contains(value, "javascript:") && !strings.HasPrefix(value, "http") &&
					!strings.HasPrefix(value, "mailto:") {
					t.Errorf("the attribute %s=%q of %s, which runs code, was kept", a.Key, a.Val, n.Data)
				}
			}
		}
	}
}

// hidesText reports whether body contains frames or elements that are removed with their content.
func hidesText(body string) bool {
	z := html.NewTokenizer(strings.NewReader(markup.CleanText(body)))
	for z.Next() != html.ErrorToken {
		if slices.Contains(hiding, z.Token().DataAtom) {
			return true
		}
	}
	return false
}

func tokensText(body string) string {
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(markup.CleanText(body)))
	for z.Next() != html.ErrorToken {
		if token := z.Token(); token.Type == html.TextToken {
			b.WriteString(markup.CleanText(token.Data))
		}
	}
	return b.String()
}

func textOf(tree *html.Node) string {
	var b strings.Builder
	for n := range tree.Descendants() {
		if n.Type == html.TextNode {
			b.WriteString(n.Data)
		}
	}
	return b.String()
}

// letters removes white space from s, since the white space between words depends on the markup.
func letters(s string) string {
	return strings.Join(strings.Fields(s), "")
}
