package admin

import (
	"net/http"
	"time"

	"feedpub/feed"
)

// feedState describes a served feed.
type feedState struct {
	Site      feed.SiteID     `json:"site"`
	Feed      feed.Name       `json:"feed"`
	Items     int             `json:"items"`
	Archives  int             `json:"archives"`
	Token     feed.Token      `json:"token"`
	Documents []documentState `json:"documents"`
}

type documentState struct {
	Format   feed.Format `json:"format"`
	Path     string      `json:"path"`
	Hash     feed.Hash   `json:"hash"`
	Bytes    int         `json:"bytes"`
	Modified time.Time   `json:"modified"`
}

// siteState describes a site.
type siteState struct {
	Site    feed.SiteID `json:"site"`
	BaseURL string      `json:"base_url"`
	Hosts   []string    `json:"hosts"`
	Ready   bool        `json:"ready"` // whether the main feed is served
	Reason  string      `json:"reason,omitempty"`
	Feeds   int         `json:"feeds"` // number of served feeds
}

func (h *handler) sites(sites []*Site, w http.ResponseWriter, _ *http.Request) error {
	list := []siteState{}
	for _, s := range sites {
		feeds, _ := feed.FeedsOf(s.Replica.Heads())
		state := siteState{Site: s.ID, BaseURL: s.BaseURL, Hosts: append([]string{}, s.Hosts...), Ready: true,
			Feeds: len(feeds)}
		if err := s.Replica.Ready(); err != nil {
			state.Ready, state.Reason = false, err.Error()
		}
		list = append(list, state)
	}
	h.json(w, http.StatusOK, "application/json", map[string][]siteState{"sites": list})
	return nil
}

// feeds lists the served feeds.
func (h *handler) feeds(sites []*Site, w http.ResponseWriter, _ *http.Request) error {
	list := []feedState{}
	for _, s := range sites {
		feeds, archives := feed.FeedsOf(s.Replica.Heads())
		for _, head := range feeds {
			f := feedState{
				Site: s.ID, Feed: head.Feed, Items: len(head.IDs), Archives: archives[head.Feed], Token: head.Token,
				Documents: []documentState{},
			}
			for _, d := range head.Documents {
				f.Documents = append(f.Documents, documentState{d.Format, d.Path, d.Hash, d.Length, d.Modified})
			}
			list = append(list, f)
		}
	}
	h.json(w, http.StatusOK, "application/json", map[string][]feedState{"feeds": list})
	return nil
}

// siteReadership is the readership of a feed, with the feed's site.
type siteReadership struct {
	Site feed.SiteID `json:"site"`
	feed.Readership
}

// readers lists the readership of each feed.
func (h *handler) readers(sites []*Site, w http.ResponseWriter, _ *http.Request) error {
	list := []siteReadership{}
	for _, s := range sites {
		if s.Readers == nil {
			continue
		}
		for _, r := range s.Readers.Readers() {
			list = append(list, siteReadership{s.ID, r})
		}
	}
	h.json(w, http.StatusOK, "application/json", map[string][]siteReadership{"feeds": list})
	return nil
}

// siteProblem is a problem of a site, or of the process if Site is empty.
type siteProblem struct {
	Site feed.SiteID `json:"site,omitempty"`
	feed.Problem
}

// problems lists the problems. The list of all sites begins with the problems of the process.
func (h *handler) problems(sites []*Site, w http.ResponseWriter, r *http.Request) error {
	list := []siteProblem{}
	add := func(site feed.SiteID, listers []ProblemLister) error {
		for _, lister := range listers {
			some, err := lister.Problems(r.Context())
			if err != nil {
				return err
			}
			for _, p := range some {
				list = append(list, siteProblem{site, p})
			}
		}
		return nil
	}
	if r.PathValue("site") == "" {
		if err := add("", h.Problems); err != nil {
			return err
		}
	}
	for _, s := range sites {
		if err := add(s.ID, s.Problems); err != nil {
			return err
		}
	}
	h.json(w, http.StatusOK, "application/json", map[string][]siteProblem{"problems": list})
	return nil
}
