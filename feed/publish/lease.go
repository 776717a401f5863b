package publish

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"feedpub/feed"
)

// Job is the name of the lease that the builder of a site holds.
const Job = "build"

const (
	// defaultLease is the default of [Config.Lease]. It is short, because nothing is published after the builder dies
	// until its lease expires, but longer than the usual delays of a working store or a busy builder.
	defaultLease = 2 * time.Second
	// boundLease is the default of [Config.Lease] with a [Heartbeat].
	boundLease = 2 * time.Minute
	// renewRetry is how long a builder with a Heartbeat waits after it has failed to renew its lease before it tries
	// again.
	renewRetry = 2 * time.Second
	// holderInterval is the interval at which a process that waits for the lease or for a reply checks the lease, in case
	// it is released. The process also checks it when it expires.
	holderInterval = 500 * time.Millisecond
	// restoreTimeout bounds the wait for replicas to restore lost commits. Replicas poll the store every five seconds.
	restoreTimeout = 30 * time.Second
	// restoreInterval is the interval between checks of the store during that wait.
	restoreInterval = 500 * time.Millisecond
)

// errSuperseded ends a term whose token is too small: the site's schema was set, or documents were committed, with
// a greater token. The builder then starts another term.
var errSuperseded = errors.New("superseded by a greater token")

// errLeaseLost ends the work of a builder that no longer holds the lease.
var errLeaseLost = errors.New("lease lost")

// leaseStore grants the lease. Only its holder commits, which the token enforces.
type leaseStore interface {
	// Acquire returns a token that is greater than seen and all previous tokens. The error is of kind [feed.ErrLocked]
	// if a different owner holds the lease.
	Acquire(ctx context.Context, job, owner string, ttl time.Duration, now time.Time, seen feed.Token) (feed.Token, error)
	// Renew extends the lease. The error is of kind [feed.ErrLocked] if the owner no longer holds it.
	Renew(ctx context.Context, job, owner string, ttl time.Duration) error
	Release(ctx context.Context, job, owner string) error
}

type holderReader interface {
	// Holder returns the owner of the lease and the time until the lease expires, or "" and 0 if no process holds it.
	Holder(ctx context.Context, job string) (owner string, left time.Duration, err error)
}

// heldError means that a different process holds the lease. It is of kind [feed.ErrLocked].
type heldError struct {
	owner string
	left  time.Duration // time until the lease expires
}

func (e *heldError) Error() string {
	return fmt.Sprintf("the lease is held by %s: %v", e.owner, feed.ErrLocked)
}
func (e *heldError) Unwrap() error { return feed.ErrLocked }

type schemaReader interface {
	Schema(ctx context.Context) (feed.Schema, error)
}

// Fleet coordinates this process with the site's other processes.
type Fleet interface {
	// Agree returns the schema to build with, or an error of kind [feed.ErrOutdated] if this program cannot build with
	// it.
	Agree(ctx context.Context) (feed.Schema, error)
	// SchemaToken returns the token that was issued when the latest known schema was set.
	SchemaToken() feed.Token
	// NewestToken returns the greatest fencing token that any process has reported.
	NewestToken() feed.Token
	// Learned returns a channel that is closed when SchemaToken or NewestToken changes.
	Learned() <-chan struct{}
	// AwaitReports waits until all processes have had time to report.
	AwaitReports(ctx context.Context) error
}

// lease makes this process the builder of the site, for one term at a time.
type lease struct {
	store     leaseStore
	holder    holderReader
	schema    schemaReader
	heads     headReader
	owner     string
	ttl       time.Duration
	heartbeat *Heartbeat // may be nil
	replica   Replica
	fleet     Fleet // may be nil
	rendering *rendering
	clock     func() time.Time
	logger    *slog.Logger
	// lapsed is called if the term continues after a lapse of the heartbeat: the store may have been restored from a copy
	// that contains the lease.
	lapsed func()

	acquiring sync.Mutex // held for a whole term

	mu    sync.Mutex
	token feed.Token // 0 if this process does not hold the lease
}

// held returns the token of the current term, and false if this process does not hold the lease.
func (l *lease) held() (feed.Token, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.token, l.token != 0
}

func (l *lease) setToken(t feed.Token) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.token = t
}

// run acquires the lease, and renews it while work runs. The context of work ends when the lease is lost. The error is
// of kind [feed.ErrLocked] if the lease is held already.
func (l *lease) run(ctx context.Context, work func(context.Context, feed.Token) error) error {
	// The store would grant the lease to the same owner again, with a new token.
	if !l.acquiring.TryLock() {
		return fmt.Errorf("this process is already building: %w", feed.ErrLocked)
	}
	defer l.acquiring.Unlock()
	// A process that is waiting for the lease calls run often, so run needs only one round trip while another process
	// holds the lease.
	if owner, left, err := l.holder.Holder(ctx, Job); err != nil {
		return err
	} else if left > 0 && owner != l.owner && !l.sameProcess(owner) {
		return &heldError{owner, left}
	}
	seen, err := l.agree(ctx)
	if err != nil {
		return err
	}
	lapses, err := l.heartbeat.await(ctx)
	if err != nil {
		return err
	}
	token, err := l.store.Acquire(ctx, Job, l.owner, l.ttl, l.clock(), seen)
	if err != nil {
		return err
	}
	l.setToken(token)
	defer l.release(ctx)
	done := make(chan struct{})
	return together(ctx, func(ctx context.Context) error {
		defer close(done)
		// Another process may have set the schema between agree and Acquire.
		if err := l.checkStored(ctx, token); err != nil {
			return err
		}
		if err := l.awaitRestored(ctx); err != nil {
			return err
		}
		return work(ctx, token)
	}, func(ctx context.Context) error { return l.renew(ctx, token, lapses, done) })
}

// sameProcess reports whether owner is an earlier publisher in this process, which has ended but could not release its
// lease.
func (l *lease) sameProcess(owner string) bool {
	return l.heartbeat != nil && feed.ProcessOf(owner) == l.heartbeat.process
}

// release ends the term. It releases the lease even if ctx is done, so that the next builder need not wait until it
// expires.
func (l *lease) release(ctx context.Context) {
	l.setToken(0)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := l.store.Release(ctx, Job, l.owner); err != nil {
		level := slog.LevelWarn
		if l.heartbeat != nil {
			level = slog.LevelDebug // the lease ends with the record of this process
		}
		l.logger.Log(ctx, level, "lease not released; it will expire", "error", err)
	}
}

// renew renews the lease until done is closed. It returns an error if the lease is lost, if it must have expired, or if
// the token is superseded. In each case another process may be building.
//
// With a Heartbeat, it renews the lease three times before it expires, and also when the heartbeat has lapsed. The term
// continues after a lapse unless another process has acquired the lease or the store has lost it.
func (l *lease) renew(ctx context.Context, token feed.Token, lapses int, done <-chan struct{}) error {
	every, retry := l.ttl/5, l.ttl/5 // leaves time for more attempts if one fails
	if l.heartbeat != nil {
		every, retry = l.ttl/3, renewRetry
	}
	timer := time.NewTimer(every)
	defer timer.Stop()
	for renewed := time.Now(); ; {
		alive, n, turned := l.heartbeat.state()
		if !alive {
			return fmt.Errorf("%w: the store did not reply in time", errLeaseLost)
		}
		learned := l.learned()
		if err := l.check(token); err != nil {
			return err
		}
		lapsed := n != lapses
		if lapses = n; !lapsed {
			select {
			case <-done:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			case <-turned:
				continue
			case <-learned:
				continue
			case <-timer.C:
			}
		}
		before := renewed
		if err := l.renewAt(ctx, &renewed, lapsed); err != nil {
			return err
		}
		if lapsed {
			l.lapsed()
		}
		if timer.Reset(every); renewed.Equal(before) {
			timer.Reset(retry)
		}
	}
}

// learned returns a channel that is closed when the result of check may change, or nil if it never changes.
func (l *lease) learned() <-chan struct{} {
	if l.fleet == nil {
		return nil
	}
	return l.fleet.Learned()
}

// renewAt renews the lease, and sets renewed to the time of the call if it succeeds. It returns an error if the lease
// is lost, or must have expired.
func (l *lease) renewAt(ctx context.Context, renewed *time.Time, lapsed bool) error {
	// Measure the time from before the call, since the store may renew the lease long before the reply arrives.
	begun := time.Now()
	err := l.renewOnce(ctx)
	switch {
	case err == nil:
		*renewed = begun
	case errors.Is(err, feed.ErrLocked) || lapsed || time.Since(*renewed) > l.ttl:
		// The error must not be of kind ErrLocked, which means that no work was begun.
		return fmt.Errorf("%w: %v", errLeaseLost, err) //nolint:errorlint // on purpose; see above
	}
	return nil
}

// renewOnce makes one attempt to renew the lease, and gives up early enough for another.
func (l *lease) renewOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, min(l.ttl/3, defaultLease))
	defer cancel()
	return l.store.Renew(ctx, Job, l.owner, l.ttl)
}

// agree sets the rendering version that the processes have agreed on, and returns the greatest known token. The
// error is of kind [feed.ErrOutdated] if this program does not support that version.
func (l *lease) agree(ctx context.Context) (feed.Token, error) {
	newest := l.replica.Newest()
	if l.fleet == nil {
		return newest, nil
	}
	if newest == 0 {
		// This process has no documents, so only the reports of other processes show whether the store has lost
		// commits.
		if err := l.fleet.AwaitReports(ctx); err != nil {
			return 0, err
		}
	}
	schema, err := l.fleet.Agree(ctx)
	if err != nil {
		return 0, err
	}
	if renderer := l.rendering.renderer(); schema.Renderer != renderer.Version() {
		if renderer, err = renderer.At(schema.Renderer); err != nil {
			return 0, fmt.Errorf("%w: %w", feed.ErrOutdated, err)
		}
		l.rendering.set(renderer)
	}
	return max(newest, l.fleet.NewestToken()), nil
}

// check returns errSuperseded if a token is known to be too small.
func (l *lease) check(token feed.Token) error {
	if l.fleet == nil {
		return nil
	}
	if since := l.fleet.SchemaToken(); since > token {
		return fmt.Errorf("%w: the schema was set with token %d; this builder has token %d", errSuperseded, since, token)
	}
	if seen := l.fleet.NewestToken(); seen > token {
		return fmt.Errorf("%w: a process has documents with token %d; this builder has %d", errSuperseded, seen, token)
	}
	return nil
}

// checkStored is like check, but uses the schema that is currently in the store.
func (l *lease) checkStored(ctx context.Context, token feed.Token) error {
	if l.fleet == nil {
		return nil
	}
	schema, err := l.schema.Schema(ctx)
	if err != nil {
		return err
	}
	if schema.Since > token {
		return fmt.Errorf("%w: the schema was set with token %d; this builder has token %d", errSuperseded, schema.Since, token)
	}
	return l.check(token)
}

// awaitRestored waits while other processes have documents with a greater token than any in the store, until those
// documents are restored. Documents built without them could lack posts that readers have seen, without the feeds being
// held.
func (l *lease) awaitRestored(ctx context.Context) error {
	if l.fleet == nil || l.replica.Newest() >= l.fleet.NewestToken() {
		return nil // this process has the documents itself
	}
	for begun := time.Now(); ; {
		heads, err := l.heads.Heads(ctx)
		if err != nil {
			return err
		}
		var newest feed.Token
		for _, h := range heads {
			newest = max(newest, h.Token)
		}
		seen := l.fleet.NewestToken()
		switch waited := time.Since(begun); {
		case newest >= seen:
			return nil
		case waited >= restoreTimeout:
			l.logger.Error("commits that the store has lost were not restored; building without them",
				"lost", seen, "newest", newest)
			return nil
		case waited < restoreInterval:
			l.logger.Warn("store has lost commits that other processes have; waiting until they are restored",
				"lost", seen, "newest", newest)
		}
		pause(ctx, restoreInterval)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// pause waits for d or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
