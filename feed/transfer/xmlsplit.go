package transfer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"feedpub/feed"
)

// itemSplitter splits an XML document into its item elements without parsing it. A syntax error in one item must not
// affect other items, and only one item at a time may be in memory. It parses only the syntax that can contain text
// that looks like a tag: comments, CDATA sections and processing instructions.
type itemSplitter struct {
	r *bufio.Reader
	// name is the qualified name of the item element, such as "item" or "atom:entry".
	name string
	line int // line number of the next byte
	// text and section are buffers that are reused for each item.
	text, section []byte
}

// item is the text of an item element, including its tags. It is valid until the next item is read.
type item struct {
	text []byte
	line int // line number of the start tag
}

// maxHead is the maximum number of bytes before the first item.
const maxHead = 16 << 20

var (
	errUnclosed = fmt.Errorf("the item has no end tag: %w", feed.ErrInvalid)
	errCutOff   = fmt.Errorf("the file ends within an item: %w", feed.ErrInvalid)
	errHead     = fmt.Errorf("more than %d bytes before the first item: %w", maxHead, feed.ErrInvalid)
	errDoctype  = fmt.Errorf("a DOCTYPE with declarations is not supported, since they can define entities: %w", feed.ErrInvalid)
)

// itemElements maps the name of the root element, in lower case, to the name of the item element.
var itemElements = map[string]string{"rss": "item", "rdf": "item", "feed": "entry"}

// newItemSplitter returns the splitter for a document that begins with start.
func newItemSplitter(in *input, start []byte) (*itemSplitter, error) {
	start = start[max(bytes.IndexByte(start, '<'), 0):]
	root, prefix := xmlRoot(start)
	if hasInternalSubset(start[:max(bytes.Index(start, []byte("<"+root)), 0)]) {
		return nil, errDoctype
	}
	name := itemElements[strings.ToLower(root)]
	if name == "" {
		return nil, fmt.Errorf("want the root element rss, RDF or feed, got %q: %w", shorten(root), feed.ErrInvalid)
	}
	if name == "entry" && prefix != "" {
		name = prefix + ":" + name
	}
	return &itemSplitter{r: in.r, name: name, line: in.line}, nil
}

// hasInternalSubset reports whether the text before the root element has a DOCTYPE with declarations of its own. Old
// versions of RSS have a standard DOCTYPE, which only refers to a DTD that is never read.
func hasInternalSubset(prolog []byte) bool {
	_, doctype, ok := bytes.Cut(bytes.ToUpper(prolog), []byte("<!DOCTYPE"))
	return ok && !isPlainDoctype(doctype)
}

// isPlainDoctype reports whether a DOCTYPE, given without its beginning, has no declarations.
func isPlainDoctype(doctype []byte) bool {
	end, subset := bytes.IndexByte(doctype, '>'), bytes.IndexByte(doctype, '[')
	return end >= 0 && (subset < 0 || subset > end)
}

// head returns the part of the document before the first item, or the whole document if it has no items. The method
// next then returns the first item.
func (s *itemSplitter) head() ([]byte, error) {
	var head bytes.Buffer
	for {
		text, err := s.upTo('<', true)
		if errors.Is(err, io.EOF) {
			return head.Bytes(), nil
		}
		if err != nil {
			return nil, err
		}
		head.Write(text[:len(text)-1])
		if head.Len() > maxHead {
			return nil, errHead
		}
		if next, err := s.r.Peek(len(s.name) + 1); err == nil && s.is(next, "") {
			s.unread(s.line)
			return head.Bytes(), nil
		}
		tag, err := s.markup(true)
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("the XML ends too early: %w", feed.ErrInvalid)
		}
		if err != nil {
			return nil, err
		}
		head.WriteByte('<')
		head.Write(tag)
	}
}

// next returns the next item, or [io.EOF] after the last one. If the error is of kind [feed.ErrInvalid], only the line
// of the returned item is set, and the next call returns the following item.
func (s *itemSplitter) next() (item, error) {
	for {
		start := s.line
		if _, err := s.upTo('<', false); err != nil {
			return item{line: start}, err
		}
		begins := s.line
		tag, err := s.markup(false)
		switch {
		case err != nil:
			return item{line: begins}, err
		case !s.is(tag, ""):
		case bytes.HasSuffix(tag, []byte("/>")):
			return item{text: append([]byte("<"), tag...), line: begins}, nil
		default:
			return s.rest(tag, begins)
		}
	}
}

// rest reads the remainder of an item and returns the whole item. The argument tag is the item's start tag without its
// "<", which has been read, and begins is the line number of the tag.
func (s *itemSplitter) rest(tag []byte, begins int) (item, error) {
	s.text = append(append(s.text[:0], '<'), tag...)
	add := func(part []byte) {
		if len(s.text) <= maxEntry {
			s.text = append(s.text, part...)
		}
	}
	for {
		part, err := s.upTo('<', true)
		if err != nil {
			return item{line: begins}, cutOff(err)
		}
		add(part)
		line := s.line
		// An item begins inside another item, so the outer item has no end tag. The inner item is read next.
		if next, err := s.r.Peek(len(s.name) + 1); err == nil && s.is(next, "") {
			s.unread(line)
			return item{line: begins}, errUnclosed
		}
		tag, err := s.markup(true)
		if err != nil {
			return item{line: begins}, cutOff(err)
		}
		add(tag)
		if s.is(tag, "/") {
			if len(s.text) > maxEntry {
				return item{line: begins}, errTooLarge
			}
			return item{text: s.text, line: begins}, nil
		}
	}
}

func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return errCutOff
	}
	return err
}

// unread puts back a "<" and sets the line number to line. It cannot use [bufio.Reader.UnreadByte], which fails after a
// Peek.
func (s *itemSplitter) unread(line int) {
	s.line = line
	s.r = bufio.NewReaderSize(io.MultiReader(strings.NewReader("<"), s.r), peekSize)
}

// is reports whether tag, without its "<", is prefix followed by the name of the item element. The prefix is "" for a
// start tag and "/" for an end tag.
func (s *itemSplitter) is(tag []byte, prefix string) bool {
	rest, ok := bytes.CutPrefix(tag, []byte(prefix+s.name))
	return ok && len(rest) > 0 && bytes.IndexByte([]byte(" \t\r\n>/"), rest[0]) >= 0
}

// markup reads a tag, comment, CDATA section or processing instruction whose "<" has been read. Unless keep is set, it
// returns only the beginning.
func (s *itemSplitter) markup(keep bool) ([]byte, error) {
	begin, err := s.r.Peek(len("![CDATA["))
	if err != nil && len(begin) == 0 {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(begin, []byte("![CDATA[")):
		return s.until("]]>", keep)
	case bytes.HasPrefix(begin, []byte("!--")):
		return s.until("-->", keep)
	case bytes.HasPrefix(begin, []byte("?")):
		return s.until("?>", keep)
	default:
		return s.upTo('>', true)
	}
}

// until reads up to and including end, whose last character must be ">".
func (s *itemSplitter) until(end string, keep bool) ([]byte, error) {
	s.section = s.section[:0]
	tail := make([]byte, 0, 8) // the last bytes read
	for {
		part, err := s.upTo('>', true)
		if err != nil {
			return nil, err
		}
		if keep && len(s.section) <= maxEntry {
			s.section = append(s.section, part...)
		}
		tail = append(tail, part[max(0, len(part)-len(end)):]...)
		tail = append(tail[:0], tail[max(0, len(tail)-len(end)):]...)
		if string(tail) == end {
			return s.section, nil
		}
	}
}

// upTo reads up to and including c. If keep is set, it returns the bytes read, without the middle part if they exceed
// maxEntry. Otherwise it returns only the last bytes. The result is valid until the next read.
func (s *itemSplitter) upTo(c byte, keep bool) ([]byte, error) {
	var all []byte
	for {
		part, err := s.r.ReadSlice(c)
		s.line += bytes.Count(part, []byte("\n"))
		switch {
		case err == nil && all == nil:
			return part, nil
		case err == nil || errors.Is(err, bufio.ErrBufferFull):
			if !keep || len(all) > maxEntry {
				all = all[:0]
			}
			all = append(all, part...)
			if err == nil {
				return all, nil
			}
		default:
			return nil, err
		}
	}
}
