// Package publish turns the posts that writers have submitted into items, rebuilds the affected feeds, and commits
// their documents. It decides what may be published and what is held; it does not parse posts, render feeds or store
// bytes.
//
// Correctness comes from state, never from the number or order of runs: every step reads the current state, so it
// corrects the effects of earlier steps that were missed, repeated or interrupted.
package publish

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"feedpub/feed"
	"feedpub/feed/build"
	"feedpub/feed/coding"
	"feedpub/feed/intake"
	"feedpub/feed/render"
)

// Store is the part of a site's store that a [Publisher] needs. Each embedded interface is declared next to the code
// that uses it.
type Store interface {
	waitingReader
	inboxReader
	submissionWaiter
	postLoader
	itemWriter
	itemReader
	dueLister
	storeClock
	nameReader
	publicationLister
	postScanner
	itemComparer
	indexReader
	dirtyLister
	dirtyMarker
	archiveStore
	headReader
	documentStore
	problemStore
	leaseStore
	holderReader
	schemaReader
	requestReader
	readingStore
	Asker
}

// Replica is the set of documents that this process serves. It may have documents that the store has lost because it
// was flushed or rolled back.
type Replica interface {
	// Newest returns the greatest token of all heads that were ever in the replica, or 0 if there were none.
	Newest() feed.Token
	// Head returns the head that is served for a feed.
	Head(name feed.Name) (feed.Head, bool)
	// Heads returns all heads that are served.
	Heads() []feed.Head
	// Sums returns the checksum of each stored head that was equal to the served head when it was last read.
	Sums() map[feed.Name]feed.HeadSum
	// Blob returns the bytes of a document that is served.
	Blob(hash feed.Hash) (feed.Blob, bool)
}

// Config holds everything that a [Publisher] depends on. All fields are required unless marked optional.
type Config struct {
	Site feed.Site
	// Catalog defines the feeds and how they are made. The zero Catalog has the main feed and the families.
	Catalog  feed.Catalog
	Store    Store
	Intake   *intake.Intake
	Renderer *render.Renderer
	// Joiner, if not nil, caches parts of documents in gzip coding, so that a change takes less time.
	Joiner *coding.Joiner
	// Canonical returns the source that represents a publication, which may have several names. The feed of that source
	// contains the posts that quote the publication under any of these names.
	Canonical func(publication string) feed.Source
	// WithPublications, if not nil, returns the Intake and Canonical to use with a site's table of publications. If it is
	// nil, the table is not used.
	WithPublications func(table []feed.Publication) (*intake.Intake, func(publication string) feed.Source, error)
	// Replica, if not nil, is the set of documents that this process serves.
	Replica Replica
	// Fleet, if not nil, coordinates builders across releases and machines: documents have the rendering version that is
	// recorded for the site. If it is nil, they have the version of Renderer.
	Fleet Fleet
	// Owner identifies this builder; it is unique among processes.
	Owner string
	// Lease is the time after which another process may build if this one has not renewed its lease. The default is 2 s,
	// or 2 min with a Heartbeat. A process that is the only one with access to the store should use [LeaseAlone].
	Lease time.Duration
	// Heartbeat, if not nil, is shared by the publishers of a process, so that an idle site costs little. The caller
	// must also call its Run method. Another process may build after 2 s without a heartbeat. It must be nil if the
	// store is a Redis Cluster.
	Heartbeat *Heartbeat
	Clock     func() time.Time
	Logger    *slog.Logger
	// OnChange rebuilds feeds as soon as posts change, each at most once a second. Without it, only Rebuild and Tick do.
	OnChange bool
	// Scheduled lists the feeds that have their own schedules: only a Rebuild of all feeds, or a Rebuild or Tick
	// that names them, rebuilds them.
	Scheduled []feed.Name
	// Turn, if not nil, is called before the parts of a rebuild that hold a site's posts in memory, and may block; done is
	// called after each part. Turn limits the number of sites that a process rebuilds at the same time. Changes do not
	// wait for it.
	Turn func(context.Context) (done func(), err error)

	// Pace, if not nil, returns the interval between two checks for changes that the store has not reported, given the
	// interval for a single site. A process with many sites checks each of them less often.
	Pace func(single time.Duration) time.Duration

	// Try, if not nil, reads posts in a separate process, and returns the reason for each post that crashed the process or
	// took too long. It is called with the posts that a builder was reading when it died. Without Try, the next
	// builder reads them as usual, and may die too.
	Try func(ctx context.Context, posts []feed.StoredPost) (reasons map[string]string, err error)

	// Notices are the queues to which each commit of a feed adds a notice. Commits of archives and pages add none.
	Notices feed.NoticeQueues

	// Committed, if not nil, is called with the new head after a commit that changed a document of a feed, an archive or
	// the pages. That includes the removal of withdrawn posts from a held feed. It is called once for each such head, in
	// the order of the commits, and by one goroutine at a time. The work lock is released before the call, so other
	// goroutines may be absorbing and building. The rebuild that made the commit waits for Committed to return, so it
	// should do lengthy work in the background, and must not call the Publisher. The commit is valid even if the context
	// has ended.
	//
	// It is not called for a commit whose reply was lost, nor after a crash. What must survive a crash belongs in the
	// commit itself.
	Committed func(context.Context, feed.Head)
	// Runs, if not nil, stores the records of runs. Release is the program version that they contain.
	Runs    RunStore
	Release string
	// Ran, if not nil, is called after each run, including those with nothing to do, but not if the builder only checked
	// for changes. Timed, if not nil, is called with the duration of each stage. Both may be called by several goroutines
	// at the same time.
	Ran   func(feed.Run)
	Timed func(feed.Stage, time.Duration)

	// Built, if not nil, is called with the outcome of each feed that was rebuilt or found unchanged, in the same way as
	// Committed. Calls to the two hooks share one order.
	Built func(feed.FeedReport)
	// Rejected, if not nil, returns the notices to add when a post is rejected, or the reason for its rejection changes.
	// They are written in one step with the rejection. The builder may also call it and discard the result.
	Rejected func(feed.Problem) []feed.StoredNotice
}

// LeaseAlone is the value of [Config.Lease] for a process that is the only one with access to the store. No process
// waits for its lease, so the lease need not expire while the process is too busy to renew it.
const LeaseAlone = 20 * time.Second

// Publisher builds the feeds of one site. Its methods are safe for concurrent use; their work is serialized.
type Publisher struct {
	config Config

	work       *workLock
	lease      *lease
	absorber   *absorber
	rebuilder  *rebuilder
	reconciler *reconciler
	history    *history

	restart restart // ends the builder's wait for changes

	checkedToken feed.Token // token of the term in which markMoved compared the heads; guarded by work
}

// New returns a Publisher. It does nothing until one of its methods is called.
func New(c Config) *Publisher {
	if c.Replica == nil {
		c.Replica = noReplica{}
	}
	owner := c.Owner
	if c.Heartbeat != nil {
		c.Lease, owner = cmp.Or(c.Lease, boundLease), feed.BoundOwner(c.Owner, c.Heartbeat.process)
	}
	c.Lease = cmp.Or(c.Lease, defaultLease)
	p := &Publisher{
		config: c,
		work:   newWorkLock(c.Turn, c.Committed, c.Built),
	}
	version := &rendering{site: c.Site, catalog: c.Catalog}
	version.set(c.Renderer)
	archives := &archiveSet{store: c.Store}
	problems := newProblemLog(c.Logger)
	p.history = &history{
		store: c.Runs, problems: c.Store, builder: c.Owner, release: c.Release, clock: c.Clock, timed: c.Timed, ran: c.Ran,
		logger: c.Logger,
	}
	p.lease = &lease{
		store: c.Store, holder: c.Store, schema: c.Store, heads: c.Store,
		owner: owner, ttl: c.Lease, heartbeat: c.Heartbeat, replica: c.Replica, fleet: c.Fleet, rendering: version,
		clock: c.Clock, logger: c.Logger,
	}
	p.lease.lapsed = p.restart.now
	p.absorber = &absorber{
		waiting: c.Store, inbox: c.Store, posts: c.Store, items: c.Store, due: c.Store, heads: c.Store, index: c.Store, store: c.Store,
		known: c.Store, catalog: c.Catalog, language: c.Site.Language, withPublications: c.WithPublications,
		replica: c.Replica, rendering: version, rejected: c.Rejected, logger: c.Logger,
		feeds: feedAssigner{
			names: c.Store, canonical: c.Canonical, selector: build.NewSelector(c.Catalog, c.Site.Language, c.Canonical),
			site: siteOfPages(c), home: c.Site.HomeURL, posts: postsWithPattern(c),
		},
		archives: archives, problems: problems, history: p.history, unread: map[string]bool{},
	}
	p.absorber.reading.Store(&reading{nil, c.Intake, intakeVersion(c.Intake, c.Catalog, siteOfPages(c))})
	p.absorber.guard = &guard{
		store: c.Store, posts: c.Store, owner: c.Owner, try: c.Try,
		intake: func() string { return p.absorber.reading.Load().version }, logger: c.Logger,
	}
	p.rebuilder = &rebuilder{
		site: c.Site, catalog: c.Catalog, scheduled: c.Scheduled,
		posts: c.Store, items: c.Store, index: c.Store, names: c.Store, dirty: c.Store, marker: c.Store, heads: c.Store,
		documents: c.Store, problems: c.Store,
		notices:   c.Notices,
		rendering: version, joiner: c.Joiner, archives: archives, replica: c.Replica, isDue: p.absorber.isDue,
		work: p.work, problemLog: problems, history: p.history, clock: c.Clock, logger: c.Logger,
		lastBuilt: map[feed.Name]time.Time{}, failedMark: map[feed.Name]int64{},
	}
	p.reconciler = &reconciler{
		scan: c.Store, compare: c.Store, index: c.Store, absorber: p.absorber, problems: c.Store,
		work:       p.work,
		buildFound: p.buildFound, history: p.history,
	}
	return p
}

// siteOfPages returns the site of c if posts without a URL get a page of their own, and nil otherwise.
func siteOfPages(c Config) *feed.Site {
	if !c.Catalog.Pages {
		return nil
	}
	return &c.Site
}

// postsWithPattern returns the store if the site builds the URLs of posts from a pattern, and nil otherwise.
func postsWithPattern(c Config) postLoader {
	if c.Site.Permalink == "" {
		return nil
	}
	return c.Store
}

// noReplica is the Replica of a process that serves nothing.
type noReplica struct{}

func (noReplica) Newest() feed.Token               { return 0 }
func (noReplica) Head(feed.Name) (feed.Head, bool) { return feed.Head{}, false }
func (noReplica) Heads() []feed.Head               { return nil }
func (noReplica) Sums() map[feed.Name]feed.HeadSum { return nil }
func (noReplica) Blob(feed.Hash) (feed.Blob, bool) { return feed.Blob{}, false }

// Fingerprint identifies the configuration of a site and its feeds. Builders of the same site build different documents
// if their fingerprints differ.
func Fingerprint(s feed.Site, c feed.Catalog) string { return s.Fingerprint() + "-" + c.Fingerprint() }

// Configuration returns the [Fingerprint] of the configuration that a head's documents were built with, or "" if it is
// unknown.
func Configuration(h feed.Head) string {
	if i := strings.LastIndexByte(h.Config, '-'); i >= 0 {
		return h.Config[:i]
	}
	return ""
}

// rendering is the renderer of the site's rendering version. It changes only between two terms as the builder.
type rendering struct {
	site    feed.Site
	catalog feed.Catalog
	current atomic.Pointer[struct {
		renderer    *render.Renderer
		fingerprint string
	}]
}

func (r *rendering) set(renderer *render.Renderer) {
	fingerprint := Fingerprint(r.site, r.catalog) + "-" + strconv.Itoa(renderer.Version())
	r.current.Store(&struct {
		renderer    *render.Renderer
		fingerprint string
	}{renderer, fingerprint})
}

func (r *rendering) renderer() *render.Renderer { return r.current.Load().renderer }

// fingerprint identifies the configuration and the rendering version; heads record it as Config.
func (r *rendering) fingerprint() string { return r.current.Load().fingerprint }

// Rebuild absorbs what was submitted and rebuilds the named feeds and their archives, or all feeds if none is named. If
// another process holds the lease, Rebuild requests the work from that process; otherwise it does the work itself. The
// run is recorded with the context's cause; see [feed.WithCause]. The error is of kind [feed.ErrNotFound] if one
// of the feeds does not exist, and of kind [feed.ErrBusy] if the builder does other work for so long that it does not
// begin the rebuild in time.
func (p *Publisher) Rebuild(ctx context.Context, names ...feed.Name) (feed.Report, error) {
	return p.performOrAsk(ctx, request{Feeds: names})
}

// performOrAsk performs a request, or sends it to the process that holds the lease.
func (p *Publisher) performOrAsk(ctx context.Context, q request) (feed.Report, error) {
	if token, ok := p.lease.held(); ok {
		report, err := p.perform(withPatience(ctx, requestPatience), token, q)
		if !errors.Is(err, errSuperseded) {
			return report, err
		}
	}
	for {
		var report feed.Report
		err := p.lease.run(ctx, func(ctx context.Context, token feed.Token) error {
			var err error
			report, err = p.perform(ctx, token, q)
			return err
		})
		switch {
		case errors.Is(err, errSuperseded):
			continue
		case !errors.Is(err, feed.ErrLocked):
			return report, err
		}
		if report, err = p.askHolder(ctx, q); !errors.Is(err, errNoHolder) {
			return report, err
		}
	}
}

// Tick rebuilds the named feeds on their schedule. If none is named, it rebuilds all feeds except [Config.Scheduled]
// and compresses stable documents with brotli. It does nothing if another process builds, since that process has the
// same schedules, and it skips named feeds that do not exist yet.
func (p *Publisher) Tick(ctx context.Context, names ...feed.Name) error {
	ctx = feed.WithCause(ctx, feed.Cause{Trigger: feed.ScheduleTrigger, By: TickName(names...)})
	token, ok := p.lease.held()
	if !ok {
		return nil
	}
	if len(names) > 0 {
		_, err := p.rebuild(ctx, token, names, nil)
		if errors.Is(err, feed.ErrNotFound) {
			return nil
		}
		return err
	}
	if _, err := p.rebuild(ctx, token, nil, p.config.Scheduled); err != nil {
		return err
	}
	return p.rebuilder.compressStable(ctx, token)
}

// TickName returns the name under which the runs of Tick are recorded.
func TickName(names ...feed.Name) string {
	if len(names) == 0 {
		return "all feeds"
	}
	return strings.Join(stringsOf(names), ", ")
}

// rebuild does the work of Rebuild under the lease, and records it. It skips the feeds in except, unless they were
// never built: a new weekly feed must be available in its first week too.
func (p *Publisher) rebuild(ctx context.Context, token feed.Token, names, except []feed.Name) (feed.Report, error) {
	running, activity := p.history.begin(ctx, feed.CauseOf(ctx))
	report, err := p.rebuildNow(running, token, names, except)
	if errors.Is(err, errSuperseded) {
		return report, err // the next term performs the rebuild
	}
	if errors.Is(err, feed.ErrBusy) {
		activity.refuse(err)
		return report, err
	}
	report.Run = activity.end(ctx, err)
	return report, err
}

func (p *Publisher) rebuildNow(ctx context.Context, token feed.Token, names, except []feed.Name) (feed.Report, error) {
	if err := p.lease.checkStored(ctx, token); err != nil {
		return feed.Report{}, err
	}
	if trigger := feed.CauseOf(ctx).Trigger; trigger == feed.CommandTrigger || trigger == feed.HTTPTrigger {
		p.absorber.guard.retry.Store(true)
	}
	if err := p.absorbFirst(ctx, token); err != nil {
		return feed.Report{}, err
	}
	// Scans do not wait for a turn: a scan of one site must not block the rebuilds of others.
	end := p.history.time(ctx, feed.ReconcileStage)
	if err := p.reconciler.request(ctx, token); err != nil {
		return feed.Report{}, err
	}
	end()
	var report feed.Report
	err := p.work.doInTurn(ctx, func() error {
		if err := p.absorber.absorbInbox(ctx, token); err != nil {
			return err
		}
		if err := p.markMoved(ctx, token); err != nil {
			return err
		}
		targets, err := p.rebuilder.targets(ctx, names)
		if err != nil {
			return err
		}
		targets = slices.DeleteFunc(targets, func(t target) bool {
			return t.head.Feed != "" && slices.Contains(except, feedOf(t.name))
		})
		if report.Feeds, err = p.rebuilder.rebuild(ctx, token, targets); err != nil {
			return err
		}
		if len(names)+len(except) == 0 {
			if err := p.rebuilder.endRollback(ctx, report.Feeds); err != nil {
				return err
			}
		}
		if err := p.rebuildAllPages(ctx, token); err != nil {
			return err
		}
		report.Problems, err = p.config.Store.Problems(ctx)
		return err
	})
	return report, err
}

// rebuildAllPages rebuilds the pages. It does so even if nothing has changed, since a crash may have prevented an
// earlier rebuild, except in a scheduled run: most of these find nothing to do, and rendering the pages would take more
// time than everything else.
func (p *Publisher) rebuildAllPages(ctx context.Context, token feed.Token) error {
	if feed.CauseOf(ctx).Trigger == feed.ScheduleTrigger {
		return p.rebuilder.checkPages(ctx, token)
	}
	p.rebuilder.list = feedList{}
	return p.rebuilder.rebuildPages(ctx, token)
}

// absorbFirst absorbs the inbox, so that reconciliation finds no submitted posts to absorb. If nothing was ever
// committed, it also absorbs every post without an item, so that the first documents are complete.
func (p *Publisher) absorbFirst(ctx context.Context, token feed.Token) error {
	err := p.work.doInTurn(ctx, func() error { return p.absorber.absorbInbox(ctx, token) })
	if err != nil {
		return err
	}
	_, err = p.config.Store.Head(ctx, feed.Main)
	if errors.Is(err, feed.ErrNotFound) || errors.Is(err, feed.ErrInvalid) {
		return p.reconciler.absorbUnread(ctx, token)
	}
	return err
}
