// Package feedpub publishes a site's feeds from within another Go program: it builds the feeds of the posts in a folder
// or in Redis and serves them as an [http.Handler]. It only connects the packages below it, with the defaults of the
// program in cmd/feedpub; a program that needs more, such as a hub or rate limits, connects them itself.
package feedpub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/coding"
	"feedpub/feed/fleet"
	"feedpub/feed/intake"
	"feedpub/feed/publish"
	"feedpub/feed/render"
	"feedpub/feed/schedule"
	"feedpub/feed/serve"
	"feedpub/feed/serve/media"
	"feedpub/feed/transfer"
	"feedpub/store"
	"feedpub/store/embedded"
)

// Options configure a site. BaseURL is required, and so is exactly one of Dir and Redis.
type Options struct {
	// BaseURL is the absolute URL under which the feeds are served.
	BaseURL string
	Title   string // the default is "main"
	// Site contains the remaining settings of the site. Empty fields get the defaults of the program, such as the ID
	// "main". The options BaseURL and Title take precedence.
	Site feed.Site
	// Catalog configures the feeds. The default is the main feed with archives, the feeds of all families, and pages.
	Catalog *feed.Catalog
	// Dir is a folder of posts, one or more per file, which is created if it does not exist. Files beside the posts are
	// served too.
	Dir string
	// Redis is the URL of the Redis server that stores the posts; see package redisurl.
	Redis string
	// Data is the folder for copies of the documents and, with Dir, the state of the posts. Only one process at a time
	// can use it. The default is "feedpub-data".
	Data string
	// Schedule is a cron spec, in UTC, of rebuilds of all feeds; changes are published at once. The default is
	// "*/15 * * * *".
	Schedule string
	Log      *slog.Logger // nil discards messages
}

// Site is an open site. It serves the documents in the data folder as soon as it is open, and new ones while Run is
// running. Its methods are safe for concurrent use.
type Site struct {
	store     *store.Site
	posts     intake.Posts // the posts in the files of a folder; nil with Redis
	work      []func(context.Context) error
	publisher *publish.Publisher
	replica   *serve.Replica
	handler   http.Handler
	close     func() error
}

// Open opens a site. The context bounds reading the folder. The caller must call Close. With Redis, Open does not wait
// for the server: documents in the data folder are served without it. The error is of kind [feed.ErrLocked] if another
// process uses the data folder.
func Open(ctx context.Context, o Options) (*Site, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("open site: %w", err)
	}
	reader, err := attribution.New(attribution.Options{})
	if err != nil {
		return nil, fmt.Errorf("open site: %w", err)
	}
	s := &Site{}
	if err := s.openStore(ctx, o, reader); err != nil {
		return nil, fmt.Errorf("open site: %w", err)
	}
	disk, err := serve.OpenDisk(filepath.Join(o.Data, "documents", string(o.Site.ID)))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open site: %w", err), s.close())
	}
	closeStore := s.close
	s.close = func() error { return errors.Join(disk.Close(), closeStore()) }
	if err := s.connect(o, reader, disk); err != nil {
		return nil, errors.Join(fmt.Errorf("open site: %w", err), s.close())
	}
	return s, nil
}

// withDefaults returns the options with the defaults filled in, or an error of kind [feed.ErrInvalid].
func (o Options) withDefaults() (Options, error) {
	switch {
	case o.BaseURL == "" && o.Site.BaseURL == "":
		return o, fmt.Errorf("BaseURL is missing: %w", feed.ErrInvalid)
	case (o.Dir == "") == (o.Redis == ""):
		return o, fmt.Errorf("want exactly one of Dir and Redis: %w", feed.ErrInvalid)
	}
	c := config.Default()
	defaults, site := c.FeedSite(), &o.Site
	site.BaseURL = strings.TrimRight(cmp.Or(o.BaseURL, site.BaseURL), "/")
	site.Title = cmp.Or(o.Title, site.Title, defaults.Title)
	site.ID = cmp.Or(site.ID, defaults.ID)
	site.Language = cmp.Or(site.Language, defaults.Language)
	site.HomeURL = cmp.Or(site.HomeURL, site.BaseURL)
	site.Since = cmp.Or(site.Since, defaults.Since)
	site.Limit = cmp.Or(site.Limit, defaults.Limit)
	site.TTL = cmp.Or(site.TTL, defaults.TTL)
	if o.Catalog == nil {
		catalog := c.Catalog()
		o.Catalog = &catalog
	}
	o.Data = cmp.Or(o.Data, "feedpub-data")
	o.Schedule = cmp.Or(o.Schedule, c.Schedule)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

// openStore opens the folder of posts or connects to Redis.
func (s *Site) openStore(ctx context.Context, o Options, reader *attribution.Reader) error {
	if o.Redis != "" {
		client, err := store.Open(store.Options{URL: o.Redis, Logger: o.Log})
		if err != nil {
			return err
		}
		s.store, s.close = client.Site(o.Site.ID), client.Close
		return nil
	}
	in := intake.New(o.Site, reader)
	folder, err := embedded.Open(ctx, embedded.Options{
		Dir: o.Dir, Data: o.Data, Site: o.Site.ID, Logger: o.Log,
		Decode: transfer.Options{Reader: reader}.Decode,
		Check: func(p feed.RawPost) (public bool, err error) {
			// A post without a date gets the time at which it was first seen.
			result, err := in.Item(p.ID, p.Raw, feed.Record{ID: p.ID, FirstSeen: time.Now()})
			if err != nil {
				return intake.StatusOf(p.Raw) == feed.Published, err
			}
			return result.Item != nil, nil
		},
	})
	if err != nil {
		return err
	}
	s.posts = folder
	s.store, s.close, s.work = folder.Client().Site(o.Site.ID), folder.Close, append(s.work, folder.Run)
	return nil
}

// connect creates the publisher, the replica and the handler.
func (s *Site) connect(o Options, reader *attribution.Reader, disk *serve.Disk) error {
	front := &serve.Front{}
	newIntake := func(reader *attribution.Reader) *intake.Intake {
		in := intake.New(o.Site, reader)
		if o.Dir != "" {
			in = in.WithMedia(media.New(o.Dir)).WithPosts(s.posts, o.Catalog.Pages)
		}
		return in
	}
	building := publish.Config{
		Site: o.Site, Catalog: *o.Catalog, Store: s.store, Intake: newIntake(reader), Renderer: render.New(),
		Joiner: coding.NewJoiner(coding.DefaultJoinerBytes), Canonical: reader.Canonical,
		WithPublications: func(table []feed.Publication) (*intake.Intake, func(string) feed.Source, error) {
			reader, err := attribution.New(attribution.Options{Publications: reader.Unknown(table)})
			if err != nil {
				return nil, nil, err
			}
			return newIntake(reader), reader.Canonical, nil
		},
		Owner: fleet.NewID(), Clock: time.Now, Logger: o.Log, OnChange: true, Runs: s.store,
	}
	documents := serve.ReplicaConfig{Source: s.store, Disk: disk, Log: o.Log, Now: time.Now, Marker: s.store}
	if o.Dir != "" {
		building.Lease = publish.LeaseAlone
		front.Media = media.New(o.Dir)
		s.replica = serve.NewReplica(documents)
	} else {
		source := &serve.CheckedSource{Source: s.store}
		documents.Source, documents.Restorer, documents.Reporter = source, s.store, s.store
		s.replica = serve.NewReplica(documents)
		members := newFleet(building, s.store, s.replica)
		source.Check, building.Fleet = members.Readable, members
		s.work = append(s.work, members.Run)
	}
	building.Replica = s.replica
	s.publisher = publish.New(building)
	all, err := schedule.Parse(o.Schedule, time.UTC)
	if err != nil {
		return err
	}
	s.work = append(s.work, s.replica.Run, s.publisher.Run, func(ctx context.Context) error {
		tick := func(ctx context.Context) error { return s.publisher.Tick(ctx) }
		return schedule.Run(ctx, o.Log, schedule.Job{Name: "all feeds", Schedule: all, Run: tick})
	})
	front.Documents = s.replica
	s.handler = serve.NewHandler(front)
	s.replica.Load()
	return nil
}

// newFleet returns this process as a member of the processes that build and serve a site in Redis.
func newFleet(c publish.Config, site *store.Site, documents fleet.Documents) *fleet.Fleet {
	return fleet.New(fleet.Config{
		Store: site, Documents: documents, Log: c.Logger, Clock: c.Clock,
		Initial: feed.Schema{
			Version: store.SchemaVersion, Reader: store.SchemaReader, Writer: store.SchemaWriter,
		},
		Self: feed.Member{
			ID: c.Owner, Builds: true, Serves: true, Program: "embedded", Schema: store.SchemaVersion,
			Renderer: feed.Versions{Oldest: render.Oldest, Newest: render.Version}, Intake: intake.Version,
			Config: publish.Fingerprint(c.Site, c.Catalog) + "-" + c.Intake.Fingerprint(),
		},
	})
}

// Run publishes posts as they change and on the schedule, and serves what this or another process publishes, until ctx
// ends. It retries when the store is unavailable, and returns nil after ctx is done. Run must be called at most once.
func (s *Site) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, work := range s.work {
		g.Go(func() error { return work(ctx) })
	}
	if err := g.Wait(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("run site: %w", err)
	}
	return nil
}

// Ready waits until the main feed is served, while Run is running. It returns the context's error if ctx is done first.
func (s *Site) Ready(ctx context.Context) error {
	poll := time.NewTicker(10 * time.Millisecond)
	defer poll.Stop()
	for s.replica.Ready() != nil {
		select {
		case <-poll.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for the main feed: %w", ctx.Err())
		}
	}
	return nil
}

// Rebuild rebuilds the named feeds, or all feeds if none is named, and returns the outcome of each. They are served
// soon after. The error is of kind [feed.ErrNotFound] if one of the feeds does not exist.
func (s *Site) Rebuild(ctx context.Context, names ...feed.Name) (feed.Report, error) {
	return s.publisher.Rebuild(ctx, names...)
}

// Posts returns the store of the site, for reading and writing posts.
func (s *Site) Posts() *store.Site { return s.store }

// ServeHTTP responds to a request of a feed reader. It uses the whole path of the request: use [http.StripPrefix] if
// the BaseURL has a path.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// Close closes the store and the data folder. Run must have returned.
func (s *Site) Close() error {
	if err := s.close(); err != nil {
		return fmt.Errorf("close site: %w", err)
	}
	return nil
}
