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

// waiting starts the three waits of each of n sites and returns where their ends come; each counts as news or an error.
func waiting(ctx context.Context, c *store.Client, n int) <-chan string {
	ends := make(chan string, 3*n)
	for i := range n {
		s := c.Site(feed.SiteID(fmt.Sprint("site-", i)))
		for name, wait := range map[string]func() (bool, error){
			"inbox":    func() (bool, error) { return s.AwaitInbox(ctx, "", time.Minute) },
			"requests": func() (bool, error) { r, err := s.Requests(ctx, "0-0", time.Minute); return len(r) > 0, err },
			"changes":  func() (bool, error) { a, err := s.Changes(ctx, "0-0", time.Minute); return len(a) > 0, err },
		} {
			go func() {
				news, err := wait()
				switch {
				case errors.Is(err, context.Canceled):
					err = context.Canceled
				case errors.Is(err, feed.ErrUnavailable):
					err = feed.ErrUnavailable
				}
				ends <- fmt.Sprintf("%d %s: %v, %v", i, name, news, err)
			}()
		}
	}
	return ends
}

// connections returns how many connections of a name the server has.
func connections(t *testing.T, url, name string) int {
	t.Helper()
	out, err := exec.Command("redis-cli", "-u", url, "CLIENT", "LIST").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(out), " name="+name+" ")
}

func TestHundredsOfSitesShareFewConnections(t *testing.T) {
	url := storetest.Redis(t)
	c := open(t, store.Options{URL: url, Name: "waiting"})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ends := waiting(ctx, c, 200)
	want := func(s string) {
		t.Helper()
		if got := <-ends; got != s {
			t.Errorf("a wait ended with %q, want %q", got, s)
		}
	}
	// Written by another process, so that only the server can tell.
	other := open(t, store.Options{URL: url}).Site("site-17")
	if err := other.Put(ctx, feed.RawPost{ID: "a", Raw: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	want("17 inbox: true, <nil>")
	request := document(1, time.UnixMilli(1), "body")
	if _, _, err := other.Commit(ctx, request); err != nil {
		t.Fatal(err)
	}
	want("17 changes: true, <nil>")

	// While they wait, what is to be done for each site every second goes with them, also when the server doesn't know
	// the scripts.
	var wg sync.WaitGroup
	for i := range 200 {
		s := c.Site(feed.SiteID(fmt.Sprint("site-", i)))
		wg.Go(func() {
			_, err := s.Acquire(ctx, "build", "me", time.Minute, time.UnixMilli(1), 0)
			if err == nil {
				err = s.Renew(ctx, "build", "me", time.Minute)
			}
			if err == nil {
				var v int64
				if v, err = s.Version(ctx); err == nil && (v > 0) != (i == 17) {
					err = fmt.Errorf("version %d", v)
				}
			}
			if err == nil && s.Renew(ctx, "build", "another", time.Minute) == nil {
				err = errors.New("another renewed the lease")
			}
			if err != nil {
				t.Errorf("site %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	if n := connections(t, url, "waiting"); n > 48+16+16 {
		t.Errorf("598 waits hold %d connections", n)
	}
	cancel()
	for range 598 {
		if end := <-ends; !strings.HasSuffix(end, ": false, context canceled") {
			t.Errorf("when its context ended, a wait ended with %q", end)
		}
	}
}

func TestManyWaitsLearnThatTheServerIsDown(t *testing.T) {
	for name, how := range map[string]func(*storetest.Server){
		"killed": (*storetest.Server).Kill, "hanging": (*storetest.Server).Pause,
	} {
		t.Run(name, func(t *testing.T) {
			r := storetest.StartRedis(t)
			c := open(t, store.Options{URL: r.URL(), ServeTimeout: 200 * time.Millisecond})
			ends := waiting(t.Context(), c, 50)
			how(r)
			for range 150 {
				if end := <-ends; !strings.HasSuffix(end, ": false, "+feed.ErrUnavailable.Error()) {
					t.Errorf("a wait ended with %q, want an error of kind %q", end, feed.ErrUnavailable)
				}
			}
		})
	}
}

func TestClosingEndsWaits(t *testing.T) {
	c, err := store.Open(store.Options{URL: storetest.Redis(t)})
	if err != nil {
		t.Fatal(err)
	}
	ends := waiting(t.Context(), c, 50)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	for range 150 {
		if end := <-ends; strings.HasSuffix(end, "<nil>") {
			t.Errorf("a wait on a closed client ended with %q, want an error", end)
		}
	}
}
