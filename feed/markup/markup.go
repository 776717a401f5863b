// Package markup is the one tree form of posts' content: it parses plain text, HTML and Markdown into a tree of nodes,
// reads the tree as text, makes its URLs absolute, and writes it as clean HTML. It knows nothing of quotes or feeds,
// and it is the only importer of goldmark and bluemonday.
package markup

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"feedpub/feed"
)

// Format is what a post's content is written in.
type Format string

// The formats.
const (
	Text     Format = "text"     // plain text, paragraphs parted by empty lines
	HTML     Format = "html"     // a fragment of HTML, as browsers read it
	Markdown Format = "markdown" // CommonMark with GitHub's tables, strikethrough and bare links; raw HTML is allowed
)

// Parse returns the tree of a post's body: a body element that holds the content. It holds only elements that
// [Clean] can keep, and no comments; script, style and the like are gone with what is in them, while other unknown
// elements give way to their content. Text and attributes are valid UTF-8 and hold only characters of XML 1.0. The
// words of the body stand in the tree in their order.
//
// The time taken grows linearly with the body. HTML nested deeper than 512 elements, and Markdown beyond bounds that no
// text for people comes near, is an error of kind [feed.ErrInvalid]. The caller owns the tree.
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

// Element returns a new element with the attributes given as pairs of name and value.
func Element(name atom.Atom, attributes ...string) *html.Node {
	n := &html.Node{Type: html.ElementNode, DataAtom: name, Data: name.String()}
	for pair := range slices.Chunk(attributes, 2) {
		n.Attr = append(n.Attr, html.Attribute{Key: pair[0], Val: pair[1]})
	}
	return n
}

// TextNode returns a new text node that holds s.
func TextNode(s string) *html.Node {
	return &html.Node{Type: html.TextNode, Data: s}
}

// Attribute returns the value of the attribute named key of n, or "".
func Attribute(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// SetAttribute gives n the attribute.
func SetAttribute(n *html.Node, key, value string) {
	for i := range n.Attr {
		if n.Attr[i].Key == key {
			n.Attr[i].Val = value
			return
		}
	}
	n.Attr = append(n.Attr, html.Attribute{Key: key, Val: value})
}

// parseText makes a paragraph of every run of lines that are not empty, with its line ends as br.
func parseText(body string) *html.Node {
	container := Element(atom.Body)
	var paragraph *html.Node
	for line := range strings.Lines(CleanText(newlines(body))) {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
			paragraph = nil
			continue
		case paragraph == nil:
			paragraph = Element(atom.P)
			container.AppendChild(paragraph)
		default:
			paragraph.AppendChild(Element(atom.Br))
		}
		paragraph.AppendChild(TextNode(line))
	}
	return container
}

func parseHTML(body string) (*html.Node, error) {
	var t tidier
	t.run(CleanText(newlines(body)))
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

// newlines turns the line ends of other systems into "\n".
func newlines(s string) string {
	if strings.IndexByte(s, '\r') < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}
