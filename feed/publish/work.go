package publish

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"feedpub/feed"
)

// workLock serializes absorbing and building. The hooks are called after it is released, for the commits and builds
// made while it was held.
type workLock struct {
	turn      func(context.Context) (done func(), err error) // may be nil
	committed func(context.Context, feed.Head)               // may be nil
	built     func(feed.FeedReport)                          // may be nil

	// working is a lock with capacity 1. If it were a mutex, the clock of package synctest would stop while a goroutine
	// waits for it.
	working chan struct{}
	holding atomic.Pointer[holding]

	queueing sync.Mutex
	queue    []func(context.Context) // pending hook calls; guarded by queueing

	calling sync.Mutex // held while hooks are called, to preserve the order of the queue
}

// newWorkLock returns a workLock. Each argument may be nil.
func newWorkLock(
	turn func(context.Context) (done func(), err error), committed func(context.Context, feed.Head),
	built func(feed.FeedReport),
) *workLock {
	return &workLock{turn: turn, committed: committed, built: built, working: make(chan struct{}, 1)}
}

// holding describes the work that the holder of the lock is doing.
type holding struct {
	cause feed.Cause // of the run; zero for a scan
	since time.Time
}

type patienceKey struct{}

// withPatience returns a context that limits each wait for the lock, a turn or a scan to d. A longer wait fails with an
// error of kind [feed.ErrBusy].
func withPatience(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, patienceKey{}, d)
}

// impatient returns a context that expires after the duration set by [withPatience], if any. The caller must
// call stop.
func impatient(ctx context.Context) (waiting context.Context, stop context.CancelFunc) {
	if d, ok := ctx.Value(patienceKey{}).(time.Duration); ok {
		return context.WithTimeoutCause(ctx, d, feed.ErrBusy)
	}
	return ctx, func() {}
}

// busy returns the error of a wait that ended because the given context is done.
func (w *workLock) busy(waiting context.Context) error {
	err := context.Cause(waiting)
	if !errors.Is(err, feed.ErrBusy) {
		return err
	}
	reason := "the process is rebuilding other sites"
	if h := w.holding.Load(); h != nil {
		reason = "a run"
		if h.cause.Trigger == "" {
			reason = "a comparison of all posts"
		} else if c := h.cause.String(); c != "" {
			reason += " (" + c + ")"
		}
		reason += " has been in progress since " + h.since.UTC().Format(time.RFC3339)
	}
	return fmt.Errorf("the builder is %w: %s; try again later", feed.ErrBusy, reason)
}

// lock acquires the lock. It waits as long as necessary, except with [withPatience].
func (w *workLock) lock(ctx context.Context) error {
	waiting, stop := impatient(ctx)
	defer stop()
	var ended <-chan struct{}
	if waiting != ctx {
		ended = waiting.Done()
	}
	select {
	case w.working <- struct{}{}:
	case <-ended:
		return w.busy(waiting)
	}
	h := &holding{since: time.Now()}
	if a := activityOf(ctx); a != nil {
		h.cause, h.since = a.cause, a.started
	}
	w.holding.Store(h)
	return nil
}

func (w *workLock) unlock() {
	w.holding.Store(nil)
	<-w.working
}

// do calls f while holding the lock, and then the hooks.
func (w *workLock) do(ctx context.Context, f func() error) error {
	defer w.callHooks(ctx)
	if err := w.lock(ctx); err != nil {
		return err
	}
	defer w.unlock()
	return f()
}

// doInTurn is like do, but waits for a turn first: a goroutine that waits for a turn must not hold the lock.
func (w *workLock) doInTurn(ctx context.Context, f func() error) error {
	if w.turn == nil {
		return w.do(ctx, f)
	}
	defer w.callHooks(ctx)
	done, err := w.takeTurn(ctx)
	if err != nil {
		return err
	}
	defer done()
	if err := w.lock(ctx); err != nil {
		return err
	}
	defer w.unlock()
	return f()
}

// takeTurn waits for a turn.
func (w *workLock) takeTurn(ctx context.Context) (done func(), err error) {
	waiting, stop := impatient(ctx)
	defer stop()
	if done, err = w.turn(waiting); err != nil && waiting.Err() != nil && ctx.Err() == nil {
		return nil, w.busy(waiting)
	}
	return done, err
}

// headCommitted queues a call to the Committed hook. The caller must hold the lock.
func (w *workLock) headCommitted(h feed.Head) {
	if w.committed != nil {
		w.enqueue(func(ctx context.Context) { w.committed(ctx, h) })
	}
}

// feedsBuilt queues calls to the Built hook. The caller must hold the lock.
func (w *workLock) feedsBuilt(reports []feed.FeedReport) {
	if w.built == nil {
		return
	}
	for _, r := range reports {
		w.enqueue(func(context.Context) { w.built(r) })
	}
}

func (w *workLock) enqueue(call func(context.Context)) {
	w.queueing.Lock()
	defer w.queueing.Unlock()
	w.queue = append(w.queue, call)
}

// callHooks returns when all calls that were queued before it was called have returned.
func (w *workLock) callHooks(ctx context.Context) {
	w.calling.Lock()
	defer w.calling.Unlock()
	w.queueing.Lock()
	calls := w.queue
	w.queue = nil
	w.queueing.Unlock()
	for _, call := range calls {
		call(ctx)
	}
}
