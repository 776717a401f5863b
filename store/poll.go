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
	// defaultMaxBlocking is enough for about fifteen sites, each of which makes three waiting calls: for posts,
	// requests and commits.
	defaultMaxBlocking = 48
	// pollInterval is the pause between two rounds of polling. A change may wait for a round twice, once in the inbox
	// and once for the replicas; the sum must be well below a second.
	pollInterval = feed.UnhurriedInterval
	// pollStreams is the maximum number of streams in one command. It bounds how long the command blocks the server to
	// about a tenth of a millisecond.
	pollStreams = 128
)

// poller makes calls wait for new entries of streams. Up to max of them block in the server, each with its own
// connection, and return as soon as there is an entry. If more calls are waiting, none of them blocks: one goroutine
// reads all streams in rounds, which takes a few commands a second for any number of sites. Other commands that are not
// urgent are sent with the next round, and reads that every site makes are merged.
type poller struct {
	client    redis.UniversalClient
	clustered bool // whether the server is a Cluster, where one command cannot read streams of different sites
	max       int
	local     *LocalStreams // Options.Local; may be nil

	ctx  context.Context // done when the client is closed
	stop context.CancelFunc

	mu      sync.Mutex
	open    int                  // number of waiting calls, blocking or polling
	polled  map[string][]*waiter // by stream
	extra   []*extraCommand
	merged  [mergeKinds][]*mergedRead
	running chan struct{} // closed when the goroutine has ended; nil if no goroutine is running
	closed  bool
}

// waiter is a call that waits for a stream by polling.
type waiter struct {
	site          keyspace
	stream, after string
	until         time.Time
	result        chan waitResult // has a buffer of one
	polling       bool            // the current round reads the waiter's stream; guarded by poller.mu
}

// waitResult is the result of a wait: whether there are new entries.
type waitResult struct {
	found bool
	err   error
}

// extraCommand is a command that is sent with the next round.
type extraCommand struct {
	add  func(redis.Pipeliner)
	done chan error // buffered; an error means that the command was not sent
}

func newPoller(client redis.UniversalClient, clustered bool, limit int) *poller {
	w := &poller{client: client, clustered: clustered, max: limit, polled: map[string][]*waiter{}}
	w.ctx, w.stop = context.WithCancel(context.Background())
	return w
}

// close ends all waits and waits for the goroutine to end. The client must be closed first, which ends the current
// round.
func (w *poller) close() {
	w.mu.Lock()
	w.closed = true // before stop, so that no call starts to wait after the goroutine has ended
	running := w.running
	w.mu.Unlock()
	w.stop()
	if running != nil {
		<-running
	}
}

// enter counts a waiting call until leave is called.
func (w *poller) enter() (leave func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open++
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.open--
	}
}

// crowded reports whether there are more waiting calls than may block. A caller must call enter before crowded, so that
// at most max calls block.
func (w *poller) crowded() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.open > w.max
}

// nudge ends all waits for a stream to which this process has just added an entry. The next round finds entries that
// other processes have added.
func (w *poller) nudge(stream string) {
	w.local.notify(stream)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range w.polled[stream] {
		x.result <- waitResult{found: true}
	}
	delete(w.polled, stream)
}

// await polls a stream until it has an entry after the given one, and reports whether it found one. It returns false
// only if a round that began after the call to await found no entry.
func (w *poller) await(ctx context.Context, site keyspace, stream, after string, end time.Time) (bool, error) {
	x := &waiter{site: site, stream: stream, after: after, until: end, result: make(chan waitResult, 1)}
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return false, redis.ErrClosed
	}
	w.polled[stream] = append(w.polled[stream], x)
	w.start()
	w.mu.Unlock()
	timer := time.NewTimer(time.Until(end))
	defer timer.Stop()
	select {
	case a := <-x.result:
		return a.found, a.err
	case <-ctx.Done():
		w.leave(x, true)
		return false, ctx.Err()
	case <-timer.C:
	}
	if w.leave(x, false) {
		return false, nil
	}
	// Wait for the current round: its error, if any, shows that the server is down.
	select {
	case a := <-x.result:
		return a.found, a.err
	case <-ctx.Done():
		w.leave(x, true)
		return false, ctx.Err()
	}
}

// leave removes a waiter and reports whether it was removed. A waiter is not removed if it has a result or, unless
// force is set, if the current round reads its stream.
func (w *poller) leave(x *waiter, force bool) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return (force || !x.polling) && w.remove(x)
}

// remove removes a waiter and reports whether it was registered. The caller must hold mu.
func (w *poller) remove(x *waiter) bool {
	same := w.polled[x.stream]
	i := slices.Index(same, x)
	if i < 0 {
		return false
	}
	if len(same) == 1 {
		delete(w.polled, x.stream)
	} else {
		w.polled[x.stream] = slices.Delete(same, i, i+1)
	}
	return true
}

// withNextRound calls add to add commands to the next round, and waits for the round. If it returns an error, the
// commands were not sent and their results must not be read; otherwise each command has its own error.
func (w *poller) withNextRound(ctx context.Context, add func(redis.Pipeliner)) error {
	r := &extraCommand{add: add, done: make(chan error, 1)}
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return redis.ErrClosed
	}
	w.extra = append(w.extra, r)
	w.start()
	w.mu.Unlock()
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// start starts the goroutine if it is not running. The caller must hold mu.
func (w *poller) start() {
	if w.running != nil {
		return
	}
	w.running = make(chan struct{})
	go w.run(w.running)
}

// run polls in rounds until no call waits or the client is closed.
func (w *poller) run(ended chan struct{}) {
	defer close(ended)
	timer := time.NewTimer(untilRound(time.Now()))
	defer timer.Stop()
	for {
		select {
		case <-w.ctx.Done():
			w.failAll()
			return
		case <-timer.C:
		}
		reads, extra, merged := w.next()
		if len(reads)+len(extra)+len(merged) == 0 {
			return
		}
		w.round(reads, extra, merged)
		timer.Reset(untilRound(time.Now()))
	}
}

// untilRound returns the time until the next round. Rounds begin at multiples of pollInterval. The periodic work of a
// site begins when a round ends. All sites therefore work at the same time, and an idle process sleeps in between.
// There is a pause after a long round, so that a slow server is not polled continuously.
func untilRound(now time.Time) time.Duration {
	wait := pollInterval - time.Duration(now.UnixNano()%int64(pollInterval))
	if wait < pollInterval/4 {
		wait += pollInterval
	}
	return wait
}

// next returns the commands of the next round. If there are none, the goroutine ends.
func (w *poller) next() ([]pollRead, []*extraCommand, []*mergedCommand) {
	w.mu.Lock()
	defer w.mu.Unlock()
	extra := w.extra
	w.extra = nil
	reads, merged := w.reads(), w.mergeReads()
	if len(reads)+len(extra)+len(merged) == 0 {
		w.running = nil
	}
	return reads, extra, merged
}

// pollRead is one XREAD of a round. It serves one waiter for each of its streams. In a Cluster, all of its streams
// belong to one site.
type pollRead struct {
	waits map[string]*waiter // by stream
	reply *redis.XStreamSliceCmd
}

// reads returns the reads for all waiters. Waiters for the same stream may have different positions, so each has a
// separate read. The caller must hold mu.
func (w *poller) reads() []pollRead {
	var all []pollRead
	open := map[readKey]int{} // index of the read that has room for more streams
	for stream, same := range w.polled {
		for lane, x := range same {
			x.polling = true
			key := readKey{lane: lane}
			if w.clustered {
				key.site = x.site
			}
			i, ok := open[key]
			if !ok || len(all[i].waits) == pollStreams {
				i = len(all)
				all = append(all, pollRead{waits: map[string]*waiter{}})
				open[key] = i
			}
			all[i].waits[stream] = x
		}
	}
	return all
}

// readKey is equal for waiters that can share a read.
type readKey struct {
	lane int
	site keyspace // only in a Cluster
}

// round sends the reads, the extra commands and the merged commands, in one round trip for each server.
func (w *poller) round(reads []pollRead, extra []*extraCommand, merged []*mergedCommand) {
	// The pipeline's error is ignored, since each command has its own error.
	_, _ = w.client.Pipelined(w.ctx, func(p redis.Pipeliner) error {
		for i, q := range reads {
			// One entry is enough: the waiting call reads the entries itself.
			args := &redis.XReadArgs{Count: 1, Block: -1, Streams: make([]string, 0, 2*len(q.waits))}
			for stream := range q.waits {
				args.Streams = append(args.Streams, stream)
			}
			for _, stream := range args.Streams[:len(q.waits)] {
				args.Streams = append(args.Streams, q.waits[stream].after)
			}
			reads[i].reply = p.XRead(w.ctx, args)
		}
		for _, r := range extra {
			r.add(p)
		}
		for _, m := range merged {
			m.send(w.ctx, p)
		}
		return nil
	})
	for _, r := range extra {
		r.done <- nil
	}
	for _, m := range merged {
		m.finish()
	}
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, q := range reads {
		streams, err := q.reply.Result()
		if errors.Is(err, redis.Nil) {
			err = nil
		}
		for _, s := range streams {
			w.end(q.waits[s.Stream], waitResult{found: true})
		}
		for _, x := range q.waits {
			x.polling = false
			if err != nil || !now.Before(x.until) {
				w.end(x, waitResult{err: err})
			}
		}
	}
}

// end sends a waiter its result, unless the waiter has left or already has a result. The caller must hold mu.
func (w *poller) end(x *waiter, a waitResult) {
	if x != nil && w.remove(x) {
		x.result <- a
	}
}

// failAll ends all waits with an error.
func (w *poller) failAll() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, same := range w.polled {
		for _, x := range same {
			x.result <- waitResult{err: redis.ErrClosed}
		}
	}
	clear(w.polled)
	for _, r := range w.extra {
		r.done <- redis.ErrClosed
	}
	w.extra = nil
	w.failMerged(redis.ErrClosed)
}
