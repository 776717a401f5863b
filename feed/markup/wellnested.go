package markup

import (
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// place is where an element may occur in well-nested HTML, and what it may contain.
type place uint8

const (
	placeNone   place = iota // not in well-nested HTML
	placeBlock               // among blocks; contains blocks, inline elements and text
	placeText                // among blocks; contains inline elements and text
	placeList                // like placeBlock, but contains items
	placeItem                // in a list; contains what placeBlock contains
	placeTerms               // like placeList, but contains terms
	placeTerm                // in placeTerms; contains what placeBlock contains
	placeInline              // anywhere; contains inline elements and text
	placeFormat              // like placeInline, but counts toward maxFormatting unless it is a link
	placeVoid                // anywhere; contains nothing
	placeRule                // among blocks; contains nothing
)

// placeOf returns the place of an element. Elements that parsers treat in special ways, such as tables, have none.
func placeOf(name atom.Atom) place {
	switch name {
	case atom.Address, atom.Article, atom.Aside, atom.Blockquote, atom.Div, atom.Figcaption, atom.Figure, atom.Footer,
		atom.Header, atom.Main, atom.Nav, atom.Section:
		return placeBlock
	case atom.P, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Pre:
		return placeText
	case atom.Ul, atom.Ol:
		return placeList
	case atom.Li:
		return placeItem
	case atom.Dl:
		return placeTerms
	case atom.Dt, atom.Dd:
		return placeTerm
	case atom.Abbr, atom.Cite, atom.Del, atom.Dfn, atom.Ins, atom.Kbd, atom.Mark, atom.Q, atom.Samp, atom.Span, atom.Sub,
		atom.Sup, atom.Time, atom.Var:
		return placeInline
	case atom.A, atom.B, atom.Big, atom.Code, atom.Em, atom.I, atom.S, atom.Small, atom.Strike, atom.Strong, atom.Tt,
		atom.U:
		return placeFormat
	case atom.Br, atom.Img, atom.Wbr:
		return placeVoid
	case atom.Hr:
		return placeRule
	default:
		return placeNone
	}
}

// maxNesting is the maximum nesting depth of well-nested HTML. It is far below the limit of [html.ParseFragment].
const maxNesting = 200

// nodes allocates the nodes of a tree, several at once.
type nodes struct{ free []html.Node }

// nodesAtOnce is the number of nodes that are allocated at once.
const nodesAtOnce = 32

// add appends a new node to the parent and returns it.
func (s *nodes) add(parent *html.Node, kind html.NodeType, name atom.Atom, data string) *html.Node {
	n := s.get()
	n.Type, n.DataAtom, n.Data = kind, name, data
	parent.AppendChild(n)
	return n
}

// get returns a new node.
func (s *nodes) get() *html.Node {
	if len(s.free) == 0 {
		s.free = make([]html.Node, nodesAtOnce)
	}
	n := &s.free[0]
	s.free = s.free[1:]
	return n
}

// nester builds the tree of well-nested HTML in one pass.
type nester struct {
	rest   string     // the part of the body that has not been read
	top    *html.Node // the innermost open element
	places []place    // the places of the open elements; the first is that of the body
	open   int        // number of open inline elements that count toward maxFormatting
	linked bool       // a link is open
	nodes  nodes
}

// parseWellNested returns the tree of a clean body that needs no repairs. Most bodies need none, and parseWellNested
// reads them much faster than [tidier] and [html.ParseFragment] do. It returns false if they might build a different
// tree. This is the case if an end tag is missing or does not match (although a block may end the open paragraph), if a
// tag is not in lower case or its attributes are not in quotation marks, or if there is a table, a form, a frame or an
// element that is removed with its content.
func parseWellNested(body string) (*html.Node, bool) {
	container := Element(atom.Body)
	p := nester{rest: body, top: container, places: make([]place, 1, 16)}
	p.places[0] = placeBlock
	for p.rest != "" {
		text, tag, found := strings.Cut(p.rest, "<")
		if !p.text(text) {
			return nil, false
		}
		if !found {
			break
		}
		p.rest = tag
		if !p.tag() {
			return nil, false
		}
	}
	return container, true
}

// maxJoined is the maximum size in bytes of a text that is joined with the text after a comment, and maxTagAttributes
// is the maximum number of attributes of an element. Without these limits, reading could take quadratic time.
const maxJoined, maxTagAttributes = 1000, 30

// text adds text that is not in a tag. It returns false if there is too much text before the last comment.
func (p *nester) text(s string) bool {
	if strings.IndexByte(s, '&') >= 0 {
		s = CleanText(newlines(html.UnescapeString(s)))
	}
	if p.top.DataAtom == atom.Pre && p.top.FirstChild == nil {
		s = strings.TrimPrefix(s, "\n") // as in browsers
	}
	if s == "" {
		return true
	}
	if last := p.top.LastChild; last != nil && last.Type == html.TextNode {
		last.Data += s
		return len(last.Data)-len(s) <= maxJoined
	}
	p.nodes.add(p.top, html.TextNode, 0, s)
	return true
}

// tag reads a tag or a comment after its "<", and reports whether it is well nested.
func (p *nester) tag() bool {
	if comment, ok := strings.CutPrefix(p.rest, "!--"); ok {
		text, rest, found := strings.Cut(comment, "--")
		rest, closed := strings.CutPrefix(rest, ">")
		p.rest = rest
		return found && closed && text != "" && text[0] != '>' && text[0] != '-' && p.top.DataAtom != atom.Pre
	}
	rest, isEnd := strings.CutPrefix(p.rest, "/")
	size := 0
	for size < len(rest) && (rest[size]-'a' < 26 || size > 0 && isAttributeByte(rest[size])) {
		size++
	}
	var buf [16]byte
	name := atom.Lookup(append(buf[:0], rest[:size]...))
	p.rest = rest[size:]
	switch {
	case size > 0 && (name == 0 || name == atom.Font):
		return p.skip(isEnd)
	case isEnd:
		return p.end(name)
	default:
		return p.start(name)
	}
}

// skip skips the tag of an element that is not kept but whose content is, such as "<o:p>" or "<font>". p.rest begins
// after the name in the tag.
func (p *nester) skip(isEnd bool) bool {
	if isEnd {
		rest, ok := strings.CutPrefix(p.rest, ">")
		p.rest = rest
		return ok
	}
	_, ok := p.attributes(new(html.Node))
	return ok
}

// end ends the innermost open element, which must have the given name. p.rest begins after the name in the end tag.
func (p *nester) end(name atom.Atom) bool {
	if name == 0 || p.top.DataAtom != name || len(p.places) == 1 || !strings.HasPrefix(p.rest, ">") {
		return false
	}
	p.rest = p.rest[1:]
	p.leave()
	return true
}

// leave ends the innermost open element.
func (p *nester) leave() {
	last := len(p.places) - 1
	switch {
	case p.top.DataAtom == atom.A:
		p.linked = false
	case p.places[last] == placeFormat:
		p.open--
	}
	p.top = p.top.Parent
	p.places = p.places[:last]
}

// start adds an element. p.rest begins after the name in its start tag.
func (p *nester) start(name atom.Atom) bool {
	at := placeOf(name)
	if !p.allows(at) {
		return false
	}
	n := p.nodes.get()
	n.Type, n.DataAtom, n.Data = html.ElementNode, name, name.String()
	closed, ok := p.attributes(n)
	if !ok || closed && at != placeVoid && at != placeRule {
		return false
	}
	p.top.AppendChild(n)
	if at == placeVoid || at == placeRule {
		return true
	}
	if at == placeFormat && len(n.Attr) > 1 { // as in html.ParseFragment
		slices.SortFunc(n.Attr, func(a, b html.Attribute) int { return strings.Compare(a.Key, b.Key) })
	}
	switch {
	case name == atom.A:
		if p.linked {
			return false
		}
		p.linked = true
	case at == placeFormat:
		if p.open++; p.open > maxFormatting {
			return false
		}
	}
	p.top = n
	p.places = append(p.places, at)
	return len(p.places) <= maxNesting
}

// allows reports whether an element with the given place may begin here. A block ends the open paragraph.
func (p *nester) allows(at place) bool {
	in := p.places[len(p.places)-1]
	switch at {
	case placeInline, placeFormat, placeVoid:
		return true
	case placeItem:
		return in == placeList
	case placeTerm:
		return in == placeTerms
	case placeBlock, placeText, placeList, placeTerms, placeRule:
		if p.top.DataAtom == atom.P {
			p.leave()
			return true
		}
		return in != placeText && in != placeInline && in != placeFormat
	case placeNone:
	}
	return false
}

// attributes reads the attributes and the end of a start tag. It reports whether the tag ends in "/>", and whether its
// syntax is simple.
func (p *nester) attributes(n *html.Node) (closed, ok bool) {
	for {
		s := strings.TrimLeft(p.rest, " \n\t")
		if rest, ok := strings.CutPrefix(s, ">"); ok {
			p.rest = rest
			return false, true
		}
		if rest, ok := strings.CutPrefix(s, "/>"); ok {
			p.rest = rest
			return true, true
		}
		if len(s) == len(p.rest) || len(n.Attr) == maxTagAttributes {
			return false, false
		}
		a, rest, ok := simpleAttribute(s)
		if !ok || slices.ContainsFunc(n.Attr, func(b html.Attribute) bool { return a.Key == b.Key }) {
			return false, false
		}
		n.Attr = append(n.Attr, a)
		p.rest = rest
	}
}

// simpleAttribute returns the attribute at the beginning of s and the rest of s. It returns false if the attribute's
// syntax is not simple.
func simpleAttribute(s string) (a html.Attribute, rest string, ok bool) {
	size := 0
	for size < len(s) && isAttributeByte(s[size]) {
		size++
	}
	a.Key = s[:size]
	value, found := strings.CutPrefix(s[size:], "=")
	if !found {
		return a, value, size > 0
	}
	if size == 0 || value == "" || value[0] != '"' && value[0] != '\'' {
		return a, "", false
	}
	end := strings.IndexByte(value[1:], value[0])
	if end < 0 {
		return a, "", false
	}
	a.Val, ok = simpleValue(value[1 : 1+end])
	return a, value[end+2:], ok
}

// isAttributeByte reports whether [tidier] allows c in the name of an attribute.
func isAttributeByte(c byte) bool {
	return c-'a' < 26 || c-'0' < 10 || c == '-' || c == '_' || c == ':'
}

// beginsReference reports whether the ampersand at the beginning of s, the rest of an attribute's value, may begin a
// character reference. An ampersand in the query of a URL usually does not: "&page=2".
func beginsReference(s string) bool {
	name := 1
	for name < len(s) && isWordByte(s[name]) {
		name++
	}
	return name < len(s) && (s[name] == '#' || name > 1 && s[name] != '=') || name == len(s) && name > 1
}

// isWordByte reports whether c is an ASCII letter or digit.
func isWordByte(c byte) bool { return c-'a' < 26 || c-'A' < 26 || c-'0' < 10 }

// simpleValue returns the value of an attribute. It returns false if the value may contain a character reference other
// than those of HTML's special characters, such as &amp;.
func simpleValue(s string) (string, bool) {
	at := strings.IndexByte(s, '&')
	if at < 0 {
		return s, true
	}
	var b strings.Builder
	for ; at >= 0; at = strings.IndexByte(s, '&') {
		b.WriteString(s[:at])
		s = s[at:]
		char, size := "&", 1
		switch {
		case strings.HasPrefix(s, "&amp;"):
			size = len("&amp;")
		case strings.HasPrefix(s, "&lt;"):
			char, size = "<", len("&lt;")
		case strings.HasPrefix(s, "&gt;"):
			char, size = ">", len("&gt;")
		case strings.HasPrefix(s, "&quot;"):
			char, size = `"`, len("&quot;")
		case strings.HasPrefix(s, "&#34;"):
			char, size = `"`, len("&#34;")
		case strings.HasPrefix(s, "&#39;"):
			char, size = "'", len("&#39;")
		case beginsReference(s):
			return "", false
		}
		b.WriteString(char)
		s = s[size:]
	}
	b.WriteString(s)
	return b.String(), true
}
