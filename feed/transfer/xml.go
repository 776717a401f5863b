package transfer

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"feedpub/feed"
	"feedpub/feed/intake"
	"feedpub/feed/markup"
)

// xmlFile reads an XML document item by item. The memory used does not depend on the size of the document, and a syntax
// error in one item does not affect other items.
type xmlFile struct {
	items *itemSplitter
	open  string   // start tags that declare the namespaces used in items
	root  *element // the part of the document before the first item
}

// xmlRoot returns the name and prefix of the root element of an XML document, or "".
func xmlRoot(start []byte) (name, prefix string) {
	rest := bytes.TrimLeft(start, " \t\r\n")
	if !bytes.HasPrefix(rest, []byte("<")) {
		return "", ""
	}
	for {
		i := bytes.IndexByte(rest, '<')
		if i < 0 || i+1 >= len(rest) {
			return "", ""
		}
		rest = rest[i+1:]
		switch {
		case rest[0] == '?' || rest[0] == '!':
			end := ">"
			if bytes.HasPrefix(rest, []byte("!--")) {
				end = "-->"
			} else if rest[0] == '?' {
				end = "?>"
			}
			i := bytes.Index(rest, []byte(end))
			if i < 0 {
				return "", ""
			}
			rest = rest[i+len(end):]
		default:
			tag := rest
			if i := bytes.IndexAny(tag, " \t\r\n>/"); i >= 0 {
				tag = tag[:i]
			}
			prefix, name, ok := strings.Cut(string(tag), ":")
			if !ok {
				prefix, name = "", prefix
			}
			return name, prefix
		}
	}
}

// openXML reads the part of a document that precedes the first item.
func openXML(in *input) (*xmlFile, error) {
	fail := func(err error) (*xmlFile, error) { return nil, fmt.Errorf("%s: %w", in.name, err) }
	start, err := in.r.Peek(peekSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return fail(err)
	}
	f := &xmlFile{}
	if f.items, err = newItemSplitter(in, start); err != nil {
		return fail(err)
	}
	head, err := f.items.head()
	if err == nil {
		err = f.parseHead(head)
	}
	if err != nil {
		return fail(err)
	}
	return f, nil
}

// read calls entry for each item and yields the result.
func (f *xmlFile) read(in *input, yield func(Entry, error) bool, entry func(e *element, pos string) (Entry, error)) {
	for {
		it, err := f.items.next()
		if errors.Is(err, io.EOF) {
			return
		}
		pos := in.pos(it.line)
		var e Entry
		if err == nil {
			var item *element
			if item, err = f.parse(it.text); err == nil {
				e, err = entry(item, pos)
			}
		}
		switch {
		case err == nil:
			if !yield(e, nil) {
				return
			}
		case errors.Is(err, feed.ErrInvalid):
			if !yield(Entry{Pos: pos}, fmt.Errorf("%s: %w", pos, err)) || errors.Is(err, errCutOff) {
				return
			}
		default:
			yield(Entry{Pos: pos}, fmt.Errorf("read %s: %w", pos, err))
			return
		}
	}
}

// parseHead parses the document up to the first item, where some elements may still be open.
func (f *xmlFile) parseHead(text []byte) error {
	// The decoder refuses XML 1.1, which differs only in the characters that it allows.
	text = bytes.Replace(text, []byte(`<?xml version="1.1"`), []byte(`<?xml version="1.0"`), 1)
	d := newDecoder(bytes.NewReader(validChars(text)))
	f.root = &element{}
	stack := []*element{f.root}
	for {
		token, err := d.RawToken()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("XML: %s: %w", syntaxMessage(err), feed.ErrInvalid)
		}
		parent := stack[len(stack)-1]
		switch t := token.(type) {
		case xml.Directive:
			if doctype, ok := bytes.CutPrefix(bytes.ToUpper(t), []byte("DOCTYPE")); !ok || !isPlainDoctype(append(doctype, '>')) {
				return errDoctype
			}
		case xml.StartElement:
			if len(stack) > maxDepth {
				return fmt.Errorf("XML: elements nested deeper than %d: %w", maxDepth, feed.ErrInvalid)
			}
			e := &element{space: t.Name.Space, name: t.Name.Local, attrs: t.Attr}
			parent.children = append(parent.children, e)
			stack = append(stack, e)
		case xml.EndElement:
			if len(stack) > 1 {
				stack = stack[:len(stack)-1]
			}
		case xml.CharData:
			parent.children = append(parent.children, &element{chars: string(t)})
		}
	}
	f.open = ""
	for _, e := range stack[1:] {
		f.open += namespaceTag(e)
	}
	return nil
}

// namespaceTag returns a start tag with the namespace declarations of an element.
func namespaceTag(e *element) string {
	var b strings.Builder
	b.WriteString("<x")
	for _, a := range e.attrs {
		name := a.Name.Local
		if a.Name.Space != "" {
			name = a.Name.Space + ":" + name
		}
		if a.Name.Space == "xmlns" || name == "xmlns" {
			b.WriteString(" " + name + `="`)
			_ = xml.EscapeText(&b, []byte(strings.TrimSpace(a.Value))) // a strings.Builder returns no error
			b.WriteString(`"`)
		}
	}
	b.WriteString(">")
	return b.String()
}

// parse parses an item.
func (f *xmlFile) parse(text []byte) (*element, error) {
	if !utf8.Valid(text) {
		return nil, fmt.Errorf("not UTF-8, and no encoding is declared: %s: %w", aroundInvalid(text), feed.ErrInvalid)
	}
	return parseItem(f.open, validChars(text))
}

// validChars replaces characters that are not allowed in XML. Exports of old databases often contain such characters.
func validChars(text []byte) []byte {
	for _, c := range text {
		if c < 0x20 && c != '\t' && c != '\n' && c != '\r' || c == 0xef {
			return []byte(markup.CleanText(string(text)))
		}
	}
	return text
}

// aroundInvalid returns a quoted excerpt of the text around the first byte that is not valid UTF-8.
func aroundInvalid(text []byte) string {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 {
			return fmt.Sprintf("%q", text[max(0, i-10):min(len(text), i+10)])
		}
		i += n
	}
	return ""
}

// postEntry returns the entry for a post. An invalid id is an error.
func postEntry(p feed.Post, pos string) (Entry, error) {
	p.ID = strings.TrimSpace(p.ID)
	if err := intake.CheckID(p.ID); err != nil {
		return Entry{}, err
	}
	raw, err := intake.Encode(p)
	if err != nil {
		return Entry{}, err
	}
	return Entry{Post: &feed.RawPost{ID: p.ID, Raw: raw}, Pos: pos}, nil
}
