package admin

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// browser is a client of the page that keeps its cookie.
type browser struct {
	t       *testing.T
	handler http.Handler
	address string // address of the client
	cookies map[string]string
}

func newBrowser(t *testing.T, c Config, address string) *browser {
	t.Helper()
	return &browser{t: t, handler: NewHandler(c), address: address, cookies: map[string]string{}}
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
	for name, value := range b.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	w := httptest.NewRecorder()
	b.handler.ServeHTTP(w, r)
	res := w.Result()
	for _, c := range res.Cookies() {
		b.cookies[c.Name] = c.Value
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
	return b.csrfOf("/")
}

// csrfOf returns the token of the forms of a page.
func (b *browser) csrfOf(target string) string {
	b.t.Helper()
	_, body := b.want(200, http.MethodGet, target, "")
	found := csrfField.FindStringSubmatch(body)
	if found == nil {
		b.t.Fatalf("the page has no form with a CSRF token:\n%s", body)
	}
	return found[1]
}

// signIn submits the sign-in form, and checks the status.
func (b *browser) signIn(status int, token string) *http.Response {
	b.t.Helper()
	res, _ := b.want(status, http.MethodPost, "/login", "token="+token+"&csrf="+b.csrfOf("/login"))
	return res
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
	b.signIn(401, "wrong")
	res = b.signIn(303, secret)
	cookie := ""
	for _, set := range res.Header.Values("Set-Cookie") {
		if strings.HasPrefix(set, sessionCookie) {
			cookie = set
		}
	}
	for _, want := range []string{"HttpOnly", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie %q lacks %s", cookie, want)
		}
	}
	b.want(200, http.MethodGet, "/", "")
	b.want(200, http.MethodGet, "/runs", "")
	b.want(401, http.MethodGet, "/sites/main/posts", "") // cookies are valid only for the page and the lists
	b.want(401, http.MethodPost, "/rebuild", "")
	b.want(303, http.MethodPost, "/logout", "csrf="+b.csrf())
	b.want(303, http.MethodGet, "/", "")
}

func TestRebuildFromThePage(t *testing.T) {
	f := &fake{}
	b := newBrowser(t, config(t, f), here)
	b.want(303, http.MethodPost, "/page/rebuild", "site=main") // redirected, since the person has not signed in yet
	b.signIn(303, secret)
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
		t.Errorf("the form caused rebuilds of %v by %v; want one rebuild of tags/go, by alice", f.asked, f.causes)
	}
	if _, body := b.want(200, http.MethodGet, res.Header.Get("Location"), ""); !strings.Contains(body, "were rebuilt") {
		t.Errorf("the page does not report the rebuild:\n%s", body)
	}
}

// TestPageWithoutThePermission checks that a person whose token lacks the permission to rebuild sees no form and cannot
// submit one.
func TestPageWithoutTheRight(t *testing.T) {
	f := &fake{}
	b := newBrowser(t, config(t, f), here)
	b.signIn(303, "writer-token")
	form := "site=main&csrf=" + b.csrf()
	if _, body := b.want(200, http.MethodGet, "/", ""); strings.Contains(body, "Rebuild now") {
		t.Error("the page has a rebuild form although the token lacks the permission")
	}
	b.want(403, http.MethodPost, "/page/rebuild", form)
	if len(f.asked) > 0 {
		t.Error("a token without the permission caused a rebuild")
	}
}

func TestSignInIsLimited(t *testing.T) {
	c := config(t, &fake{})
	b := newBrowser(t, c, away)
	for range maxAttempts {
		b.signIn(401, "wrong")
	}
	res := b.signIn(429, secret)
	if res.Header.Get("Retry-After") == "" {
		t.Error("429 has no Retry-After")
	}
	b.address = "192.0.2.8:1" // clients at other addresses may still sign in
	b.signIn(303, secret)
}

// someDays implements [HistoryLister] with figures of 90 days for the feed main.
type someDays struct{}

func (someDays) Days(name feed.Name) []feed.FeedDay {
	if name != feed.Main {
		return nil
	}
	list := make([]feed.FeedDay, 90)
	for i := range list {
		list[i] = feed.FeedDay{Day: 19_800 + i, Polls: 200 + 40*(i%7) + i, Subscribers: 100 + i, Posts: 10 + i/30, Bytes: 4000 + 800*(i/30)}
		list[i].NotModified = list[i].Polls * (80 + i%10) / 100
	}
	list[40].Polls, list[40].NotModified = 0, 0
	return list
}

func TestPageDrawsFiguresOverTime(t *testing.T) {
	c := config(t, &fake{})
	only(t, c).History = someDays{}
	b := newBrowser(t, c, here)
	_, body := b.want(200, http.MethodGet, "/?feed=main", "")
	for _, want := range []string{
		`aria-label="Polls a day from 18 Mar 2024 to 15 Jun 2024: at most 523, most recently 489"`,
		`aria-label="Answered with 304 from 18 Mar 2024 to 15 Jun 2024: at most 88 %, most recently 88 %"`,
		`aria-label="Subscribers from 18 Mar 2024 to 15 Jun 2024: at most 189, most recently 189"`,
		`<figcaption>Posts <strong>12</strong>`, `<figcaption>Bytes of all formats <strong>5 KB</strong>`,
		`href="/?site=main&amp;feed=main#feeds"`, `class="spark"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not contain %q:\n%s", want, body)
		}
	}
	if got := strings.Count(body, "<polyline"); got != 5 {
		t.Errorf("there are %d lines, want 5: one in each of three charts, and two in the one with a gap", got)
	}
	only(t, c).History = noDays{}
	if _, body := newBrowser(t, c, here).want(200, http.MethodGet, "/", ""); strings.Contains(body, "Over time") {
		t.Errorf("the page without figures has a column for them:\n%s", body)
	}
}

// noDays implements [HistoryLister] without figures.
type noDays struct{}

func (noDays) Days(feed.Name) []feed.FeedDay { return nil }

func TestDrawDays(t *testing.T) {
	text := func(n int) string { return fmt.Sprint(n) }
	for _, tt := range []struct {
		name   string
		values []int
		bars   bool
		want   []string
	}{
		{"one day", []int{4}, false, []string{`<circle cx="150.0" cy="14.0"`}},
		{"nothing known", []int{missing}, false, []string{`at most 0"`}},
		{"only zeros", []int{0, 0}, false, []string{`points="75.0,84.0 225.0,84.0 "`}},
		{"a straight stretch", []int{1, 1, 1, 1, 2}, false, []string{`points="30.0,49.0 210.0,49.0 270.0,14.0 "`}},
		{"bars", []int{0, 2}, true, []string{`<rect x="219.0" y="14.0" width="12.0" height="70.0">`}},
	} {
		got := string(drawDays("Polls", 0, tt.values, tt.bars, 0, text))
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: the chart does not contain %s:\n%s", tt.name, want, got)
			}
		}
	}
}

// TestSessionEndsWithItsToken checks that a session is not valid once its token is removed from the configuration.
func TestSessionEndsWithItsToken(t *testing.T) {
	c := config(t, &fake{})
	c.Sessions = new(Sessions)
	b := newBrowser(t, c, away)
	b.signIn(303, secret)
	b.handler = NewHandler(c) // as a reload does, which keeps sessions
	b.want(200, http.MethodGet, "/", "")
	c.Tokens = c.Tokens[1:]
	b.handler = NewHandler(c)
	b.want(303, http.MethodGet, "/", "")
}

// TestSignInNeedsItsOwnForm checks that a different site cannot sign a person in with a token of its own.
func TestSignInNeedsItsOwnForm(t *testing.T) {
	b := newBrowser(t, config(t, &fake{}), here)
	b.want(403, http.MethodPost, "/login", "token="+secret)
	csrf := b.csrfOf("/login")
	b.want(403, http.MethodPost, "/login", "token="+secret+"&csrf=guessed")
	b.want(403, http.MethodPost, "/login", "token="+secret+"&csrf="+csrf, "Origin: https://evil.example")
	delete(b.cookies, loginCookie)
	b.want(403, http.MethodPost, "/login", "token="+secret+"&csrf="+csrf)
	b.signIn(303, secret)
}

// withCredit returns a configuration whose site has one post with one suggestion.
func withCredit(t *testing.T, f *fake) (Config, *fakeCredits) {
	t.Helper()
	f.list = append(f.list, feed.Problem{ID: "a/b#1", Kind: feed.KindSuggestion, Reason: "source: Aunt Mary?", Serving: true})
	credits := &fakeCredits{credit: intake.Credit{
		Key: "k1", State: intake.CreditSuggested, Reason: "read in \"From Aunt Mary:\"",
		Quote: feed.Quote{Text: "Stir <b>well</b>.\nServe.", Confidence: 0.25, Source: feed.Source{
			Publication: "Aunt Mary", PublicationURL: "https://mary.example/", Authors: []feed.Author{{Name: "Mary Ross"}},
			URL: "javascript:alert(1)",
		}},
	}}
	c := config(t, f)
	only(t, c).Credits = credits
	return c, credits
}

func TestDecideOnThePage(t *testing.T) {
	c, credits := withCredit(t, &fake{})
	b := newBrowser(t, c, here)
	if _, body := b.want(200, http.MethodGet, "/", ""); strings.Contains(body, "Stir") || !strings.Contains(body, "Aunt Mary?") {
		t.Errorf("the page for a person who has not signed in shows forms, or lacks the suggestion:\n%s", body)
	}
	b.signIn(303, "writer-token")
	_, body := b.want(200, http.MethodGet, "/", "")
	for _, want := range []string{
		"Stir &lt;b&gt;well&lt;/b&gt;.", "Mary Ross, Aunt Mary", "certainty 0.25", `name="publication" value="Aunt Mary"`,
		`<code>a/b#1</code>`, `name="post" value="a/b#1"`, `name="key" value="k1"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not contain %q:\n%s", want, body)
		}
	}
	if strings.Contains(body, `href="javascript`) || strings.Contains(body, "Aunt Mary?") {
		t.Errorf("the page links to a script, or lists the suggestion twice:\n%s", body)
	}
	form := "site=main&post=a%2Fb%231&key=k1&csrf=" + b.csrf()
	b.want(403, http.MethodPost, "/page/credit", form+"&verdict=accepted", "Sec-Fetch-Site: cross-site")
	b.want(403, http.MethodPost, "/page/credit", strings.Replace(form, "csrf=", "csrf=x", 1)+"&verdict=accepted")
	b.want(400, http.MethodPost, "/page/credit", form+"&verdict=doubted")
	b.want(404, http.MethodPost, "/page/credit", strings.Replace(form, "k1", "k2", 1)+"&verdict=accepted")
	b.want(404, http.MethodPost, "/page/credit", strings.Replace(form, "main", "none", 1)+"&verdict=accepted")
	if len(credits.asked) > 0 {
		t.Fatalf("refused forms made the decisions %q", credits.asked)
	}
	for _, fields := range []string{
		"&verdict=accepted", "&verdict=rejected", "&verdict=withdrawn",
		"&verdict=edited&publication=Soup+Weekly&authors=Mary+Ross%0D%0AAnn+Lee&text=Stir+%3Cb%3Ewell%3C%2Fb%3E.%0D%0AServe.",
	} {
		res, _ := b.want(303, http.MethodPost, "/page/credit", form+fields)
		_, body := b.want(200, http.MethodGet, res.Header.Get("Location"), "")
		if !strings.Contains(body, `role="status"><p>`) ||
			strings.Contains(body, ">Undo<") == strings.Contains(fields, "withdrawn") {
			t.Errorf("after %s, the page lacks a message or a way to undo the decision:\n%s", fields, body)
		}
	}
	want := []string{
		`a/b#1 k1 "accepted": Aunt Mary, "Stir <b>well</b>.\nServe."`,
		`a/b#1 k1 "rejected": Aunt Mary, "Stir <b>well</b>.\nServe."`,
		`a/b#1 k1 "": Aunt Mary, "Stir <b>well</b>.\nServe."`,
		`a/b#1 k1 "edited": Soup Weekly, "Stir <b>well</b>.\nServe."`,
	}
	if diff := cmp.Diff(want, credits.asked); diff != "" {
		t.Errorf("decisions (-want +got):\n%s", diff)
	}
}

func TestExplainOnThePage(t *testing.T) {
	c := config(t, &fake{})
	const target = "/?site=main&post-id=hello&in=tags/go"
	b := newBrowser(t, c, here)
	if _, body := b.want(200, http.MethodGet, target, ""); strings.Contains(body, "It is a draft") {
		t.Errorf("the page explains a draft to a person who has not signed in:\n%s", body)
	}
	b.signIn(303, "writer-token")
	_, body := b.want(200, http.MethodGet, target, "")
	for _, want := range []string{
		"<strong>draft</strong> It is a draft.", "<p>tags/go</p>", `name="post-id" value="hello"`, `name="in" value="tags/go"`,
		"<dt>Absorbed</dt><dd>17 May 2024 14:00:00 UTC</dd>", "<dt>First served</dt><dd>17 May 2024 14:00:01 UTC</dd>",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not contain %q:\n%s", want, body)
		}
	}
}

// TestRefusedDecisionKeepsTheForm checks that a person whose edit is refused sees the reason, and does not lose what
// was typed.
func TestRefusedDecisionKeepsTheForm(t *testing.T) {
	c, credits := withCredit(t, &fake{})
	credits.err = fmt.Errorf("the post does not contain the passage: %w", feed.ErrInvalid)
	b := newBrowser(t, c, here)
	b.signIn(303, "writer-token")
	_, body := b.want(422, http.MethodPost, "/page/credit", "site=main&post=a%2Fb%231&key=k1&verdict=edited"+
		"&publication=Soup+Weekly&text=Elsewhere.&csrf="+b.csrf())
	for _, want := range []string{
		"<details open>", `role="alert">the post does not contain the passage</p>`, `value="Soup Weekly"`, "Elsewhere.</textarea>",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not contain %q:\n%s", want, body)
		}
	}
}

// TestDecideNeedsThePermission checks that a person whose token lacks the permission to write sees no passages of posts
// and cannot decide on credits.
func TestDecideNeedsTheRight(t *testing.T) {
	c, credits := withCredit(t, &fake{})
	b := newBrowser(t, c, here)
	b.want(303, http.MethodPost, "/page/credit", "site=main&post=a%2Fb%231&key=k1&verdict=accepted")
	b.signIn(303, "another-token")
	form := "site=main&post=a%2Fb%231&key=k1&verdict=accepted&csrf=" + b.csrf()
	if _, body := b.want(200, http.MethodGet, "/", ""); strings.Contains(body, "Stir") || !strings.Contains(body, "Aunt Mary?") {
		t.Errorf("the page shows the forms, or lacks the suggestion:\n%s", body)
	}
	if _, body := b.want(403, http.MethodPost, "/page/credit", form); !strings.Contains(body, `lacks the permission \"write\"`) {
		t.Errorf("the refusal does not name the permission: %s", body)
	}
	if len(credits.asked) > 0 {
		t.Errorf("decisions were made: %q", credits.asked)
	}
}
