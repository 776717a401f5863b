package store_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"feedpub/feed"
	"feedpub/store"
)

func TestOpenRefusesBadURLsAndNeverShowsAPassword(t *testing.T) {
	for _, url := range []string{
		"", "localhost:6379", "/a/path", "http://h", "redis://h:port", "redis://u:hunter2@h:port", "redis://u:hunter2@h/x/y",
		"redis://:hunter2@h/notanumber", "redis://h/0?unknown=hunter2", "redis://u:hunter2@[::1", "://u:hunter2@h",
		"redis+unknown://u:hunter2@h", "unix://u:hunter2@", "redis://u:hun%zzter2@h", "hunter2\x7f://",
	} {
		c, err := store.Open(store.Options{URL: url})
		if err == nil {
			_ = c.Close()
		}
		if !errors.Is(err, feed.ErrInvalid) {
			t.Errorf("Open(%q): error is %v; want one of kind %q", url, err, feed.ErrInvalid)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Open(%q): the error shows the password: %v", url, err)
		}
	}
}

func TestErrorsOfAServerNeverShowAPassword(t *testing.T) {
	c, err := store.Open(store.Options{URL: "redis://user:hunter2@127.0.0.1:1/3?client_name=hunter2"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	err = c.Ping(t.Context())
	if !errors.Is(err, feed.ErrUnavailable) || strings.Contains(err.Error(), "hunter2") ||
		!strings.Contains(err.Error(), "redis://127.0.0.1:1/3") {
		t.Errorf("Ping of a port where nobody listens: %v; want the address, no password, kind %q", err, feed.ErrUnavailable)
	}
	if got, want := c.Address(), "redis://127.0.0.1:1/3"; got != want {
		t.Errorf("Address = %q; want %q", got, want)
	}
}

func TestSocketAddressOfALongPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 30))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "socket")
	address, done, err := store.SocketAddress(path)
	if err != nil {
		t.Fatalf("SocketAddress of %d bytes: %v", len(path), err)
	}
	defer done()
	l, err := net.Listen("unix", address)
	if err != nil {
		t.Fatalf("Listen(%q): %v", address, err)
	}
	defer func() { _ = l.Close() }()
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the socket is not where it was asked for: %v", err)
	}
}
