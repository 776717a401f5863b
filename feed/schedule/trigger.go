package schedule

import (
	"context"
	"slices"
	"sync"

	"feedpub/feed"
)

// RebuildFunc rebuilds the named feeds, or all if none is named, and reports what it did.
type RebuildFunc func(ctx context.Context, names ...feed.Name) (feed.Report, error)

// Trigger coalesces requests to rebuild: requests that arrive during a rebuild share the next one, which rebuilds all
// feeds that they name. Any number of concurrent requests cause at most two rebuilds, and each request receives the
// report of a rebuild that began after it. A Trigger is safe for concurrent use.
type Trigger struct {
	ctx     context.Context // context of rebuilds, which no single caller may cancel
	rebuild RebuildFunc

	mu      sync.Mutex
	running bool
	next    *round
}

// round is a rebuild that callers wait for.
type round struct {
	names  []feed.Name
	all    bool
	causes []feed.Cause // causes of the callers' requests
	done   chan struct{}
	report feed.Report
	err    error
}

// NewTrigger returns a Trigger that calls rebuild. Rebuilds use ctx, not the contexts of the callers.
func NewTrigger(ctx context.Context, rebuild RebuildFunc) *Trigger {
	return &Trigger{ctx: ctx, rebuild: rebuild}
}

// Rebuild rebuilds the named feeds, or all if none is named, and waits for the report. If ctx is done first, Rebuild
// returns ctx.Err() and the rebuild continues. The rebuild's cause combines those of its callers; see [feed.CauseOf].
// The report may include feeds that other callers have named.
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
	if c := feed.CauseOf(ctx); !slices.Contains(r.causes, c) {
		r.causes = append(r.causes, c)
	}
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

// run rebuilds until there are no more requests.
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
		r.report, r.err = t.rebuild(feed.WithCause(t.ctx, joined(r.causes)), slices.Compact(names)...)
		close(r.done)
	}
}

// joined returns the cause of a rebuild that several callers share: the trigger of the first, and all their names.
func joined(causes []feed.Cause) feed.Cause {
	c := causes[0]
	for _, other := range causes[1:] {
		if other.By != "" && c.By != "" {
			c.By += ", "
		}
		c.By += other.By
	}
	return c
}
