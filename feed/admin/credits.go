package admin

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// Credits reads the credits of a site's posts, and stores decisions about them.
type Credits interface {
	// Post returns the credits of a post. The error is of kind [feed.ErrNotFound] if there is no such post, and an
	// [*intake.Error] if the post cannot be read.
	Post(ctx context.Context, id string) (intake.PostCredits, error)
	// Each calls f with the credits of each published post that can be read, in order of id.
	Each(ctx context.Context, ids []string, f func(intake.PostCredits) error) error
	// Decide stores or withdraws a decision about a credit, and returns the post's credits afterwards.
	Decide(ctx context.Context, id string, change intake.Change) (intake.PostCredits, error)
}

// listCredits sends a page of posts with their credits, ordered by id. It omits posts without credits.
func (h siteHandler) listCredits(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	limit, err := strconv.Atoi(cmp.Or(query.Get("limit"), strconv.Itoa(defaultPage)))
	if err != nil || limit < 1 || limit > maxPage {
		return fmt.Errorf("limit %q: want 1 to %d: %w", query.Get("limit"), maxPage, feed.ErrInvalid)
	}
	state := intake.CreditState(query.Get("state"))
	if state != "" && !slices.Contains(intake.CreditStates(), state) {
		return fmt.Errorf("state %q: want one of %v: %w", state, intake.CreditStates(), feed.ErrInvalid)
	}
	ids, err := h.firstIDs(r.Context(), query.Get("cursor"), limit+1)
	if err != nil {
		return err
	}
	page := ids[:min(limit, len(ids))]
	list := []intake.PostCredits{}
	err = h.Credits.Each(r.Context(), page, func(p intake.PostCredits) error {
		if state != "" {
			p.Credits = slices.DeleteFunc(p.Credits, func(c intake.Credit) bool { return c.State != state })
		}
		if len(p.Credits) > 0 {
			list = append(list, p)
		}
		return nil
	})
	if err != nil {
		return err
	}
	answer := map[string]any{"posts": list}
	if len(ids) > limit {
		next := url.Values{"cursor": {page[limit-1]}, "limit": {strconv.Itoa(limit)}}
		if state != "" {
			next.Set("state", string(state))
		}
		link := "/sites/" + string(h.ID) + "/credits?" + next.Encode()
		w.Header().Set("Link", "<"+link+`>; rel="next"`)
		answer["next"] = link
	}
	h.json(w, http.StatusOK, "application/json", answer)
	return nil
}

// getCredits sends the credits of a post.
func (h siteHandler) getCredits(w http.ResponseWriter, r *http.Request) error {
	p, err := h.Credits.Post(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	h.json(w, http.StatusOK, "application/json", p)
	return nil
}

// decisionRequest is the body of a request to decide on a credit.
type decisionRequest struct {
	Verdict feed.Verdict `json:"verdict"`
	// If the verdict is edited, Source replaces the source and Text the passage. If one of them is absent, the value that
	// was read from the post is kept.
	Source *feed.Source `json:"source"`
	Text   *string      `json:"text"`
}

// change returns the change that the request asks for.
func (d decisionRequest) change(key string) (intake.Change, error) {
	change := intake.Change{Key: key, Verdict: d.Verdict}
	switch edits := d.Source != nil || d.Text != nil; {
	case !d.Verdict.Known():
		return change, fmt.Errorf("verdict %q: want one of %v: %w", d.Verdict, feed.Verdicts(), feed.ErrInvalid)
	case edits != (d.Verdict == feed.Edited):
		return change, fmt.Errorf("want source or text if the verdict is edited, and neither otherwise: %w", feed.ErrInvalid)
	}
	change.Edit = func(q *feed.Quote) {
		if d.Source != nil {
			q.Source = *d.Source
		}
		if d.Text != nil {
			q.Text = *d.Text
		}
	}
	return change, nil
}

// putDecision stores a decision about a credit.
func (h siteHandler) putDecision(w http.ResponseWriter, r *http.Request) error {
	if bodyType(r.Header) != typeJSON {
		return problem{Status: http.StatusUnsupportedMediaType, Detail: "A decision must be sent as application/json."}
	}
	raw, err := readPost(w, r)
	if err != nil {
		return err
	}
	var d decisionRequest
	if err := json.Unmarshal(raw, &d); err != nil {
		return fmt.Errorf("decision: %w: %w", err, feed.ErrInvalid)
	}
	change, err := d.change(r.PathValue("key"))
	if err != nil {
		return err
	}
	return h.decide(w, r, change)
}

// deleteDecision withdraws a decision about a credit.
func (h siteHandler) deleteDecision(w http.ResponseWriter, r *http.Request) error {
	return h.decide(w, r, intake.Change{Key: r.PathValue("key")})
}

func (h siteHandler) decide(w http.ResponseWriter, r *http.Request, change intake.Change) error {
	p, err := h.Credits.Decide(r.Context(), r.PathValue("id"), change)
	if err != nil {
		return err
	}
	h.Log.Info("credit decision stored", "writer", tokenName(r), "post", p.ID, "credit", change.Key, "verdict", change.Verdict)
	h.json(w, http.StatusOK, "application/json", p)
	return nil
}
