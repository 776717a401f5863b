package transfer

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/net/html"

	"feedpub/feed"
)

// element is an element of XML with what is in it, of an item at a time.
type element struct {
	space, name string // the namespace, or the prefix of one that is not declared; the local name
	attr        []xml.Attr
	children    []*element
	text        string // of a text, whose name is empty
}

// Bounds of one item.
const (
	maxDepth    = 512
	maxElements = 100_000
)

// Namespaces as they are told apart here: by their usual prefixes, since many feeds forget to declare them.
var namespaces = map[string]string{
	"http://www.w3.org/2005/Atom":                          "atom",
	"http://purl.org/atom/ns#":                             "atom", // Atom 0.3
	"http://purl.org/rss/1.0/":                             "",
	"http://backend.userland.com/rss2":                     "",
	"http://my.netscape.com/rdf/simple/0.9/":               "",
	"http://purl.org/rss/1.0/modules/content/":             "content",
	"http://purl.org/dc/elements/1.1/":                     "dc",
	"http://purl.org/dc/terms/":                            "dcterms",
	"http://www.w3.org/1999/02/22-rdf-syntax-ns#":          "rdf",
	"http://search.yahoo.com/mrss/":                        "media",
	"http://search.yahoo.com/mrss":                         "media",
	"http://www.itunes.com/dtds/podcast-1.0.dtd":           "itunes",
	"http://www.w3.org/1999/xhtml":                         "xhtml",
	"http://www.w3.org/XML/1998/namespace":                 "xml",
	"http://purl.org/rss/1.0/modules/syndication/":         "sy",
	"http://wellformedweb.org/CommentAPI/":                 "wfw",
	"http://rssnamespace.org/feedburner/ext/1.0":           "feedburner",
	"http://www.georss.org/georss":                         "georss",
	"http://purl.org/rss/1.0/modules/taxonomy/":            "taxo",
	"http://purl.org/syndication/thread/1.0":               "thr",
	"http://backend.userland.com/creativeCommonsRssModule": "creativeCommons",
}

// space returns the short name of a namespace.
func space(uri string) string {
	if short, ok := namespaces[uri]; ok {
		return short
	}
	if rest, ok := strings.CutPrefix(uri, "http://wordpress.org/export/"); ok {
		if strings.HasSuffix(rest, "excerpt/") {
			return "excerpt"
		}
		return "wp"
	}
	return uri
}

// newDecoder returns a decoder that takes what feeds in the wild are: entities of HTML, bare ampersands, attributes
// without quotation marks. It expands no entity that a document declares.
func newDecoder(r io.Reader) *xml.Decoder {
	d := xml.NewDecoder(r)
	d.Strict = false
	d.Entity = xml.HTMLEntity
	// The text has been converted by then, whatever the declaration says.
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	return d
}

// parseItem returns the element of an item. Open are the start tags of the elements that it stands in, for their
// namespaces.
func parseItem(open string, text []byte) (*element, error) {
	d := newDecoder(io.MultiReader(strings.NewReader(open), bytes.NewReader(text)))
	outer := strings.Count(open, "<")
	root := &element{}
	stack := []*element{root}
	count := 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			// The decoder invents the ends of what was opened for the namespaces.
			if len(root.children) > 0 && len(stack) == 1 {
				break
			}
			return nil, fmt.Errorf("XML: %s: %w", reason(err), feed.ErrInvalid)
		}
		if count++; count > maxElements {
			return nil, fmt.Errorf("XML: more than %d elements and texts in one item: %w", maxElements, feed.ErrInvalid)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if outer > 0 {
				outer--
				continue
			}
			if len(stack) > maxDepth {
				return nil, fmt.Errorf("XML: elements nested deeper than %d: %w", maxDepth, feed.ErrInvalid)
			}
			e := &element{space: space(t.Name.Space), name: t.Name.Local, attr: t.Copy().Attr}
			parent := stack[len(stack)-1]
			parent.children = append(parent.children, e)
			stack = append(stack, e)
		case xml.EndElement:
			if len(stack) > 1 {
				stack = stack[:len(stack)-1]
			}
		case xml.CharData:
			if parent := stack[len(stack)-1]; parent != root {
				parent.children = append(parent.children, &element{text: string(t)})
			}
		case xml.Directive:
			return nil, errDoctype
		}
	}
	for _, e := range root.children {
		if e.name != "" {
			return e, nil
		}
	}
	return nil, fmt.Errorf("XML: no item: %w", feed.ErrInvalid)
}

var errDoctype = fmt.Errorf("a document type (DOCTYPE) is refused, since it can define entities: %w", feed.ErrInvalid)

// reason returns what is wrong with XML, without the line, which is that of a part of the file.
func reason(err error) string {
	if syntax := new(xml.SyntaxError); errors.As(err, &syntax) {
		return syntax.Msg
	}
	return err.Error()
}

// get returns the first child of a name, or nil. A name such as "dc:creator" has its namespace before it; one without
// is in none, or in that of RSS 1.0.
func (e *element) get(name string) *element {
	for c := range e.all(name) {
		return c
	}
	return nil
}

// all returns the children of a name.
func (e *element) all(name string) func(yield func(*element) bool) {
	prefix, local, ok := strings.Cut(name, ":")
	if !ok {
		prefix, local = "", name
	}
	return func(yield func(*element) bool) {
		if e == nil {
			return
		}
		for _, c := range e.children {
			if c.name == local && c.space == prefix && !yield(c) {
				return
			}
		}
	}
}

// value returns the text in an element without white space around it; "" if it is nil.
func (e *element) value() string {
	if e == nil {
		return ""
	}
	return strings.TrimSpace(e.words())
}

// words returns the text in an element.
func (e *element) words() string {
	if len(e.children) == 1 && e.children[0].name == "" {
		return e.children[0].text
	}
	var b strings.Builder
	e.write(&b)
	return b.String()
}

func (e *element) write(b *strings.Builder) {
	b.WriteString(e.text)
	for _, c := range e.children {
		c.write(b)
	}
}

// of returns the text of the first child of a name.
func (e *element) of(name string) string {
	if e == nil {
		return ""
	}
	return e.get(name).value()
}

// at returns an attribute without white space around it.
func (e *element) at(name string) string {
	if e == nil {
		return ""
	}
	prefix, local, ok := strings.Cut(name, ":")
	if !ok {
		prefix, local = "", name
	}
	for _, a := range e.attr {
		if a.Name.Local == local && space(a.Name.Space) == prefix {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}

// body returns the HTML that an element gives, escaped as it should be or not; "" if it is nil.
func (e *element) body() string {
	if e == nil {
		return ""
	}
	for _, c := range e.children {
		if c.name != "" {
			return e.markup()
		}
	}
	return e.value()
}

// markup returns what is in the element as HTML.
func (e *element) markup() string {
	var b strings.Builder
	for _, c := range e.children {
		c.render(&b)
	}
	return strings.TrimSpace(b.String())
}

func (e *element) render(b *strings.Builder) {
	if e.name == "" {
		b.WriteString(html.EscapeString(e.text))
		return
	}
	b.WriteString("<" + e.name)
	for _, a := range e.attr {
		if a.Name.Space == "xmlns" || a.Name.Local == "xmlns" {
			continue
		}
		b.WriteString(" " + a.Name.Local + `="` + html.EscapeString(a.Value) + `"`)
	}
	b.WriteString(">")
	if voidElement(e.name) {
		return
	}
	for _, c := range e.children {
		c.render(b)
	}
	b.WriteString("</" + e.name + ">")
}

func voidElement(name string) bool {
	switch strings.ToLower(name) {
	case "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr":
		return true
	}
	return false
}
