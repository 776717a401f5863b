package render

import (
	"html/template"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// pageContent fits an item's HTML into a page: balanced, so that it cannot end the article it stands in; below the
// article's own heading; without landmarks, which are the page's; and without what names or runs something, should it
// ever have passed the cleaning of posts. Words stay as they are.
func pageContent(content string) template.HTML {
	nodes, err := html.ParseFragment(strings.NewReader(content), &html.Node{Type: html.ElementNode, DataAtom: atom.Div, Data: "div"})
	if err != nil { // nothing but nesting beyond all reason
		return template.HTML("<p>" + template.HTMLEscapeString(content) + "</p>")
	}
	top := 6
	for _, n := range nodes {
		top = min(top, topHeading(n))
	}
	var b strings.Builder
	for _, n := range nodes {
		if !fitNode(n, max(3-top, 0)) {
			continue
		}
		if err := html.Render(&b, n); err != nil {
			return template.HTML("<p>" + template.HTMLEscapeString(content) + "</p>")
		}
	}
	return template.HTML(b.String())
}

// headingLevel is 1 to 6, or 0 for what is no heading.
func headingLevel(n *html.Node) int {
	switch n.DataAtom {
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		return int(n.Data[1] - '0')
	default:
		return 0
	}
}

// topHeading returns the level of the highest heading in n.
func topHeading(n *html.Node) int {
	top := 6
	for d := range n.Descendants() {
		if level := headingLevel(d); level > 0 {
			top = min(top, level)
		}
	}
	if level := headingLevel(n); level > 0 {
		top = min(top, level)
	}
	return top
}

// fitNode fits n and what is in it, with headings so many levels further down. It returns false for what must go.
func fitNode(n *html.Node, down int) bool {
	if n.Type != html.ElementNode {
		return n.Type == html.TextNode
	}
	if n.Namespace != "" { // SVG and MathML can hold what HTML must not
		return false
	}
	switch n.DataAtom {
	case atom.Script, atom.Style, atom.Template, atom.Iframe, atom.Frame, atom.Frameset, atom.Object, atom.Embed, atom.Applet, atom.Base,
		atom.Link, atom.Meta, atom.Title, atom.Form, atom.Input, atom.Button, atom.Select, atom.Textarea, atom.Noscript, atom.Noembed,
		atom.Noframes, atom.Xmp, atom.Plaintext, atom.Dialog:
		return false
	case atom.Main, atom.Nav, atom.Header, atom.Footer, atom.Aside, atom.Article, atom.Section, atom.Search:
		n.DataAtom, n.Data = atom.Div, "div"
	case atom.Img:
		n.Attr = append(n.Attr, html.Attribute{Key: "loading", Val: "lazy"})
	}
	if level := headingLevel(n); level > 0 {
		n.Data = "h" + string(rune('0'+min(level+down, 6)))
		n.DataAtom = atom.Lookup([]byte(n.Data))
	}
	attrs := n.Attr[:0]
	for _, a := range n.Attr {
		switch {
		case a.Namespace != "" || strings.HasPrefix(a.Key, "on") || strings.HasPrefix(a.Key, "aria-"):
		case a.Key == "id" || a.Key == "class" || a.Key == "style" || a.Key == "name" || a.Key == "role" || a.Key == "srcdoc" ||
			a.Key == "ping" || a.Key == "target" || a.Key == "accesskey" || a.Key == "tabindex" || a.Key == "autoplay":
		default:
			attrs = append(attrs, a)
		}
	}
	n.Attr = attrs
	var next *html.Node
	for c := n.FirstChild; c != nil; c = next {
		next = c.NextSibling
		if !fitNode(c, down) {
			n.RemoveChild(c)
		}
	}
	return true
}
