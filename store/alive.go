package store

import (
	"context"
	"sync"
	"time"
)

// SetAlive records that a process is alive, until ttl has passed, for all sites of the store. It reports whether the
// process was recorded before. If it was not, the process is new, its record has expired, or the store has lost data.
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
	// aliveAge is the maximum age of the records of processes in the cache. It delays a takeover.
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

// alive returns the time for which a process is recorded as alive, or 0 if it is not. The record may have been renewed
// within the last aliveAge, but has not expired in the meantime.
func (c *Client) alive(ctx context.Context, process string) (time.Duration, error) {
	a := &c.processes
	a.mu.Lock() // also while reading, so that concurrent callers share the reply
	defer a.mu.Unlock()
	r, ok := a.seen[process]
	if !ok || time.Since(r.read) > aliveAge || r.err == nil && time.Now().After(r.until) {
		ttl, err := c.build.PTTL(ctx, aliveKey(process)).Result()
		if ctx.Err() != nil {
			return 0, ctx.Err() // says nothing about the store
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

// leaseCache contains a lease of a site that is bound to a process. Whether it is held depends mostly on the process.
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

// clear empties the cache.
func (l *leaseCache) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.job = ""
}
