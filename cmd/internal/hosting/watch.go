package hosting

import (
	"context"
	"log/slog"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settleTime is how long a folder must be unchanged before it is read: a file is often written in several steps,
	// and several files are often written at the same time.
	settleTime = 200 * time.Millisecond
	// rescanInterval is the time between reads of a folder without events: an event may be lost, and some file systems
	// send none.
	rescanInterval = 30 * time.Second
)

// watchFolder calls changed at the start, after each change in the folder and every rescanInterval, and reload for each
// request, until ctx is done. An empty dir is not watched.
func watchFolder(
	ctx context.Context, dir string, requests <-chan reloadRequest, log *slog.Logger, reload func(reloadRequest),
	changed func(),
) {
	var events <-chan fsnotify.Event
	var failures <-chan error
	w, err := fsnotify.NewWatcher()
	if err == nil {
		defer func() { _ = w.Close() }()
		events, failures = w.Events, w.Errors
		if dir != "" {
			err = w.Add(dir)
		}
	}
	if err != nil {
		log.Warn("cannot watch sites_from; it is read at intervals", "interval", rescanInterval, "error", err)
	}
	timer := time.NewTimer(0) // start with a read: the folder may have changed since it was first read
	defer timer.Stop()
	var deadline time.Time // when to read a folder that keeps changing
	soon := func() {
		now := time.Now()
		if deadline.IsZero() {
			deadline = now.Add(5 * settleTime)
		}
		timer.Reset(max(0, min(settleTime, deadline.Sub(now))))
	}
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-requests:
			reload(r)
			timer.Reset(rescanInterval)
		case e := <-events:
			if e.Op != fsnotify.Chmod { // indexers and backup programs often cause these events
				soon()
			}
		case err := <-failures:
			log.Warn("events of sites_from were lost; reading it again", "error", err)
			soon()
		case <-timer.C:
			deadline = time.Time{}
			changed()
			if w != nil && dir != "" {
				// The path may now refer to a different folder. Adding a folder that is already watched does nothing.
				if err := w.Add(dir); err != nil {
					log.Debug("cannot watch sites_from", "error", err)
				}
			}
			timer.Reset(rescanInterval)
		}
	}
}
