package markup

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// PlainText returns the text of n: blocks parted by an empty line, items of a list and rows of a table by a line end,
// a br as a line end, cells parted by a space. Runs of white space become one space, except in pre; images leave
// nothing. It begins and ends without white space.
func PlainText(n *html.Node) string {
	var w textWriter
	w.node(n)
	return w.b.String()
}

// textWriter holds white space back until text follows it, so that none is doubled or trails.
type textWriter struct {
	b     strings.Builder
	lines int  // line ends owed
	space bool // a space is owed
	pre   int  // pre elements open
}

func (w *textWriter) node(n *html.Node) {
	switch n.Type {
	case html.TextNode:
		if w.pre > 0 {
			w.preformatted(n.Data)
		} else {
			w.text(n.Data)
		}
		return
	case html.ElementNode:
	default:
		return
	}
	margin := 0
	switch n.DataAtom {
	case atom.Br:
		w.lines++
		return
	case atom.Td, atom.Th:
		w.space = true
	case atom.Li, atom.Tr, atom.Dt, atom.Dd, atom.Summary, atom.Caption:
		margin = 1
	case atom.Pre:
		w.pre++
		defer func() { w.pre-- }()
		margin = 2
	default:
		if blocks[n.DataAtom] {
			margin = 2
		}
	}
	w.lines = max(w.lines, margin)
	for c := range n.ChildNodes() {
		w.node(c)
	}
	w.lines = max(w.lines, margin)
}

// text writes the words of s, parted by single spaces. A no-break space counts as part of a word.
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

// isSpace reports whether c is white space of HTML (Infra standard, section 4.6).
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

// flush writes the white space that is owed; none at the beginning.
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
