// Package manners limits how often a network fetches a feed whole. It knows neither HTTP nor what a feed is; package serve
// asks it only about clients that could have asked for less.
package manners

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"feedpub/feed"
)

// capacity is how many pairs of network and feed are remembered, of all sites: a few MiB.
const capacity = 1 << 16

// shards keep requests on several cores from waiting for each other.
const shards = 16

// Limiter counts fetches by network, /24 for IPv4 and /64 for IPv6, site and feed. It is safe for concurrent use.
type Limiter struct {
	number int
	per    time.Duration
	now    func() time.Time
	seed   maphash.Seed
	shards [shards]shard
}

type shard struct {
	mu sync.Mutex
	// due is when each pair will have made up for its fetches, of which each takes per/number: the generic cell rate
	// algorithm, which needs one time where a count needs a window.
	due map[pair]time.Time
}

type pair struct {
	network netip.Prefix
	site    feed.SiteID
	feed    feed.Name
}

// New returns a limiter that lets each network fetch each feed number times at once, and that often in each per in the
// long run. Both are positive.
func New(number int, per time.Duration, now func() time.Time) *Limiter {
	l := &Limiter{number: number, per: per, now: now, seed: maphash.MakeSeed()}
	for i := range l.shards {
		l.shards[i].due = make(map[pair]time.Time)
	}
	return l
}

// Site is the limiter of one site's feeds. Those of several sites share its memory, and count for themselves.
type Site struct {
	limiter *Limiter
	id      feed.SiteID
}

// Site returns the limiter of a site's feeds.
func (l *Limiter) Site(id feed.SiteID) *Site { return &Site{l, id} }

// Wait counts a fetch and returns 0, or, if it is one too many, how long the client is to wait.
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
		return 0 // no address to go by
	}
	p := pair{network, site, name}
	s := &l.shards[maphash.Comparable(l.seed, p)%shards]
	now := l.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	due := s.due[p]
	if due.Before(now) {
		due = now
	}
	due = due.Add(l.per / time.Duration(l.number))
	if wait := due.Sub(now) - l.per; wait > 0 {
		return wait
	}
	if _, known := s.due[p]; !known && len(s.due) >= capacity/shards {
		s.makeRoom(now)
	}
	s.due[p] = due
	return 0
}

// looks is how many pairs are looked at to make room for one, so that a full table costs no more than an empty one.
const looks = 16

// makeRoom forgets pairs that have made up for their fetches, of a few that are looked at, or else any: whoever comes
// from very many networks is not to be stopped this way.
func (s *shard) makeRoom(now time.Time) {
	full, looked := len(s.due), 0
	for p, due := range s.due { // from another place each time
		if looked++; looked == looks && len(s.due) == full || !due.After(now) {
			delete(s.due, p)
		}
		if looked == looks {
			return
		}
	}
}
