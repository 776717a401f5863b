//go:build !race && unix

// With the race detector, this test is many times slower, and tests with a few sites find the same races. make test
// therefore runs it without the race detector.

package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// scalePatience bounds the time to build all sites, on a machine that runs other tests too.
const scalePatience = 5 * time.Minute

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
