package hosting

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/admin"
	"feedpub/feed/egress"
	"feedpub/feed/fleet"
	"feedpub/feed/publish"
	"feedpub/feed/schedule"
	"feedpub/feed/serve"
	"feedpub/feed/serve/fast"
	"feedpub/feed/serve/ratelimit"
)

// storeInterval is the time between two attempts to reach a store that was unavailable at startup.
const storeInterval = 2 * time.Second

// ServerOptions are the options of a [Server]. All but LoadConfig and Reload are required.
type ServerOptions struct {
	// Site is the site to serve, opened by [Source.OpenServing]. If there are several sites, it may be any site in their
	// shared store.
	Site     *Site
	Role     Role
	Registry *prometheus.Registry
	// Config is the configuration as it was loaded, without the values that [ChooseSource] filled in.
	Config config.Config
	// LoadConfig loads the configuration again.
	LoadConfig func() (config.Config, error)
	// Reload receives a signal when the configuration must be loaded again.
	Reload <-chan os.Signal
	// LimitHeap adjusts the garbage collector to the size of the documents.
	LimitHeap bool
}

// Server builds and serves sites. It contains everything that all sites share: the HTTP servers, the metrics, the
// shared parts of publishers, and the check of the store.
type Server struct {
	options ServerOptions
	loaded  config.Config // configuration as last loaded
	config  config.Config // configuration in use
	several bool
	log     *slog.Logger
	site    *Site
	shared  *shared
	// scheduler runs the scheduled rebuilds of all sites.
	scheduler *schedule.Scheduler
	// heartbeat is nil for a server that does not build, for a folder and for a Redis Cluster.
	heartbeat *publish.Heartbeat
	metrics   *admin.Metrics
	egress    *egress.Client
	memory    *serve.Memory
	limiter   *ratelimit.Limiter // nil if there is no limit
	unread    *serve.Unread      // nil if there is no limit
	checked   chan struct{}      // closed when the store has been checked
	sites     *siteSet
	reloads   chan reloadRequest

	readers          httpServer
	operators        httpServer
	operatorsHandler reloadableHandler
	sessions         admin.Sessions
	drainTimeout     time.Duration
}

// httpServer is an HTTP server with either engine.
type httpServer interface {
	// Serve returns [http.ErrServerClosed] after Shutdown.
	Serve(net.Listener) error
	// Shutdown waits for active requests until ctx is done.
	Shutdown(ctx context.Context) error
}

// NewServer returns a server whose sites have started. The caller must call Close, whether or not it calls Run. The
// error reports an invalid data folder, sites_from, token or site in the configuration itself. An invalid file in the
// folder of sites_from is not an error: it is listed as a problem.
func NewServer(ctx context.Context, o ServerOptions) (*Server, error) {
	c := o.Site.Source.Config
	s := &Server{
		options: o, loaded: o.Config, config: c, several: c.Several(), log: o.Site.Source.process.Log, site: o.Site,
		shared: newShared(o.Site.Source.process.Versions, o.Site.Source.Folder()), checked: make(chan struct{}),
		scheduler:    schedule.NewScheduler(o.Site.Source.process.Log),
		reloads:      make(chan reloadRequest),
		egress:       newEgress(c.Egress),
		memory:       serve.NewMemory(int64(c.Server.Memory)),
		drainTimeout: c.Server.DrainTimeout,
	}
	if n := c.Server.MaxUnread; n > 0 {
		s.unread = serve.NewUnread(int64(n))
	}
	if p := c.Polling; p.Limit > 0 {
		s.limiter = ratelimit.New(p.Limit, p.Per, o.Site.Source.process.Now)
	}
	tokens, err := ReadTokens(c)
	if err != nil {
		return nil, err
	}
	if s.metrics, err = admin.NewMetrics(o.Registry, o.Site.Source.process.Build); err != nil {
		return nil, err
	}
	o.Site.Store.Client().Observe(s.metrics.StoreCalled)
	if err := s.metrics.WatchMemory(s.memory); err != nil {
		return nil, err
	}
	if o.Role.Builds && !o.Site.Source.Folder() && !o.Site.Store.Client().Clustered() {
		s.heartbeat = publish.NewHeartbeat(o.Site.Store, fleet.NewID(), s.log)
	}
	s.sites = newSiteSet(s)
	if err := s.sites.open(ctx); err != nil {
		s.Close()
		return nil, o.Site.Source.explainLock(err)
	}
	if err := s.openHTTP(tokens); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Sites returns the sites in the order of their ids.
func (s *Server) Sites() []*admin.Site { return s.sites.Sites() }

// Close ends all sites, unless Run has ended them, and unlocks the data folder. It waits only briefly: see
// [hostedSite.release].
func (s *Server) Close() { s.sites.close() }

// openHTTP creates the HTTP servers for readers and operators.
func (s *Server) openHTTP(tokens admin.Tokens) (err error) {
	if err := s.metrics.Watch(s.sites, storeStates{s.site.Store.Client()}, s.sites); err != nil {
		return err
	}
	if s.options.Role.Serves {
		if s.readers, err = newReaderServer(s.config, s.sites, s.log); err != nil {
			return err
		}
	}
	s.operatorsHandler.set(s.newOperatorsHandler(tokens))
	c := s.config.Server
	s.operators = admin.NewServer(&s.operatorsHandler, admin.Limits{
		ReadHeaderTimeout: c.ReadHeaderTimeout,
		ReadTimeout:       c.ReadTimeout,
		WriteTimeout:      c.WriteTimeout,
		IdleTimeout:       c.IdleTimeout,
		MaxHeaderBytes:    c.MaxHeaderBytes,
	}, s.log)
	return nil
}

// newOperatorsHandler returns the handler for the admin address, which accepts these tokens for all sites.
func (s *Server) newOperatorsHandler(tokens admin.Tokens) http.Handler {
	checks := []admin.Check{
		{Name: "documents", Check: s.sites.checkDocuments, Required: true}, {Name: "store", Check: s.sites.checkStore},
		{Name: "building", Check: s.sites.checkBuilding}, {Name: "disk", Check: s.sites.checkDisk},
		{Name: "rollback", Check: s.sites.checkRollback},
	}
	if s.several {
		checks = append(checks, admin.Check{Name: "sites", Check: s.sites.checkAllReady})
	}
	return admin.NewHandler(admin.Config{
		Sites:    s.sites,
		Reloader: s,
		Checks:   checks,
		Problems: []admin.ProblemLister{s.sites},
		Tokens:   tokens,
		Sessions: &s.sessions,
		Disk:     func() (free, total uint64, err error) { return diskSpace(string(s.config.Data)) },
		Hosts:    s.config.Admin.Hostnames(),
		Gatherer: s.options.Registry,
		Log:      s.log,
	})
}

// reloadableHandler is a handler that can be replaced while it serves.
type reloadableHandler struct{ current atomic.Pointer[http.Handler] }

func (h *reloadableHandler) set(next http.Handler) { h.current.Store(&next) }

func (h *reloadableHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	(*h.current.Load()).ServeHTTP(w, r)
}

// newReaderServer returns the HTTP server for readers, of the configured engine.
func newReaderServer(c config.Config, sites serve.Sites, log *slog.Logger) (httpServer, error) {
	limits := serve.Limits{
		ReadHeaderTimeout: c.Server.ReadHeaderTimeout,
		ReadTimeout:       c.Server.ReadTimeout,
		WriteTimeout:      c.Server.WriteTimeout,
		IdleTimeout:       c.Server.IdleTimeout,
		MaxHeaderBytes:    c.Server.MaxHeaderBytes,
		MaxConnections:    c.Server.MaxConnections,
	}
	if c.ReaderEngine() == config.EngineFast {
		return fast.NewServer(sites, limits, log), nil
	}
	var secure *tls.Config
	if c.Server.TLSCertFile != "" {
		cert, err := serve.OpenCertificate(string(c.Server.TLSCertFile), string(c.Server.TLSKeyFile), time.Now, log)
		if err != nil {
			return nil, fmt.Errorf("server.tls_cert_file: %w", err)
		}
		secure = cert.Config()
	}
	return serve.NewServer(serve.NewHandler(sites), limits, secure, log), nil
}

// Run serves and builds until ctx is done. Then it waits for active requests and rebuilds, but no longer than the drain
// timeout. The listener for readers is nil if the server does not serve readers.
func (s *Server) Run(ctx context.Context, readers, operators net.Listener) error {
	g, ctx := errgroup.WithContext(ctx)
	if s.options.Role.Serves {
		g.Go(func() error {
			s.sites.waitCaughtUp(ctx)
			return serveHTTP(ctx, s.readers, readers)
		})
	}
	g.Go(func() error { return serveHTTP(ctx, s.operators, operators) })
	// Other processes take over when the heartbeat ends, so it must not end before the sites.
	beating, stopBeating := context.WithCancel(context.WithoutCancel(ctx))
	if s.heartbeat != nil {
		g.Go(func() error { return s.heartbeat.Run(beating) })
	}
	g.Go(func() error {
		defer stopBeating()
		return s.sites.run(ctx)
	})
	g.Go(func() error { return s.scheduler.Run(ctx) })
	g.Go(func() error {
		s.ageCaches(ctx)
		return nil
	})
	g.Go(func() error {
		s.forwardSignals(ctx)
		return nil
	})
	if s.site.run != nil {
		g.Go(func() error { return s.site.run(ctx) })
	}
	if s.options.LimitHeap {
		g.Go(func() error {
			limitHeap(ctx, s.memory.Size)
			return nil
		})
	}
	g.Go(func() error {
		if err := s.awaitStore(ctx); err != nil {
			return err
		}
		close(s.checked)
		return nil
	})

	ended := make(chan error, 1)
	go func() { ended <- g.Wait() }()
	select {
	case err := <-ended:
		return ignoreCanceled(ctx, err)
	case <-ctx.Done():
	}
	s.log.Info("stopping")
	select {
	case err := <-ended:
		return ignoreCanceled(ctx, err)
	case <-time.After(s.drainTimeout):
		// This loses nothing: acknowledged writes are durable, and the next process repeats interrupted work.
		s.log.Warn("stopped before all work had ended", "timeout", s.drainTimeout)
		return ignoreCanceled(ctx, context.Cause(ctx)) // the cause may be the failure of a site or server
	}
}

// ignoreCanceled returns err unless it only reports that ctx was canceled.
func ignoreCanceled(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil
	}
	return err
}

// serveHTTP serves l until ctx is done, and then shuts the server down.
func serveHTTP(ctx context.Context, h httpServer, l net.Listener) error {
	done := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { done <- h.Shutdown(context.WithoutCancel(ctx)) })
	err := h.Serve(l)
	if stop() || !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return <-done
}

// awaitStore returns nil when the store is available and configured to keep posts, or when ctx is done. Until then,
// readers are served from disk. It returns an error if the store must not be used as it is configured.
func (s *Server) awaitStore(ctx context.Context) error {
	if s.site.Source.Folder() {
		return nil // the store is in this process
	}
	reported := false
	for {
		warnings, err := s.site.Store.Client().Check(ctx)
		for _, w := range warnings {
			s.log.Warn("the configuration of the store is risky", "risk", w)
		}
		switch {
		case err == nil || ctx.Err() != nil:
			return nil
		case !errors.Is(err, feed.ErrUnavailable):
			return err
		case !reported:
			s.log.Error("store unavailable; serving documents from disk", "store", s.site.Store.Client().Address(), "error", err)
			reported = true
		}
		select {
		case <-ctx.Done():
		case <-time.After(storeInterval):
		}
	}
}

// reloadConfig loads the configuration and the tokens again. Settings that have errors, or cannot change while the
// process runs, stay unchanged and are reported. The caller applies the new settings to the sites.
func (s *Server) reloadConfig() admin.ReloadReport {
	report := admin.ReloadReport{
		Outcome: admin.Reloaded, Restart: []string{}, Errors: []string{}, Sites: []feed.SiteID{},
	}
	if s.options.LoadConfig != nil {
		c, err := s.options.LoadConfig()
		if err == nil {
			report.Restart, err = s.applyConfig(c)
		}
		if err != nil {
			report.Outcome = admin.ReloadedNothing
			report.Errors = append(report.Errors, OneLine(err))
		}
	}
	tokens, err := ReadTokens(s.config)
	if err != nil {
		report.Errors = append(report.Errors, "tokens: "+OneLine(err))
		return report
	}
	s.operatorsHandler.set(s.newOperatorsHandler(tokens))
	return report
}

// applyConfig applies the settings of c that can change while the process is running: how sites are published, and the
// paths of token files. It returns the changed keys that need a restart.
func (s *Server) applyConfig(c config.Config) (restart []string, err error) {
	if c.Several() != s.several {
		return []string{}, errors.New("changing between one site and several needs a restart")
	}
	next := s.loaded
	next.Publishing, next.Sites, next.Admin.TokensFile = c.Publishing, c.Sites, c.Admin.TokensFile
	next.Site.ID = s.loaded.Site.ID
	if s.site.Source.Folder() {
		next.Attribution = s.loaded.Attribution // the embedded store has already decoded files with this setting
	}
	restart = append([]string{}, config.Changed(next, c)...)
	s.loaded = next
	source := s.site.Source
	source.Config.Publishing, source.Config.Sites = next.Publishing, next.Sites
	source.Config.Admin.TokensFile = next.Admin.TokensFile
	source.nameSamples()
	s.config = source.Config
	return restart, nil
}
