//go:build amd64 || arm64

package fast_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/serve"
)

// openMemoryFiles returns the number of memory files that the process has open.
func openMemoryFiles(t *testing.T) int {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.Contains(target, "memfd:feedpub-body") {
			n++
		}
	}
	return n
}

// TestMemoryFile checks that a large body that is requested often is sent from a single memory file, that a client that
// reads slowly receives it completely, and that the file is closed when the body is no longer served.
func TestMemoryFile(t *testing.T) {
	before := openMemoryFiles(t)
	documents := new(replaceable)
	documents.s.Store(site(t, 300_000, feed.Main))
	addr := start(t, "fast", &serve.Front{Documents: documents}, testLimits, logTo(t))
	var sums []string
	for i := range 20 {
		conn := dial(t, addr)
		if i == 15 { // the response does not fit in the buffers of the connection
			if err := conn.SetReadBuffer(8192); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := io.WriteString(conn, request("Accept-Encoding: gzip")); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReaderSize(conn, 1000), nil)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		if err != nil || int64(len(body)) != res.ContentLength || !bytes.HasPrefix(body, []byte("\x1f\x8b")) {
			t.Fatalf("response %d: %d bytes of %d, %v", i, len(body), res.ContentLength, err)
		}
		sums = append(sums, fmt.Sprintf("%x", sha256.Sum256(body)))
		if sums[i] != sums[0] {
			t.Fatalf("response %d has a different body from the first", i)
		}
		_ = conn.Close()
	}
	if n := openMemoryFiles(t) - before; n != 1 {
		t.Errorf("after %d responses with the same body, %d memory files are open, want 1", len(sums), n)
	}
	documents.s.Store(site(t, 4000, feed.Main))
	for end := time.Now().Add(30 * time.Second); openMemoryFiles(t) > before; runtime.GC() {
		if time.Now().After(end) {
			t.Fatal("the memory file is still open 30 s after its document was replaced")
		}
	}
}

// replaceable is a snapshot that a test replaces.
type replaceable struct {
	s atomic.Pointer[serve.Snapshot]
}

func (r *replaceable) Snapshot() *serve.Snapshot { return r.s.Load() }
