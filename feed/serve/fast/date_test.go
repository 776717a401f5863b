package fast_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/serve"
)

// TestDate checks that both engines send exactly one Date: the current time, or Last-Modified if the server's clock is
// behind the store's.
func TestDate(t *testing.T) {
	ahead := time.Now().Add(30 * 24 * time.Hour).UTC().Truncate(time.Second)
	future := &serve.Front{Documents: fixed{siteModified(t, ahead, 4000, feed.Main)}}
	past := &serve.Front{Documents: fixed{site(t, 4000, feed.Main)}}
	sites := &serve.Hosts{Unknown: &serve.Front{}}
	sites.Set(map[string]*serve.Front{"future.example": future, "past.example": past})
	for name := range engines {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, start(t, name, sites, testLimits, logTo(t)))
			r := bufio.NewReader(conn)
			for _, raw := range []string{
				"GET /feed.xml HTTP/1.1\r\nHost: future.example\r\n\r\n",
				"HEAD /feed.xml HTTP/1.1\r\nHost: past.example\r\n\r\n",
				"GET /feed.xml HTTP/1.1\r\nHost: future.example\r\nIf-None-Match: *\r\n\r\n",
				"GET /none HTTP/1.1\r\nHost: past.example\r\n\r\n",
				"OPTIONS /none HTTP/1.1\r\nHost: past.example\r\n\r\n",
				"GET / HTTP/1.1\r\nHost: unknown.example\r\n\r\n",
			} {
				before := time.Now().UTC().Truncate(time.Second)
				if _, err := io.WriteString(conn, raw); err != nil {
					t.Fatal(err)
				}
				req := &http.Request{Method: raw[:4]}
				if raw[:3] == "GET" {
					req.Method = "GET"
				}
				res, err := http.ReadResponse(r, req)
				if err != nil {
					t.Fatalf("%q: %v", raw, err)
				}
				if _, err := io.Copy(io.Discard, res.Body); err != nil {
					t.Fatal(err)
				}
				if want := fmt.Sprint(res.StatusCode, " ", http.StatusText(res.StatusCode)); res.Status != want {
					t.Errorf("response to %q: status %q, want %q", raw, res.Status, want)
				}
				dates := res.Header["Date"]
				if len(dates) != 1 {
					t.Fatalf("response to %q: dates %q, want one", raw, dates)
				}
				date, err := http.ParseTime(dates[0])
				if err != nil {
					t.Fatal(err)
				}
				if lm := res.Header.Get("Last-Modified"); lm == ahead.Format(http.TimeFormat) {
					if !date.Equal(ahead) {
						t.Errorf("response to %q: Last-Modified %q, Date %q", raw, lm, dates[0])
					}
				} else if date.Before(before) || date.After(time.Now()) {
					t.Errorf("response to %q: Date %q at %v", raw, dates[0], before)
				}
			}
		})
	}
}
