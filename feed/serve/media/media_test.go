package media_test

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"feedpub/feed/serve/media"
)

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func get(t *testing.T, d media.Dir, r media.Request) (res media.Response, body string) {
	t.Helper()
	res, ok := d.Answer(r)
	if !ok {
		t.Fatalf("%s is not served", r.Name)
	}
	if res.Body != nil {
		b, err := io.ReadAll(res.Body)
		if err != nil || res.Body.Close() != nil || int64(len(b)) != res.Length {
			t.Errorf("%s: read %d bytes of %d: %v", r.Name, len(b), res.Length, err)
		}
		body = string(b)
	}
	return res, body
}

func TestAnswer(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "sub/a b.mp3", "0123456789")
	d := media.New(dir)
	whole, body := get(t, d, media.Request{Name: "sub/a b.mp3"})
	tag := whole.Header.Get("Etag")
	if whole.Status != 200 || body != "0123456789" || tag == "" || whole.Header.Get("Content-Type") != "audio/mpeg" ||
		whole.Header.Get("Content-Length") != "10" || whole.Header.Get("Accept-Ranges") != "bytes" {
		t.Errorf("the whole file: %d %q %v", whole.Status, body, whole.Header)
	}
	for _, tt := range []struct {
		name   string
		r      media.Request
		status int
		body   string
		header string // Content-Range
	}{
		{"range", media.Request{Range: "bytes=2-4"}, 206, "234", "bytes 2-4/10"},
		{"last bytes", media.Request{Range: "bytes=-3"}, 206, "789", "bytes 7-9/10"},
		{"range of this version", media.Request{Range: "bytes=0-0", IfRange: tag}, 206, "0", "bytes 0-0/10"},
		{"range of an earlier version", media.Request{Range: "bytes=0-0", IfRange: `"x"`}, 200, "0123456789", ""},
		{"several ranges", media.Request{Range: "bytes=0-1,4-5"}, 200, "0123456789", ""},
		{"range beyond the end", media.Request{Range: "bytes=20-"}, 416, "", "bytes */10"},
		{"HEAD", media.Request{Head: true}, 200, "", ""},
		{"unchanged", media.Request{IfNoneMatch: tag}, 304, "", ""},
		{"changed", media.Request{IfNoneMatch: `"x"`}, 200, "0123456789", ""},
		{"not modified since", media.Request{IfModifiedSince: whole.Header.Get("Last-Modified")}, 304, "", ""},
	} {
		tt.r.Name = "sub/a b.mp3"
		res, body := get(t, d, tt.r)
		if res.Status != tt.status || body != tt.body || res.Header.Get("Content-Range") != tt.header {
			t.Errorf("%s: got %d %q, Content-Range %q; want %d %q, %q", tt.name, res.Status, body,
				res.Header.Get("Content-Range"), tt.status, tt.body, tt.header)
		}
	}
}

func TestNotServed(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	write(t, outside, "secret.jpg", "secret")
	for _, name := range []string{"post.md", "page.html", ".hidden.jpg", ".git/a.jpg", "a.jpg~", "feedpub.yml", "tokens"} {
		write(t, dir, name, "x")
	}
	for link, to := range map[string]string{
		"link.jpg": filepath.Join(outside, "secret.jpg"), "up.jpg": "../" + filepath.Base(outside) + "/secret.jpg",
	} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.jpg"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.jpg"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := media.New(dir)
	for _, name := range []string{
		"post.md", "page.html", ".hidden.jpg", ".git/a.jpg", "a.jpg~", "feedpub.yml", "tokens", "link.jpg", "up.jpg",
		"folder.jpg", "pipe.jpg", "none.jpg", "../secret.jpg", "/etc/a.jpg", "a/../none.jpg", "", ".", "a\x00.jpg",
	} {
		if res, ok := d.Answer(media.Request{Name: name}); ok {
			t.Errorf("%q is served with status %d", name, res.Status)
		}
		if _, ok := d.Size(name); ok {
			t.Errorf("%q has a size", name)
		}
	}
	if _, ok := (media.Dir{}).Answer(media.Request{Name: "a.jpg"}); ok {
		t.Error("the zero Dir serves a file")
	}
}
