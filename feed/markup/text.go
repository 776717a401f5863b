package markup

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// PlainText returns the text of n without leading and trailing white space. Blocks are separated by an empty line, list
// items and table rows by a line end, and cells by a space. A br element is a line end. Runs of white space become one
// space, except in pre. Images have no text.
func PlainText(n *html.Node) string {
	var w textWriter
	w.node(n)
	return w.b.String()
}

// textWriter delays white space until text follows, to avoid duplicate and trailing white space.
type textWriter struct {
	b     strings.Builder
	lines int  // number of line ends to write before the next text
	space bool // whether to write a space before the next text
	pre   int  // number of open pre elements
}

// lineElements are the elements that begin a new line, without an empty line between them.
var lineElements = set(atom.Li, atom.Tr, atom.Dt, atom.Dd, atom.Summary, atom.Caption)

func (w *textWriter) node(n *html.Node) {
	if n.Type == html.TextNode {
		if w.pre > 0 {
			w.preformatted(n.Data)
		} else {
			w.text(n.Data)
		}
		return
	}
	if n.Type != html.ElementNode {
		return
	}
	margin := 0
	switch name := n.DataAtom; {
	case name == atom.Br:
		w.lines++
		return
	case name == atom.Td || name == atom.Th:
		w.space = true
	case lineElements[name]:
		margin = 1
	case blocks[name]:
		margin = 2
	}
	if n.DataAtom == atom.Pre {
		w.pre++
		defer func() { w.pre-- }()
	}
	w.lines = max(w.lines, margin)
	for c := range n.ChildNodes() {
		w.node(c)
	}
	w.lines = max(w.lines, margin)
}

// text writes the words of s, separated by single spaces. A no-break space is part of a word.
func (w *textWriter) text(s string) {
	for s != "" {
		end := 0
		for end < len(s) && !isSpace(s[end]) {
			end++
		}
		if end > 0 {
			w.flush()
			w.b.WriteString(s[:end])
		}
		if end == len(s) {
			return
		}
		w.space = true
		s = s[end+1:]
	}
}

// isSpace reports whether c is white space in HTML (Infra standard, section 4.6).
func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' }

func (w *textWriter) preformatted(s string) {
	for line := range strings.Lines(s) {
		text, ended := strings.CutSuffix(line, "\n")
		switch {
		case strings.TrimSpace(text) != "":
			w.flush()
			w.b.WriteString(text)
		case text != "":
			w.space = true
		}
		if ended {
			w.lines++
		}
	}
}

// flush writes the pending white space, unless nothing has been written yet.
func (w *textWriter) flush() {
	switch {
	case w.b.Len() == 0:
	case w.lines > 0:
		for range min(w.lines, 2) {
			w.b.WriteByte('\n')
		}
	case w.space:
		w.b.WriteByte(' ')
	}
	w.lines, w.space = 0, false
}
