package store

import (
	"sync"
	"time"

	"feedpub/feed"
)

// replicaGrace is how long no write is confirmed after the number of connected replicas fell. A master that was
// replaced, and restarts before all Sentinels know its successor, accepts writes until they make it a replica, which
// takes about ten seconds. Replicas that have not been redirected yet may connect to it, but its successor does not.
const replicaGrace = 20 * time.Second

// replicaCounts remembers the number of connected replicas of each site's server. It is safe for concurrent use.
type replicaCounts struct {
	mu    sync.Mutex
	sites map[feed.SiteID]replicaCount
}

// replicaCount is a number of replicas and the time at which that many were last connected.
type replicaCount struct {
	n  int
	at time.Time
}

// required returns the number of replicas that must confirm a write: all that are connected, and as many as were
// connected within replicaGrace.
func (c *replicaCounts) required(site feed.SiteID, connected int, now time.Time) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.sites[site]
	if connected < before.n && now.Sub(before.at) < replicaGrace {
		return before.n
	}
	if c.sites == nil {
		c.sites = map[feed.SiteID]replicaCount{}
	}
	c.sites[site] = replicaCount{connected, now}
	return connected
}
