package fast_test

import (
	"bufio"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/serve"
)

// twoSites are alice.example with two aliases, and bob.example.
func twoSites(t testing.TB) *serve.Hosts {
	alice := &serve.Front{Documents: fixed{site(t, 4000, feed.Main)}}
	bob := &serve.Front{Documents: fixed{site(t, 5000, feed.Main)}}
	h := &serve.Hosts{Unknown: &serve.Front{}}
	h.Set(map[string]*serve.Front{"alice.example": alice, "xn--bcher-kva.example": alice, "::1": alice,
		"bob.example": bob})
	return h
}

// TestHostSelectsSite checks that both engines serve each site for its hosts only.
func TestHostSelectsSite(t *testing.T) {
	sites := twoSites(t)
	get := func(host string) string { return "GET /feed.xml HTTP/1.1\r\nHost: " + host + "\r\n\r\n" }
	const alice, bob, unknown = "alice", "bob", "unknown"
	addresses := map[string]string{}
	for name := range engines {
		addresses[name] = start(t, name, sites, testLimits, logTo(t))
	}
	bodies := map[string]string{}
	for who, host := range map[string]string{alice: "alice.example", bob: "bob.example"} {
		conn := dial(t, addresses["standard"])
		if _, err := io.WriteString(conn, get(host)); err != nil {
			t.Fatal(err)
		}
		a := read(t, bufio.NewReader(conn), "GET")
		if a.Status != 200 || bodies[alice] == a.Body || bodies[bob] == a.Body {
			t.Fatalf("status of %s is %d, want 200 with the document of its site", host, a.Status)
		}
		bodies[who] = a.Body
	}

	for _, c := range []struct{ name, raw, want string }{
		{"a name", get("alice.example"), alice},
		{"another", get("bob.example"), bob},
		{"an alias", get("xn--bcher-kva.example"), alice},
		{"with a port", get("bob.example:8080"), bob},
		{"with an empty port", get("bob.example:"), bob},
		{"with a final dot", get("bob.example."), bob},
		{"with a final dot and a port", get("bob.example.:80"), bob},
		{"in capitals", get("BOB.Example"), bob},
		{"in capitals, with a port", get("ALICE.EXAMPLE:443"), alice},
		{"an IPv6 address", get("[::1]:8080"), alice},
		{"an IPv6 address without a port", get("[::1]"), alice},
		{"an unknown host", get("carol.example"), unknown},
		{"a subdomain", get("x.bob.example"), unknown},
		{"a longer name", get("bob.example.net"), unknown},
		{"the last label of a name", get("example"), unknown},
		{"two final dots", get("bob.example.."), unknown},
		{"a leading dot", get(".bob.example"), unknown},
		{"an IPv4 address", get("127.0.0.1"), unknown},
		{"a very long host", get(strings.Repeat("a.", 2000) + "bob.example"), unknown},
		{"no host, in HTTP/1.0", "GET /feed.xml HTTP/1.0\r\n\r\n", unknown},
		{"a host in HTTP/1.0", "GET /feed.xml HTTP/1.0\r\nHost: bob.example\r\n\r\n", bob},
		{"an absolute target", "GET http://alice.example/feed.xml HTTP/1.1\r\nHost: bob.example\r\n\r\n", alice},
		{"an absolute target of an unknown host",
			"GET http://carol.example/feed.xml HTTP/1.1\r\nHost: bob.example\r\n\r\n", unknown},
		{"an absolute target with a user and port",
			"GET http://bob.example@alice.example:1/feed.xml HTTP/1.1\r\nHost: bob.example\r\n\r\n", alice},
		{"X-Forwarded-Host, which is ignored",
			"GET /feed.xml HTTP/1.1\r\nHost: bob.example\r\nX-Forwarded-Host: alice.example\r\n\r\n", bob},
		{"HEAD of an unknown host", "HEAD /feed.xml HTTP/1.1\r\nHost: carol.example\r\n\r\n", unknown},
		{"POST to an unknown host", "POST /feed.xml HTTP/1.1\r\nHost: carol.example\r\nContent-Length: 0\r\n\r\n", unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			method, _, _ := strings.Cut(c.raw, " ")
			answers := map[string]answer{}
			for name, addr := range addresses {
				conn := dial(t, addr)
				if _, err := io.WriteString(conn, c.raw); err != nil {
					t.Fatal(err)
				}
				a := read(t, bufio.NewReader(conn), method)
				answers[name] = a
				delete(a.Header, "Connection") // HTTP/1.0 closes by default, and engines differ in whether they send the field
				if c.want != unknown {
					if a.Status != 200 || a.Body != bodies[c.want] {
						t.Errorf("%s engine: status %d, want 200 with the feed of %s", name, a.Status, c.want)
					}
					continue
				}
				if a.Status != 421 || method == "GET" && !strings.HasPrefix(a.Body, "421 Misdirected Request\n") ||
					len(a.Body) > 200 {
					t.Errorf("%s engine: status %d with %d bytes, want 421 with a short text", name, a.Status, len(a.Body))
				}
				for field, value := range a.Header {
					if strings.Contains(value, "example") {
						t.Errorf("%s engine: the response contains the host in %s: %s", name, field, value)
					}
				}
			}
			if diff := cmp.Diff(answers["standard"], answers["fast"]); diff != "" {
				t.Errorf("responses to %q (-standard +fast):\n%s", c.raw, diff)
			}
		})
	}
}

// TestSetSitesUnderLoad checks that requests for a site succeed while other sites are added and removed.
func TestSetSitesUnderLoad(t *testing.T) {
	for name := range engines {
		sites := twoSites(t)
		bob := sites.ForHost("bob.example")
		conn := dial(t, start(t, name, sites, testLimits, logTo(t)))
		r := bufio.NewReader(conn)
		done := make(chan struct{})
		stop := make(chan struct{})
		go func() {
			defer close(done)
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				m := map[string]*serve.Front{"bob.example": bob}
				if i%2 == 0 {
					m["alice.example"] = bob
				}
				sites.Set(m)
			}
		}()
		for range 200 {
			if _, err := io.WriteString(conn, "GET /feed.xml HTTP/1.1\r\nHost: bob.example\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			if a := read(t, r, "GET"); a.Status != 200 {
				t.Errorf("%s engine: status of a site that was not removed is %d, want 200", name, a.Status)
			}
		}
		close(stop)
		<-done
	}
}
