package feedpub_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub"
	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/publish"
	"feedpub/store/storetest"
)

// A program publishes the posts of a folder and serves their feeds beside its own pages.
func Example() {
	dir, err := os.MkdirTemp("", "blog")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	post := "---\ntitle: Hello\ndate: 2026-01-31\n---\nFirst words.\n"
	if err := os.WriteFile(filepath.Join(dir, "hello.md"), []byte(post), 0o600); err != nil {
		fmt.Println(err)
		return
	}

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	site, err := feedpub.Open(ctx, feedpub.Options{
		BaseURL: "https://feeds.example.org",
		Title:   "The Commonplace",
		Dir:     dir,
		Data:    filepath.Join(dir, ".data"),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	done := make(chan error)
	go func() { done <- site.Run(ctx) }()
	if err := site.Ready(ctx); err != nil {
		fmt.Println(err)
	}
	http.Handle("/", site) // and http.ListenAndServe

	w := httptest.NewRecorder()
	http.DefaultServeMux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/feed.xml", nil))
	fmt.Println(w.Code, strings.Contains(w.Body.String(), "<title>Hello</title>"))

	cancel()
	fmt.Println(<-done, site.Close())
	// Output:
	// 200 true
	// <nil> <nil>
}

// run opens and runs a site until the test ends, and waits until it is ready.
func run(t *testing.T, o feedpub.Options) *feedpub.Site {
	t.Helper()
	site, err := feedpub.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- site.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, site.Close()); err != nil {
			t.Error(err)
		}
	})
	wait, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	if err := site.Ready(wait); err != nil {
		t.Fatal(err)
	}
	return site
}

// TestRedis publishes posts in Redis, one of which is written while the site runs.
func TestRedis(t *testing.T) {
	site := run(t, feedpub.Options{BaseURL: "https://feeds.example.org", Redis: storetest.Redis(t), Data: t.TempDir()})
	post := feed.RawPost{ID: "hello", Raw: []byte(`{"id": "hello", "title": "Hello", "content_text": "Words."}`)}
	if err := site.Posts().Put(t.Context(), post); err != nil {
		t.Fatal(err)
	}
	if _, err := site.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); ; {
		w := httptest.NewRecorder()
		site.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/feed.json", nil))
		if w.Code == http.StatusOK && strings.Contains(w.Body.String(), `"title": "Hello"`) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the post is not served: %d\n%s", w.Code, w.Body)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	for name, test := range map[string]struct {
		options feedpub.Options
		kind    error
	}{
		"no URL":        {feedpub.Options{Dir: "posts"}, feed.ErrInvalid},
		"no posts":      {feedpub.Options{BaseURL: "https://a.example"}, feed.ErrInvalid},
		"two sources":   {feedpub.Options{BaseURL: "https://a.example", Dir: "a", Redis: "redis://b"}, feed.ErrInvalid},
		"wrong Redis":   {feedpub.Options{BaseURL: "https://a.example", Redis: "http://b"}, feed.ErrInvalid},
		"never rebuilt": {feedpub.Options{BaseURL: "https://a.example", Dir: "p", Schedule: "0 0 31 2 *"}, feed.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			if _, err := feedpub.Open(t.Context(), test.options); !errors.Is(err, test.kind) {
				t.Errorf("error is %v, want one of kind %v", err, test.kind)
			}
		})
	}
}

// TestDefaults checks that a program and an embedded site make the same documents by default: the fingerprint of the
// configuration is recorded in each head.
func TestDefaults(t *testing.T) {
	c := config.Default()
	c.Site.BaseURL = "https://feeds.example.org"
	want := publish.Fingerprint(c.FeedSite(), c.Catalog())
	site := run(t, feedpub.Options{BaseURL: string(c.Site.BaseURL), Dir: t.TempDir(), Data: t.TempDir()})
	head, err := site.Posts().Head(t.Context(), feed.Main)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, publish.Configuration(head)); diff != "" {
		t.Errorf("fingerprint of the configuration (-program +embedded):\n%s", diff)
	}
}
