package audience

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

const oneDay = 24 * time.Hour

// TestDays checks the daily figures of feeds, including across restarts.
func TestDays(t *testing.T) {
	now := noon
	path := filepath.Join(t.TempDir(), "main")
	open := func() *Audience {
		return Open(path, func() time.Time { return now }, salt, slog.New(slog.DiscardHandler))
	}
	a := open()
	served := []Served{{Feed: "main", Posts: 3, Bytes: 300, Pushed: 2}, {Feed: "tags/go", Posts: 1, Bytes: 100}}
	poll := func(times int) {
		for range times {
			a.Polled("main", nil, 304, address(1), "newsboat")
			a.Polled("main", nil, 200, address(2), "elfeed")
		}
	}
	sample := func() {
		t.Helper()
		a.sample(served)
		if err := a.save(); err != nil {
			t.Fatal(err)
		}
	}
	poll(5)
	sample()
	a = open()
	poll(1)
	sample()
	now = now.Add(2 * oneDay)
	poll(1)
	served[0].Posts, served[0].Bytes = 4, 400
	sample()
	a = open()
	poll(1) // after the last sample

	first := int(dayOf(noon))
	main := []feed.FeedDay{
		{Day: first, Polls: 12, NotModified: 6, Subscribers: 4, Posts: 3, Bytes: 300},
		{Day: first + 1, Subscribers: 4, Posts: 3, Bytes: 300},
		{Day: first + 2, Polls: 4, NotModified: 2, Subscribers: 4, Posts: 4, Bytes: 400},
	}
	// The subscriptions through the hub are known again after the first sample.
	a.sample(served)
	if diff := cmp.Diff(main, a.Days("main")); diff != "" {
		t.Errorf("days of a polled feed (-want +got):\n%s", diff)
	}
	tags := []feed.FeedDay{
		{Day: first, Posts: 1, Bytes: 100}, {Day: first + 1, Posts: 1, Bytes: 100}, {Day: first + 2, Posts: 1, Bytes: 100},
	}
	if diff := cmp.Diff(tags, a.Days("tags/go")); diff != "" {
		t.Errorf("days of a feed that is not polled (-want +got):\n%s", diff)
	}
	if got := a.Days("none"); got != nil {
		t.Errorf("an unknown feed has the days %v, want none", got)
	}
	if got := a.Readers(); len(got) != 1 {
		t.Errorf("readers are listed for %d feeds, want only for the one that was polled", len(got))
	}
}

// TestDaysCountFromTheFirstSample checks that requests counted by an earlier release, which kept no history, are not
// counted as the requests of a single day.
func TestDaysCountFromTheFirstSample(t *testing.T) {
	path := filepath.Join(t.TempDir(), "main")
	counted(t, path)
	a := Open(path, func() time.Time { return noon }, salt, slog.New(slog.DiscardHandler))
	a.sample([]Served{{Feed: "main", Posts: 1}})
	a.Polled("main", nil, 200, address(1), "newsboat")
	if days := a.Days("main"); len(days) != 1 || days[0].Polls != 1 {
		t.Errorf("the days are %+v, want one with 1 poll", days)
	}
}

// TestHistoryIsBounded checks the number of days, and their size in the file.
func TestHistoryIsBounded(t *testing.T) {
	now := noon
	path := filepath.Join(t.TempDir(), "main")
	a := Open(path, func() time.Time { return now }, salt, slog.New(slog.DiscardHandler))
	const feeds, limit = 20, 3 << 10
	var served []Served
	for f := range feeds {
		served = append(served, Served{Feed: feed.Name(fmt.Sprintf("tags/t%d", f)), Posts: 1, Bytes: 100})
	}
	for i := range 400 {
		for f := range served {
			served[f].Posts, served[f].Bytes = served[f].Posts+1, served[f].Bytes+1234+i
			for range i % 7 {
				a.Polled(served[f].Feed, nil, 304, address(i*f), "newsboat")
			}
		}
		a.sample(served)
		now = now.Add(oneDay)
	}
	days := a.Days("tags/t3")
	if len(days) != keepDays || days[keepDays-1].Day != int(dayOf(now)) {
		t.Errorf("%d days are kept, the last of which is %d; want %d, the last of which is %d",
			len(days), days[len(days)-1].Day, keepDays, dayOf(now))
	}
	if !slices.IsSortedFunc(days, func(a, b feed.FeedDay) int { return a.Day - b.Day }) {
		t.Errorf("the days are out of order: %v", days)
	}
	if n := len(a.history["tags/t3"].days); n > keepDays+1 {
		t.Errorf("%d days are in memory, want at most %d", n, keepDays+1)
	}
	if err := a.save(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() > feeds*limit {
		t.Errorf("the file has %d bytes, want at most %d for each feed; error %v", info.Size(), limit, err)
	}
	t.Logf("%d bytes in the file for each feed", info.Size()/feeds)
}

// TestRemovedFeedsAreForgotten checks that the history of a feed that is no longer served ends, and is dropped when its
// readers have gone.
func TestRemovedFeedsAreForgotten(t *testing.T) {
	now := noon
	a := New(func() time.Time { return now }, salt)
	a.sample([]Served{{Feed: "main", Posts: 2}, {Feed: "tags/go", Posts: 1}, {Feed: "tags/old", Posts: 1}})
	a.Polled("tags/go", nil, 200, address(1), "newsboat")
	a.sample(nil) // the documents are not loaded yet
	if got := len(a.history); got != 3 {
		t.Errorf("%d feeds have a history before the documents are loaded, want 3", got)
	}
	now = now.Add(oneDay)
	a.sample([]Served{{Feed: "main", Posts: 2}})
	if a.Days("tags/old") != nil {
		t.Error("a feed that was removed and is not polled has a history")
	}
	days := a.Days("tags/go")
	if len(days) != 2 || days[1].Posts != 0 || days[0].Polls != 1 {
		t.Errorf("a removed feed that is still polled has the days %+v", days)
	}
	now = now.Add(40 * oneDay)
	a.sample([]Served{{Feed: "main", Posts: 2}})
	if _, kept := a.history["tags/go"]; kept {
		t.Error("a removed feed that is no longer polled has a history")
	}
}

// TestRunSamples checks that Run records the figures soon after the start, and again when they change.
func TestRunSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := Open(filepath.Join(t.TempDir(), "main"), time.Now, salt, slog.New(slog.DiscardHandler))
		var posts atomic.Int64
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			done <- a.Run(ctx, func() []Served { return []Served{{Feed: "main", Posts: int(posts.Load())}} })
		}()
		for i, wait := range []time.Duration{firstSample, sampleEvery, sampleEvery} {
			posts.Store(int64(i + 1))
			time.Sleep(wait + feed.UnhurriedInterval)
			synctest.Wait()
			if days := a.Days("main"); len(days) != 1 || days[0].Posts != i+1 {
				t.Errorf("after %d samples, the days are %+v, want one with %d posts", i+1, days, i+1)
			}
		}
		stop()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
}

// TestClockSetBack checks that a wrong clock does not disturb the order of the days.
func TestClockSetBack(t *testing.T) {
	now := noon
	a := New(func() time.Time { return now }, salt)
	for _, d := range []time.Duration{0, oneDay, -10 * oneDay, 0} {
		now = noon.Add(d)
		a.Polled("main", nil, 200, address(1), "newsboat")
		a.sample([]Served{{Feed: "main", Posts: 1}})
	}
	now = noon.Add(2 * oneDay)
	var polls []int
	for _, d := range a.Days("main") {
		polls = append(polls, d.Polls)
	}
	if diff := cmp.Diff([]int{1, 3, 0}, polls); diff != "" {
		t.Errorf("polls by day (-want +got):\n%s", diff)
	}
}
