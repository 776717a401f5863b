package serve

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"feedpub/feed"
)

// A replica waits up to saveWait for new documents to be written before it serves them, and reports flushes that take
// longer as overdue. If the process ends before a slower disk has finished, a restart without the store serves the
// previous documents.
const saveWait = time.Second

// saveDelay is the time after which the saving goroutine saves editions that are in the stash. By then, they have
// usually been compared with those they replaced, and are saved once instead of twice.
const saveDelay = 3 * settleTime

// saveFirst saves editions before they are served, so that a replica that is killed and started again serves the same
// documents or later ones, even without the store. It returns the feeds whose editions it saved in their own files. If
// only a few feeds have changed, it writes their editions to the stash instead, which is flushed while they are served,
// and the saving goroutine saves them later. saveFirst does not wait for a disk that fails or is slow: serving has
// priority, and the saving goroutine tries again.
func (r *Replica) saveFirst(ctx context.Context, fetched map[feed.Name]*edition) map[feed.Name]bool {
	r.mu.Lock()
	failing := r.failing != nil
	r.mu.Unlock()
	if r.Disk == nil {
		return nil
	}
	names := slices.SortedFunc(maps.Keys(fetched), feed.Name.Compare)
	if names = slices.DeleteFunc(names, r.kept); len(names) == 0 {
		return nil
	}
	number := r.Disk.nextStash()
	editions := make([]*edition, 0, len(names))
	for _, name := range names {
		e := fetched[name]
		e.stash = number // set even if e is not stashed, since e replaces earlier stashed editions
		editions = append(editions, e)
	}
	if failing {
		return nil
	}
	type reply struct {
		stashed bool
		errs    []error
	}
	done, state := make(chan reply, 1), new(flushState)
	r.saving.Go(func() {
		if len(editions) <= maxStashed {
			if flush, err := r.Disk.stash(number, editions); err == nil {
				done <- reply{stashed: true}
				r.flush(flush, state)
				return
			}
		}
		done <- reply{errs: r.Disk.save(editions...)}
	})
	var errs []error
	select {
	case result := <-done:
		if errs = result.errs; result.stashed {
			for _, e := range editions {
				e.flush = state
			}
			return nil
		}
	case <-time.After(saveWait):
		return nil
	case <-ctx.Done():
		return nil
	}
	saved := make(map[feed.Name]bool, len(editions))
	for i, e := range editions {
		saved[e.head.Feed] = errs[i] == nil
		e.durable = errs[i] == nil
	}
	_ = r.noteSaves(editions, errs) // the saving goroutine retries, and logs an error that persists
	return saved
}

// flush flushes a stash file while its documents are served, and records whether that has failed or is overdue.
func (r *Replica) flush(flush func() error, state *flushState) {
	done := make(chan error, 1)
	r.saving.Go(func() { done <- flush() })
	var err error
	select {
	case err = <-done:
	case <-time.After(saveWait):
		r.noteOverdue(1)
		err = <-done
		r.noteOverdue(-1)
	}
	if err != nil {
		state.failed.Store(true)
		r.noteOverdue(0)
	}
}

// noteOverdue adds n to the number of overdue flushes.
func (r *Replica) noteOverdue(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.overdue += n
	r.noteBehind()
}

// syncKept waits until the documents that the Source keeps are on its disk. Like saveFirst, it does not wait for a disk
// that fails or is slow.
func (r *Replica) syncKept(ctx context.Context, fetched map[feed.Name]*edition) {
	kept := false
	for name := range fetched {
		kept = kept || r.kept(name)
	}
	if !kept {
		return
	}
	done := make(chan struct{})
	r.saving.Go(func() {
		_ = r.Sync(ctx) // the store logs the error, and refuses further commits
		close(done)
	})
	select {
	case <-done:
	case <-time.After(saveWait):
	case <-ctx.Done():
	}
}

// noteSaves records the results of a save and returns the last error.
func (r *Replica) noteSaves(editions []*edition, errs []error) (failed error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, err := range errs {
		if err == nil {
			r.Memory.note(editions[i].documents)
			continue
		}
		failed = err
		r.unsaved[editions[i].head.Feed] = true
		r.counts[unsaved]++
	}
	r.failing = failed
	return failed
}

// noteFailure records and returns failed, the result of saving. It logs an error unless before, the previous result, is
// the same error.
func (r *Replica) noteFailure(failed, before error) error {
	r.mu.Lock()
	r.failing = failed
	r.noteBehind()
	r.mu.Unlock()
	switch {
	case failed != nil && (before == nil || before.Error() != failed.Error()):
		r.Log.Error("cannot save documents; a restart without the store would lose them", "error", failed)
	case failed == nil && before != nil:
		r.Log.Info("documents are saved again")
	}
	return failed
}

// noteBehind sets r.behind to the time at which the copies on disk became out of date, or to zero if they are up to
// date. The caller must hold the lock.
func (r *Replica) noteBehind() {
	switch {
	case r.failing == nil && r.overdue == 0 && r.allSafe():
		r.behind = time.Time{}
	case r.behind.IsZero():
		r.behind = r.Now()
	}
}

// allSafe reports whether all unsaved documents are in the stash. The caller must hold the lock.
func (r *Replica) allSafe() bool {
	for name := range r.unsaved {
		if e := r.Snapshot().edition(name); e != nil && !e.isSafe() {
			return false
		}
	}
	return true
}

// delaySave waits for saveDelay, or until ctx is done, if all unsaved documents are in the stash.
func (r *Replica) delaySave(ctx context.Context) {
	r.mu.Lock()
	safe := r.allSafe()
	r.mu.Unlock()
	if safe {
		pause(ctx, saveDelay)
	}
}

// restoreFolder recreates the disk's folder if it has been deleted, and then marks all feeds as unsaved.
func (r *Replica) restoreFolder() error {
	restored, err := r.Disk.restoreFolder()
	if err != nil || !restored {
		return err
	}
	r.Log.Warn("the folder of documents was deleted; saving all documents again")
	names := slices.DeleteFunc(r.Snapshot().names(), r.kept)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range names {
		r.unsaved[name] = true
	}
	return nil
}

// Saved returns the time since which served documents have been missing from the disk, zero if none are, and the reason
// if saving fails.
func (r *Replica) Saved() (behind time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.behind, r.failing
}

// diskProblem returns a problem if saving fails. The caller must hold the lock.
func (r *Replica) diskProblem() []feed.Problem {
	if r.failing == nil {
		return nil
	}
	return []feed.Problem{{
		ID: "data folder", Kind: feed.KindReplica, Since: r.behind.UTC().Truncate(time.Millisecond), Serving: true,
		Reason: fmt.Sprintf("documents of %d feeds are not on disk, so a restart without the store would serve earlier ones: %v",
			len(r.unsaved), r.failing),
	}}
}

// CaughtUp returns a channel that is closed when the replica has read the store for the first time, or the store has
// failed to answer. Until then the documents from the disk may be older than the store's.
func (r *Replica) CaughtUp() <-chan struct{} { return r.caughtUp }

func (r *Replica) setCaughtUp() { r.caughtUpOnce.Do(func() { close(r.caughtUp) }) }
