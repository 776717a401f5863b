package fast

import (
	"bytes"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"feedpub/feed/serve/internal/wire"
)

// listener returns a [conn] for each connection.
type listener struct {
	net.Listener
	buffers  *sync.Pool // pool of *buffer
	timeouts timeouts
}

func newListener(l net.Listener, t timeouts) *listener {
	return &listener{Listener: l, buffers: &sync.Pool{New: func() any { return new(buffer) }}, timeouts: t}
}

// Accept implements [net.Listener].
func (l *listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newConn(c, l.buffers, l.timeouts), nil
}

// slack is how much earlier than requested a deadline may take effect. Most requests then need no change of a timer,
// each of which takes 1% of a request's time.
const slack = time.Second

// timeouts are the limits of the phases of a connection. Zero means no limit.
type timeouts struct {
	read  time.Duration // from the first bytes of a request to its last
	write time.Duration // for a response
	idle  time.Duration // between a response and the next request
}

// phase is what a connection is doing.
type phase int

const (
	idle       phase = iota // waiting for a request
	reading                 // reading a request, of which some bytes have been received
	responding              // sending a response
)

// conn is a connection that uses little memory while it is idle. fasthttp waits for the next request by reading one
// byte without a buffer (ReduceMemoryUsage). conn then takes a buffer from a pool only when there is data to read, and
// serves the following reads from that buffer without another system call.
type conn struct {
	net.Conn
	peer      netip.Addr
	buffers   *sync.Pool
	waiting   *waiter // nil if the system cannot wait without a buffer
	sender    *sender // nil if it is not supported
	rest      *buffer // bytes read but not yet returned; nil if there are none
	checker   wire.Checker
	failed    error // returned once rest is nil, because the bytes after rest are malformed
	timeouts  timeouts
	phase     phase
	responded time.Time // the time of the last response; zero before the first
	read      deadline
	write     deadline
	fields    fields      // of the current request
	head      head        // of the current response
	body      body        // body of the current response, if it is large
	shared    []byte      // bytes to write after the current response's header; nil once they are written
	file      *memoryFile // has the bytes of shared; may be nil
	parts     [2][]byte   // the buffers in vector
	vector    net.Buffers // header and body that are written with one system call
}

func newConn(c net.Conn, buffers *sync.Pool, t timeouts) *conn {
	k := &conn{Conn: c, buffers: buffers, timeouts: t, waiting: newWaiter(c, buffers), sender: newSender(c)}
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
	if c.failed != nil {
		return 0, c.failed
	}
	waits := c.limitRead(len(p))
	if err := c.read.apply(c.Conn.SetReadDeadline); err != nil {
		return 0, err
	}
	if !waits || c.waiting == nil {
		n, err := c.Conn.Read(p)
		if n = c.check(p[:n]); c.failed != nil {
			return n, c.failed
		}
		return n, err
	}
	// After a response, the next request has rarely arrived yet, and trying to read it would be a useless system call. Let
	// other goroutines answer requests that have already arrived.
	runtime.Gosched()
	b, err := c.waiting.next()
	if err != nil {
		return 0, err
	}
	b.n = c.check(b.bytes[:b.n])
	p[0] = b.bytes[0]
	if b.at = 1; b.n == 1 {
		c.buffers.Put(b)
		return 1, nil
	}
	c.rest = b
	return 1, nil
}

// limitRead requests the deadline of a read of n bytes. It returns true if the read waits for the next request, of
// which fasthttp first reads a single byte. Other reads continue a request, which may have arrived with the one
// before.
func (c *conn) limitRead(n int) (waits bool) {
	if c.phase == responding {
		c.phase = idle
	}
	switch {
	case c.phase == reading: // the deadline has been requested
	case n == 1 && !c.responded.IsZero():
		c.read.wanted = after(c.responded, c.timeouts.idle)
		return true
	case n == 1:
		c.read.wanted = after(time.Now(), c.timeouts.read)
		return true
	default:
		c.phase = reading
		c.read.wanted = after(time.Now(), c.timeouts.read)
	}
	return false
}

// respond is called when the response to the current request begins.
func (c *conn) respond(now time.Time) {
	c.phase, c.responded = responding, now
	c.write.wanted = after(now, c.timeouts.write)
}

// after returns the deadline for a timeout that starts now.
func after(now time.Time, timeout time.Duration) time.Time {
	if timeout <= 0 {
		return time.Time{}
	}
	return now.Add(timeout)
}

// check checks bytes that were read, and returns the number of bytes that fasthttp may read before the connection
// fails. It replaces the first malformed byte with NUL, because fasthttp sends no response if it reads only line ends.
func (c *conn) check(p []byte) int {
	valid := c.checker.Check(p)
	if valid == len(p) {
		return valid
	}
	c.failed, p[valid] = wire.ErrMalformed, 0
	return valid + 1
}

// Write implements [net.Conn].
func (c *conn) Write(p []byte) (int, error) {
	if c.phase != responding { // asks the client to continue
		c.write.wanted = after(time.Now(), c.timeouts.write)
	}
	if err := c.write.apply(c.Conn.SetWriteDeadline); err != nil {
		return 0, err
	}
	if c.head.lines != "" {
		return c.writeDocument(p)
	}
	if len(c.shared) == 0 || len(p) >= writeBuffer {
		return c.writeAll(p)
	}
	// p ends with the header of the current response, after which fasthttp flushes its buffer. If fasthttp wrote the
	// buffer because it was full, p would have at least writeBuffer bytes.
	if err := c.writeBoth(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// head is the part of a response's header that fasthttp does not write, because it would copy each field twice.
type head struct {
	date   string // line of the Date field
	lines  string // lines of the other fields, and the empty line; empty if fasthttp writes the whole header
	copied int    // length of the body that fasthttp copies to its buffer
}

// writeDocument writes p, which is a response with a short header, and inserts the other lines of its header. fasthttp
// flushes its buffer after each response, because of ReduceMemoryUsage, and the header and the copied body fit in the
// buffer, so p is one response.
func (c *conn) writeDocument(p []byte) (int, error) {
	b, _ := c.buffers.Get().(*buffer)
	defer c.buffers.Put(b)
	end := len(p) - c.head.copied
	header := append(b.bytes[:0], bytes.TrimSuffix(p[:end], lineEnd)...)
	header = append(append(header, c.head.date...), c.head.lines...)
	if c.head.copied > 0 {
		c.shared = p[end:]
	}
	c.head = head{}
	var err error
	if len(c.shared) == 0 {
		_, err = c.writeAll(header)
	} else {
		err = c.writeBoth(header)
	}
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

var lineEnd = []byte("\r\n")

// writeAll writes p.
func (c *conn) writeAll(p []byte) (int, error) {
	if c.sender == nil {
		return c.Conn.Write(p)
	}
	if err := c.send(p, nil, nil); err != nil {
		return 0, err
	}
	return len(p), nil
}

// send sends head and body with the sender.
func (c *conn) send(head, body []byte, file *memoryFile) error {
	waited, err := c.sender.send(head, body, file)
	if waited {
		c.responded = time.Now() // the idle timeout starts when the response has been sent
	}
	return err
}

// writeBoth writes head and the shared body.
func (c *conn) writeBoth(head []byte) (err error) {
	defer func() { c.shared, c.file, c.parts, c.vector = nil, nil, [2][]byte{}, nil }()
	if c.sender != nil {
		return c.send(head, c.shared, c.file)
	}
	c.parts = [2][]byte{head, c.shared}
	c.vector = c.parts[:]
	if w, ok := c.Conn.(interface {
		WriteBuffers(*net.Buffers) (int64, error)
	}); ok {
		_, err = w.WriteBuffers(&c.vector)
	} else {
		_, err = c.vector.WriteTo(c.Conn)
	}
	return err
}

// wroteShared reports whether the body has been written with the header. If it returns false, the caller must write the
// body.
func (c *conn) wroteShared() bool {
	wrote := c.shared == nil
	c.shared, c.file = nil, nil
	return wrote
}

// Close implements [net.Conn]. It does not release the buffer, because another goroutine may be reading.
func (c *conn) Close() error { return c.Conn.Close() }

// SetReadDeadline implements [net.Conn]. The deadline takes effect at the next read.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.read.wanted = t
	return nil
}

// SetWriteDeadline implements [net.Conn]. The deadline takes effect at the next write.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.write.wanted = t
	return nil
}

// SetDeadline implements [net.Conn].
func (c *conn) SetDeadline(t time.Time) error {
	c.read.wanted, c.write.wanted = t, t
	return nil
}

// deadline holds the requested deadline for one direction and the deadline that is set on the connection.
type deadline struct{ wanted, applied time.Time }

// apply sets the deadline, unless the deadline in effect is at most slack earlier.
func (d *deadline) apply(set func(time.Time) error) error {
	if d.wanted.Equal(d.applied) {
		return nil
	}
	if !d.wanted.IsZero() && !d.applied.IsZero() {
		if early := d.wanted.Sub(d.applied); early >= 0 && early < slack {
			return nil
		}
	}
	d.applied = d.wanted
	return set(d.wanted)
}

// buffer holds the bytes of one read. Most request headers fit in it.
type buffer struct {
	bytes [2048]byte
	n     int // number of bytes read
	at    int // number of bytes returned
}

func (b *buffer) unread() []byte { return b.bytes[b.at:b.n] }
