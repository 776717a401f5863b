// Package connlimit limits the number of open connections of a listener, and the bytes that the system buffers for
// them. Unlike LimitListener in golang.org/x/net/netutil, it preserves CloseWrite, SyscallConn and vectored writes of
// TCP connections. It does not depend on HTTP.
package connlimit

import (
	"errors"
	"net"
	"sync"
	"syscall"
)

// Listen returns a listener that accepts from l while fewer than n of its connections are open. Additional clients wait
// in the operating system's backlog. If possible, it limits the bytes that the system buffers for a client that
// does not read.
func Listen(l net.Listener, n int) net.Listener {
	return &listener{Listener: l, free: make(chan struct{}, n), closed: make(chan struct{})}
}

type listener struct {
	net.Listener
	free   chan struct{} // has one element for each open connection
	closed chan struct{}
	once   sync.Once
}

// Accept implements [net.Listener].
func (l *listener) Accept() (net.Conn, error) {
	select {
	case l.free <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	limitUnsent(c)
	return &Conn{Conn: c, free: l.free}, nil
}

// Close implements [net.Listener]. Open connections stay open.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// Conn is a counted connection.
type Conn struct {
	net.Conn
	free chan struct{}
	once sync.Once
}

// Close implements [net.Conn].
func (c *Conn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { <-c.free })
	return err
}

// WriteBuffers writes the buffers, if possible with one system call, and consumes them (see [net.Buffers.WriteTo]).
func (c *Conn) WriteBuffers(b *net.Buffers) (int64, error) { return b.WriteTo(c.Conn) }

// CloseWrite closes the sending direction, so that the client can read the whole response even if the server has not
// read everything that the client sent.
func (c *Conn) CloseWrite() error {
	if tcp, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return tcp.CloseWrite()
	}
	return errors.ErrUnsupported
}

// SyscallConn implements [syscall.Conn].
func (c *Conn) SyscallConn() (syscall.RawConn, error) {
	if raw, ok := c.Conn.(syscall.Conn); ok {
		return raw.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}
