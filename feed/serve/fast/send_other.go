//go:build !linux || !(amd64 || arm64)

package fast

import (
	"errors"
	"net"
)

// sender is not supported on this system.
type sender struct{}

func newSender(net.Conn) *sender { return nil }

func (*sender) send([]byte, []byte, *memoryFile) (bool, error) { return false, errors.ErrUnsupported }

// memoryFile is not supported on this system.
type memoryFile struct{}

func newMemoryFile([]byte, func()) (*memoryFile, error) { return nil, errors.ErrUnsupported }
