package intake

import (
	"strings"
	"unicode"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// finder finds given passages in a tree. It compares words without punctuation, because quotation marks, dashes and
// dots often differ between copies of a passage.
type finder struct {
	blocks []block
	body   *html.Node
	words  strings.Builder // words of all blocks, each preceded by a space
	all    string          // words, with a trailing space
}

// block is a run of sibling nodes that forms a line or a paragraph.
type block struct {
	nodes      []*html.Node
	start, end int // offsets in finder.words
}

func newFinder(body *html.Node) *finder {
	f := &finder{body: body}
	holds := make(map[*html.Node]bool)
	holdsBlock(body, holds)
	f.walk(body, holds)
	f.all = f.words.String() + " "
	return f
}

// holdsBlock reports whether n contains a block, and records the result for n and its descendants in holds.
func holdsBlock(n *html.Node, holds map[*html.Node]bool) bool {
	for child := range n.ChildNodes() {
		if holdsBlock(child, holds) || isBlock(child) {
			holds[n] = true
		}
	}
	return holds[n]
}

func (f *finder) walk(n *html.Node, holds map[*html.Node]bool) {
	var run []*html.Node
	flush := func() {
		f.add(run)
		run = nil
	}
	for child := range n.ChildNodes() {
		switch {
		case isBlock(child) || holds[child]:
			flush()
			f.walk(child, holds)
		case child.DataAtom == atom.Br:
			flush()
		default:
			run = append(run, child)
		}
	}
	flush()
}

func (f *finder) add(nodes []*html.Node) {
	var text strings.Builder
	for _, n := range nodes {
		writeText(&text, n)
	}
	words := fold(text.String())
	if words == "" {
		return
	}
	start := f.words.Len()
	f.words.WriteString(words)
	f.blocks = append(f.blocks, block{nodes: nodes, start: start, end: f.words.Len()})
}

func writeText(b *strings.Builder, n *html.Node) {
	switch {
	case n.Type == html.TextNode:
		b.WriteString(n.Data)
	case n.DataAtom == atom.Br:
		b.WriteByte(' ')
	}
	for child := range n.ChildNodes() {
		writeText(b, child)
	}
}

// find returns the nodes that contain the passage, and reports whether they contain other words too. It returns nil if
// the passage is not in the tree.
func (f *finder) find(passage string) (nodes []*html.Node, inline bool) {
	sought := fold(passage)
	if sought == "" {
		return nil, false
	}
	start := strings.Index(f.all, sought+" ")
	if start < 0 {
		return nil, false
	}
	end := start + len(sought)
	for _, b := range f.blocks {
		if b.end <= start || b.start >= end {
			continue
		}
		nodes = append(nodes, b.nodes...)
		inline = inline || b.start < start || b.end > end
	}
	return nodes, inline
}

// links reports whether the tree contains a link to the URL.
func (f *finder) links(address string) bool { return linksTo(f.body, address) }

// fold returns the words of s without punctuation, each after a space.
func fold(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Dash, r) || r == '…':
			return ' '
		case unicode.IsPunct(r) || r == '`' || r == '´':
			return -1
		}
		return r
	}, strings.ReplaceAll(s, "...", "…"))
	var b strings.Builder
	for word := range strings.FieldsSeq(s) {
		b.WriteByte(' ')
		b.WriteString(word)
	}
	return b.String()
}
