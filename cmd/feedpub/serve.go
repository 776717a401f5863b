package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"feedpub/cmd/internal/hosting"
	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/admin"
)

func newServe(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Build the feeds and serve them",
		Long: `Build the feeds, keep them up to date on schedule and on change, and serve them to
feed readers. Print the URLs of the feeds.

Posts are read from --redis or --dir, by default from ./posts if it exists, and
otherwise from the sample posts. Copies of the documents are stored in the data
folder, and served from there while Redis is unavailable.

If several servers use the same Redis, one of them builds and all of them serve. If the
builder stops, another takes over within five seconds. With --build=false a server
never builds; run 'feedpub build' elsewhere.

If the configuration has sites or sites_from, requests are routed to a site by their
Host; --site serves a single one. Site files are watched; a file with an error leaves
its site unchanged.

On SIGTERM or SIGINT, finish active requests and exit with status 0; on a second
signal, exit at once. On SIGHUP, read the configuration, site files and tokens again. On SIGUSR2,
finish active requests and start the program again in the same process, for example
after an upgrade: its sockets stay open, so no reader is refused. Sockets that systemd
passes (LISTEN_FDS) are used in place of listen and, with the name admin, admin.listen.`,
		Example: `  feedpub serve
  feedpub serve --dir ~/blog/posts --listen 127.0.0.1:9000
  feedpub serve --config /etc/feedpub/feedpub.yml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := env.siteSettings(cmd)
			if err != nil {
				return err
			}
			return env.serve(cmd, c, hosting.Role{Builds: c.Build, Serves: true})
		},
	}
	addSettings(cmd, "listen", "admin-listen", "build", "redis", "dir", "site", "data")
	return cmd
}

// serve runs a server until the command's context is done.
//
// After SIGUSR2, the error is errRestart and env.sockets are the sockets to pass on.
func (env *environment) serve(cmd *cobra.Command, c config.Config, role hosting.Role) (err error) {
	ctx, stop := context.WithCancelCause(cmd.Context())
	defer stop(nil)
	defer func() {
		if errors.Is(context.Cause(ctx), errRestart) {
			err = errRestart
		}
	}()
	log := newLogger(env.stderr, c.Log)
	p, err := env.process(log)
	if err != nil {
		return err
	}
	source, err := hosting.ChooseSource(c, p, false)
	if err != nil {
		return err
	}
	inherited, readers, operators, err := env.listeners(c, role)
	if err != nil {
		return err
	}
	if readers != nil {
		defer func() { _ = readers.Close() }()
		source.Config.Listen = config.Address(readers.Addr().String()) // the configured port may be 0
	}
	defer func() { _ = operators.Close() }()

	// After this, SIGHUP does not end the process.
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	defer env.restartOnSignal(stop, inherited, map[string]net.Listener{"listen": readers, "admin.listen": operators}, log)()
	site, err := source.OpenServing(ctx)
	if err != nil {
		return err
	}
	defer site.Close()
	server, err := hosting.NewServer(ctx, hosting.ServerOptions{
		Site:       site,
		Role:       role,
		Registry:   prometheus.NewRegistry(),
		Config:     c,
		LoadConfig: func() (config.Config, error) { return env.siteSettings(cmd) },
		Reload:     reload,
		LimitHeap:  env.getenv("GOGC") == "", // a limit that the user sets takes precedence
	})
	if err != nil {
		return err
	}
	defer server.Close()
	env.announce(source, role, server.Sites(), operators.Addr())
	for _, h := range hints(source.Config) {
		if h.risky && role.Serves {
			log.Warn("the configuration is risky", "risk", h.text)
		}
	}
	notify := func(state string) {
		if err := notifySystemd(env.getenv, state); err != nil {
			log.Warn("cannot notify systemd", "state", state, "error", err)
		}
	}
	notify("READY=1")
	defer context.AfterFunc(ctx, func() { notify(stateOf(context.Cause(ctx))) })()
	return server.Run(ctx, readers, operators)
}

// listeners returns the listener for readers, which is nil if the server has none, the listener for operators, and the
// sockets that were passed to this process.
func (env *environment) listeners(
	c config.Config, role hosting.Role,
) (inherited sockets, readers, operators net.Listener, err error) {
	if inherited, err = inheritedSockets(env.getenv); err != nil {
		return nil, nil, nil, err
	}
	if role.Serves {
		if readers, err = inherited.listen("listen", c.Listen); err != nil {
			return nil, nil, nil, err
		}
	}
	if operators, err = inherited.listen("admin.listen", c.Admin.Listen); err != nil {
		if readers != nil {
			_ = readers.Close()
		}
		return nil, nil, nil, err
	}
	return inherited, readers, operators, nil
}

// stateOf returns the state to report to systemd for a server that ends with the given error.
func stateOf(cause error) string {
	if errors.Is(cause, errRestart) {
		return "RELOADING=1"
	}
	return "STOPPING=1"
}

// restartOnSignal stops the server with errRestart on SIGUSR2, and keeps the sockets of the listeners open. The caller
// must call done.
func (env *environment) restartOnSignal(
	stop context.CancelCauseFunc, kept sockets, listeners map[string]net.Listener, log *slog.Logger,
) (done func()) {
	if env.replace == nil {
		return func() {}
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR2)
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case <-ended:
				return
			case <-signals:
			}
			var err error
			for key, l := range listeners {
				if l != nil {
					err = errors.Join(err, kept.keep(key, l))
				}
			}
			if err == nil {
				env.sockets = kept
				log.Info("restarting")
				stop(errRestart)
				return
			}
			log.Error("cannot restart", "error", err)
		}
	}()
	return func() {
		signal.Stop(signals)
		close(ended)
	}
}

// announce prints where the feeds are.
func (env *environment) announce(source hosting.Source, role hosting.Role, sites []*admin.Site, operators net.Addr) {
	c := source.Config
	if c.Several() {
		env.announceSites(c, role, sites, operators)
		return
	}
	switch {
	case source.Sample:
		fmt.Fprintf(env.stdout, "There is no folder ./posts: serving feedpub's sample posts, with their data in %s.\n"+
			"Serve your own with --dir or --redis.\n\n", c.Data)
	case source.Folder():
		fmt.Fprintf(env.stdout, "Posts of the folder %s, with their data in %s\n\n", c.Dir, c.Data)
	default:
		fmt.Fprintf(env.stdout, "Posts of the site %s in %s\n\n", c.Site.ID, c.Redis)
	}
	if !role.Serves {
		fmt.Fprintf(env.stdout, "%-10s for servers on other machines\n%-10s http://%s\n", "building", "admin", operators)
		return
	}
	base := c.FeedSite().BaseURL
	for _, f := range feed.Formats() {
		fmt.Fprintf(env.stdout, "%-10s %s%s\n", f.Label(), base, feed.Main.Path(f))
	}
	fmt.Fprintf(env.stdout, "%-10s one for each tag, author and source: 'feedpub feeds' lists them\n", "and")
	fmt.Fprintf(env.stdout, "%-10s http://%s\n", "admin", operators)
	for _, h := range hints(c) {
		fmt.Fprintf(env.stdout, "%-10s %s\n", h.label(), h.text)
	}
}

// announceSites is like announce, for several sites.
func (env *environment) announceSites(c config.Config, role hosting.Role, sites []*admin.Site, operators net.Addr) {
	const most = 10
	fmt.Fprintf(env.stdout, "%d sites in %s\n\n", len(sites), c.Redis)
	for _, s := range sites[:min(len(sites), most)] {
		fmt.Fprintf(env.stdout, "%-10s %s\n", s.ID, s.BaseURL)
	}
	if len(sites) > most {
		fmt.Fprintf(env.stdout, "%-10s all at http://%s/sites\n", "…", operators)
	}
	if role.Serves {
		fmt.Fprintf(env.stdout, "%-10s http://%s\n", "readers", c.Listen)
	}
	fmt.Fprintf(env.stdout, "%-10s http://%s\n", "admin", operators)
}

// listen listens on the address of a configuration key.
func listen(key string, address config.Address) (net.Listener, error) {
	l, err := net.Listen("tcp", string(address))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("%s: another program listens on %s; choose another address with --%s", key, address,
			flagOf(key))
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%s: not permitted to listen on %s; ports below 1024 belong to root", key, address)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return l, nil
}

// flagOf returns the flag that sets a key.
func flagOf(key string) string { return strings.ReplaceAll(key, ".", "-") }

// notifySystemd sends the state of the service to systemd (sd_notify(3)), if NOTIFY_SOCKET is set.
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
