package transfer

import (
	"bytes"
	"fmt"
	"slices"

	"golang.org/x/net/html"

	"feedpub/feed"
)

// maxReopened is the maximum number of inline elements that an HTML parser may reopen, in addition to four for each
// byte of the document.
const maxReopened = 100_000

// boundReopened returns an error of kind [feed.ErrInvalid] for HTML whose parse tree would be much larger than its
// source. Parsers reopen unclosed inline elements, such as b, in every following block.
func boundReopened(content []byte) error {
	raw := []bool{true}
	if lower := bytes.ToLower(content); bytes.Contains(lower, []byte("<svg")) || bytes.Contains(lower, []byte("<math")) {
		raw = append(raw, false) // inside SVG and MathML, parsers read the content of elements such as style as markup
	}
	for _, raw := range raw {
		r := reopening{}
		z := html.NewTokenizer(bytes.NewReader(content))
		for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
			tag := z.Raw()
			switch kind {
			case html.StartTagToken, html.SelfClosingTagToken:
				name, _ := z.TagName()
				r.start(string(name), string(tag))
				if !raw {
					z.NextIsNotRawText()
				}
			case html.EndTagToken:
				name, _ := z.TagName()
				r.end(string(name))
			case html.ErrorToken, html.TextToken, html.CommentToken, html.DoctypeToken:
			}
			if r.total > 4*len(content)+maxReopened {
				return fmt.Errorf("HTML: unclosed inline elements that would be repeated in every block: %w", feed.ErrInvalid)
			}
		}
	}
	return nil
}

// reopening counts the inline elements that an HTML parser may reopen (HTML standard, section 13.2.4.3). The count may
// be too high, but never too low.
type reopening struct {
	active []inlineTag
	scopes []inlineScope
	total  int // sum over all tags of the number of active elements
}

type inlineTag struct{ name, tag string }

// inlineScope is an open element. End tags inside it do not close active elements that were opened before it.
type inlineScope struct {
	name string
	base int // number of active elements opened before this scope
}

// The sets below are constant.
var (
	reopenedElements = setOf("a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u")
	// cellElements are ignored outside of a table.
	cellElements = setOf("td", "th", "caption")
	// scopeElements close their inline elements when they end, unlike hidingElements.
	scopeElements  = setOf("applet", "object", "marquee", "template")
	hidingElements = setOf("table", "select", "svg", "math")
)

func (r *reopening) base() int {
	if len(r.scopes) == 0 {
		return 0
	}
	return r.scopes[len(r.scopes)-1].base
}

// scope returns the index of the innermost open scope with one of the names, or -1. The search stops at a template.
func (r *reopening) scope(names ...string) int {
	for i, s := range slices.Backward(r.scopes) {
		if slices.Contains(names, s.name) {
			return i
		}
		if r.total++; s.name == "template" {
			break
		}
	}
	return -1
}

func (r *reopening) start(name, tag string) {
	r.total += len(r.active)
	switch {
	case reopenedElements[name]:
		if name == "a" || name == "nobr" { // the start tag of an a or nobr closes an open element of the same name
			r.end(name)
		}
		same := 0
		for _, a := range r.active[r.base():] {
			if a.tag == tag {
				same++
			}
		}
		if same < 3 { // a parser keeps at most three identical tags
			r.active = append(r.active, inlineTag{name, tag})
		}
	case cellElements[name]:
		table, cell := r.scope("table", "template"), r.scope("td", "th", "caption")
		if table < 0 {
			return
		}
		if cell > table {
			r.leave(cell)
		}
		r.scopes = append(r.scopes, inlineScope{name, len(r.active)})
	case scopeElements[name] || hidingElements[name]:
		r.scopes = append(r.scopes, inlineScope{name, len(r.active)})
	}
}

func (r *reopening) end(name string) {
	r.total += len(r.active)
	if !reopenedElements[name] {
		if cellElements[name] || scopeElements[name] || hidingElements[name] {
			r.leave(r.scope(name))
		}
		return
	}
	for i := len(r.active) - 1; i >= r.base(); i-- {
		if r.active[i].name == name {
			r.active = slices.Delete(r.active, i, i+1)
			return
		}
	}
}

// leave closes the scope with index i and all scopes inside it.
func (r *reopening) leave(i int) {
	if i < 0 {
		return
	}
	// In a table and similar elements, the inline elements outside of cells stay active.
	if !hidingElements[r.scopes[i].name] {
		r.active = r.active[:min(r.scopes[i].base, len(r.active))]
	}
	r.scopes = r.scopes[:i]
}
