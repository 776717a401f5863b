package schedule

import (
	"context"
	"slices"
	"sync"

	"feedpub/feed"
)

// RebuildFunc rebuilds the named feeds, or all when none is named, and says what it did.
type RebuildFunc func(ctx context.Context, names ...feed.Name) (feed.Report, error)

// Trigger joins requests to rebuild: while one rebuild runs, all that ask meanwhile share the next one, which rebuilds
// what any of them named. So any number of triggers cost at most two rebuilds, and everyone who asks gets the report of
// a rebuild that began after the asking. It is safe for concurrent use.
type Trigger struct {
	ctx     context.Context // of the rebuilds: the asker who happens to be first must not cancel the others'
	rebuild RebuildFunc

	mu      sync.Mutex
	running bool
	next    *round
}

// round is one rebuild and those who wait for it.
type round struct {
	names  []feed.Name
	all    bool
	done   chan struct{}
	report feed.Report
	err    error
}

// NewTrigger returns a trigger for rebuild. Rebuilds run under ctx.
func NewTrigger(ctx context.Context, rebuild RebuildFunc) *Trigger {
	return &Trigger{ctx: ctx, rebuild: rebuild}
}

// Rebuild asks for the named feeds, or all when none is named, and waits for the answer. If ctx ends first, the
// rebuild goes on without the asker and ctx's error is returned. The report holds the feeds that were asked for, and
// may hold others that were asked for at the same time.
func (t *Trigger) Rebuild(ctx context.Context, names ...feed.Name) (feed.Report, error) {
	t.mu.Lock()
	if t.next == nil {
		t.next = &round{done: make(chan struct{})}
	}
	r := t.next
	if len(names) == 0 {
		r.all = true
	}
	r.names = append(r.names, names...)
	if !t.running {
		t.running = true
		go t.run()
	}
	t.mu.Unlock()

	select {
	case <-r.done:
		return r.report, r.err
	case <-ctx.Done():
		return feed.Report{}, ctx.Err()
	}
}

// run does rounds until nobody asks.
func (t *Trigger) run() {
	for {
		t.mu.Lock()
		r := t.next
		t.next = nil
		if r == nil {
			t.running = false
			t.mu.Unlock()
			return
		}
		t.mu.Unlock()

		names := r.names
		if r.all {
			names = nil
		}
		slices.Sort(names)
		r.report, r.err = t.rebuild(t.ctx, slices.Compact(names)...)
		close(r.done)
	}
}
