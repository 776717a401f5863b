package ratelimit

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"feedpub/feed"
)

var noon = time.Date(2024, 5, 17, 12, 0, 0, 0, time.UTC)

func TestWait(t *testing.T) {
	now := noon
	l := New(3, 30*time.Minute, func() time.Time { return now })
	for i, step := range []struct {
		after  time.Duration
		client string
		feed   feed.Name
		want   time.Duration
	}{
		{0, "192.0.2.1", "main", 0},
		{0, "192.0.2.2", "main", 0}, // same network
		{0, "192.0.2.3", "main", 0},
		{0, "192.0.2.1", "main", 10 * time.Minute},
		{0, "192.0.2.1", "tags/go", 0},
		{0, "192.0.3.1", "main", 0},
		{4 * time.Minute, "192.0.2.9", "main", 6 * time.Minute}, // the limited fetch did not count
		{6 * time.Minute, "192.0.2.1", "main", 0},
		{0, "192.0.2.1", "main", 10 * time.Minute},
		{time.Hour, "192.0.2.1", "main", 0},
		{0, "192.0.2.1", "main", 0},
		{0, "192.0.2.1", "main", 0},
		{0, "192.0.2.1", "main", 10 * time.Minute},
		{0, "2001:db8:1:2::1", "main", 0},
		{0, "2001:db8:1:2:3::1", "main", 0}, // same network
		{0, "2001:db8:1:2::1", "main", 0},
		{0, "2001:db8:1:2::1", "main", 10 * time.Minute},
		{0, "2001:db8:1:3::1", "main", 0},
	} {
		now = now.Add(step.after)
		if got := l.Site("main").Wait(netip.MustParseAddr(step.client), step.feed); got != step.want {
			t.Errorf("fetch %d: Wait(%s, %s) = %v, want %v", i, step.client, step.feed, got, step.want)
		}
	}
	if got := l.Site("main").Wait(netip.Addr{}, "main"); got != 0 {
		t.Errorf("Wait of a client without an address = %v, want 0", got)
	}
}

func TestCapacity(t *testing.T) {
	l := New(1, time.Hour, func() time.Time { return noon })
	for i := range 2 * capacity {
		client := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		l.Site("main").Wait(client, feed.Name(fmt.Sprint("tags/", i)))
	}
	sum := 0
	for i := range l.shards {
		sum += len(l.shards[i].due)
	}
	if sum > capacity || sum < capacity/2 {
		t.Errorf("the table has %d entries after %d fetches, want %d to %d", sum, 2*capacity, capacity/2, capacity)
	}
}

func TestEvictPrefersExpiredEntries(t *testing.T) {
	now := noon
	l := New(1, time.Hour, func() time.Time { return now })
	for i := range 2 * capacity {
		l.Site("main").Wait(netip.AddrFrom4([4]byte{192, 0, 2, 1}), feed.Name(fmt.Sprint("tags/", i)))
	}
	now = now.Add(2 * time.Hour)
	client := netip.MustParseAddr("198.51.100.1")
	for i := range shards * 40 {
		l.Site("main").Wait(client, feed.Name(fmt.Sprint("tags/", i)))
	}
	for i := range shards * 40 {
		if l.Site("main").Wait(client, feed.Name(fmt.Sprint("tags/", i))) == 0 {
			t.Fatalf("the entry of tags/%d was evicted although others had expired", i)
		}
	}
}

// TestSitesHaveSeparateLimits checks that an aggregator may fetch the same feed of many sites.
func TestSitesHaveSeparateLimits(t *testing.T) {
	l := New(1, time.Hour, func() time.Time { return noon })
	client := netip.MustParseAddr("192.0.2.1")
	for _, id := range []feed.SiteID{"a", "b"} {
		if got := l.Site(id).Wait(client, feed.Main); got != 0 {
			t.Errorf("first fetch of the main feed of %s: wait %v, want 0", id, got)
		}
		if got := l.Site(id).Wait(client, feed.Main); got <= 0 {
			t.Errorf("second fetch of the main feed of %s: wait %v, want more than 0", id, got)
		}
	}
}
