//go:build !race && unix

// The race detector makes this many times slower, and finds nothing here that a few sites do not show: make test runs this
// file without.

package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// scalePatience is how long the sites may take to be built on a machine that has other things to do.
const scalePatience = 5 * time.Minute

// TestTwoHundredSitesAndTenThousandFeeds measures one process with 200 sites of 50 feeds each. The bounds are generous,
// because it runs beside other tests.
func TestTwoHundredSitesAndTenThousandFeeds(t *testing.T) {
	const number, tags = 200, 49
	p := newPlatform(t, number, 5, tags)
	var before runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began, cpu := time.Now(), processorTime(t)
	stop := p.start()
	ticker := time.NewTicker(500 * time.Millisecond) // the list is long
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
			feeds += min(s.Feeds, tags+1) // one has a list of feeds besides
		}
		if time.Now().After(end) {
			t.Fatalf("%d feeds are served after %v, want %d; the log:\n%s", feeds, scalePatience, number*(tags+1), p.log.String())
		}
	}
	built, work := time.Since(began), processorTime(t)-cpu
	for i := range number {
		for _, path := range []string{"/feed.xml", fmt.Sprintf("/tags/tag-%d/feed.json", i%tags)} {
			if status, _ := p.get(hostOf(siteID(i)), path); status != 200 {
				t.Errorf("%s of %s is answered with %d, want 200", path, siteID(i), status)
			}
		}
	}
	var after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&after)
	heap := (after.HeapAlloc - before.HeapAlloc) >> 20
	t.Logf("%d sites with %d feeds: all built and served after %v and %v of the processor, %d MB of heap, %d goroutines",
		number, number*(tags+1), built.Round(time.Millisecond), work.Round(time.Millisecond), heap, runtime.NumGoroutine())
	if heap > 1200 {
		t.Errorf("%d MB of heap, want at most 1200", heap)
	}

	// A start with what is on disk serves at once.
	stop()
	began, cpu = time.Now(), processorTime(t)
	p.start()
	for i := range number {
		if status, _ := p.get(hostOf(siteID(i)), "/feed.xml"); status != 200 {
			t.Errorf("after a restart the feed of %s is answered with %d, want 200 at once", siteID(i), status)
		}
	}
	t.Logf("after a restart all sites have answered after %v, which took %v of the processor",
		time.Since(began).Round(time.Millisecond), (processorTime(t) - cpu).Round(time.Millisecond))
}

// processorTime returns how long processors have worked for this process.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
