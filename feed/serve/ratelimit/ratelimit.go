// Package ratelimit limits how often a network may fetch a whole feed. It does not decide which requests count: package
// serve calls it for clients that could have sent a conditional request.
package ratelimit

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"feedpub/feed"
)

const (
	// capacity is the maximum number of (network, feed) pairs in the table, for all sites together. They use a few MiB.
	capacity = 1 << 16
	// shards reduce lock contention.
	shards = 16
	// maxScanned is the maximum number of entries examined to make room for a new one. It keeps the cost of a fetch
	// constant when the table is full.
	maxScanned = 16
)

// Limiter limits fetches per network (/24 for IPv4, /64 for IPv6), site and feed. It is safe for concurrent use.
type Limiter struct {
	burst  int
	per    time.Duration
	now    func() time.Time
	seed   maphash.Seed
	shards [shards]shard
}

type shard struct {
	mu sync.Mutex
	// due holds the theoretical arrival times of the generic cell rate algorithm. Each fetch advances one of them by
	// per/burst. The algorithm needs one time per entry, whereas a sliding window would need a list.
	due map[key]time.Time
}

type key struct {
	network netip.Prefix
	site    feed.SiteID
	feed    feed.Name
}

// New returns a limiter that allows each network, for each feed, an average of burst fetches in a period of length per,
// and up to burst fetches without a pause. Both must be positive.
func New(burst int, per time.Duration, now func() time.Time) *Limiter {
	l := &Limiter{burst: burst, per: per, now: now, seed: maphash.MakeSeed()}
	for i := range l.shards {
		l.shards[i].due = make(map[key]time.Time)
	}
	return l
}

// Site limits the fetches of one site's feeds.
type Site struct {
	limiter *Limiter
	id      feed.SiteID
}

// Site returns the limiter of a site's feeds. Sites share the memory of l, but have separate limits.
func (l *Limiter) Site(id feed.SiteID) *Site { return &Site{l, id} }

// Wait counts a fetch and returns 0 if it is within the limit. Otherwise it returns the time that the client must wait.
// A client without an address is not limited.
func (s *Site) Wait(client netip.Addr, name feed.Name) time.Duration {
	return s.limiter.wait(client, s.id, name)
}

func (l *Limiter) wait(client netip.Addr, site feed.SiteID, name feed.Name) time.Duration {
	bits := 64
	if client.Is4() {
		bits = 24
	}
	network, err := client.Prefix(bits)
	if err != nil {
		return 0 // no address
	}
	k := key{network, site, name}
	s := &l.shards[maphash.Comparable(l.seed, k)%shards]
	now := l.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	due := s.due[k]
	if due.Before(now) {
		due = now
	}
	due = due.Add(l.per / time.Duration(l.burst))
	if wait := due.Sub(now) - l.per; wait > 0 {
		return wait
	}
	if _, ok := s.due[k]; !ok && len(s.due) >= capacity/shards {
		s.evict(now)
	}
	s.due[k] = due
	return 0
}

// evict scans a few entries and removes the expired ones, or the last one scanned if none has expired. A client that
// uses very many networks therefore escapes the limit.
func (s *shard) evict(now time.Time) {
	full, scanned := len(s.due), 0
	for k, due := range s.due { // in random order
		if scanned++; scanned == maxScanned && len(s.due) == full || !due.After(now) {
			delete(s.due, k)
		}
		if scanned == maxScanned {
			return
		}
	}
}
