package transfer

import (
	"errors"
	"fmt"
	"io"

	"feedpub/feed"
)

// errBrackets says that values can't be told apart any more, so that nothing more can be read.
var errBrackets = fmt.Errorf("the brackets of the JSON don't match: %w", feed.ErrInvalid)

// values reads JSON objects that stand one after the other over several lines. A single one may be without an id.
func (s *source) values(yield func(Entry, error) bool) {
	id := s.name
	for {
		c, err := s.skipSpace()
		if errors.Is(err, io.EOF) {
			return
		}
		if err == nil && c != '{' {
			err = errBrackets
		}
		if !s.value(yield, err, id) {
			return
		}
		id = ""
	}
}

// array reads the objects of a JSON array.
func (s *source) array(yield func(Entry, error) bool) {
	if _, err := s.skipSpace(); err != nil {
		yield(Entry{}, s.broken(err))
		return
	}
	s.skipByte()
	if !s.elements(yield) {
		return
	}
	if _, err := s.skipSpace(); err == nil {
		yield(Entry{Pos: s.at(s.line)}, fmt.Errorf("%s: want nothing after the array: %w", s.at(s.line), feed.ErrInvalid))
	}
}

// elements reads the rest of an array whose bracket has been read. It reports whether reading may go on.
func (s *source) elements(yield func(Entry, error) bool) bool {
	for {
		c, err := s.skipSpace()
		switch {
		case err == nil && c == ',':
			s.skipByte()
			continue
		case err == nil && c == ']':
			s.skipByte()
			return true
		case err == nil && (c == '}' || c == ':'):
			err = errBrackets
		}
		if !s.value(yield, err, "") {
			return false
		}
	}
}

// jsonFeed reads the items of a JSON Feed document.
func (s *source) jsonFeed(yield func(Entry, error) bool) {
	if _, err := s.skipSpace(); err != nil {
		yield(Entry{}, s.broken(err))
		return
	}
	s.skipByte()
	for {
		c, err := s.skipSpace()
		if err != nil {
			yield(Entry{}, s.broken(err))
			return
		}
		switch c {
		case ',', ':':
			s.skipByte()
			continue
		case '}':
			return
		}
		member, err := s.readValue()
		if err != nil {
			yield(Entry{}, s.broken(err))
			return
		}
		if string(member) != `"items"` {
			continue
		}
		// A text "items" could be a value, too, but then no array follows it.
		if c, err := s.skipSpace(); err != nil || c != ':' {
			continue
		}
		s.skipByte()
		if c, err := s.skipSpace(); err != nil || c != '[' {
			continue
		}
		s.skipByte()
		s.convert = true
		if !s.elements(yield) {
			return
		}
		s.convert = false
	}
}

// value reads the next value and yields its entry; err is an error met before it. It reports whether reading may go on.
func (s *source) value(yield func(Entry, error) bool, err error, id string) bool {
	place := s.at(s.line)
	var raw []byte
	if err == nil {
		raw, err = s.readValue()
	}
	switch {
	case err == nil:
		return yield(s.entry(raw, place, id))
	case errors.Is(err, errTooLarge):
		return yield(Entry{Pos: place}, fmt.Errorf("%s: %w", place, err))
	default:
		yield(Entry{Pos: place}, s.broken(err))
		return false
	}
}

// broken describes an error after which nothing can be read.
func (s *source) broken(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: the JSON ends too early: %w", s.at(s.line), feed.ErrInvalid)
	}
	return fmt.Errorf("%s: %w", s.at(s.line), err)
}

// skipSpace returns the next byte that is not white space without reading it.
func (s *source) skipSpace() (byte, error) {
	for {
		c, err := s.readByte()
		if err != nil {
			return 0, err
		}
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			return c, s.r.UnreadByte()
		}
	}
}

// skipByte reads a byte that has been seen and is not a line's end.
func (s *source) skipByte() {
	_, _ = s.r.ReadByte() // it is in the buffer
}

func (s *source) readByte() (byte, error) {
	c, err := s.r.ReadByte()
	if c == '\n' {
		s.line++
	}
	return c, err
}

// readValue returns the bytes of the next JSON value as they are, told by its brackets and quotation marks alone, so
// that a fault within it is no fault of those that follow. A value larger than maxEntry is read, but not returned.
func (s *source) readValue() ([]byte, error) {
	var raw []byte
	var open []byte // the brackets that must follow
	size, text, escaped := 0, false, false
	for {
		c, err := s.readByte()
		if err != nil {
			if errors.Is(err, io.EOF) && size > 0 && len(open) == 0 && !text {
				break // a number at the end
			}
			return nil, err
		}
		if len(open) == 0 && !text && size > 0 && delimits(c) {
			if c == '\n' {
				s.line--
			}
			if err := s.r.UnreadByte(); err != nil {
				return nil, err
			}
			break
		}
		size++
		if size <= maxEntry {
			raw = append(raw, c)
		}
		switch {
		case escaped:
			escaped = false
		case text && c == '\\':
			escaped = true
		case c == '"':
			text = !text
		case text:
		case c == '{':
			open = append(open, '}')
		case c == '[':
			open = append(open, ']')
		case c == '}' || c == ']':
			if len(open) == 0 || open[len(open)-1] != c {
				return nil, errBrackets
			}
			open = open[:len(open)-1]
		}
		if len(open) == 0 && !text && (c == '}' || c == ']' || c == '"') {
			break
		}
		if len(open) > maxNesting {
			return nil, errBrackets
		}
	}
	if size > maxEntry {
		return nil, errTooLarge
	}
	return raw, nil
}

// maxNesting is as deep as encoding/json goes.
const maxNesting = 10_000

// delimits reports whether a number or word ends before c.
func delimits(c byte) bool {
	switch c {
	case ' ', '\t', '\r', '\n', ',', ':', ']', '}':
		return true
	}
	return false
}
