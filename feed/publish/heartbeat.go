package publish

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// AliveStore records which processes are alive.
type AliveStore interface {
	// SetAlive records that a process is alive, and reports whether it was already recorded. The record expires after
	// ttl.
	SetAlive(ctx context.Context, process string, ttl time.Duration) (before bool, err error)
	ClearAlive(ctx context.Context, process string) error
}

// Heartbeat records that this process is alive, once for all sites that it builds. The leases of these sites are bound
// to the record: see [feed.BoundOwner]. The leases end two seconds after the process has died, although each lease is
// renewed only every 40 seconds. The methods are safe for concurrent use.
type Heartbeat struct {
	store   AliveStore
	process string
	logger  *slog.Logger

	mu    sync.Mutex
	alive bool // whether the record was renewed in time
	// lapses is the number of times that this process may have lost its leases, to another process or because the
	// store lost data.
	lapses int
	turned chan struct{} // closed and replaced when alive or lapses changes
}

// NewHeartbeat returns a Heartbeat. Process is the name of this process, which must be unique and must not contain "@".
// No lease is granted until Run is called.
func NewHeartbeat(store AliveStore, process string, logger *slog.Logger) *Heartbeat {
	return &Heartbeat{store: store, process: process, logger: logger, turned: make(chan struct{})}
}

// Run renews the record until ctx is done, and then removes it. The caller must not cancel ctx before the publishers
// have returned. The error is always nil.
func (h *Heartbeat) Run(ctx context.Context) error {
	ticker := time.NewTicker(defaultLease / 5) // leaves time for more attempts if one fails
	defer ticker.Stop()
	renewed, failed, logged := time.Now(), false, false
	for {
		start := time.Now()
		before, err := h.beat(ctx)
		if ctx.Err() != nil {
			break
		}
		late := start.Sub(renewed) > defaultLease
		if err != nil {
			if failed = true; late {
				h.set(false, true)
			}
			if late && !logged {
				logged = true
				h.logger.Error("cannot record that this process is alive; it builds no site until it can", "error", err)
			}
		} else {
			h.set(true, late || failed || !before)
			if logged {
				h.logger.Info("this process is recorded as alive again")
			}
			renewed, failed, logged = start, false, false
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := h.store.ClearAlive(ctx, h.process); err != nil {
		h.logger.Debug("record of this process not removed; it will expire", "error", err)
	}
	return nil
}

// beat tries to renew the record.
func (h *Heartbeat) beat(ctx context.Context) (before bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, defaultLease/2)
	defer cancel()
	return h.store.SetAlive(ctx, h.process, defaultLease)
}

// set records whether the record was renewed in time. If lapsed is set, it counts a lapse, unless an earlier lapse is
// still in progress.
func (h *Heartbeat) set(alive, lapsed bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if lapsed = lapsed && h.alive; lapsed {
		h.lapses++
	}
	if alive == h.alive && !lapsed {
		return
	}
	h.alive = alive
	close(h.turned)
	h.turned = make(chan struct{})
}

// state returns whether the record was renewed in time, the number of lapses, and a channel that is closed when either
// changes. A nil Heartbeat never changes.
func (h *Heartbeat) state() (alive bool, lapses int, turned <-chan struct{}) {
	if h == nil {
		return true, 0, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.alive, h.lapses, h.turned
}

// await waits until the record exists, and returns the number of lapses.
func (h *Heartbeat) await(ctx context.Context) (lapses int, err error) {
	for {
		alive, lapses, turned := h.state()
		if alive {
			return lapses, nil
		}
		select {
		case <-turned:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}
