package store

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// localCheck is the interval at which a waiting call checks a local stream for entries of which it was not notified.
const localCheck = time.Second

// LocalStreams wakes the calls that wait for entries of streams, if all clients of an in-process server share it: see
// [Options.Local]. A call that blocks in the server would cost more than everything else: after each command of any
// client, miniredis searches the whole stream again for each blocked call. A LocalStreams is safe for concurrent use.
type LocalStreams struct {
	mu    sync.Mutex
	added map[string]chan struct{} // closed when an entry is added to the stream
}

// NewLocalStreams returns a LocalStreams.
func NewLocalStreams() *LocalStreams { return &LocalStreams{added: map[string]chan struct{}{}} }

// next returns a channel that is closed when a client adds an entry to the stream.
func (l *LocalStreams) next(stream string) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.added[stream]
	if !ok {
		c = make(chan struct{})
		l.added[stream] = c
	}
	return c
}

// notify wakes the calls that wait for entries of the stream. It does nothing if l is nil.
func (l *LocalStreams) notify(stream string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if c, ok := l.added[stream]; ok {
		close(c)
		delete(l.added, stream)
	}
}

// tailLocal waits until a client of this process adds an entry, up to end, and reads the entries.
func (s *Site) tailLocal(ctx context.Context, args *redis.XReadArgs, end time.Time) ([]redis.XMessage, error) {
	added := s.client.local.next(args.Streams[0]) // before reading, so that no entry is missed
	if entries, err := s.tailNow(ctx, args); err != nil || len(entries) > 0 {
		return entries, err
	}
	timer := time.NewTimer(min(time.Until(end), localCheck))
	defer timer.Stop()
	select {
	case <-added:
	case <-timer.C:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return s.tailNow(ctx, args)
}
