//go:build !race

// The race detector makes sync.Pool drop objects at random, so allocations cannot be counted with it: make test runs
// this file without it.

package fast_test

import (
	"bufio"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/serve"
	"feedpub/feed/serve/audience"
	"feedpub/feed/serve/ratelimit"
)

// TestFastEngineDoesNotAllocate counts allocations over a real connection with all observers. One is allowed: the
// one-byte buffer into which fasthttp reads while it waits for a request.
func TestFastEngineDoesNotAllocate(t *testing.T) {
	front := &serve.Front{
		Documents: fixed{site(t, 60_000, feed.Main)}, Audience: audience.New(time.Now, audience.Salt{}),
		Limiter: ratelimit.New(1, time.Hour, time.Now).Site("x"),
	}
	hosts := &serve.Hosts{Unknown: &serve.Front{}}
	hosts.Set(map[string]*serve.Front{"x": front})
	addr := start(t, "fast", hosts, testLimits, slog.New(slog.DiscardHandler))
	for what, raw := range map[string]string{
		"200 for a host in capitals": "GET /feed.xml HTTP/1.1\r\nHost: X:8080\r\nAccept-Encoding: gzip\r\n" +
			"User-Agent: test\r\n\r\n",
		"421": "GET /feed.xml HTTP/1.1\r\nHost: unknown\r\nAccept-Encoding: gzip\r\n" +
			"User-Agent: test\r\n\r\n",
		"304":         request("Accept-Encoding: gzip", "If-None-Match: *", "User-Agent: test"),
		"200 in gzip": request("Accept-Encoding: gzip", "User-Agent: test"),
	} {
		conn, bytes := dial(t, addr), []byte(raw)
		send := func() { // does not allocate
			if _, err := conn.Write(bytes); err != nil {
				t.Fatal(err)
			}
		}
		send()
		r := bufio.NewReaderSize(conn, 64<<10)
		res, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.Copy(io.Discard, res.Body)
		if err != nil {
			t.Fatal(err)
		}
		// The next responses have the same length, so their bytes are counted and not parsed.
		send()
		if _, err := r.Peek(1); err != nil {
			t.Fatal(err)
		}
		length := r.Buffered()
		for length < int(body) {
			if _, err := r.Peek(length + 1); err != nil {
				t.Fatal(err)
			}
			length = r.Buffered()
		}
		if _, err := r.Discard(length); err != nil {
			t.Fatal(err)
		}
		got := testing.AllocsPerRun(500, func() {
			send()
			if _, err := r.Discard(length); err != nil {
				t.Fatal(err)
			}
		})
		if got > 1 {
			t.Errorf("a %s makes %v allocations, want at most 1, which fasthttp makes", what, got)
		}
		if r.Buffered() > 0 {
			t.Errorf("a %s: %d bytes were not read, so responses differ in length", what, r.Buffered())
		}
	}
}

func BenchmarkAnswer(b *testing.B) {
	front := &serve.Front{Documents: fixed{site(b, 60_000, feed.Main)}}
	for name := range engines {
		for what, raw := range map[string]string{
			"304": request("Accept-Encoding: gzip", "If-None-Match: *"), "200": request("Accept-Encoding: gzip"),
		} {
			b.Run(name+"/"+what, func(b *testing.B) {
				conn := dial(b, start(b, name, front, testLimits, slog.New(slog.DiscardHandler)))
				r := bufio.NewReaderSize(conn, 64<<10)
				b.ReportAllocs()
				for b.Loop() {
					if _, err := io.WriteString(conn, raw); err != nil {
						b.Fatal(err)
					}
					res, err := http.ReadResponse(r, nil)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := io.Copy(io.Discard, res.Body); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
