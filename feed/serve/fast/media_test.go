package fast_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"feedpub/feed/serve"
	"feedpub/feed/serve/media"
)

// TestMedia checks that both engines serve files beside posts, in whole and in part.
func TestMedia(t *testing.T) {
	dir := t.TempDir()
	content := strings.Repeat("0123456789", 100_000)
	if err := os.WriteFile(filepath.Join(dir, "a b.mp3"), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, engine := range []string{"standard", "fast"} {
		front := &serve.Front{Documents: fixed{site(t, 10, "main")}, Media: media.New(dir)}
		addr := start(t, engine, front, testLimits, logTo(t))
		for _, tt := range []struct {
			method, path, span, body string
			status                   string
		}{
			{"GET", "/media/a%20b.mp3", "", content, "200 OK"},
			{"GET", "/media/a%20b.mp3", "bytes=999990-", "0123456789", "206 Partial Content"},
			{"HEAD", "/media/a%20b.mp3", "", "", "200 OK"},
			{"GET", "/media/none.mp3", "", "", "404 Not Found"},
			{"GET", "/media/..%2Fa%20b.mp3", "", "", "404 Not Found"},
			{"DELETE", "/media/a%20b.mp3", "", "", "405 Method Not Allowed"},
		} {
			r, err := http.NewRequestWithContext(t.Context(), tt.method, "http://"+addr+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if tt.span != "" {
				r.Header.Set("Range", tt.span)
			}
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatalf("%s: %s %s: %v", engine, tt.method, tt.path, err)
			}
			body, err := io.ReadAll(res.Body)
			if err != nil || res.Body.Close() != nil {
				t.Fatalf("%s: %s %s: %v", engine, tt.method, tt.path, err)
			}
			ok := res.StatusCode >= 300 || string(body) == tt.body
			if res.Status != tt.status || !ok {
				t.Errorf("%s: %s %s %s: %s and %d bytes; want %s and %d bytes", engine, tt.method, tt.path, tt.span,
					res.Status, len(body), tt.status, len(tt.body))
			}
			if tt.method == "HEAD" && res.ContentLength != int64(len(content)) {
				t.Errorf("%s: HEAD: the length is %d, want %d", engine, res.ContentLength, len(content))
			}
		}
	}
}
