// Package admin is the operators' and writers' HTTP side: health, metrics, the list of problems, the trigger to rebuild,
// and posts. It knows what may be asked and by whom, not how it is done; readers never reach it.
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
	// Rebuild rebuilds the named feeds, or all if none is named, and says what became of each. The error is of a kind in
	// package feed: [feed.ErrNotFound] for a feed that doesn't exist.
	Rebuild(ctx context.Context, names ...feed.Name) (feed.Report, error)
}

// ProblemLister lists what operators should know of.
type ProblemLister interface {
	Problems(ctx context.Context) ([]feed.Problem, error)
}

// HeadLister lists what is served.
type HeadLister interface {
	Heads() []feed.Head
}

// ReaderLister lists who reads.
type ReaderLister interface {
	Readers() []feed.Readership
}

// Check is a condition that is reported to operators.
type Check struct {
	Name     string
	Check    func(context.Context) error // nil: it holds; else why it doesn't
	Required bool                        // no requests should come here while it doesn't hold
}

// Config is what the admin side is made of. All fields but those marked optional are required.
type Config struct {
	Rebuilder Rebuilder
	Problems  []ProblemLister // listed one after the other
	Heads     HeadLister
	Readers   ReaderLister // optional: without it nobody reads
	Checks    []Check
	// Site is the site whose posts these are; others are not found.
	Site  feed.SiteID
	Posts Posts
	// CheckPost returns an error that says what is wrong with a post that is to be kept under an id: an [*intake.Error]
	// to tell the place, too.
	CheckPost func(id string, raw []byte) error
	// Tokens let in those who change something or read posts. Without any, nobody may.
	Tokens   Tokens
	Gatherer prometheus.Gatherer
	Log      *slog.Logger
	// RebuildTimeout is how long a triggered rebuild is waited for; 0 is 10 minutes. Optional.
	RebuildTimeout time.Duration
}

const (
	defaultRebuildTimeout = 10 * time.Minute
	checkTimeout          = 2 * time.Second
	maxBody               = 64 << 10
)

// NewHandler returns the handler of all routes of the admin side; openapi.yaml describes them.
//
//	GET    /livez                  200 while the process runs
//	GET    /readyz                 200 if all required checks hold, else 503; the body has a line for each check
//	GET    /metrics                in the formats of Prometheus
//	GET    /feeds                  what is served, as JSON
//	GET    /readers                who reads the feeds, as far as polls tell, as JSON
//	GET    /problems               what is not published, and why, as JSON
//	GET    /openapi.yaml           the description of all this (OpenAPI 3.1)
//	POST   /rebuild                rebuilds the feeds named in the query (feed=main&feed=tags/go), in such a form, or in
//	                               a JSON body {"feeds": ["main"]}, or all; answers the [feed.Report]
//	GET    /sites/SITE/posts       the posts in the order of their ids, a page at a time
//	POST   /sites/SITE/posts       stores a post, or many as JSON Lines
//	GET    /sites/SITE/posts/ID    a post as it was stored
//	PUT    /sites/SITE/posts/ID    stores a post, new or in place of its earlier version
//	DELETE /sites/SITE/posts/ID    deletes a post
//
// The POST routes and those below /sites need a bearer token (RFC 6750) with the right to do it. ID is one segment, with
// slashes and all percent-encoded. Errors are problem details (RFC 9457).
func NewHandler(c Config) http.Handler {
	if c.RebuildTimeout == 0 {
		c.RebuildTimeout = defaultRebuildTimeout
	}
	h := &handler{Config: c}
	return router{h, h.routes()}
}

// routes returns the table of all routes.
func (h *handler) routes() []route {
	metrics := promhttp.HandlerFor(h.Gatherer, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(h.Log.Handler(), slog.LevelWarn),
		// A gauge that can't be had must not hide the others.
		ErrorHandling: promhttp.ContinueOnError,
	})
	const posts, post = "/sites/{site}/posts", "/sites/{site}/posts/{id}"
	return []route{
		{http.MethodGet, "/livez", "", []int{200}, http.HandlerFunc(h.livez)},
		{http.MethodGet, "/readyz", "", []int{200, 503}, http.HandlerFunc(h.readyz)},
		{http.MethodGet, "/metrics", "", []int{200}, metrics},
		{http.MethodGet, "/feeds", "", []int{200}, h.failing(h.feeds)},
		{http.MethodGet, "/readers", "", []int{200}, h.failing(h.readers)},
		{http.MethodGet, "/problems", "", []int{200, 503}, h.failing(h.problems)},
		{http.MethodGet, "/openapi.yaml", "", []int{200}, http.HandlerFunc(h.openAPI)},
		{http.MethodPost, "/rebuild", Rebuild, []int{200, 400, 401, 403, 404, 409, 413, 415, 503}, h.failing(h.rebuild)},
		{http.MethodGet, posts, Write, []int{200, 400, 401, 403, 404, 503}, h.ofSite(h.listPosts)},
		{http.MethodPost, posts, Write, []int{200, 201, 202, 400, 401, 403, 404, 409, 412, 413, 415, 422, 503}, h.ofSite(h.postPosts)},
		{http.MethodGet, post, Write, []int{200, 304, 400, 401, 403, 404, 503}, h.ofSite(h.getPost)},
		{http.MethodPut, post, Write, []int{200, 201, 202, 400, 401, 403, 404, 409, 412, 413, 415, 422, 503}, h.ofSite(h.putPost)},
		{http.MethodDelete, post, Write, []int{202, 204, 400, 401, 403, 404, 409, 412, 503}, h.ofSite(h.deletePost)},
	}
}

// NewServer returns a server for operators. A rebuild may take longer than its limits: the handler extends them.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
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
	h.text(w, status, lines.String())
}

func (h *handler) text(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	if _, err := w.Write([]byte(body)); err != nil {
		h.Log.Debug("answer not sent", "error", err)
	}
}
