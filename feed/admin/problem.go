package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// problem is an error as a client sees it: problem details (RFC 9457) of the type about:blank, whose title is that of
// the status.
type problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail,omitempty"`
	// Place is where in a post the fault is: a JSON path such as "authors[1].name", or "line 3, column 7". It and Reason
	// are members of our own.
	Place  string `json:"place,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// statuses says which status an error of a kind is answered with, and whether its text is for the client; other errors
// are 500. The texts of the others may tell of addresses and paths and go to the log only.
var statuses = []struct {
	kind   error
	status int
	detail string // instead of the error's text
}{
	{feed.ErrInvalid, http.StatusBadRequest, ""},
	{feed.ErrNotFound, http.StatusNotFound, ""},
	{feed.ErrLocked, http.StatusConflict, ""},
	{feed.ErrStale, http.StatusConflict, ""},
	{feed.ErrOutdated, http.StatusServiceUnavailable, "This server is too old to write what the site's data have become."},
	{feed.ErrUnavailable, http.StatusServiceUnavailable, "The store can't be reached now; what is served stays."},
	{context.DeadlineExceeded, http.StatusServiceUnavailable, "It took too long, and may still be under way."},
	{context.Canceled, http.StatusServiceUnavailable, "It was cut off, and may still be under way."},
}

// problemOf returns what the client is told of err.
func problemOf(err error) problem {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return problem{Status: http.StatusRequestEntityTooLarge}
	}
	if p, ok := errors.AsType[problem](err); ok {
		return p
	}
	if post, ok := errors.AsType[*intake.Error](err); ok {
		return problem{Status: http.StatusUnprocessableEntity, Detail: "The post was not stored: " + post.Error() + ".",
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
	return problem{Status: http.StatusInternalServerError, Detail: "The log says more."}
}

// Error makes a problem that a handler has found itself an error.
func (p problem) Error() string { return p.Detail }

// failing turns a handler that may fail into one that answers its error.
func (h *handler) failing(f func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			h.answer(w, r, err)
		}
	})
}

// answer answers an error.
func (h *handler) answer(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Status >= 500 {
		h.Log.Error("request failed", "method", r.Method, "path", r.URL.Path, "status", p.Status, "error", err)
	}
	h.fail(w, p)
}

// retryAfter is how many seconds a client is asked to wait when the store can't be reached.
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
		h.Log.Error("answer can't be written as JSON", "error", err)
		status, body = http.StatusInternalServerError, []byte("{}")
	}
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	if _, err := w.Write(append(body, '\n')); err != nil {
		h.Log.Debug("answer not sent", "error", err)
	}
}
