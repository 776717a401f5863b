package serve

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"feedpub/feed"
)

// Documents gives what is served now. A [Replica] is one.
type Documents interface {
	// Snapshot returns the current snapshot. It is called for every request.
	Snapshot() *Snapshot
}

// Observer is told of every answer, for metrics. It is called concurrently and must not block.
type Observer interface {
	// Served reports an answer: the format of the document that was asked for, empty if there is none, the status and
	// the length of the body in bytes.
	Served(format feed.Format, status, bytes int)
}

type handler struct {
	documents Documents
	observer  Observer
}

// NewHandler returns a handler that answers with [Answer] from the current documents. It looks at the whole path of a
// request: mount it under a prefix with [http.StripPrefix]. The observer may be nil.
func NewHandler(d Documents, o Observer) http.Handler { return &handler{documents: d, observer: o} }

// ServeHTTP implements [http.Handler].
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var res Response
	if hasBody := r.ContentLength != 0; hasBody && readOnly(r.Method) {
		// Such a request is a mistake or an attempt to smuggle another one in its body.
		res = badRequest
	} else {
		res = Answer(h.documents.Snapshot(), Request{
			Method:          r.Method,
			Path:            r.URL.Path,
			AcceptEncoding:  joined(r.Header["Accept-Encoding"]),
			IfNoneMatch:     joined(r.Header["If-None-Match"]),
			IfModifiedSince: joined(r.Header["If-Modified-Since"]),
			AIM:             joined(r.Header["A-Im"]),
		})
	}
	header := w.Header()
	if r.ContentLength != 0 {
		header["Connection"] = closeConnection // rather than read what nobody wants
	}
	for _, f := range res.Header {
		header[f.Name] = f.Values
	}
	if r.Method == http.MethodHead {
		res.Body = nil
	}
	w.WriteHeader(res.Status)
	if len(res.Body) > 0 {
		// A reader that has gone away is no fault of ours, and there is nobody left to tell.
		_, _ = w.Write(res.Body)
	}
	if h.observer != nil {
		h.observer.Served(res.Format, res.Status, len(res.Body))
	}
}

var closeConnection = []string{"close"}

func readOnly(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// joined returns the lines of a field as one value.
func joined(lines []string) string {
	if len(lines) == 1 {
		return lines[0]
	}
	return strings.Join(lines, ", ")
}

// NewServer returns a server for readers: with limits on the time and the memory that any of them can take, which
// net/http leaves open. Errors of connections go to log at debug level, since anyone can cause them.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		// OPTIONS * is answered as any other OPTIONS.
		DisableGeneralOptionsHandler: true,
	}
}
