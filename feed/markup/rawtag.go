package markup

import (
	"bytes"
	"strings"

	"github.com/yuin/goldmark/ast"
)

// rawElements are the elements whose content HTML parsers read as text up to the end tag.
var rawElements = map[string]bool{
	"script": true, "style": true, "textarea": true, "title": true, "xmp": true, "iframe": true, "noembed": true,
	"noframes": true, "noscript": true, "plaintext": true,
}

// escapeOpenTags replaces start tags such as "<script>" in prose with text if their paragraph does not contain the end
// tag: the author is writing about the element, and an HTML parser would hide the rest of the post.
func escapeOpenTags(tree ast.Node, source []byte) error {
	return ast.Walk(tree, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		var closed map[string]bool // elements with an end tag after the child
		for child := n.LastChild(); child != nil; {
			before := child.PreviousSibling()
			if raw, ok := child.(*ast.RawHTML); ok {
				tag := raw.Segments.Value(source)
				name, end := tagName(tag)
				switch {
				case !rawElements[name]:
				case end && closed == nil:
					closed = map[string]bool{name: true}
				case end:
					closed[name] = true
				case !closed[name]:
					n.ReplaceChild(n, child, ast.NewString(bytes.Clone(tag)))
				}
			}
			child = before
		}
		return ast.WalkContinue, nil
	})
}

// tagName returns the name of a tag in lower case, and whether it is an end tag. The name is empty for comments.
func tagName(tag []byte) (name string, end bool) {
	s := strings.TrimPrefix(string(tag), "<")
	s, end = strings.CutPrefix(s, "/")
	if i := strings.IndexAny(s, " \t\n/>"); i >= 0 {
		s = s[:i]
	}
	return strings.ToLower(s), end
}
