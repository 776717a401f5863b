package embedded

import (
	"context"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// watch makes the store follow the folder until ctx ends. The file system's signs only say when to look; what is so,
// looking tells. So a lost sign, or a file system that gives none, costs time and nothing else.
func (f *folder) watch(ctx context.Context) error {
	w, err := fsnotify.NewWatcher()
	var events <-chan fsnotify.Event
	var failures <-chan error
	if err != nil {
		f.o.Logger.Warn("the folder can't be watched; it is read from time to time", "every", f.o.Rescan, "error", err)
	} else {
		defer func() { _ = w.Close() }()
		events, failures = w.Events, w.Errors
	}

	touched := map[string]bool{}
	timer := time.NewTimer(0) // look once: things may have changed since the store was opened
	defer timer.Stop()
	var until time.Time // a folder that is never quiet is read nevertheless
	soon := func() {
		now := time.Now()
		if until.IsZero() {
			until = now.Add(5 * f.o.Debounce)
		}
		timer.Reset(max(0, min(f.o.Debounce, until.Sub(now))))
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-events:
			if e.Op == fsnotify.Chmod {
				continue // indexers and backups do that all the time
			}
			if name, err := filepath.Rel(f.o.Dir, e.Name); err == nil {
				touched[filepath.ToSlash(name)] = true
			}
			soon()
		case err := <-failures:
			f.o.Logger.Warn("signs of changes were lost; the folder is read anew", "error", err)
			soon()
		case <-timer.C:
			until = time.Time{}
			again, err := f.look(ctx, touched, false)
			fresh := w != nil && f.watchFolders(w)
			if err != nil && ctx.Err() == nil {
				f.o.Logger.Error("changes in the folder could not be taken over; trying again", "error", err)
				again = time.Second
			}
			if err == nil {
				clear(touched)
			}
			wait := f.o.Rescan
			if again > 0 {
				wait = min(wait, again)
			}
			if fresh {
				wait = f.o.Debounce // files may have come into a new folder before it was watched
			}
			timer.Reset(wait)
		}
	}
}

// watchFolders watches all folders that posts may be in, and reports whether one is new. Folders that are gone are
// forgotten by the watcher itself.
func (f *folder) watchFolders(w *fsnotify.Watcher) bool {
	known := map[string]bool{}
	for _, name := range w.WatchList() {
		known[name] = true
	}
	f.mu.Lock()
	dirs := f.dirs
	f.mu.Unlock()
	fresh := false
	for _, dir := range dirs {
		name := filepath.Join(f.o.Dir, filepath.FromSlash(dir))
		// Also what is known already: the folder of that name may be another by now.
		if err := w.Add(name); err != nil {
			f.o.Logger.Warn("a folder can't be watched; it is read from time to time", "folder", name, "error", err)
			continue
		}
		fresh = fresh || !known[name]
	}
	return fresh
}
