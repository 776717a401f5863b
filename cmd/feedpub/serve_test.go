package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"testing"

	"feedpub/config"
)

func TestNotifySystemd(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	environment := map[string]string{"NOTIFY_SOCKET": socket}
	if err := notifySystemd(func(name string) string { return environment[name] }, "READY=1"); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 64)
	n, err := l.Read(got)
	if err != nil || !bytes.Equal(got[:n], []byte("READY=1")) {
		t.Errorf("systemd reads %q (error %v), want READY=1", got[:n], err)
	}
	if err := notifySystemd(func(string) string { return "" }, "READY=1"); err != nil {
		t.Errorf("without systemd: %v", err)
	}
	environment["NOTIFY_SOCKET"] = socket + "-gone"
	if err := notifySystemd(func(name string) string { return environment[name] }, "READY=1"); err == nil {
		t.Error("no error, and nobody was told")
	}
}

func TestDialable(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:80":   "127.0.0.1:80",
		"localhost:80":   "localhost:80",
		"0.0.0.0:80":     "127.0.0.1:80",
		":80":            "127.0.0.1:80",
		"[::]:80":        "[::1]:80",
		"[::1]:80":       "[::1]:80",
		"192.0.2.1:80":   "192.0.2.1:80",
		"not an address": "not an address",
	} {
		if got := dialable(listen); got != want {
			t.Errorf("a server that listens on %s is asked at %s, want %s", listen, got, want)
		}
	}
}

func TestChoosePlace(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", "/cache")
	var redis config.RedisURL
	if err := redis.UnmarshalText([]byte("redis://127.0.0.1:6379")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name              string
		posts             bool // the folder ./posts exists
		config            config.Config
		write             bool
		sample            bool
		wantDir, wantData config.Path
	}{
		{"nothing", false, config.Config{}, false, true, "", "/cache/feedpub/samples"},
		{"nothing, to write", false, config.Config{}, true, false, "posts", "feedpub-data"},
		{"./posts", true, config.Config{}, false, false, "posts", "feedpub-data"},
		{"a folder", true, config.Config{Dir: "/srv/blog/posts"}, false, false, "/srv/blog/posts", "/srv/blog/feedpub-data"},
		{"a folder of another name", false, config.Config{Dir: "/srv/blog/notes/"}, false, false, "/srv/blog/notes/", "/srv/blog/feedpub-data-notes"},
		{"a data folder", false, config.Config{Dir: "notes", Data: "/var/data"}, false, false, "notes", "/var/data"},
		{"Redis", true, config.Config{Redis: redis}, false, false, "", "feedpub-data"},
		{"samples with a data folder", false, config.Config{Data: "/var/data"}, false, true, "", "/var/data"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if c.posts {
				if err := os.Mkdir("posts", 0o755); err != nil {
					t.Fatal(err)
				}
			}
			p, err := choosePlace(c.config, nil, c.write)
			if err != nil {
				t.Fatal(err)
			}
			if p.sample != c.sample || p.config.Dir != c.wantDir || p.config.Data != c.wantData {
				t.Errorf("sample %v, dir %q, data %q; want %v, %q, %q",
					p.sample, p.config.Dir, p.config.Data, c.sample, c.wantDir, c.wantData)
			}
		})
	}
}

// TestFoldersOfPostsHaveDataOfTheirOwn guards against one folder's posts being missed in another's feeds.
func TestFoldersOfPostsHaveDataOfTheirOwn(t *testing.T) {
	seen := make(map[config.Path]config.Path)
	for _, dir := range []config.Path{"posts", "a", "b", "a/posts", "a/b"} {
		p, err := choosePlace(config.Config{Dir: dir}, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[p.config.Data]; ok {
			t.Errorf("%s and %s share the data folder %s", dir, other, p.config.Data)
		}
		seen[p.config.Data] = dir
	}
}
