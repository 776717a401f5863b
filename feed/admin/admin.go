// Package admin is the HTTP interface for operators and writers: health, metrics, problems, rebuilds and posts. It
// authenticates and routes requests, and leaves the work to the interfaces of [Config]. It does not serve feeds.
package admin

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"feedpub/feed"
)

// Rebuilder rebuilds feeds.
type Rebuilder interface {
	// Rebuild rebuilds the named feeds, or all if none is named, and returns the outcome of each. If a feed does not
	// exist, the error is of kind [feed.ErrNotFound].
	Rebuild(ctx context.Context, names ...feed.Name) (feed.Report, error)
	// AcceptRollback rebuilds all feeds. If changes are held because the store was replaced by an older copy, it
	// publishes the posts of that copy.
	AcceptRollback(ctx context.Context) (feed.Report, error)
}

// ProblemLister lists problems.
type ProblemLister interface {
	Problems(ctx context.Context) ([]feed.Problem, error)
}

// ReaderLister lists the readership of feeds.
type ReaderLister interface {
	Readers() []feed.Readership
}

// HistoryLister returns the figures of feeds over time.
type HistoryLister interface {
	// Days returns the figures of a feed for each of the most recent days, oldest first and without gaps.
	Days(name feed.Name) []feed.FeedDay
}

// Check is a condition that is reported to operators.
type Check struct {
	Name     string
	Check    func(context.Context) error // returns nil if the condition holds; otherwise the reason
	Required bool                        // whether /readyz fails while the condition does not hold
}

// Config configures [NewHandler]. All fields but those marked optional are required.
type Config struct {
	Sites  Sites
	Checks []Check
	// Problems lists the problems of the process. They are listed before those of the sites. Optional.
	Problems []ProblemLister
	// Reloader reloads the configuration.
	Reloader Reloader
	// Tokens are valid for all sites. A request that changes something or reads posts needs one of these tokens or a token
	// of the site. So does every request from another machine, unless it is for /livez, /readyz or one of the
	// descriptions.
	Tokens Tokens
	// Hosts lists the names, in lower case and without ports, under which this interface may be reached, in addition to
	// localhost and IP addresses. Requests for other hosts get 421. Optional.
	Hosts []string
	// Sessions holds the sessions of the people who have signed in to the page. If it is nil, they must sign in again when
	// the handler is replaced. Optional.
	Sessions *Sessions
	// Disk returns the free and the total space of the data folder in bytes. Optional.
	Disk     func() (free, total uint64, err error)
	Gatherer prometheus.Gatherer
	Log      *slog.Logger
	// RebuildTimeout bounds a triggered rebuild; 0 means 10 minutes. Optional.
	RebuildTimeout time.Duration
}

const (
	defaultRebuildTimeout = 10 * time.Minute
	checkTimeout          = 2 * time.Second
	maxBody               = 64 << 10
)

// NewHandler returns the handler of all routes; openapi.yaml describes them.
//
//	GET    /                       a page for people; from other machines, they sign in with a token at /login
//	GET    /livez                  200 while the process is running
//	GET    /readyz                 200 if all required checks pass, else 503; the body has a line for each check if the
//	                               request is from this machine or has a token
//	GET    /metrics                metrics for Prometheus
//	GET    /openapi.yaml           the description of these routes (OpenAPI 3.1)
//	GET    /post.schema.json       the JSON Schema of a post
//	GET    /sites                  the sites, as JSON
//	GET    /feeds                  the served feeds, as JSON
//	GET    /readers                polls and subscribers of each feed, as JSON
//	GET    /problems               problems, as JSON
//	GET    /runs                   recorded runs of the builder, as JSON; ?feed=NAME, ?failed=true and ?limit=N filter
//	GET    /runs/ID                one of them
//	GET    /schedule               when the feeds are next rebuilt, as JSON
//	GET    /sites/SITE/feeds, /readers, /problems, /runs, /runs/ID, /schedule the same for one site
//	POST   /sites/SITE/rebuild     rebuilds the feeds named in the query (feed=main&feed=tags/go), in a form, or in a
//	                               JSON body {"feeds": ["main"]}, or all; returns the [feed.Report]
//	POST   /rebuild                the same for the only site
//	POST   /reload                 reloads the configuration, site files and tokens; returns the [ReloadReport]
//	GET    /sites/SITE/posts       a page of the posts, ordered by id
//	POST   /sites/SITE/posts       stores a post, or many as JSON Lines
//	GET    /sites/SITE/posts/ID    a stored post
//	PUT    /sites/SITE/posts/ID    stores or replaces a post
//	DELETE /sites/SITE/posts/ID    deletes a post
//	GET    /sites/SITE/posts/ID/explain    the status of a post, and why; ?feed=NAME asks about a feed
//	GET    /sites/SITE/credits     a page of the posts' credits
//	GET    /sites/SITE/posts/ID/credits        the credits of a post
//	PUT    /sites/SITE/posts/ID/credits/KEY    decides on a credit: accepted, rejected or edited
//	DELETE /sites/SITE/posts/ID/credits/KEY    withdraws a decision
//
// The POST routes and the routes of posts and credits need a bearer token (RFC 6750) that has the required permission
// and is valid for this site or for all sites. The other routes except /livez, /readyz and the descriptions need any
// valid token, unless the request comes from this machine or from a browser that is signed in to the page. ID is one
// percent-encoded segment. Errors are problem details (RFC 9457).
func NewHandler(c Config) http.Handler {
	if c.RebuildTimeout == 0 {
		c.RebuildTimeout = defaultRebuildTimeout
	}
	if c.Sessions == nil {
		c.Sessions = new(Sessions)
	}
	h := &handler{Config: c}
	return router{h, append(h.routes(), h.pageRoutes()...)}
}

// pageRoutes returns the routes of the HTML page, which openapi.yaml does not describe.
func (h *handler) pageRoutes() []route {
	return []route{
		{http.MethodGet, "/", "", []int{200, 303}, http.HandlerFunc(h.servePage)},
		{http.MethodGet, "/page.css", "", []int{200}, h.pageFile("page.css", "text/css; charset=utf-8")},
		{http.MethodGet, "/page.js", "", []int{200}, h.pageFile("page.js", "text/javascript; charset=utf-8")},
		{http.MethodGet, "/login", "", []int{200}, http.HandlerFunc(h.showLogin)},
		{http.MethodPost, "/login", "", []int{303, 401, 403, 429}, http.HandlerFunc(h.login)},
		{http.MethodPost, "/logout", "", []int{303, 403}, http.HandlerFunc(h.logout)},
		{http.MethodPost, "/page/rebuild", "", []int{303, 403, 404}, http.HandlerFunc(h.rebuildFromPage)},
		{http.MethodPost, "/page/credit", "", []int{303, 400, 403, 404, 422, 503}, http.HandlerFunc(h.decideFromPage)},
	}
}

// routes returns the table of the routes that openapi.yaml describes.
func (h *handler) routes() []route {
	metrics := promhttp.HandlerFor(h.Gatherer, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(h.Log.Handler(), slog.LevelWarn),
		// A metric that cannot be collected must not hide the others.
		ErrorHandling: promhttp.ContinueOnError,
	})
	const site, posts, post = "/sites/{site}", "/sites/{site}/posts", "/sites/{site}/posts/{id}"
	const credit = post + "/credits/{key}"
	rebuilt := []int{200, 400, 401, 403, 404, 409, 413, 415, 503}
	return append(h.descriptionRoutes(), []route{
		{http.MethodGet, "/livez", "", []int{200}, http.HandlerFunc(h.livez)},
		{http.MethodGet, "/readyz", "", []int{200, 503}, http.HandlerFunc(h.readyz)},
		{http.MethodGet, "/metrics", Read, []int{200, 401, 403}, metrics},
		{http.MethodGet, "/sites", Read, []int{200, 401, 403}, h.forSites(h.sites)},
		{http.MethodGet, "/feeds", Read, []int{200, 401, 403}, h.forSites(h.feeds)},
		{http.MethodGet, "/readers", Read, []int{200, 401, 403}, h.forSites(h.readers)},
		{http.MethodGet, "/problems", Read, []int{200, 401, 403, 503}, h.forSites(h.problems)},
		{http.MethodGet, "/runs", Read, []int{200, 400, 401, 403, 503}, h.forSites(h.runs)},
		{http.MethodGet, "/runs/{run}", Read, []int{200, 401, 403, 404, 503}, h.forSites(h.run)},
		{http.MethodGet, "/schedule", Read, []int{200, 401, 403}, h.forSites(h.schedule)},
		{http.MethodGet, site + "/runs", Read, []int{200, 400, 401, 403, 404, 503}, h.forSites(h.runs)},
		{http.MethodGet, site + "/runs/{run}", Read, []int{200, 401, 403, 404, 503}, h.forSites(h.run)},
		{http.MethodGet, site + "/schedule", Read, []int{200, 401, 403, 404}, h.forSites(h.schedule)},
		{http.MethodGet, site + "/feeds", Read, []int{200, 401, 403, 404}, h.forSites(h.feeds)},
		{http.MethodGet, site + "/readers", Read, []int{200, 401, 403, 404}, h.forSites(h.readers)},
		{http.MethodGet, site + "/problems", Read, []int{200, 401, 403, 404, 503}, h.forSites(h.problems)},
		{http.MethodPost, "/rebuild", Rebuild, rebuilt, h.forSite(siteHandler.rebuild)},
		{http.MethodPost, "/reload", Reload, []int{200, 401, 403, 503}, http.HandlerFunc(h.reload)},
		{http.MethodPost, site + "/rebuild", Rebuild, rebuilt, h.forSite(siteHandler.rebuild)},
		{http.MethodGet, posts, Write, []int{200, 400, 401, 403, 404, 503}, h.forPosts(siteHandler.listPosts)},
		{http.MethodPost, posts, Write, []int{200, 201, 202, 400, 401, 403, 404, 409, 412, 413, 415, 422, 503},
			h.forPosts(siteHandler.postPosts)},
		{http.MethodGet, post + "/explain", Write, []int{200, 400, 401, 403, 404, 503}, h.forSite(siteHandler.explain)},
		{http.MethodGet, post, Write, []int{200, 304, 400, 401, 403, 404, 503}, h.forPosts(siteHandler.getPost)},
		{http.MethodPut, post, Write, []int{200, 201, 202, 400, 401, 403, 404, 409, 412, 413, 415, 422, 503},
			h.forPosts(siteHandler.putPost)},
		{http.MethodGet, site + "/credits", Write, []int{200, 400, 401, 403, 404, 503},
			h.forCredits(siteHandler.listCredits)},
		{http.MethodGet, post + "/credits", Write, []int{200, 401, 403, 404, 422, 503},
			h.forCredits(siteHandler.getCredits)},
		{http.MethodPut, credit, Write, []int{200, 400, 401, 403, 404, 409, 413, 415, 422, 503},
			h.forCredits(siteHandler.putDecision)},
		{http.MethodDelete, credit, Write, []int{200, 400, 401, 403, 404, 409, 422, 503},
			h.forCredits(siteHandler.deleteDecision)},
		{http.MethodDelete, post, Write, []int{202, 204, 400, 401, 403, 404, 409, 412, 503},
			h.forPosts(siteHandler.deletePost)},
	}...)
}

// Limits bound the time and memory that a client can use. All must be positive.
type Limits struct {
	ReadHeaderTimeout time.Duration // limit for reading a request's header
	ReadTimeout       time.Duration // limit for reading a whole request; extended for bulk requests
	WriteTimeout      time.Duration // limit for writing a response; extended for rebuilds and bulk requests
	IdleTimeout       time.Duration // maximum time between the requests of a connection
	MaxHeaderBytes    int           // maximum size of a request's header, including the request line
}

// NewServer returns the server of the admin address. Connection errors are logged at debug level, because any client
// can cause them.
func NewServer(h http.Handler, l Limits, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: l.ReadHeaderTimeout,
		ReadTimeout:       l.ReadTimeout,
		WriteTimeout:      l.WriteTimeout,
		IdleTimeout:       l.IdleTimeout,
		MaxHeaderBytes:    l.MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

type handler struct {
	Config
}

func (h *handler) livez(w http.ResponseWriter, _ *http.Request) {
	h.text(w, http.StatusOK, "ok\n")
}

func (h *handler) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), checkTimeout)
	defer cancel()
	status := http.StatusOK
	var lines strings.Builder
	for _, c := range h.Checks {
		err := c.Check(ctx)
		switch {
		case err == nil:
			fmt.Fprintf(&lines, "%s: ok\n", c.Name)
		case c.Required:
			status = http.StatusServiceUnavailable
			fmt.Fprintf(&lines, "%s: not ready: %v\n", c.Name, err)
		default:
			fmt.Fprintf(&lines, "%s: warning: %v\n", c.Name, err)
		}
	}
	if !h.mayRead(r) {
		h.text(w, status, map[bool]string{true: "ready\n", false: "not ready\n"}[status == http.StatusOK])
		return
	}
	h.text(w, status, lines.String())
}

func (h *handler) text(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	if _, err := w.Write([]byte(body)); err != nil {
		h.Log.Debug("cannot send the response", "error", err)
	}
}
