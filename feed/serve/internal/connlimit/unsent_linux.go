package connlimit

import (
	"net"
	"syscall"
)

// maxUnsent is the maximum number of unsent bytes that the system buffers for a connection. Without a limit, it buffers
// megabytes for each client that does not read, and none of the process's own limits count them. Bytes that have been
// sent are limited by the client's receive buffer.
const maxUnsent = 64 << 10

// tcpNotsentLowat is TCP_NOTSENT_LOWAT of tcp(7).
const tcpNotsentLowat = 25

// limitUnsent sets the limit for a connection. It does nothing if c is not a TCP connection of the system. An error is
// ignored: the connection works without a limit.
func limitUnsent(c net.Conn) {
	socket, ok := c.(syscall.Conn)
	if !ok {
		return
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpNotsentLowat, maxUnsent)
	})
}
