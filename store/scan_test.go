package store_test

import (
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/store"
	"feedpub/store/storetest"
)

// TestConcurrentScansShareAPass counts the SCAN commands of concurrent scans. With a separate scan for each site, every
// scan would read all keys of the server.
func TestConcurrentScansShareAPass(t *testing.T) {
	const sites, posts = 40, 200
	r := storetest.StartRedis(t)
	c := open(t, store.Options{URL: r.URL()})
	want := map[string]bool{}
	for i := range sites {
		s := c.Site(feed.SiteID(fmt.Sprint("site-", i)))
		batch := make([]feed.RawPost, posts)
		for j := range batch {
			batch[j] = feed.RawPost{ID: fmt.Sprintf("post %d }:item:{ of %d", j, i), Raw: []byte("{}")}
			want[fmt.Sprintf("%d %s", i, batch[j].ID)] = true
		}
		if err := s.Put(t.Context(), batch...); err != nil {
			t.Fatal(err)
		}
	}
	r.Do("CONFIG RESETSTAT")
	var mu sync.Mutex
	got := map[string]bool{}
	var wg sync.WaitGroup
	for i := range sites {
		s := c.Site(feed.SiteID(fmt.Sprint("site-", i)))
		wg.Go(func() {
			for ids, err := range s.IDs(t.Context()) {
				if err != nil {
					t.Errorf("site %d: %v", i, err)
				}
				mu.Lock()
				for _, id := range ids.Posts {
					got[fmt.Sprintf("%d %s", i, id)] = true
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("posts of concurrent scans (-want +got):\n%s", diff)
	}
	out, err := exec.Command("redis-cli", "-u", r.URL(), "INFO", "commandstats").Output()
	if err != nil {
		t.Fatal(err)
	}
	_, stats, _ := strings.Cut(string(out), "cmdstat_scan:calls=")
	calls, _, _ := strings.Cut(stats, ",")
	alone := sites * (sites*posts/1000 + 1)
	if n, err := strconv.Atoi(calls); err != nil || n > alone/4 {
		t.Errorf("%d scans took %s SCAN commands (error %v); want at most a quarter of the %d that separate scans take",
			sites, calls, err, alone)
	}
}

// TestScanOfRestartedServer checks that a restart ends a scan with an error. The new process accepts the old one's
// cursor but skips keys, so posts would count as missing.
func TestScanOfRestartedServer(t *testing.T) {
	r := storetest.StartRedis(t, "--appendonly", "yes")
	s := open(t, store.Options{URL: r.URL()}).Site(site)
	var posts []feed.RawPost
	for i := range 3000 {
		posts = append(posts, feed.RawPost{ID: fmt.Sprint(i), Raw: []byte("{}")})
	}
	if err := s.Put(t.Context(), posts...); err != nil {
		t.Fatal(err)
	}
	restarted, ids := false, 0
	var last error
	for batch, err := range s.PostIDs(t.Context()) {
		if last = err; err != nil {
			break
		}
		if ids += len(batch); !restarted {
			restarted = true
			r.Kill()
			r.Restart()
		}
	}
	if !errors.Is(last, feed.ErrUnavailable) {
		t.Errorf("scan of a restarted server: %d of %d ids, error %v; want one of kind %q",
			ids, len(posts), last, feed.ErrUnavailable)
	}
}
