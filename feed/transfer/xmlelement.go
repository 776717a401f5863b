package transfer

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"

	"feedpub/feed"
)

// element is a node of a parsed item: an element, or a text node if its name is empty.
type element struct {
	space, name string // short name of the namespace (or an undeclared prefix), and local name
	attrs       []xml.Attr
	children    []*element
	chars       string // content of a text node
}

// Size limits for one item.
const (
	maxDepth    = 512
	maxElements = 100_000
)

// namespaces maps namespaces to short names, which are their usual prefixes, since many feeds do not declare them.
var namespaces = map[string]string{
	"http://www.w3.org/2005/Atom":                          "atom",
	"http://purl.org/atom/ns#":                             "atom", // Atom 0.3
	"http://www.w3.org/2007/app":                           "app",
	"http://purl.org/atom/app#":                            "app", // drafts of RFC 5023
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
	"http://www.itunes.com/DTDs/Podcast-1.0.dtd":           "itunes",
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

// usualPrefixes are the short names of all known namespaces.
var usualPrefixes = func() map[string]bool {
	prefixes := setOf("wp", "excerpt")
	for _, prefix := range namespaces {
		prefixes[prefix] = true
	}
	return prefixes
}()

// wxrNamespace matches the namespace of any version of WordPress exports, with http or https.
var wxrNamespace = regexp.MustCompile(`^https?://(?:www\.)?wordpress\.org/export/[^/]*/?(excerpt)?`)

// shortSpace returns the short name of a namespace, or the namespace itself if it has none.
func shortSpace(uri string) string {
	if short, ok := namespaces[uri]; ok {
		return short
	}
	if strings.HasPrefix(uri, "http://schemas.google.com/blogger/") || uri == "http://www.blogger.com/atom/ns#" {
		return "blogger"
	}
	if !strings.Contains(uri, "wordpress.org") {
		return uri
	}
	switch m := wxrNamespace.FindStringSubmatch(uri); {
	case m == nil:
		return uri
	case m[1] != "":
		return "excerpt"
	default:
		return "wp"
	}
}

// newDecoder returns a decoder that accepts common errors in feeds: HTML entities, bare ampersands and attributes
// without quotation marks. It does not expand entities that a document declares.
func newDecoder(r io.Reader) *xml.Decoder {
	d := xml.NewDecoder(r)
	d.Strict = false
	d.Entity = xml.HTMLEntity
	// The input has already been converted to UTF-8, whatever encoding the XML declaration names.
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	return d
}

// parseItem parses an item element. The start tags in open declare its namespaces.
func parseItem(open string, text []byte) (*element, error) {
	d := newDecoder(bytes.NewReader(slices.Concat([]byte(open), text)))
	root := &element{}
	stack := []*element{root} // the currently open elements
	outer := strings.Count(open, "<")
	for count := 0; ; count++ {
		token, err := d.Token()
		// The start tags in open have no end tags, so the decoder fails after the item.
		if len(stack) == 1 && err != nil && len(root.children) > 0 {
			return root.children[0], nil
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("XML: no item: %w", feed.ErrInvalid)
		case err != nil:
			return nil, fmt.Errorf("XML: %s: %w", syntaxMessage(err), feed.ErrInvalid)
		case count > maxElements:
			return nil, fmt.Errorf("XML: more than %d elements and texts in one item: %w", maxElements, feed.ErrInvalid)
		case len(stack) > maxDepth:
			return nil, fmt.Errorf("XML: elements nested deeper than %d: %w", maxDepth, feed.ErrInvalid)
		}
		parent := stack[len(stack)-1]
		switch t := token.(type) {
		case xml.StartElement:
			if outer > 0 {
				outer--
				continue
			}
			e := &element{space: shortSpace(t.Name.Space), name: t.Name.Local, attrs: t.Attr}
			parent.children = append(parent.children, e)
			stack = append(stack, e)
		case xml.EndElement:
			stack = stack[:max(len(stack)-1, 1)]
		case xml.CharData:
			if parent != root {
				parent.children = append(parent.children, &element{chars: string(t)})
			}
		case xml.Directive:
			return nil, errDoctype
		}
	}
}

// syntaxMessage returns the message of an XML error without its line number, which is relative to the start of the
// item.
func syntaxMessage(err error) string {
	if syntax := new(xml.SyntaxError); errors.As(err, &syntax) {
		return syntax.Msg
	}
	return err.Error()
}

// splitName splits a name such as "dc:creator" into the short name of its namespace and the local name. The short name
// is empty for a name without a namespace and for the namespace of RSS 1.0.
func splitName(name string) (space, local string) {
	if space, local, ok := strings.Cut(name, ":"); ok {
		return space, local
	}
	return "", name
}

// all returns all children with the given name.
func (e *element) all(name string) iter.Seq[*element] {
	space, local := splitName(name)
	return func(yield func(*element) bool) {
		if e == nil {
			return
		}
		for _, c := range e.children {
			if c.name == local && c.space == space && !yield(c) {
				return
			}
		}
	}
}

// child returns the first child with the given name, or nil.
func (e *element) child(name string) *element {
	for c := range e.all(name) {
		return c
	}
	return nil
}

// text returns the trimmed text of the first child with the given name, or "".
func (e *element) text(name string) string { return e.child(name).content() }

// attr returns the trimmed value of an attribute, or "".
func (e *element) attr(name string) string {
	if e == nil {
		return ""
	}
	space, local := splitName(name)
	for _, a := range e.attrs {
		if a.Name.Local == local && shortSpace(a.Name.Space) == space {
			return strings.TrimSpace(a.Value)
		}
	}
	return ""
}

// content returns the trimmed text of the element, or "" if e is nil.
func (e *element) content() string {
	if e == nil {
		return ""
	}
	return strings.TrimSpace(e.rawContent())
}

// rawContent returns the untrimmed text of the element.
func (e *element) rawContent() string {
	if len(e.children) == 1 && e.children[0].name == "" {
		return e.children[0].chars
	}
	var b strings.Builder
	e.writeText(&b)
	return b.String()
}

func (e *element) writeText(b *strings.Builder) {
	b.WriteString(e.chars)
	for _, c := range e.children {
		c.writeText(b)
	}
}

func (e *element) hasElements() bool {
	return slices.ContainsFunc(e.children, func(c *element) bool { return c.name != "" })
}

// html returns the content of the element as HTML, whether it is escaped text or child elements. It returns "" if e is
// nil.
func (e *element) html() string {
	switch {
	case e == nil:
		return ""
	case e.hasElements():
		return e.innerHTML()
	default:
		return e.content()
	}
}

// innerHTML returns the children of the element as HTML.
func (e *element) innerHTML() string {
	var b strings.Builder
	for _, c := range e.children {
		c.writeHTML(&b)
	}
	return strings.TrimSpace(b.String())
}

func (e *element) writeHTML(b *strings.Builder) {
	if e.name == "" {
		b.WriteString(html.EscapeString(e.chars))
		return
	}
	b.WriteString("<" + e.name)
	for _, a := range e.attrs {
		if a.Name.Space == "xmlns" || a.Name.Local == "xmlns" {
			continue
		}
		b.WriteString(" " + a.Name.Local + `="` + html.EscapeString(a.Value) + `"`)
	}
	b.WriteString(">")
	if voidElements[strings.ToLower(e.name)] {
		return
	}
	for _, c := range e.children {
		c.writeHTML(b)
	}
	b.WriteString("</" + e.name + ">")
}

// voidElements are the HTML elements without an end tag.
var voidElements = setOf("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track",
	"wbr")

func setOf(names ...string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[name] = true
	}
	return set
}

// lineEnds normalizes the line ends in s as described in XML 1.0 section 2.11.
func lineEnds(s string) string {
	if strings.IndexByte(s, '\r') < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}
