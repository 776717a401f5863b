package transfer

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"

	"feedpub/feed"
	"feedpub/feed/intake"
	"feedpub/feed/markup"
)

// xmlFile is a document in XML being read item by item.
type xmlFile struct {
	options Options
	name    string
	items   *items
	open    string // the start tags of what the items stand in
	spaces  nameSpaces
	root    *element // what stands before the first item, without the items
	wxr     bool
	site    wordpress
}

// xmlRoot tells the element that a document in XML begins with, without its prefix, and whether it has one that can be
// read here.
func xmlRoot(start []byte) (name, prefix string) {
	rest := start
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

// decodeText returns r converted to UTF-8, as a byte order mark or a declaration in its first bytes says.
func decodeText(r *bufio.Reader) (*bufio.Reader, error) {
	start, err := r.Peek(1024)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	label := ""
	switch {
	case bytes.HasPrefix(start, byteOrderMark):
		_, _ = r.Discard(len(byteOrderMark)) // it has been read ahead
		return r, nil
	case bytes.HasPrefix(start, []byte{0xff, 0xfe}), bytes.HasPrefix(start, []byte{'<', 0, '?', 0}):
		label = "utf-16le"
	case bytes.HasPrefix(start, []byte{0xfe, 0xff}), bytes.HasPrefix(start, []byte{0, '<', 0, '?'}):
		label = "utf-16be"
	default:
		label = declared(start)
	}
	switch strings.ToLower(label) {
	case "", "utf-8", "utf8":
		return r, nil
	}
	if e, _ := charset.Lookup(label); e == nil {
		return nil, fmt.Errorf("encoding %q is not known: %w", label, feed.ErrInvalid)
	}
	converted, err := charset.NewReaderLabel(label, r)
	if err != nil {
		return nil, fmt.Errorf("encoding %q: %w: %w", label, err, feed.ErrInvalid)
	}
	r = bufio.NewReaderSize(converted, head)
	if mark, err := r.Peek(len(byteOrderMark)); err == nil && bytes.Equal(mark, byteOrderMark) {
		_, _ = r.Discard(len(byteOrderMark))
	}
	return r, nil
}

// declared returns the encoding that an XML declaration gives.
func declared(start []byte) string {
	start = bytes.TrimLeft(start, " \t\r\n")
	if !bytes.HasPrefix(start, []byte("<?xml")) {
		return ""
	}
	declaration, _, ok := bytes.Cut(start, []byte("?>"))
	if !ok {
		return ""
	}
	_, value, ok := bytes.Cut(declaration, []byte("encoding"))
	if !ok {
		return ""
	}
	value = bytes.TrimLeft(value, " \t\r\n=")
	if len(value) == 0 {
		return ""
	}
	value, _, _ = bytes.Cut(value[1:], value[:1])
	return string(value)
}

// xml reads a document in XML.
func (o Options) xml(r *bufio.Reader, name string, seek func() (*bufio.Reader, error), yield func(Entry, error) bool) {
	f := &xmlFile{options: o, name: name}
	fail := func(err error) { yield(Entry{Pos: name}, fmt.Errorf("%s: %w", name, err)) }
	if err := f.begin(r); err != nil {
		fail(err)
		return
	}
	var head bytes.Buffer
	first, firstErr := f.items.next(&head)
	if firstErr != nil && !errors.Is(firstErr, io.EOF) && !errors.Is(firstErr, feed.ErrInvalid) {
		if errors.Is(firstErr, io.ErrUnexpectedEOF) {
			firstErr = fmt.Errorf("the XML ends too early: %w", feed.ErrInvalid)
		}
		fail(firstErr)
		return
	}
	if errors.Is(firstErr, errHead) {
		fail(firstErr)
		return
	}
	if err := f.readHead(head.Bytes()); err != nil {
		fail(err)
		return
	}
	if o.Format == WXR && !f.wxr {
		fail(fmt.Errorf("this is not an export of WordPress: %w", feed.ErrInvalid))
		return
	}
	if f.wxr {
		f.site.begin(f.root)
		if seek != nil {
			f.site.find = func() error { return f.findAttachments(seek) }
		}
	}
	for it := range f.elements(first, firstErr) {
		place := fmt.Sprintf("%s:%d", name, it.line)
		e, err := Entry{}, it.err
		if err == nil {
			e, err = f.entry(it.element, place)
		}
		switch {
		case err == nil:
			if !yield(e, nil) {
				return
			}
		case errors.Is(err, feed.ErrInvalid):
			if !yield(Entry{Pos: place}, fmt.Errorf("%s: %w", place, err)) || errors.Is(err, errCutOff) {
				return
			}
		default:
			yield(Entry{Pos: place}, fmt.Errorf("read %s: %w", place, err))
			return
		}
	}
}

// begin finds out what the items are called.
func (f *xmlFile) begin(r *bufio.Reader) error {
	r, err := decodeText(r)
	if err != nil {
		return err
	}
	start, err := r.Peek(head)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	root, prefix := xmlRoot(start)
	if i := bytes.Index(start, []byte("<!DOCTYPE")); i >= 0 && i < max(bytes.Index(start, []byte("<"+root)), 1) {
		return errDoctype
	}
	switch strings.ToLower(root) {
	case "rss", "rdf":
		root = "item"
	case "feed":
		root = "entry"
		if prefix != "" {
			root = prefix + ":entry"
		}
	default:
		return fmt.Errorf("XML with the root %q: want an export of WordPress, RSS or Atom: %w", shown(root), feed.ErrInvalid)
	}
	f.items = &items{r: r, name: root, line: 1}
	return nil
}

func shown(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// readHead reads what stands before the first item: where the items stand, and what holds for all.
func (f *xmlFile) readHead(text []byte) error {
	f.wxr = bytes.Contains(text, []byte("http://wordpress.org/export/"))
	text = clean(text)
	d := newDecoder(bytes.NewReader(text))
	f.root = &element{}
	stack := []*element{f.root}
	var tags []string
	for {
		from := d.InputOffset()
		token, err := d.RawToken()
		if err != nil {
			if errors.Is(err, io.EOF) {
				break
			}
			return fmt.Errorf("XML: %s: %w", reason(err), feed.ErrInvalid)
		}
		switch t := token.(type) {
		case xml.Directive:
			return errDoctype
		case xml.StartElement:
			if len(tags) > maxDepth {
				return fmt.Errorf("XML: elements nested deeper than %d: %w", maxDepth, feed.ErrInvalid)
			}
			tags = append(tags, string(text[from:d.InputOffset()]))
			e := &element{space: t.Name.Space, name: t.Name.Local, attr: t.Copy().Attr}
			parent := stack[len(stack)-1]
			parent.children = append(parent.children, e)
			stack = append(stack, e)
		case xml.EndElement:
			if len(tags) > 0 {
				tags, stack = tags[:len(tags)-1], stack[:len(stack)-1]
			}
		case xml.CharData:
			parent := stack[len(stack)-1]
			parent.children = append(parent.children, &element{text: string(t)})
		}
	}
	// Only what the names need: the attributes that declare namespaces.
	f.spaces = nameSpaces{}
	for _, e := range stack[1:] {
		f.open += openTag(e)
		f.spaces.declare(e.attr)
	}
	return nil
}

// openTag returns the start tag of an element with its namespaces only.
func openTag(e *element) string {
	var b strings.Builder
	b.WriteString("<x")
	for _, a := range e.attr {
		name := a.Name.Local
		if a.Name.Space != "" {
			name = a.Name.Space + ":" + name
		}
		if a.Name.Space == "xmlns" || name == "xmlns" {
			b.WriteString(" " + name + `="`)
			_ = xml.EscapeText(&b, []byte(strings.TrimSpace(a.Value))) // a Builder takes everything
			b.WriteString(`"`)
		}
	}
	b.WriteString(">")
	return b.String()
}

// clean returns text without the characters that XML forbids, which old databases are full of.
func clean(text []byte) []byte {
	for i := range text {
		if c := text[i]; c < 0x20 && c != '\t' && c != '\n' && c != '\r' || c == 0xef {
			return []byte(markup.CleanText(string(text)))
		}
	}
	return text
}

// parsedItem is an item as an element, or what is wrong with it.
type parsedItem struct {
	element *element
	line    int // where it begins
	err     error
}

// Items are handed over in batches, so that the other side is not woken for each.
const (
	parsedItems = 64
	parsedBytes = 256 << 10
)

// elements reads the items, of which the first has been read, while those before are made posts of. It is done with the
// file when it returns.
func (f *xmlFile) elements(it item, err error) iter.Seq[parsedItem] {
	return func(yield func(parsedItem) bool) {
		batches := make(chan []parsedItem, 1)
		stop := make(chan struct{})
		go func() {
			defer close(batches)
			var batch []parsedItem
			size := 0
			for ended := false; !ended; {
				if ended = errors.Is(err, io.EOF); !ended {
					p := parsedItem{line: it.line, err: err}
					if err == nil {
						p.element, p.err = f.parse(it.text)
					}
					batch, size = append(batch, p), size+len(it.text)
					if ended = err != nil && !errors.Is(err, feed.ErrInvalid); !ended {
						it, err = f.items.next(nil)
					}
				}
				if len(batch) < parsedItems && size < parsedBytes && !ended {
					continue
				}
				select {
				case batches <- batch:
					batch, size = nil, 0
				case <-stop:
					return
				}
			}
		}()
		defer func() {
			close(stop)
			for range batches { // until it has ended
			}
		}()
		for batch := range batches {
			for _, p := range batch {
				if !yield(p) {
					return
				}
			}
		}
	}
}

// entry makes the entry of an item.
func (f *xmlFile) entry(e *element, place string) (Entry, error) {
	var p feed.Post
	var err error
	switch {
	case f.wxr:
		var kind SkipReason
		p, kind, err = f.site.post(f.options, e)
		if err == nil && kind != "" {
			return left(place, kind), nil
		}
	case e.name == "entry":
		p, err = f.atomEntry(e)
	default:
		p, err = f.rssItem(e)
	}
	if err != nil {
		return Entry{}, err
	}
	return entryOf(p, place)
}

// parse returns the element of an item, in whichever way is quickest.
func (f *xmlFile) parse(text []byte) (*element, error) {
	if !utf8.Valid(text) {
		return nil, fmt.Errorf("not UTF-8, and no other encoding is declared: %s: %w", badText(text), feed.ErrInvalid)
	}
	text = clean(text)
	if e, ok := quickItem(f.spaces, text); ok {
		return e, nil
	}
	return parseItem(f.open, text)
}

// badText shows the place where text is not UTF-8.
func badText(text []byte) string {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 {
			return fmt.Sprintf("%q", text[max(0, i-10):min(len(text), i+10)])
		}
		i += n
	}
	return ""
}

// entryOf returns the entry of a post. One without an id is refused.
func entryOf(p feed.Post, place string) (Entry, error) {
	p.ID = strings.TrimSpace(p.ID)
	if err := intake.CheckID(p.ID); err != nil {
		return Entry{}, err
	}
	raw, err := intake.Encode(p)
	if err != nil {
		return Entry{}, err
	}
	return Entry{Post: &feed.RawPost{ID: p.ID, Raw: raw}, Pos: place}, nil
}
