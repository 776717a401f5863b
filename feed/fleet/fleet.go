// Package fleet tells the processes that serve or build a site of each other, whatever machine they run on and whatever
// release they are of: each reports what it is, can and has seen, and learns which of the others' decisions it has to
// follow. It decides which version of the rendered form a site is built in; it does not build, serve or store.
//
// What a process has once learned it remembers while it runs, because a store that was flushed or rolled back forgets.
package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"feedpub/feed"
)

const (
	// DefaultEvery is how often a process reports unless it is told otherwise.
	DefaultEvery = 2 * time.Second
	// lives is for how many intervals a report holds: a process that is slow, or a store that was away for a moment, is
	// not taken for dead.
	lives = 5
	// tries bounds the attempts to decide on a schema while others decide too.
	tries = 3
)

// Store is where processes report.
type Store interface {
	Report(ctx context.Context, m feed.Member, ttl time.Duration) error
	Leave(ctx context.Context, id string) error
	Members(ctx context.Context) ([]feed.Member, error)
	Schema(ctx context.Context) (feed.Schema, error)
	SetSchema(ctx context.Context, read, schema feed.Schema) (feed.Schema, error)
}

// Documents are those that a process has.
type Documents interface {
	// Newest returns the greatest fencing token among them.
	Newest() feed.Token
	// Version returns the version of the store up to which they were taken, and when the store last answered.
	Version() (int64, time.Time)
}

// Config is what a [Fleet] is made of. All fields but those marked optional are required.
type Config struct {
	Store Store
	// Self is this process, without what changes while it runs.
	Self feed.Member
	// Native is the schema of a site that this program is the first to build; its Renderer and Since are not used.
	Native    feed.Schema
	Documents Documents // optional
	Log       *slog.Logger
	Clock     func() time.Time
	Every     time.Duration // how often it reports; 0 is [DefaultEvery]
	Pace      *Pace         // optional: of the process
	// Visits says that this process only looks and does not run, as a command does that builds once.
	Visits bool
}

// Fleet is one process's part in the fleet of a site. Its methods are safe for concurrent use.
type Fleet struct {
	Config
	settled chan struct{} // closed when others have had the time to report
	settle  sync.Once

	mu      sync.Mutex
	looked  bool
	members []feed.Member
	stored  feed.Schema // as the store last said
	latest  feed.Schema // the latest that anyone is known to have known
	seen    feed.Token  // the greatest that anyone has reported
	aside   error       // why this process doesn't build although it is to
	since   time.Time   // of aside
	told    map[string]time.Time
}

// New returns a Fleet that knows nothing and tells nothing until one of its methods is called.
func New(c Config) *Fleet {
	c.Every = cmp.Or(c.Every, DefaultEvery)
	f := &Fleet{Config: c, settled: make(chan struct{}), told: map[string]time.Time{}}
	if c.Visits {
		close(f.settled)
	}
	return f
}

// Run reports and looks until ctx ends, and takes this process off the list then. A store that is away is waited for.
// It returns nil.
func (f *Fleet) Run(ctx context.Context) error {
	defer f.Pace.join()()
	rounds, down := 0, false
	for {
		err := f.round(ctx)
		switch {
		case ctx.Err() != nil:
		case err == nil:
			// After the second round every other process has had a whole interval to report.
			if rounds++; rounds > 1 || len(f.others()) > 0 {
				f.settle.Do(func() { close(f.settled) })
			}
			down = false
		case !down:
			f.Log.Warn("this process can't report itself to others", "error", err)
			down = true
		}
		select {
		case <-time.After(f.Pace.every(f.Every)):
		case <-ctx.Done():
			leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			if err := f.Store.Leave(leave, f.Self.ID); err != nil {
				f.Log.Debug("not taken off the list of processes; the report expires by itself", "error", err)
			}
			return nil
		}
	}
}

// round reports and looks once.
func (f *Fleet) round(ctx context.Context) error {
	if err := f.Store.Report(ctx, f.self(), lives*f.Pace.every(f.Every)); err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	return f.Look(ctx)
}

// self returns what this process says of itself now.
func (f *Fleet) self() feed.Member {
	m := f.Self
	if f.Documents != nil {
		m.Seen = f.Documents.Newest()
		m.Applied, _ = f.Documents.Version()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	m.Known = f.latest
	return m
}

// Look reads what the others report and what the site says of its data.
func (f *Fleet) Look(ctx context.Context) error {
	members, err := f.Store.Members(ctx)
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	stored, err := f.Store.Schema(ctx)
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	f.mu.Lock()
	f.looked, f.members, f.stored = true, members, stored
	f.learn(stored)
	for _, m := range members {
		f.seen = max(f.seen, m.Seen)
		f.learn(m.Known)
	}
	if aside := f.may(f.latest); f.Self.Builds && f.latest.Since > 0 && aside != nil {
		if f.aside == nil {
			f.since = f.Clock().UTC().Truncate(time.Millisecond)
		}
		f.aside = aside
	} else {
		f.aside = nil
	}
	f.mu.Unlock()
	f.compare()
	return nil
}

// learn keeps the later of two schemas. Its caller holds mu.
func (f *Fleet) learn(s feed.Schema) {
	if s.Since > f.latest.Since {
		f.latest = s
	}
}

// Members returns the processes that reported, as of the last look, by id.
func (f *Fleet) Members() []feed.Member {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.members)
}

// others returns the processes besides this one.
func (f *Fleet) others() []feed.Member {
	return slices.DeleteFunc(f.Members(), func(m feed.Member) bool { return m.ID == f.Self.ID })
}

// Seen returns the greatest fencing token that any process has reported since this one runs.
func (f *Fleet) Seen() feed.Token {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen
}

// Since returns when the latest decision on the site's schema was made that is known, as a fencing token: a builder with
// a smaller one works by an older decision.
func (f *Fleet) Since() feed.Token {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.latest.Since
}

// Settled returns when the others have had the time to report since this process runs, so that nothing they have seen
// goes unknown, or with ctx's error when that ends. For one that visits it returns at once.
func (f *Fleet) Settled(ctx context.Context) error {
	select {
	case <-f.settled:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Agree returns the schema by which this process is to build. A site without one is given one that all processes know
// the form of, and a store that has forgotten a decision is told again. The error is of kind [feed.ErrOutdated] if this
// program can't build the site as it was decided: then another has to, and this one stands aside.
func (f *Fleet) Agree(ctx context.Context) (feed.Schema, error) {
	for range tries {
		if err := f.Look(ctx); err != nil {
			return feed.Schema{}, err
		}
		f.mu.Lock()
		stored, want := f.stored, f.latest
		f.mu.Unlock()
		if want.Since == 0 {
			want = f.Native
			want.Since = feed.Token(f.Clock().UnixMilli())
			self := f.self()
			self.Builds = true
			want.Renderer = cmp.Or(feed.Common(append(f.others(), self)), self.Renderer.Newest)
		}
		if err := f.may(want); err != nil || stored == want {
			return want, err
		}
		decided, err := f.Store.SetSchema(ctx, stored, want)
		if errors.Is(err, feed.ErrStale) {
			continue
		}
		if err != nil {
			return feed.Schema{}, fmt.Errorf("fleet: %w", err)
		}
		if stored.Since < want.Since && stored.Since > 0 {
			f.Log.Warn("the store had forgotten which form the documents have; it is told again", "renderer", decided.Renderer)
		}
		f.mu.Lock()
		f.stored = decided
		f.learn(decided)
		f.mu.Unlock()
		return decided, nil
	}
	return feed.Schema{}, fmt.Errorf("fleet: others decide on the schema: %w", feed.ErrStale)
}

// may returns nil if this program can build a site of the schema, else an error of kind [feed.ErrOutdated].
func (f *Fleet) may(s feed.Schema) error {
	if f.Self.Schema < s.Writer {
		return fmt.Errorf("the site's data may be written by programs of schema %d and later, and this one is of %d; "+
			"install the release that the others have: %w", s.Writer, f.Self.Schema, feed.ErrOutdated)
	}
	if r := f.Self.Renderer; !r.Has(s.Renderer) {
		return fmt.Errorf("the site's documents have form %d, and this program makes %d to %d; install the release that "+
			"the others have, or run 'feedpub upgrade' if all of them are as this one: %w",
			s.Renderer, r.Oldest, r.Newest, feed.ErrOutdated)
	}
	return nil
}

// Readable returns nil if this program may read the site's data, else an error of kind [feed.ErrOutdated].
func (f *Fleet) Readable(ctx context.Context) error {
	s, err := f.known(ctx)
	if err == nil && f.Self.Schema < s.Reader {
		return fmt.Errorf("the site's data may be read by programs of schema %d and later, and this one is of %d; "+
			"what it has is served: %w", s.Reader, f.Self.Schema, feed.ErrOutdated)
	}
	return err
}

// Writable returns nil if this program may write posts, else an error of kind [feed.ErrOutdated].
func (f *Fleet) Writable(ctx context.Context) error {
	s, err := f.known(ctx)
	if err == nil && f.Self.Schema < s.Writer {
		return f.may(s)
	}
	return err
}

// known returns the latest schema, which it looks up if nothing is known yet.
func (f *Fleet) known(ctx context.Context) (feed.Schema, error) {
	f.mu.Lock()
	looked := f.looked
	f.mu.Unlock()
	if !looked {
		if err := f.Look(ctx); err != nil {
			return feed.Schema{}, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.latest, nil
}
