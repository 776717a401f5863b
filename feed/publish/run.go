package publish

import (
	"context"
	"errors"
	"hash/fnv"
	"io"
	"sync"
	"time"

	"feedpub/feed"
)

const (
	// pollInterval is the maximum time that the builder waits for the store to report a change. Then it checks whether
	// there is anything to do.
	pollInterval = 10 * time.Second
	// maxPollInterval is the greatest value to which Config.Pace can extend pollInterval in a process with many sites.
	maxPollInterval = 30 * time.Second
	// fullCheck is the interval at which the builder does everything that it does after a change, even if nothing has
	// changed. This takes a dozen commands, too many to run for each of a thousand idle sites every ten seconds.
	fullCheck = 5 * time.Minute
	// retryInterval is the pause after an error.
	retryInterval = time.Second
)

// submissionWaiter reports when there is something to absorb.
type submissionWaiter interface {
	// AwaitInbox waits up to block for a submission after an inbox entry, and reports whether it has found one.
	AwaitInbox(ctx context.Context, after string, block time.Duration) (bool, error)
	// NextDue returns the earliest publication date of the posts with a future date, and false if there are none.
	NextDue(ctx context.Context) (time.Time, bool, error)
	// HasWork reports whether there may be dirty feeds or posts with a future date.
	HasWork(ctx context.Context) (bool, error)
}

// Run builds while this process holds the site's lease, and waits for the lease while another process holds it. It
// retries after errors, and returns nil when ctx is done.
func (p *Publisher) Run(ctx context.Context) error {
	last, trigger, waited := "", feed.StartTrigger, false
	for ctx.Err() == nil {
		err := p.lease.run(ctx, func(ctx context.Context, token feed.Token) error {
			return p.serveTerm(feed.WithCause(ctx, feed.Cause{Trigger: trigger}), token, waited)
		})
		if ctx.Err() != nil {
			break
		}
		if errors.Is(err, errSuperseded) {
			p.config.Logger.Info("starting another term as the builder", "reason", err)
			continue
		}
		wait := retryInterval
		trigger, waited = feed.TakeoverTrigger, errors.Is(err, feed.ErrLocked)
		if waited {
			wait = holderInterval
		}
		if held, ok := errors.AsType[*heldError](err); ok {
			wait = min(wait, held.left) // the holder may have died
		}
		last = p.logState(err, last)
		pause(ctx, wait)
	}
	return nil
}

// buildFirst builds what has changed since the previous builder stopped, before the first rebuild of the term compares
// all posts and feeds. If nothing was ever committed, it does nothing, so that the first documents are complete.
func (p *Publisher) buildFirst(ctx context.Context, token feed.Token) error {
	if !p.config.OnChange {
		return nil
	}
	return p.retry(ctx, func() error {
		switch _, err := p.config.Store.Head(ctx, feed.Main); {
		case errors.Is(err, feed.ErrNotFound), errors.Is(err, feed.ErrInvalid):
			return nil
		case err != nil:
			return err
		}
		_, err := p.buildChanges(ctx, token)
		return err
	})
}

// logState logs why this process does not build, unless it is already in that state, and returns the state.
func (p *Publisher) logState(err error, last string) string {
	state := ""
	switch {
	case err == nil:
	case errors.Is(err, feed.ErrLocked):
		if state = "locked"; state != last { // do not compare errors: the error names the holder, which may change
			p.config.Logger.Info("another process builds; waiting for the lease")
		}
	case errors.Is(err, feed.ErrOutdated):
		if state = err.Error(); state != last {
			p.config.Logger.Error("not building: this release cannot build the site", "reason", err)
		}
	default:
		if state = err.Error(); state != last {
			p.config.Logger.Error("build failed; retrying", "error", err)
		}
	}
	return state
}

// serveTerm does the work of a term: it rebuilds the feeds that changed before the term, and then the feeds that are
// affected by changes, due posts and requests. replaces is set if a different process was the builder until now.
func (p *Publisher) serveTerm(ctx context.Context, token feed.Token, replaces bool) error {
	scan := p.reconciler.start()
	return together(ctx, func(ctx context.Context) error {
		if replaces {
			if err := p.buildFirst(ctx, token); err != nil {
				return err
			}
		}
		if err := p.retry(ctx, func() error {
			_, err := p.rebuild(ctx, token, nil, p.config.Scheduled)
			return err
		}); err != nil {
			return err
		}
		if !p.config.OnChange {
			return nil
		}
		return p.followChanges(ctx, token)
	}, func(ctx context.Context) error {
		return p.reconciler.run(ctx, token, scan)
	}, func(ctx context.Context) error {
		// Reply to requests during the first rebuild, which can take minutes.
		return p.answerRequests(ctx, token)
	})
}

// retry calls f again while the store is unavailable, so that a short outage does not end the term. In a longer outage
// the lease cannot be renewed, and ctx is done.
func (p *Publisher) retry(ctx context.Context, f func() error) error {
	for last := ""; ; {
		err := f()
		if ctx.Err() != nil || !errors.Is(err, feed.ErrUnavailable) {
			return err
		}
		last = p.logState(err, last)
		pause(ctx, retryInterval)
	}
}

// followChanges absorbs and builds whenever something is submitted or due.
func (p *Publisher) followChanges(ctx context.Context, token feed.Token) error {
	for {
		if err := p.retry(ctx, func() error { return p.followChange(ctx, token) }); err != nil {
			return err
		}
	}
}

// followChange absorbs and builds, and then waits until something is submitted or due, or until the next check.
func (p *Publisher) followChange(ctx context.Context, token feed.Token) error {
	waiting, stop := p.restart.context(ctx)
	defer stop()
	wait, err := p.buildChanges(ctx, token)
	if err != nil {
		return err
	}
	interval := p.pollInterval()
	if wait == pollInterval { // nothing is left to do
		wait = interval
	}
	due, ok, err := p.config.Store.NextDue(ctx)
	if err != nil {
		return err
	}
	if ok {
		now, err := p.config.Store.Now(ctx)
		if err != nil {
			return err
		}
		wait = min(wait, max(due.Sub(now), time.Millisecond))
	}
	cursor, err := p.config.Store.Cursor(ctx)
	if err != nil {
		return err
	}
	until := untilCheck(p.config.Site.ID, p.config.Clock())
	for range (until + interval - 1) / interval {
		found, err := p.config.Store.AwaitInbox(waiting, cursor, wait)
		if waiting.Err() != nil {
			return ctx.Err()
		}
		if err != nil || found || wait < pollInterval {
			return err
		}
		wait = interval
		if idle, err := p.idle(ctx, due, interval); err != nil || !idle {
			return err
		}
	}
	return nil
}

// untilCheck returns the time from now until the next full check of a site, more than 0 and at most fullCheck. The time
// of the checks depends on the site's id: the sites of a process start together, and would otherwise all be checked at
// the same time.
func untilCheck(site feed.SiteID, now time.Time) time.Duration {
	sum := fnv.New32a()
	_, _ = io.WriteString(sum, string(site)) // writes to a hash never fail
	shifted := now.Add(time.Duration(sum.Sum32()) * time.Millisecond)
	return shifted.Truncate(fullCheck).Add(fullCheck).Sub(shifted)
}

// restart ends the builder's wait for changes, so that it reads the inbox cursor from the store again. The builder must
// do so if the store may have been restored from an older copy: the cursor is then an earlier one, and the posts after
// it must be absorbed again.
type restart struct {
	mu   sync.Mutex
	stop context.CancelFunc // nil if nothing waits
}

// context returns a context that is canceled when now is called or ctx is done. The caller must call stop.
func (r *restart) context(ctx context.Context) (waiting context.Context, stop context.CancelFunc) {
	waiting, stop = context.WithCancel(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stop = stop
	return waiting, stop
}

// now cancels the context that was returned last.
func (r *restart) now() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stop != nil {
		r.stop()
	}
}

// pollInterval returns the maximum time that the builder waits for the store to report a change.
func (p *Publisher) pollInterval() time.Duration {
	if p.config.Pace == nil {
		return pollInterval
	}
	return min(p.config.Pace(pollInterval), maxPollInterval)
}

// idle reports whether there is nothing to build during the interval, apart from the inbox. due is the earliest future
// publication date that the builder found at its last full check, or zero if there was none.
func (p *Publisher) idle(ctx context.Context, due time.Time, interval time.Duration) (bool, error) {
	ctx = feed.Unhurried(ctx)
	if due.IsZero() {
		if has, err := p.config.Store.HasWork(ctx); err != nil || !has {
			return err == nil, err
		}
	}
	dirty, err := p.config.Store.DirtyFeeds(ctx)
	if err != nil || len(dirty) > 0 {
		return false, err
	}
	next, ok, err := p.config.Store.NextDue(ctx)
	if err != nil || !ok || !next.Equal(due) {
		return !ok && due.IsZero(), err
	}
	now, err := p.config.Store.Now(ctx)
	return due.Sub(now) > interval, err
}

// buildChanges absorbs the inbox and builds the dirty feeds. It returns the maximum time to wait for submissions before
// the next call.
func (p *Publisher) buildChanges(ctx context.Context, token feed.Token) (wait time.Duration, err error) {
	ctx, activity := p.history.begin(ctx, feed.Cause{Trigger: feed.ChangeTrigger})
	defer func() { activity.end(ctx, err) }()
	err = p.work.do(ctx, func() error {
		if err := p.absorber.absorbInbox(ctx, token); err != nil {
			return err
		}
		wait, err = p.rebuilder.rebuildDirty(ctx, token)
		return err
	})
	return wait, err
}

// buildFound builds the feeds that a scan has made dirty. Without OnChange, posts that were submitted since the scan
// began are not absorbed until the next Rebuild or Tick.
func (p *Publisher) buildFound(ctx context.Context, token feed.Token) (err error) {
	if p.config.OnChange {
		_, err := p.buildChanges(ctx, token)
		return err
	}
	ctx, activity := p.history.begin(ctx, feed.Cause{Trigger: feed.ChangeTrigger})
	defer func() { activity.end(ctx, err) }()
	return p.work.do(ctx, func() error {
		_, err := p.rebuilder.rebuildDirty(ctx, token)
		return err
	})
}
