package markup

import (
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxFormatting is the maximum number of inline elements other than links that may be open at the same time. Parsers
// reopen all of them in every following block: without a limit, a body of n bytes could become a tree of n² nodes.
// Elements beyond the limit are removed, but their text is kept.
const maxFormatting = 5

// maxOpen is the maximum number of open elements with the same name. It is the nesting limit of [html.ParseFragment].
const maxOpen = 512

// tidier rewrites HTML before it is parsed, and removes elements that must not be in the tree. The parser repairs
// invalid HTML exactly as browsers do. Some of these repairs take quadratic time, and others move text that is in a
// table but outside of its cells to a place before the table. HTML rewritten by tidier does not need these repairs.
type tidier struct {
	out        strings.Builder
	open       map[atom.Atom]int // upper bound for the number of open elements by name
	formatting int               // number of open inline elements
	cells      []bool            // whether a cell or caption is open in each open table
	around     []inlineState     // the inline elements that were open before each open table
	skip       atom.Atom         // name of the element that is being removed with its content, or 0
	depth      int               // number of open elements whose name is skip
}

// run writes the rewritten body to t.out.
func (t *tidier) run(body string) {
	t.open = make(map[atom.Atom]int)
	t.out.Grow(len(body))
	z := html.NewTokenizer(strings.NewReader(body))
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
		if kind == html.TextToken && t.skip == 0 && t.plainText(z.Raw()) {
			continue
		}
		if token := z.Token(); t.skip == 0 || !t.skipped(token) {
			t.token(token)
		}
	}
}

// skipped reports whether a token is part of the element that is being removed.
func (t *tidier) skipped(token html.Token) bool {
	start, end := token.Type == html.StartTagToken, token.Type == html.EndTagToken
	switch {
	case start && token.DataAtom == t.skip:
		t.depth++
	case end && token.DataAtom == t.skip:
		if t.depth--; t.depth == 0 {
			t.skip = 0
		}
	case start && t.skip == atom.Svg && blocks[token.DataAtom]:
		t.skip = 0 // as in browsers, an unclosed svg or math element ends at the next block
		return false
	}
	return true
}

func (t *tidier) token(token html.Token) {
	switch token.Type {
	case html.TextToken:
		t.text(token.Data)
	case html.StartTagToken:
		if token.DataAtom == atom.Iframe {
			t.iframe(token)
		}
		if dropped[token.DataAtom] || token.DataAtom == atom.Iframe {
			t.skip, t.depth = token.DataAtom, 1
		} else {
			t.start(token)
		}
	case html.SelfClosingTagToken:
		if !dropped[token.DataAtom] {
			t.start(token)
		}
	case html.EndTagToken:
		t.end(token.DataAtom)
	case html.CommentToken, html.DoctypeToken, html.ErrorToken: // these are not in the tree
	}
}

// plainText writes raw and returns true if raw needs no decoding, cleaning or escaping. Otherwise it does nothing. This
// is the fast path for most text.
func (t *tidier) plainText(raw []byte) bool {
	blank := true
	for _, c := range raw {
		if !asciiChar(c) || c == '&' || c == '<' || c == '>' || c == '\r' {
			return false
		}
		blank = blank && (c == ' ' || c == '\t' || c == '\n')
	}
	if !blank {
		t.enterCell()
	}
	t.out.Write(raw)
	return true
}

func (t *tidier) text(s string) {
	if strings.Trim(s, " \t\n\f\r") != "" {
		t.enterCell()
	}
	// Character references have been decoded, so the text may contain any character.
	t.out.WriteString(html.EscapeString(CleanText(newlines(s))))
}

func (t *tidier) start(token html.Token) {
	name := token.DataAtom
	if other, ok := renamed[name]; ok {
		name = other
	}
	switch {
	case tableParts[name]:
		if len(t.cells) == 0 {
			t.out.WriteByte(' ') // the parser would drop the tag and join the words before and after it
			return
		}
		t.cells[len(t.cells)-1] = name == atom.Td || name == atom.Th || name == atom.Caption
	case !elements[name]:
		if parting[name] {
			t.out.WriteByte(' ')
		}
		return
	case name == atom.Table:
		t.enterCell()
		t.enterTable()
	default:
		t.enterCell()
	}
	if t.opened(name) {
		t.write(name, token.Attr)
	}
}

// opened records that an element is open, and reports whether its start tag must be written.
func (t *tidier) opened(name atom.Atom) bool {
	switch {
	case void[name]:
	case name == atom.A:
		t.open[atom.A] = 1 // a link closes the enclosing link
	case inline[name] && t.formatting >= maxFormatting:
		return false
	case inline[name]:
		t.formatting++
		t.open[name]++
	default:
		t.open[name] = min(t.open[name]+1, maxOpen)
	}
	return true
}

// write writes a start tag.
func (t *tidier) write(name atom.Atom, attributes []html.Attribute) {
	t.out.WriteByte('<')
	t.out.WriteString(name.String())
	for _, a := range attributes {
		if strings.Trim(a.Key, "abcdefghijklmnopqrstuvwxyz0123456789-_:") == "" {
			t.out.WriteString(" " + a.Key + `="` + html.EscapeString(CleanText(a.Val)) + `"`)
		}
	}
	t.out.WriteByte('>')
}

func (t *tidier) end(name atom.Atom) {
	if other, ok := renamed[name]; ok {
		name = other
	}
	if name == atom.Br { // browsers read </br> as <br>
		t.enterCell()
		t.out.WriteString("<br>")
		return
	}
	if t.open[name] == 0 {
		if parting[name] {
			t.out.WriteByte(' ')
		}
		return
	}
	t.open[name]--
	switch {
	case inline[name] && name != atom.A:
		t.formatting--
	case name == atom.Table:
		t.leaveTable()
	case tableParts[name]:
		if len(t.cells) == 0 {
			return
		}
		t.cells[len(t.cells)-1] = false
	}
	t.out.WriteString("</" + name.String() + ">")
}

// inlineState records which inline elements are open.
type inlineState struct {
	open  map[atom.Atom]int
	total int
}

// enterTable begins a table. End tags in a table do not close the inline elements opened before it: parsers ignore
// these end tags, and reopen the elements in every block after the table.
func (t *tidier) enterTable() {
	around := inlineState{map[atom.Atom]int{}, t.formatting}
	for name := range inline {
		if t.open[name] > 0 {
			around.open[name] = t.open[name]
			delete(t.open, name)
		}
	}
	t.cells, t.around = append(t.cells, false), append(t.around, around)
}

// leaveTable ends a table and the inline elements in it.
func (t *tidier) leaveTable() {
	last := len(t.cells) - 1
	for name := range inline {
		t.open[name] = t.around[last].open[name]
	}
	t.formatting = t.around[last].total
	t.cells, t.around = t.cells[:last], t.around[:last]
}

// enterCell opens a cell if the next text or element would otherwise be in a table but outside of its cells.
func (t *tidier) enterCell() {
	if i := len(t.cells) - 1; i >= 0 && !t.cells[i] {
		t.out.WriteString("<td>")
		t.open[atom.Td] = min(t.open[atom.Td]+1, maxOpen)
		t.cells[i] = true
	}
}

// iframe replaces a frame that shows content with a link, and removes other frames.
func (t *tidier) iframe(token html.Token) {
	var src, title string
	for _, a := range token.Attr {
		switch a.Key {
		case "src":
			src = strings.TrimSpace(a.Val)
		case "title":
			title = strings.TrimSpace(a.Val)
		}
	}
	if strings.HasPrefix(src, "//") {
		src = "https:" + src
	}
	u, err := url.Parse(src)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || !embeddable(u.Hostname()) {
		return
	}
	if title == "" {
		title = src
	}
	t.start(html.Token{DataAtom: atom.P})
	t.start(html.Token{DataAtom: atom.A, Attr: []html.Attribute{{Key: "href", Val: src}}})
	t.text(title)
	t.end(atom.A)
	t.end(atom.P)
}

// embeddable reports whether frames from a host show content, rather than counters or advertisements.
func embeddable(host string) bool {
	host = strings.TrimPrefix(strings.ToLower(host), "www.")
	return slices.Contains([]string{
		"archive.org", "bandcamp.com", "dailymotion.com", "embed.ted.com", "open.spotify.com", "player.twitch.tv",
		"player.vimeo.com", "podcasters.spotify.com", "vimeo.com", "w.soundcloud.com", "youtube-nocookie.com",
		"youtube.com",
	}, host)
}
