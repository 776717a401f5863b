//go:build !race && unix

// With the race detector, these tests are many times slower, and tests with a few sites find the same races. make test
// therefore runs them without the race detector.

package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"feedpub/feed"
)

// scalePatience bounds the time to build all sites, on a machine that runs other tests too.
const scalePatience = 5 * time.Minute

// TestTwoHundredSitesInOneProcess checks that many sites are built and served independently.
func TestTwoHundredSitesInOneProcess(t *testing.T) {
	const number = 200
	p := newPlatform(t, number, 5, 5)
	p.start()
	var ids []feed.SiteID
	for i := range number {
		ids = append(ids, siteID(i))
	}
	before := p.served(ids...)
	for id, body := range before {
		if n := strings.Count(body, "<item>"); n != 5 || strings.Count(body, " of "+string(id)+"<") != 5 ||
			!strings.Contains(body, "http://"+hostOf(id)+"/feed.xml") || !strings.Contains(body, "<language>de</language>") {
			t.Errorf("the feed of %s has %d items or contains content of a different site:\n%s", id, n, body)
		}
	}
	if status, body := p.get("unknown.example", "/feed.xml"); status != 421 {
		t.Errorf("an unknown host: %d %s, want 421", status, body)
	}
	if status, body := p.ask("GET", "/readyz", ""); status != 200 ||
		body != "documents: ok\nstore: ok\nbuilding: ok\ndisk: ok\nrollback: ok\nsites: ok\n" {
		t.Errorf("/readyz: %d %q", status, body)
	}

	// Changing a post changes only the feed of its site.
	changed := siteID(17)
	post := `{"id": "post-3", "title": "Rewritten", "content_text": "Other words.", ` +
		`"date_published": "2025-01-02T03:04:05Z"}`
	if status, body := p.ask("PUT", "/sites/"+string(changed)+"/posts/post-3", post); status != 200 {
		t.Fatalf("PUT: %d %s", status, body)
	}
	p.until("the change is served", func() bool {
		_, body := p.get(hostOf(changed), "/feed.xml")
		return strings.Contains(body, "Rewritten")
	})
	after := p.served(ids...)
	for _, id := range ids {
		if same := after[id] == before[id]; same == (id == changed) {
			t.Errorf("after the change of %[2]s, the feed of %[1]s is unchanged: %[3]v", id, changed, same)
		}
	}
	if status, _ := p.ask("POST", "/sites/"+string(changed)+"/rebuild", ""); status != 200 {
		t.Errorf("rebuild of %s: status %d, want 200", changed, status)
	}
}

// TestTwoHundredSitesAndTenThousandFeeds measures one process with 200 sites of 50 feeds each. The bounds are generous,
// because other tests run at the same time.
func TestTwoHundredSitesAndTenThousandFeeds(t *testing.T) {
	const number, tags = 200, 49
	p := newPlatform(t, number, 5, tags)
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began, cpu := time.Now(), processorTime(t)
	stop := p.start()
	ticker := time.NewTicker(500 * time.Millisecond) // do not request the list more often, because it is long
	defer ticker.Stop()
	feeds := 0
	for end := began.Add(scalePatience); feeds < number*(tags+1); <-ticker.C {
		var answer struct{ Sites []struct{ Feeds int } }
		_, body := p.ask("GET", "/sites", "")
		if err := json.Unmarshal([]byte(body), &answer); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		feeds = 0
		for _, s := range answer.Sites {
			feeds += min(s.Feeds, tags+1) // the pages are not counted
		}
		if time.Now().After(end) {
			t.Fatalf("after %[2]v, %[1]d feeds are served, want %[3]d; the log:\n%s", feeds, scalePatience, number*(tags+1),
				p.log.String())
		}
	}
	built, work := time.Since(began), processorTime(t)-cpu
	for i := range number {
		for _, path := range []string{"/feed.xml", fmt.Sprintf("/tags/tag-%d/feed.json", i%tags)} {
			if status, _ := p.get(hostOf(siteID(i)), path); status != 200 {
				t.Errorf("%s of %s: status %d, want 200", path, siteID(i), status)
			}
		}
	}
	var after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&after)
	heap := (after.HeapAlloc - before.HeapAlloc) >> 20
	t.Logf("%d sites with %d feeds: built and served after %v with %v of CPU time, %d MB of heap, %d goroutines",
		number, number*(tags+1), built.Round(time.Millisecond), work.Round(time.Millisecond), heap, runtime.NumGoroutine())
	if heap > 1200 {
		t.Errorf("%d MB of heap, want at most 1200", heap)
	}

	// After a restart, documents are served from disk at once.
	stop()
	began, cpu = time.Now(), processorTime(t)
	p.start()
	for i := range number {
		if status, _ := p.get(hostOf(siteID(i)), "/feed.xml"); status != 200 {
			t.Errorf("after a restart, the feed of %s: status %d, want 200 at once", siteID(i), status)
		}
	}
	t.Logf("after a restart, all sites are served after %v with %v of CPU time",
		time.Since(began).Round(time.Millisecond), (processorTime(t) - cpu).Round(time.Millisecond))
}

// processorTime returns the CPU time of this process.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
