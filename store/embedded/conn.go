package embedded

import (
	"net"
	"sync"
)

// queuedConn is a connection whose writes do not wait for the reader. A client sends a whole pipeline before it reads
// the first reply, but the server replies to each command immediately. Without a queue, both would block when the
// connection's buffer is full, each waiting for the other to read. Redis queues replies for the same reason.
//
// The size of the queue is bounded, because a client sends only one pipeline before it reads.
type queuedConn struct {
	net.Conn
	written sync.WaitGroup

	mu     sync.Mutex
	more   *sync.Cond // signaled when queue or closed changes
	queue  []byte
	closed bool
	err    error // the first error of the connection; nothing is written after an error
}

func newQueuedConn(c net.Conn) *queuedConn {
	q := &queuedConn{Conn: c}
	q.more = sync.NewCond(&q.mu)
	q.written.Go(q.write)
	return q
}

// Write queues b. It returns the error of an earlier write to the connection, if any.
func (q *queuedConn) Write(b []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return 0, q.err
	}
	if q.closed {
		return 0, net.ErrClosed
	}
	q.queue = append(q.queue, b...)
	q.more.Signal()
	return len(b), nil
}

// Close closes the connection. Queued data that has not been written is discarded.
func (q *queuedConn) Close() error {
	q.mu.Lock()
	q.closed = true
	q.more.Signal()
	q.mu.Unlock()
	err := q.Conn.Close()
	q.written.Wait()
	return err
}

// maxSpare is the maximum size in bytes of a buffer that is reused.
const maxSpare = 64 << 10

// write writes the queue to the connection until it is closed.
func (q *queuedConn) write() {
	var spare []byte // a written buffer to reuse
	for {
		q.mu.Lock()
		for len(q.queue) == 0 && !q.closed {
			q.more.Wait()
		}
		b, closed := q.queue, q.closed
		q.queue = spare
		q.mu.Unlock()
		if closed {
			return
		}
		if _, err := q.Conn.Write(b); err != nil {
			q.mu.Lock()
			q.err = err
			q.mu.Unlock()
			return
		}
		if spare = nil; cap(b) <= maxSpare {
			spare = b[:0]
		}
	}
}
