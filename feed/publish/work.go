package publish

import (
	"context"
	"sync"

	"feedpub/feed"
)

// workLock serializes absorbing and building. The hooks are called after it is released, for the commits and builds
// made while it was held.
type workLock struct {
	turn      func(context.Context) (done func(), err error) // may be nil
	committed func(context.Context, feed.Head)               // may be nil
	built     func(feed.FeedReport)                          // may be nil

	working chan struct{} // a lock: capacity 1. Unlike a mutex, it lets the clock of package synctest advance

	queueing sync.Mutex
	queue    []func(context.Context) // calls of hooks; guarded by queueing

	calling sync.Mutex // held while hooks are called, to preserve the order of the queue
}

// newWorkLock returns a workLock. Each argument may be nil.
func newWorkLock(
	turn func(context.Context) (done func(), err error), committed func(context.Context, feed.Head),
	built func(feed.FeedReport),
) *workLock {
	return &workLock{turn: turn, committed: committed, built: built, working: make(chan struct{}, 1)}
}

// do calls f while holding the lock, and then the hooks.
func (w *workLock) do(ctx context.Context, f func() error) error {
	defer w.callHooks(ctx)
	w.working <- struct{}{}
	defer func() { <-w.working }()
	return f()
}

// doInTurn is like do, but waits for a turn first: a goroutine that waits for a turn must not hold the lock.
func (w *workLock) doInTurn(ctx context.Context, f func() error) error {
	if w.turn == nil {
		return w.do(ctx, f)
	}
	defer w.callHooks(ctx)
	done, err := w.turn(ctx)
	if err != nil {
		return err
	}
	defer done()
	w.working <- struct{}{}
	defer func() { <-w.working }()
	return f()
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
