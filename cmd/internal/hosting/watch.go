package hosting

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settleTime is the time without changes after which a folder is read: files are written in several steps, and often
	// several files at the same time.
	settleTime = 200 * time.Millisecond
	// rescanInterval is the time between reads of a folder without events: an event may be lost, and some file systems
	// send none.
	rescanInterval = 30 * time.Second
)

// watchFolder calls changed at the start, after each change in the folder, on each reload signal and every
// rescanInterval, until ctx is done. An empty dir is not watched.
func watchFolder(
	ctx context.Context, dir string, reload <-chan os.Signal, log *slog.Logger, changed func(signalled bool),
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
	timer := time.NewTimer(0) // the folder may have changed since it was first read
	defer timer.Stop()
	var deadline time.Time // a folder that changes constantly must be read too
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
		case <-reload:
			changed(true)
			timer.Reset(rescanInterval)
		case e := <-events:
			if e.Op != fsnotify.Chmod { // indexers and backups often change modes
				soon()
			}
		case err := <-failures:
			log.Warn("events of sites_from were lost; reading it again", "error", err)
			soon()
		case <-timer.C:
			deadline = time.Time{}
			changed(false)
			if w != nil && dir != "" {
				// The path may refer to another folder now. Adding a folder that is already watched does nothing.
				if err := w.Add(dir); err != nil {
					log.Debug("cannot watch sites_from", "error", err)
				}
			}
			timer.Reset(rescanInterval)
		}
	}
}
