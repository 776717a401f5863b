// Package fast puts feeds on fasthttp, an HTTP/1.1 engine that does less for each request than net/http. It decides
// nothing: [serve.Front] does. TLS and HTTP/2 are for the standard engine.
package fast

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strings"
	"unsafe"

	"github.com/valyala/fasthttp"

	"feedpub/feed/serve"
	"feedpub/feed/serve/internal/connlimit"
)

// Server is the fast engine.
type Server struct {
	http           *fasthttp.Server
	sites          serve.Sites
	log            *slog.Logger
	maxConnections int
}

// writeBuffer is the size of the pooled buffer that an answer is put together in. One that fits goes out in one write;
// most feeds in gzip coding do.
const writeBuffer = 32 << 10

// NewServer returns a server that answers for sites, within the limits that [serve.NewServer] holds too. Errors of
// connections go to log at debug level, since anyone can cause them.
func NewServer(sites serve.Sites, l serve.Limits, log *slog.Logger) *Server {
	s := &Server{sites: sites, log: log, maxConnections: l.MaxConnections}
	s.http = &fasthttp.Server{
		Handler:         s.answer,
		ErrorHandler:    s.refuse,
		ContinueHandler: func(*fasthttp.RequestHeader) bool { return false }, // 417: no body is wanted
		Logger:          logger{log},
		// The cap is the listener's, so that clients wait as they do for the standard engine; one more than it, for
		// connections whose goroutine ends a little after they were closed.
		Concurrency: 2*l.MaxConnections + 1,
		// A request is its header: a body is refused, and the one byte below is the least that can be set.
		ReadTimeout:        min(l.ReadHeaderTimeout, l.ReadTimeout),
		MaxRequestBodySize: 1,
		WriteTimeout:       l.WriteTimeout,
		IdleTimeout:        l.IdleTimeout,
		ReadBufferSize:     l.MaxHeaderBytes,
		WriteBufferSize:    writeBuffer,
		// An open connection without a request holds no buffers; conn makes that cheap.
		ReduceMemoryUsage:            true,
		LazyRequestTime:              true,
		CloseOnShutdown:              true,
		NoDefaultServerHeader:        true,
		NoDefaultContentType:         true,
		SecureErrorLogMessage:        true, // nothing of a request in the log
		DisablePreParseMultipartForm: true,
	}
	return s
}

// Serve answers what comes in on l, which it closes in the end. It returns [http.ErrServerClosed] after Shutdown, as
// net/http does.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(newListener(connlimit.Listen(l, s.maxConnections))); err != nil {
		return fmt.Errorf("fast engine: %w", err)
	}
	return http.ErrServerClosed
}

// Shutdown accepts no more connections and waits until the requests under way are answered, or ctx ends.
func (s *Server) Shutdown(ctx context.Context) error {
	if err := s.http.ShutdownWithContext(ctx); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("fast engine: %w", err)
	}
	return nil
}

// answer is fasthttp's handler.
func (s *Server) answer(ctx *fasthttp.RequestCtx) {
	defer s.survive(ctx)
	h := &ctx.Request.Header
	path, ok := pathOf(h.RequestURI())
	sound, framed := inspect(h.RawHeaders())
	switch {
	case !ok || !sound:
		write(ctx, serve.Refuse(http.StatusBadRequest))
		return
	case !strings.HasPrefix(view(h.Protocol()), "HTTP/1."):
		write(ctx, serve.Refuse(http.StatusHTTPVersionNotSupported))
		return
	}
	write(ctx, s.sites.ForHost(hostOf(h)).Answer(&serve.Visit{
		Request: serve.Request{
			Method:          view(h.Method()),
			Path:            path,
			Query:           queryOf(h.RequestURI()),
			AcceptEncoding:  field(h, fasthttp.HeaderAcceptEncoding),
			IfNoneMatch:     field(h, fasthttp.HeaderIfNoneMatch),
			IfModifiedSince: field(h, fasthttp.HeaderIfModifiedSince),
			AIM:             field(h, "A-Im"),
		},
		HasBody: framed || h.ContentLength() > 0,
		Client: serve.Client{
			Addr:         peerOf(ctx),
			ForwardedFor: field(h, fasthttp.HeaderXForwardedFor),
			UserAgent:    view(h.UserAgent()),
		},
	}))
}

// survive keeps a defect in one answer from ending all others, as net/http does.
func (s *Server) survive(ctx *fasthttp.RequestCtx) {
	if v := recover(); v != nil {
		s.log.Error("an answer failed", "panic", v, "stack", string(debug.Stack()))
		ctx.Response.Reset()
		ctx.Response.SetStatusCode(http.StatusInternalServerError)
		ctx.Response.SetConnectionClose()
	}
}

// refuse answers what fasthttp could not read. Its text is fixed: nothing of the request is repeated.
func (s *Server) refuse(ctx *fasthttp.RequestCtx, err error) {
	status := http.StatusBadRequest
	var long *fasthttp.ErrSmallBuffer
	var network net.Error
	switch {
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		// The header could be read, and the method says more than that there is a body.
		write(ctx, s.sites.ForHost(hostOf(&ctx.Request.Header)).Answer(&serve.Visit{
			Request: serve.Request{Method: view(ctx.Request.Header.Method())}, HasBody: true,
		}))
		return
	case errors.As(err, &long):
		status = http.StatusRequestHeaderFieldsTooLarge
	case errors.As(err, &network) && network.Timeout():
		status = http.StatusRequestTimeout
	}
	write(ctx, serve.Refuse(status))
}

// write makes an answer fasthttp's.
func write(ctx *fasthttp.RequestCtx, res serve.Response) {
	r := &ctx.Response
	r.SetStatusCode(res.Status)
	for _, f := range res.Header {
		r.Header.SetCanonical(bytesOf(f.Name), bytesOf(f.Values[0]))
	}
	if len(res.Body) > 0 {
		r.SetBodyRaw(res.Body)
	}
	if res.Close {
		r.SetConnectionClose()
	}
}

// pathOf returns the percent-decoded path of a request target, and false if it is malformed. Most targets are their own
// path; the others are read as net/http reads them.
func pathOf(target []byte) (string, bool) {
	if len(target) == 0 {
		return "", false
	}
	for i, b := range target {
		switch {
		case i == 0 && b != '/' || b == '%':
			return parsedPath(string(target))
		case b == '?':
			return view(target[:i]), true
		}
	}
	return view(target), true
}

// hostOf returns the host that a request is for: that of a target in absolute form before the one in Host (RFC 9112
// section 3.2.2).
func hostOf(h *fasthttp.RequestHeader) string {
	if target := h.RequestURI(); len(target) > 0 && target[0] != '/' && target[0] != '*' {
		if u, err := url.ParseRequestURI(string(target)); err == nil && u.Host != "" {
			return u.Host
		}
	}
	return view(h.Host())
}

// queryOf returns the query of a request target as it is.
func queryOf(target []byte) string {
	if _, after, ok := bytes.Cut(target, []byte{'?'}); ok {
		return view(after)
	}
	return ""
}

func parsedPath(target string) (string, bool) {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return "", false
	}
	return u.Path, true
}

// peerOf returns the address of the other end.
func peerOf(ctx *fasthttp.RequestCtx) netip.Addr {
	if c, ok := ctx.Conn().(*conn); ok {
		return c.peer
	}
	return netip.Addr{}
}

// field returns the lines of a field as one value.
func field(h *fasthttp.RequestHeader, name string) string {
	switch lines := h.PeekAll(name); len(lines) {
	case 0:
		return ""
	case 1:
		return view(lines[0])
	default:
		texts := make([]string, len(lines))
		for i, line := range lines {
			texts[i] = string(line)
		}
		return strings.Join(texts, ", ")
	}
}

// view returns b as a string without a copy. It holds until the answer is written: fasthttp changes b no sooner.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// bytesOf returns s as bytes without a copy. They are not to be changed.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// logger takes what fasthttp has to say. Its arguments are addresses of readers and parts of what they sent, which are
// nobody's business, so only what it is about is told.
type logger struct{ log *slog.Logger }

// Printf implements [fasthttp.Logger].
func (l logger) Printf(format string, _ ...any) { l.log.Debug("fast engine", "about", format) }
