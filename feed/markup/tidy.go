package markup

import (
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// maxFormatting is how many inline elements may be open at once, links aside, of which there is never more than one. The
// HTML standard reopens them all in every block that follows, so without a bound a body of n bytes could become a tree
// of n² nodes. Nobody writes five on purpose; the words of a sixth stay.
const maxFormatting = 5

// maxOpen is how many elements of one kind can be open: [html.ParseFragment] allows no deeper nesting.
const maxOpen = 512

// tidier rewrites HTML tag by tag before it is parsed, so that the parser's repairs, which follow browsers in every
// detail, stay harmless: they take quadratic time on some input, and they move words that stand between the cells of
// a table in front of it. It also leaves out what must not reach the tree.
type tidier struct {
	out        strings.Builder
	open       map[atom.Atom]int // end tags are passed on only for elements that may be open
	formatting int               // inline elements open
	cells      []bool            // of each open table: whether a cell or caption is open
}

// run rewrites body into t.out.
func (t *tidier) run(body string) {
	t.open = make(map[atom.Atom]int)
	t.out.Grow(len(body))
	z := html.NewTokenizer(strings.NewReader(body))
	var skip atom.Atom // the element that is left out with its content
	depth := 0         // of elements of that kind within it
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
		if kind == html.TextToken && skip == 0 && t.plainText(z.Raw()) {
			continue
		}
		token := z.Token()
		if skip != 0 {
			switch {
			case token.Type == html.StartTagToken && token.DataAtom == skip:
				depth++
			case token.Type == html.EndTagToken && token.DataAtom == skip:
				depth--
			case skip == atom.Svg && token.Type == html.StartTagToken && blocks[token.DataAtom]:
				// As browsers do: a drawing that was never closed doesn't swallow the rest of the post.
				depth = 0
			default:
				continue
			}
			if depth > 0 {
				continue
			}
			skip = 0
			if token.Type == html.EndTagToken {
				continue
			}
		}
		switch token.Type {
		case html.TextToken:
			t.text(token.Data)
		case html.StartTagToken:
			switch {
			case dropped[token.DataAtom]:
				skip, depth = token.DataAtom, 1
			case token.DataAtom == atom.Iframe:
				t.iframe(token)
				skip, depth = token.DataAtom, 1
			default:
				t.start(token)
			}
		case html.SelfClosingTagToken:
			if !dropped[token.DataAtom] {
				t.start(token)
			}
		case html.EndTagToken:
			t.end(token.DataAtom)
		}
	}
}

// plainText passes on text in which nothing is to be decoded, cleaned or escaped, as it came, and reports whether raw is
// that. It is what most posts are made of.
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
	// Character references are decoded by now and may stand for anything.
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
			t.out.WriteByte(' ') // the parser would drop the tag; the words on its sides stay apart
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
		t.cells = append(t.cells, false)
	default:
		t.enterCell()
	}
	switch {
	case void[name]:
	case name == atom.A:
		t.open[atom.A] = 1 // a link closes the one that it stands in
	case inline[name] && t.formatting >= maxFormatting:
		return
	case inline[name]:
		t.formatting++
		t.open[name]++
	default:
		t.open[name] = min(t.open[name]+1, maxOpen)
	}
	t.out.WriteByte('<')
	t.out.WriteString(name.String())
	for _, a := range token.Attr {
		if strings.Trim(a.Key, "abcdefghijklmnopqrstuvwxyz0123456789-_:") != "" {
			continue
		}
		t.out.WriteString(" " + a.Key + `="` + html.EscapeString(CleanText(a.Val)) + `"`)
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
		t.cells = t.cells[:len(t.cells)-1]
	case tableParts[name]:
		if len(t.cells) == 0 {
			return
		}
		t.cells[len(t.cells)-1] = false
	}
	t.out.WriteString("</" + name.String() + ">")
}

// enterCell opens a cell if what comes next would stand in a table outside of any cell.
func (t *tidier) enterCell() {
	if i := len(t.cells) - 1; i >= 0 && !t.cells[i] {
		t.out.WriteString("<td>")
		t.open[atom.Td] = min(t.open[atom.Td]+1, maxOpen)
		t.cells[i] = true
	}
}

// iframe puts a link in the place of a frame that shows something to read or to play; other frames are gone.
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

// embeddable reports whether frames from the host are content rather than a counter or an advertisement.
func embeddable(host string) bool {
	host = strings.TrimPrefix(strings.ToLower(host), "www.")
	return slices.Contains([]string{
		"archive.org", "bandcamp.com", "dailymotion.com", "embed.ted.com", "open.spotify.com", "player.twitch.tv",
		"player.vimeo.com", "podcasters.spotify.com", "vimeo.com", "w.soundcloud.com", "youtube-nocookie.com",
		"youtube.com",
	}, host)
}
