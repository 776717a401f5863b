// Package connlimit bounds how many connections of a listener are open at a time. It is golang.org/x/net/netutil's
// LimitListener for connections that keep what engines need of TCP: closing one direction, and the file descriptor.
package connlimit

import (
	"errors"
	"net"
	"sync"
	"syscall"
)

// Listen returns a listener that accepts from l while fewer than n of its connections are open. Beyond that, clients
// wait in the system's backlog until others leave or are sent away by their time limits.
func Listen(l net.Listener, n int) net.Listener {
	return &listener{Listener: l, free: make(chan struct{}, n), closed: make(chan struct{})}
}

type listener struct {
	net.Listener
	free   chan struct{} // holds one for each open connection
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
	return &Conn{Conn: c, free: l.free}, nil
}

// Close implements [net.Listener]. Open connections stay open.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// Conn is a connection that counts.
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

// CloseWrite tells the client that nothing more comes, so that it reads an answer whole although it sent more than was
// read.
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
