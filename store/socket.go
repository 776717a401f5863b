package store

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"feedpub/feed"
)

// maxSocketPath is the longest path that every supported system takes as the address of a unix socket: sun_path has
// 104 bytes on the BSDs and macOS, 108 on Linux, with a final NUL.
const maxSocketPath = 103

// dialUnix connects to a unix socket, one with a path that is too long for an address included.
func dialUnix(ctx context.Context, path string, timeout time.Duration) (net.Conn, error) {
	short, done, err := SocketAddress(path)
	if err != nil {
		return nil, err
	}
	defer done()
	d := net.Dialer{Timeout: timeout}
	return d.DialContext(ctx, "unix", short)
}

// SocketAddress returns an address under which the unix socket at path can be bound or connected to although its path
// is longer than addresses may be (about 104 bytes): on Linux the folder is opened and named by its descriptor. The
// address is good until done is called. On other systems a long path is an error of kind [feed.ErrInvalid].
func SocketAddress(path string) (address string, done func(), err error) {
	if len(path) <= maxSocketPath {
		return path, func() {}, nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, fmt.Errorf("folder of socket: %w", err)
	}
	address = fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))
	if _, err := os.Stat(filepath.Dir(address)); err != nil || len(address) > maxSocketPath {
		_ = dir.Close()
		return "", nil, fmt.Errorf("socket %s: path is longer than %d bytes; choose a shorter data folder: %w",
			path, maxSocketPath, feed.ErrInvalid)
	}
	return address, func() { _ = dir.Close() }, nil
}
