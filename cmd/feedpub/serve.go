package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/admin"
	"feedpub/feed/intake"
	"feedpub/feed/publish"
	"feedpub/feed/schedule"
	"feedpub/feed/serve"
	"feedpub/feed/serve/audience"
	"feedpub/feed/serve/fast"
	"feedpub/feed/serve/manners"
	"feedpub/store/embedded"
)

// checkAgain is how long a store that was away at the start is left alone before it is asked again.
const checkAgain = 2 * time.Second

func newServe(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Build the feeds and serve them",
		Long: `Build the feeds, keep them up to date on schedule and on change, and serve them to
feed readers. The addresses of the feeds are printed.

Posts come from --redis or --dir; without either from ./posts if it exists, else
from sample posts. Documents are kept in the data folder too, and served from
there when Redis is gone.

Of several servers on one Redis one builds, and all serve. SIGTERM and SIGINT let
requests end and exit with 0; a second one exits at once.`,
		Example: `  feedpub serve
  feedpub serve --dir ~/blog/posts --listen 127.0.0.1:9000
  feedpub serve --config /etc/feedpub/feedpub.yml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := env.settings(cmd)
			if err != nil {
				return err
			}
			return env.serve(cmd.Context(), c)
		},
	}
	addSettings(cmd, "listen", "admin-listen", "redis", "dir", "site", "data")
	return cmd
}

// serve runs the server until ctx ends.
func (env *environment) serve(ctx context.Context, c config.Config) error {
	p, err := choosePlace(c, newLogger(env.stderr, c.Log), false)
	if err != nil {
		return err
	}
	tokens, err := readTokens(c)
	if err != nil {
		return err
	}

	// What can't be had is found out before anything is started.
	readers, err := listen("listen", c.Listen)
	if err != nil {
		return err
	}
	defer func() { _ = readers.Close() }()
	operators, err := listen("admin.listen", c.Admin.Listen)
	if err != nil {
		return err
	}
	defer func() { _ = operators.Close() }()
	p.config.Listen = config.Address(readers.Addr().String()) // the port that was asked for may have been 0

	w, runStore, err := p.openServing(ctx)
	if err != nil {
		return p.explainLock(err)
	}
	defer w.close()
	disk, err := serve.OpenDisk(filepath.Join(string(p.config.Data), "documents", string(c.Site.ID)))
	if err != nil {
		return p.explainLock(fmt.Errorf("data folder: %w", err))
	}
	defer func() {
		if err := disk.Close(); err != nil {
			p.log.Warn("the data folder was not closed well", "error", err)
		}
	}()

	s, err := newServer(ctx, w, disk, tokens)
	if err != nil {
		return err
	}
	s.replica.Load()
	env.announce(p, operators.Addr())
	tellSystemd := func(state string) {
		if err := notifySystemd(env.getenv, state); err != nil {
			p.log.Warn("systemd was not told", "state", state, "error", err)
		}
	}
	tellSystemd("READY=1")
	defer context.AfterFunc(ctx, func() { tellSystemd("STOPPING=1") })()
	return s.run(ctx, readers, operators, runStore)
}

// openServing opens the store for a server: the caller runs runStore until the server ends, and calls close then. A
// Redis is not connected to, since readers are served without it.
func (p place) openServing(ctx context.Context) (w *workplace, runStore func(context.Context) error, err error) {
	if !p.folder() {
		client, err := p.redis()
		if err != nil {
			return nil, nil, err
		}
		return p.workplace(client, client.Close), func(context.Context) error { return nil }, nil
	}
	o, err := p.embedded()
	if err != nil {
		return nil, nil, err
	}
	s, err := embedded.Open(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	return p.workplace(s.Client(), s.Close), s.Run, nil
}

// announce tells the person who started the server where the feeds are.
func (env *environment) announce(p place, operators net.Addr) {
	switch {
	case p.sample:
		fmt.Fprintf(env.stdout, "There is no folder ./posts: these are feedpub's sample posts, with their data in %s.\n"+
			"Serve your own with --dir or --redis.\n\n", p.config.Data)
	case p.folder():
		fmt.Fprintf(env.stdout, "Posts of the folder %s, with their data in %s\n\n", p.config.Dir, p.config.Data)
	default:
		fmt.Fprintf(env.stdout, "Posts of the site %s in %s\n\n", p.config.Site.ID, p.config.Redis)
	}
	base := p.config.FeedSite().BaseURL
	for _, f := range []struct {
		label  string
		format feed.Format
	}{{"RSS", feed.RSS}, {"Atom", feed.Atom}, {"JSON Feed", feed.JSON}} {
		fmt.Fprintf(env.stdout, "%-10s %s%s\n", f.label, base, feed.Main.Path(f.format))
	}
	fmt.Fprintf(env.stdout, "%-10s one for each tag, author and source: 'feedpub feeds' lists them\n", "and")
	fmt.Fprintf(env.stdout, "%-10s http://%s\n", "admin", operators)
}

// listen opens the address that key is set to. Its errors say what to do.
func listen(key string, address config.Address) (net.Listener, error) {
	l, err := net.Listen("tcp", string(address))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s: another program listens on %s; choose another address with --%s", key, address, flagOf(key))
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%s: not permitted to listen on %s; ports below 1024 belong to root", key, address)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return l, nil
}

// flagOf returns the flag for a key.
func flagOf(key string) string { return strings.ReplaceAll(key, ".", "-") }

// server is a running serve command: its parts and how they hang together.
type server struct {
	workplace *workplace
	log       *slog.Logger
	replica   *serve.Replica
	publisher *publish.Publisher
	jobs      []schedule.Job
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

// newServer wires the parts together. Rebuilds that are triggered run under ctx.
func newServer(ctx context.Context, w *workplace, disk *serve.Disk, tokens admin.Tokens) (*server, error) {
	c := w.config
	s := &server{workplace: w, log: w.log}
	registry := prometheus.NewRegistry()
	v := readVersion()
	metrics, err := admin.NewMetrics(registry, admin.Build{Version: v.Version, Revision: v.Revision, GoVersion: v.Go})
	if err != nil {
		return nil, err
	}
	s.replica = serve.NewReplica(serve.ReplicaConfig{
		Source: w.Site, Disk: disk, Log: w.log, Now: time.Now, Options: retreats(c),
	})
	problems := []admin.ProblemLister{w.Site, s.replica}
	if err := errors.Join(metrics.Watch(s.replica), metrics.WatchProblems(problems...)); err != nil {
		return nil, err
	}

	building, err := w.publisher()
	if err != nil {
		return nil, err
	}
	building.Seen = s.replica
	building.Observe = metrics.Built
	s.publisher = publish.New(building)
	trigger := schedule.NewTrigger(ctx, s.publisher.Rebuild)
	if s.jobs, err = jobs(c, s.publisher.Tick); err != nil {
		return nil, err
	}

	var salt audience.Salt
	_, _ = rand.Read(salt[:]) // never fails
	readers := audience.New(time.Now, salt)
	if err := metrics.WatchReaders(readers); err != nil {
		return nil, err
	}
	if s.readers, err = readerEngine(c, newFront(c, s.replica, metrics, readers, w.log), w.log); err != nil {
		return nil, err
	}
	operators := admin.NewServer(admin.NewHandler(admin.Config{
		Rebuilder: trigger,
		Problems:  problems,
		Heads:     s.replica,
		Readers:   readers,
		Checks: []admin.Check{
			{Name: "documents", Check: func(context.Context) error { return s.replica.Ready() }, Required: true},
			{Name: "store", Check: func(context.Context) error { return s.replica.Store() }},
		},
		Site:      c.Site.ID,
		Posts:     w.writable(),
		CheckPost: checkPost(building.Intake, time.Now),
		Tokens:    tokens,
		Gatherer:  registry,
		Log:       w.log,
	}), w.log)
	operators.ReadHeaderTimeout = c.Server.ReadHeaderTimeout
	operators.ReadTimeout = c.Server.ReadTimeout
	operators.WriteTimeout = c.Server.WriteTimeout
	operators.IdleTimeout = c.Server.IdleTimeout
	operators.MaxHeaderBytes = c.Server.MaxHeaderBytes
	s.operators = operators
	return s, nil
}

// writable returns the posts for those who write over HTTP, nil if they can't be written.
func (w *workplace) writable() admin.Posts {
	if w.sample {
		return nil
	}
	return w.Site
}

// checkPost returns a check of posts that finds all that would have them set aside.
func checkPost(in *intake.Intake, now func() time.Time) func(id string, raw []byte) error {
	return func(id string, raw []byte) error {
		// A post without a date will have the time at which it is first seen.
		_, err := in.Item(id, raw, feed.Record{ID: id, FirstSeen: now()})
		return err
	}
}

// newFront returns what answers readers, whatever the engine.
func newFront(c config.Config, d serve.Documents, o serve.Observer, a serve.Audience, log *slog.Logger) *serve.Front {
	f := &serve.Front{Documents: d, Observer: o, Audience: a, AccessLog: log, LogEvery: uint64(c.Log.Access)}
	for _, n := range c.Polling.Proxies {
		f.Proxies = append(f.Proxies, n.Prefix)
	}
	if c.Polling.Limit > 0 {
		f.Limiter = manners.New(c.Polling.Limit, c.Polling.Per, time.Now)
	}
	return f
}

// readerEngine returns the engine that readers are served by.
func readerEngine(c config.Config, f *serve.Front, log *slog.Logger) (engine, error) {
	limits := serve.Limits{
		ReadHeaderTimeout: c.Server.ReadHeaderTimeout,
		ReadTimeout:       c.Server.ReadTimeout,
		WriteTimeout:      c.Server.WriteTimeout,
		IdleTimeout:       c.Server.IdleTimeout,
		MaxHeaderBytes:    c.Server.MaxHeaderBytes,
		MaxConnections:    c.Server.MaxConnections,
	}
	if c.ReaderEngine() == config.EngineFast {
		return fast.NewServer(f, limits, log), nil
	}
	var secure *tls.Config
	if c.Server.TLSCertFile != "" {
		cert, err := tls.LoadX509KeyPair(string(c.Server.TLSCertFile), string(c.Server.TLSKeyFile))
		if err != nil {
			return nil, fmt.Errorf("server.tls_cert_file: %w", err)
		}
		secure = &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}
	}
	return serve.NewServer(serve.NewHandler(f), limits, secure, log), nil
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

// run serves and builds until ctx ends, then lets what is under way end, but not for longer than the drain timeout.
func (s *server) run(ctx context.Context, readers, operators net.Listener, runStore func(context.Context) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return runHTTP(ctx, s.readers, readers) })
	g.Go(func() error { return runHTTP(ctx, s.operators, operators) })
	g.Go(func() error { return s.replica.Run(ctx) })
	g.Go(func() error { return runStore(ctx) })
	g.Go(func() error {
		if err := s.checkStore(ctx); err != nil {
			return err
		}
		g.Go(func() error { return schedule.Run(ctx, s.log, s.jobs...) })
		return s.publisher.Run(ctx)
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
	case <-time.After(s.workplace.config.Server.DrainTimeout):
		// What is acknowledged is safe, and what is half done is done again after the next start.
		s.log.Warn("not everything ended in time", "timeout", s.workplace.config.Server.DrainTimeout)
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
	if s.workplace.folder() {
		return nil // the store is in this process
	}
	told := false
	for {
		warnings, err := s.workplace.Check(ctx)
		for _, w := range warnings {
			s.log.Warn("the store is set up in a risky way", "risk", w)
		}
		switch {
		case err == nil || ctx.Err() != nil:
			return nil
		case !errors.Is(err, feed.ErrUnavailable):
			return err
		case !told:
			s.log.Error("the store does not answer; serving what is on disk until it does", "store", s.workplace.Address(), "error", err)
			told = true
		}
		select {
		case <-ctx.Done():
		case <-time.After(checkAgain):
		}
	}
}

// notifySystemd tells systemd about the state of the service (sd_notify(3)), if it started this process and asks for
// that.
func notifySystemd(getenv func(string) string, state string) error {
	address := getenv("NOTIFY_SOCKET")
	if address == "" {
		return nil
	}
	conn, err := net.Dial("unixgram", address)
	if err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	_, err = conn.Write([]byte(state))
	return errors.Join(err, conn.Close())
}
