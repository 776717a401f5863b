//go:build !unix

package fast

import (
	"errors"
	"net"
	"sync"
)

// waiter is for systems that tell when there is something to read without a buffer to read it into.
type waiter struct{}

func newWaiter(net.Conn, *sync.Pool) *waiter { return nil }

func (*waiter) next() (*buffer, error) { return nil, errors.ErrUnsupported }
