package embedded

import (
	"context"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// rescanRest is the minimum ratio of the time between two scans to the duration of a scan, if there are no events.
	rescanRest = 100
	// maxRescan is the maximum time between two scans, unless Options.Rescan is longer.
	maxRescan = time.Minute
)

// watch updates the server when the folder changes, until ctx is done. File system events only trigger scans, and the
// scans find the changes. If events are lost or not supported, changes are only found later.
func (f *folder) watch(ctx context.Context) error {
	w, err := fsnotify.NewWatcher()
	var events <-chan fsnotify.Event
	var failures <-chan error
	if err != nil {
		f.o.Logger.Warn("cannot watch the folder; reading it periodically", "interval", f.o.Rescan, "error", err)
	} else {
		defer func() { _ = w.Close() }()
		events, failures = w.Events, w.Errors
	}

	touched := map[string]bool{}
	timer := time.NewTimer(0) // scan once: files may have changed since the store was opened
	defer timer.Stop()
	var deadline time.Time // when to scan a folder that keeps changing
	soon := func() {
		now := time.Now()
		if deadline.IsZero() {
			deadline = now.Add(5 * f.o.Debounce)
		}
		timer.Reset(max(0, min(f.o.Debounce, deadline.Sub(now))))
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-events:
			if e.Op == fsnotify.Chmod {
				continue // indexers and backup programs often cause these events
			}
			if name, err := filepath.Rel(f.o.Dir, e.Name); err == nil {
				touched[filepath.ToSlash(name)] = true
			}
			soon()
		case err := <-failures:
			f.o.Logger.Warn("file system events were lost; reading the folder again", "error", err)
			soon()
		case <-timer.C:
			deadline = time.Time{}
			timer.Reset(f.scanAndWatch(ctx, w, touched))
		}
	}
}

// scanAndWatch scans the folder, clears touched if that succeeds, and watches new folders; w may be nil. It returns the
// delay before the next scan.
func (f *folder) scanAndWatch(ctx context.Context, w *fsnotify.Watcher, touched map[string]bool) time.Duration {
	began := time.Now()
	again, err := f.scan(ctx, touched, false)
	// Listing tens of thousands of files takes a long time, so without events a large folder is scanned less often.
	rescan := max(f.o.Rescan, min(rescanRest*time.Since(began), maxRescan))
	if err == nil {
		clear(touched)
	} else if ctx.Err() == nil {
		f.o.Logger.Error("cannot store changes to the folder; retrying", "error", err)
		again = time.Second
	}
	if w != nil && f.watchFolders(w) {
		return f.o.Debounce // files may have been written to the new folder before it was watched
	}
	if again > 0 {
		return min(rescan, again)
	}
	return rescan
}

// watchFolders watches all folders that may contain posts and reports whether one is new. The watcher itself drops
// folders that were removed.
func (f *folder) watchFolders(w *fsnotify.Watcher) bool {
	known := map[string]bool{}
	for _, name := range w.WatchList() {
		known[name] = true
	}
	f.mu.Lock()
	dirs := f.dirs
	f.mu.Unlock()
	added := false
	for _, dir := range dirs {
		name := filepath.Join(f.o.Dir, filepath.FromSlash(dir))
		// Add known folders again, since a folder may have been replaced by a new one with the same name.
		if err := w.Add(name); err != nil {
			f.o.Logger.Warn("cannot watch a folder; reading it periodically", "folder", name, "error", err)
			continue
		}
		added = added || !known[name]
	}
	return added
}
