// Package wire rejects malformed requests that an HTTP engine would accept or repair, because a proxy may parse them
// differently. These are requests that RFC 9112 forbids or allows servers to reject. Package wire checks the bytes of a
// connection before an engine reads them, so that all engines reject the same requests. It does not need to find the
// end of a body. Only forms for a hub have a body, and since a form contains no line breaks, it can be treated as the
// beginning of the next line.
package wire

import (
	"bytes"
	"errors"
)

// ErrMalformed ends a connection with a malformed request. Engines respond with 400.
var ErrMalformed = errors.New("malformed request")

// Checker checks the lines of one connection. The zero Checker is ready to use. It rejects
//
//   - lines that end in a bare LF or contain a bare CR (RFC 9112 section 2.2), and empty lines before a request
//   - field names that are not tokens, such as those with a space, and therefore folded lines (sections 5.1 and 5.2)
//   - a Transfer-Encoding or Trailer, since requests have no body, and a second Content-Length (section 6)
type Checker struct {
	place place
	// name holds the beginning of the current field's name in lower case, and length is the length of the whole name.
	name    [len(transferEncoding)]byte
	length  int
	lines   int  // number of complete lines of the current request
	lengths int  // number of Content-Length fields of the current request
	cr      bool // the line has been checked up to a CR, which must be followed by an LF
	empty   bool // the current line has no bytes before its CR
}

// place is the position of the next byte in a line.
type place int

const (
	lineStart place = iota
	fieldName
	lineRest
)

// The names of fields that are rejected or counted.
const (
	contentLength    = "content-length"
	transferEncoding = "transfer-encoding"
	trailer          = "trailer"
)

// Check checks the next bytes of the connection. It returns the number of bytes before the first that is malformed,
// which is len(p) if there is none. After a malformed byte, the Checker must not be used again.
func (c *Checker) Check(p []byte) int {
	for i := 0; i < len(p); {
		var n int
		var ok bool
		switch c.place {
		case lineStart:
			n, ok = c.start(p[i])
		case fieldName:
			n, ok = c.field(p[i:])
		case lineRest:
			n, ok = c.rest(p[i:])
		}
		if i += n; !ok {
			return i
		}
	}
	return len(p)
}

// start decides what kind of line begins with b, and reports whether a line may begin with it. It consumes nothing.
func (c *Checker) start(b byte) (int, bool) {
	c.length, c.cr, c.empty = 0, false, b == '\r'
	if c.place = fieldName; c.lines == 0 || b == '\r' {
		c.place = lineRest
	}
	return 0, !c.empty || c.lines > 0
}

// field checks bytes of a field's name. It returns the number of valid bytes, and false if the next one is malformed.
func (c *Checker) field(p []byte) (int, bool) {
	for i, b := range p {
		lower := tokens[b]
		if lower == 0 {
			c.place = lineRest
			return i, b == ':' && c.length > 0 && c.accept()
		}
		if c.length < len(c.name) {
			c.name[c.length] = lower
		}
		c.length++
	}
	return len(p), true
}

// accept reports whether the field with the current name is allowed.
func (c *Checker) accept() bool {
	if c.length > len(c.name) {
		return true
	}
	switch string(c.name[:c.length]) {
	case contentLength:
		c.lengths++
		return c.lengths == 1
	case transferEncoding, trailer:
		return false
	}
	return true
}

// rest checks the bytes up to the end of the line.
func (c *Checker) rest(p []byte) (int, bool) {
	if c.cr {
		if p[0] != '\n' {
			return 0, false
		}
		c.endLine()
		return 1, true
	}
	end := bytes.IndexByte(p, '\n')
	line := p
	if end >= 0 {
		line = p[:end]
	}
	cr := bytes.IndexByte(line, '\r')
	switch {
	case cr < 0:
		return len(line), end < 0 // a bare LF
	case cr < len(line)-1:
		return cr + 1, false // a bare CR
	case end < 0:
		c.cr = true
		return len(line), true
	}
	c.endLine()
	return end + 1, true
}

// endLine ends a line. An empty one ends the request.
func (c *Checker) endLine() {
	c.place = lineStart
	if c.lines++; c.empty {
		c.lines, c.lengths = 0, 0
	}
}

// tokens maps the characters of tokens (RFC 9110 section 5.6.2) to themselves in lower case, and others to 0.
var tokens = func() (table [256]byte) {
	for b := range len(table) {
		switch {
		case '0' <= b && b <= '9', 'a' <= b && b <= 'z', bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), byte(b)) >= 0:
			table[b] = byte(b)
		case 'A' <= b && b <= 'Z':
			table[b] = byte(b) + 'a' - 'A'
		}
	}
	return table
}()
