package attribution

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// runKind is the kind of markup of a run.
type runKind uint8

const (
	runLink runKind = iota
	runEmphasis
	runBold
	runCite  // an inline cite element
	runQuote // a q element
	runTime
)

// run is a marked range of a block's text. The offsets are in bytes.
type run struct {
	kind       runKind
	start, end int
	value      string // URL of a link, or datetime attribute of a time element
	class      string
	node       *html.Node
}

// block is a line or paragraph of the post. Each block has one role.
type block struct {
	text      string
	runs      []run
	nodes     []*html.Node // the sibling nodes that form the block, or nil if it shares a node with another block
	elem      atom.Atom    // the innermost block element: p, li, h2, cite
	class     string       // class attribute of the innermost block element
	quotation *quotation   // the innermost quotation element around the block, or nil
	paragraph int          // number of the paragraph; its lines are separate blocks
	list      bool         // the block is in a list or a table
	code      bool
	caption   bool // the block is in a figcaption
	credit    bool // the block is in an element for credits: cite, footer, figcaption

	toks  []token
	marks blockMarks
	role  Role
	// quote is the index of the quote that the block belongs to, or -1.
	quote int
	// ownText holds the author's own parts of a block that also contains a credit or passage; otherwise it is nil.
	ownText []string
}

// blockMarks states which marks a block contains, and the flags of its words.
type blockMarks struct {
	brackets bool // an opening bracket
	dash     bool // a dash after white space
	dates    bool // a number or the name of a month, without which there is no date
	flags    uint16
}

// marksOf returns the marks of the tokens.
func (l *language) marksOf(toks []token) (m blockMarks) {
	for i := range toks {
		switch t := &toks[i]; t.kind {
		case tokWord:
			m.flags |= l.flagsOf(t.id)
			m.dates = m.dates || t.digit || l.month(t.id) > 0
		case tokPunct:
			m.brackets = m.brackets || t.ch == '(' || t.ch == '['
		case tokDash:
			m.dash = m.dash || t.space
		case tokDots, tokOpen, tokClose, tokPoss:
		}
	}
	return m
}

// quotation is an element that marks quoted text.
type quotation struct {
	node   *html.Node
	parent *quotation
	kind   quotationKind
	cite   string // the cite attribute
	blocks []int  // indexes of all blocks in the element, including inner quotations
	inner  []*quotation
}

// quotationKind is the kind of a quotation element.
type quotationKind uint8

const (
	quotationPlain  quotationKind = iota
	quotationTweet                // an embedded social media post
	quotationPull                 // a pull quote, which repeats the post's own words
	quotationPlugin               // an embedded widget without text of its own
)

// document is a post split into blocks.
type document struct {
	blocks     []*block
	quotations []*quotation
	cards      []card
}

// card is a bookmark card: a link with the title and publication of its target.
type card struct {
	block                           int
	url, title, author, publication string
}

// maxRuns bounds the number of runs in a block, because every credit is compared with every run in its block.
const maxRuns = 250

// maxDepth bounds the depth of the nodes that are read. Trees from package markup are shallower.
const maxDepth = 2000

// segmenter splits a tree into blocks in one walk.
type segmenter struct {
	doc *document
	// The current line.
	text   []byte
	runs   []run
	open   []run // runs that have not ended; start is -1 before their first text
	leaves []*html.Node
	space  bool
	nodes  []*html.Node // spare capacity for the nodes of later blocks
	memory *scratch
	// The current position in the tree; the counters count enclosing elements.
	elem      *html.Node
	quotation *quotation
	paragraph int
	breaks    int // line breaks since the last text
	list      int
	code      int
	caption   int
	credit    int
}

// segment splits the tree into blocks, which are valid until memory is reused.
func segment(body *html.Node, memory *scratch) *document {
	s := segmenter{doc: &document{}, elem: body, memory: memory}
	s.walkChildren(body, 0)
	s.flush()
	for i, b := range s.doc.blocks {
		for q := b.quotation; q != nil; q = q.parent {
			q.blocks = append(q.blocks, i)
		}
	}
	return s.doc
}

func (s *segmenter) walkChildren(n *html.Node, depth int) {
	if depth > maxDepth {
		return
	}
	for c := n.FirstChild; c != nil; c = c.NextSibling {
		switch c.Type {
		case html.TextNode:
			s.addText(c)
		case html.ElementNode:
			s.element(c, depth)
		default:
		}
	}
}

// element adds an element to the blocks, depending on its kind.
func (s *segmenter) element(n *html.Node, depth int) {
	switch n.DataAtom {
	case atom.Br:
		s.lineBreak()
		return
	case atom.Hr:
		s.flush()
		return
	case atom.Script, atom.Style, atom.Template, atom.Noscript, atom.Iframe:
		return
	case atom.Img, atom.Video, atom.Audio, atom.Picture:
		s.leaves = append(s.leaves, n)
		return
	default:
	}
	class := attr(n, "class")
	switch {
	case strings.Contains(class, "kg-bookmark-container"):
		s.addCard(n, class)
	case isBlock(n) || s.standsAlone(n):
		s.block(n, class, depth)
	default:
		s.inline(n, class, depth)
	}
}

// block walks a block element.
func (s *segmenter) block(n *html.Node, class string, depth int) {
	s.flush()
	elem, quot, list, code, caption, credit := s.elem, s.quotation, s.list, s.code, s.caption, s.credit
	s.elem = n
	switch n.DataAtom {
	case atom.Blockquote:
		s.enterQuotation(n, class)
	case atom.P, atom.Div:
		if hasClass(class, "npf_quote") {
			s.enterQuotation(n, class)
		}
	case atom.Ul, atom.Ol, atom.Dl, atom.Table:
		s.list++
	case atom.Pre:
		s.code++
	case atom.Figcaption:
		s.caption++
		s.credit++
	case atom.Cite, atom.Footer:
		if s.quotation != nil || n.DataAtom == atom.Cite {
			s.credit++
		}
	default:
	}
	if strings.Contains(class, "fb-page") || strings.Contains(class, "fb-xfbml") {
		s.enterQuotation(n, class)
	}
	s.walkChildren(n, depth+1)
	s.flush()
	s.elem, s.quotation, s.list, s.code, s.caption, s.credit = elem, quot, list, code, caption, credit
}

// enterQuotation starts a quotation element.
func (s *segmenter) enterQuotation(n *html.Node, class string) {
	q := &quotation{node: n, parent: s.quotation, cite: attr(n, "cite")}
	switch {
	case strings.Contains(class, "fb-"):
		q.kind = quotationPlugin
	case strings.Contains(class, "twitter-tweet"), strings.Contains(class, "twitter-video"),
		strings.Contains(class, "bluesky-embed"), strings.Contains(class, "mastodon-embed"):
		q.kind = quotationTweet
	case strings.Contains(class, "instagram-media"), strings.Contains(class, "tiktok-embed"),
		strings.Contains(class, "wp-embedded-content"):
		q.kind = quotationPlugin
	case isPull(class) || n.Parent != nil && isPull(attr(n.Parent, "class")):
		q.kind = quotationPull
	}
	s.doc.quotations = append(s.doc.quotations, q)
	if q.parent != nil {
		q.parent.inner = append(q.parent.inner, q)
	}
	s.quotation = q
}

// isPull reports whether a class attribute marks a pull quote.
func isPull(class string) bool {
	c := strings.ToLower(class)
	return strings.Contains(c, "pullquote") || strings.Contains(c, "pull-quote") || strings.Contains(c, "pull_quote")
}

// standsAlone reports whether an inline element is the credit at the end of a quotation. Authors and editors put a cite
// element with the credit in the blockquote, either directly or at the end of its last paragraph.
func (s *segmenter) standsAlone(n *html.Node) bool {
	if n.DataAtom != atom.Cite && n.DataAtom != atom.Footer || s.quotation == nil {
		return false
	}
	if n.Parent != nil && n.Parent.DataAtom == atom.Blockquote {
		return true
	}
	for c := n.NextSibling; c != nil; c = c.NextSibling {
		if c.Type != html.TextNode || strings.TrimSpace(c.Data) != "" {
			return false
		}
	}
	last, _ := utf8.DecodeLastRune(s.text)
	return len(s.text) == 0 || s.breaks > 0 || strings.ContainsRune(`.!?…)]"'”’»`, last)
}

// inline walks an inline element and records its run.
func (s *segmenter) inline(n *html.Node, class string, depth int) {
	r := run{class: class, node: n}
	switch n.DataAtom {
	case atom.A:
		r.kind, r.value = runLink, attr(n, "href")
	case atom.I, atom.Em:
		r.kind = runEmphasis
	case atom.B, atom.Strong:
		r.kind = runBold
	case atom.Cite:
		r.kind = runCite
	case atom.Q:
		r.kind = runQuote
	case atom.Time:
		r.kind, r.value = runTime, attr(n, "datetime")
	default:
		s.walkChildren(n, depth+1)
		return
	}
	r.start = -1
	s.open = append(s.open, r)
	at := len(s.open) - 1
	s.walkChildren(n, depth+1)
	if at < len(s.open) {
		s.closeRun(s.open[at])
		s.open = s.open[:at]
	}
}

// closeRun records run r, which ends at the end of the text read so far. A run that began on an earlier line is
// recorded from the start of this line.
func (s *segmenter) closeRun(r run) {
	if r.start < 0 {
		return
	}
	r.end = len(s.text)
	for r.start < r.end && s.text[r.start] == ' ' {
		r.start++
	}
	if r.end > r.start {
		s.runs = append(s.runs, r)
	}
}

// addText adds a text node to the line. A preformatted node may have several lines.
func (s *segmenter) addText(n *html.Node) {
	if s.code > 0 {
		for line := range strings.Lines(n.Data) {
			s.appendText(n, line)
			if strings.HasSuffix(line, "\n") {
				s.lineBreak()
			}
		}
		return
	}
	s.appendText(n, n.Data)
}

// appendText appends the data of n to the line with white space collapsed.
func (s *segmenter) appendText(n *html.Node, data string) {
	begun := false
	for i := 0; i < len(data); {
		if size := blank(data, i); size > 0 {
			s.space = len(s.text) > 0
			i += size
			continue
		}
		end := textEnd(data, i)
		if s.space {
			s.text = append(s.text, ' ')
			s.space = false
		}
		if !begun {
			begun = true
			s.leaves = append(s.leaves, n)
			for k := range s.open {
				if s.open[k].start < 0 {
					s.open[k].start = len(s.text)
				}
			}
		}
		s.text = append(s.text, data[i:end]...)
		s.breaks = 0
		i = end
	}
}

// textEnd returns the end of the text at data[i] whose white space need not be collapsed.
func textEnd(data string, i int) int {
	for {
		i = plainEnd(data, i)
		slow := i + 8
		for i < slow {
			if i == len(data) || !(data[i] > ' ' && data[i] < utf8.RuneSelf || isWordSpace(data, i) || blank(data, i) == 0) {
				return i
			}
			i++
		}
	}
}

// plainEnd returns the end of the printable ASCII text at data[i] that contains no two consecutive spaces, rounded down
// so that it can be read several bytes at a time.
func plainEnd(data string, i int) int {
	const ones, upper = 0x0101010101010101, 0x8080808080808080
	for len(data)-i >= 8 {
		w := eightBytes(data, i)
		if ((w-0x20*ones)|w)&upper != 0 {
			break
		}
		spaces := ^(w + (0x80-0x21)*ones) & upper // all bytes are at least 0x20
		if spaces&(spaces<<8) != 0 {
			break
		}
		i += 8
		if spaces>>63 != 0 { // the next byte decides whether the last space is kept
			i--
		}
	}
	return i
}

// isWordSpace reports whether data[i] is a single space before an ASCII character. Such a space is kept.
func isWordSpace(data string, i int) bool {
	return data[i] == ' ' && i+1 < len(data) && data[i+1] > ' ' && data[i+1] < utf8.RuneSelf
}

// blank returns the size of the white space at data[i], including the no-break space, or 0.
func blank(data string, i int) int {
	switch data[i] {
	case ' ', '\n', '\t', '\r', '\f':
		return 1
	case "\u00a0"[0]:
		if i+1 < len(data) && data[i+1] == "\u00a0"[1] {
			return 2
		}
	}
	return 0
}

// lineBreak ends a line of a block element. A second consecutive break ends the paragraph.
func (s *segmenter) lineBreak() {
	s.endLine()
	if s.breaks++; s.breaks == 2 {
		s.paragraph++
	}
}

// flush ends the line and the paragraph.
func (s *segmenter) flush() {
	s.endLine()
	s.paragraph++
	s.breaks = 0
}

// endLine makes the current line a block, if it has text.
func (s *segmenter) endLine() {
	leaves := s.leaves
	s.leaves = s.leaves[:0]
	s.space = false
	if len(s.text) == 0 {
		return
	}
	for k := range s.open {
		s.closeRun(s.open[k])
		s.open[k].start = -1
	}
	b := &s.memory.blocks.take(1)[0]
	*b = block{
		text: lineText(s.text, leaves), elem: s.elem.DataAtom, class: attr(s.elem, "class"), quotation: s.quotation,
		paragraph: s.paragraph,
		list:      s.list > 0, code: s.code > 0, caption: s.caption > 0, credit: s.credit > 0, quote: -1,
	}
	if len(s.runs) > 0 {
		sortRuns(s.runs)
		b.runs = s.memory.runs.take(min(len(s.runs), maxRuns))
		copy(b.runs, s.runs)
	}
	b.nodes = s.siblings(leaves)
	s.doc.blocks = append(s.doc.blocks, b)
	s.text, s.runs = s.text[:0], s.runs[:0]
}

// lineText returns the text of a line. It does not copy the text if the line is a single node without white space that
// was collapsed.
func lineText(text []byte, leaves []*html.Node) string {
	if len(leaves) == 1 {
		data := leaves[0].Data
		first := 0
		for size := 1; first < len(data) && size > 0; first += size {
			size = blank(data, first)
		}
		if end := first + len(text); end <= len(data) && data[first:end] == string(text) {
			return data[first:end]
		}
	}
	return string(text)
}

// siblings returns the sibling nodes that contain exactly the leaves. It returns nil if no such siblings exist, because
// a line break is inside an inline element.
func (s *segmenter) siblings(leaves []*html.Node) []*html.Node {
	if len(leaves) == 0 {
		return nil
	}
	first, last := leaves[0], leaves[len(leaves)-1]
	for elem := s.elem; elem != nil; elem = onlyHolder(elem, first, last) {
		from, to := childHolding(elem, first), childHolding(elem, last)
		if from == nil || to == nil {
			return nil
		}
		if firstLeaf(from) != first || lastLeaf(to) != last {
			continue
		}
		// The node of a one-line paragraph is the paragraph element.
		if elem.Parent != nil && leafElement(elem) && firstLeaf(elem) == first && lastLeaf(elem) == last {
			from, to = elem, elem
		}
		return s.nodesFrom(from, to)
	}
	return nil
}

// nodesAtOnce is the minimum number of node pointers that are allocated at once.
const nodesAtOnce = 64

// nodesFrom returns the siblings from one node to another, including both.
func (s *segmenter) nodesFrom(from, to *html.Node) []*html.Node {
	n := 1
	for c := from; c != to; c = c.NextSibling {
		n++
	}
	if n > len(s.nodes) {
		s.nodes = make([]*html.Node, max(n, nodesAtOnce))
	}
	out := s.nodes[:n:n]
	s.nodes = s.nodes[n:]
	for i := range out {
		out[i], from = from, from.NextSibling
	}
	return out
}

// onlyHolder returns the child of elem that contains both leaves, or nil.
func onlyHolder(elem, first, last *html.Node) *html.Node {
	c := childHolding(elem, first)
	if c == nil || c != childHolding(elem, last) || c.Type != html.ElementNode {
		return nil
	}
	return c
}

// childHolding returns the child of elem that contains the leaf, or nil.
func childHolding(elem, leaf *html.Node) *html.Node {
	for n := leaf; n != nil; n = n.Parent {
		if n.Parent == elem {
			return n
		}
	}
	return nil
}

// leafElement reports whether n is a block element that usually contains no other block elements.
func leafElement(n *html.Node) bool {
	switch n.DataAtom {
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Li, atom.Pre, atom.Figcaption, atom.Cite,
		atom.Dt:
		return true
	default:
		return false
	}
}

// maxScan bounds the search for the first or last leaf of an element. Without it, a million line breaks before the leaf
// would be walked once for each line. An element with more nodes before its leaf is treated as shared between blocks.
const maxScan = 64

// firstLeaf returns the first visible node in n, which may be n itself, or nil.
func firstLeaf(n *html.Node) *html.Node {
	return edgeLeaf(n, func(n *html.Node) *html.Node { return n.FirstChild },
		func(n *html.Node) *html.Node { return n.NextSibling })
}

// lastLeaf returns the last visible node in n, which may be n itself, or nil.
func lastLeaf(n *html.Node) *html.Node {
	return edgeLeaf(n, func(n *html.Node) *html.Node { return n.LastChild },
		func(n *html.Node) *html.Node { return n.PrevSibling })
}

// edgeLeaf walks the tree under root depth first and returns the first visible node, or nil if none of the first
// maxScan nodes is visible. down returns the child of a node that the walk visits first, and on returns the sibling
// that it visits next.
func edgeLeaf(root *html.Node, down, on func(*html.Node) *html.Node) *html.Node {
	n := root
	for range maxScan {
		if isVisible(n) {
			return n
		}
		if c := down(n); c != nil {
			n = c
			continue
		}
		for n != root && on(n) == nil {
			n = n.Parent
		}
		if n == root {
			return nil
		}
		n = on(n)
	}
	return nil
}

// isVisible reports whether a node is visible text or media, which [segmenter] treats as a leaf.
func isVisible(n *html.Node) bool {
	if n.Type == html.TextNode {
		for i, size := 0, 0; i < len(n.Data); i += size {
			if size = blank(n.Data, i); size == 0 {
				return true
			}
		}
		return false
	}
	switch n.DataAtom {
	case atom.Img, atom.Video, atom.Audio, atom.Picture:
		return n.Type == html.ElementNode
	default:
		return false
	}
}

// isBlock reports whether n is a block element.
func isBlock(n *html.Node) bool {
	switch n.DataAtom {
	case atom.Address, atom.Article, atom.Aside, atom.Blockquote, atom.Body, atom.Dd, atom.Details, atom.Div, atom.Dl,
		atom.Dt, atom.Figcaption, atom.Figure, atom.Footer, atom.Form, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5,
		atom.H6, atom.Header, atom.Hgroup, atom.Li, atom.Main, atom.Nav, atom.Ol, atom.P, atom.Pre, atom.Section,
		atom.Summary, atom.Table, atom.Tbody, atom.Td, atom.Tfoot, atom.Th, atom.Thead, atom.Tr, atom.Ul:
		return true
	default:
		return false
	}
}

// isHeading reports whether the element is h1 to h6.
func isHeading(a atom.Atom) bool {
	switch a {
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		return true
	default:
		return false
	}
}

// addCard reads a Ghost bookmark card: a link with spans for title, author and publisher.
func (s *segmenter) addCard(n *html.Node, class string) {
	s.flush()
	c := card{block: len(s.doc.blocks), url: attr(n, "href")}
	for d := range n.Descendants() {
		switch dc := attr(d, "class"); {
		case hasClass(dc, "kg-bookmark-title"):
			c.title = textOf(d)
		case hasClass(dc, "kg-bookmark-author"):
			c.author = textOf(d)
		case hasClass(dc, "kg-bookmark-publisher"):
			c.publication = textOf(d)
		}
	}
	from := len(s.doc.blocks)
	s.inline(n, class, 0)
	s.flush()
	for _, b := range s.doc.blocks[from:] {
		b.role = Credit
	}
	if c.title != "" && len(s.doc.blocks) > from {
		s.doc.cards = append(s.doc.cards, c)
	}
}

// textOf returns the text of n with white space collapsed.
func textOf(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
			b.WriteByte(' ')
		}
	}
	return collapseSpace(b.String())
}

// attr returns the value of an attribute, or "".
func attr(n *html.Node, key string) string {
	for i := range n.Attr {
		if n.Attr[i].Key == key {
			return n.Attr[i].Val
		}
	}
	return ""
}

// hasClass reports whether the class attribute contains the class name.
func hasClass(class, name string) bool {
	for c := range strings.FieldsSeq(class) {
		if c == name {
			return true
		}
	}
	return false
}

// sortRuns sorts runs by start, outer before inner.
func sortRuns(runs []run) {
	slices.SortStableFunc(runs, func(a, b run) int {
		return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(b.end, a.end))
	})
}

// joinWrappedLines joins the lines of paragraphs that were wrapped at a fixed width. Lines are assumed to be wrapped if
// one of them begins in lower case after a long line.
func joinWrappedLines(doc *document) {
	blocks := doc.blocks
	kept := blocks[:0]
	for i := 0; i < len(blocks); {
		end := i + 1
		for end < len(blocks) && blocks[end].paragraph == blocks[i].paragraph &&
			blocks[end].quotation == blocks[i].quotation {
			end++
		}
		if end-i < 2 || !isWrapped(blocks[i:end]) {
			kept = append(kept, blocks[i:end]...)
			i = end
			continue
		}
		cur := blocks[i]
		var text strings.Builder
		text.WriteString(cur.text)
		flush := func() {
			cur.text = text.String()
			kept = append(kept, cur)
		}
		for k := i + 1; k < end; k++ {
			b := blocks[k]
			if len(blocks[k-1].text) < wrapMin {
				flush()
				cur = b
				text.Reset()
				text.WriteString(b.text)
				continue
			}
			offset := text.Len() + 1
			text.WriteString(" " + b.text)
			for _, r := range b.runs {
				r.start += offset
				r.end += offset
				cur.runs = append(cur.runs, r)
			}
			cur.nodes = nodesThrough(cur.nodes, b.nodes)
		}
		flush()
		i = end
	}
	doc.blocks = kept
	for _, q := range doc.quotations {
		q.blocks = q.blocks[:0]
	}
	for i, b := range kept {
		for q := b.quotation; q != nil; q = q.parent {
			q.blocks = append(q.blocks, i)
		}
	}
}

// wrapMin and wrapMax are the minimum and maximum length in bytes of a line that was wrapped at a fixed width.
const wrapMin, wrapMax = 50, 90

// isWrapped reports whether the lines of a paragraph were wrapped at a fixed width.
func isWrapped(lines []*block) bool {
	small := 0
	for i, b := range lines {
		if len(b.text) > wrapMax {
			return false
		}
		if i > 0 && len(lines[i-1].text) >= wrapMin && b.text[0] >= 'a' && b.text[0] <= 'z' {
			small++
		}
	}
	return small > 0
}

// nodesThrough returns the siblings from the first node of a to the last node of b, or nil if they are not siblings.
func nodesThrough(a, b []*html.Node) []*html.Node {
	if len(a) == 0 || len(b) == 0 || a[0].Parent != b[0].Parent {
		return nil
	}
	for n := a[len(a)-1].NextSibling; n != nil && n != b[0]; n = n.NextSibling {
		a = append(a, n)
	}
	return append(a, b...)
}
