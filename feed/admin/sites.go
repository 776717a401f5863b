package admin

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"feedpub/feed"
)

// Site is one site as operators and writers see it. All fields but those marked optional are required.
type Site struct {
	ID      feed.SiteID
	BaseURL string   // where its readers find the feeds
	Hosts   []string // optional: the names of hosts that it is served under, where it is not whatever name is asked for

	Rebuilder Rebuilder
	Problems  []ProblemLister // listed one after the other
	Replica   Replica
	Readers   ReaderLister // optional: without it nobody reads
	Posts     Posts        // optional: without them they can't be read or changed here
	// CheckPost returns an error that says what is wrong with a post that is to be kept under an id: an [*intake.Error]
	// to tell the place, too.
	CheckPost func(id string, raw []byte) error
	// Tokens, optional, let in those who do something with this site alone.
	Tokens Tokens
}

// Replica is what holds a site's documents.
type Replica interface {
	// Ready returns nil if the main feed is served, else why it is not.
	Ready() error
	// Store returns nil if the store answered when it was last asked, else why it did not.
	Store() error
	// Version returns the store's version up to which commits have been taken, and when the store last answered.
	Version() (version int64, synced time.Time)
	// Heads returns what is served.
	Heads() []feed.Head
	// Counts returns what happened so far; its keys are always the same few.
	Counts() map[string]uint64
}

// Sites are the sites that there are. They may change while they are asked for.
type Sites interface {
	// Sites returns the sites there are now in the order of their ids. The slice is not to be modified.
	Sites() []*Site
}

// OneSite is the only site that there is.
type OneSite struct{ *Site }

// Sites implements [Sites].
func (s OneSite) Sites() []*Site { return []*Site{s.Site} }

// siteHandler handles what is asked of one site.
type siteHandler struct {
	*handler
	*Site
}

// siteOf returns the site that a request is for: that of its path, or else the only one. It returns nil if there is none.
func (h *handler) siteOf(r *http.Request) *Site {
	sites := h.Sites.Sites()
	id := r.PathValue("site")
	if id == "" && len(sites) == 1 {
		return sites[0]
	}
	i, found := slices.BinarySearchFunc(sites, feed.SiteID(id), func(s *Site, id feed.SiteID) int { return cmp.Compare(s.ID, id) })
	if !found {
		return nil
	}
	return sites[i]
}

// ofSite is failing for what is done with one site.
func (h *handler) ofSite(f func(siteHandler, http.ResponseWriter, *http.Request) error) http.Handler {
	return h.failing(func(w http.ResponseWriter, r *http.Request) error {
		site, id := h.siteOf(r), r.PathValue("site")
		switch {
		case site != nil:
			return f(siteHandler{h, site}, w, r)
		case id == "":
			return problem{Status: http.StatusBadRequest,
				Detail: fmt.Sprintf("There are %d sites here: name one, as in POST /sites/SITE/rebuild.", len(h.Sites.Sites()))}
		default:
			return problem{Status: http.StatusNotFound, Detail: fmt.Sprintf("There is no site %q here.", id)}
		}
	})
}

// ofSites is failing for lists: of the site of the path, or of all.
func (h *handler) ofSites(f func([]*Site, http.ResponseWriter, *http.Request) error) http.Handler {
	return h.failing(func(w http.ResponseWriter, r *http.Request) error {
		if id := r.PathValue("site"); id != "" {
			site := h.siteOf(r)
			if site == nil {
				return problem{Status: http.StatusNotFound, Detail: fmt.Sprintf("There is no site %q here.", id)}
			}
			return f([]*Site{site}, w, r)
		}
		return f(h.Sites.Sites(), w, r)
	})
}

// ofPosts is ofSite for what is done with a site's posts.
func (h *handler) ofPosts(f func(siteHandler, http.ResponseWriter, *http.Request) error) http.Handler {
	return h.ofSite(func(s siteHandler, w http.ResponseWriter, r *http.Request) error {
		if s.Posts == nil {
			return problem{Status: http.StatusForbidden, Detail: "The posts served here can't be read or changed this way."}
		}
		return f(s, w, r)
	})
}
