package serve

import (
	"errors"
	"net"
)

// errMalformed ends a connection on which something stands that net/http would let pass. net/http answers it with 400.
var errMalformed = errors.New("malformed request")

// strictListener refuses what net/http accepts though RFC 9112 calls it an error or lets a server refuse it, since a
// proxy before us may read it otherwise: lines that end in a bare LF or hold a bare CR (section 2.2), folded lines
// (section 5.2), a second Content-Length or one beside a Transfer-Encoding (section 6.3), which the handler can't see any
// more, and a Transfer-Encoding in HTTP/1.0 (section 6.1), which net/http passes over. It parses nothing: as no request here has a body, what a connection carries is nothing but lines.
type strictListener struct{ net.Listener }

// Accept implements [net.Listener].
func (l *strictListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &strictConn{Conn: c}, nil
}

// The fields of which a request may have one line at most.
const (
	contentLength    = "content-length:"
	transferEncoding = "transfer-encoding:"
)

type strictConn struct {
	net.Conn
	line   [len(transferEncoding)]byte // the beginning of the present line, in lower case
	length int                         // of the present line so far
	lines  int                         // of the present request
	frames int                         // its framing fields
	last   byte                        // of the present line
	old    bool                        // the present request is in HTTP/1.0
	err    error
}

// Read implements [net.Conn]. A request is handed on only up to what is wrong with it.
func (c *strictConn) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.Conn.Read(p)
	for i, b := range p[:n] {
		if !c.take(b) {
			c.err = errMalformed
			return i, c.err
		}
	}
	return n, err
}

// take looks at the next byte, and says whether it may stand there.
func (c *strictConn) take(b byte) bool {
	before := c.last
	c.last = b
	switch {
	case before == '\r' || b == '\n':
		if before != '\r' || b != '\n' {
			return false
		}
		c.endLine()
		return true
	case b == '\r':
		if c.lines == 0 {
			c.old = before == '0' // of "HTTP/1.0"
		}
		return true
	case c.length == 0 && c.lines > 0 && (b == ' ' || b == '\t'):
		return false
	case c.length == len(c.line):
		return true
	}
	if 'A' <= b && b <= 'Z' {
		b += 'a' - 'A'
	}
	c.line[c.length] = b
	c.length++
	if b == ':' && c.lines > 0 {
		switch string(c.line[:c.length]) {
		case contentLength:
			c.frames++
		case transferEncoding:
			c.frames++
			return c.frames == 1 && !c.old
		}
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

// CloseWrite is what net/http looks for when it closes a connection on which more came than it read.
func (c *strictConn) CloseWrite() error {
	if tcp, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return tcp.CloseWrite()
	}
	return errors.ErrUnsupported
}
