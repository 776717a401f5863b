package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/admin"
	"feedpub/feed/serve"
	"feedpub/feed/serve/fast"
	"feedpub/feed/serve/ratelimit"
)

// checkAgain is how long a store that was away at the start is left alone before it is asked again.
const checkAgain = 2 * time.Second

// server is what a serve command has once, however many sites it serves: the listeners' engines, the metrics, what
// builders share, and who watches over the store.
type server struct {
	config   config.Config
	log      *slog.Logger
	store    *workplace
	role     role
	tools    *tools
	tokens   admin.Tokens
	registry *prometheus.Registry
	metrics  *admin.Metrics
	memory   *serve.Memory
	limiter  *ratelimit.Limiter // nil where readers may come as often as they like
	checked  chan struct{}      // closed when the store may be built from
	// boundHeap says that the growth of the heap is to be kept in proportion to what is not documents.
	boundHeap bool

	readers   engine
	operators engine
}

// engine is an HTTP server.
type engine interface {
	// Serve returns [http.ErrServerClosed] after Shutdown.
	Serve(net.Listener) error
	// Shutdown waits for requests under way, or until ctx ends.
	Shutdown(ctx context.Context) error
}

// newServer returns a server that serves nothing yet.
func newServer(w *workplace, tokens admin.Tokens, r role) (*server, error) {
	s := &server{
		config: w.config, log: w.log, store: w, role: r, tools: newTools(), tokens: tokens,
		registry: prometheus.NewRegistry(), checked: make(chan struct{}), memory: serve.NewMemory(int64(w.config.Server.Memory)),
	}
	if p := w.config.Polling; p.Limit > 0 {
		s.limiter = ratelimit.New(p.Limit, p.Per, time.Now)
	}
	v := readVersion()
	var err error
	s.metrics, err = admin.NewMetrics(s.registry, admin.Build{Version: v.Version, Revision: v.Revision, GoVersion: v.Go})
	if err != nil {
		return nil, err
	}
	return s, s.metrics.WatchMemory(s.memory)
}

// open makes the engines that answer for the hosted sites.
func (s *server) open(h *hosting) (err error) {
	c := s.config
	if err := s.metrics.Watch(h, h); err != nil {
		return err
	}
	if s.role.serves {
		if s.readers, err = readerEngine(c, h, s.log); err != nil {
			return err
		}
	}
	checks := []admin.Check{
		{Name: "documents", Check: h.documents, Required: true}, {Name: "store", Check: h.reached},
		{Name: "building", Check: h.mayBuild},
	}
	if c.Several() {
		checks = append(checks, admin.Check{Name: "sites", Check: h.unserved})
	}
	operators := admin.NewServer(admin.NewHandler(admin.Config{
		Sites:    h,
		Checks:   checks,
		Problems: []admin.ProblemLister{h},
		Tokens:   s.tokens,
		Gatherer: s.registry,
		Log:      s.log,
	}), s.log)
	operators.ReadHeaderTimeout = c.Server.ReadHeaderTimeout
	operators.ReadTimeout = c.Server.ReadTimeout
	operators.WriteTimeout = c.Server.WriteTimeout
	operators.IdleTimeout = c.Server.IdleTimeout
	operators.MaxHeaderBytes = c.Server.MaxHeaderBytes
	s.operators = operators
	return nil
}

// readerEngine returns the engine that readers are served by.
func readerEngine(c config.Config, sites serve.Sites, log *slog.Logger) (engine, error) {
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

// run serves and builds until ctx ends, then lets what is under way end, but not for longer than the drain timeout.
func (s *server) run(
	ctx context.Context, h *hosting, readers, operators net.Listener, runStore func(context.Context) error,
) error {
	g, ctx := errgroup.WithContext(ctx)
	if s.role.serves {
		g.Go(func() error { return runHTTP(ctx, s.readers, readers) })
	}
	g.Go(func() error { return runHTTP(ctx, s.operators, operators) })
	g.Go(func() error { return h.run(ctx) })
	g.Go(func() error { return runStore(ctx) })
	if s.boundHeap {
		g.Go(func() error {
			boundHeap(ctx, s.memory.Held)
			return nil
		})
	}
	g.Go(func() error {
		if err := s.checkStore(ctx); err != nil {
			return err
		}
		close(s.checked)
		return nil
	})

	ended := make(chan error, 1)
	go func() { ended <- g.Wait() }()
	select {
	case err := <-ended:
		return ignoreEnd(ctx, err)
	case <-ctx.Done():
	}
	s.log.Info("stopping")
	select {
	case err := <-ended:
		return ignoreEnd(ctx, err)
	case <-time.After(s.config.Server.DrainTimeout):
		// What is acknowledged is safe, and what is half done is done again after the next start.
		s.log.Warn("not everything ended in time", "timeout", s.config.Server.DrainTimeout)
		return ignoreEnd(ctx, context.Cause(ctx)) // what ended it may have been a failure
	}
}

// ignoreEnd returns err unless it only says that the work was ended.
func ignoreEnd(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil
	}
	return err
}

// runHTTP serves h on l until ctx ends, then lets requests under way end.
func runHTTP(ctx context.Context, h engine, l net.Listener) error {
	done := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { done <- h.Shutdown(context.WithoutCancel(ctx)) })
	err := h.Serve(l)
	if stop() || !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return <-done
}

// checkStore returns nil when the store has answered and may be relied on, or when ctx ends. A store that is away is
// waited for: readers get what is on disk meanwhile. The error says that the store must not be used as it is set up.
func (s *server) checkStore(ctx context.Context) error {
	if s.store.folder() {
		return nil // the store is in this process
	}
	told := false
	for {
		warnings, err := s.store.Client().Check(ctx)
		for _, w := range warnings {
			s.log.Warn("the store is set up in a risky way", "risk", w)
		}
		switch {
		case err == nil || ctx.Err() != nil:
			return nil
		case !errors.Is(err, feed.ErrUnavailable):
			return err
		case !told:
			s.log.Error("the store does not answer; serving what is on disk until it does", "store", s.store.Client().Address(), "error", err)
			told = true
		}
		select {
		case <-ctx.Done():
		case <-time.After(checkAgain):
		}
	}
}
