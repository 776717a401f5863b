package serve

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

// strictLimiter allows no fetch, and records its calls.
type strictLimiter struct{ asked []string }

func (l *strictLimiter) Wait(client netip.Addr, name feed.Name) time.Duration {
	l.asked = append(l.asked, fmt.Sprint(client, " ", name))
	return 90*time.Second + time.Millisecond
}

func TestRateLimit(t *testing.T) {
	s := site(t, Options{Retired: []string{"/old/feed.xml"}}, feed.Main)
	tag := `"` + hashAt(t, s, "/feed.xml") + `"`
	stranger := Client{Addr: netip.MustParseAddr("192.0.2.1")}
	for _, c := range []struct {
		name   string
		r      Request
		client Client
		status int
	}{
		{"a fetch", Request{Path: "/feed.xml"}, stranger, 429},
		{"a fetch in gzip", Request{Path: "/feed.xml", AcceptEncoding: "gzip"}, stranger, 429},
		{"with the current tag", Request{Path: "/feed.xml", IfNoneMatch: tag}, stranger, 304},
		{"with an older tag", Request{Path: "/feed.xml", IfNoneMatch: `W/"old"`}, stranger, 200},
		{"with any tag", Request{Path: "/feed.xml", IfNoneMatch: "*"}, stranger, 304},
		{"with a malformed tag", Request{Path: "/feed.xml", IfNoneMatch: "old"}, stranger, 429},
		{"with an older date", Request{Path: "/feed.xml", IfModifiedSince: "Fri, 17 May 2023 12:00:00 GMT"}, stranger, 200},
		{"with a malformed date", Request{Path: "/feed.xml", IfModifiedSince: "yesterday"}, stranger, 429},
		{"HEAD", Request{Method: "HEAD", Path: "/feed.xml"}, stranger, 200},
		{"OPTIONS", Request{Method: "OPTIONS", Path: "/feed.xml"}, stranger, 204},
		{"no document", Request{Path: "/none"}, stranger, 404},
		{"retired", Request{Path: "/old/feed.xml"}, stranger, 410},
		{"the index", Request{Path: "/"}, stranger, 200},
		{"loopback", Request{Path: "/feed.xml"}, Client{Addr: netip.MustParseAddr("127.0.0.1")}, 200},
		{"loopback of IPv6", Request{Path: "/feed.xml"}, Client{Addr: netip.MustParseAddr("::1")}, 200},
		{"a proxy", Request{Path: "/feed.xml"}, Client{Addr: netip.MustParseAddr("10.0.0.1")}, 200},
		{"an unknown client behind a proxy", Request{Path: "/feed.xml"},
			Client{Addr: netip.MustParseAddr("10.0.0.1"), ForwardedFor: "192.0.2.9"}, 429},
		{"an unknown client that claims to be a proxy", Request{Path: "/feed.xml"},
			Client{Addr: netip.MustParseAddr("192.0.2.9"), ForwardedFor: "10.0.0.1"}, 429},
		{"no address", Request{Path: "/feed.xml"}, Client{}, 200},
	} {
		if c.r.Method == "" {
			c.r.Method = "GET"
		}
		f := Front{Documents: fixed{s}, Limiter: &strictLimiter{}, Proxies: Proxies{netip.MustParsePrefix("10.0.0.0/8")}}
		got := answerOf(&f, &Visit{Request: c.r, Client: c.client})
		if got.Status != c.status {
			t.Errorf("%s: status is %d, want %d", c.name, got.Status, c.status)
		}
		if got.Status == 429 && (got.Get("Retry-After") != "91" || got.Get("Cache-Control") != "no-store") {
			t.Errorf("%s: header is %v, want a Retry-After of 91 seconds and no-store", c.name, headers(got))
		}
	}
}

func TestOrigin(t *testing.T) {
	proxies := Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}
	for _, c := range []struct{ name, addr, forwarded, want string }{
		{"direct", "192.0.2.1", "", "192.0.2.1"},
		{"from an untrusted client", "192.0.2.1", "198.51.100.7", "192.0.2.1"},
		{"behind a proxy", "10.0.0.1", "198.51.100.7", "198.51.100.7"},
		{"behind two proxies", "10.0.0.1", "198.51.100.7, 10.0.0.2", "198.51.100.7"},
		{"with an address that the client added", "10.0.0.1", "203.0.113.5, 198.51.100.7", "198.51.100.7"},
		{"behind loopback", "127.0.0.1", "198.51.100.7", "198.51.100.7"},
		{"IPv6", "2001:db8::1", "2001:db9::7", "2001:db9::7"},
		{"IPv4-mapped addresses", "::ffff:10.0.0.1", "::ffff:198.51.100.7", "198.51.100.7"},
		{"a zone", "10.0.0.1", "fe80::1%eth0", "fe80::1"},
		{"a malformed address", "10.0.0.1", "unknown", "10.0.0.1"},
		{"empty members", "10.0.0.1", ",,", "10.0.0.1"},
		{"a port", "10.0.0.1", "198.51.100.7:80", "10.0.0.1"},
		{"only proxies", "10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"},
		{"markup", "10.0.0.1", "<script>", "10.0.0.1"},
	} {
		got := proxies.Origin(Client{Addr: netip.MustParseAddr(c.addr), ForwardedFor: c.forwarded})
		if got.String() != c.want {
			t.Errorf("%s: origin of %s for %q is %s, want %s", c.name, c.addr, c.forwarded, got, c.want)
		}
	}
}

// polls is an Audience that records calls.
type polls struct{ seen []string }

func (p *polls) Polled(name feed.Name, _ *atomic.Value, status int, client netip.Addr, userAgent string) {
	p.seen = append(p.seen, fmt.Sprint(name, " ", status, " ", client, " ", userAgent))
}

func TestAudienceReceivesPolls(t *testing.T) {
	var p polls
	f := Front{Documents: fixed{site(t, Options{}, feed.Main, "tags/go")}, Audience: &p}
	client := Client{Addr: netip.MustParseAddr("192.0.2.1"), UserAgent: "newsboat"}
	for _, r := range []Request{
		{Method: "GET", Path: "/feed.xml"}, {Method: "GET", Path: "/tags/go/atom.xml", IfNoneMatch: "*"},
		{Method: "GET", Path: "/none"}, {Method: "GET", Path: "/"}, {Method: "POST", Path: "/feed.xml"},
	} {
		answerOf(&f, &Visit{Request: r, Client: client})
	}
	want := []string{"main 200 192.0.2.1 newsboat", "tags/go 304 192.0.2.1 newsboat"}
	if diff := cmp.Diff(want, p.seen); diff != "" {
		t.Errorf("calls to the audience (-want +got):\n%s", diff)
	}
}

func TestAccessLog(t *testing.T) {
	var buf bytes.Buffer
	log := slog.New(slog.NewTextHandler(&buf, nil))
	f := Front{Documents: fixed{site(t, Options{}, feed.Main)}, AccessLog: log, LogEvery: 3}
	for range 9 {
		answerOf(&f, &Visit{
			Request: Request{Method: "GET", Path: "/feed.xml\nlevel=ERROR", Query: "token=hunter2"},
			Client:  Client{Addr: netip.MustParseAddr("192.0.2.1"), UserAgent: "a\x1b[31m\nlevel=ERROR"},
		})
	}
	if got := strings.Count(buf.String(), "\n"); got != 3 {
		t.Errorf("%d records for 9 responses, want 3:\n%s", got, buf.String())
	}
	for _, bad := range []string{"hunter2", "192.0.2.1", "\x1b", "\nlevel"} {
		if strings.Contains(buf.String(), bad) {
			t.Errorf("the log contains %q:\n%s", bad, buf.String())
		}
	}
}
