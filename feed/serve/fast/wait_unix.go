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
	raw  syscall.RawConn
	try  func(fd uintptr) bool // created once, so that reads do not allocate memory
	got  *buffer
	fail error
}

// newWaiter returns nil for a connection without a file descriptor.
func newWaiter(c net.Conn, buffers *sync.Pool) *waiter {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return nil
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil
	}
	w := &waiter{raw: raw}
	w.try = func(fd uintptr) bool {
		b, _ := buffers.Get().(*buffer)
		for {
			n, err := syscall.Read(int(fd), b.bytes[:])
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

// next returns a buffer with the bytes of the next read. There is at least one byte.
func (w *waiter) next() (*buffer, error) {
	w.got, w.fail = nil, nil
	if err := w.raw.Read(w.try); err != nil {
		return nil, err
	}
	return w.got, w.fail
}
