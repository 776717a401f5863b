package hosting

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/coding"
	"feedpub/feed/fleet"
	"feedpub/feed/render"
)

// shared contains what all publishers of a process share: creating it separately for each of hundreds of sites would
// take seconds and too much memory. It is safe for concurrent use.
type shared struct {
	renderer *render.Renderer // its cache, whose size is bounded, is shared by all sites
	joiner   *coding.Joiner   // its cache is shared in the same way
	rebuilds *semaphore.Weighted
	pace     *fleet.Pace

	mu      sync.Mutex
	readers map[string]*attribution.Reader // readers by configuration
}

// newShared returns what the publishers of a process share. The caches are smaller if the posts are in a folder: the
// process then also holds the store, and a change affects only a few feeds.
func newShared(versions feed.Versions, folder bool) *shared {
	fragments, sections := render.DefaultCacheBytes, coding.DefaultJoinerBytes
	if folder {
		fragments, sections = fragments/4, sections/4
	}
	return &shared{
		renderer: render.New(render.UpTo(versions.Newest), render.CacheBytes(fragments)),
		joiner:   coding.NewJoiner(sections),
		// Allow more than one rebuild at a time, so that a large site does not delay all others, but only a few, since
		// each rebuild uses several goroutines and keeps the items of its site in memory.
		rebuilds: semaphore.NewWeighted(int64(max(2, runtime.GOMAXPROCS(0)))),
		pace:     new(fleet.Pace),
		readers:  make(map[string]*attribution.Reader),
	}
}

// reader returns the attribution reader for a configuration. Equal configurations share a reader.
func (s *shared) reader(c config.Attribution) (*attribution.Reader, error) {
	key, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("attribution: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.readers[string(key)]; r != nil {
		return r, nil
	}
	r, err := NewReader(c)
	if err != nil {
		return nil, err
	}
	s.readers[string(key)] = r
	return r, nil
}

// waitTurn blocks until the caller may rebuild a site. The caller must call done after the rebuild.
func (s *shared) waitTurn(ctx context.Context) (done func(), err error) {
	if err := s.rebuilds.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("wait for a turn to rebuild: %w", err)
	}
	return func() { s.rebuilds.Release(1) }, nil
}

// ageInterval is the time after which cached values that were not used are dropped. Sites that do not change need no
// cached values, and a process may have thousands of such sites.
const ageInterval = 2 * time.Minute

// ageCaches drops the cached values that are not used, until ctx is done.
func (s *Server) ageCaches(ctx context.Context) {
	ticker := time.NewTicker(ageInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.shared.renderer.AgeCache()
			s.shared.joiner.AgeCache()
			s.site.Store.Client().AgeCache()
		}
	}
}
