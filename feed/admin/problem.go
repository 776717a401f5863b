package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// problem is an error response: problem details (RFC 9457) of type about:blank, titled with the status text.
type problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail,omitempty"`
	// Place locates the error in a post: a JSON path such as "authors[1].name", or "line 3, column 7". Place and Reason
	// are extension members.
	Place  string `json:"place,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// statuses maps kinds of errors to status codes. An unknown error gets status 500, and its text is only logged: it may
// contain addresses and paths.
var statuses = []struct {
	kind   error
	status int
	detail string // replaces the error's text, if not empty
}{
	{feed.ErrInvalid, http.StatusBadRequest, ""},
	{feed.ErrNotFound, http.StatusNotFound, ""},
	{feed.ErrLocked, http.StatusConflict, ""},
	{feed.ErrStale, http.StatusConflict, ""},
	{feed.ErrBusy, http.StatusServiceUnavailable, ""},
	{feed.ErrOutdated, http.StatusServiceUnavailable, "This release is too old to write the site's data; upgrade it."},
	{feed.ErrUnavailable, http.StatusServiceUnavailable,
		"The store is unavailable; published documents are still served."},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, "The operation timed out and may still be running."},
	{context.Canceled, http.StatusServiceUnavailable, "The operation was interrupted and may still be running."},
}

// problemOf returns the response to err.
func problemOf(err error) problem {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return problem{Status: http.StatusRequestEntityTooLarge}
	}
	if p, ok := errors.AsType[problem](err); ok {
		return p
	}
	if post, ok := errors.AsType[*intake.Error](err); ok {
		return problem{Status: http.StatusUnprocessableEntity, Detail: "The post was rejected: " + post.Error() + ".",
			Place: post.Place, Reason: post.Reason}
	}
	for _, s := range statuses {
		if !errors.Is(err, s.kind) {
			continue
		}
		if s.detail != "" {
			return problem{Status: s.status, Detail: s.detail}
		}
		return problem{Status: s.status, Detail: err.Error()}
	}
	return problem{Status: http.StatusInternalServerError, Detail: "Internal error; see the log."}
}

// Error returns the detail. It lets handlers return a problem as an error.
func (p problem) Error() string { return p.Detail }

// handleErrors returns a handler that calls f and responds to its error.
func (h *handler) handleErrors(f func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			h.respondError(w, r, err)
		}
	})
}

// respondError logs server errors and sends the problem for err.
func (h *handler) respondError(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Status >= 500 {
		h.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "status", p.Status, "error", err)
	}
	h.fail(w, p)
}

// retryAfter is the value of Retry-After in 503 responses, in seconds.
const retryAfter = "5"

func (h *handler) fail(w http.ResponseWriter, p problem) {
	p.Title = http.StatusText(p.Status)
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
	h.json(w, p.Status, "application/problem+json", p)
}

func (h *handler) json(w http.ResponseWriter, status int, mediaType string, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		h.Log.Error("cannot encode the response", "error", err)
		status, body = http.StatusInternalServerError, []byte("{}")
	}
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	if _, err := w.Write(append(body, '\n')); err != nil {
		h.Log.Debug("cannot send the response", "error", err)
	}
}
