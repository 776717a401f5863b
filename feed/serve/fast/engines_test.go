package fast_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/serve"
	"feedpub/feed/serve/fast"
)

// noon is the modification time of the documents. It is in the past.
var noon = time.Date(2024, 5, 17, 12, 0, 0, 0, time.UTC)

// fixed is a snapshot that never changes.
type fixed struct{ s *serve.Snapshot }

func (f fixed) Snapshot() *serve.Snapshot { return f.s }

func pack(b []byte) []byte {
	var buf bytes.Buffer
	zw := gzip.NewWriter(&buf)
	_, _ = zw.Write(b) // writes to a buffer never fail
	_ = zw.Close()
	return buf.Bytes()
}

// site returns a snapshot of the given feeds, each with size bytes in each format, and retired paths.
func site(t testing.TB, size int, names ...feed.Name) *serve.Snapshot {
	t.Helper()
	return siteModified(t, noon, size, names...)
}

// siteModified is like site, but with the given Last-Modified.
func siteModified(t testing.TB, modified time.Time, size int, names ...feed.Name) *serve.Snapshot {
	t.Helper()
	blobs := map[feed.Hash]feed.Blob{}
	var heads []feed.Head
	for _, name := range names {
		head, formats := feed.Head{Feed: name, Token: 1}, feed.Formats()
		if name == feed.Pages {
			formats = feed.SiteFormats()
		}
		for _, f := range formats {
			body := fmt.Appendf(nil, "<%s %s>", f, name)
			for i := 0; len(body) < size; i++ { // gzip compresses this text to a third of its size
				body = fmt.Appendf(body, "%x\n", i*i*2654435761)
			}
			b := feed.Blob{Hash: feed.HashOf(body), Gzip: pack(body), Size: len(body)}
			blobs[b.Hash] = b
			head.Documents = append(head.Documents, feed.DocumentRef{
				Format: f, Path: name.Path(f), MediaType: f.MediaType(), Link: `<https://example.com/x>; rel="self"`,
				MaxAge: 15 * time.Minute, Hash: b.Hash, Length: b.Size, Modified: modified,
			})
		}
		heads = append(heads, head)
	}
	s, err := serve.NewSnapshot(serve.Options{Retired: []string{"/old/feed.xml"}}, heads,
		func(h feed.Hash) (feed.Blob, bool) { b, ok := blobs[h]; return b, ok })
	if err != nil {
		t.Fatalf("NewSnapshot: %v", err)
	}
	return s
}

// engine is the interface of both engines.
type engine interface {
	Serve(net.Listener) error
	Shutdown(context.Context) error
}

// engines maps the names of the engines to their constructors.
var engines = map[string]func(serve.Sites, serve.Limits, *slog.Logger) engine{
	"fast": func(f serve.Sites, l serve.Limits, log *slog.Logger) engine { return fast.NewServer(f, l, log) },
	"standard": func(f serve.Sites, l serve.Limits, log *slog.Logger) engine {
		return serve.NewServer(serve.NewHandler(f), l, nil, log)
	},
}

// start serves on a free port until the test ends, and returns the address.
func start(t testing.TB, name string, f serve.Sites, l serve.Limits, log *slog.Logger) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	startOn(t, listener, name, f, l, log)
	return listener.Addr().String()
}

// startOn serves on a listener until the test ends.
func startOn(t testing.TB, listener net.Listener, name string, f serve.Sites, l serve.Limits, log *slog.Logger) {
	t.Helper()
	e := engines[name](f, l, log)
	done := make(chan error, 1)
	go func() { done <- e.Serve(listener) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		if err := e.Shutdown(ctx); err != nil {
			t.Errorf("%s: Shutdown: %v", name, err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("%s: Serve: %v, want %v", name, err, http.ErrServerClosed)
		}
	})
}

// dial connects, with a deadline of a few seconds.
func dial(t testing.TB, addr string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	tcp, ok := c.(*net.TCPConn)
	if !ok {
		t.Fatalf("connection is a %T, want a *net.TCPConn", c)
	}
	return tcp
}

// answer is a response without its date.
type answer struct {
	Status int
	Header map[string]string
	Body   string
}

func read(t testing.TB, r *bufio.Reader, method string) answer {
	t.Helper()
	res, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("no response: %v", err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("response body: %v", err)
	}
	a := answer{Status: res.StatusCode, Header: map[string]string{}, Body: string(body)}
	for name, values := range res.Header {
		a.Header[name] = strings.Join(values, " | ")
	}
	if _, err := http.ParseTime(a.Header["Date"]); err != nil {
		t.Errorf("Date: %v", err)
	}
	delete(a.Header, "Date")
	if res.Close {
		a.Header["Connection"] = "close"
	}
	return a
}

// TestEnginesAgree checks that both engines send the same responses.
func TestEnginesAgree(t *testing.T) {
	s := site(t, 4000, feed.Main, "tags/日本", "tags/a b")
	get := func(path string, fields ...string) string {
		return "GET " + path + " HTTP/1.1\r\nHost: x\r\n" + strings.Join(append(fields, "", ""), "\r\n")
	}
	head, ok := s.Head(feed.Main)
	if !ok {
		t.Fatal("no main feed")
	}
	tag := `"` + string(head.Documents[0].Hash) + `"`
	gz := `"` + string(head.Documents[0].Hash) + `-gz"`
	opened := `"` + string(head.Documents[0].Hash) + `-xml"`
	for _, c := range []struct {
		name, raw string
		status    int
	}{
		{"whole", get("/feed.xml"), 200},
		{"gzip", get("/feed.xml", "Accept-Encoding: gzip, deflate, br"), 200},
		{"gzip not acceptable", get("/feed.xml", "Accept-Encoding: gzip;q=0"), 200},
		{"no coding acceptable", get("/feed.xml", "Accept-Encoding: *;q=0"), 406},
		{"Atom", get("/atom.xml"), 200},
		{"opened in a browser", get("/feed.xml", "Sec-Fetch-Dest: document", "Accept-Encoding: gzip, deflate, br"), 200},
		{"opened again", get("/feed.xml", "Sec-Fetch-Dest: document", `If-None-Match: `+opened), 304},
		{"two destinations", get("/feed.xml", "Sec-Fetch-Dest: document", "Sec-Fetch-Dest: empty"), 200},
		{"JSON Feed", get("/feed.json"), 200},
		{"index", get("/"), 200},
		{"query", get("/feed.xml?a=b&c=%zz"), 200},
		{"an empty query", get("/feed.xml?"), 200},
		{"a question mark in a query", get("/feed.xml?/../?x"), 200},
		{"UTF-8 escaped", get("/tags/%E6%97%A5%E6%9C%AC/feed.xml"), 200},
		{"UTF-8 not escaped", get("/tags/日本/feed.xml"), 200},
		{"escaped space", get("/tags/a%20b/feed.xml"), 200},
		{"plus is not a space", get("/tags/a+b/feed.xml"), 404},
		{"escaped letters", get("/%66eed.xml"), 200},
		{"an absolute target", get("http://other/feed.xml"), 200},
		{"an absolute target without a path", get("http://other"), 404},
		{"an absolute target with a query", get("http://other/feed.xml?x"), 200},
		{"dot segments", get("/x/../feed.xml"), 404},
		{"escaped dot segments", get("/x/%2e%2e/feed.xml"), 404},
		{"two slashes", get("//feed.xml"), 404},
		{"a slash at the end", get("/feed.xml/"), 404},
		{"a semicolon", get("/feed.xml;a=b"), 404},
		{"no document", get("/none"), 404},
		{"retired", get("/old/feed.xml"), 410},
		{"HEAD", "HEAD /feed.xml HTTP/1.1\r\nHost: x\r\n\r\n", 200},
		{"HEAD in gzip", "HEAD /feed.xml HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n", 200},
		{"HEAD of a missing document", "HEAD /none HTTP/1.1\r\nHost: x\r\n\r\n", 404},
		{"OPTIONS", "OPTIONS /feed.xml HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\n" +
			"Access-Control-Request-Method: GET\r\nAccess-Control-Request-Headers: if-none-match\r\n\r\n", 204},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", 204},
		{"POST", "POST /feed.xml HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 405},
		{"POST without a length", "POST /feed.xml HTTP/1.1\r\nHost: x\r\n\r\n", 405},
		{"POST with a body", "POST /feed.xml HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 405},
		{"DELETE", "DELETE /feed.xml HTTP/1.1\r\nHost: x\r\n\r\n", 405},
		{"an unknown method", "SUBSCRIBE /feed.xml HTTP/1.1\r\nHost: x\r\n\r\n", 405},
		{"a tag", get("/feed.xml", "If-None-Match: "+tag), 304},
		{"a weak tag", get("/feed.xml", "If-None-Match: W/"+gz, "Accept-Encoding: gzip"), 304},
		{"a list of tags", get("/feed.xml", `If-None-Match: "a", `+tag+`, "b"`), 304},
		{"a list of tags in two lines", get("/feed.xml", `If-None-Match: "a"`, `if-none-match: `+tag), 304},
		{"another tag", get("/feed.xml", `If-None-Match: "a"`), 200},
		{"any tag", get("/feed.xml", "If-None-Match: *"), 304},
		{"IMF-fixdate", get("/feed.xml", "If-Modified-Since: Fri, 17 May 2024 12:00:00 GMT"), 304},
		{"RFC 850 date", get("/feed.xml", "If-Modified-Since: Friday, 17-May-24 12:00:00 GMT"), 304},
		{"asctime date", get("/feed.xml", "If-Modified-Since: Fri May 17 12:00:00 2024"), 304},
		{"an older date", get("/feed.xml", "If-Modified-Since: Fri, 17 May 2024 11:59:59 GMT"), 200},
		{"a malformed date", get("/feed.xml", "If-Modified-Since: yesterday"), 200},
		{"another tag and the current date",
			get("/feed.xml", `If-None-Match: "a"`, "If-Modified-Since: Fri, 17 May 2024 12:00:00 GMT"), 200},
		{"field names in different cases", get("/feed.xml", "ACCEPT-ENCODING: gzip", "if-NONE-match: "+gz), 304},
		{"codings in two lines", get("/feed.xml", "Accept-Encoding: br", "Accept-Encoding: gzip"), 200},
		{"a range, which is ignored", get("/feed.xml", "Range: bytes=0-9"), 200},
		{"a length of 0", get("/feed.xml", "Content-Length: 0"), 200},
		{"closed on request", get("/feed.xml", "Connection: close"), 200},
		{"HTTP/1.0", "GET /feed.xml HTTP/1.0\r\n\r\n", 200},
		{"HTTP/1.0 with keep-alive", "GET /feed.xml HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200},
		{"a body", "GET /feed.xml HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", 400},
		{"HEAD with a body", "HEAD /feed.xml HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			method, _, _ := strings.Cut(c.raw, " ")
			answers := map[string]answer{}
			for name := range engines {
				conn := dial(t, start(t, name, &serve.Front{Documents: fixed{s}}, testLimits, logTo(t)))
				if _, err := io.WriteString(conn, c.raw); err != nil {
					t.Fatal(err)
				}
				a := read(t, bufio.NewReader(conn), method)
				if a.Status != c.status {
					t.Errorf("%s engine: status is %d, want %d", name, a.Status, c.status)
				}
				if strings.Contains(c.raw, "HTTP/1.0") && a.Header["Connection"] == "close" {
					delete(a.Header, "Connection") // HTTP/1.0 closes by default, and engines differ in whether they send the field
				}
				answers[name] = a
			}
			if diff := cmp.Diff(answers["standard"], answers["fast"]); diff != "" {
				t.Errorf("responses to %q (-standard +fast):\n%s", c.raw, diff)
			}
		})
	}
}

// TestErrorPages checks that both engines send the same error pages to browsers, and the same texts to feed readers.
func TestErrorPages(t *testing.T) {
	s := site(t, 400, feed.Main, feed.Pages)
	for _, c := range []struct {
		raw, mediaType string
		status         int
	}{
		{"GET /none HTTP/1.1\r\nHost: x\r\nAccept: text/html, */*;q=0.8\r\n\r\n", "text/html; charset=utf-8", 404},
		{"GET /none HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\nAccept: text/plain;q=0.1\r\n\r\n",
			"text/html; charset=utf-8", 404},
		{"HEAD /none HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n\r\n", "text/html; charset=utf-8", 404},
		{"GET /old/feed.xml HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\nAccept-Encoding: gzip\r\n\r\n",
			"text/html; charset=utf-8", 410},
		{"GET /none HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n", "text/plain; charset=utf-8", 404},
		{"GET /none HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\nAccept: text/xml\r\n\r\n",
			"text/plain; charset=utf-8", 404},
	} {
		method, _, _ := strings.Cut(c.raw, " ")
		answers := map[string]answer{}
		for name := range engines {
			conn := dial(t, start(t, name, &serve.Front{Documents: fixed{s}}, testLimits, logTo(t)))
			if _, err := io.WriteString(conn, c.raw); err != nil {
				t.Fatal(err)
			}
			answers[name] = read(t, bufio.NewReader(conn), method)
			if a := answers[name]; a.Status != c.status || a.Header["Content-Type"] != c.mediaType {
				t.Errorf("%s engine: %q has the status %d and the type %q, want %d and %q",
					name, c.raw, a.Status, a.Header["Content-Type"], c.status, c.mediaType)
			}
		}
		if diff := cmp.Diff(answers["standard"], answers["fast"]); diff != "" {
			t.Errorf("responses to %q (-standard +fast):\n%s", c.raw, diff)
		}
	}
}

// TestPipelinedRequests checks that both engines answer the requests of a connection in order.
func TestPipelinedRequests(t *testing.T) {
	s := site(t, 40_000, feed.Main)
	for name := range engines {
		conn := dial(t, start(t, name, &serve.Front{Documents: fixed{s}}, testLimits, logTo(t)))
		var raw strings.Builder
		var want, got []int
		for i := range 300 { // more than several read buffers
			path, status := "/feed.xml", 200
			switch i % 3 {
			case 1:
				path, status = "/none", 404
			case 2:
				path, status = "/old/feed.xml", 410
			}
			fmt.Fprintf(&raw, "GET %s HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\nX-Pad: %s\r\n\r\n",
				path, strings.Repeat("p", i))
			want = append(want, status)
		}
		sent := make(chan error, 1)
		go func() {
			_, err := io.WriteString(conn, raw.String())
			sent <- err
		}()
		for r := bufio.NewReader(conn); len(got) < len(want); {
			got = append(got, read(t, r, "GET").Status)
		}
		if err := <-sent; err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s engine: statuses (-want +got):\n%s", name, diff)
		}
	}
}

// slowDocuments blocks responses until it is released.
type slowDocuments struct {
	fixed
	entered chan struct{}
	release chan struct{}
}

func (d slowDocuments) Snapshot() *serve.Snapshot {
	close(d.entered)
	<-d.release
	return d.s
}

// TestShutdown checks that both engines finish the requests in progress and close idle connections.
func TestShutdown(t *testing.T) {
	for name, make1 := range engines {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		d := slowDocuments{fixed{site(t, 4000, feed.Main)}, make(chan struct{}), make(chan struct{})}
		e := make1(&serve.Front{Documents: d}, testLimits, logTo(t))
		done := make(chan error, 1)
		go func() { done <- e.Serve(l) }()
		conn := dial(t, l.Addr().String())
		if _, err := io.WriteString(conn, "GET /feed.xml HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		<-d.entered
		stopped := make(chan error, 1)
		go func() { stopped <- e.Shutdown(t.Context()) }()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) { // no more connections are accepted
			t.Errorf("%s engine: Serve: %v, want %v", name, err, http.ErrServerClosed)
		}
		select {
		case err := <-stopped:
			t.Errorf("%s engine: Shutdown returned %v during a request", name, err)
		default:
		}
		close(d.release)
		r := bufio.NewReader(conn)
		if a := read(t, r, "GET"); a.Status != 200 || len(a.Body) < 4000 {
			t.Errorf("%s engine: status of the running request is %d with %d bytes, want 200 with the feed", name, a.Status,
				len(a.Body))
		}
		if _, err := r.ReadByte(); !errors.Is(err, io.EOF) {
			t.Errorf("%s engine: the connection is not closed after the last response: %v", name, err)
		}
		if err := <-stopped; err != nil {
			t.Errorf("%s engine: Shutdown: %v", name, err)
		}
	}
}

// panicking panics in each request.
type panicking struct{}

func (panicking) Snapshot() *serve.Snapshot { panic("from a test") }

// TestPanicClosesOnlyItsConnection checks that a panic does not end the program, although fasthttp does not recover
// from panics.
func TestPanicClosesOnlyItsConnection(t *testing.T) {
	addr := start(t, "fast", &serve.Front{Documents: panicking{}}, testLimits, slog.New(slog.DiscardHandler))
	for range 2 {
		conn := dial(t, addr)
		if _, err := io.WriteString(conn, "GET /feed.xml HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if a := read(t, bufio.NewReader(conn), "GET"); a.Status != 500 || a.Header["Connection"] != "close" {
			t.Errorf("status %d with header %q, want 500 with Connection: close", a.Status, a.Header)
		}
	}
}

// logTo returns a logger that writes to the test's log.
func logTo(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// record is a log in memory.
type record struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.buf.String()
}

// testLimits are the default limits of package config.
var testLimits = serve.Limits{
	ReadHeaderTimeout: 5 * time.Second,
	ReadTimeout:       10 * time.Second,
	WriteTimeout:      30 * time.Second,
	IdleTimeout:       60 * time.Second,
	MaxHeaderBytes:    16 << 10,
	MaxConnections:    20_000,
}
