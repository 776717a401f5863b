package fast

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// listener makes a [conn] of each connection.
type listener struct {
	net.Listener
	buffers *sync.Pool // of *buffer, for as many connections as have something to read
}

func newListener(l net.Listener) *listener {
	return &listener{Listener: l, buffers: &sync.Pool{New: func() any { return new(buffer) }}}
}

// Accept implements [net.Listener].
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newConn(c, l.buffers), nil
}

// slack is by how much a deadline may come early. Most requests need none of their own within it: setting one costs a
// hundredth of a request, and fasthttp sets three.
const slack = time.Second

// conn is a connection that costs little while nothing comes on it: fasthttp waits for the next request by reading one
// byte (ReduceMemoryUsage), for which it needs no buffer, and conn takes one from a pool only when there is something to
// read. The rest of what it read is handed on without another system call.
type conn struct {
	net.Conn
	peer    netip.Addr
	buffers *sync.Pool
	waiting *waiter // nil if the system can't say when there is something to read
	rest    *buffer // read but not handed on; nil if there is nothing
	read    deadline
	write   deadline
}

func newConn(c net.Conn, buffers *sync.Pool) *conn {
	k := &conn{Conn: c, buffers: buffers, waiting: newWaiter(c, buffers)}
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		k.peer = a.AddrPort().Addr().Unmap()
	}
	return k
}

// Read implements [net.Conn].
func (c *conn) Read(p []byte) (int, error) {
	if c.rest != nil {
		n := copy(p, c.rest.unread())
		if c.rest.at += n; len(c.rest.unread()) == 0 {
			c.buffers.Put(c.rest)
			c.rest = nil
		}
		return n, nil
	}
	if err := c.read.apply(c.Conn.SetReadDeadline); err != nil {
		return 0, err
	}
	if len(p) != 1 || c.waiting == nil {
		return c.Conn.Read(p)
	}
	b, err := c.waiting.next()
	if err != nil {
		return 0, err
	}
	p[0] = b.bytes[0]
	if b.at = 1; b.n == 1 {
		c.buffers.Put(b)
		return 1, nil
	}
	c.rest = b
	return 1, nil
}

// Write implements [net.Conn].
func (c *conn) Write(p []byte) (int, error) {
	if err := c.write.apply(c.Conn.SetWriteDeadline); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// Close implements [net.Conn]. It may be called while another goroutine reads, so what that one holds is left to it.
func (c *conn) Close() error { return c.Conn.Close() }

// SetReadDeadline implements [net.Conn]. It holds from the next read on.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.read.wanted = t
	return nil
}

// SetWriteDeadline implements [net.Conn]. It holds from the next write on.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.write.wanted = t
	return nil
}

// SetDeadline implements [net.Conn].
func (c *conn) SetDeadline(t time.Time) error {
	c.read.wanted, c.write.wanted = t, t
	return nil
}

// deadline is when a direction of a connection gives up: as it is wanted, and as the system was told.
type deadline struct{ wanted, told time.Time }

// apply tells the system unless what it was told is near enough.
func (d *deadline) apply(set func(time.Time) error) error {
	if d.wanted.Equal(d.told) {
		return nil
	}
	if !d.wanted.IsZero() && !d.told.IsZero() {
		if early := d.wanted.Sub(d.told); early >= 0 && early < slack {
			return nil
		}
	}
	d.told = d.wanted
	return set(d.wanted)
}

// buffer holds what was read at once: a request's header fits in most times.
type buffer struct {
	bytes [2048]byte
	n     int // how many were read
	at    int // how many of them were handed on
}

func (b *buffer) unread() []byte { return b.bytes[b.at:b.n] }
