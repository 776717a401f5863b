package serve

import (
	"errors"
	"net"

	"feedpub/feed/serve/internal/wire"
)

// strictListener rejects malformed requests that net/http accepts; see package wire.
type strictListener struct{ net.Listener }

// Accept implements [net.Listener].
func (l *strictListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &strictConn{Conn: c}, nil
}

type strictConn struct {
	net.Conn
	checker wire.Checker
	err     error
}

// Read implements [net.Conn]. For a malformed request it returns only the bytes before the error.
func (c *strictConn) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.Conn.Read(p)
	if valid := c.checker.Check(p[:n]); valid < n {
		c.err = wire.ErrMalformed
		return valid, c.err
	}
	return n, err
}

// CloseWrite closes the sending direction, so that the client receives the whole response even if net/http has not read
// everything that the client sent.
func (c *strictConn) CloseWrite() error {
	if tcp, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return tcp.CloseWrite()
	}
	return errors.ErrUnsupported
}
