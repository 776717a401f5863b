//go:build unix

package fast

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// waiter waits until a connection is readable, without allocating a buffer.
type waiter struct {
	raw   syscall.RawConn
	try   func(fd uintptr) bool // created once, so that reads do not allocate memory
	reads uint                  // number of calls of read
	got   *buffer
	fail  error
}

// newWaiter returns nil for a connection without a file descriptor.
func newWaiter(c net.Conn, buffers *sync.Pool) *waiter {
	raw := rawConnOf(c)
	if raw == nil {
		return nil
	}
	w := &waiter{raw: raw}
	w.try = func(fd uintptr) bool {
		b, _ := buffers.Get().(*buffer)
		for {
			n, err := w.read(fd, b.bytes[:])
			switch {
			case errors.Is(err, syscall.EINTR):
				continue
			case errors.Is(err, syscall.EAGAIN):
				buffers.Put(b)
				return false // wait until the connection is readable, and call this function again
			case err != nil:
				w.fail = os.NewSyscallError("read", err)
			case n == 0:
				w.fail = io.EOF
			default:
				b.n, b.at = n, 0
				w.got = b
				return true
			}
			buffers.Put(b)
			return true
		}
	}
	return w
}

// rawConnOf returns nil for a connection without a file descriptor.
func rawConnOf(c net.Conn) syscall.RawConn {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// notifyEvery is the number of reads of a connection of which one notifies the Go scheduler.
const notifyEvery = 64

// read reads from a socket. Because the call never blocks, most calls do not notify the scheduler. The first call of
// which the scheduler knows after a pause wakes the runtime's monitor thread, which then runs every 20 µs until the
// process is idle again. With a few thousand requests a second, this takes a tenth of the CPU time. But while there are
// always goroutines to run, only the monitor finds the connections that have become readable, so it must not sleep for
// long.
func (w *waiter) read(fd uintptr, p []byte) (int, error) {
	if w.reads++; w.reads%notifyEvery == 0 {
		return syscall.Read(int(fd), p)
	}
	return recv(fd, p)
}

// next returns a buffer with the bytes of the next read. There is at least one byte.
func (w *waiter) next() (*buffer, error) {
	w.got, w.fail = nil, nil
	if err := w.raw.Read(w.try); err != nil {
		return nil, err
	}
	return w.got, w.fail
}
