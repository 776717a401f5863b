package transfer

import (
	"bytes"
	"fmt"
	"slices"

	"golang.org/x/net/html"

	"feedpub/feed"
)

// maxReopened bounds the inline elements that a parser of HTML reopens, beyond four for each byte of the document.
const maxReopened = 100_000

// boundReopened returns an error of kind [feed.ErrInvalid] for HTML that a parser would make a much larger tree of. It
// reopens the inline elements that are not closed, such as b, in every block that follows.
func boundReopened(content []byte) error {
	raw := []bool{true}
	if lower := bytes.ToLower(content); bytes.Contains(lower, []byte("<svg")) || bytes.Contains(lower, []byte("<math")) {
		raw = append(raw, false) // in these, the content of elements such as style is markup
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

// reopening follows which inline elements a parser of HTML may reopen (HTML standard, section 13.2.4.3). It may count
// too many, but not too few.
type reopening struct {
	active []inlineTag
	scopes []inlineScope
	total  int // of the active elements at each tag
}

type inlineTag struct{ name, tag string }

// inlineScope is an open element that hides the active elements before it from end tags.
type inlineScope struct {
	name string
	base int // the active elements before it
}

// The sets below are constant.
var (
	reopenedElements = setOf("a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u")
	// cellElements are only elements in a table.
	cellElements = setOf("td", "th", "caption")
	// scopeElements end the inline elements in them. The elements in hidingElements do not.
	scopeElements  = setOf("applet", "object", "marquee", "template")
	hidingElements = setOf("table", "select", "svg", "math")
)

func (r *reopening) base() int {
	if len(r.scopes) == 0 {
		return 0
	}
	return r.scopes[len(r.scopes)-1].base
}

// scope returns the index of the innermost open scope with one of the names, or -1. Templates are not looked through.
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
		if name == "a" || name == "nobr" { // closes the one that it is in
			r.end(name)
		}
		same := 0
		for _, a := range r.active[r.base():] {
			if a.tag == tag {
				same++
			}
		}
		if same < 3 { // a parser keeps no more of the same tag
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

// leave closes the scope with index i and those in it.
func (r *reopening) leave(i int) {
	if i < 0 {
		return
	}
	// Of a table and its like, the elements outside of its cells stay active.
	if !hidingElements[r.scopes[i].name] {
		r.active = r.active[:min(r.scopes[i].base, len(r.active))]
	}
	r.scopes = r.scopes[:i]
}
