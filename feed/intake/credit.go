package intake

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"feedpub/feed"
	"feedpub/feed/markup"
)

// placed is a quote and its place in the content.
type placed struct {
	feed.Quote
	passage []*html.Node // the nodes of the passage, in document order; empty if the content does not contain it
	credit  []*html.Node // the nodes in which the author names the source
	// inline reports whether the passage is part of the author's sentence. If it is, passage holds the nodes of the whole
	// sentence.
	inline bool
	// read reports whether the quote was found in the content. If so, the content already names the source.
	read bool
	// shown reports whether a single line of the content already names the whole source. A caption would only repeat it.
	shown bool
}

// crediting adds credits to a tree. It adds and splits elements, and never removes, reorders or rewrites text.
type crediting struct {
	body    *html.Node
	english bool // whether dates are written in English
	// added holds the roots of the elements that were added. They are not marked with attributes, because attributes
	// would appear in the documents.
	added map[*html.Node]bool
	// credited holds the quotations that have a credit.
	credited map[*html.Node]bool
}

// credit adds the credits of the quotes to body, in order, and returns the elements added.
func credit(body *html.Node, quotes []placed, english bool) map[*html.Node]bool {
	c := &crediting{
		body:     body,
		english:  english,
		added:    make(map[*html.Node]bool),
		credited: make(map[*html.Node]bool),
	}
	for _, q := range quotes {
		c.quote(q)
	}
	return c.added
}

func (c *crediting) quote(q placed) {
	if q.Source.URL != "" {
		link(q.credit, q.Source)
	}
	switch {
	case len(q.passage) == 0 && q.read:
		// The content already names the source.
	case len(q.passage) == 0 && (q.Text != "" || q.HTML != ""):
		c.append(q.Quote)
	case len(q.passage) == 0:
		c.sourceLine(q.Source, c.body.LastChild)
	case q.inline:
		// Moving the passage would break the author's sentence.
		if !q.read {
			c.sourceLine(q.Source, q.passage[len(q.passage)-1])
		}
	default:
		c.passage(q)
	}
}

// passage credits a passage in the content: it annotates the author's quotation elements and wraps other text. If the
// passage has several parts, only the first gets the caption.
func (c *crediting) passage(q placed) {
	source, captioned := q.Source, q.shown
	for _, run := range c.runs(q.passage) {
		if overlaps(run, c.credited) {
			continue
		}
		caption := source
		if captioned {
			caption = feed.Source{}
		}
		if quotation := quotationOf(c.body, run); quotation != nil {
			if c.credited[quotation] {
				continue
			}
			c.credited[quotation] = true
			c.annotate(quotation, source, caption, q.credit)
		} else if !c.wrap(run, source, caption) {
			c.sourceLine(caption, run[len(run)-1])
		}
		captioned = true
	}
}

// annotate adds a credit to the author's quotation element.
func (c *crediting) annotate(quotation *html.Node, source, caption feed.Source, credit []*html.Node) {
	if source.URL != "" && markup.Attribute(quotation, "cite") == "" {
		markup.SetAttribute(quotation, "cite", source.URL)
	}
	if own := ownCredit(quotation, credit); len(own) > 0 {
		if source.URL != "" {
			link(own, source)
		}
		return
	}
	nodes := c.caption(caption)
	if nodes == nil {
		return
	}
	figure := quotation.Parent
	if figure.DataAtom != atom.Figure {
		if !splitUpTo(c.body, []*html.Node{quotation}) {
			c.sourceLine(caption, quotation)
			return
		}
		figure = markup.Element(atom.Figure)
		quotation.Parent.InsertBefore(figure, quotation)
		move(figure, quotation)
	}
	figure.AppendChild(nodes)
}

// wrap moves sibling nodes into a blockquote in a figure. It reports false and changes nothing if HTML's content model
// does not allow a figure there.
func (c *crediting) wrap(run []*html.Node, source, caption feed.Source) bool {
	if !splitUpTo(c.body, run) {
		return false
	}
	// Splitting may have moved the run into new elements.
	for run[0].Parent != c.body && !flow[run[0].Parent.DataAtom] {
		run = []*html.Node{run[0].Parent}
	}
	quotation := markup.Element(atom.Blockquote)
	if source.URL != "" {
		markup.SetAttribute(quotation, "cite", source.URL)
	}
	figure := markup.Element(atom.Figure)
	run[0].Parent.InsertBefore(figure, run[0])
	holder := quotation
	if !slices.ContainsFunc(run, isBlock) {
		holder = markup.Element(atom.P)
		quotation.AppendChild(holder)
	}
	last := run[len(run)-1]
	for n := run[0]; ; {
		next := n.NextSibling
		move(holder, n)
		if n == last {
			break
		}
		n = next
	}
	figure.AppendChild(quotation)
	if nodes := c.caption(caption); nodes != nil {
		figure.AppendChild(nodes)
	}
	dropBreaks(figure)
	c.credited[quotation] = true
	return true
}

// append adds a quote at the end of the content if the content does not contain its passage.
func (c *crediting) append(q feed.Quote) {
	quotation := markup.Element(atom.Blockquote)
	if q.Source.URL != "" {
		markup.SetAttribute(quotation, "cite", q.Source.URL)
	}
	format, text := markup.HTML, q.HTML
	if text == "" {
		format, text = markup.Text, q.Text
	}
	content, err := markup.Parse(format, text)
	if err != nil {
		// A passage that cannot be parsed was rejected when the quote was decoded.
		return
	}
	for n := content.FirstChild; n != nil; n = content.FirstChild {
		move(quotation, n)
	}
	figure := markup.Element(atom.Figure)
	figure.AppendChild(quotation)
	if nodes := c.caption(q.Source); nodes != nil {
		figure.AppendChild(nodes)
	}
	c.added[figure] = true
	c.body.AppendChild(figure)
}

// sourceLine adds a line with the source after the block that contains n, or at the end if n is nil.
func (c *crediting) sourceLine(source feed.Source, n *html.Node) {
	credit := creditNodes(source, c.english)
	if len(credit) == 0 {
		return
	}
	line := markup.Element(atom.P)
	line.AppendChild(markup.TextNode("— "))
	for _, part := range credit {
		line.AppendChild(part)
	}
	c.added[line] = true
	for n != nil && n.Parent != c.body && !(isBlock(n) && flow[n.Parent.DataAtom]) {
		n = n.Parent
	}
	// Insert the source after the rest of the line.
	for n != nil && n.NextSibling != nil && !isBlock(n) && !isBlock(n.NextSibling) {
		n = n.NextSibling
	}
	if n == nil {
		c.body.AppendChild(line)
		return
	}
	n.Parent.InsertBefore(line, n.NextSibling)
}

func (c *crediting) caption(source feed.Source) *html.Node {
	credit := creditNodes(source, c.english)
	if len(credit) == 0 {
		return nil
	}
	caption := markup.Element(atom.Figcaption)
	for _, part := range credit {
		caption.AppendChild(part)
	}
	c.added[caption] = true
	return caption
}

// runs divides nodes into runs of siblings that only white space and line breaks separate. If the nodes are the entire
// content of an element, the element replaces them.
func (c *crediting) runs(nodes []*html.Node) [][]*html.Node {
	nodes = slices.Clone(nodes)
	chosen := make(map[*html.Node]bool, len(nodes))
	for _, n := range nodes {
		chosen[n] = true
	}
	var tops []*html.Node
	for _, n := range nodes {
		for p := n.Parent; p != nil && p != c.body && covered(p, chosen); p = n.Parent {
			chosen[p] = true
			n = p
		}
		if !slices.Contains(tops[max(0, len(tops)-1):], n) {
			tops = append(tops, n)
		}
	}
	var runs [][]*html.Node
	for _, n := range tops {
		if blank(n) || !within(n, c.body) || hasAncestor(n, chosen) {
			continue
		}
		if i := len(runs) - 1; i >= 0 && follows(runs[i][len(runs[i])-1], n) {
			runs[i] = append(runs[i], n)
		} else {
			runs = append(runs, []*html.Node{n})
		}
	}
	return runs
}

// covered reports whether all children of p that are not blank are chosen.
func covered(p *html.Node, chosen map[*html.Node]bool) bool {
	if p.DataAtom == atom.Blockquote || p.DataAtom == atom.Figure {
		return false
	}
	for child := range p.ChildNodes() {
		if !chosen[child] && !blank(child) {
			return false
		}
	}
	return true
}

// follows reports whether b is a later sibling of a with only blank nodes between them.
func follows(a, b *html.Node) bool {
	n := a.NextSibling
	for n != nil && n != b && blank(n) {
		n = n.NextSibling
	}
	return n == b
}

// blank reports whether n is white space or a line break.
func blank(n *html.Node) bool {
	return n.Type == html.TextNode && strings.TrimSpace(n.Data) == "" || n.DataAtom == atom.Br
}

func within(n, ancestor *html.Node) bool {
	for ; n != nil; n = n.Parent {
		if n == ancestor {
			return true
		}
	}
	return false
}

func hasAncestor(n *html.Node, chosen map[*html.Node]bool) bool {
	for p := n.Parent; p != nil; p = p.Parent {
		if chosen[p] {
			return true
		}
	}
	return false
}

// overlaps reports whether a node of the run is, contains or is inside a credited quotation.
func overlaps(run []*html.Node, credited map[*html.Node]bool) bool {
	for _, n := range run {
		if credited[n] {
			return true
		}
		for d := range n.Descendants() {
			if credited[d] {
				return true
			}
		}
		for p := n.Parent; p != nil; p = p.Parent {
			if credited[p] {
				return true
			}
		}
	}
	return false
}

// quotationOf returns the author's innermost blockquote that is or contains the run, or nil.
func quotationOf(body *html.Node, run []*html.Node) *html.Node {
	if len(run) == 1 {
		n := run[0]
		if n.DataAtom == atom.Figure {
			for d := range n.Descendants() {
				if d.DataAtom == atom.Blockquote {
					return d
				}
			}
		}
		if n.DataAtom == atom.Blockquote {
			return n
		}
	}
	for p := run[0].Parent; p != nil && p != body; p = p.Parent {
		if p.DataAtom == atom.Blockquote {
			return p
		}
	}
	return nil
}

// ownCredit returns the nodes in which the author already credits a quotation: the caption of its figure, and the cite
// elements, footer elements and nodes of credit inside it.
func ownCredit(quotation *html.Node, credit []*html.Node) []*html.Node {
	var own []*html.Node
	for d := range quotation.Descendants() {
		if d.DataAtom == atom.Cite || d.DataAtom == atom.Footer || slices.Contains(credit, d) {
			own = append(own, d)
		}
	}
	if figure := quotation.Parent; figure != nil && figure.DataAtom == atom.Figure {
		for child := range figure.ChildNodes() {
			if child.DataAtom == atom.Figcaption {
				own = append(own, child)
			}
		}
	}
	return own
}

// link turns the first occurrence of the headline in places into a link to the article. If there is none, it links the
// publication's name. It does nothing if one of the places already links to the article.
func link(places []*html.Node, source feed.Source) {
	for _, place := range places {
		if linksTo(place, source.URL) {
			return
		}
	}
	for _, phrase := range []string{source.Headline, source.Publication} {
		if phrase == "" {
			continue
		}
		for _, place := range places {
			if linkPhrase(place, phrase, source.URL) {
				return
			}
		}
	}
}

func linksTo(place *html.Node, url string) bool {
	for d := range place.Descendants() {
		if d.DataAtom == atom.A && markup.Attribute(d, "href") == url {
			return true
		}
	}
	for p := place; p != nil; p = p.Parent {
		if p.DataAtom == atom.A && markup.Attribute(p, "href") == url {
			return true
		}
	}
	return false
}

// linkPhrase links the first occurrence of phrase as whole words in one text node of n that is not in a link.
func linkPhrase(n *html.Node, phrase, url string) bool {
	switch {
	case n.Type == html.TextNode:
		before, after, ok := cutWords(n.Data, phrase)
		if !ok || insideLink(n) {
			return false
		}
		a := markup.Element(atom.A, "href", url)
		a.AppendChild(markup.TextNode(phrase))
		n.Parent.InsertBefore(markup.TextNode(before), n)
		n.Parent.InsertBefore(a, n)
		n.Data = after
		return true
	case n.DataAtom == atom.A:
		return false
	}
	for child := range n.ChildNodes() {
		if linkPhrase(child, phrase, url) {
			return true
		}
	}
	return false
}

func insideLink(n *html.Node) bool {
	for p := n.Parent; p != nil; p = p.Parent {
		if p.DataAtom == atom.A {
			return true
		}
	}
	return false
}

// cutWords cuts s around the first occurrence of phrase that begins and ends at word boundaries.
func cutWords(s, phrase string) (before, after string, found bool) {
	for from := 0; ; {
		i := strings.Index(s[from:], phrase)
		if i < 0 {
			return "", "", false
		}
		start, end := from+i, from+i+len(phrase)
		left, _ := utf8.DecodeLastRuneInString(s[:start])
		right, _ := utf8.DecodeRuneInString(s[end:])
		if !wordRune(left) && !wordRune(right) {
			return s[:start], s[end:], true
		}
		from = end
	}
}

func wordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
