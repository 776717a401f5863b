package intake

import (
	"slices"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// flow lists the elements that may contain a figure (flow content in the HTML standard).
var flow = map[atom.Atom]bool{
	atom.Body: true, atom.Div: true, atom.Section: true, atom.Article: true, atom.Main: true, atom.Aside: true,
	atom.Header: true, atom.Footer: true, atom.Nav: true, atom.Blockquote: true, atom.Li: true, atom.Dd: true,
	atom.Td: true, atom.Th: true, atom.Details: true, atom.Figure: true, atom.Figcaption: true,
}

// divisible lists the elements that keep their meaning when they are split in two.
var divisible = map[atom.Atom]bool{
	atom.P: true, atom.Span: true, atom.A: true, atom.Abbr: true, atom.B: true, atom.Big: true, atom.Cite: true,
	atom.Code: true, atom.Del: true, atom.Em: true, atom.I: true, atom.Ins: true, atom.Kbd: true, atom.Mark: true,
	atom.Q: true, atom.S: true, atom.Samp: true, atom.Small: true, atom.Strike: true, atom.Strong: true, atom.Sub: true,
	atom.Sup: true, atom.Tt: true, atom.U: true, atom.Var: true, atom.Bdi: true, atom.Bdo: true,
}

// blockElements lists the elements that a paragraph cannot contain.
var blockElements = map[atom.Atom]bool{
	atom.Address: true, atom.Article: true, atom.Aside: true, atom.Blockquote: true, atom.Details: true, atom.Div: true,
	atom.Dl: true, atom.Figure: true, atom.Figcaption: true, atom.Footer: true, atom.H1: true, atom.H2: true,
	atom.H3: true, atom.H4: true, atom.H5: true, atom.H6: true, atom.Header: true, atom.Hgroup: true, atom.Hr: true,
	atom.Main: true, atom.Nav: true, atom.Ol: true, atom.P: true, atom.Pre: true, atom.Section: true, atom.Table: true,
	atom.Ul: true, atom.Li: true, atom.Dt: true, atom.Dd: true, atom.Caption: true, atom.Colgroup: true,
	atom.Col: true, atom.Thead: true, atom.Tbody: true, atom.Tfoot: true, atom.Tr: true, atom.Td: true, atom.Th: true,
	atom.Summary: true,
}

func isBlock(n *html.Node) bool { return blockElements[n.DataAtom] }

// splitUpTo splits the elements around a run of sibling nodes until the parent of the run, or of the element that
// contains only the run, may contain a figure. It removes the line breaks next to the run. It reports false and changes
// nothing if one of the elements cannot be split.
func splitUpTo(body *html.Node, run []*html.Node) bool {
	for p := run[0].Parent; p != body && !flow[p.DataAtom]; p = p.Parent {
		if !divisible[p.DataAtom] {
			return false
		}
	}
	first, last := run[0], run[len(run)-1]
	for p := first.Parent; p != body && !flow[p.DataAtom]; p = first.Parent {
		if hasText(p.FirstChild, first) {
			before := shell(p)
			for n := p.FirstChild; n != first; n = p.FirstChild {
				move(before, n)
			}
			for n := before.LastChild; blank(n); n = before.LastChild {
				before.RemoveChild(n)
			}
			p.Parent.InsertBefore(before, p)
		}
		if last.NextSibling != nil && hasText(last.NextSibling, nil) {
			after := shell(p)
			for n := last.NextSibling; n != nil; n = last.NextSibling {
				move(after, n)
			}
			for n := after.FirstChild; blank(n); n = after.FirstChild {
				after.RemoveChild(n)
			}
			p.Parent.InsertBefore(after, p.NextSibling)
		}
		first, last = p, p
	}
	return true
}

// hasText reports whether there is anything but line breaks and white space among the siblings from n up to end.
func hasText(n, end *html.Node) bool {
	for ; n != end; n = n.NextSibling {
		if !blank(n) {
			return true
		}
	}
	return false
}

// shell returns a copy of n without its content and its id.
func shell(n *html.Node) *html.Node {
	attributes := slices.DeleteFunc(slices.Clone(n.Attr), func(a html.Attribute) bool { return a.Key == "id" })
	return &html.Node{Type: n.Type, DataAtom: n.DataAtom, Data: n.Data, Attr: attributes}
}

// move makes n the last child of parent.
func move(parent, n *html.Node) {
	n.Parent.RemoveChild(n)
	parent.AppendChild(n)
}

// dropBreaks removes the line breaks next to a figure. A figure is a block element and needs none.
func dropBreaks(figure *html.Node) {
	for n := figure.PrevSibling; n != nil && blank(n); n = figure.PrevSibling {
		n.Parent.RemoveChild(n)
	}
	for n := figure.NextSibling; n != nil && blank(n); n = figure.NextSibling {
		n.Parent.RemoveChild(n)
	}
}

// divideLines splits the inline elements that contain a line break, so that no inline element spans two lines.
func divideLines(body *html.Node) {
	var breaks []*html.Node
	for d := range body.Descendants() {
		if d.DataAtom == atom.Br {
			breaks = append(breaks, d)
		}
	}
	for _, br := range breaks {
		for p := br.Parent; p != body && divisible[p.DataAtom] && p.DataAtom != atom.P; p = br.Parent {
			after := shell(p)
			for n := br.NextSibling; n != nil; n = br.NextSibling {
				move(after, n)
			}
			p.RemoveChild(br)
			p.Parent.InsertBefore(br, p.NextSibling)
			if after.FirstChild != nil {
				p.Parent.InsertBefore(after, br.NextSibling)
			}
		}
	}
}
