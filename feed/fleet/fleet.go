// Package fleet coordinates the processes that build or serve a site, across machines and releases: each process
// reports the versions that it supports and the age of its documents, and reads the reports of the other processes. It
// decides the rendering version of a site; it does not build, serve or store anything.
//
// A process keeps the latest reported values in memory while it runs, since a store that is flushed or rolled back
// loses them.
package fleet

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"feedpub/feed"
)

const (
	// DefaultInterval is the default interval between a process's reports.
	DefaultInterval = 2 * time.Second
	// reportLifetime is the number of intervals after which a report expires. It allows for slow processes and short
	// outages of the store.
	reportLifetime = 5
	// maxAttempts bounds the attempts to set the schema while other processes set it too.
	maxAttempts = 3
)

// Store keeps the reports of processes and the schema of the site.
type Store interface {
	// Report publishes a report, and returns what Members and Schema return.
	Report(ctx context.Context, m feed.Member, ttl time.Duration) ([]feed.Member, feed.Schema, error)
	Leave(ctx context.Context, id string) error
	Members(ctx context.Context) ([]feed.Member, error)
	Schema(ctx context.Context) (feed.Schema, error)
	SetSchema(ctx context.Context, read, schema feed.Schema) (feed.Schema, error)
}

// Documents is the set of documents that a process has.
type Documents interface {
	// Newest returns the greatest fencing token among their heads.
	Newest() feed.Token
	// Version returns the store's version up to which the documents are current, and the time of the store's last
	// response.
	Version() (int64, time.Time)
}

// Config holds everything that a [Fleet] depends on. All fields are required unless marked optional.
type Config struct {
	Store Store
	// Self describes this process, without the fields that change while it runs.
	Self feed.Member
	// Initial is the schema that this program sets for a site that was never built; its Renderer and Since are ignored.
	Initial   feed.Schema
	Documents Documents // optional
	Log       *slog.Logger
	Clock     func() time.Time
	Interval  time.Duration // time between reports; 0 means [DefaultInterval]
	Pace      *Pace         // optional: shared by the fleets of a process
	// OneShot is set for a command that builds once and does not call Run.
	OneShot bool
}

// Fleet is one process's view of the processes of a site. Its methods are safe for concurrent use.
type Fleet struct {
	Config
	reported     chan struct{} // closed once other processes have had time to report
	reportedOnce sync.Once

	mu        sync.Mutex
	learned   chan struct{} // closed and replaced when newest or latest changes
	refreshed bool
	members   []feed.Member
	stored    feed.Schema          // schema last read from the store
	latest    feed.Schema          // latest schema that any process has reported
	newest    feed.Token           // greatest token that any process has reported
	outdated  error                // reason why this process should build but cannot
	since     time.Time            // when outdated was set
	conflicts map[string]time.Time // descriptions of conflicting configurations, and when each was found
}

// New returns a Fleet. It neither reads nor reports anything until one of its methods is called.
func New(c Config) *Fleet {
	c.Interval = cmp.Or(c.Interval, DefaultInterval)
	f := &Fleet{Config: c, reported: make(chan struct{}), learned: make(chan struct{})}
	if c.OneShot {
		close(f.reported)
	}
	return f
}

// Run reports this process and reads the reports of others until ctx is done, and then removes its report. It retries
// after errors, and returns nil.
func (f *Fleet) Run(ctx context.Context) error {
	defer f.Pace.join()()
	reports, failing := 0, false
	for {
		err := f.report(feed.Unhurried(ctx))
		switch {
		case ctx.Err() != nil:
		case err == nil:
			// Before the second report, every other process has had a whole interval to report.
			if reports++; reports > 1 || len(f.others()) > 0 {
				f.reportedOnce.Do(func() { close(f.reported) })
			}
			failing = false
		case !failing:
			f.Log.Warn("cannot report to other processes; retrying", "error", err)
			failing = true
		}
		interval := f.Interval
		if reports > 1 { // builders may wait for the second report
			interval = f.Pace.Interval(f.Interval)
		}
		if reports == 2 && interval > f.Interval {
			interval = rand.N(interval) // so that the sites of a process do not all report at the same time
		}
		if interval > f.Interval {
			interval = feed.UnhurriedWait(time.Now(), interval)
		}
		select {
		case <-time.After(interval):
		case <-ctx.Done():
			leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			if err := f.Store.Leave(leave, f.Self.ID); err != nil {
				f.Log.Debug("cannot remove this process's report; it will expire", "error", err)
			}
			return nil
		}
	}
}

// report reports this process and reads the reports of others.
func (f *Fleet) report(ctx context.Context) error {
	members, stored, err := f.Store.Report(ctx, f.self(), reportLifetime*f.Pace.Interval(f.Interval))
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	f.setRead(members, stored)
	return nil
}

// self returns the current report of this process.
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

// Refresh reads the reports of all processes and the schema of the site.
func (f *Fleet) Refresh(ctx context.Context) error {
	members, err := f.Store.Members(ctx)
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	stored, err := f.Store.Schema(ctx)
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	f.setRead(members, stored)
	return nil
}

// setRead stores the reports of all processes and the schema of the site, which have just been read.
func (f *Fleet) setRead(members []feed.Member, stored feed.Schema) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refreshed, f.members, f.stored = true, members, stored
	f.learn(stored)
	for _, m := range members {
		if m.Seen > f.newest {
			f.newest = m.Seen
			f.noteLearned()
		}
		f.learn(m.Known)
	}
	f.checkSelf()
	f.compareConfigs()
}

// checkSelf sets outdated if this process should build the site but cannot. The caller must hold mu.
func (f *Fleet) checkSelf() {
	var err error
	if f.Self.Builds && f.latest.Since > 0 {
		err = f.checkSchema(f.latest)
	}
	if err != nil && f.outdated == nil {
		f.since = f.Clock().UTC().Truncate(time.Millisecond)
	}
	f.outdated = err
}

// compareConfigs finds builders of the same release with a different configuration, and logs them once. A different
// release may compute the fingerprint of the same configuration differently. The caller must hold mu.
func (f *Fleet) compareConfigs() {
	var different []string
	for _, m := range f.members {
		if f.Self.Builds && m.Builds && m.ID != f.Self.ID && m.Program == f.Self.Program && m.Config != f.Self.Config {
			different = append(different, m.ID)
		}
	}
	if len(different) == 0 {
		f.conflicts = nil
		return
	}
	reason := fmt.Sprintf("other builders of the site have a different configuration: %s; each builder publishes with "+
		"its own, so all documents change whenever another builder takes over", strings.Join(different, ", "))
	since, known := f.conflicts[reason]
	if !known {
		since = f.Clock().UTC().Truncate(time.Millisecond)
		f.Log.Error("builders of one site have different configurations", "others", different)
	}
	f.conflicts = map[string]time.Time{reason: since}
}

// learn records s as the latest schema if it is later than the one known. The caller must hold mu.
func (f *Fleet) learn(s feed.Schema) {
	if s.Since > f.latest.Since {
		f.latest = s
		f.noteLearned()
	}
}

// noteLearned wakes the callers that wait for a greater token. The caller must hold mu.
func (f *Fleet) noteLearned() {
	close(f.learned)
	f.learned = make(chan struct{})
}

// Learned returns a channel that is closed when NewestToken or SchemaToken returns a different token than before the
// call.
func (f *Fleet) Learned() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.learned
}

// Members returns the processes that had reported at the last refresh, sorted by id.
func (f *Fleet) Members() []feed.Member {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.members)
}

// others returns all processes except this one.
func (f *Fleet) others() []feed.Member {
	return slices.DeleteFunc(f.Members(), func(m feed.Member) bool { return m.ID == f.Self.ID })
}

// NewestToken returns the greatest fencing token that any process has reported since this one started.
func (f *Fleet) NewestToken() feed.Token {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.newest
}

// SchemaToken returns the fencing token that was issued when the latest known schema was set. A builder with a smaller
// token uses an older schema.
func (f *Fleet) SchemaToken() feed.Token {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.latest.Since
}

// AwaitReports waits until all other processes have had time to report since this one started. If ctx is done first, it
// returns ctx.Err(). With OneShot it returns immediately.
func (f *Fleet) AwaitReports(ctx context.Context) error {
	select {
	case <-f.reported:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Agree returns the schema to build with. If the site has no schema, it sets one with the newest rendering version that
// all processes support; if the store has lost the latest schema, it sets that schema again. The error is of kind
// [feed.ErrOutdated] if this program cannot build the site.
func (f *Fleet) Agree(ctx context.Context) (feed.Schema, error) {
	for range maxAttempts {
		if err := f.Refresh(ctx); err != nil {
			return feed.Schema{}, err
		}
		f.mu.Lock()
		stored, want := f.stored, f.latest
		f.mu.Unlock()
		if want.Since == 0 {
			want = f.Initial
			want.Since = feed.Token(f.Clock().UnixMilli())
			self := f.self()
			self.Builds = true
			want.Renderer = cmp.Or(feed.Common(append(f.others(), self)), self.Renderer.Newest)
		}
		if err := f.checkSchema(want); err != nil || stored == want {
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
			f.Log.Warn("store has lost the site's schema; it was set again", "renderer", decided.Renderer)
		}
		f.mu.Lock()
		f.stored = decided
		f.learn(decided)
		f.mu.Unlock()
		return decided, nil
	}
	return feed.Schema{}, fmt.Errorf("fleet: other processes keep changing the schema: %w", feed.ErrStale)
}

// checkSchema returns an error of kind [feed.ErrOutdated] if this program cannot build a site with the schema.
func (f *Fleet) checkSchema(s feed.Schema) error {
	if f.Self.Schema < s.Writer {
		return fmt.Errorf("writing the site's data requires schema %d or later, and this program has schema %d; "+
			"install the release that the other processes have: %w", s.Writer, f.Self.Schema, feed.ErrOutdated)
	}
	if r := f.Self.Renderer; !r.Has(s.Renderer) {
		return fmt.Errorf("the site's documents have rendering version %d, and this program supports %d to %d; install "+
			"the release that the other processes have, or run 'feedpub upgrade' if all of them have this release: %w",
			s.Renderer, r.Oldest, r.Newest, feed.ErrOutdated)
	}
	return nil
}

// Readable returns an error of kind [feed.ErrOutdated] if this program cannot read the site's data.
func (f *Fleet) Readable(ctx context.Context) error {
	s, err := f.latestSchema(ctx)
	if err == nil && f.Self.Schema < s.Reader {
		return fmt.Errorf("reading the site's data requires schema %d or later, and this program has schema %d; "+
			"it continues to serve the documents that it has: %w", s.Reader, f.Self.Schema, feed.ErrOutdated)
	}
	return err
}

// Writable returns an error of kind [feed.ErrOutdated] if this program cannot write posts.
func (f *Fleet) Writable(ctx context.Context) error {
	s, err := f.latestSchema(ctx)
	if err == nil && f.Self.Schema < s.Writer {
		return f.checkSchema(s)
	}
	return err
}

// latestSchema returns the latest known schema. If none is known, it reads the schema from the store.
func (f *Fleet) latestSchema(ctx context.Context) (feed.Schema, error) {
	f.mu.Lock()
	refreshed := f.refreshed
	f.mu.Unlock()
	if !refreshed {
		if err := f.Refresh(ctx); err != nil {
			return feed.Schema{}, err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.latest, nil
}

// Check returns an error of kind [feed.ErrOutdated] if this process should build the site but cannot.
func (f *Fleet) Check(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.outdated
}

// Problems returns problems of kind [feed.KindFleet]: that this process cannot build, and that builders have different
// configurations. The error is always nil.
func (f *Fleet) Problems(context.Context) ([]feed.Problem, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var problems []feed.Problem
	if f.outdated != nil {
		problems = append(problems, feed.Problem{
			ID: f.Self.ID, Kind: feed.KindFleet, Reason: "this process does not build: " + f.outdated.Error(), Since: f.since,
		})
	}
	for _, reason := range slices.Sorted(maps.Keys(f.conflicts)) {
		problems = append(problems, feed.Problem{
			ID: f.Self.ID, Kind: feed.KindFleet, Reason: reason, Since: f.conflicts[reason], Serving: true,
		})
	}
	return problems, nil
}

// sitesPerInterval is the maximum number of sites in a process that perform a periodic task, such as a report, in one
// interval. If a process has more sites, each performs the task less often. A report takes five small commands.
const sitesPerInterval = 50

// Pace bounds the load that all sites in a process put on the store and the disk while nothing happens. The zero Pace
// is ready for use; a nil Pace does not limit. It counts the sites whose Fleet uses it and is running.
type Pace struct{ sites atomic.Int64 }

// join counts a site until leave is called.
func (p *Pace) join() (leave func()) {
	if p == nil {
		return func() {}
	}
	p.sites.Add(1)
	return func() { p.sites.Add(-1) }
}

// Interval returns the interval at which each site performs a periodic task. single is the interval in a process with a
// single site.
func (p *Pace) Interval(single time.Duration) time.Duration {
	if p == nil {
		return single
	}
	return single * time.Duration(max(1, (p.sites.Load()+sitesPerInterval-1)/sitesPerInterval))
}
