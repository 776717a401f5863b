package serve

import (
	"errors"
	"net"
)

// errMalformed ends a connection on which net/http would accept a malformed request. net/http answers 400.
var errMalformed = errors.New("malformed request")

// strictListener rejects requests that net/http accepts although RFC 9112 forbids them or allows servers to reject
// them, because a proxy may parse them differently: lines that end in a bare LF or contain a bare CR (section 2.2),
// folded lines (section 5.2), a second Content-Length or a Content-Length together with a Transfer-Encoding (section
// 6.3), neither of which a handler can detect, and a Transfer-Encoding in HTTP/1.0 (section 6.1), which net/http
// ignores. It does not parse requests: they have no body, so a connection carries only lines.
type strictListener struct{ net.Listener }

// Accept implements [net.Listener].
func (l *strictListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &strictConn{Conn: c}, nil
}

// The framing fields. A request may have at most one line of them.
const (
	contentLength    = "content-length:"
	transferEncoding = "transfer-encoding:"
)

type strictConn struct {
	net.Conn
	line   [len(transferEncoding)]byte // the beginning of the current line, in lower case
	length int                         // length of the current line so far
	lines  int                         // number of complete lines of the current request
	frames int                         // framing fields in the current request
	last   byte                        // last byte of the current line
	old    bool                        // the current request is HTTP/1.0
	err    error
}

// Read implements [net.Conn]. For a malformed request it returns only the bytes before the error.
func (c *strictConn) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.Conn.Read(p)
	for i, b := range p[:n] {
		if !c.accept(b) {
			c.err = errMalformed
			return i, c.err
		}
	}
	return n, err
}

// accept processes the next byte and reports whether it is valid.
func (c *strictConn) accept(b byte) bool {
	before := c.last
	c.last = b
	switch {
	case before == '\r' || b == '\n':
		c.endLine()
		return before == '\r' && b == '\n'
	case b == '\r':
		if c.lines == 0 {
			c.old = before == '0' // last digit of "HTTP/1.0"
		}
		return true
	case c.length == 0 && c.lines > 0 && (b == ' ' || b == '\t'):
		return false
	case c.length == len(c.line):
		return true
	}
	return c.acceptInLine(b)
}

// acceptInLine is accept for a byte at the beginning of a line, where the name of a framing field may end.
func (c *strictConn) acceptInLine(b byte) bool {
	if 'A' <= b && b <= 'Z' {
		b += 'a' - 'A'
	}
	c.line[c.length] = b
	c.length++
	if b != ':' || c.lines == 0 {
		return true
	}
	switch string(c.line[:c.length]) {
	case contentLength:
		c.frames++
	case transferEncoding:
		c.frames++
		return c.frames == 1 && !c.old
	}
	return c.frames <= 1
}

func (c *strictConn) endLine() {
	if c.length == 0 { // the end of a request, or an empty line before one
		c.lines, c.frames = 0, 0
		return
	}
	c.length = 0
	c.lines++
}

// CloseWrite lets net/http close a connection on which it has not read everything without losing the response.
func (c *strictConn) CloseWrite() error {
	if tcp, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return tcp.CloseWrite()
	}
	return errors.ErrUnsupported
}
