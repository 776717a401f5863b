// Package markup parses the content of posts, in plain text, HTML or Markdown, into a common tree of HTML elements. It
// converts the tree to plain text or sanitized HTML and resolves the URLs in it. It does not deal with quotes or feeds.
package markup

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"feedpub/feed"
)

// Format is the format of a post's content.
type Format string

// The formats.
const (
	Text Format = "text" // plain text; empty lines separate paragraphs
	HTML Format = "html" // an HTML fragment, parsed as browsers do
	// Markdown is CommonMark with GitHub's tables, task lists, strikethrough and bare links, footnotes, definition lists,
	// and kramdown's attributes, which are ignored. Raw HTML is allowed.
	Markdown Format = "markdown"
)

// Parse returns the tree of a post's body: a body element that contains the content. The tree contains only elements
// that [Clean] keeps, and no comments. Script, style and similar elements are removed with their content; other unknown
// elements are replaced by their content. Text and attributes are valid UTF-8 and contain only characters that XML 1.0
// allows. All other words of the body are in the tree, in order.
//
// Parse takes linear time. It returns an error of kind [feed.ErrInvalid] for HTML nested deeper than 512 elements and
// for Markdown that exceeds limits far above the needs of real posts. The caller owns the tree.
func Parse(f Format, body string) (*html.Node, error) {
	switch f {
	case Text:
		return parseText(body), nil
	case HTML:
		return parseHTML(body)
	case Markdown:
		return parseMarkdown(body)
	default:
		return nil, fmt.Errorf("markup %q: want text, html or markdown: %w", string(f), feed.ErrInvalid)
	}
}

// Element returns a new element. The attributes alternate between names and values.
func Element(name atom.Atom, attributes ...string) *html.Node {
	n := &html.Node{Type: html.ElementNode, DataAtom: name, Data: name.String()}
	for pair := range slices.Chunk(attributes, 2) {
		n.Attr = append(n.Attr, html.Attribute{Key: pair[0], Val: pair[1]})
	}
	return n
}

// TextNode returns a new text node.
func TextNode(s string) *html.Node {
	return &html.Node{Type: html.TextNode, Data: s}
}

// Attribute returns the value of n's attribute key, or "".
func Attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// SetAttribute sets the value of n's attribute key.
func SetAttribute(n *html.Node, key, value string) {
	for i := range n.Attr {
		if n.Attr[i].Key == key {
			n.Attr[i].Val = value
			return
		}
	}
	n.Attr = append(n.Attr, html.Attribute{Key: key, Val: value})
}

// parseText returns a paragraph for each sequence of non-empty lines, with a br element between lines.
func parseText(body string) *html.Node {
	container := Element(atom.Body)
	var all nodes
	var paragraph *html.Node
	for line := range strings.Lines(CleanText(newlines(body))) {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			paragraph = nil
			continue
		case paragraph == nil:
			paragraph = all.add(container, html.ElementNode, atom.P, "p")
		default:
			all.add(paragraph, html.ElementNode, atom.Br, "br")
		}
		all.add(paragraph, html.TextNode, 0, line)
	}
	return container
}

func parseHTML(body string) (*html.Node, error) {
	body = CleanText(newlines(body))
	if tree, ok := parseWellNested(body); ok {
		return tree, nil
	}
	return parseRepaired(body)
}

// parseRepaired parses clean HTML of any kind and returns its tree, repaired as in browsers.
func parseRepaired(body string) (*html.Node, error) {
	var t tidier
	t.run(body)
	nodes, err := html.ParseFragment(strings.NewReader(t.out.String()), Element(atom.Body))
	if err != nil {
		return nil, fmt.Errorf("parse html: %w: %w", err, feed.ErrInvalid)
	}
	container := Element(atom.Body)
	for _, n := range nodes {
		container.AppendChild(n)
	}
	return container, nil
}

// newlines replaces "\r\n" and "\r" with "\n".
func newlines(s string) string {
	if strings.IndexByte(s, '\r') < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}
