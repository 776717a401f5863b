// Package fast serves feeds with fasthttp, an HTTP/1.1 engine that spends less time on each request than net/http. The
// responses come from [serve.Front]. TLS and HTTP/2 are supported only by the engine in package serve.
package fast

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/valyala/fasthttp"
	"golang.org/x/net/http/httpguts"

	"feedpub/feed/serve"
	"feedpub/feed/serve/internal/connlimit"
)

// Server is the fast engine.
type Server struct {
	http           *fasthttp.Server
	sites          serve.Sites
	log            *slog.Logger
	maxConnections int
	timeouts       timeouts
	dates          serve.Dates
	dated          atomic.Pointer[datedHeader]
	files          memoryFiles
}

const (
	// writeBuffer is the size of the pooled buffers for responses, which hold headers and small bodies.
	writeBuffer = 8 << 10
	// smallBody is the maximum size of a body that is copied to the buffer after its header.
	smallBody = 4 << 10
)

// NewServer returns a server for sites with the same limits as [serve.NewServer]. Connection errors are logged at debug
// level, because any client can cause them.
func NewServer(sites serve.Sites, l serve.Limits, log *slog.Logger) *Server {
	s := &Server{sites: sites, log: log, maxConnections: l.MaxConnections, timeouts: timeouts{
		read: min(l.ReadHeaderTimeout, l.ReadTimeout), write: l.WriteTimeout, idle: l.IdleTimeout,
	}}
	s.http = &fasthttp.Server{
		Handler:      s.answer,
		ErrorHandler: s.reject,
		// A request with Expect: 100-continue may continue only if it contains a form for a hub. All others receive 417.
		ContinueHandler: s.takesForm,
		HeaderReceived:  s.bodyLimit,
		Logger:          logger{log},
		// The listener limits connections, so that additional clients wait, as with the standard engine. Concurrency must be
		// higher than that limit, because a goroutine ends shortly after its connection is closed.
		Concurrency: 2*l.MaxConnections + 1,
		// Only forms have a body, and bodyLimit sets their limits. For any other request, the limit is 1 byte, because 0
		// would mean no limit.
		MaxRequestBodySize: 1,
		ReadBufferSize:     l.MaxHeaderBytes,
		WriteBufferSize:    writeBuffer,
		// Idle connections have no buffers. The connections also implement the timeouts; see conn.
		ReduceMemoryUsage:            true,
		LazyRequestTime:              true,
		CloseOnShutdown:              true,
		NoDefaultServerHeader:        true,
		NoDefaultDate:                true, // the date from fasthttp is up to a second old; see begin
		NoDefaultContentType:         true,
		SecureErrorLogMessage:        true, // do not log parts of a request
		DisablePreParseMultipartForm: true,
	}
	return s
}

// Serve answers requests on l, which it closes. It returns [http.ErrServerClosed] after Shutdown.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(newListener(connlimit.Listen(l, s.maxConnections), s.timeouts)); err != nil {
		return fmt.Errorf("fast engine: %w", err)
	}
	return http.ErrServerClosed
}

// Shutdown stops accepting connections, and waits until all requests in progress have been answered or ctx is done.
func (s *Server) Shutdown(ctx context.Context) error {
	if err := s.http.ShutdownWithContext(ctx); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("fast engine: %w", err)
	}
	return nil
}

// takesForm reports whether a request contains a form for a hub.
func (s *Server) takesForm(h *fasthttp.RequestHeader) bool {
	if !h.IsPost() {
		return false
	}
	path, ok := pathOf(h.RequestURI())
	return ok && s.sites.ForHost(hostOf(h)).TakesForm(http.MethodPost, path)
}

// bodyLimit returns the limits of a request whose header was received; zero limits mean those of the server.
func (s *Server) bodyLimit(h *fasthttp.RequestHeader) fasthttp.RequestConfig {
	if !s.takesForm(h) {
		return fasthttp.RequestConfig{}
	}
	return fasthttp.RequestConfig{MaxRequestBodySize: serve.MaxForm}
}

// answer is fasthttp's handler.
func (s *Server) answer(ctx *fasthttp.RequestCtx) {
	defer s.recoverPanic(ctx)
	h := &ctx.Request.Header
	path, ok := pathOf(h.RequestURI())
	f := fieldsOf(ctx)
	switch {
	case !ok || !httpguts.ValidHostHeader(view(h.Host())):
		s.writeError(ctx, http.StatusBadRequest)
		return
	case f.expect != "" && !s.takesForm(h):
		s.writeError(ctx, http.StatusExpectationFailed)
		return
	case !strings.HasPrefix(view(h.Protocol()), "HTTP/1."):
		s.writeError(ctx, http.StatusHTTPVersionNotSupported)
		return
	}
	client := serve.Client{
		Addr:         peerOf(ctx),
		ForwardedFor: f.forwardedFor,
		UserAgent:    view(h.UserAgent()),
	}
	front := s.sites.ForHost(hostOf(h))
	if h.IsPost() && front.TakesForm(http.MethodPost, path) {
		res := front.AnswerForm(ctx, client, view(h.ContentType()), ctx.PostBody())
		s.write(ctx, &res)
		return
	}
	res := front.Answer(&serve.Visit{
		Request: serve.Request{
			Method:          view(h.Method()),
			Path:            path,
			Query:           queryOf(h.RequestURI()),
			Accept:          f.accept,
			AcceptEncoding:  f.acceptEncoding,
			IfNoneMatch:     f.ifNoneMatch,
			IfModifiedSince: f.ifModifiedSince,
			AIM:             f.aim,
			FetchDest:       f.fetchDest,
		},
		Range:   f.byteRange,
		IfRange: f.ifRange,
		HasBody: h.ContentLength() > 0,
		Client:  client,
	})
	s.write(ctx, &res)
}

// recoverPanic logs a panic in a request and responds with 500.
func (s *Server) recoverPanic(ctx *fasthttp.RequestCtx) {
	if v := recover(); v != nil {
		s.log.Error("panic in a request", "panic", v, "stack", string(debug.Stack()))
		ctx.Response.Reset()
		ctx.Response.SetStatusCode(http.StatusInternalServerError)
		ctx.Response.SetConnectionClose()
	}
}

// reject answers requests that fasthttp could not parse. The response contains no part of the request.
func (s *Server) reject(ctx *fasthttp.RequestCtx, err error) {
	status := http.StatusBadRequest
	var long *fasthttp.ErrSmallBuffer
	var network net.Error
	switch {
	case errors.Is(err, fasthttp.ErrBodyTooLarge) && s.takesForm(&ctx.Request.Header):
		res := serve.FormTooLong()
		s.write(ctx, &res)
		return
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		// The header was parsed, and the status depends on the method.
		res := s.sites.ForHost(hostOf(&ctx.Request.Header)).Answer(&serve.Visit{
			Request: serve.Request{Method: view(ctx.Request.Header.Method())}, HasBody: true,
		})
		s.write(ctx, &res)
		return
	case errors.As(err, &long):
		status = http.StatusRequestHeaderFieldsTooLarge
	case errors.As(err, &network) && network.Timeout():
		status = http.StatusRequestTimeout
	}
	s.writeError(ctx, status)
}

// datedHeader is a header with only a Date. It is immutable.
type datedHeader struct {
	date   *serve.Date
	header fasthttp.ResponseHeader
}

// begin sets the Date of a response. fasthttp ignores calls that set it, so begin copies a header that was parsed from
// text. It parses a new header each second.
func (s *Server) begin(h *fasthttp.ResponseHeader, date *serve.Date) {
	dated := s.dated.Load()
	if dated == nil || dated.date != date {
		dated = &datedHeader{date: date}
		h.CopyTo(&dated.header) // keep the options that fasthttp has set
		// A 204 has no body, and therefore no Content-Length.
		text := "HTTP/1.1 204 No Content\r\nDate: " + date.Values[0] + "\r\n\r\n"
		if err := dated.header.Read(bufio.NewReader(strings.NewReader(text))); err != nil {
			s.log.Error("response without a Date", "error", err) // cannot happen
			return
		}
		dated.header.SetStatusMessage(nil) // use the reason phrase of the status that is set later
		s.dated.Store(dated)
	}
	dated.header.CopyTo(h)
}

// writeError writes the response to a request that is not valid.
func (s *Server) writeError(ctx *fasthttp.RequestCtx, status int) {
	res := serve.ErrorResponse(status)
	s.write(ctx, &res)
}

// write copies a response to fasthttp's response.
func (s *Server) write(ctx *fasthttp.RequestCtx, res *serve.Response) {
	r, now := &ctx.Response, time.Now()
	date := s.dates.Of(res, now)
	c, ok := ctx.Conn().(*conn)
	if ok {
		c.respond(now)
	}
	if ok && res.Lines != "" {
		c.head = head{date: date.Line, lines: res.Lines}
		if len(res.Body) <= smallBody {
			c.head.copied = len(res.Body)
		}
		r.SetStatusCode(res.Status)
	} else {
		s.begin(&r.Header, date)
		r.SetStatusCode(res.Status)
		for _, f := range res.Header {
			r.Header.SetCanonical(bytesOf(f.Name), bytesOf(f.Values[0]))
		}
	}
	switch n := len(res.Body); {
	case res.File != nil:
		r.SetBodyStream(&fileBody{response: *res, conn: ctx.Conn(), timeout: s.timeouts.write}, int(res.File.Length))
	case n > smallBody:
		s.writeShared(ctx, res)
	case n > 0:
		r.SetBodyRaw(res.Body) // fasthttp copies it to a buffer before it waits for the client
		res.Release()
	default:
		res.Release()
	}
	if res.Close {
		r.SetConnectionClose()
	}
}

// writeShared sets a body that is written without being copied, in the same system call as the header if possible.
func (s *Server) writeShared(ctx *fasthttp.RequestCtx, res *serve.Response) {
	var b *body
	if c, ok := ctx.Conn().(*conn); ok {
		b = &c.body // fasthttp has already closed the body of the previous response
		if !ctx.IsHead() {
			c.shared, c.file, ctx.Response.ImmediateHeaderFlush = res.Body, s.files.of(res), true
		}
		b.conn = c
	} else {
		b = new(body)
	}
	b.response, b.rest = *res, res.Body
	ctx.Response.SetBodyStream(b, len(res.Body))
}

// body is a response body that is written without being copied. fasthttp closes the body after writing it, or when the
// client has disconnected.
type body struct {
	response serve.Response
	rest     []byte
	conn     *conn // nil if the connection has a different type
}

// WriteTo implements [io.WriterTo].
func (b *body) WriteTo(w io.Writer) (int64, error) {
	if b.conn != nil && b.conn.wroteShared() {
		n := len(b.rest)
		b.rest = nil
		return int64(n), nil
	}
	n, err := w.Write(b.rest)
	b.rest = b.rest[n:]
	return int64(n), err
}

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	if len(b.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, b.rest)
	b.rest = b.rest[n:]
	return n, nil
}

// Close implements [io.Closer].
func (b *body) Close() error {
	if b.conn != nil {
		b.conn.shared, b.conn.file = nil, nil
	}
	b.response.Release()
	b.response, b.rest = serve.Response{}, nil
	return nil
}

// fileBody is a response body that is read from a file. Sending a recording may take longer than the server's write
// timeout, so each read extends the deadline.
type fileBody struct {
	response serve.Response
	conn     net.Conn
	timeout  time.Duration
}

// Read implements [io.Reader].
func (b *fileBody) Read(p []byte) (int, error) {
	if b.timeout > 0 {
		_ = b.conn.SetWriteDeadline(time.Now().Add(b.timeout)) // otherwise the timeout of the whole response applies
	}
	return b.response.File.Read(p)
}

// Close implements [io.Closer].
func (b *fileBody) Close() error {
	b.response.Release()
	return nil
}

// pathOf returns the percent-decoded path of a request target, and false if it is malformed. Targets with an escape or
// in absolute form are parsed as in net/http.
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

// hostOf returns the host of a request: the host of an absolute-form target, else the Host field (RFC 9112 section
// 3.2.2).
func hostOf(h *fasthttp.RequestHeader) string {
	if target := h.RequestURI(); len(target) > 0 && target[0] != '/' && target[0] != '*' {
		if u, err := url.ParseRequestURI(string(target)); err == nil && u.Host != "" {
			return u.Host
		}
	}
	return view(h.Host())
}

// queryOf returns the query of a request target as received.
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

func peerOf(ctx *fasthttp.RequestCtx) netip.Addr {
	if c, ok := ctx.Conn().(*conn); ok {
		return c.peer
	}
	return netip.Addr{}
}

// fields holds the fields of a request on which its response may depend. Their values are valid until the response has
// been written.
type fields struct {
	accept, acceptEncoding, ifNoneMatch, ifModifiedSince, aim, fetchDest string
	byteRange, ifRange, expect, forwardedFor                             string
}

// fieldsOf returns the fields of a request. It reads the header once, which takes less time than looking up each field.
// The result is valid until the next request of the connection.
func fieldsOf(ctx *fasthttp.RequestCtx) *fields {
	var f *fields
	if c, ok := ctx.Conn().(*conn); ok {
		f = &c.fields
		*f = fields{}
	} else {
		f = new(fields)
	}
	for name, value := range ctx.Request.Header.All() {
		field := f.named(name)
		switch {
		case field == nil:
		case *field == "":
			*field = view(value)
		default: // several lines of a field form one list
			*field += ", " + string(value)
		}
	}
	return f
}

// named returns a pointer to the value of the field with the given canonical name, or nil if f has no such field.
func (f *fields) named(name []byte) *string {
	switch string(name) {
	case fasthttp.HeaderAccept:
		return &f.accept
	case fasthttp.HeaderAcceptEncoding:
		return &f.acceptEncoding
	case fasthttp.HeaderIfNoneMatch:
		return &f.ifNoneMatch
	case fasthttp.HeaderIfModifiedSince:
		return &f.ifModifiedSince
	case "A-Im":
		return &f.aim
	case "Sec-Fetch-Dest":
		return &f.fetchDest
	case fasthttp.HeaderRange:
		return &f.byteRange
	case fasthttp.HeaderIfRange:
		return &f.ifRange
	case fasthttp.HeaderExpect:
		return &f.expect
	case fasthttp.HeaderXForwardedFor:
		return &f.forwardedFor
	}
	return nil
}

// view returns b as a string without a copy. It is valid until the response has been written, after which fasthttp
// reuses b.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// bytesOf returns s as bytes without a copy. They must not be modified.
func bytesOf(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// logger logs the format strings of fasthttp's messages. Their arguments contain client addresses and parts of
// requests, which must not be logged.
type logger struct{ log *slog.Logger }

// Printf implements [fasthttp.Logger].
func (l logger) Printf(format string, _ ...any) { l.log.Debug("fast engine", "message", format) }
