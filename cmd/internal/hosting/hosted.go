package hosting

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/admin"
	"feedpub/feed/fleet"
	"feedpub/feed/hub"
	"feedpub/feed/intake"
	"feedpub/feed/publish"
	"feedpub/feed/schedule"
	"feedpub/feed/serve"
	"feedpub/feed/serve/audience"
)

// hostedSite is a site that a server builds, serves, or both.
type hostedSite struct {
	site     *Site
	settings siteSettings
	entry    *admin.Site
	role     Role

	disk      *serve.Disk
	replica   *serve.Replica
	publisher *publish.Publisher
	trigger   *schedule.Trigger
	// acceptRollback stops holding changes after the store was rolled back, and rebuilds.
	acceptRollback func(context.Context) (feed.Report, error)
	jobs           []schedule.Job
	audience       *audience.Audience // nil for a builder, which has no readers
	sampled        uint64             // generation of the documents at the last call of served
	readers        *readers           // nil for a builder
	front          *serve.Front       // nil for a builder
	fleet          *fleet.Fleet       // nil for a folder, which only one process uses
	hub            *hub.Hub           // nil for a site without hubs and webhooks
	owner          string             // unique name of this process
	checkPost      func(id string, raw []byte) error

	ctx   context.Context // context of all work on the site
	stop  context.CancelFunc
	ended chan struct{} // closed when all its work has ended
}

func (h *hostedSite) log() *slog.Logger { return h.site.Source.process.Log }

// newHosted returns a hosted site with the documents in its data folder. The site runs until ctx is done or end is
// called. If before is nil, the caller must call release. Otherwise, before is the same site with its earlier settings.
// After the last step that can fail, newHosted ends the work of before and takes over its documents, reader counts and
// part of the data folder, so that readers are served without interruption.
func (s *Server) newHosted(ctx context.Context, site *Site, before *hostedSite) (*hostedSite, error) {
	c, process := site.Source.Config, site.Source.process
	building, err := site.publishing(s.shared)
	if err != nil {
		return nil, err
	}
	h := &hostedSite{
		site: site, role: s.options.Role, checkPost: checkPost(building.Intake, process.Now), owner: building.Owner,
		ended: make(chan struct{}),
	}
	if h.hub, err = s.newHub(h); err != nil {
		return nil, err
	}
	h.jobs, err = jobs(c, func(ctx context.Context, names ...feed.Name) error { return h.publisher.Tick(ctx, names...) })
	if err != nil {
		return nil, err
	}
	replica := serve.ReplicaConfig{
		Source: site.Store, Log: process.Log, Now: process.Now, Options: oldPaths(c), Memory: s.memory,
		Pace: s.shared.pace.Interval,
	}
	if h.role.Serves { // a process that only builds has no readers
		replica.Marker = site.Store
	}
	if before == nil {
		if err := h.openData(); err != nil {
			return nil, err
		}
	} else {
		before.end()
		h.disk, h.audience, replica.Before = before.disk, before.audience, before.replica
	}
	replica.Disk = h.disk
	if site.Source.Folder() {
		replica.Kept, replica.Sync = feed.Name.OfPost, site.Store.Sync // there may be tens of thousands of pages
		h.replica = serve.NewReplica(replica)
	} else {
		source := &serve.CheckedSource{Source: site.Store}
		replica.Source, replica.Restorer, replica.Reporter = source, site.Store, site.Store
		h.replica = serve.NewReplica(replica)
		h.fleet = site.fleet(building, h.role, h.replica, s.shared.pace)
		source.Check, building.Fleet = h.fleet.Readable, h.fleet
	}
	h.ctx, h.stop = context.WithCancel(ctx)
	building.Replica = h.replica
	building.Ran = func(r feed.Run) { s.metrics.Ran(c.Site.ID, r) }
	building.Timed = s.metrics.Timed
	building.Built = s.metrics.Built
	building.Turn, building.Pace = s.shared.waitTurn, s.shared.pace.Interval
	building.Heartbeat = s.heartbeat
	h.push(&building)
	h.publisher = publish.New(building)
	rebuild := h.publisher.Rebuild
	if h.acceptRollback = h.publisher.AcceptRollback; !h.role.Builds {
		rebuild, h.acceptRollback = site.requestRebuild, site.requestAcceptRollback
	}
	h.trigger = schedule.NewTrigger(h.ctx, rebuild)
	if h.role.Serves {
		s.openFront(h)
	}
	h.replica.Load()
	return h, nil
}

// openFront creates the part of a site that serves readers.
func (s *Server) openFront(h *hostedSite) {
	c := h.site.Source.Config
	h.readers = &readers{polls: h.audience}
	if c.OwnHub() != "" {
		h.readers.store = h.site.Store
	}
	h.front = s.newFront(h.replica, h.audience, c.Site.ID, h.log())
	h.front.Media, _ = h.site.Source.media()
	if own := c.OwnHub(); own != "" {
		h.front.Hub, h.front.HubPath = h.hub, own
	}
}

// openData opens the site's part of the data folder.
func (h *hostedSite) openData() (err error) {
	c := h.site.Source.Config
	documents := "documents"
	if !h.role.Serves {
		documents = "built" // so that a builder and a server can share the data folder
	}
	if h.disk, err = serve.OpenDisk(filepath.Join(string(c.Data), documents, string(c.Site.ID))); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if h.role.Serves {
		// The lock on the documents also prevents other processes from writing to this file.
		var salt audience.Salt
		_, _ = rand.Read(salt[:]) // never fails
		path := filepath.Join(string(c.Data), "audience", string(c.Site.ID))
		h.audience = audience.Open(path, h.site.Source.process.Now, salt, h.log())
	}
	return nil
}

// start starts the site's work in the background. The site serves and registers at once. If its role is to build, it
// starts to build when checked is closed, and the scheduler runs its scheduled rebuilds. If the work fails before end
// is called, failed is called with the error.
func (h *hostedSite) start(checked <-chan struct{}, scheduler *schedule.Scheduler, failed func(error)) {
	go func() {
		defer close(h.ended)
		g, ctx := errgroup.WithContext(h.ctx)
		g.Go(func() error { return h.replica.Run(ctx) })
		if h.audience != nil {
			g.Go(func() error { return h.audience.Run(ctx, h.served) })
		}
		if h.fleet != nil {
			g.Go(func() error { return h.fleet.Run(ctx) })
		}
		g.Go(func() error { return h.announce(ctx) })
		// The publisher runs in this goroutine, since each goroutine of a site needs memory.
		if err := h.build(ctx, checked, scheduler); err != nil {
			failed(err)
		}
		if err := ignoreCanceled(h.ctx, g.Wait()); err != nil {
			failed(err)
		}
	}()
}

// build builds the site, if that is its role, until ctx is done.
func (h *hostedSite) build(ctx context.Context, checked <-chan struct{}, scheduler *schedule.Scheduler) error {
	if !h.role.Builds {
		return nil
	}
	// Wait until the store has been checked, and until the first build can know whether it was rolled back.
	for _, ready := range []<-chan struct{}{checked, h.replica.Checked()} {
		select {
		case <-ready:
		case <-ctx.Done():
			return nil
		}
	}
	remove, err := scheduler.Add(ctx, h.log(), h.jobs...)
	if err != nil {
		return err
	}
	defer remove()
	return h.publisher.Run(ctx)
}

// announce makes the embedded store notify the hub of rejected files, and runs the hub if the site has one.
func (h *hostedSite) announce(ctx context.Context) error {
	var rejected func(feed.Problem) []feed.StoredNotice
	if h.hub != nil {
		rejected = h.hub.Rejected
	}
	if h.site.notifyRejected != nil && h.role.Builds {
		if err := h.site.notifyRejected(ctx, rejected); err != nil {
			return err
		}
	}
	if h.hub == nil {
		return nil
	}
	return h.hub.Run(ctx)
}

// end ends the site's work and waits until it has ended. The documents can still be served.
func (h *hostedSite) end() {
	h.stop()
	<-h.ended
}

// release waits until the site's work has ended, and then unlocks the site's part of the data folder. If ctx is done
// first, release leaves the folder locked, since a write may still be in progress. The folder is then unlocked when the
// process exits.
func (h *hostedSite) release(ctx context.Context) {
	select {
	case <-h.ended:
	case <-ctx.Done():
		return
	}
	if err := h.disk.Close(); err != nil {
		h.log().Warn("cannot close the data folder", "error", err)
	}
}

// served returns the feeds that are served now, with their sizes and their subscriptions. It returns nil if they are
// the same as in the last call. Only the audience's goroutine may call it.
func (h *hostedSite) served() []audience.Served {
	generation := h.replica.Generation()
	if generation == h.sampled && h.readers.store == nil {
		return nil
	}
	h.sampled = generation
	feeds, _ := feed.FeedsOf(h.replica.Heads())
	pushed := h.readers.pushed()
	list := make([]audience.Served, len(feeds))
	for i, head := range feeds {
		list[i] = audience.Served{Feed: head.Feed, Posts: len(head.IDs), Pushed: pushed[head.Feed]}
		for _, d := range head.Documents {
			list[i].Bytes += d.Length
		}
	}
	return list
}

// localProblems returns the listers of the site's problems, except for the store.
func (h *hostedSite) localProblems() []admin.ProblemLister {
	listers := []admin.ProblemLister{h.replica}
	if h.fleet != nil {
		listers = append(listers, h.fleet)
	}
	return listers
}

// checkBuilding returns an error if this server should build the site, but runs a release that cannot.
func (h *hostedSite) checkBuilding(ctx context.Context) error {
	if h.fleet == nil || !h.role.Builds {
		return nil
	}
	return h.fleet.Check(ctx)
}

// posts returns the posts for writers over HTTP, or nil if the site is read-only.
func (h *hostedSite) posts() admin.Posts {
	switch {
	case h.site.Source.Sample:
		return nil
	case h.fleet == nil:
		return h.site.Store
	default:
		return writable{h.site.Store, h.fleet}
	}
}

// checkPost returns a function that checks a post as a builder would, and returns an error if the post would be
// rejected.
func checkPost(in *intake.Intake, now func() time.Time) func(id string, raw []byte) error {
	return func(id string, raw []byte) error {
		// A post without a date gets the time at which it was first seen.
		_, err := in.Item(id, raw, feed.Record{ID: id, FirstSeen: now()})
		return err
	}
}

// newFront returns the front of a site's documents, for either HTTP engine. If the documents are nil, it is the front
// for hosts that belong to no site.
func (s *Server) newFront(d serve.Documents, a serve.Audience, id feed.SiteID, log *slog.Logger) *serve.Front {
	f := &serve.Front{
		Documents: d, Observer: s.metrics, Answered: s.metrics.Answered, Audience: a, Unread: s.unread, AccessLog: log,
		LogEvery: uint64(s.config.Log.Access),
	}
	for _, n := range s.config.Polling.Proxies {
		f.Proxies = append(f.Proxies, n.Prefix)
	}
	if s.limiter != nil {
		f.Limiter = s.limiter.Site(id)
	}
	return f
}

// oldPaths returns the retired, moved and aliased paths.
func oldPaths(c config.Config) serve.Options {
	retired, moved := c.RetiredAndMoved()
	return serve.Options{Retired: retired, Moved: moved, Aliases: len(c.Paths)+len(c.Aliases) > 0}
}

// jobs returns the scheduled rebuilds: one of all feeds, and one for each feed with a schedule of its own.
func jobs(c config.Config, tick func(context.Context, ...feed.Name) error) ([]schedule.Job, error) {
	all, err := schedule.Parse(c.Schedule, c.TimeZone.Location)
	if err != nil {
		return nil, err
	}
	list := []schedule.Job{{Name: "all feeds", Schedule: all, Run: func(ctx context.Context) error { return tick(ctx) }}}
	schedules := c.FeedSchedules()
	for _, name := range slices.Sorted(maps.Keys(schedules)) {
		own, err := schedule.Parse(schedules[name], c.TimeZone.Location)
		if err != nil {
			return nil, err
		}
		list = append(list, schedule.Job{
			Name: string(name), Schedule: own, Run: func(ctx context.Context) error { return tick(ctx, name) },
		})
	}
	return list, nil
}

// nextRun returns the time of the next scheduled run after t, or zero if this process does not build.
func (h *hostedSite) nextRun(t time.Time) time.Time {
	var next time.Time
	if !h.role.Builds {
		return next
	}
	for _, j := range h.jobs {
		if at := j.Schedule.Next(t); next.IsZero() || at.Before(next) {
			next = at
		}
	}
	return next
}
