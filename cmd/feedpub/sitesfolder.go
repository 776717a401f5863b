package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// settle is how long a folder must be quiet before it is read: files come in several steps and often several at once.
	settle = 200 * time.Millisecond
	// rescan is how often it is read in any case, since a sign may be lost and some file systems give none.
	rescan = 30 * time.Second
)

// followFolder calls changed whenever something in the folder has changed, on SIGHUP, and now and then, until ctx ends.
// The signs only say when to look: what is so, looking tells. Without a folder the others remain.
func followFolder(ctx context.Context, dir string, log *slog.Logger, changed func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)

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
		log.Warn("the folder of sites can't be watched; it is read from time to time", "every", rescan, "error", err)
	}
	timer := time.NewTimer(0) // once at the beginning: it may have changed since it was read
	defer timer.Stop()
	var until time.Time // a folder that is never quiet is read nevertheless
	soon := func() {
		now := time.Now()
		if until.IsZero() {
			until = now.Add(5 * settle)
		}
		timer.Reset(max(0, min(settle, until.Sub(now))))
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			timer.Reset(0)
		case e := <-events:
			if e.Op != fsnotify.Chmod { // indexers and backups do that all the time
				soon()
			}
		case err := <-failures:
			log.Warn("signs of changes were lost; the folder of sites is read anew", "error", err)
			soon()
		case <-timer.C:
			until = time.Time{}
			changed()
			if w != nil && dir != "" {
				// The folder of that name may be another by now. Adding what is watched already does nothing.
				if err := w.Add(dir); err != nil {
					log.Debug("the folder of sites can't be watched", "error", err)
				}
			}
			timer.Reset(rescan)
		}
	}
}
