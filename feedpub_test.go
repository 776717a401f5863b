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
	"sync"
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
	site, _ := start(t, o)
	return site
}

// start is like run. It also returns a function that ends the site before the test ends.
func start(t *testing.T, o feedpub.Options) (*feedpub.Site, func()) {
	t.Helper()
	site, err := feedpub.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- site.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-done, site.Close()); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	wait, end := context.WithTimeout(t.Context(), 30*time.Second)
	defer end()
	if err := site.Ready(wait); err != nil {
		t.Fatal(err)
	}
	return site, stop
}

// await waits until condition returns "". Until then, it returns the reason why the condition does not hold.
func await(t *testing.T, condition func() string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		reason := condition()
		if reason == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(reason)
		}
	}
}

// shows returns a condition for await: a site's feed contains a text.
func shows(site *feedpub.Site, text string) func() string {
	return func() string {
		w := httptest.NewRecorder()
		site.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/feed.json", nil))
		if w.Code == http.StatusOK && strings.Contains(w.Body.String(), text) {
			return ""
		}
		return fmt.Sprintf("the feed does not contain %s: %d\n%s", text, w.Code, w.Body)
	}
}

// TestRedis publishes posts in Redis, one of which is written while the site is running.
func TestRedis(t *testing.T) {
	site := run(t, feedpub.Options{BaseURL: "https://feeds.example.org", Redis: storetest.Redis(t), Data: t.TempDir()})
	post := feed.RawPost{ID: "hello", Raw: []byte(`{"id": "hello", "title": "Hello", "content_text": "Words."}`)}
	if err := site.Posts().Put(t.Context(), post); err != nil {
		t.Fatal(err)
	}
	if _, err := site.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	await(t, shows(site, `"title": "Hello"`))
}

// TestOlderCopy replaces the data in Redis with an older copy while the site is closed, and checks that the site
// reports this and publishes nothing from the copy until somebody accepts it.
func TestOlderCopy(t *testing.T) {
	t.Parallel()
	redis := storetest.StartRedis(t, "--appendonly", "yes", "--appendfsync", "always")
	o := feedpub.Options{BaseURL: "https://feeds.example.org", Redis: redis.URL(), Data: t.TempDir()}
	publish := func(text string) {
		t.Helper()
		site, stop := start(t, o)
		defer stop()
		raw := fmt.Sprintf(`{"id": "hello", "content_text": %q, "date_published": "2024-05-17T12:00:00Z"}`, text)
		if err := site.Posts().Put(t.Context(), feed.RawPost{ID: "hello", Raw: []byte(raw)}); err != nil {
			t.Fatal(err)
		}
		await(t, shows(site, text))
	}
	publish("Old words.")
	redis.Stop()
	copied := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(copied, os.DirFS(redis.Dir())); err != nil {
		t.Fatal(err)
	}
	redis.Restart()
	publish("New words.")
	redis.Stop()
	if err := os.RemoveAll(redis.Dir()); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(redis.Dir(), os.DirFS(copied)); err != nil {
		t.Fatal(err)
	}
	redis.Restart()

	site := run(t, o)
	await(t, func() string {
		problem, listed, err := site.Posts().Problem(t.Context(), feed.KindRollback, feed.RollbackID)
		if err != nil || !listed {
			return fmt.Sprintf("the older copy is not reported: %+v, %v", problem, err)
		}
		return ""
	})
	report, err := site.Rebuild(t.Context())
	if err != nil || len(report.Feeds) == 0 {
		t.Fatalf("Rebuild: %+v, %v", report, err)
	}
	for _, f := range report.Feeds {
		if f.Outcome != feed.Held {
			t.Errorf("feed %s was %s, want held", f.Feed, f.Outcome)
		}
	}
	if reason := shows(site, "New words.")(); reason != "" {
		t.Error(reason)
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

// TestDefaults checks that the command feedpub and an embedded site have the same default configuration, by comparing
// the fingerprints recorded in the heads of their documents.
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
