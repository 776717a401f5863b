package serve

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

// fixed is a [Documents] that always returns the same snapshot.
type fixed struct{ s *Snapshot }

func (f fixed) Snapshot() *Snapshot { return f.s }

// serveLoopback serves a snapshot on a free port and returns its address.
func serveLoopback(t *testing.T, s *Snapshot, o Observer) string {
	t.Helper()
	return serveFront(t, &Front{Documents: fixed{s}, Observer: o})
}

// serveFront serves on a free port and returns its address.
func serveFront(t *testing.T, f *Front) string {
	t.Helper()
	return serveTLS(t, f, nil)
}

// serveTLS serves on a free port, over TLS unless secure is nil, and returns its address.
func serveTLS(t *testing.T, f *Front, secure *tls.Config) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := NewServer(NewHandler(f), testLimits, secure, logTo(t))
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		if err := server.http.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
	return l.Addr().String()
}

// exchange sends raw bytes and returns the response and its body.
func exchange(t *testing.T, addr, raw string) (res *http.Response, body string) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatal(err)
	}
	method, _, _ := strings.Cut(raw, " ")
	res, err = http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("response to %q: %v", raw, err)
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("response to %q: body: %v", raw, err)
	}
	return res, string(b)
}

func TestHandler(t *testing.T) {
	s := site(t, Options{}, feed.Main, "tags/日本")
	addr := serveLoopback(t, s, nil)
	for _, test := range []struct {
		name, raw string
		r         Request
	}{
		{"GET", "GET /feed.xml HTTP/1.1\r\nHost: x\r\n\r\n", Request{Method: "GET", Path: "/feed.xml"}},
		{"gzip", "GET /feed.xml?a=b HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n",
			Request{Method: "GET", Path: "/feed.xml", AcceptEncoding: "gzip"}},
		{"HEAD", "HEAD /feed.xml HTTP/1.1\r\nHost: x\r\n\r\n", Request{Method: "HEAD", Path: "/feed.xml"}},
		{"304", "GET /feed.xml HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n\r\n",
			Request{Method: "GET", Path: "/feed.xml", IfNoneMatch: "*"}},
		{"fields of several lines", "GET /feed.xml HTTP/1.1\r\nHost: x\r\nAccept-Encoding: br\r\nAccept-Encoding: gzip\r\n" +
			"If-None-Match: \"a\"\r\nif-none-match: \"" + hashAt(t, s, "/feed.xml") + "\"\r\n\r\n",
			Request{Method: "GET", Path: "/feed.xml", AcceptEncoding: "gzip", IfNoneMatch: hashAt(t, s, "/feed.xml")}},
		{"a path in UTF-8", "GET /tags/%E6%97%A5%E6%9C%AC/feed.xml HTTP/1.1\r\nHost: x\r\n\r\n",
			Request{Method: "GET", Path: "/tags/日本/feed.xml"}},
		{"an absolute URL", "GET http://y/feed.xml HTTP/1.1\r\nHost: x\r\n\r\n", Request{Method: "GET", Path: "/feed.xml"}},
		{"OPTIONS", "OPTIONS /feed.xml HTTP/1.1\r\nHost: x\r\n\r\n", Request{Method: "OPTIONS", Path: "/feed.xml"}},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", Request{Method: "OPTIONS", Path: "*"}},
		{"404", "GET /none HTTP/1.1\r\nHost: x\r\n\r\n", Request{Method: "GET", Path: "/none"}},
		{"404 for HEAD", "HEAD /none HTTP/1.1\r\nHost: x\r\n\r\n", Request{Method: "HEAD", Path: "/none"}},
		{"a path with dot segments", "GET /x/../feed.xml HTTP/1.1\r\nHost: x\r\n\r\n",
			Request{Method: "GET", Path: "/x/../feed.xml"}},
		{"405", "DELETE /feed.xml HTTP/1.1\r\nHost: x\r\n\r\n", Request{Method: "DELETE", Path: "/feed.xml"}},
		{"405 with a body", "POST /feed.xml HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
			Request{Method: "POST", Path: "/feed.xml"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			res, got := exchange(t, addr, test.raw)
			want := Answer(s, test.r)
			if res.StatusCode != want.Status {
				t.Errorf("status is %d, want %d", res.StatusCode, want.Status)
			}
			if got != string(want.Body) {
				t.Errorf("body is %.60q, want %.60q", got, want.Body)
			}
			fields := map[string]string{}
			for name, values := range res.Header {
				fields[name] = strings.Join(values, " | ")
			}
			if fields["Date"] == "" {
				t.Errorf("the response has no Date")
			}
			delete(fields, "Date")
			delete(fields, "Connection")
			if diff := cmp.Diff(headers(want), fields); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHandlerRejectsBodies(t *testing.T) {
	addr := serveLoopback(t, site(t, Options{}, feed.Main), nil)
	for _, raw := range []string{
		"GET /feed.xml HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
		"GET /feed.xml HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"OPTIONS /feed.xml HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n",
		"GET /feed.xml HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
		"GET /feed.xml HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
	} {
		res, _ := exchange(t, addr, raw)
		if res.StatusCode != 400 || !res.Close {
			t.Errorf("%q: status %d, closed: %t; want 400 and closed", raw, res.StatusCode, res.Close)
		}
	}
}

func TestServerLimits(t *testing.T) {
	s := NewServer(http.NotFoundHandler(), testLimits, nil, logTo(t)).http
	for name, d := range map[string]time.Duration{
		"ReadHeaderTimeout": s.ReadHeaderTimeout, "ReadTimeout": s.ReadTimeout,
		"WriteTimeout": s.WriteTimeout, "IdleTimeout": s.IdleTimeout,
	} {
		if d <= 0 || d > time.Minute {
			t.Errorf("%s is %v, want more than 0 and at most a minute", name, d)
		}
	}
	if s.MaxHeaderBytes != 12<<10 { // net/http adds 4 KiB
		t.Errorf("MaxHeaderBytes is %d, want %d", s.MaxHeaderBytes, 12<<10)
	}
	addr := serveLoopback(t, site(t, Options{}, feed.Main), nil)
	res, _ := exchange(t, addr, "GET /feed.xml HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("a", 32<<10)+"\r\n\r\n")
	if res.StatusCode != 431 {
		t.Errorf("status for a header of 32 KiB is %d, want 431", res.StatusCode)
	}
}

// tally is an Observer that records calls.
type tally struct {
	mu   sync.Mutex
	seen []served
}

type served struct {
	Format        feed.Format
	Status, Bytes int
}

func (o *tally) Served(format feed.Format, status, bytes int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen = append(o.seen, served{format, status, bytes})
}

func TestObserver(t *testing.T) {
	s := site(t, Options{}, feed.Main)
	var o tally
	h := NewHandler(&Front{Documents: fixed{s}, Observer: &o})
	for _, r := range []*http.Request{
		httptest.NewRequest("GET", "/feed.xml", nil),
		httptest.NewRequest("HEAD", "/atom.xml", nil),
		httptest.NewRequest("GET", "/none", nil),
		httptest.NewRequest("GET", "/feed.xml", strings.NewReader("x")),
	} {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
	conditional := httptest.NewRequest("GET", "/feed.json", nil)
	conditional.Header.Set("If-None-Match", "*")
	h.ServeHTTP(httptest.NewRecorder(), conditional)
	want := []served{
		{feed.RSS, 200, s.document("/feed.xml").ref.Length}, {feed.Atom, 200, 0},
		{"", 404, len(notFound.Body)}, {"", 400, len(hasBody.Body)}, {feed.JSON, 304, 0},
	}
	if diff := cmp.Diff(want, o.seen); diff != "" {
		t.Errorf("calls to the observer (-want +got):\n%s", diff)
	}
}

// TestHandlerHeaderIsNotShared checks that middleware that changes header values does not change later responses.
func TestHandlerHeaderIsNotShared(t *testing.T) {
	h := NewHandler(&Front{Documents: fixed{site(t, Options{}, feed.Main)}})
	for range 2 {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/feed.xml", nil))
		if got := w.Header().Values("Vary"); len(got) != 1 {
			t.Fatalf("Vary is %q, want Accept-Encoding", got)
		}
		w.Header().Add("Vary", "Cookie")
	}
}
