package hosting

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/fleet"
	"feedpub/feed/intake"
	"feedpub/feed/publish"
	"feedpub/store"
)

// Site is an open site: its store, and the configuration that it was opened with.
type Site struct {
	Source Source
	Store  *store.Site
	run    func(context.Context) error // the work of the embedded store; nil if there is none
	posts  intake.Posts                // finds the posts in files of the embedded store; nil if there is none
	close  func() error
	// notifyRejected is the method NotifyRejected of the embedded store; nil if there is none.
	notifyRejected func(context.Context, func(feed.Problem) []feed.StoredNotice) error
}

// site returns the site of the source in an open store.
func (s Source) site(client *store.Client, closeStore func() error) *Site {
	return &Site{Source: s, Store: client.Site(s.Config.Site.ID), close: closeStore}
}

// Close closes the store, and logs an error.
func (s *Site) Close() {
	if err := s.close(); err != nil {
		s.Source.process.Log.Error("cannot close the store", "error", err)
	}
}

// ForSite returns the site that c configures in the same store. It can be used until s is closed, and need not be
// closed separately.
func (s *Site) ForSite(c config.Config) *Site {
	source := s.Source
	source.Config = c
	source.process.Log = source.process.Log.With("site", c.Site.ID)
	site := source.site(s.Store.Client(), func() error { return nil })
	site.posts, site.notifyRejected = s.posts, s.notifyRejected
	return site
}

// withConfig returns the same site with a different configuration.
func (s *Site) withConfig(c config.Config) *Site {
	same := *s
	same.Source.Config = c
	same.close = func() error { return nil }
	return &same
}

// OpenBuilt opens the site for a command that shows documents. If the posts are in a folder that no server has open, it
// builds the documents first, since they may be older than the files. The caller must close the site.
func (s Source) OpenBuilt(ctx context.Context) (*Site, error) {
	site, err := s.Open(ctx)
	if err != nil || !s.Folder() {
		return site, err
	}
	_, left, err := site.Store.Holder(ctx, publish.Job)
	if err == nil && left == 0 {
		var p *publish.Publisher
		if p, err = site.builder(ctx, true, changedRuns{site.Store}); err == nil {
			_, err = p.Rebuild(ctx)
		}
	}
	if err != nil {
		site.Close()
		return nil, err
	}
	return site, nil
}

// Rebuild rebuilds the named feeds, or all if none is named. The process that builds the site does the work;
// if no process builds it, this process does. For posts in Redis, that requires the configuration that the committed
// documents were built with, unless adopt is set.
func (s *Site) Rebuild(ctx context.Context, names []feed.Name, adopt bool) (feed.Report, error) {
	p, err := s.builder(ctx, adopt, s.Store)
	if err != nil {
		return feed.Report{}, err
	}
	return p.Rebuild(ctx, names...)
}

// AcceptRollback accepts that the store was replaced by an older copy, and rebuilds all feeds; see
// [publish.Publisher.AcceptRollback]. It is otherwise like Rebuild.
func (s *Site) AcceptRollback(ctx context.Context, adopt bool) (feed.Report, error) {
	p, err := s.builder(ctx, adopt, s.Store)
	if err != nil {
		return feed.Report{}, err
	}
	return p.AcceptRollback(ctx)
}

// changedRuns records only the runs that changed documents. Without a server, each command that shows documents of a
// folder builds them, usually without changes.
type changedRuns struct{ publish.RunStore }

// AddRun records a run if it changed documents.
func (c changedRuns) AddRun(ctx context.Context, r feed.Run) error {
	if r.Outcomes[feed.Committed] == 0 {
		return nil
	}
	return c.RunStore.AddRun(ctx, r)
}

// builder returns a publisher for a command that rebuilds once.
func (s *Site) builder(ctx context.Context, adopt bool, runs publish.RunStore) (*publish.Publisher, error) {
	_, left, err := s.Store.Holder(ctx, publish.Job)
	if err != nil {
		return nil, fmt.Errorf("rebuild: %w", err)
	}
	folder := s.Source.Folder()
	if left == 0 && !adopt && !folder {
		if err := s.checkConfig(ctx); err != nil {
			return nil, err
		}
	}
	c, err := s.publishing(newShared(s.Source.process.Versions, s.Source.Folder()))
	if err != nil {
		return nil, err
	}
	if !folder {
		c.Fleet = s.fleet(c, Role{Builds: true}, nil, nil)
	}
	c.Runs = runs
	return publish.New(c), nil
}

// checkConfig returns an error if the committed documents were built with a different configuration: a machine with an
// outdated or missing configuration must not change the feeds.
func (s *Site) checkConfig(ctx context.Context) error {
	head, err := s.Store.Head(ctx, feed.Main)
	if errors.Is(err, feed.ErrNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	c := s.Source.Config
	if publish.Configuration(head) == publish.Fingerprint(c.FeedSite(), c.Catalog()) {
		return nil
	}
	return errors.New("no server is building, and the documents were built with a different configuration; " +
		"pass that configuration with --config, or pass --adopt-config to build the documents with this one")
}

// requestRebuild asks the process that builds the site to rebuild feeds. It is used by servers that never build.
func (s *Site) requestRebuild(ctx context.Context, names ...feed.Name) (feed.Report, error) {
	if err := s.checkBuilder(ctx); err != nil {
		return feed.Report{}, err
	}
	return publish.Ask(ctx, s.Store, names)
}

// requestAcceptRollback is like requestRebuild, but accepts that the store was rolled back.
func (s *Site) requestAcceptRollback(ctx context.Context) (feed.Report, error) {
	if err := s.checkBuilder(ctx); err != nil {
		return feed.Report{}, err
	}
	return publish.AskAcceptRollback(ctx, s.Store)
}

// checkBuilder returns an error of kind [feed.ErrUnavailable] if no process builds the site.
func (s *Site) checkBuilder(ctx context.Context) error {
	_, left, err := s.Store.Holder(ctx, publish.Job)
	if err == nil && left == 0 {
		err = fmt.Errorf("no server is building the site: %w", feed.ErrUnavailable)
	}
	if err != nil {
		return fmt.Errorf("rebuild: %w", err)
	}
	return nil
}

// publishing returns the configuration of a publisher of the site, which uses the shared components.
func (s *Site) publishing(shared *shared) (publish.Config, error) {
	c := s.Source.Config
	reader, err := shared.reader(c.Attribution)
	if err != nil {
		return publish.Config{}, err
	}
	site := c.FeedSite()
	push, _ := pushing(c)
	var try func(context.Context, []feed.StoredPost) (map[string]string, error)
	if s.Source.process.Try != nil {
		try = s.tryPosts
	}
	var lease time.Duration // the default
	if s.Source.Folder() {
		lease = publish.LeaseAlone
	}
	return publish.Config{
		Try:       try,
		Lease:     lease,
		Notices:   push.Queues(),
		Site:      site,
		Catalog:   c.Catalog(),
		Store:     s.Store,
		Intake:    s.intake(reader),
		Renderer:  shared.renderer,
		Joiner:    shared.joiner,
		Canonical: reader.Canonical,
		WithPublications: func(table []feed.Publication) (*intake.Intake, func(string) feed.Source, error) {
			reader, err := readerOf(c.Attribution, table)
			if err != nil {
				return nil, nil, err
			}
			return s.intake(reader), reader.Canonical, nil
		},
		Owner:     fleet.NewID(),
		Clock:     s.Source.process.Now,
		Logger:    s.Source.process.Log,
		OnChange:  c.OnChange,
		Scheduled: slices.Sorted(maps.Keys(c.FeedSchedules())),
		Runs:      s.Store,
		Release:   s.Source.process.Build.Version,
	}, nil
}

// intake returns the intake of a builder of the site.
func (s *Site) intake(reader *attribution.Reader) *intake.Intake {
	in := s.Source.intake(reader)
	if _, ok := s.Source.media(); ok && s.posts != nil {
		in = in.WithPosts(s.posts, s.Source.Config.Catalog().Pages)
	}
	return in
}

// Load calls f with each post as it is stored, ordered by id. It reads the posts in batches.
func (s *Site) Load(ctx context.Context, ids []string, f func(feed.StoredPost) error) error {
	const batch = 200
	for some := range slices.Chunk(ids, batch) {
		stored, err := s.Store.Load(ctx, some)
		if err != nil {
			return err
		}
		for _, post := range stored {
			if err := f(post); err != nil {
				return err
			}
		}
	}
	return nil
}

// PostIDs returns the ids of all posts in order, each once.
func (s *Site) PostIDs(ctx context.Context) ([]string, error) {
	var ids []string
	for batch, err := range s.Store.PostIDs(ctx) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, batch...)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

// CheckFollow returns an error if the site's runs cannot be followed. If this process has the folder open, no server
// can build it.
func (s *Site) CheckFollow(ctx context.Context) error {
	if !s.Source.Folder() {
		return nil
	}
	_, left, err := s.Store.Holder(ctx, publish.Job)
	if err != nil {
		return fmt.Errorf("follow runs: %w", err)
	}
	if left == 0 {
		return errors.New("no server has the folder open, so there are no new runs to follow; start 'feedpub serve' first")
	}
	return nil
}
