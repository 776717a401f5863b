package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"feedpub/feed/serve/internal/connlimit"
)

// Limits bound the time and memory that a client can use. All must be positive.
type Limits struct {
	ReadHeaderTimeout time.Duration // time to read a request's header
	ReadTimeout       time.Duration // time to read a whole request
	WriteTimeout      time.Duration // time to write a response
	IdleTimeout       time.Duration // idle time between the requests of a connection
	MaxHeaderBytes    int           // length of a request's header in bytes, including the request line
	MaxConnections    int           // number of open connections; additional ones wait to be accepted
}

// Server is the standard engine: net/http with limits. With TLS it supports HTTP/2.
type Server struct {
	http           *http.Server
	maxConnections int
}

// NewServer returns a server for h. If tls is nil it serves plain HTTP. Connection errors are logged at debug level,
// because any client can cause them.
func NewServer(h http.Handler, l Limits, tls *tls.Config, log *slog.Logger) *Server {
	return &Server{maxConnections: l.MaxConnections, http: &http.Server{
		Handler:           h,
		TLSConfig:         tls,
		ReadHeaderTimeout: l.ReadHeaderTimeout,
		ReadTimeout:       l.ReadTimeout,
		WriteTimeout:      l.WriteTimeout,
		IdleTimeout:       l.IdleTimeout,
		// net/http adds 4096 bytes.
		MaxHeaderBytes: max(l.MaxHeaderBytes-4096, 1),
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		// OPTIONS * is answered by h like any other OPTIONS.
		DisableGeneralOptionsHandler: true,
	}}
}

// Serve answers requests on l, which it closes. It returns [http.ErrServerClosed] after Shutdown.
func (s *Server) Serve(l net.Listener) error {
	l = connlimit.Listen(l, s.maxConnections)
	if s.http.TLSConfig != nil {
		return s.http.ServeTLS(l, "", "")
	}
	return s.http.Serve(&strictListener{l})
}

// Shutdown stops accepting connections, and waits until all requests in progress have been answered or ctx is done.
func (s *Server) Shutdown(ctx context.Context) error { return s.http.Shutdown(ctx) }

// NewHandler returns a handler for sites; for a single site, pass its [Front]. The handler uses the whole path of a
// request: use [http.StripPrefix] to mount it under a prefix.
func NewHandler(sites Sites) http.Handler { return &handler{sites: sites} }

type handler struct {
	sites Sites
	dates Dates
}

// ServeHTTP implements [http.Handler].
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !isTarget(r) || r.Host == "" && r.ProtoAtLeast(1, 1) {
		h.send(w, r, ErrorResponse(http.StatusBadRequest))
		return
	}
	front := h.sites.ForHost(r.Host)
	if front.TakesForm(r.Method, r.URL.Path) {
		h.send(w, r, answerForm(w, front, r))
		return
	}
	if len(r.Header["Expect"]) > 0 {
		h.send(w, r, ErrorResponse(http.StatusExpectationFailed))
		return
	}
	res := front.Answer(&Visit{
		Request: Request{
			Method:          r.Method,
			Path:            r.URL.Path,
			Query:           r.URL.RawQuery,
			Accept:          joined(r.Header["Accept"]),
			AcceptEncoding:  joined(r.Header["Accept-Encoding"]),
			IfNoneMatch:     joined(r.Header["If-None-Match"]),
			IfModifiedSince: joined(r.Header["If-Modified-Since"]),
			AIM:             joined(r.Header["A-Im"]),
			FetchDest:       joined(r.Header["Sec-Fetch-Dest"]),
		},
		Range:   joined(r.Header["Range"]),
		IfRange: joined(r.Header["If-Range"]),
		HasBody: r.ContentLength != 0, // -1 for a Transfer-Encoding
		Client:  clientOf(r),
	})
	// The framing of later versions of HTTP/1 is unknown.
	res.Close = res.Close || r.ProtoMajor == 1 && r.ProtoMinor > 1
	h.send(w, r, res)
}

// isTarget reports whether the target of a request has one of the forms that RFC 9112 section 3.2 allows for its
// method. net/http also accepts other forms, and the HTTP/2 preface.
func isTarget(r *http.Request) bool {
	switch {
	case r.Method == "PRI":
		return false
	case r.URL.Path == "*":
		return r.Method == http.MethodOptions
	default:
		return r.URL.Host != "" || strings.HasPrefix(r.URL.Path, "/")
	}
}

// answerForm returns the response to a request that contains a form for the hub.
func answerForm(w http.ResponseWriter, front *Front, r *http.Request) Response {
	form, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxForm))
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		return FormTooLong()
	}
	if err != nil {
		return ErrorResponse(http.StatusBadRequest)
	}
	return front.AnswerForm(r.Context(), clientOf(r), joined(r.Header["Content-Type"]), form)
}

// send writes a response.
func (h *handler) send(w http.ResponseWriter, r *http.Request, res Response) {
	header := w.Header()
	header["Date"] = h.dates.Of(&res, time.Now()).Values
	if res.Close {
		header["Connection"] = closeConnection
	}
	for _, f := range res.Header {
		header[f.Name] = f.Values
	}
	w.WriteHeader(res.Status)
	defer res.Release()
	if res.File != nil {
		sendFile(w, r, res.File)
	}
	if len(res.Body) > 0 {
		// An error means that the client has closed the connection.
		_, _ = w.Write(res.Body)
	}
}

func clientOf(r *http.Request) Client {
	c := Client{ForwardedFor: joined(r.Header["X-Forwarded-For"]), UserAgent: joined(r.Header["User-Agent"])}
	if a, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		c.Addr = a.Addr().Unmap()
	}
	return c
}

var closeConnection = []string{"close"}

// joined returns the lines of a field joined into one value.
func joined(lines []string) string {
	if len(lines) == 1 {
		return lines[0]
	}
	return strings.Join(lines, ", ")
}
