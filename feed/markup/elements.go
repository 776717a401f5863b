package markup

import "golang.org/x/net/html/atom"

// The sets below are constant. They define how each HTML element is treated.

// elements is the set of elements that a tree may contain and that Clean keeps.
var elements = union(blocks, inline, tableParts, void, set(
	atom.Abbr, atom.Audio, atom.Bdi, atom.Bdo, atom.Cite, atom.Data, atom.Del, atom.Dfn, atom.Ins, atom.Kbd, atom.Mark,
	atom.Picture, atom.Q, atom.Rp, atom.Rt, atom.Ruby, atom.Samp, atom.Span, atom.Sub, atom.Summary, atom.Sup,
	atom.Time, atom.Var, atom.Video,
))

// blocks is the set of block-level elements.
var blocks = set(
	atom.Address, atom.Article, atom.Aside, atom.Blockquote, atom.Dd, atom.Details, atom.Div, atom.Dl, atom.Dt,
	atom.Figcaption, atom.Figure, atom.Footer, atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Header,
	atom.Hgroup, atom.Hr, atom.Li, atom.Main, atom.Nav, atom.Ol, atom.P, atom.Pre, atom.Section, atom.Table, atom.Ul,
)

// inline is the set of formatting elements in the HTML standard. If they are not closed, parsers reopen them in the
// following blocks.
var inline = set(
	atom.A, atom.B, atom.Big, atom.Code, atom.Em, atom.I, atom.S, atom.Small, atom.Strike, atom.Strong, atom.Tt, atom.U,
)

// tableParts is the set of elements that are only valid in a table.
var tableParts = set(
	atom.Caption, atom.Col, atom.Colgroup, atom.Tbody, atom.Td, atom.Tfoot, atom.Th, atom.Thead, atom.Tr,
)

// void is the set of elements that have no content and no end tag.
var void = set(atom.Br, atom.Col, atom.Hr, atom.Img, atom.Source, atom.Track, atom.Wbr)

// dropped is the set of elements that are removed with their content, because the content is not text or repeats
// adjacent text.
var dropped = set(
	atom.Annotation, atom.AnnotationXml, atom.Noembed, atom.Noframes, atom.Noscript, atom.Script, atom.Style, atom.Svg,
	atom.Template, atom.Title,
)

// renamed maps elements to the elements that replace them.
var renamed = map[atom.Atom]atom.Atom{
	atom.Center:    atom.Div,
	atom.Dir:       atom.Ul,
	atom.Fieldset:  atom.Div,
	atom.Form:      atom.Div,
	atom.Image:     atom.Img,
	atom.Listing:   atom.Pre,
	atom.Menu:      atom.Ul,
	atom.Plaintext: atom.Pre,
	atom.Search:    atom.Div,
	atom.Xmp:       atom.Pre,
}

// parting is the set of elements that are replaced by a space, since they separate words.
var parting = set(atom.Button, atom.Input, atom.Legend, atom.Optgroup, atom.Option, atom.Select, atom.Textarea)

func set(names ...atom.Atom) map[atom.Atom]bool {
	m := make(map[atom.Atom]bool, len(names))
	for _, name := range names {
		m[name] = true
	}
	return m
}

func union(sets ...map[atom.Atom]bool) map[atom.Atom]bool {
	m := make(map[atom.Atom]bool)
	for _, s := range sets {
		for name := range s {
			m[name] = true
		}
	}
	return m
}
