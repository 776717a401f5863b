package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/admin"
	"feedpub/store/embedded"
)

func newServe(env *environment) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Build the feeds and serve them",
		Long: `Build the feeds, keep them up to date on schedule and on change, and serve them to
feed readers. The addresses of the feeds are printed.

Posts come from --redis or --dir; without either from ./posts if it exists, else
from sample posts. Documents are kept in the data folder too, and served from
there when Redis is gone.

Of several servers on one Redis one builds, and all serve; when it ends, another
builds within five seconds. With --build=false a server never builds: 'feedpub
build' does that elsewhere.

With sites or sites_from in the configuration there are several sites, told apart by
the host that readers ask for; --site serves one of them alone. Site files are
followed, and read anew on SIGHUP; one with a mistake leaves its site as it was.

SIGTERM and SIGINT let requests end and exit with 0; a second one exits at once.`,
		Example: `  feedpub serve
  feedpub serve --dir ~/blog/posts --listen 127.0.0.1:9000
  feedpub serve --config /etc/feedpub/feedpub.yml`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := env.settings(cmd)
			if err != nil {
				return err
			}
			return env.serve(cmd.Context(), c, role{builds: c.Build, serves: true})
		},
	}
	addSettings(cmd, "listen", "admin-listen", "build", "redis", "dir", "site", "data")
	return cmd
}

// role is what a server does for its sites: build them, serve their readers, or both.
type role struct{ builds, serves bool }

// serve runs the server until ctx ends.
func (env *environment) serve(ctx context.Context, c config.Config, r role) error {
	if c.Site.ID != "" { // of several sites, the one that is chosen
		var err error
		if c, err = chooseSite(c); err != nil {
			return err
		}
	}
	p, err := choosePlace(c, newLogger(env.stderr, c.Log), false)
	if err != nil {
		return err
	}
	p.forms = env.forms
	tokens, err := readTokens(c)
	if err != nil {
		return err
	}

	// What can't be had is found out before anything is started.
	var readers net.Listener // nil where there are none
	if r.serves {
		if readers, err = listen("listen", c.Listen); err != nil {
			return err
		}
		defer func() { _ = readers.Close() }()
		p.config.Listen = config.Address(readers.Addr().String()) // the port that was asked for may have been 0
	}
	operators, err := listen("admin.listen", c.Admin.Listen)
	if err != nil {
		return err
	}
	defer func() { _ = operators.Close() }()

	w, runStore, err := p.openServing(ctx)
	if err != nil {
		return p.explainLock(err)
	}
	defer w.close()
	s, err := newServer(w, tokens, r)
	if err != nil {
		return err
	}
	h := newHosting(s)
	defer h.close()
	if err := h.open(ctx); err != nil {
		return p.explainLock(err)
	}
	if err := s.open(h); err != nil {
		return err
	}
	env.announce(p, r, h.Sites(), operators.Addr())
	tellSystemd := func(state string) {
		if err := notifySystemd(env.getenv, state); err != nil {
			p.log.Warn("systemd was not told", "state", state, "error", err)
		}
	}
	tellSystemd("READY=1")
	defer context.AfterFunc(ctx, func() { tellSystemd("STOPPING=1") })()
	s.boundHeap = env.getenv("GOGC") == "" // who sets it knows better
	return s.run(ctx, h, readers, operators, runStore)
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
func (env *environment) announce(p place, r role, sites []*admin.Site, operators net.Addr) {
	if p.config.Several() {
		env.announceSites(p, r, sites, operators)
		return
	}
	switch {
	case p.sample:
		fmt.Fprintf(env.stdout, "There is no folder ./posts: these are feedpub's sample posts, with their data in %s.\n"+
			"Serve your own with --dir or --redis.\n\n", p.config.Data)
	case p.folder():
		fmt.Fprintf(env.stdout, "Posts of the folder %s, with their data in %s\n\n", p.config.Dir, p.config.Data)
	default:
		fmt.Fprintf(env.stdout, "Posts of the site %s in %s\n\n", p.config.Site.ID, p.config.Redis)
	}
	if !r.serves {
		fmt.Fprintf(env.stdout, "%-10s for servers elsewhere\n%-10s http://%s\n", "building", "admin", operators)
		return
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
	for _, h := range hints(p.config) {
		fmt.Fprintf(env.stdout, "%-10s %s\n", h.label(), h.text)
		if h.risky {
			p.log.Warn("the configuration is risky", "why", h.text)
		}
	}
}

// announceSites is announce for several sites.
func (env *environment) announceSites(p place, r role, sites []*admin.Site, operators net.Addr) {
	const most = 10
	fmt.Fprintf(env.stdout, "%d sites in %s\n\n", len(sites), p.config.Redis)
	for _, s := range sites[:min(len(sites), most)] {
		fmt.Fprintf(env.stdout, "%-10s %s\n", s.ID, s.BaseURL)
	}
	if len(sites) > most {
		fmt.Fprintf(env.stdout, "%-10s all at http://%s/sites\n", "…", operators)
	}
	if r.serves {
		fmt.Fprintf(env.stdout, "%-10s http://%s\n", "readers", p.config.Listen)
	}
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
