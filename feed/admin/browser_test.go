package admin

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
)

// serveBusySite serves the page of a site with runs, problems and a credit to decide on.
func serveBusySite(t *testing.T) (*httptest.Server, *fake, *fakeCredits) {
	t.Helper()
	f := &fake{runs: someRuns(), list: []feed.Problem{
		{ID: "2024/05/a-post-with-quite-a-long-id-that-must-wrap-on-a-narrow-screen", Kind: feed.KindRejected, Place: "authors[0].name",
			Reason: "want a string, got a number"},
		{ID: "tags/go", Kind: feed.KindHeld, Reason: `2 posts vanished: "a", "b"`, Serving: true},
	}}
	for day := range 14 {
		r := someRuns()[day%3]
		r.ID, r.Times = fmt.Sprintf("day %d", day), 0
		r.Started = time.Now().AddDate(0, 0, -day)
		f.runs = append(f.runs, r)
	}
	c, credits := withCredit(t, f)
	credits.credit.Source.URL = "https://mary.example/stew"
	c.Hosts = []string{"admin.example"}
	only(t, c).History = someDays{}
	server := httptest.NewServer(NewHandler(c))
	t.Cleanup(server.Close)
	return server, f, credits
}

// TestPageInChromium tests the page in a browser. The browser is started only once, because starting it takes seconds.
func TestPageInChromium(t *testing.T) {
	t.Parallel()
	x := newTab(t, "--host-resolver-rules=MAP admin.example 127.0.0.1")
	for _, test := range []struct {
		name string
		run  func(*testing.T, *tab)
	}{
		{"in use", pageInUse},
		{"on a phone", pageFitsAPhone},
		{"updates itself", pageUpdatesItself},
		{"over plain HTTP", pageOverPlainHTTP},
		{"without scripts", pageWithoutScripts},
	} {
		t.Run(test.name, func(t *testing.T) {
			x.t = t
			test.run(t, x)
			x.wantNoErrors()
		})
		x.t = t
	}
}

// pageInUse uses the page as a person would, in a browser that enforces its content security policy.
func pageInUse(t *testing.T, x *tab) {
	server, f, credits := serveBusySite(t)
	x.device(1280, 900, "light")
	x.open(server.URL)
	x.wantText("Sign in")
	x.click("header > a")
	x.signIn("wrong")
	x.wantText("The token is unknown.")
	x.signIn(secret)
	x.wantText("alice")
	x.picture("wide")
	x.eval(nil, `document.querySelector("[name=post-id]").value = "hello"`)
	x.click(".why button")
	x.wantText("It is a draft.")
	x.click("button[value=accepted]")
	x.wantText("The credit was accepted.")
	x.click("button[value=withdrawn]")
	x.wantText("The decision was withdrawn.")
	x.eval(nil, `document.querySelector(".credit details").open = true;
		document.querySelector(".edit [name=publication]").value = "Soup Weekly"`)
	x.click("button[value=edited]")
	x.wantText("The credit was changed.")
	x.click(".rebuild button")
	x.wantText("The feeds were rebuilt.")
	x.click("header button")
	x.wantText("Token")
	if want := 3; len(credits.asked) != want || !strings.Contains(credits.asked[2], "Soup Weekly") {
		t.Errorf("decisions are %q, want %d, the last of which names Soup Weekly", credits.asked, want)
	}
	if len(f.asked) != 1 {
		t.Errorf("there were %d rebuilds, want 1", len(f.asked))
	}
}

// pageOverPlainHTTP checks that people can sign in without TLS at an address that browsers do not trust. From a page
// there, browsers do not send Sec-Fetch-Site.
func pageOverPlainHTTP(t *testing.T, x *tab) {
	server, _, _ := serveBusySite(t)
	x.open(strings.Replace(server.URL, "127.0.0.1", "admin.example", 1) + "/login")
	x.signIn(secret)
	x.wantText("Recent runs")
	x.click(".rebuild button")
	x.wantText("The feeds were rebuilt.")
}

// pageWithoutScripts checks that the page works if scripts are disabled.
func pageWithoutScripts(t *testing.T, x *tab) {
	server, f, _ := serveBusySite(t)
	x.call(nil, "Emulation.setScriptExecutionDisabled", map[string]any{"value": true})
	x.open(server.URL + "/login")
	x.signIn(secret)
	x.click(".rebuild button")
	x.wantText("The feeds were rebuilt.")
	if len(f.asked) != 1 {
		t.Errorf("there were %d rebuilds, want 1", len(f.asked))
	}
}

// pageFitsAPhone checks that nothing is wider than the screen of a phone, that tables need not scroll, and that the
// labels of charts are large enough.
func pageFitsAPhone(t *testing.T, x *tab) {
	server, _, _ := serveBusySite(t)
	x.device(390, 844, "dark")
	x.open(server.URL + "/login")
	x.picture("phone-login")
	x.signIn(secret)
	x.eval(nil, `document.querySelector(".credit details").open = true`)
	for _, width := range []int{390, 320} {
		x.device(width, 844, "dark")
		var got struct{ Inner, Scroll int }
		x.eval(&got, "({Inner: innerWidth, Scroll: document.documentElement.scrollWidth})")
		if got.Inner != width || got.Scroll > width {
			t.Errorf("on a screen %d pixels wide, the window is %d and the page %d pixels wide", width, got.Inner, got.Scroll)
		}
		var cut []string
		x.eval(&cut, `[...document.querySelectorAll(".scroll")].filter(e => e.scrollWidth > e.clientWidth).map(e => e.innerText)`)
		if len(cut) > 0 {
			t.Errorf("on a screen %d pixels wide, %d tables are cut off: %q", width, len(cut), cut)
		}
		var small []string
		x.eval(&small, `[...document.querySelectorAll("svg:not(.spark)")].filter(
			e => 11 * e.clientWidth / e.viewBox.baseVal.width < 10).map(e => e.getAttribute("aria-label"))`)
		var charts int
		x.eval(&charts, `document.querySelectorAll("svg:not(.spark) text").length`)
		if len(small) > 0 || charts < 10 {
			t.Errorf("on a screen %d pixels wide, some of the %d chart labels are less than 10 pixels high, in the charts %q",
				width, charts, small)
		}
	}
	x.device(390, 844, "dark")
	x.picture("phone-dark")
	x.device(390, 844, "light")
	x.picture("phone")
	x.device(1280, 900, "dark")
	x.picture("wide-dark")
}

// pageUpdatesItself checks that the page is updated while nobody uses it, and not while a form is open.
func pageUpdatesItself(t *testing.T, x *tab) {
	server, f, _ := serveBusySite(t)
	x.open(server.URL + "/login")
	x.signIn(secret)
	x.eval(nil, `document.querySelector(".credit details").open = true`)
	f.mu.Lock()
	f.list = append(f.list, feed.Problem{ID: "new", Kind: feed.KindRejected, Reason: "found a minute ago"})
	f.mu.Unlock()
	x.eval(nil, "update()")
	if strings.Contains(x.text(), "found a minute ago") {
		t.Error("the page was updated although a form was open")
	}
	x.eval(nil, `document.querySelector(".credit details").open = false`)
	x.eval(nil, "update()")
	x.wantText("found a minute ago")
}
