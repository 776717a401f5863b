package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"feedpub/feed"
)

// rebuild triggers a rebuild and waits for its report.
func (h siteHandler) rebuild(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	names, err := feedNames(r)
	if err != nil {
		return err
	}
	accept, err := acceptsRollback(r, names)
	if err != nil {
		return err
	}
	if err := h.extend(w); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), h.RebuildTimeout)
	defer cancel()
	cause := feed.Cause{Trigger: feed.HTTPTrigger, By: tokenName(r)}
	var report feed.Report
	if accept {
		report, err = h.Rebuilder.AcceptRollback(feed.WithCause(ctx, cause))
	} else {
		report, err = h.Rebuilder.Rebuild(feed.WithCause(ctx, cause), names...)
	}
	if err != nil {
		return err
	}
	if report.Feeds == nil {
		report.Feeds = []feed.FeedReport{}
	}
	if report.Problems == nil {
		report.Problems = []feed.Problem{}
	}
	h.json(w, http.StatusOK, "application/json", report)
	return nil
}

// extend extends the write deadline, so that the response can be sent after a rebuild.
func (h *handler) extend(w http.ResponseWriter) error {
	deadline := time.Now().Add(h.RebuildTimeout + 10*time.Second)
	return supported(http.NewResponseController(w).SetWriteDeadline(deadline))
}

// acceptsRollback reports whether a request accepts a rollback of the store. It returns an error if the accept_rollback
// parameter is invalid, or if the request also names feeds: a rollback concerns all feeds.
func acceptsRollback(r *http.Request, names []feed.Name) (bool, error) {
	switch text := r.URL.Query().Get("accept_rollback"); {
	case text == "":
		return false, nil
	case text != "true":
		return false, fmt.Errorf(`accept_rollback is %q; want "true": %w`, text, feed.ErrInvalid)
	case len(names) > 0:
		return false, fmt.Errorf("accept_rollback rebuilds all feeds; do not name any: %w", feed.ErrInvalid)
	default:
		return true, nil
	}
}

// feedNames returns the feeds named in the query and the body of a request.
func feedNames(r *http.Request) ([]feed.Name, error) {
	names := r.URL.Query()["feed"]
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	if len(body) > 0 {
		more, err := bodyNames(r.Header.Get("Content-Type"), string(body))
		if err != nil {
			return nil, err
		}
		names = append(names, more...)
	}
	feeds := make([]feed.Name, len(names))
	for i, name := range names {
		if name == "" {
			return nil, fmt.Errorf("feed %d has an empty name: %w", i+1, feed.ErrInvalid)
		}
		feeds[i] = feed.Name(name)
	}
	return feeds, nil
}

// bodyNames returns the names in a body, which is a form or JSON.
func bodyNames(contentType, body string) ([]string, error) {
	mediaType, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		mediaType = ""
	}
	switch mediaType {
	case "application/x-www-form-urlencoded":
		values, err := url.ParseQuery(body)
		if err != nil {
			return nil, fmt.Errorf("body: not a form: %w", feed.ErrInvalid)
		}
		return values["feed"], nil
	case "application/json":
		var v struct {
			Feeds []string `json:"feeds"`
		}
		d := json.NewDecoder(strings.NewReader(body))
		d.DisallowUnknownFields()
		if err := d.Decode(&v); err != nil {
			return nil, fmt.Errorf(`body: %w; want {"feeds": ["main"]}: %w`, err, feed.ErrInvalid)
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf(`body: more than one value; want {"feeds": ["main"]}: %w`, feed.ErrInvalid)
		}
		return v.Feeds, nil
	default:
		return nil, problem{Status: http.StatusUnsupportedMediaType,
			Detail: "The content type must be application/json or application/x-www-form-urlencoded."}
	}
}
