package admin

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"feedpub/feed"
)

// Site is one site of the admin interface. All fields but those marked optional are required.
type Site struct {
	ID      feed.SiteID
	BaseURL string   // URL under which its feeds are served
	Hosts   []string // optional: hosts under which it is served; if empty, any host

	Rebuilder Rebuilder
	Problems  []ProblemLister // listed in this order
	Local     []ProblemLister // those of Problems that do not read the store; metrics also count the problems in the store
	Replica   Replica
	Readers   ReaderLister  // optional
	History   HistoryLister // optional
	Push      PushReporter  // optional: nil if the site has neither hubs nor webhooks
	Runs      RunLister
	Scheduler Scheduler
	Explainer Explainer
	// NextRun returns the time of the first scheduled run after the given time, or the zero time if this process does not
	// build.
	NextRun func(time.Time) time.Time
	Posts   Posts   // optional: if nil, posts cannot be read or changed over HTTP
	Credits Credits // optional: if nil, credits cannot be read or decided on over HTTP
	// CheckPost returns an error if a post cannot be stored under an id. The error is an [*intake.Error] if it concerns a
	// known place in the post.
	CheckPost func(id string, raw []byte) error
	// Tokens are valid only for this site. Optional.
	Tokens Tokens
}

// Replica reports the state of a site's replica.
type Replica interface {
	// Ready returns nil if the main feed is served, and otherwise the reason why it is not.
	Ready() error
	// Store returns the error from the last call to the store, or nil if the call succeeded.
	Store() error
	// Version returns the store's version up to which commits have been applied, and the time of the store's last
	// response.
	Version() (version int64, synced time.Time)
	// Saved returns the time at which the copies of served documents on disk became out of date, or the zero time if they
	// are up to date, and the error if saving fails.
	Saved() (behind time.Time, err error)
	// Heads returns the heads of the served feeds.
	Heads() []feed.Head
	// Counts returns the number of events since the start, by kind of event. The set of keys is fixed and small.
	Counts() map[string]uint64
}

// PushReporter reports the state of a site's subscriptions and notices.
type PushReporter interface {
	PushState(ctx context.Context) (feed.PushState, error)
}

// Sites is a set of sites that may change over time. Its methods are safe for concurrent use.
type Sites interface {
	// Sites returns the current sites, sorted by id. The caller must not modify the slice.
	Sites() []*Site
}

// OneSite is a [Sites] with a single site.
type OneSite struct{ *Site }

// Sites implements [Sites].
func (s OneSite) Sites() []*Site { return []*Site{s.Site} }

// siteHandler handles requests for one site.
type siteHandler struct {
	*handler
	*Site
}

// siteOf returns the site named in the request's path, or the only site if the path names none, or nil.
func (h *handler) siteOf(r *http.Request) *Site {
	sites := h.Sites.Sites()
	id := r.PathValue("site")
	if id == "" && len(sites) == 1 {
		return sites[0]
	}
	i, found := slices.BinarySearchFunc(sites, feed.SiteID(id), func(s *Site, id feed.SiteID) int {
		return cmp.Compare(s.ID, id)
	})
	if !found {
		return nil
	}
	return sites[i]
}

// forSite returns a handler that calls f with the request's site.
func (h *handler) forSite(f func(siteHandler, http.ResponseWriter, *http.Request) error) http.Handler {
	return h.handleErrors(func(w http.ResponseWriter, r *http.Request) error {
		site, id := h.siteOf(r), r.PathValue("site")
		switch {
		case site != nil:
			return f(siteHandler{h, site}, w, r)
		case id == "":
			return problem{Status: http.StatusBadRequest,
				Detail: fmt.Sprintf("This server has %d sites: name one, as in POST /sites/SITE/rebuild.", len(h.Sites.Sites()))}
		default:
			return problem{Status: http.StatusNotFound, Detail: fmt.Sprintf("There is no site %q.", id)}
		}
	})
}

// forSites returns a handler that calls f with the site in the path, or with all sites.
func (h *handler) forSites(f func([]*Site, http.ResponseWriter, *http.Request) error) http.Handler {
	return h.handleErrors(func(w http.ResponseWriter, r *http.Request) error {
		if id := r.PathValue("site"); id != "" {
			site := h.siteOf(r)
			if site == nil {
				return problem{Status: http.StatusNotFound, Detail: fmt.Sprintf("There is no site %q.", id)}
			}
			return f([]*Site{site}, w, r)
		}
		return f(h.Sites.Sites(), w, r)
	})
}

// forCredits is like forPosts, but for handlers that need the site's Credits.
func (h *handler) forCredits(f func(siteHandler, http.ResponseWriter, *http.Request) error) http.Handler {
	return h.forPosts(func(s siteHandler, w http.ResponseWriter, r *http.Request) error {
		if s.Credits == nil {
			return problem{Status: http.StatusForbidden, Detail: "This site does not accept decisions about credits over HTTP."}
		}
		return f(s, w, r)
	})
}

// forPosts is like forSite, but for handlers that need the site's Posts.
func (h *handler) forPosts(f func(siteHandler, http.ResponseWriter, *http.Request) error) http.Handler {
	return h.forSite(func(s siteHandler, w http.ResponseWriter, r *http.Request) error {
		if s.Posts == nil {
			return problem{Status: http.StatusForbidden, Detail: "Posts of this site cannot be read or changed over HTTP."}
		}
		return f(s, w, r)
	})
}
