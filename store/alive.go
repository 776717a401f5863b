package store

import (
	"context"
	"sync"
	"time"
)

// SetAlive records for all sites of the store that a process is alive. The record expires after ttl. SetAlive reports
// whether the process was already recorded. If it was not, the process is new, its record has expired, or the store has
// lost data.
func (s *Site) SetAlive(ctx context.Context, process string, ttl time.Duration) (before bool, err error) {
	key := aliveKey(process)
	// Unlike SET, PEXPIRE also works while the server has no memory left.
	if before, err = s.client.beat.PExpire(ctx, key, ttl).Result(); err == nil && !before {
		err = s.client.beat.Set(ctx, key, "1", ttl).Err()
	}
	return before, s.client.wrap("set alive", err)
}

// ClearAlive removes the record that a process is alive.
func (s *Site) ClearAlive(ctx context.Context, process string) error {
	return s.client.wrap("clear alive", s.client.beat.Del(ctx, aliveKey(process)).Err())
}

const (
	// aliveAge is the maximum age of the records of processes in the cache. Takeovers are delayed by up to this time.
	aliveAge = 200 * time.Millisecond
	// leaseAge is the maximum age of a lease in the cache of a site.
	leaseAge = 5 * time.Second
	// maxAlive is the maximum number of processes in the cache.
	maxAlive = 64
)

// aliveCache contains the records of the processes that hold leases. Processes that wait for the leases of many sites
// would otherwise read the record of the same process for each of them.
type aliveCache struct {
	mu   sync.Mutex
	seen map[string]aliveRecord
}

type aliveRecord struct {
	until time.Time // when the record expires
	err   error     // the error of the last read
	read  time.Time
}

// alive returns the time until the record of a process expires, or 0 if there is none. A cached record may have been
// renewed since it was read, but has not expired.
func (c *Client) alive(ctx context.Context, process string) (time.Duration, error) {
	a := &c.processes
	a.mu.Lock() // held while reading, so that concurrent callers share the reply
	defer a.mu.Unlock()
	r, ok := a.seen[process]
	if !ok || time.Since(r.read) > aliveAge || r.err == nil && time.Now().After(r.until) {
		ttl, err := c.build.PTTL(ctx, aliveKey(process)).Result()
		if ctx.Err() != nil {
			return 0, ctx.Err() // not an error of the store, so it is not cached
		}
		now := time.Now()
		r = aliveRecord{until: now.Add(ttl), err: err, read: now} // ttl is negative if there is no record
		if len(a.seen) >= maxAlive || a.seen == nil {
			a.seen = make(map[string]aliveRecord)
		}
		a.seen[process] = r
	}
	return max(time.Until(r.until), 0), r.err
}

// leaseCache contains a lease of a site that is bound to a process. Such a lease is usually held for as long as the
// process is alive.
type leaseCache struct {
	mu    sync.Mutex
	job   string
	owner string
	until time.Time // when the lease expires
	read  time.Time
}

// get returns the cached lease of a job, or "" if there is none.
func (l *leaseCache) get(job string) (owner string, left time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.job != job || time.Since(l.read) > leaseAge {
		return "", 0
	}
	if left = time.Until(l.until); left <= 0 {
		return "", 0
	}
	return l.owner, left
}

func (l *leaseCache) set(job, owner string, left time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.job, l.owner, l.read = job, owner, time.Now()
	l.until = l.read.Add(left)
}

func (l *leaseCache) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.job = ""
}
