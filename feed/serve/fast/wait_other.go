//go:build !unix

package fast

import (
	"errors"
	"net"
	"sync"
)

// waiter is not supported on this system.
type waiter struct{}

func newWaiter(net.Conn, *sync.Pool) *waiter { return nil }

func (*waiter) next() (*buffer, error) { return nil, errors.ErrUnsupported }
