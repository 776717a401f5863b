package admin

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"feedpub/feed"
)

// browser is a client of the page that keeps its cookie.
type browser struct {
	t       *testing.T
	handler http.Handler
	address string // of the client
	cookie  string
}

func newBrowser(t *testing.T, c Config, address string) *browser {
	t.Helper()
	return &browser{t: t, handler: NewHandler(c), address: address}
}

const (
	here = "127.0.0.1:5000" // this machine
	away = "192.0.2.7:5000" // a different machine
)

// send sends a request, with the form unless it is empty, and returns the response and its body.
func (b *browser) send(method, target, form string, header ...string) (*http.Response, string) {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), method, "http://127.0.0.1:8081"+target, strings.NewReader(form))
	r.RemoteAddr = b.address
	if form != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	if b.cookie != "" {
		r.AddCookie(&http.Cookie{Name: sessionCookie, Value: b.cookie})
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	res := w.Result()
	for _, c := range res.Cookies() {
		if c.Name == sessionCookie {
			b.cookie = c.Value
		}
	}
	return res, w.Body.String()
}

// want sends a request and checks the status.
func (b *browser) want(status int, method, target, form string, header ...string) (*http.Response, string) {
	b.t.Helper()
	res, body := b.send(method, target, form, header...)
	if res.StatusCode != status {
		b.t.Errorf("%s %s %s: status %d; want %d: %s", method, target, form, res.StatusCode, status, body)
	}
	return res, body
}

var csrfField = regexp.MustCompile(`name="csrf" value="(\w+)"`)

// csrf returns the token of the page's forms.
func (b *browser) csrf() string {
	b.t.Helper()
	_, body := b.want(200, http.MethodGet, "/", "")
	found := csrfField.FindStringSubmatch(body)
	if found == nil {
		b.t.Fatalf("the page has no form with a CSRF token:\n%s", body)
	}
	return found[1]
}

func TestPageShowsTheSite(t *testing.T) {
	f := &fake{runs: someRuns(), list: []feed.Problem{
		{ID: "<script>alert(1)</script>", Kind: feed.KindRejected, Place: "title", Reason: "want a string & more"},
		{ID: "tags/go", Kind: feed.KindHeld, Reason: "posts vanished", Serving: true},
	}}
	c := config(t, f)
	c.Disk = func() (free, total uint64, err error) { return 3 << 30, 200 << 30, nil }
	res, body := newBrowser(t, c, here).want(200, http.MethodGet, "/", "")
	for _, want := range []string{
		"&lt;script&gt;alert(1)&lt;/script&gt;", "title: want a string &amp; more", "posts vanished", "http alice", "1 held",
		"7 times since", "@hourly", "17 May 2024 13:00:00 UTC", `href="https://main.example/feed.xml"`, "3072.0 MB free",
		`class="bad"><dt>Disk`, "Sign in",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not contain %q:\n%s", want, body)
		}
	}
	if strings.Contains(body, "<script>alert") || strings.Contains(body, "Rebuild now") {
		t.Errorf("the page contains markup from a post, or shows a form to a person who has not signed in:\n%s", body)
	}
	if got := res.Header.Get("Content-Security-Policy"); got != pagePolicy {
		t.Errorf("Content-Security-Policy is %q; want %q", got, pagePolicy)
	}
	for _, file := range []string{"/page.css", "/page.js"} {
		if _, body := newBrowser(t, c, away).want(200, http.MethodGet, file, ""); body == "" {
			t.Errorf("%s is empty", file)
		}
	}
}

func TestPageWithoutTheStore(t *testing.T) {
	_, body := newBrowser(t, config(t, &fake{err: feed.ErrUnavailable}), here).want(200, http.MethodGet, "/", "")
	for _, want := range []string{"The problems cannot be read", "The runs cannot be read", "@hourly"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page without the store does not contain %q:\n%s", want, body)
		}
	}
}

func TestPageFromAnotherMachineNeedsASession(t *testing.T) {
	b := newBrowser(t, config(t, &fake{}), away)
	res, body := b.want(303, http.MethodGet, "/", "")
	if res.Header.Get("Location") != "/login" || strings.Contains(body, "Subscribers") {
		t.Errorf("GET / without a session: Location %q; want /login: %s", res.Header.Get("Location"), body)
	}
	b.want(401, http.MethodGet, "/runs", "")
	b.want(200, http.MethodGet, "/login", "")
	b.want(401, http.MethodPost, "/login", "token=wrong")
	res, _ = b.want(303, http.MethodPost, "/login", "token="+secret)
	cookie := res.Header.Get("Set-Cookie")
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie %q lacks %s", cookie, want)
		}
	}
	b.want(200, http.MethodGet, "/", "")
	b.want(200, http.MethodGet, "/runs", "")
	b.want(401, http.MethodGet, "/sites/main/posts", "") // cookies are accepted only for the page and lists
	b.want(401, http.MethodPost, "/rebuild", "")
	b.want(303, http.MethodPost, "/logout", "csrf="+b.csrf())
	b.want(303, http.MethodGet, "/", "")
}

func TestRebuildFromThePage(t *testing.T) {
	f := &fake{}
	b := newBrowser(t, config(t, f), here)
	b.want(303, http.MethodPost, "/page/rebuild", "site=main") // has not signed in
	b.want(303, http.MethodPost, "/login", "token="+secret)
	form := "site=main&feed=tags/go&csrf=" + b.csrf()
	b.want(403, http.MethodPost, "/page/rebuild", "site=main&csrf=guessed")
	b.want(403, http.MethodPost, "/page/rebuild", form, "Origin: https://evil.example")
	b.want(403, http.MethodPost, "/page/rebuild", form, "Sec-Fetch-Site: cross-site")
	b.want(404, http.MethodPost, "/page/rebuild", strings.Replace(form, "site=main", "site=none", 1))
	if len(f.asked) > 0 {
		t.Fatalf("refused forms caused rebuilds of %v", f.asked)
	}
	res, _ := b.want(303, http.MethodPost, "/page/rebuild", form, "Origin: http://127.0.0.1:8081")
	if len(f.asked) != 1 || len(f.asked[0]) != 1 || f.asked[0][0] != "tags/go" || f.causes[0].By != "alice" {
		t.Errorf("the form caused rebuilds of %v by %v; want one of tags/go by alice", f.asked, f.causes)
	}
	if _, body := b.want(200, http.MethodGet, res.Header.Get("Location"), ""); !strings.Contains(body, "were rebuilt") {
		t.Errorf("the page does not report the rebuild:\n%s", body)
	}
}

// TestPageWithoutTheRight checks that a person whose token lacks the right to rebuild sees no form and cannot submit
// one.
func TestPageWithoutTheRight(t *testing.T) {
	f := &fake{}
	b := newBrowser(t, config(t, f), here)
	b.want(303, http.MethodPost, "/login", "token=writer-token")
	form := "site=main&csrf=" + b.csrf()
	if _, body := b.want(200, http.MethodGet, "/", ""); strings.Contains(body, "Rebuild now") {
		t.Error("the page has a rebuild form although the token lacks the right")
	}
	b.want(403, http.MethodPost, "/page/rebuild", form)
	if len(f.asked) > 0 {
		t.Error("a token without the right caused a rebuild")
	}
}

func TestSignInIsLimited(t *testing.T) {
	c := config(t, &fake{})
	b := newBrowser(t, c, away)
	for range maxAttempts {
		b.want(401, http.MethodPost, "/login", "token=wrong")
	}
	res, _ := b.want(429, http.MethodPost, "/login", "token="+secret)
	if res.Header.Get("Retry-After") == "" {
		t.Error("429 has no Retry-After")
	}
	b.address = "192.0.2.8:1" // others may still sign in
	b.want(303, http.MethodPost, "/login", "token="+secret)
}

// TestSessionEndsWithItsToken checks that a session is not valid once its token is removed from the configuration.
func TestSessionEndsWithItsToken(t *testing.T) {
	c := config(t, &fake{})
	c.Sessions = new(Sessions)
	b := newBrowser(t, c, away)
	b.want(303, http.MethodPost, "/login", "token="+secret)
	b.handler = NewHandler(c) // a reload keeps sessions
	b.want(200, http.MethodGet, "/", "")
	c.Tokens = c.Tokens[1:]
	b.handler = NewHandler(c)
	b.want(303, http.MethodGet, "/", "")
}
