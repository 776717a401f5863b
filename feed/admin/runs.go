package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"feedpub/feed"
)

// RunLister lists the recorded runs of a site's builders.
type RunLister interface {
	Runs(ctx context.Context) (feed.RunHistory, error)
}

// Scheduler returns when the feeds of a site are rebuilt. If the error is not nil, the times of the latest runs may be
// missing from the list.
type Scheduler interface {
	Schedule(ctx context.Context) ([]feed.Scheduled, error)
}

// siteRun is a run and its site.
type siteRun struct {
	Site feed.SiteID `json:"site"`
	feed.Run
}

// runFilter returns the filter in a request's query.
func runFilter(r *http.Request) (feed.RunFilter, error) {
	q := r.URL.Query()
	f := feed.RunFilter{Feed: feed.Name(q.Get("feed"))}
	var err error
	if v := q.Get("failed"); v != "" {
		if f.Failed, err = strconv.ParseBool(v); err != nil {
			return f, fmt.Errorf("failed: want true or false, got %q: %w", v, feed.ErrInvalid)
		}
	}
	if v := q.Get("limit"); v != "" {
		if f.Limit, err = strconv.Atoi(v); err != nil || f.Limit < 1 {
			return f, fmt.Errorf("limit: want a number of at least 1, got %q: %w", v, feed.ErrInvalid)
		}
	}
	return f, nil
}

// runs lists the runs of each site, newest first.
func (h *handler) runs(sites []*Site, w http.ResponseWriter, r *http.Request) error {
	filter, err := runFilter(r)
	if err != nil {
		return err
	}
	list := []siteRun{}
	for _, s := range sites {
		history, err := s.Runs.Runs(r.Context())
		if err != nil {
			return err
		}
		for _, run := range filter.Select(history.Runs) {
			list = append(list, siteRun{s.ID, run})
		}
	}
	h.json(w, http.StatusOK, "application/json", map[string][]siteRun{"runs": list})
	return nil
}

// run sends one run, whose id is unique among all sites.
func (h *handler) run(sites []*Site, w http.ResponseWriter, r *http.Request) error {
	for _, s := range sites {
		history, err := s.Runs.Runs(r.Context())
		if err != nil {
			return err
		}
		for _, run := range history.Runs {
			if run.ID == r.PathValue("run") {
				h.json(w, http.StatusOK, "application/json", siteRun{s.ID, run})
				return nil
			}
		}
	}
	return problem{Status: http.StatusNotFound, Detail: fmt.Sprintf("There is no run %q.", r.PathValue("run"))}
}

// siteScheduled is the schedule of a feed, and its site.
type siteScheduled struct {
	Site feed.SiteID `json:"site"`
	feed.Scheduled
}

// schedule lists when the feeds of each site are next rebuilt.
func (h *handler) schedule(sites []*Site, w http.ResponseWriter, r *http.Request) error {
	list := []siteScheduled{}
	for _, s := range sites {
		scheduled, err := s.Scheduler.Schedule(r.Context())
		if err != nil && !errors.Is(err, feed.ErrUnavailable) {
			return err
		}
		for _, x := range scheduled {
			list = append(list, siteScheduled{s.ID, x})
		}
	}
	h.json(w, http.StatusOK, "application/json", map[string][]siteScheduled{"schedule": list})
	return nil
}

// Explainer explains posts.
type Explainer interface {
	// Explain explains the status of a post. If name is not empty, it also says why the post is or is not in that feed.
	Explain(ctx context.Context, id string, name feed.Name) (feed.Explanation, error)
}

func (h siteHandler) explain(w http.ResponseWriter, r *http.Request) error {
	x, err := h.Explainer.Explain(r.Context(), r.PathValue("id"), feed.Name(r.URL.Query().Get("feed")))
	if err != nil {
		return err
	}
	h.json(w, http.StatusOK, "application/json", x)
	return nil
}
