package main

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
	"feedpub/feed/intake"
	"feedpub/feed/publish"
	"feedpub/feed/schedule"
	"feedpub/feed/serve"
	"feedpub/feed/serve/audience"
)

// hosted is one site as a server runs it: who builds it, who holds its documents, and who answers its readers.
type hosted struct {
	*workplace
	role      role
	disk      *serve.Disk
	replica   *serve.Replica
	publisher *publish.Publisher
	trigger   *schedule.Trigger
	jobs      []schedule.Job
	audience  *audience.Audience
	front     *serve.Front
	fleet     *fleet.Fleet // nil for a folder, which one process has for itself
	checkPost func(id string, raw []byte) error

	ctx   context.Context // of all that it does
	stop  context.CancelFunc
	ended chan struct{} // closed when it does nothing any more
}

// host wires a site's parts together and loads what its disk holds. Before, if not nil, is an earlier form of the site:
// it ends when nothing can go wrong any more, and the new one takes over its documents, its count of readers and its part
// of the data folder, so that readers notice nothing. Else the caller calls release in the end. The site works under ctx.
func (s *server) host(ctx context.Context, w *workplace, before *hosted) (*hosted, error) {
	c := w.config
	building, err := w.publisher(s.tools)
	if err != nil {
		return nil, err
	}
	h := &hosted{workplace: w, role: s.role, checkPost: checkPost(building.Intake, time.Now), ended: make(chan struct{})}
	h.jobs, err = jobs(c, func(ctx context.Context, names ...feed.Name) error { return h.publisher.Tick(ctx, names...) })
	if err != nil {
		return nil, err
	}
	replica := serve.ReplicaConfig{Source: w.Site, Log: w.log, Now: time.Now, Options: retreats(c), Memory: s.memory}
	if before == nil {
		if err := h.openData(); err != nil {
			return nil, err
		}
	} else {
		before.end()
		h.disk, h.audience, replica.Before = before.disk, before.audience, before.replica
	}
	replica.Disk = h.disk
	if w.folder() {
		h.replica = serve.NewReplica(replica)
	} else {
		source := &readable{Site: w.Site}
		replica.Source, replica.Restorer = source, w.Site
		h.replica = serve.NewReplica(replica)
		h.fleet = w.fleet(building, s.role, h.replica, s.tools.pace)
		source.fleet, building.Fleet = h.fleet, h.fleet
	}
	h.ctx, h.stop = context.WithCancel(ctx)
	building.Replica = h.replica
	building.Built = s.metrics.Built
	building.Turn = s.tools.turn
	h.publisher = publish.New(building)
	rebuild := h.publisher.Rebuild
	if !s.role.builds {
		rebuild = w.ask
	}
	h.trigger = schedule.NewTrigger(h.ctx, rebuild)
	if s.role.serves {
		h.front = s.newFront(h.replica, h.audience, c.Site.ID, w.log)
	}
	h.replica.Load()
	return h, nil
}

// openData opens the site's part of the data folder.
func (h *hosted) openData() (err error) {
	c := h.config
	documents := "documents"
	if !h.role.serves {
		documents = "built" // so that a builder and a server may share the data folder
	}
	if h.disk, err = serve.OpenDisk(filepath.Join(string(c.Data), documents, string(c.Site.ID))); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if h.role.serves {
		// Behind the lock on the documents: no other process counts into the file.
		var salt audience.Salt
		_, _ = rand.Read(salt[:]) // it never fails
		h.audience = audience.Open(filepath.Join(string(c.Data), "audience", string(c.Site.ID)), time.Now, salt, h.log)
	}
	return nil
}

// start lets the site work until end: it serves at once and tells other processes of itself, and builds, if that is the
// server's role, when checked says that the store may be relied on.
// Whatever ends it sooner is reported to failed.
func (h *hosted) start(checked <-chan struct{}, failed func(error)) {
	go func() {
		defer close(h.ended)
		g, ctx := errgroup.WithContext(h.ctx)
		g.Go(func() error { return h.replica.Run(ctx) })
		if h.audience != nil {
			g.Go(func() error { return h.audience.Run(ctx) })
		}
		if h.fleet != nil {
			g.Go(func() error { return h.fleet.Run(ctx) })
		}
		g.Go(func() error {
			select {
			case <-checked:
			case <-ctx.Done():
				return nil
			}
			if !h.role.builds {
				return nil
			}
			g.Go(func() error { return schedule.Run(ctx, h.log, h.jobs...) })
			return h.publisher.Run(ctx)
		})
		if err := ignoreEnd(h.ctx, g.Wait()); err != nil {
			failed(err)
		}
	}()
}

// end ends the site's work and waits until it has ended. Its documents are still there to answer readers with.
func (h *hosted) end() {
	h.stop()
	<-h.ended
}

// release gives the site's part of the data folder back when the site has ended, or not at all if ctx ends sooner: what it
// writes may be half done then, and the end of the process gives it back.
func (h *hosted) release(ctx context.Context) {
	select {
	case <-h.ended:
	case <-ctx.Done():
		return
	}
	if err := h.disk.Close(); err != nil {
		h.log.Warn("the data folder was not closed well", "error", err)
	}
}

// problems returns who lists what an operator of the site has to know.
func (h *hosted) problems() []admin.ProblemLister {
	listers := []admin.ProblemLister{h.Site, h.replica}
	if h.fleet != nil {
		listers = append(listers, h.fleet)
	}
	return listers
}

// mayBuild returns nil unless this server is to build the site and stands aside; then why it does.
func (h *hosted) mayBuild(ctx context.Context) error {
	if h.fleet == nil || !h.role.builds {
		return nil
	}
	return h.fleet.Check(ctx)
}

// writable returns the posts for those who write over HTTP, nil if they can't be written.
func (h *hosted) writable() admin.Posts {
	switch {
	case h.sample:
		return nil
	case h.fleet == nil:
		return h.Site
	default:
		return writable{h.Site, h.fleet}
	}
}

// checkPost returns a check of posts that finds all that would have them set aside.
func checkPost(in *intake.Intake, now func() time.Time) func(id string, raw []byte) error {
	return func(id string, raw []byte) error {
		// A post without a date will have the time at which it is first seen.
		_, err := in.Item(id, raw, feed.Record{ID: id, FirstSeen: now()})
		return err
	}
}

// newFront returns what answers the readers of a site, whatever the engine. Without documents it is nobody's.
func (s *server) newFront(d serve.Documents, a serve.Audience, id feed.SiteID, log *slog.Logger) *serve.Front {
	f := &serve.Front{Documents: d, Observer: s.metrics, Audience: a, AccessLog: log, LogEvery: uint64(s.config.Log.Access)}
	for _, n := range s.config.Polling.Proxies {
		f.Proxies = append(f.Proxies, n.Prefix)
	}
	if s.limiter != nil {
		f.Limiter = s.limiter.Site(id)
	}
	return f
}

// retreats returns what is served besides documents: what has moved and what is no more.
func retreats(c config.Config) serve.Options {
	retired, moved := c.Retreats()
	return serve.Options{Retired: retired, Moved: moved, Aliases: len(c.Paths)+len(c.Aliases) > 0}
}

// jobs returns what is to be done on schedule: the default schedule's run, and that of each feed with its own.
func jobs(c config.Config, tick func(context.Context, ...feed.Name) error) ([]schedule.Job, error) {
	every, err := schedule.Parse(c.Schedule, c.TimeZone.Location)
	if err != nil {
		return nil, err
	}
	all := []schedule.Job{{Name: "all feeds", Schedule: every, Run: func(ctx context.Context) error { return tick(ctx) }}}
	schedules := c.FeedSchedules()
	for _, name := range slices.Sorted(maps.Keys(schedules)) {
		own, err := schedule.Parse(schedules[name], c.TimeZone.Location)
		if err != nil {
			return nil, err
		}
		all = append(all, schedule.Job{
			Name: string(name), Schedule: own, Run: func(ctx context.Context) error { return tick(ctx, name) },
		})
	}
	return all, nil
}
