package main

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/sync/semaphore"

	"feedpub/config"
	"feedpub/feed/attribution"
	"feedpub/feed/fleet"
	"feedpub/feed/render"
)

// tools are what all builders of a process share, since a set for each of hundreds of sites would cost seconds to make
// and more memory than the machine has. They are safe for concurrent use.
type tools struct {
	renderer *render.Renderer // its memory is bounded for all together
	turns    *semaphore.Weighted
	pace     *fleet.Pace

	mu      sync.Mutex
	readers map[string]*attribution.Reader // by the configuration that they read by
}

func newTools() *tools {
	return &tools{
		renderer: render.New(),
		// A rebuild has several goroutines itself. More than one of them at a time, lest a large site keep all others
		// waiting; not many more, since each holds the items of its site.
		turns:   semaphore.NewWeighted(int64(max(2, runtime.GOMAXPROCS(0)))),
		pace:    new(fleet.Pace),
		readers: make(map[string]*attribution.Reader),
	}
}

// reader returns the reader of sources for a configuration: the same one for all that are alike.
func (t *tools) reader(c config.Attribution) (*attribution.Reader, error) {
	key, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("attribution: %w", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.readers[string(key)]; r != nil {
		return r, nil
	}
	r, err := newReader(c)
	if err != nil {
		return nil, err
	}
	t.readers[string(key)] = r
	return r, nil
}

// turn waits until one more site may rebuild.
func (t *tools) turn(ctx context.Context) (done func(), err error) {
	if err := t.turns.Acquire(ctx, 1); err != nil {
		return nil, fmt.Errorf("wait for a turn to rebuild: %w", err)
	}
	return func() { t.turns.Release(1) }, nil
}
