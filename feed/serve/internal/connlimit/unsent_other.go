//go:build !linux

package connlimit

import "net"

// limitUnsent is not supported on this system.
func limitUnsent(net.Conn) {}
