package store

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// localCheck is how often a waiting call checks a local stream in case it missed a notification.
const localCheck = time.Second

// LocalStreams wakes calls that wait for entries of streams. All clients of an in-process server share one; see
// [Options.Local]. Calls that block in the server would be too expensive: after each command of any client, miniredis
// searches the whole stream again for each blocked call. A LocalStreams is safe for concurrent use.
type LocalStreams struct {
	mu    sync.Mutex
	added map[string]chan struct{} // closed when an entry is added to the stream
	// ends holds the positions after which streams had no entries when they were last read, by stream.
	ends map[string]streamEnd
}

// streamEnd is the end of a stream at a point in time. It is dropped when an entry is added.
type streamEnd struct {
	after string
	at    time.Time
}

// NewLocalStreams returns a LocalStreams.
func NewLocalStreams() *LocalStreams {
	return &LocalStreams{added: map[string]chan struct{}{}, ends: map[string]streamEnd{}}
}

// next returns a channel that is closed when a client adds an entry to the stream, and reports whether the stream had
// no entries after the given one when it was read within the last localCheck.
func (l *LocalStreams) next(stream, after string) (added <-chan struct{}, empty bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c, ok := l.added[stream]
	if !ok {
		c = make(chan struct{})
		l.added[stream] = c
	}
	end, ok := l.ends[stream]
	return c, ok && end.after == after && time.Since(end.at) < localCheck
}

// noteEnd records that the stream had no entries after the given one, unless an entry was added since next returned the
// channel.
func (l *LocalStreams) noteEnd(stream, after string, added <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.added[stream] == added {
		l.ends[stream] = streamEnd{after, time.Now()}
	}
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
	delete(l.ends, stream)
}

// readLocal returns the entries after a position, and a channel that is closed when a client in this process later adds
// an entry.
func (s *Site) readLocal(ctx context.Context, args *redis.XReadArgs) ([]redis.XMessage, <-chan struct{}, error) {
	local, stream, after := s.client.local, args.Streams[0], args.Streams[1]
	added, empty := local.next(stream, after) // before reading, so that no entry is missed
	if empty {
		return nil, added, nil
	}
	entries, err := s.readStream(ctx, args)
	if err == nil && len(entries) == 0 {
		local.noteEnd(stream, after, added)
	}
	return entries, added, err
}

// tailLocal waits until a client in this process adds an entry, but no longer than until end, and reads the new
// entries.
func (s *Site) tailLocal(ctx context.Context, args *redis.XReadArgs, end time.Time) ([]redis.XMessage, error) {
	entries, added, err := s.readLocal(ctx, args)
	if err != nil || len(entries) > 0 {
		return entries, err
	}
	timer := time.NewTimer(min(time.Until(end), localCheck))
	defer timer.Stop()
	select {
	case <-added:
		return s.readStream(ctx, args)
	case <-timer.C:
		return nil, nil // the caller tries again until end
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
