package connlimit

import (
	"net"
	"syscall"
)

// maxUnsent is the number of bytes that the system buffers for a connection before they are sent. Without a limit it
// buffers megabytes for each client that does not read, which no limit of the process counts. What has been sent is
// limited by the client's own buffer.
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
