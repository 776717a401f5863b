package transfer

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"feedpub/feed"
)

// readHTML reads an HTML document or a fragment of one.
func readHTML(content []byte) (map[string]any, error) {
	doc, err := html.Parse(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("HTML: %w: %w", err, feed.ErrInvalid)
	}
	post := make(map[string]any)
	set := func(member, value string) {
		if value = strings.TrimSpace(value); value != "" && post[member] == nil {
			post[member] = value
		}
	}
	var body, heading *html.Node
	for n := range doc.Descendants() {
		switch n.DataAtom {
		case atom.Html:
			set("language", attribute(n, "lang"))
		case atom.Title:
			if !within(n, atom.Svg) {
				set("title", textOf(n))
			}
		case atom.Meta:
			value := attribute(n, "content")
			switch strings.ToLower(attribute(n, "name")) {
			case "author":
				if value != "" && post["authors"] == nil {
					post["authors"] = authorList(value)
				}
			case "date":
				set("date_published", value)
			case "description":
				set("summary", value)
			case "keywords":
				if tags := textList(value); len(tags) > 0 {
					post["tags"] = tags
				}
			}
		case atom.Link:
			if attribute(n, "rel") == "canonical" {
				set("url", attribute(n, "href"))
			}
		case atom.Body:
			body = n
		case atom.H1:
			if heading == nil {
				heading = n
			}
		}
	}
	if heading != nil {
		set("title", textOf(heading))
		// The heading that is the title would be shown twice.
		if post["title"] == textOf(heading) {
			heading.Parent.RemoveChild(heading)
		}
	}
	var b strings.Builder
	for n := range body.ChildNodes() {
		if err := html.Render(&b, n); err != nil {
			return nil, fmt.Errorf("HTML: %w: %w", err, feed.ErrInvalid)
		}
	}
	post["content_html"] = strings.TrimSpace(b.String())
	return post, nil
}

func attribute(n *html.Node, name string) string {
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

// textOf returns the text in n with its white space joined to single spaces.
func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}
