package hosting

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/admin"
	"feedpub/feed/schedule"
	"feedpub/feed/serve"
)

// siteSet is the set of a server's sites, which is kept in sync with the configuration. An error in one site never
// affects another. It is used by one goroutine, except for the methods that serve readers and operators: ForHost,
// Sites, Problems and the checks.
type siteSet struct {
	server  *Server
	fronts  serve.Hosts // maps hosts to fronts; only ForHost uses it, and only if there are several sites
	current atomic.Pointer[siteList]
	// settled is set once the store has responded for every site: see checkDocuments.
	settled atomic.Bool

	sites  map[feed.SiteID]*hostedSite
	files  map[string]siteFile // site files by path, as last read
	failed chan error          // receives the error of a site that failed, which ends the server

	mu       sync.Mutex
	problems []feed.Problem // problems with site settings
}

// siteList is a snapshot of the list of sites, ordered by id.
type siteList struct {
	sites   []*hostedSite
	entries []*admin.Site // the sites as package admin sees them
	only    *serve.Front  // front of a server with a single site; nil for a builder
}

// siteSettings are the settings of a site and their origin.
type siteSettings struct {
	origin   string // file or key, as named in problems
	settings config.SiteSettings
	tokens   string // contents of the site's tokens_file
}

// releaseTimeout bounds how long close waits for the sites to end.
const releaseTimeout = time.Second

func newSiteSet(s *Server) *siteSet {
	h := &siteSet{server: s, sites: make(map[feed.SiteID]*hostedSite), failed: make(chan error, 1)}
	h.fronts.Unknown = s.newFront(nil, nil, "", s.log)
	h.current.Store(&siteList{})
	return h
}

// ForHost implements [serve.Sites].
func (h *siteSet) ForHost(host string) *serve.Front {
	if !h.server.several {
		return h.current.Load().only
	}
	return h.fronts.ForHost(host)
}

// Sites implements [admin.Sites].
func (h *siteSet) Sites() []*admin.Site { return h.current.Load().entries }

// open starts the configured sites. It returns the errors of [NewServer].
func (h *siteSet) open(ctx context.Context) error {
	all, problems, err := h.read()
	if err != nil {
		return err
	}
	failed := h.update(ctx, all)
	if !h.server.several {
		return failed[h.server.config.Site.ID]
	}
	for _, id := range slices.Sorted(maps.Keys(h.server.config.Sites)) {
		if err := failed[id]; err != nil {
			return fmt.Errorf("site %s: %w", id, err)
		}
	}
	h.report(all, problems, failed)
	return nil
}

// run watches the configuration until ctx is done, and then stops all sites.
func (h *siteSet) run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.follow(ctx)
	}()
	select {
	case <-ctx.Done():
	case err := <-h.failed:
		stop(err)
	}
	<-done
	h.endAll()
	return context.Cause(ctx)
}

// follow updates the sites on requests to reload and, if there are several, on changes of their files.
func (h *siteSet) follow(ctx context.Context) {
	if h.server.several {
		answer := func(r reloadRequest) { h.answer(ctx, r) }
		watchFolder(ctx, string(h.server.config.SitesFrom), h.server.reloads, h.server.log, answer, func() { h.reload(ctx) })
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-h.server.reloads:
			h.answer(ctx, r)
		}
	}
}

// reload reads the settings of all sites and updates the sites whose settings have changed. Sites whose settings cannot
// be read stay as they are.
func (h *siteSet) reload(ctx context.Context) {
	all, problems, err := h.read()
	if err != nil {
		p := fileProblem(string(h.server.config.SitesFrom), err)
		p.Serving = true
		h.report(nil, []feed.Problem{p}, nil)
		return
	}
	failed := h.update(ctx, all)
	if ctx.Err() == nil {
		h.report(all, problems, failed)
	}
}

// read returns the settings of all sites, and a problem for each site whose settings have errors. If such a site is
// running, it is returned with its current settings. The error reports that the list of sites cannot be read.
func (h *siteSet) read() (map[feed.SiteID]siteSettings, []feed.Problem, error) {
	c := h.server.config
	if !h.server.several {
		s := siteSettings{origin: "configuration", settings: config.SiteSettings{Publishing: c.Publishing}}
		return map[feed.SiteID]siteSettings{c.Site.ID: s}, nil, nil
	}
	files, err := readSiteFiles(c, h.files)
	if err != nil {
		return nil, nil, err
	}
	all := make(map[feed.SiteID]siteSettings, len(c.Sites)+len(files))
	h.files = make(map[string]siteFile, len(files))
	var problems []feed.Problem
	reject := func(id feed.SiteID, origin string, err error) {
		delete(all, id)
		s, runs := h.sites[id]
		if runs = runs && s.settings.origin == origin; runs {
			all[id] = s.settings
		}
		p := fileProblem(origin, err)
		p.Serving = runs
		problems = append(problems, p)
	}
	add := func(id feed.SiteID, origin string, s config.SiteSettings) {
		tokens, err := readTokensFile(s.TokensFile)
		if err != nil {
			reject(id, origin, err)
			return
		}
		all[id] = siteSettings{origin, s, tokens}
	}
	for _, id := range slices.Sorted(maps.Keys(c.Sites)) {
		add(id, siteKey(id), c.Sites[id])
	}
	for _, f := range files {
		h.files[f.path] = f
		_, duplicate := c.Sites[f.id]
		switch {
		case f.err == nil:
			add(f.id, f.path, f.settings)
		case duplicate: // the site in the configuration is not affected
			problems = append(problems, fileProblem(f.path, f.err))
		default:
			reject(f.id, f.path, f.err)
		}
	}
	for id, err := range h.hostConflicts(all) {
		reject(id, all[id].origin, err)
	}
	return all, problems, nil
}

// hostConflicts returns an error for each site that claims the host of another site. A running site keeps its hosts
// until its own settings no longer include them, so that no file can take over another site's readers. If two sites
// claim an unused host, the one whose id sorts first gets it.
func (h *siteSet) hostConflicts(all map[feed.SiteID]siteSettings) map[feed.SiteID]error {
	owner := make(map[string]feed.SiteID)
	current := make(map[feed.SiteID][]string, len(h.sites))
	for id, s := range h.sites {
		if _, stays := all[id]; stays {
			current[id] = s.entry.Hosts
			for _, name := range s.entry.Hosts {
				owner[name] = id
			}
		}
	}
	conflicts := make(map[feed.SiteID]error)
	pending := slices.Sorted(maps.Keys(all))
	for {
		clear(conflicts)
		for _, id := range pending {
			names := all[id].settings.Hostnames()
			i := slices.IndexFunc(names, func(name string) bool {
				other, owned := owner[name]
				return owned && other != id
			})
			if i >= 0 {
				conflicts[id] = fmt.Errorf("the host %s belongs to the site %s", names[i], owner[names[i]])
				continue
			}
			for _, name := range current[id] {
				if owner[name] == id {
					delete(owner, name)
				}
			}
			for _, name := range names {
				owner[name] = id
			}
		}
		if len(conflicts) == 0 || len(conflicts) == len(pending) {
			return conflicts
		}
		// A site without a conflict may have given up a host that another site claims.
		pending = slices.Sorted(maps.Keys(conflicts))
	}
}

// update stops sites that are not in all, starts new ones, and, without interrupting readers, replaces those whose
// settings have changed. It returns the errors of sites that could not be started; an earlier site with the same id
// keeps running.
func (h *siteSet) update(ctx context.Context, all map[feed.SiteID]siteSettings) map[feed.SiteID]error {
	var removed []*hostedSite
	for id, s := range h.sites {
		if _, stays := all[id]; !stays {
			removed = append(removed, s)
			delete(h.sites, id)
		}
	}
	if len(removed) > 0 {
		h.publish() // before the sites end, so that no request reaches an ended site
	}
	var mu sync.Mutex
	failed, started := make(map[feed.SiteID]error), make(map[feed.SiteID]*hostedSite)
	var g errgroup.Group
	g.SetLimit(4 * runtime.GOMAXPROCS(0)) // most of the time is spent waiting for a disk or for a site to end
	for _, s := range removed {
		g.Go(func() error {
			s.end()
			s.replica.ReleaseMemory()
			s.release(context.WithoutCancel(ctx))
			h.server.metrics.Forget(s.entry.ID)
			h.server.log.Info("site removed", "site", s.entry.ID)
			return nil
		})
	}
	for id, settings := range all {
		before := h.sites[id]
		if before != nil && reflect.DeepEqual(before.settings, settings) {
			continue
		}
		g.Go(func() error {
			s, err := h.start(ctx, settings, before)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed[id] = err
			} else {
				started[id] = s
			}
			return nil
		})
	}
	_ = g.Wait() // the errors are in failed
	if len(started) > 0 {
		maps.Copy(h.sites, started)
		h.publish()
	}
	return failed
}

// start starts a site. If before is not nil, the new site replaces it.
func (h *siteSet) start(ctx context.Context, settings siteSettings, before *hostedSite) (*hostedSite, error) {
	s := h.server
	site := s.site.withConfig(s.config)
	if s.several {
		site = s.site.ForSite(s.config.ForSite(settings.settings))
	}
	tokens, err := parseTokens(settings.settings.TokensFile, settings.tokens)
	if err != nil {
		return nil, err
	}
	x, err := s.newHosted(ctx, site, before)
	if err != nil {
		return nil, err
	}
	x.start(s.checked, s.scheduler, func(err error) {
		select {
		case h.failed <- err:
		default: // one error is enough to end the server
		}
	})
	c := site.Source.Config
	x.settings, x.entry = settings, &admin.Site{
		ID:        c.Site.ID,
		BaseURL:   c.FeedSite().BaseURL,
		Rebuilder: rebuilder{x.trigger, x.acceptRollback},
		Problems:  append([]admin.ProblemLister{x.site.Store}, x.localProblems()...),
		Local:     x.localProblems(),
		Replica:   x.replica,
		Runs:      site.Store,
		Scheduler: site,
		Explainer: site,
		NextRun:   x.nextRun,
		Posts:     x.posts(),
		Credits:   x.site.Credits(),
		CheckPost: x.checkPost,
		Tokens:    tokens,
	}
	if x.audience != nil {
		x.entry.Readers, x.entry.History = x.readers, x.audience
	}
	if x.hub != nil {
		x.entry.Push = site.Store
	}
	if s.several {
		x.entry.Hosts = settings.settings.Hostnames()
	}
	if s.several || before != nil {
		s.log.Info("site started", "site", x.entry.ID, "hosts", x.entry.Hosts, "replaced", before != nil)
	}
	return x, nil
}

// publish makes the current sites visible to readers and operators.
func (h *siteSet) publish() {
	var list siteList
	fronts := make(map[string]*serve.Front, len(h.sites))
	for _, id := range slices.Sorted(maps.Keys(h.sites)) {
		s := h.sites[id]
		list.sites, list.entries = append(list.sites, s), append(list.entries, s.entry)
		list.only = s.front
		for _, name := range s.entry.Hosts {
			fronts[name] = s.front
		}
	}
	h.current.Store(&list)
	h.fronts.Set(fronts)
}

// endAll ends all sites concurrently, since each may take a while to save its state.
func (h *siteSet) endAll() {
	var g sync.WaitGroup
	for _, s := range h.sites {
		g.Go(s.end)
	}
	g.Wait()
}

// close ends all sites, and unlocks the data folder of each site that ends within releaseTimeout.
func (h *siteSet) close() {
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	for _, s := range h.sites {
		s.stop()
	}
	for _, s := range h.sites {
		s.release(ctx)
	}
}

// report stores the problems with site settings, including those of sites that could not be started, and logs the new
// ones.
func (h *siteSet) report(all map[feed.SiteID]siteSettings, problems []feed.Problem, failed map[feed.SiteID]error) {
	for id, err := range failed {
		p := fileProblem(all[id].origin, err)
		_, p.Serving = h.sites[id]
		problems = append(problems, p)
	}
	slices.SortFunc(problems, func(a, b feed.Problem) int { return cmp.Compare(a.ID, b.ID) })
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, p := range problems {
		same := func(q feed.Problem) bool { return q.ID == p.ID && q.Reason == p.Reason }
		if j := slices.IndexFunc(h.problems, same); j >= 0 {
			problems[i].Since = h.problems[j].Since
			continue
		}
		problems[i].Since = time.Now().UTC().Truncate(time.Millisecond)
		h.server.log.Error("cannot apply the settings of a site", "origin", p.ID, "reason", p.Reason, "serving", p.Serving)
	}
	h.problems = problems
}

// Problems implements [admin.ProblemLister]. The error is always nil.
func (h *siteSet) Problems(context.Context) ([]feed.Problem, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.problems), nil
}

// checkDocuments returns an error until readers can be served. With several sites, one site with documents is enough,
// so that a site without documents does not affect the readers of others. However, a process that has just started
// waits until the store has responded for every site: it must not respond with 503 for documents that other processes
// serve.
func (h *siteSet) checkDocuments(context.Context) error {
	sites := h.Sites()
	var first error
	unready, unknown := 0, 0
	for _, s := range sites {
		err := s.Replica.Ready()
		if err == nil {
			continue
		}
		unready++
		first = cmp.Or(first, err)
		if _, synced := s.Replica.Version(); synced.IsZero() && s.Replica.Store() == nil {
			unknown++
		}
	}
	switch {
	case !h.server.several:
		return first
	case unready > 0 && unready == len(sites):
		return fmt.Errorf("none of %d sites has documents; the first error: %w", unready, first)
	case unknown > 0 && !h.settled.Load():
		return fmt.Errorf("the store has not answered yet for %d of %d sites: %w", unknown, len(sites), feed.ErrUnavailable)
	}
	h.settled.Store(true)
	return nil
}

// checkAllReady returns an error that names the sites without documents.
func (h *siteSet) checkAllReady(context.Context) error {
	const most = 10
	var names []string
	unready := 0
	for _, s := range h.Sites() {
		if s.Replica.Ready() != nil {
			if unready++; unready <= most {
				names = append(names, string(s.ID))
			}
		}
	}
	if unready == 0 {
		return nil
	}
	if unready > most {
		names = append(names, "…")
	}
	return fmt.Errorf("%d of %d have no documents yet: %s", unready, len(h.Sites()), strings.Join(names, ", "))
}

// checkStore returns an error if the store did not respond to a site's last request.
func (h *siteSet) checkStore(context.Context) error {
	for _, s := range h.Sites() {
		if err := s.Replica.Store(); err != nil {
			return err
		}
	}
	return nil
}

// checkDisk returns an error if the documents of a site cannot be saved.
func (h *siteSet) checkDisk(context.Context) error {
	for _, s := range h.Sites() {
		if behind, err := s.Replica.Saved(); err != nil {
			return fmt.Errorf("documents of %s have not been saved to disk since %s: %w", s.ID, behind.UTC().Format(time.RFC3339), err)
		}
	}
	return nil
}

// checkRollback returns an error if changes to a site are held because its store was rolled back. It returns nil if the
// store does not answer, which checkStore reports.
func (h *siteSet) checkRollback(ctx context.Context) error {
	for _, s := range h.current.Load().sites {
		p, listed, err := s.site.Store.Problem(ctx, feed.KindRollback, feed.RollbackID)
		switch {
		case err != nil:
			return nil //nolint:nilerr // see above
		case listed:
			return fmt.Errorf("changes to %s have been held since %s because the store was replaced by an older copy",
				s.entry.ID, p.Since.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// rebuilder is the [admin.Rebuilder] of a site.
type rebuilder struct {
	*schedule.Trigger
	accept func(context.Context) (feed.Report, error)
}

// AcceptRollback accepts that the store was rolled back, and rebuilds all feeds.
func (r rebuilder) AcceptRollback(ctx context.Context) (feed.Report, error) { return r.accept(ctx) }

// catchUpTimeout bounds the time that a starting server waits for the store before it serves the documents on disk,
// which may be older than those in the store.
const catchUpTimeout = 2 * time.Second

// waitCaughtUp waits until all sites have read the store or failed to, ctx is done, or catchUpTimeout has passed.
func (h *siteSet) waitCaughtUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	for _, s := range h.current.Load().sites {
		select {
		case <-s.replica.CaughtUp():
		case <-ctx.Done():
			return
		}
	}
}

// checkBuilding returns an error if there is a site that this builder's release cannot build.
func (h *siteSet) checkBuilding(ctx context.Context) error {
	for _, s := range h.current.Load().sites {
		if err := s.checkBuilding(ctx); err != nil {
			return err
		}
	}
	return nil
}
