//go:build linux && (amd64 || arm64)

package fast

import (
	"io"
	"net"
	"os"
	"syscall"
	"unsafe"
)

// recv reads from a socket without notifying the scheduler; see [waiter.read].
func recv(fd uintptr, p []byte) (int, error) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))),
		uintptr(len(p)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// sender sends responses. Its system calls never block, so it does not notify the scheduler; see [waiter.read].
type sender struct {
	raw    syscall.RawConn
	try    func(fd uintptr) bool // created once, so that writes do not allocate memory
	head   []byte                // bytes to send before body
	body   []byte
	file   *memoryFile // has the bytes of the whole body; nil if the body must be copied to the socket
	both   [2]syscall.Iovec
	fail   error
	waited bool // the connection was not writable for some time
}

// newSender returns nil for a connection without a file descriptor.
func newSender(c net.Conn) *sender {
	raw := rawConnOf(c)
	if raw == nil {
		return nil
	}
	s := &sender{raw: raw}
	s.try = func(fd uintptr) bool {
		for len(s.head)+len(s.body) > 0 {
			n, errno := s.sendSome(fd)
			switch {
			case errno == syscall.EINTR:
				continue
			case errno == syscall.EAGAIN:
				s.waited = true
				return false // wait until the connection is writable, and call this function again
			case errno != 0:
				s.fail = os.NewSyscallError("write", errno)
				return true
			case n == 0:
				s.fail = io.ErrUnexpectedEOF // cannot happen: a memory file is complete and does not change
				return true
			}
			header := min(n, len(s.head))
			s.head, s.body = s.head[header:], s.body[n-header:]
		}
		return true
	}
	return s
}

// send sends head and body. If file is not nil, it has the bytes of body. It reports whether it had to wait until the
// connection was writable.
func (s *sender) send(head, body []byte, file *memoryFile) (waited bool, err error) {
	s.head, s.body, s.file, s.fail, s.waited = head, body, file, nil, false
	if err = s.raw.Write(s.try); err == nil {
		err = s.fail
	}
	s.head, s.body, s.file, s.both = nil, nil, nil, [2]syscall.Iovec{}
	return s.waited, err
}

// sendSome makes one system call, and returns the number of bytes sent.
func (s *sender) sendSome(fd uintptr) (int, syscall.Errno) {
	switch {
	case len(s.body) == 0:
		return sendTo(fd, s.head, 0)
	case s.file != nil && len(s.head) > 0:
		return sendTo(fd, s.head, syscall.MSG_MORE) // send no packet before there are bytes of the body for it
	case s.file != nil:
		return s.file.sendEnd(fd, len(s.body))
	case len(s.head) == 0:
		return sendTo(fd, s.body, 0)
	}
	for i, p := range [][]byte{s.head, s.body} {
		s.both[i].Base = unsafe.SliceData(p)
		s.both[i].SetLen(len(p))
	}
	n, _, errno := syscall.RawSyscall(syscall.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&s.both)), uintptr(len(s.both)))
	return int(n), errno
}

func sendTo(fd uintptr, p []byte, flags uintptr) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))),
		uintptr(len(p)), flags|syscall.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}
