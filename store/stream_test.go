package store_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/store"
	"feedpub/store/storetest"
)

// startWaits starts a wait for each stream of n sites: inbox, requests and changes. Each sends its result to the
// returned channel as "SITE STREAM: FOUND, ERROR". The waits last longer than any test.
func startWaits(ctx context.Context, c *store.Client, n int) <-chan string {
	const block = 24 * time.Hour
	results := make(chan string, 3*n)
	for i := range n {
		s := c.Site(feed.SiteID(fmt.Sprint("site-", i)))
		for name, wait := range map[string]func() (bool, error){
			"inbox":    func() (bool, error) { return s.AwaitInbox(ctx, "", block) },
			"requests": func() (bool, error) { r, err := s.Requests(ctx, "0-0", block); return len(r) > 0, err },
			"changes":  func() (bool, error) { a, err := s.Changes(ctx, "0-0", block); return len(a) > 0, err },
		} {
			go func() {
				found, err := wait()
				for _, kind := range []error{context.Canceled, feed.ErrUnavailable} {
					if errors.Is(err, kind) {
						err = kind
					}
				}
				results <- fmt.Sprintf("%d %s: %v, %v", i, name, found, err)
			}()
		}
	}
	return results
}

// connections returns the number of connections to the server that have the given name.
func connections(t *testing.T, url, name string) int {
	t.Helper()
	out, err := exec.Command("redis-cli", "-u", url, "CLIENT", "LIST").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(out), " name="+name+" ")
}

func TestManySitesShareConnections(t *testing.T) {
	const sites = 200
	url := storetest.Redis(t)
	c := open(t, store.Options{URL: url, Name: "waiting"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	results := startWaits(ctx, c, sites)
	want := func(s string) {
		t.Helper()
		if got := <-results; got != s {
			t.Errorf("a wait ended with %q, want %q", got, s)
		}
	}
	// Write with a different client, so that c can detect the change only through the server.
	other := open(t, store.Options{URL: url}).Site("site-17")
	if err := other.Put(ctx, feed.RawPost{ID: "a", Raw: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	want("17 inbox: true, <nil>")
	if _, _, err := other.Commit(ctx, document(1, time.UnixMilli(1), "body")); err != nil {
		t.Fatal(err)
	}
	want("17 changes: true, <nil>")

	// Commands that run every second for each site are sent with the rounds. They work even if the server does not have
	// the scripts.
	var wg sync.WaitGroup
	for i := range sites {
		s := c.Site(feed.SiteID(fmt.Sprint("site-", i)))
		wg.Go(func() {
			if err := useLease(ctx, s); err != nil {
				t.Errorf("site %d: %v", i, err)
			}
			if v, err := s.Version(ctx); err != nil || (v > 0) != (i == 17) {
				t.Errorf("Version of site %d = %d, %v; want a commit for site 17 only", i, v, err)
			}
			if err := findDirty(ctx, s); err != nil {
				t.Errorf("site %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	const waits = 3*sites - 2
	if n := connections(t, url, "waiting"); n > 48+32+16+16 {
		t.Errorf("%d waits use %d connections, want at most 48 for blocking reads, 32 for shared reads and 16 for each of "+
			"two pools", waits, n)
	}
	cancel()
	for range waits {
		if got := <-results; !strings.HasSuffix(got, ": false, context canceled") {
			t.Errorf("after its context was canceled, a wait ended with %q", got)
		}
	}
}

// useLease acquires and renews the lease of a site, and checks that another owner cannot renew it.
func useLease(ctx context.Context, s *store.Site) error {
	if _, err := s.Acquire(ctx, "build", "me", time.Hour, time.UnixMilli(1), 0); err != nil {
		return err
	}
	if err := s.Renew(ctx, "build", "me", time.Hour); err != nil {
		return err
	}
	if err := s.Renew(ctx, "build", "another", time.Minute); !errors.Is(err, feed.ErrLocked) {
		return fmt.Errorf("Renew by another owner: %w; want an error of kind %w", err, feed.ErrLocked)
	}
	return nil
}

// findDirty checks that a site has work once a feed is dirty. It may have work before, since the store answers
// for many sites at once.
func findDirty(ctx context.Context, s *store.Site) error {
	if _, err := s.HasWork(feed.Unhurried(ctx)); err != nil {
		return err
	}
	if err := s.MarkDirty(ctx, feed.Main); err != nil {
		return err
	}
	if has, err := s.HasWork(feed.Unhurried(ctx)); err != nil || !has {
		return fmt.Errorf("HasWork with a dirty feed is %v, %w; want true", has, err)
	}
	return nil
}

func TestPollingWaitsEndWhenServerIsDown(t *testing.T) {
	for name, state := range map[string]func(*storetest.Server){
		"killed": (*storetest.Server).Kill, "hanging": (*storetest.Server).Pause,
	} {
		t.Run(name, func(t *testing.T) {
			r := storetest.StartRedis(t)
			c := open(t, store.Options{URL: r.URL(), ServeTimeout: 200 * time.Millisecond})
			results := startWaits(t.Context(), c, 50)
			state(r)
			for range 150 {
				if got := <-results; !strings.HasSuffix(got, ": false, "+feed.ErrUnavailable.Error()) {
					t.Errorf("a wait ended with %q, want an error of kind %q", got, feed.ErrUnavailable)
				}
			}
		})
	}
}

func TestCloseEndsWaits(t *testing.T) {
	c, err := store.Open(store.Options{URL: storetest.Redis(t)})
	if err != nil {
		t.Fatal(err)
	}
	results := startWaits(t.Context(), c, 50)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	for range 150 {
		if got := <-results; strings.HasSuffix(got, "<nil>") {
			t.Errorf("after Close a wait ended with %q, want an error", got)
		}
	}
}
