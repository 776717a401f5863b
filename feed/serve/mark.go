package serve

import (
	"context"
	"sync"
	"time"

	"feedpub/feed"
)

// Marker records when the posts of a store were first served.
type Marker interface {
	// MarkServed records that a process was ready to serve all documents of the given versions of the store. It may be
	// called again after an error.
	MarkServed(ctx context.Context, reached ...feed.ReachedVersion) error
}

const (
	// maxReached is the maximum number of versions waiting to be recorded. If there are more, which happens only if the
	// store fails, the posts of later versions are recorded with the last version.
	maxReached = 100
	// finalMarkTimeout limits the call that records the last versions after the replica's context is done.
	finalMarkTimeout = 500 * time.Millisecond
	// markRest is the ratio of the pause after a call to the duration of the call.
	markRest = 100
)

// reached holds the versions that have been reached but not recorded yet, in ascending order.
type reached struct {
	mu      sync.Mutex
	last    int64 // the last version that was added
	pending []reachedAt
	marking bool // whether a goroutine is recording the pending versions
}

type reachedAt struct {
	version int64
	at      time.Time // from time.Now, whose results have a monotonic clock reading
}

// add adds a version, unless it was added before. If it returns true, the caller must start a goroutine that records
// the pending versions: see next.
func (r *reached) add(version int64) (start bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if version <= r.last {
		return false
	}
	r.last = version
	if len(r.pending) == maxReached {
		r.pending = r.pending[:maxReached-1]
	}
	r.pending = append(r.pending, reachedAt{version, time.Now()})
	start = !r.marking
	r.marking = true
	return start
}

// next returns the versions that have not been recorded. If there are none, the goroutine that records them must end.
func (r *reached) next() []feed.ReachedVersion {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]feed.ReachedVersion, len(r.pending))
	for i, p := range r.pending {
		list[i] = feed.ReachedVersion{Version: p.version, Age: time.Since(p.at)}
	}
	r.marking = len(list) > 0
	return list
}

// recorded removes the versions up to the given one, which has been recorded.
func (r *reached) recorded(version int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.pending) > 0 && r.pending[0].version <= version {
		r.pending = r.pending[1:]
	}
	if len(r.pending) == 0 {
		r.pending = nil
	}
}

// mark records the versions that the replica has reached, and returns when all are recorded. When ctx is done, it makes
// one more attempt. It runs in its own goroutine, since nothing waits for the records.
func (r *Replica) mark(ctx context.Context) {
	failing := false
	for list := r.reached.next(); len(list) > 0; list = r.reached.next() {
		if ctx.Err() != nil {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), finalMarkTimeout)
			defer cancel()
			_ = r.markReached(last, list) // the posts are recorded when the next version is reached
			return
		}
		began := time.Now()
		err := r.markReached(ctx, list)
		switch {
		case ctx.Err() != nil:
		case err == nil:
			failing = false
			// The store searches all posts that were never served, which takes a long time after a large import.
			pause(ctx, min(markRest*time.Since(began), r.Poll))
		default:
			if !failing {
				r.Log.Warn("cannot record when posts were first served; retrying", "error", err)
				failing = true
			}
			pause(ctx, r.Poll)
		}
	}
}

// markReached passes the versions in list to the Marker, and removes them from r.reached if there is no error.
func (r *Replica) markReached(ctx context.Context, list []feed.ReachedVersion) error {
	_, err := within(ctx, 0, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, r.Marker.MarkServed(ctx, list...)
	})
	if err == nil {
		r.reached.recorded(list[len(list)-1].Version)
	}
	return err
}
