package hub_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/egress"
	"feedpub/feed/hub"
	"feedpub/store"
	"feedpub/store/embedded"
	"feedpub/store/storetest"
)

const base = "https://feeds.example.org/blog"

// patience is how long tests wait for something that should happen immediately.
const patience = 20 * time.Second

// world is a site with a running hub, and a receiver.
type world struct {
	t    *testing.T
	site *store.Site
	hub  *hub.Hub
	*receiver
	version int // version of the documents in the latest commit
	queues  feed.NoticeQueues
	second  func() *hub.Hub // returns another hub of the same site
}

// received is a request that a receiver got.
type received struct {
	method string
	path   string
	query  url.Values
	raw    string // the query as received
	header http.Header
	body   string
}

// receiver is a server that subscribers, hubs and webhooks share. The path selects the response; see respond.
type receiver struct {
	server *httptest.Server
	mu     sync.Mutex
	log    []received
	more   chan struct{} // closed and replaced for each request
	gates  map[string]chan struct{}
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{more: make(chan struct{}), gates: make(map[string]chan struct{})}
	r.server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(func() {
		r.open("")
		r.server.Close()
	})
	return r
}

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	r.log = append(r.log, received{
		req.Method, req.URL.Path, req.URL.Query(), req.URL.RawQuery, req.Header, string(body),
	})
	close(r.more)
	r.more = make(chan struct{})
	gate := r.gates[req.Method+" "+req.URL.Path]
	r.mu.Unlock()
	if gate != nil {
		<-gate
	}
	respond(w, req)
}

// respond chooses the response by path: /get/STATUS responds to verifications with a status, /post/STATUS to
// deliveries, and /body/NAME to verifications with a body. Otherwise it confirms and accepts everything.
func respond(w http.ResponseWriter, req *http.Request) {
	parts := strings.Split(req.URL.Path, "/")
	challenge := ""
	if all := req.URL.Query()["hub.challenge"]; len(all) > 0 {
		challenge = all[len(all)-1] // the callback's own query may have one too
	}
	get := req.Method == http.MethodGet
	switch {
	case len(parts) > 2 && (parts[1] == "get" && get || parts[1] == "post" && !get):
		var status int
		_, _ = fmt.Sscan(parts[2], &status)
		w.Header().Set("Location", "/target")
		if len(parts) > 3 {
			w.Header().Set("Retry-After", parts[3])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, challenge)
	case parts[1] == "long" && !get:
		_, _ = w.Write(make([]byte, 1<<20))
	case parts[1] == "body" && get:
		body := map[string]string{
			"empty": "", "wrong": "x", "longer": challenge + "x", "shorter": challenge[:max(0, len(challenge)-1)],
			"huge": challenge + strings.Repeat("x", 1<<20), "newline": challenge + "\n", "upper": strings.ToUpper(challenge),
		}[parts[2]]
		_, _ = io.WriteString(w, body)
	default:
		_, _ = io.WriteString(w, challenge)
	}
}

// hold makes requests wait until open is called for the same method and path.
func (r *receiver) hold(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gates[what] = make(chan struct{})
}

// open releases the requests that hold made wait; "" releases all of them.
func (r *receiver) open(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, gate := range r.gates {
		if what == "" || name == what {
			close(gate)
			delete(r.gates, name)
		}
	}
}

// matching returns the requests received so far for which match returns true.
func (r *receiver) matching(match func(received) bool) []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.log), func(x received) bool { return !match(x) })
}

// await waits until there are n requests for which match returns true, and returns them.
func (w *world) await(n int, match func(received) bool) []received {
	w.t.Helper()
	deadline := time.After(patience)
	for {
		w.mu.Lock()
		more := w.more
		w.mu.Unlock()
		if got := w.matching(match); len(got) >= n {
			return got
		}
		select {
		case <-more:
		case <-deadline:
			w.t.Fatalf("waited %v for %d requests; all requests so far: %+v", patience, n, w.log)
		}
	}
}

// gets and posts return functions that select the GET and POST requests for a path.
func gets(path string) func(received) bool {
	return func(r received) bool { return r.method == http.MethodGet && r.path == path }
}

func posts(path string) func(received) bool {
	return func(r received) bool { return r.method == http.MethodPost && r.path == path }
}

// until waits until a condition holds.
func (w *world) until(what string, holds func() bool) {
	w.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(end) {
			w.t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// settled waits until no request to the hub, delivery or notice is due.
func (w *world) settled() {
	w.t.Helper()
	w.until("the hub to have nothing to do", func() bool {
		st, err := w.site.PushState(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		if st.Requests > 0 || st.Notices > 0 {
			return false
		}
		for _, s := range w.subscriptions() {
			if !s.Next.IsZero() && s.Failure == nil {
				return false
			}
		}
		return true
	})
}

// option changes the configuration of the hub in a world.
type option func(*hub.Config)

// opener opens an empty site.
type opener func(t *testing.T, id feed.SiteID) *store.Site

// redisAt opens sites in a Redis server.
func redisAt(url string) opener {
	return func(t *testing.T, id feed.SiteID) *store.Site {
		c, err := store.Open(store.Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c.Site(id)
	}
}

// stores returns the stores that the tests run on.
func stores(t *testing.T) map[string]opener {
	return map[string]opener{
		"redis": redisAt(storetest.Redis(t)),
		"embedded": func(t *testing.T, id feed.SiteID) *store.Site {
			s, err := embedded.Open(t.Context(), embedded.Options{
				Dir: t.TempDir(), Data: t.TempDir(), Site: id,
				Decode: func(string, []byte) ([]feed.RawPost, error) { return nil, nil },
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			return s.Client().Site(id)
		},
	}
}

// newWorld returns a world whose hub runs until the test ends, with a first version of the main feed.
func newWorld(t *testing.T, site *store.Site, id feed.SiteID, options ...option) *world {
	t.Helper()
	w := newStoppedWorld(t, site, id, options...)
	w.run(w.hub)
	return w
}

// newStoppedWorld is like newWorld, but the hub does not run.
func newStoppedWorld(t *testing.T, site *store.Site, id feed.SiteID, options ...option) *world {
	t.Helper()
	w := &world{t: t, site: site, receiver: newReceiver(t)}
	c := hub.Config{
		Site: id, Store: site, BaseURL: base, URL: base + "/hub", Signature: "sha256", Lease: 240 * time.Hour,
		Send: egress.New(egress.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}),
		Log:  slog.New(slog.DiscardHandler), Program: "feedpub/test",
	}
	for _, o := range options {
		o(&c)
	}
	c.Peers = slices.Clone(c.Peers)
	for i, p := range c.Peers {
		c.Peers[i] = w.server.URL + p
	}
	for i, x := range c.Webhooks {
		c.Webhooks[i].URL = w.server.URL + x.URL
	}
	w.hub = hub.New(c)
	w.second = func() *hub.Hub { return hub.New(c) }
	queues := c.Queues()
	w.commit(feed.NoticeQueues{}, feed.Main)
	w.commit(feed.NoticeQueues{}, "archive/1")
	w.queues = queues
	return w
}

// run runs a hub until the test ends.
func (w *world) run(h *hub.Hub) {
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = h.Run(ctx)
	}()
	w.t.Cleanup(func() {
		w.receiver.open("")
		cancel()
		<-ended
	})
}

// link returns the Link field of a document.
func link(name feed.Name, f feed.Format) string {
	return "<" + topic(name, f) + `>; rel="self", <` + base + `/hub>; rel="hub"`
}

func topic(name feed.Name, f feed.Format) string { return base + name.Path(f) }

// text returns the bytes of a version of a document.
func text(f feed.Format, version int) string {
	return fmt.Sprintf("version %d as %s, with \xc3\xbc and \x00 bytes", version, f)
}

// commit commits the next version of a feed in all formats.
func (w *world) commit(q feed.NoticeQueues, name feed.Name) {
	w.t.Helper()
	w.version++
	w.commitVersion(q, name, w.version)
}

func (w *world) commitVersion(q feed.NoticeQueues, name feed.Name, version int, formats ...feed.Format) {
	w.t.Helper()
	if len(formats) == 0 {
		formats = []feed.Format{feed.RSS, feed.Atom, feed.JSON, feed.HTML}
	}
	r := feed.CommitRequest{Head: feed.Head{Feed: name, Token: 1, Config: "c"}, Notices: q}
	for _, f := range formats {
		body := []byte(text(f, version))
		var gz bytes.Buffer
		z := gzip.NewWriter(&gz)
		_, _ = z.Write(body)
		_ = z.Close()
		hash := feed.HashOf(body)
		r.Blobs = append(r.Blobs, feed.Blob{Hash: hash, Gzip: gz.Bytes(), Size: len(body)})
		r.Head.Documents = append(r.Head.Documents, feed.DocumentRef{
			Format: f, Path: name.Path(f), MediaType: f.MediaType(), Link: link(name, f), Hash: hash, Length: len(body),
		})
	}
	if _, _, err := w.site.Commit(w.t.Context(), r); err != nil {
		w.t.Fatal(err)
	}
}

// publish commits a new version of the main feed and wakes the hub.
func (w *world) publish() {
	w.t.Helper()
	w.commit(w.queues, feed.Main)
	w.hub.Wake()
}

// form returns a form for a callback path, with additional parameters given as names and values.
func (w *world) form(path string, more ...string) url.Values {
	v := url.Values{
		"hub.mode": {"subscribe"}, "hub.topic": {topic(feed.Main, feed.RSS)}, "hub.callback": {w.server.URL + path},
	}
	for i := 0; i+1 < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return v
}

const formType = "application/x-www-form-urlencoded"

// ask posts a form to the hub.
func (w *world) ask(form url.Values) hub.Reply {
	return w.hub.Request(w.t.Context(), formType, []byte(form.Encode()), netip.Addr{})
}

// accepted posts a form to the hub, which must accept it.
func (w *world) accepted(form url.Values) {
	w.t.Helper()
	if r := w.ask(form); r.Status != http.StatusAccepted {
		w.t.Fatalf("the reply to %v is %+v, want 202", form, r)
	}
}

// subscribe subscribes a callback path and waits for the first delivery.
func (w *world) subscribe(path string, more ...string) received {
	w.t.Helper()
	plain, _, _ := strings.Cut(path, "?")
	n := len(w.matching(posts(plain)))
	w.accepted(w.form(path, more...))
	return w.await(n+1, posts(plain))[n]
}

// subscriptions returns all subscriptions.
func (w *world) subscriptions() []feed.SubscriptionState {
	w.t.Helper()
	var list []feed.SubscriptionState
	for s, err := range w.site.Subscriptions(w.t.Context()) {
		if err != nil {
			w.t.Fatal(err)
		}
		list = append(list, s)
	}
	return list
}

// only returns the subscription of a site that has exactly one.
func (w *world) only() feed.SubscriptionState {
	w.t.Helper()
	list := w.subscriptions()
	if len(list) != 1 {
		w.t.Fatalf("%d subscriptions, want 1", len(list))
	}
	return list[0]
}

// wantSubscriptions waits until the hub has nothing to do, and checks the number of subscriptions.
func (w *world) wantSubscriptions(n int) {
	w.t.Helper()
	w.settled()
	if got := len(w.subscriptions()); got != n {
		w.t.Errorf("%d subscriptions, want %d", got, n)
	}
}

func (w *world) check(ok bool, format string, args ...any) {
	w.t.Helper()
	if !ok {
		w.t.Errorf(format, args...)
	}
}
