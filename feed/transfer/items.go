package transfer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"feedpub/feed"
)

// items cuts a document in XML into its items without parsing it: what is broken in one must not harm the others, and
// no more than one needs to be in memory. It knows of markup only what can hide a tag: comments, CDATA sections and
// processing instructions.
type items struct {
	r *bufio.Reader
	// name is the name of an item's element as it is written, such as "item" or "atom:entry".
	name string
	line int // of the next byte
	// text and section are used again for every item.
	text, section []byte
}

// item is the text of an item's element, from its start tag to its end tag. It is valid until the next one is read.
type item struct {
	text []byte
	line int // where it begins
}

// maxHead is how many bytes may stand before the first item.
const maxHead = 16 << 20

var (
	errUnclosed = fmt.Errorf("the item has no end: %w", feed.ErrInvalid)
	errCutOff   = fmt.Errorf("the file ends within an item: %w", feed.ErrInvalid)
	errHead     = fmt.Errorf("more than %d bytes stand before the first item: %w", maxHead, feed.ErrInvalid)
)

// next returns the next item, or [io.EOF] after the last. What stands before it is handed to head, if that is given. An
// error of kind [feed.ErrInvalid] is about the item alone, which then has its line only.
func (s *items) next(head *bytes.Buffer) (item, error) {
	for {
		start := s.line
		text, err := s.upTo('<', head != nil)
		if err != nil {
			return item{line: start}, err
		}
		if head != nil {
			head.Write(text[:len(text)-1])
			if head.Len() > maxHead {
				return item{line: start}, errHead
			}
		}
		begins := s.line
		tag, err := s.markup(head != nil)
		if err != nil {
			return item{line: begins}, noEOF(err, head)
		}
		switch {
		case !s.is(tag, ""):
			if head != nil {
				head.WriteByte('<')
				head.Write(tag)
			}
		case bytes.HasSuffix(tag, []byte("/>")):
			return item{text: append([]byte("<"), tag...), line: begins}, nil
		default:
			return s.rest(tag, begins)
		}
	}
}

// noEOF keeps an unfinished tag after the last item from being taken for a whole document's end.
func noEOF(err error, head *bytes.Buffer) error {
	if errors.Is(err, io.EOF) && head != nil {
		return io.ErrUnexpectedEOF
	}
	return err
}

// rest reads the item whose start tag has been read.
func (s *items) rest(tag []byte, begins int) (item, error) {
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
		// An item that begins within an item: the end of the one before was lost. It is left to be read.
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

// unread puts back the "<" that has just been read. A look ahead stands between, so the buffer still has it.
func (s *items) unread(line int) {
	s.line = line
	s.r = bufio.NewReaderSize(io.MultiReader(bytes.NewReader([]byte("<")), s.r), head)
}

// is reports whether a tag, without its "<", is that of an item after a prefix of "" or "/".
func (s *items) is(tag []byte, prefix string) bool {
	rest, ok := bytes.CutPrefix(tag, []byte(prefix+s.name))
	return ok && s.name != "" && len(rest) > 0 && bytes.IndexByte([]byte(" \t\r\n>/"), rest[0]) >= 0
}

// markup reads a tag, comment, section or instruction whose "<" has been read. Unless it is to be kept, what it returns
// is at most its beginning.
func (s *items) markup(keep bool) ([]byte, error) {
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

// until reads up to and with end, which ends in ">".
func (s *items) until(end string, keep bool) ([]byte, error) {
	s.section = s.section[:0]
	tail := make([]byte, 0, 8) // what is read ends with it
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

// upTo reads up to and with c. It returns what was read if that is to be kept, at most a little more than maxEntry and
// its last bytes; else only the last part of it. The bytes are valid until the next reading.
func (s *items) upTo(c byte, keep bool) ([]byte, error) {
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
