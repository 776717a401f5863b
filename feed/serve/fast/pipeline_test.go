package fast_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"feedpub/feed"
	"feedpub/feed/serve"
)

// TestPipelining sends 10,000 requests without waiting for responses. Each must be answered, in order.
func TestPipelining(t *testing.T) {
	const requests = 10_000
	s := site(t, 4000, feed.Main)
	for name := range engines {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, start(t, name, &serve.Front{Documents: fixed{s}}, testLimits, logTo(t)))
			sent := make(chan error, 1)
			go func() {
				var raw strings.Builder
				for i := range requests {
					method := map[bool]string{true: "HEAD", false: "GET"}[i%3 == 0]
					path := map[bool]string{true: "/feed.xml", false: "/none"}[i%2 == 0]
					fmt.Fprintf(&raw, "%s %s HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n", method, path)
				}
				_, err := io.WriteString(conn, raw.String())
				sent <- err
			}()
			r := bufio.NewReader(conn)
			for i := range requests {
				method := map[bool]string{true: "HEAD", false: "GET"}[i%3 == 0]
				want := map[bool]int{true: 200, false: 404}[i%2 == 0]
				res, err := http.ReadResponse(r, &http.Request{Method: method})
				if err != nil {
					t.Fatalf("response %d of %d: %v", i, requests, err)
				}
				n, err := io.Copy(io.Discard, res.Body)
				if err != nil || res.StatusCode != want || (n == 0) != (method == "HEAD") {
					t.Fatalf("response %d to %s: status %d with %d bytes, %v; want %d", i, method, res.StatusCode, n, err, want)
				}
			}
			if err := <-sent; err != nil {
				t.Error(err)
			}
		})
	}
}
