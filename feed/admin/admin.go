// Package admin is the operators' HTTP side: health, metrics, the list of problems and the trigger to rebuild. It knows
// what operators may ask, not how it is done; readers never reach it.
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
	Checks    []Check
	// Tokens are those that may trigger a rebuild. Without any, nobody may.
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

// NewHandler returns the handler of all routes of the admin side:
//
//	GET  /livez     200 while the process runs
//	GET  /readyz    200 if all required checks hold, else 503; the body has a line for each check
//	GET  /metrics   in the formats of Prometheus
//	GET  /feeds     what is served, as JSON
//	GET  /problems  what is not published, and why, as JSON
//	POST /rebuild   rebuilds the feeds named in the query (feed=main&feed=tags/go), in such a form, or in a JSON body
//	                {"feeds": ["main"]}, or all; answers the [feed.Report]. Needs a bearer token (RFC 6750).
//
// Errors are problem details (RFC 9457).
func NewHandler(c Config) http.Handler {
	if c.RebuildTimeout == 0 {
		c.RebuildTimeout = defaultRebuildTimeout
	}
	h := &handler{Config: c}
	routes := []struct {
		method, path string
		handler      http.Handler
	}{
		{http.MethodGet, "/livez", http.HandlerFunc(h.livez)},
		{http.MethodGet, "/readyz", http.HandlerFunc(h.readyz)},
		{http.MethodGet, "/metrics", promhttp.HandlerFor(c.Gatherer, promhttp.HandlerOpts{
			ErrorLog: slog.NewLogLogger(c.Log.Handler(), slog.LevelWarn),
			// A gauge that can't be had must not hide the others.
			ErrorHandling: promhttp.ContinueOnError,
		})},
		{http.MethodGet, "/feeds", h.failing(h.feeds)},
		{http.MethodGet, "/problems", h.failing(h.problems)},
		{http.MethodPost, "/rebuild", h.failing(h.rebuild)},
	}
	mux := http.NewServeMux()
	for _, r := range routes {
		allow := r.method
		if r.method == http.MethodGet {
			allow += ", " + http.MethodHead
		}
		mux.Handle(r.method+" "+r.path, r.handler)
		mux.HandleFunc(r.path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Allow", allow)
			h.fail(w, problem{Status: http.StatusMethodNotAllowed, Detail: "Allowed here: " + allow + "."})
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		h.fail(w, problem{Status: http.StatusNotFound})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	})
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
