package store

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

const (
	// maxShortReads and maxLongReads are the maximum numbers of reads that block at the same time, each with its own
	// connection.
	maxShortReads = 4
	maxLongReads  = 28
	maxShared     = maxShortReads + maxLongReads
	// shortBlock is how long a short read blocks. A new stream waits until a short read ends, 30 ms on average.
	shortBlock = 250 * time.Millisecond
	// longBlock is how long a long read blocks. Each time a read is sent, the server registers each of its streams,
	// which costs microseconds for each of thousands of streams. An entry that is added while the connection is broken is
	// found when the read ends, at the latest.
	longBlock = 20 * time.Second
	// minConfirmed is the duration from which a wait is confirmed: it reports that there is no new entry only if the
	// server has responded during the wait. It is longer than a long read, so that at least one read ends during such a
	// wait.
	minConfirmed = longBlock + longBlock/2
	// minStreams is the number of streams that a long read may contain even if its share of all streams is smaller.
	minStreams = 8
	// readGrace is how long a stream remains part of a read after the last wait for it. A caller that waits repeatedly
	// does other work between its waits. Without the grace period, its stream would need a short read for each wait.
	readGrace = time.Second
)

// sharedReads waits for new entries of many streams with few connections. Each read blocks in the server until one of
// its streams has an entry, so a change is found at once, and streams without entries cost little. A stream joins a
// short read, and moves to a long read if it had no entry. A Cluster has no shared reads, because a read cannot contain
// streams of different slots.
type sharedReads struct {
	client redis.UniversalClient
	grace  time.Duration // time that a reply may take after the server has unblocked the read

	ctx  context.Context // done when the client is closed
	stop context.CancelFunc
	ends sync.WaitGroup

	mu      sync.Mutex
	streams map[string]*watchedStream
	pending []*watchedStream // streams that are not part of a read yet
	settled []*watchedStream // streams in short reads that a long read may take over
	short   int              // number of goroutines for short reads
	long    int              // number of goroutines for long reads
	closed  bool
}

// watchedStream is a stream with the position after which entries are new. It remains part of a read between the calls
// that wait for it. Its fields are guarded by sharedReads.mu, except for the first two, which never change.
type watchedStream struct {
	name, after string
	waits       []*sharedWait
	left        time.Time // if no call waits, when the last wait ended
	checked     int       // number of completed reads of the stream that found no entry
	long        bool      // whether the stream is part of a long read
}

// sharedWait is a call that waits for a stream.
type sharedWait struct {
	result  chan waitResult // has a buffer of one
	checked int             // value of watchedStream.checked when the wait began
	expired bool            // whether the wait must end with the current read
}

func newSharedReads(client redis.UniversalClient, grace time.Duration) *sharedReads {
	r := &sharedReads{client: client, grace: grace, streams: map[string]*watchedStream{}}
	r.ctx, r.stop = context.WithCancel(context.Background())
	return r
}

// close ends all waits and reads. The client must be closed first, which ends the current reads.
func (r *sharedReads) close() {
	r.mu.Lock()
	r.closed = true
	for _, s := range r.streams {
		r.end(s, waitResult{err: redis.ErrClosed})
	}
	r.mu.Unlock()
	r.stop()
	r.ends.Wait()
}

// await waits until a stream may have an entry after the given one, and then returns true. It returns false if that has
// not happened by the time end, which [feed.UnhurriedWait] may postpone. If the wait takes at least minConfirmed, and
// the server has not responded since the call, await also waits for the result of the current read.
func (r *sharedReads) await(ctx context.Context, stream, after string, end time.Time) (bool, error) {
	s, x, err := r.join(stream, after)
	if err != nil {
		return false, err
	}
	if s == nil {
		select {
		case <-ctx.Done():
			return false, ctx.Err()
		case <-time.After(min(pollInterval, time.Until(end))):
			return true, nil
		}
	}
	wait := feed.UnhurriedWait(time.Now(), time.Until(end))
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case a := <-x.result:
		return a.found, a.err
	case <-ctx.Done():
		r.leave(s, x)
		return false, ctx.Err()
	case <-timer.C:
	}
	if wait < minConfirmed {
		r.leave(s, x)
	} else {
		r.expire(s, x)
	}
	// If the server has not responded since the call, wait for the current read: its error, if any, shows that the server
	// is down.
	select {
	case a := <-x.result:
		return a.found, a.err
	case <-ctx.Done():
		r.leave(s, x)
		return false, ctx.Err()
	}
}

// join adds a wait for a stream. It returns a nil stream if another call waits for the same stream with a different
// position, since a read can contain a stream only once. That is rare, so the caller then reads the stream at
// intervals.
func (r *sharedReads) join(stream, after string) (*watchedStream, *sharedWait, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, nil, redis.ErrClosed
	}
	s := r.streams[stream]
	if s != nil && s.after != after && len(s.waits) > 0 {
		return nil, nil, nil
	}
	if s == nil || s.after != after {
		s = &watchedStream{name: stream, after: after}
		r.streams[stream] = s
		r.pending = append(r.pending, s)
		if r.short < maxShortReads {
			r.short++
			r.ends.Go(r.runShort)
		}
	}
	x := &sharedWait{result: make(chan waitResult, 1), checked: s.checked}
	s.waits = append(s.waits, x)
	return s, x, nil
}

// reading reports whether the shared reads already watch the stream from the given position, and have found no entry
// after it so far. If so, the next entry will be found at once.
func (r *sharedReads) reading(stream, after string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.streams[stream]
	return s != nil && s.after == after && s.checked > 0
}

// leave ends a wait whose caller has given up. Unless the wait has a result, its result is that no entry was found.
func (r *sharedReads) leave(s *watchedStream, x *sharedWait) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.Index(s.waits, x); i >= 0 {
		s.waits, s.left = slices.Delete(s.waits, i, i+1), time.Now()
		x.result <- waitResult{}
	}
}

// expire is called when the time of a wait has passed. It ends the wait now if a read has completed without an entry
// since the wait began. Otherwise the wait ends with the current read.
func (r *sharedReads) expire(s *watchedStream, x *sharedWait) {
	r.mu.Lock()
	x.expired = true
	checked := s.checked > x.checked
	r.mu.Unlock()
	if checked {
		r.leave(s, x)
	}
}

// runShort makes short reads until there are no streams for them.
func (r *sharedReads) runShort() {
	var own []*watchedStream
	for {
		if own = r.nextShort(own); len(own) == 0 {
			return
		}
		r.read(own, shortBlock)
	}
}

// runLong makes long reads until there are no streams for them.
func (r *sharedReads) runLong() {
	var own []*watchedStream
	for {
		if own = r.nextLong(own); len(own) == 0 {
			return
		}
		r.read(own, longBlock)
	}
}

// nextShort returns the streams for the next short read of a goroutine: the pending streams, and the streams of its
// last read that have not moved to a long read. If there are none, the goroutine ends.
func (r *sharedReads) nextShort(own []*watchedStream) []*watchedStream {
	r.mu.Lock()
	defer r.mu.Unlock()
	own = slices.DeleteFunc(own, func(s *watchedStream) bool { return s.long || !r.needed(s) })
	for _, s := range r.pending {
		if r.needed(s) {
			own = append(own, s)
		}
	}
	r.pending = nil
	if r.closed {
		own = nil
	}
	if len(own) == 0 {
		r.short--
	}
	return own
}

// nextLong returns the streams for the next long read of a goroutine: its share of the settled streams, and the streams
// of its last read that are still needed. If there are none, the goroutine ends.
func (r *sharedReads) nextLong(own []*watchedStream) []*watchedStream {
	r.mu.Lock()
	defer r.mu.Unlock()
	own = slices.DeleteFunc(own, func(s *watchedStream) bool { return !r.needed(s) })
	share := max(minStreams, 2*len(r.streams)/maxLongReads)
	for len(r.settled) > 0 && len(own) < share {
		if s := r.settled[0]; r.needed(s) {
			s.long = true
			own = append(own, s)
		}
		r.settled = r.settled[1:]
	}
	if r.closed {
		own = nil
	}
	if len(own) == 0 {
		r.long--
	} else {
		r.startLong()
	}
	return own
}

// startLong starts a goroutine for long reads if there are streams for it. The caller must hold mu.
func (r *sharedReads) startLong() {
	if len(r.settled) > 0 && r.long < maxLongReads && !r.closed {
		r.long++
		r.ends.Go(r.runLong)
	}
}

// needed reports whether a call waits for a stream, or did so within the last readGrace. If not, the stream is no
// longer watched. The caller must hold mu.
func (r *sharedReads) needed(s *watchedStream) bool {
	if r.streams[s.name] != s {
		return false // the wait has ended with a new entry, or the position has changed
	}
	if len(s.waits) == 0 && time.Since(s.left) > readGrace {
		delete(r.streams, s.name)
		return false
	}
	return true
}

// read reads streams once.
func (r *sharedReads) read(own []*watchedStream, block time.Duration) {
	args := &redis.XReadArgs{Count: 1, Block: block, Streams: make([]string, 0, 2*len(own))}
	for _, s := range own {
		args.Streams = append(args.Streams, s.name)
	}
	for _, s := range own {
		args.Streams = append(args.Streams, s.after)
	}
	// The deadline is needed because go-redis would otherwise wait an additional ten seconds.
	ctx, cancel := context.WithTimeout(r.ctx, block+r.grace)
	defer cancel()
	found, err := r.client.XRead(ctx, args).Result()
	if errors.Is(err, redis.Nil) {
		err = nil
	}
	r.finish(own, found, err)
}

// finish passes the result of a read to the waiting calls.
func (r *sharedReads) finish(own []*watchedStream, found []redis.XStream, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed := make(map[string]bool, len(found))
	for _, f := range found {
		changed[f.Stream] = true
	}
	for _, s := range own {
		switch {
		case err != nil:
			r.end(s, waitResult{err: err})
		case changed[s.name]:
			r.end(s, waitResult{found: true})
		default:
			if s.checked++; s.checked == 1 {
				r.settled = append(r.settled, s)
			}
			s.waits = slices.DeleteFunc(s.waits, func(x *sharedWait) bool {
				if x.expired {
					x.result <- waitResult{}
					s.left = time.Now()
				}
				return x.expired
			})
		}
	}
	r.startLong()
}

// end ends all waits for a stream, which is then no longer watched. The caller must hold mu.
func (r *sharedReads) end(s *watchedStream, result waitResult) {
	for _, x := range s.waits {
		x.result <- result
	}
	s.waits = nil
	if r.streams[s.name] == s {
		delete(r.streams, s.name)
	}
}
