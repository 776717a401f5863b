package markup

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// outline returns the nodes of a tree with all their data, one per line.
func outline(n *html.Node) string {
	var b strings.Builder
	var write func(n *html.Node, indent string)
	write = func(n *html.Node, indent string) {
		fmt.Fprintf(&b, "%s%d %v %q %q %q\n", indent, n.Type, n.DataAtom, n.Data, n.Namespace, n.Attr)
		for c := range n.ChildNodes() {
			write(c, indent+" ")
		}
	}
	write(n, "")
	return b.String()
}

// checkWellNested checks that the tree of a body does not depend on whether it is read in one pass or repaired. It
// reports whether the body is well nested.
func checkWellNested(t *testing.T, body string) bool {
	t.Helper()
	body = CleanText(newlines(body))
	tree, ok := parseWellNested(body)
	if !ok {
		return false
	}
	repaired, err := parseRepaired(body)
	if err != nil {
		t.Fatalf("%q is read in one pass, but repairing it fails: %v", body, err)
	}
	if got, want := outline(tree), outline(repaired); got != want {
		t.Fatalf("the tree of %q is\n%s\nif it is read in one pass, and\n%s\nif it is repaired", body, got, want)
	}
	return true
}

func TestParseWellNested(t *testing.T) {
	for _, body := range []string{
		"",
		"a",
		" \n<p>a</p>\n",
		"<p>a <em>b</em> <a href='/c?d=1&amp;e=2&f=3' title=\"&quot;g&#39; & h\" class='z'>i</a><br>j<br />k<br/>l</p>",
		"<p>a<p>b<p>c<hr>d",
		"<p>a</p><!-- b --><!--more-->c<!-- wp:p {\"d\":1} -->",
		"<p>a<ul><li>b</li> <li><p>c</p></li></ul>",
		"<ol><li>a<ul><li>b</li></ul></li></ol><dl><dt>a</dt><dd>b</dd></dl>",
		"<blockquote cite=\"https://a.example/\"><p>a</p><footer>— <cite>b</cite></footer></blockquote>",
		"<figure class=\"a\"><img src=\"b.jpg\" alt=\"\"><figcaption>c</figcaption></figure>",
		"<pre>\na\n</pre><pre><code>\nb</code></pre><pre>\n\nc</pre><pre>&#10;d</pre>",
		"a &lt;b&gt; &eacute;&copy &#13;&#10;&#xFFFE; &amp;lt;",
		"<b><b><b><b>a</b></b></b></b><i>c",
		"<p>a<o:p></o:p></p><font face=\"b\">c</font><p-q_r1 s>d</p-q_r1> <x/>e<pre><y>\nf</pre>",
		"<div><h2>a</h2><div><span>b</span></div></div>",
		"<details-x>",
		"<p open>a</p><p data-a:b_c-1=\"d\">e</p>",
	} {
		if ok := checkWellNested(t, body); !ok && body != "<details-x>" {
			t.Errorf("%q is not read in one pass", body)
		}
	}
}

// TestParseNotWellNested checks that HTML is repaired if it needs repairs.
func TestParseNotWellNested(t *testing.T) {
	for _, body := range []string{
		"<p>a</div>", "<p>a<b>b<p>c</b>d", "<b><p>a</p></b>", "a < b", "<P>a</P>", "<p/>a", "<a href=/x>b</a>", "<a><a>", "</br>",
		"<table><tr><td>a</table>", "<script>a</script>", "<p>a</p", "<p", "<!-->a-->", "<!--->a", "<!-- a -- b -->", "<!doctype html>",
		"<li>a</li>", "<ul><li>a<li>b</ul>", "<h1><p>a</p></h1>", "<h1>a<h2>b</h2></h1>", "<p title=\"a\" title=\"b\">", "<p title=\"&copy\">",
		"<p title=\"&#13;\">", "<p title = \"a\">", "<p title=\"a\"id=\"b\">", "<pre><!--a-->\nb</pre>", "<p onClick=\"a\">", "<center>a</center>",
		"<i><i><i><i><i><i>a", "</p>", "<font/color>a", "<q/>", "<iframe src=\"https://vimeo.com/1\"></iframe>", "<>", "</>", "<p\x00>",
		strings.Repeat("<div>", maxNesting), "<dt>a</dt>", "<p title=\"a", "<p title=a>", "<p @a=\"b\">",
		"<p" + strings.Repeat(" a", maxTagAttributes+1) + ">", strings.Repeat("a", maxJoined+1) + "<!-- b -->c",
	} {
		if checkWellNested(t, body) {
			t.Errorf("%q is read in one pass, want it repaired", body)
		}
	}
}

// TestFormatPlaces checks that exactly the elements in the set inline count toward maxFormatting.
func TestFormatPlaces(t *testing.T) {
	for name := range elements {
		if got := placeOf(name) == placeFormat; got != inline[name] {
			t.Errorf("place of %v counts toward maxFormatting: %v, want %v", name, got, inline[name])
		}
	}
	for _, name := range []atom.Atom{atom.Script, atom.Iframe, atom.Table, atom.Td, atom.Center, atom.Textarea, atom.Font} {
		if placeOf(name) != placeNone {
			t.Errorf("%v has a place in well-nested HTML, want none", name)
		}
	}
}

func FuzzParseWellNested(f *testing.F) {
	f.Add("<p>a <em>b</em> <a href=\"/c?d=1&amp;e=2&f=3\">g</a><br />h</p><pre>\n&lt;</pre><!-- i -->")
	f.Add("<em 0  -><p b c=\"d\">")
	f.Add("<ul><li>a</li></ul><blockquote><p>b<p>c</blockquote>")
	f.Fuzz(func(t *testing.T, body string) { checkWellNested(t, body) })
}
