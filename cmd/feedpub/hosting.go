package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
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
	"feedpub/feed/serve"
)

// hosting is all the sites of a server: which there are, and how they come and go. What is wrong with one never touches
// another. It is used by one goroutine, but for what other parts look at: Sites, Problems and the checks.
type hosting struct {
	*server
	only    serve.Sites // who answers readers where there are not several sites
	fronts  serve.Hosts // of several
	current atomic.Pointer[present]
	// settled is set once it is known of every site which documents it has: see documents.
	settled atomic.Bool

	sites  map[feed.SiteID]*site
	files  map[string]siteFile // by path, as they were last read
	failed chan error          // why a site has ended by itself, which ends the server

	mu       sync.Mutex
	problems []feed.Problem // of the sites' configuration
}

// present are the sites that there are at one moment, in the order of their ids.
type present struct {
	sites   []*site
	entries []*admin.Site // of the same sites
}

// wanted is a site as it is configured.
type wanted struct {
	origin   string // the file or key that it comes from, as problems name it
	settings config.SiteSettings
	tokens   string // the text of its file of tokens
}

// site is a hosted site, as it was configured when it began.
type site struct {
	*hosted
	wanted wanted
	entry  *admin.Site
}

// releasePatience is how long sites that do not end when they are told to are waited for.
const releasePatience = time.Second

// newHosting returns the hosting of no sites yet.
func newHosting(s *server) *hosting {
	h := &hosting{server: s, sites: make(map[feed.SiteID]*site), failed: make(chan error, 1)}
	h.fronts.Unknown = s.newFront(nil, nil, "", s.log)
	h.current.Store(&present{})
	return h
}

// ForHost implements [serve.Sites].
func (h *hosting) ForHost(host string) *serve.Front {
	if h.only != nil {
		return h.only.ForHost(host)
	}
	return h.fronts.ForHost(host)
}

// Sites implements [admin.Sites].
func (h *hosting) Sites() []*admin.Site { return h.current.Load().entries }

// open begins the sites that are configured. The error is for what is wrong with the data folder or the folder of sites,
// and with a site that stands in the configuration itself; site files that are wrong are problems.
func (h *hosting) open(ctx context.Context) error {
	if !h.config.Several() {
		id := h.config.Site.ID
		failed := h.exchange(ctx, map[feed.SiteID]wanted{id: {settings: config.SiteSettings{Publishing: h.config.Publishing}}})
		if failed[id] == nil {
			h.only = h.sites[id].front // nil for a builder, which has no readers
		}
		return failed[id]
	}
	all, problems, err := h.read()
	if err != nil {
		return err
	}
	failed := h.exchange(ctx, all)
	for _, id := range slices.Sorted(maps.Keys(h.config.Sites)) {
		if err := failed[id]; err != nil {
			return fmt.Errorf("the site %s: %w", id, err)
		}
	}
	h.note(all, problems, failed)
	return nil
}

// run follows the sites' configuration until ctx ends, and then ends all sites.
func (h *hosting) run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		if !h.config.Several() {
			<-ctx.Done()
			return
		}
		followFolder(ctx, string(h.config.SitesFrom), h.log, func() { h.reload(ctx) })
	}()
	select {
	case <-ctx.Done():
	case err := <-h.failed:
		stop(err)
	}
	<-followed
	h.endAll()
	return context.Cause(ctx)
}

// reload reads the site files and the sites' tokens anew and exchanges the sites that have changed. What can't be read leaves sites as they are.
func (h *hosting) reload(ctx context.Context) {
	all, problems, err := h.read()
	if err != nil {
		h.note(nil, []feed.Problem{{ID: string(h.config.SitesFrom), Kind: feed.KindFile, Reason: oneLine(err), Serving: true}}, nil)
		return
	}
	failed := h.exchange(ctx, all)
	if ctx.Err() == nil {
		h.note(all, problems, failed)
	}
}

// read returns the sites that are to be, and what is wrong with others, of which those that run stay as they are. The
// error says that it is not known which sites there are.
func (h *hosting) read() (map[feed.SiteID]wanted, []feed.Problem, error) {
	files, err := readSiteFiles(h.config, h.files)
	if err != nil {
		return nil, nil, err
	}
	all := make(map[feed.SiteID]wanted, len(h.config.Sites)+len(files))
	h.files = make(map[string]siteFile, len(files))
	var problems []feed.Problem
	wrong := func(id feed.SiteID, origin string, err error) {
		delete(all, id)
		s, runs := h.sites[id]
		if runs = runs && s.wanted.origin == origin; runs {
			all[id] = s.wanted
		}
		problems = append(problems, feed.Problem{ID: origin, Kind: feed.KindFile, Reason: oneLine(err), Serving: runs})
	}
	take := func(id feed.SiteID, origin string, s config.SiteSettings) {
		tokens, err := readTokensText(s.TokensFile)
		if err != nil {
			wrong(id, origin, err)
			return
		}
		all[id] = wanted{origin, s, tokens}
	}
	for _, id := range slices.Sorted(maps.Keys(h.config.Sites)) {
		take(id, "sites."+string(id), h.config.Sites[id])
	}
	for _, f := range files {
		h.files[f.path] = f
		if f.err != nil {
			if _, twice := h.config.Sites[f.id]; !twice {
				wrong(f.id, f.path, f.err)
				continue
			}
			problems = append(problems, feed.Problem{ID: f.path, Kind: feed.KindFile, Reason: oneLine(f.err)})
			continue
		}
		take(f.id, f.path, f.settings)
	}
	for id, err := range h.clashes(all) {
		wrong(id, all[id].origin, err)
	}
	return all, problems, nil
}

// clashes returns the sites of all that want a host which another one has. Who has a host keeps it until it gives it up
// itself, so that no file takes another site's readers away; of two that want a free one the first by id gets it.
func (h *hosting) clashes(all map[feed.SiteID]wanted) map[feed.SiteID]error {
	owner := make(map[string]feed.SiteID)
	for id, s := range h.sites {
		if _, stays := all[id]; stays {
			for _, name := range s.wanted.settings.Hostnames() {
				owner[name] = id
			}
		}
	}
	clashes := make(map[feed.SiteID]error)
	pending := slices.Sorted(maps.Keys(all))
	for {
		clear(clashes)
		for _, id := range pending {
			names := all[id].settings.Hostnames()
			taken := slices.IndexFunc(names, func(name string) bool {
				other, has := owner[name]
				return has && other != id
			})
			if taken >= 0 {
				clashes[id] = fmt.Errorf("the host %s is that of the site %s", names[taken], owner[names[taken]])
				continue
			}
			maps.DeleteFunc(owner, func(_ string, other feed.SiteID) bool { return other == id })
			for _, name := range names {
				owner[name] = id
			}
		}
		if len(clashes) == 0 || len(clashes) == len(pending) {
			return clashes
		}
		// A site that was let through may have given up what another wants.
		pending = slices.Sorted(maps.Keys(clashes))
	}
}

// exchange makes the hosted sites those that are wanted: others end, new ones begin, and those that have changed are
// replaced, whose readers notice nothing of it. It returns why some could not begin; of those that were there already
// the old one goes on.
func (h *hosting) exchange(ctx context.Context, all map[feed.SiteID]wanted) map[feed.SiteID]error {
	var gone []*site
	for id, s := range h.sites {
		if _, stays := all[id]; !stays {
			gone = append(gone, s)
			delete(h.sites, id)
		}
	}
	if len(gone) > 0 {
		h.publish() // first, so that nobody is answered by what has ended
	}
	var mu sync.Mutex
	failed, begun := make(map[feed.SiteID]error), make(map[feed.SiteID]*site)
	var g errgroup.Group
	g.SetLimit(4 * runtime.GOMAXPROCS(0)) // most of it is waiting for a disk, or for what is under way to end
	for _, s := range gone {
		g.Go(func() error {
			s.end()
			s.replica.ReleaseMemory()
			s.release(context.WithoutCancel(ctx))
			h.log.Info("site removed", "site", s.entry.ID)
			return nil
		})
	}
	for id, w := range all {
		before := h.sites[id]
		if before != nil && reflect.DeepEqual(before.wanted, w) {
			continue
		}
		g.Go(func() error {
			s, err := h.begin(ctx, w, before)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed[id] = err
			} else {
				begun[id] = s
			}
			return nil
		})
	}
	_ = g.Wait() // what fails is in failed
	if len(begun) > 0 {
		maps.Copy(h.sites, begun)
		h.publish()
	}
	return failed
}

// begin begins a site, perhaps in place of an earlier form of it, which ends then.
func (h *hosting) begin(ctx context.Context, w wanted, before *site) (*site, error) {
	c := h.config
	place := h.store
	if h.config.Several() {
		c = h.config.ForSite(w.settings)
		place = h.store.ofSite(c)
	}
	tokens, err := parseTokens(w.settings.TokensFile, w.tokens)
	if err != nil {
		return nil, err
	}
	var earlier *hosted
	if before != nil {
		earlier = before.hosted
	}
	x, err := h.host(ctx, place, earlier)
	if err != nil {
		return nil, err
	}
	x.start(h.checked, func(err error) {
		select {
		case h.failed <- err:
		default: // one is enough to end the server
		}
	})
	s := &site{hosted: x, wanted: w, entry: &admin.Site{
		ID:        c.Site.ID,
		BaseURL:   c.FeedSite().BaseURL,
		Rebuilder: x.trigger,
		Problems:  x.problems(),
		Replica:   x.replica,
		Posts:     x.writable(),
		CheckPost: x.checkPost,
		Tokens:    tokens,
	}}
	if x.audience != nil {
		s.entry.Readers = x.audience
	}
	if h.config.Several() {
		s.entry.Hosts = w.settings.Hostnames()
		h.log.Info("site hosted", "site", s.entry.ID, "hosts", s.entry.Hosts, "changed", before != nil)
	}
	return s, nil
}

// publish shows readers and operators the sites that there are now.
func (h *hosting) publish() {
	var p present
	fronts := make(map[string]*serve.Front, len(h.sites))
	for _, id := range slices.Sorted(maps.Keys(h.sites)) {
		s := h.sites[id]
		p.sites, p.entries = append(p.sites, s), append(p.entries, s.entry)
		for _, name := range s.entry.Hosts {
			fronts[name] = s.front
		}
	}
	h.current.Store(&p)
	h.fronts.Set(fronts)
}

// endAll ends all sites, each of which may take a while to save what it has.
func (h *hosting) endAll() {
	var g sync.WaitGroup
	for _, s := range h.sites {
		g.Go(s.end)
	}
	g.Wait()
}

// close ends all sites, if run has not, and gives the data folder back as far as they end within a moment.
func (h *hosting) close() {
	ctx, cancel := context.WithTimeout(context.Background(), releasePatience)
	defer cancel()
	for _, s := range h.sites {
		s.stop()
	}
	for _, s := range h.sites {
		s.release(ctx)
	}
}

// note keeps the problems of the sites' configuration, with those of sites that could not begin, and logs the new ones.
func (h *hosting) note(all map[feed.SiteID]wanted, problems []feed.Problem, failed map[feed.SiteID]error) {
	for id, err := range failed {
		_, runs := h.sites[id]
		problems = append(problems, feed.Problem{ID: all[id].origin, Kind: feed.KindFile, Reason: oneLine(err), Serving: runs})
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
		h.log.Error("a site is not taken as it is configured", "from", p.ID, "reason", p.Reason, "serving", p.Serving)
	}
	h.problems = problems
}

// Problems implements [admin.ProblemLister]. The error is always nil.
func (h *hosting) Problems(context.Context) ([]feed.Problem, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.problems), nil
}

// documents returns nil if requests of readers may come. Of several sites one that has no documents must not keep the
// others from their readers, so at least one has to have some; and before the first requests it has to be known of each
// whether the store has any, lest a process that has just started answers for documents that others serve.
func (h *hosting) documents(context.Context) error {
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
	case !h.config.Several():
		return first
	case unready > 0 && unready == len(sites):
		return fmt.Errorf("none of %d sites is served, the first because %w", unready, first)
	case unknown > 0 && !h.settled.Load():
		return fmt.Errorf("the store has not been asked yet for %d of %d sites: %w", unknown, len(sites), feed.ErrUnavailable)
	}
	h.settled.Store(true)
	return nil
}

// unserved returns an error that names the sites which have no documents.
func (h *hosting) unserved(context.Context) error {
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
	return fmt.Errorf("%d of %d are not served yet: %s", unready, len(h.Sites()), strings.Join(names, ", "))
}

// reached returns nil if the store answered all sites when they last asked.
func (h *hosting) reached(context.Context) error {
	for _, s := range h.Sites() {
		if err := s.Replica.Store(); err != nil {
			return err
		}
	}
	return nil
}

// mayBuild returns nil unless this server is to build and stands aside at a site; then why it does.
func (h *hosting) mayBuild(ctx context.Context) error {
	for _, s := range h.current.Load().sites {
		if err := s.mayBuild(ctx); err != nil {
			return err
		}
	}
	return nil
}

// readTokensText returns the text of a file of tokens, "" for none. The error says that it has no tokens.
func readTokensText(path config.Path) (string, error) {
	if path == "" {
		return "", nil
	}
	text, err := os.ReadFile(string(path))
	if err != nil {
		return "", fmt.Errorf("tokens_file: %w", err)
	}
	_, err = parseTokens(path, string(text))
	return string(text), err
}

// parseTokens returns the tokens in the text of a file, none if there is no file.
func parseTokens(path config.Path, text string) (admin.Tokens, error) {
	if path == "" {
		return nil, nil
	}
	tokens, err := admin.ParseTokens(text)
	if err != nil {
		return nil, fmt.Errorf("tokens_file %s: %w", path, err)
	}
	return tokens, nil
}
