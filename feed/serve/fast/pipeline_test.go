package fast_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"feedpub/feed"
	"feedpub/feed/serve"
)

// TestPipelining sends 10,000 requests without waiting for responses. Each must be answered, in order. The fast engine
// buffers small responses until a large one follows, in any part of its buffer.
func TestPipelining(t *testing.T) {
	const requests = 10_000
	for _, size := range []int{4000, 60_000, 90_000} {
		for name := range engines {
			t.Run(fmt.Sprintf("%s/%d", name, size), func(t *testing.T) {
				conn := dial(t, start(t, name, &serve.Front{Documents: fixed{site(t, size, feed.Main)}}, testLimits, logTo(t)))
				sent := make(chan error, 1)
				go func() {
					var raw strings.Builder
					for i := range requests {
						method, path, _ := pipelined(i)
						fmt.Fprintf(&raw, "%s %s HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n", method, path)
					}
					_, err := io.WriteString(conn, raw.String())
					sent <- err
				}()
				r := bufio.NewReader(conn)
				var document []byte
				for i := range requests {
					method, path, want := pipelined(i)
					res, err := http.ReadResponse(r, &http.Request{Method: method})
					if err != nil {
						t.Fatalf("response %d of %d: %v", i, requests, err)
					}
					body, err := io.ReadAll(res.Body)
					if err != nil || res.StatusCode != want || (len(body) == 0) != (method == "HEAD") {
						t.Fatalf("response %d to %s %s: status %d with %d bytes, %v; want %d", i, method, path, res.StatusCode,
							len(body), err, want)
					}
					if method == "GET" && want == http.StatusOK {
						if document != nil && !bytes.Equal(body, document) {
							t.Fatalf("response %d has a different body from the one before", i)
						}
						document = body
					}
				}
				if err := <-sent; err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// pipelined returns the i-th request, and the status of its response.
func pipelined(i int) (method, path string, status int) {
	method, path, status = "GET", "/feed.xml", http.StatusOK
	if i%3 == 0 {
		method = "HEAD"
	}
	if i%7 != 0 && i%53 != 0 {
		path, status = "/none", http.StatusNotFound
	}
	return method, path, status
}
