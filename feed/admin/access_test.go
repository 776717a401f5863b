package admin

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// requestFrom sends a GET request for a path from a client address, with "Name: value" header fields; "Host: x" sets
// the Host. If local is set, it is the address at which the server received the request.
func requestFrom(t *testing.T, c Config, client, local, path string, header ...string) (status int, body string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.RemoteAddr, r.Host = client, "127.0.0.1:8081"
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		if r.Header.Set(name, value); name == "Host" {
			r.Header.Del(name)
			r.Host = value
		}
	}
	if local != "" {
		addr, err := net.ResolveTCPAddr("tcp", local)
		if err != nil {
			t.Fatal(err)
		}
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, addr))
	}
	w := httptest.NewRecorder()
	NewHandler(c).ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// TestReadingFromOtherMachines checks that reading needs a token unless the request comes from this machine.
func TestReadingFromOtherMachines(t *testing.T) {
	c := config(t, &fake{})
	reader, err := NewToken("prometheus", "scrape", Read)
	if err != nil {
		t.Fatal(err)
	}
	c.Tokens = append(c.Tokens, reader)
	const loopback, other = "127.0.0.1:4000", "192.0.2.7:4000"
	paths := []string{"/metrics", "/sites", "/feeds", "/readers", "/problems", "/sites/main/feeds", "/sites/main/readers",
		"/sites/main/problems"}
	for _, test := range []struct {
		name, client, local, header string
		want                        int
	}{
		{"this machine", loopback, "", "X: y", 200},
		{"this machine, IPv6", "[::1]:4000", "", "X: y", 200},
		{"this machine, IPv4 in IPv6", "[::ffff:127.0.0.1]:4000", "", "X: y", 200},
		{"this machine, at its own address", other, "192.0.2.7:8081", "X: y", 200},
		{"another machine", other, "192.0.2.8:8081", "X: y", 401},
		{"another machine, with a token", other, "", "Authorization: Bearer scrape", 200},
		{"another machine, with a token that allows rebuilds", other, "", bearer, 200},
		{"another machine, with an unknown token", other, "", "Authorization: Bearer guess", 401},
		{"a proxy on this machine", loopback, "", "X-Forwarded-For: 192.0.2.7", 401},
		{"a proxy on this machine, with Forwarded", loopback, "", "Forwarded: for=192.0.2.7", 401},
		{"an unknown address", "@", "", "X: y", 401},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, path := range paths {
				if got, body := requestFrom(t, c, test.client, test.local, path, test.header); got != test.want {
					t.Errorf("GET %s: status is %d, want %d: %.200s", path, got, test.want, body)
				}
			}
		})
	}
	t.Run("a token with only the permission read cannot rebuild", func(t *testing.T) {
		res := ask(t, c, http.MethodPost, "/rebuild", "", "Authorization: Bearer scrape")
		if body := text(t, res); res.StatusCode != http.StatusForbidden {
			t.Errorf("POST /rebuild: status is %d, want 403: %s", res.StatusCode, body)
		}
	})
	t.Run("no tokens", func(t *testing.T) {
		c := config(t, &fake{})
		c.Tokens = nil
		if got, body := requestFrom(t, c, other, "", "/feeds"); got != 403 || !strings.Contains(body, "admin.tokens_file") {
			t.Errorf("GET /feeds: %d %s; want 403 and a mention of admin.tokens_file", got, body)
		}
	})
}

// TestProbesFromOtherMachines checks that probes need no token, and that the response to a probe without a token
// contains no reasons.
func TestProbesFromOtherMachines(t *testing.T) {
	c := config(t, &fake{})
	c.Checks = []Check{{Name: "store", Check: func(context.Context) error { return errors.New("down") }, Required: true}}
	for _, test := range []struct {
		path, header string
		status       int
		body         string
	}{
		{"/livez", "X: y", 200, "ok\n"},
		{"/readyz", "X: y", 503, "not ready\n"},
		{"/readyz", bearer, 503, "store: not ready: " + "down" + "\n"},
		{"/openapi.yaml", "X: y", 200, string(openAPI)},
	} {
		status, body := requestFrom(t, c, "192.0.2.7:4000", "", test.path, test.header)
		if status != test.status || body != test.body {
			t.Errorf("GET %s with %s: %d %.100q, want %d %.100q", test.path, test.header, status, body, test.status, test.body)
		}
	}
}

// TestHost checks that requests whose Host is an unknown name are refused, even from this machine: they may come from a
// script of a web site whose name resolves to this machine.
func TestHost(t *testing.T) {
	c := config(t, &fake{})
	c.Hosts = []string{"feedpub.internal"}
	for host, want := range map[string]int{
		"127.0.0.1:8081": 200, "127.0.0.1": 200, "[::1]:8081": 200, "[::1]": 200, "10.0.0.5:8081": 200, "localhost": 200,
		"localhost:8081": 200, "LOCALHOST.:8081": 200, "feedpub.internal:8081": 200, "Feedpub.Internal": 200, "": 200,
		"rebound.example": 421, "rebound.example:8081": 421, "localhost.example": 421, "x.feedpub.internal": 421,
		"127.0.0.1.rebound.example": 421, "127.0.0.1@rebound.example": 421, "1": 421, ".": 421, "[": 421,
	} {
		for _, path := range []string{"/feeds", "/livez", "/nothing"} {
			wantStatus := want
			if path == "/nothing" && want == 200 {
				wantStatus = 404
			}
			if got, body := requestFrom(t, c, "127.0.0.1:4000", "", path, "Host: "+host); got != wantStatus {
				t.Errorf("GET %s of host %q: status is %d, want %d: %s", path, host, got, wantStatus, body)
			}
		}
	}
}
