package transfer

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/net/html/charset"

	"feedpub/feed"
)

// isHTML reports whether a file begins with an HTML element.
func isHTML(start []byte) bool {
	root, prefix := xmlRoot(start)
	root = strings.ToLower(root)
	return prefix == "" && (htmlElements[root] || blockElements[root] || formattingElements[root])
}

// htmlElements are additional elements that a document or fragment may begin with.
var htmlElements = setOf("html", "head", "body", "title", "meta", "a", "img")

// htmlText converts an HTML document to UTF-8. It is an error if the document is not UTF-8 and does not declare its
// encoding.
func htmlText(content []byte) ([]byte, error) {
	if utf8.Valid(content) {
		return content, nil
	}
	start := content[:min(len(content), 1024)]
	encoding, name, _ := charset.DetermineEncoding(start, "")
	if !bytes.Contains(bytes.ToLower(start), []byte("charset")) {
		return nil, fmt.Errorf("not UTF-8, and no encoding is declared: %s: %w", aroundInvalid(content), feed.ErrInvalid)
	}
	text, err := encoding.NewDecoder().Bytes(content)
	if err != nil {
		return nil, fmt.Errorf("encoding %s: %w: %w", name, err, feed.ErrInvalid)
	}
	return text, nil
}

// readHTML returns the members of the post in an HTML document or fragment.
func readHTML(content []byte) (map[string]any, error) {
	if err := boundReopened(content); err != nil {
		return nil, err
	}
	doc, err := html.Parse(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("HTML: %w: %w", err, feed.ErrInvalid)
	}
	h := htmlDocument{members: make(map[string]any)}
	for n := range doc.Descendants() {
		h.node(n)
	}
	if h.heading != nil {
		title := textOf(h.heading)
		// The heading is the title, so readers would see it twice.
		if h.set("title", title); h.members["title"] == title {
			h.heading.Parent.RemoveChild(h.heading)
		}
	}
	var b strings.Builder
	for n := range h.body.ChildNodes() {
		if err := html.Render(&b, n); err != nil {
			return nil, fmt.Errorf("HTML: %w: %w", err, feed.ErrInvalid)
		}
	}
	h.members["content_html"] = strings.TrimSpace(b.String())
	return h.members, nil
}

// htmlDocument collects the members of the post in a document.
type htmlDocument struct {
	members map[string]any
	body    *html.Node
	heading *html.Node // the first h1
}

// set sets a member unless it is already set.
func (h *htmlDocument) set(member, value string) {
	if value = strings.TrimSpace(value); value != "" && h.members[member] == nil {
		h.members[member] = value
	}
}

// node reads the metadata of an element.
func (h *htmlDocument) node(n *html.Node) {
	if n.Type != html.ElementNode {
		return
	}
	switch n.Data {
	case "html":
		h.set("language", htmlAttribute(n, "lang"))
	case "title":
		if !within(n, atom.Svg) {
			h.set("title", textOf(n))
		}
	case "meta":
		h.meta(strings.ToLower(htmlAttribute(n, "name")), htmlAttribute(n, "content"))
	case "link":
		if htmlAttribute(n, "rel") == "canonical" {
			h.set("url", htmlAttribute(n, "href"))
		}
	case "body":
		h.body = n
	case "h1":
		if h.heading == nil {
			h.heading = n
		}
	}
}

// meta reads a meta element.
func (h *htmlDocument) meta(name, content string) {
	switch name {
	case "author":
		if content != "" && h.members["authors"] == nil {
			h.members["authors"] = authorList(content)
		}
	case "date":
		h.set("date_published", content)
	case "description":
		h.set("summary", content)
	case "keywords":
		if tags := stringList(content); len(tags) > 0 {
			h.members["tags"] = tags
		}
	}
}

// htmlAttribute returns the trimmed value of an attribute without a namespace, or "".
func htmlAttribute(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Namespace == "" && a.Key == name {
			return strings.TrimSpace(a.Val)
		}
	}
	return ""
}

func within(n *html.Node, a atom.Atom) bool {
	for p := range n.Ancestors() {
		if p.DataAtom == a {
			return true
		}
	}
	return false
}

// textOf returns the text of n on a single line.
func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
