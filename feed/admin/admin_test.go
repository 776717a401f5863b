package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"feedpub/feed"
)

const secret = "s3cret-of.alice~1"

// fake implements the interfaces of a [Site].
type fake struct {
	mu     sync.Mutex // protects list while a browser reads the page
	report feed.Report
	err    error
	list   []feed.Problem
	asked  [][]feed.Name // the feeds of each rebuild
	causes []feed.Cause  // the cause of each rebuild
	runs   []feed.Run
	// accepted is the number of calls to AcceptRollback.
	accepted int
	work     func(context.Context) error // optional; called by Rebuild
}

func (f *fake) Rebuild(ctx context.Context, names ...feed.Name) (feed.Report, error) {
	f.asked, f.causes = append(f.asked, names), append(f.causes, feed.CauseOf(ctx))
	if f.work != nil {
		if err := f.work(ctx); err != nil {
			return feed.Report{}, err
		}
	}
	return f.report, f.err
}

func (f *fake) AcceptRollback(ctx context.Context) (feed.Report, error) {
	f.accepted++
	return f.Rebuild(ctx)
}

func (f *fake) Problems(context.Context) ([]feed.Problem, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.list, f.err
}

func (f *fake) Runs(context.Context) (feed.RunHistory, error) {
	return feed.RunHistory{Runs: f.runs}, f.err
}

// Schedule returns the schedule even if the store is unavailable.
func (f *fake) Schedule(context.Context) ([]feed.Scheduled, error) {
	return []feed.Scheduled{{
		Feed: feed.Main, Spec: "@hourly", Zone: "UTC", Next: time.Date(2024, 5, 17, 13, 0, 0, 0, time.UTC),
	}}, f.err
}

func (f *fake) Explain(_ context.Context, id string, name feed.Name) (feed.Explanation, error) {
	return feed.Explanation{
		ID: id, Status: feed.PostDraft, Reason: "It is a draft.", Question: string(name), Feeds: []feed.Place{},
		Published: time.Date(2024, 5, 17, 13, 0, 0, 0, time.UTC), Credited: []feed.Source{{Publication: "The Paper"}},
		Absorbed: time.Date(2024, 5, 17, 14, 0, 0, 0, time.UTC), FirstServed: time.Date(2024, 5, 17, 14, 0, 1, 0, time.UTC),
	}, f.err
}

func (f *fake) Heads() []feed.Head {
	return []feed.Head{{
		Feed: feed.Main, Token: 7, IDs: []string{"b", "a"},
		Documents: []feed.DocumentRef{{Format: feed.RSS, Path: "/feed.xml", Hash: "00ff", Length: 123,
			Modified: time.Date(2024, 5, 17, 12, 0, 0, 0, time.UTC)}},
	}, {Feed: "archive/1"}, {Feed: "archive/2"}, {Feed: feed.Pages}}
}

// config returns a configuration that uses f and accepts alice's token.
func config(t *testing.T, f *fake) Config {
	t.Helper()
	tokens, err := ParseTokens("alice [write,rebuild]: " + secret + "\nanother-token\nwill [write]: writer-token")
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		Sites:    OneSite{newSite("main", f)},
		Reloader: f,
		Tokens:   tokens, Gatherer: prometheus.NewRegistry(), Log: logTo(t),
	}
}

// newSite returns a site that uses f and has its own posts.
func newSite(id feed.SiteID, f *fake) *Site {
	return &Site{
		ID: id, BaseURL: "https://" + string(id) + ".example", Posts: newFakePosts(), CheckPost: decodes,
		Rebuilder: f, Runs: f, Scheduler: f, Explainer: f, NextRun: nextRun, Problems: []ProblemLister{f}, Replica: &replica{fake: f},
	}
}

// only returns the only site of c.
func only(t *testing.T, c Config) *Site {
	t.Helper()
	sites := c.Sites.Sites()
	if len(sites) != 1 {
		t.Fatalf("there are %d sites, want 1", len(sites))
	}
	return sites[0]
}

func logTo(t *testing.T) *slog.Logger { return slog.New(slog.NewTextHandler(t.Output(), nil)) }

// ask sends a request with "Name: value" header fields to the handler and returns the response.
func ask(t *testing.T, c Config, method, target, body string, header ...string) *http.Response {
	t.Helper()
	r := fromThisMachine(httptest.NewRequest(method, target, strings.NewReader(body)))
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	handler := NewHandler(c)
	handler.ServeHTTP(w, r)
	res := w.Result()
	if rt, ok := handler.(router); ok {
		wantDeclared(t, rt.routes, r, res.StatusCode)
	}
	return res
}

// fromThisMachine makes r a request from this machine, which needs no token for reading.
func fromThisMachine(r *http.Request) *http.Request {
	r.Host, r.RemoteAddr = "127.0.0.1:8081", "127.0.0.1:4000"
	return r
}

// wantDeclared checks that a response has one of the statuses that the table of routes lists. Another test compares
// that table with openapi.yaml.
func wantDeclared(t *testing.T, routes []route, r *http.Request, status int) {
	t.Helper()
	for _, candidate := range routes {
		method := strings.Replace(r.Method, http.MethodHead, http.MethodGet, 1)
		if _, ok := candidate.match(r.URL.EscapedPath()); ok && candidate.method == method &&
			status != http.StatusInternalServerError && !slices.Contains(candidate.statuses, status) {
			t.Errorf("%s %s: status %d is not in the table of routes: %v", r.Method, r.URL, status, candidate.statuses)
		}
	}
}

func text(t *testing.T, res *http.Response) string {
	t.Helper()
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

const bearer = "Authorization: Bearer " + secret

func TestRebuildNeedsAToken(t *testing.T) {
	for _, test := range []struct {
		name, header string
		want         int
		challenge    string
	}{
		{"none", "X: y", 401, `Bearer realm="feedpub"`},
		{"another scheme", "Authorization: Basic " + secret, 401, `Bearer realm="feedpub"`},
		{"empty", "Authorization: Bearer", 401, `Bearer realm="feedpub", error="invalid_token"`},
		{"wrong", "Authorization: Bearer " + secret + "x", 401, `Bearer realm="feedpub", error="invalid_token"`},
		{"shorter", "Authorization: Bearer " + secret[1:], 401, `Bearer realm="feedpub", error="invalid_token"`},
		{"the name", "Authorization: Bearer alice", 401, `Bearer realm="feedpub", error="invalid_token"`},
		{"without the permission", "Authorization: Bearer writer-token", 403,
			`Bearer realm="feedpub", error="insufficient_scope", scope="rebuild"`},
		{"correct", bearer, 200, ""},
		{"correct, scheme in lower case", "Authorization: bearer " + secret, 200, ""},
		{"another valid token", "Authorization: Bearer another-token", 200, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &fake{}
			res := ask(t, config(t, f), "POST", "/rebuild", "", test.header)
			if res.StatusCode != test.want {
				t.Errorf("status is %d, want %d", res.StatusCode, test.want)
			}
			if got := res.Header.Get("WWW-Authenticate"); got != test.challenge {
				t.Errorf("WWW-Authenticate is %q, want %q", got, test.challenge)
			}
			if rebuilt := len(f.asked) > 0; rebuilt != (test.want == 200) {
				t.Errorf("a rebuild was triggered: %t", rebuilt)
			}
			body := text(t, res)
			if strings.Contains(body, secret) {
				t.Errorf("the response contains the token")
			}
			const lacks = `The token \"will\" may not rebuild feeds: it lacks the permission \"rebuild\". ` +
				`Add the permission to the token's line in the tokens file: NAME [rebuild,write]: SECRET.`
			if (res.StatusCode == 403) != strings.Contains(body, lacks) {
				t.Errorf("status %d: %s", res.StatusCode, body)
			}
		})
	}
	c := config(t, &fake{})
	c.Tokens = nil
	if res := ask(t, c, "POST", "/rebuild", "", bearer); res.StatusCode != 403 {
		t.Errorf("without configured tokens, status is %d, want 403", res.StatusCode)
	}
}

func TestRebuildNamesFeeds(t *testing.T) {
	const form = "Content-Type: application/x-www-form-urlencoded"
	const asJSON = "Content-Type: application/json; charset=utf-8" // with a parameter
	for _, test := range []struct {
		name, query, body, contentType string
		status                         int
		want                           []feed.Name
	}{
		{"all", "", "", "X: y", 200, []feed.Name{}},
		{"query", "?feed=main&feed=tags%2Fgo", "", "X: y", 200, []feed.Name{"main", "tags/go"}},
		{"form", "", "feed=main&feed=tags/go", form, 200, []feed.Name{"main", "tags/go"}},
		{"JSON", "", `{"feeds": ["main", "tags/go"]}`, asJSON, 200, []feed.Name{"main", "tags/go"}},
		{"JSON naming none", "", `{}`, asJSON, 200, []feed.Name{}},
		{"query and body", "?feed=main", "feed=tags/go", form, 200, []feed.Name{"main", "tags/go"}},
		{"empty name", "?feed=", "", "X: y", 400, nil},
		{"broken JSON", "", `{"feeds": ["main"`, asJSON, 400, nil},
		{"JSON array", "", `["main"]`, asJSON, 400, nil},
		{"misspelled member", "", `{"feed": ["main"]}`, asJSON, 400, nil},
		{"two values", "", `{} {}`, asJSON, 400, nil},
		{"broken form", "", `feed=%zz`, form, 400, nil},
		{"another type", "", `<feeds/>`, "Content-Type: text/xml", 415, nil},
		{"no type", "", `main`, "X: y", 415, nil},
		{"too long", "", `feed=` + strings.Repeat("x", maxBody), form, 413, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := &fake{}
			res := ask(t, config(t, f), "POST", "/rebuild"+test.query, test.body, bearer, test.contentType)
			if res.StatusCode != test.status {
				t.Fatalf("status is %d, want %d: %s", res.StatusCode, test.status, text(t, res))
			}
			var want [][]feed.Name
			if test.want != nil {
				want = [][]feed.Name{test.want}
			}
			if diff := cmp.Diff(want, f.asked); diff != "" {
				t.Errorf("rebuilds triggered (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRebuildAcceptsRollback(t *testing.T) {
	for query, want := range map[string]struct{ status, accepted int }{
		"":                                {200, 0},
		"?accept_rollback=true":           {200, 1},
		"?accept_rollback=1":              {400, 0},
		"?accept_rollback=true&feed=main": {400, 0},
	} {
		f := &fake{}
		res := ask(t, config(t, f), "POST", "/rebuild"+query, "", bearer)
		if res.StatusCode != want.status || f.accepted != want.accepted {
			t.Errorf("POST /rebuild%s: status %d and %d rollbacks accepted, want %d and %d",
				query, res.StatusCode, f.accepted, want.status, want.accepted)
		}
	}
}

func TestRebuildReport(t *testing.T) {
	f := &fake{report: feed.Report{
		Feeds:    []feed.FeedReport{{Feed: feed.Main, Outcome: feed.Held, Items: 3, Reason: "2 posts vanished"}},
		Problems: []feed.Problem{{ID: "a", Kind: feed.KindRejected, Reason: "no content"}},
	}}
	res := ask(t, config(t, f), "POST", "/rebuild", "", bearer)
	if got := res.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type is %q", got)
	}
	var got feed.Report
	if err := json.Unmarshal([]byte(text(t, res)), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f.report, got); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	empty := text(t, ask(t, config(t, &fake{}), "POST", "/rebuild", "", bearer))
	if want := "{\n  \"feeds\": [],\n  \"problems\": []\n}\n"; empty != want {
		t.Errorf("empty report is %q, want %q", empty, want)
	}
}

func TestErrorsAreProblemDetails(t *testing.T) {
	const hidden = "redis://10.0.0.7:6379"
	for _, test := range []struct {
		err    error
		want   int
		detail string
	}{
		{fmt.Errorf("feed %q: %w", "tags/none", feed.ErrNotFound), 404, `feed "tags/none": not found`},
		{fmt.Errorf("name: %w", feed.ErrInvalid), 400, "name: invalid"},
		{fmt.Errorf("another builder: %w", feed.ErrLocked), 409, "another builder: locked"},
		{fmt.Errorf("head: %w", feed.ErrStale), 409, "head: stale"},
		{fmt.Errorf("the builder is %w: a run is in progress", feed.ErrBusy), 503,
			"the builder is busy: a run is in progress"},
		{fmt.Errorf("%s: %w", hidden, feed.ErrUnavailable), 503,
			"The store is unavailable; published documents are still served."},
		{fmt.Errorf("%s: %w", hidden, context.DeadlineExceeded), 503, "The operation timed out and may still be running."},
		{errors.New(hidden), 500, "Internal error; see the log."},
	} {
		res := ask(t, config(t, &fake{err: test.err}), "POST", "/rebuild", "", bearer)
		if res.StatusCode != test.want {
			t.Errorf("%v: status is %d, want %d", test.err, res.StatusCode, test.want)
		}
		if got := res.Header.Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%v: Content-Type is %q", test.err, got)
		}
		if after := res.Header.Get("Retry-After"); (after != "") != (test.want == 503) {
			t.Errorf("%v: Retry-After is %q", test.err, after)
		}
		var got problem
		if err := json.Unmarshal([]byte(text(t, res)), &got); err != nil {
			t.Fatal(err)
		}
		want := problem{Status: test.want, Title: http.StatusText(test.want), Detail: test.detail}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: problem (-want +got):\n%s", test.err, diff)
		}
	}
}

func TestRoutes(t *testing.T) {
	for _, test := range []struct {
		method, path string
		want         int
		allow        string
	}{
		{"GET", "/livez", 200, ""},
		{"HEAD", "/livez", 200, ""},
		{"GET", "/readyz", 200, ""},
		{"GET", "/metrics", 200, ""},
		{"GET", "/feeds", 200, ""},
		{"GET", "/problems", 200, ""},
		{"GET", "/rebuild", 405, "POST"},
		{"PUT", "/rebuild", 405, "POST"},
		{"POST", "/livez", 405, "GET, HEAD"},
		{"DELETE", "/problems", 405, "GET, HEAD"},
		{"GET", "/", 200, ""},
		{"GET", "/nothing", 404, ""},
		{"POST", "/nothing", 404, ""},
	} {
		res := ask(t, config(t, &fake{}), test.method, test.path, "")
		if res.StatusCode != test.want || res.Header.Get("Allow") != test.allow {
			t.Errorf("%s %s: status %d, Allow %q; want %d, %q",
				test.method, test.path, res.StatusCode, res.Header.Get("Allow"), test.want, test.allow)
		}
		if got := res.Header.Get("Cache-Control"); got != "no-store" {
			t.Errorf("%s %s has Cache-Control %q, want no-store", test.method, test.path, got)
		}
	}
}

func TestReadyzReasons(t *testing.T) {
	passes := func(context.Context) error { return nil }
	fails := func(context.Context) error { return errors.New("no documents yet") }
	hangs := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	for _, test := range []struct {
		name   string
		checks []Check
		status int
		want   string
	}{
		{"ready", []Check{{"documents", passes, true}, {"store", passes, false}}, 200, "documents: ok\nstore: ok\n"},
		{"not ready", []Check{{"documents", fails, true}, {"store", passes, false}}, 503,
			"documents: not ready: no documents yet\nstore: ok\n"},
		{"ready without the store", []Check{{"documents", passes, true}, {"store", fails, false}}, 200,
			"documents: ok\nstore: warning: no documents yet\n"},
		{"ready though a check hangs", []Check{{"documents", passes, true}, {"store", hangs, false}}, 200,
			"documents: ok\nstore: warning: context deadline exceeded\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := config(t, &fake{})
			c.Checks = test.checks
			res := ask(t, c, "GET", "/readyz", "")
			if got := text(t, res); got != test.want || res.StatusCode != test.status {
				t.Errorf("%d %q, want %d %q", res.StatusCode, got, test.status, test.want)
			}
		})
	}
}

func TestLists(t *testing.T) {
	f := &fake{list: []feed.Problem{{ID: "a", Kind: feed.KindRejected, Place: "line 3", Reason: "no content"}}}
	c := config(t, f)
	only(t, c).Problems = append(only(t, c).Problems, f)
	for path, want := range map[string]string{
		"/problems": `{"problems":[{"site":"main","id":"a","kind":"rejected","place":"line 3","reason":"no content"},` +
			`{"site":"main","id":"a","kind":"rejected","place":"line 3","reason":"no content"}]}`,
		"/feeds": `{"feeds":[{"site":"main","feed":"main","items":2,"archives":2,"token":7,` +
			`"documents":[{"format":"rss","path":"/feed.xml","hash":"00ff","bytes":123,"modified":"2024-05-17T12:00:00Z"}]}]}`,
	} {
		var got, wanted any
		if err := errors.Join(json.Unmarshal([]byte(text(t, ask(t, c, "GET", path, ""))), &got),
			json.Unmarshal([]byte(want), &wanted)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	const none = "{\n  \"problems\": []\n}\n"
	if got := text(t, ask(t, config(t, &fake{}), "GET", "/problems", "")); got != none {
		t.Errorf("without problems, /problems is %q, want %q", got, none)
	}
	if got := ask(t, config(t, &fake{err: feed.ErrUnavailable}), "GET", "/problems", "").StatusCode; got != 503 {
		t.Errorf("/problems without the store: status %d, want 503", got)
	}
}

func TestRebuildExtendsServerTimeouts(t *testing.T) {
	synctest.Test(t, rebuildMayTakeLonger)
}

func rebuildMayTakeLonger(t *testing.T) {
	const limit = 20 * time.Millisecond
	f := &fake{work: func(ctx context.Context) error {
		select {
		case <-time.After(5 * limit):
			return nil
		case <-ctx.Done():
			return fmt.Errorf("cut off: %w", ctx.Err())
		}
	}}
	l := make(pipes)
	limits := Limits{
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: limit, WriteTimeout: limit, IdleTimeout: time.Minute,
		MaxHeaderBytes: 8192,
	}
	server := NewServer(NewHandler(config(t, f)), limits, logTo(t))
	got := Limits{
		server.ReadHeaderTimeout, server.ReadTimeout, server.WriteTimeout, server.IdleTimeout, server.MaxHeaderBytes,
	}
	if diff := cmp.Diff(limits, got); diff != "" {
		t.Errorf("server limits (-want +got):\n%s", diff)
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	defer func() {
		if err := server.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	}()
	r, err := http.NewRequestWithContext(t.Context(), "POST", "http://localhost/rebuild", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+secret)
	client := &http.Client{Transport: &http.Transport{DialContext: l.dial, DisableKeepAlives: true}}
	res, err := client.Do(r)
	if err != nil {
		t.Fatalf("a rebuild that takes %v with limits of %v: %v", 5*limit, limit, err)
	}
	if got := text(t, res); res.StatusCode != 200 {
		t.Errorf("a rebuild that takes %v with limits of %v: %d %s", 5*limit, limit, res.StatusCode, got)
	}
}

// pipes is an in-memory listener that works with synthetic time.
type pipes chan net.Conn

func (p pipes) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	p <- far
	return near, nil
}

// Accept returns the next dialed connection.
func (p pipes) Accept() (net.Conn, error) {
	conn, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

// Close ends Accept.
func (p pipes) Close() error { close(p); return nil }

// Addr returns a placeholder address.
func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe", Net: "pipe"} }

func TestRebuildTimeout(t *testing.T) {
	c := config(t, &fake{work: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }})
	c.RebuildTimeout = time.Millisecond
	if got := ask(t, c, "POST", "/rebuild", "", bearer).StatusCode; got != 503 {
		t.Errorf("status is %d, want 503", got)
	}
}

// nextRun returns a time one hour later.
func nextRun(t time.Time) time.Time { return t.Add(time.Hour) }
