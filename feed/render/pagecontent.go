package render

import (
	"html/template"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// droppedElements are removed from the content of posts together with their children. These elements run code, load
// other documents, submit forms, or change how the rest of the page is parsed. Posts have already been sanitized; this
// is a second line of defense. The table is not modified.
var droppedElements = map[atom.Atom]bool{
	atom.Script: true, atom.Style: true, atom.Template: true, atom.Noscript: true,
	atom.Iframe: true, atom.Frame: true, atom.Frameset: true, atom.Noframes: true,
	atom.Object: true, atom.Embed: true, atom.Applet: true, atom.Noembed: true,
	atom.Base: true, atom.Link: true, atom.Meta: true, atom.Title: true,
	atom.Form: true, atom.Input: true, atom.Button: true, atom.Select: true, atom.Textarea: true, atom.Dialog: true,
	atom.Xmp: true, atom.Plaintext: true,
}

// landmarks are replaced with div elements, because only the page itself may have landmarks. The table is not modified.
var landmarks = map[atom.Atom]bool{
	atom.Main: true, atom.Nav: true, atom.Header: true, atom.Footer: true, atom.Aside: true, atom.Article: true,
	atom.Section: true, atom.Search: true,
}

// droppedAttributes are removed from all elements, as are event handlers (on*) and aria-*. The table is not modified.
var droppedAttributes = map[string]bool{
	"id": true, "class": true, "style": true, "name": true, "role": true, "srcdoc": true, "ping": true, "target": true,
	"accesskey": true, "tabindex": true, "autoplay": true,
}

// headingLevels maps each heading element to its level. It is not modified.
var headingLevels = map[atom.Atom]int{atom.H1: 1, atom.H2: 2, atom.H3: 3, atom.H4: 4, atom.H5: 5, atom.H6: 6}

// pageContent returns an item's HTML for use in a page. All elements are closed, so the content cannot end the article
// that contains it; headings are moved below the article's heading; and the elements and attributes in the tables above
// are removed or replaced. Text is unchanged.
func pageContent(content string) template.HTML {
	context := &html.Node{Type: html.ElementNode, DataAtom: atom.Div, Data: "div"}
	nodes, err := html.ParseFragment(strings.NewReader(content), context)
	if err != nil { // happens only if elements are nested too deeply
		return template.HTML("<p>" + template.HTMLEscapeString(content) + "</p>")
	}
	top := 6
	for _, n := range nodes {
		top = min(top, topHeading(n))
	}
	var b strings.Builder
	for _, n := range nodes {
		if !adaptNode(n, max(3-top, 0)) {
			continue
		}
		if err := html.Render(&b, n); err != nil {
			return template.HTML("<p>" + template.HTMLEscapeString(content) + "</p>")
		}
	}
	return template.HTML(b.String())
}

// topHeading returns the level of the highest heading in n, or 6 if there is none.
func topHeading(n *html.Node) int {
	top := 6
	if level := headingLevels[n.DataAtom]; level > 0 {
		top = level
	}
	for d := range n.Descendants() {
		if level := headingLevels[d.DataAtom]; level > 0 {
			top = min(top, level)
		}
	}
	return top
}

// adaptNode prepares n and its descendants for a page and moves headings down by the number of levels. It returns false
// if n must be removed.
func adaptNode(n *html.Node, down int) bool {
	if n.Type != html.ElementNode {
		return n.Type == html.TextNode
	}
	// SVG and MathML elements can contain content that is unsafe in HTML.
	if n.Namespace != "" || droppedElements[n.DataAtom] {
		return false
	}
	if landmarks[n.DataAtom] {
		n.DataAtom, n.Data = atom.Div, "div"
	}
	if level := headingLevels[n.DataAtom]; level > 0 {
		n.Data = "h" + string(rune('0'+min(level+down, 6)))
		n.DataAtom = atom.Lookup([]byte(n.Data))
	}
	if n.DataAtom == atom.Img {
		n.Attr = append(n.Attr, html.Attribute{Key: "loading", Val: "lazy"})
	}
	n.Attr = slices.DeleteFunc(n.Attr, func(a html.Attribute) bool {
		return a.Namespace != "" || droppedAttributes[a.Key] || strings.HasPrefix(a.Key, "on") ||
			strings.HasPrefix(a.Key, "aria-")
	})
	var next *html.Node
	for c := n.FirstChild; c != nil; c = next {
		next = c.NextSibling
		if !adaptNode(c, down) {
			n.RemoveChild(c)
		}
	}
	return true
}
