package embedded

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"

	"feedpub/feed"
)

// lock excludes other processes from the data folder. The kernel releases it when the process ends, even if it is
// killed.
type lock struct{ f *flock.Flock }

// acquireLock locks a folder, or returns an error of kind [feed.ErrLocked] that names the process that holds the lock.
func acquireLock(dir string, log *slog.Logger) (*lock, error) {
	path := filepath.Join(dir, "lock")
	f := flock.New(path)
	ok, err := f.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock of data folder: %w", err)
	}
	if !ok {
		holder := "another process"
		if b, err := os.ReadFile(path); err == nil && len(b) > 0 {
			holder = "process " + strings.TrimSpace(string(b))
		}
		return nil, fmt.Errorf("data folder %s is in use by %s: %w", filepath.Dir(dir), holder, feed.ErrLocked)
	}
	// An error here only affects the message above: locking itself needs no disk space.
	if err := os.WriteFile(path, fmt.Appendln(nil, os.Getpid()), 0o600); err != nil {
		log.Warn("cannot write the process id to the lock file", "error", err)
	}
	return &lock{f: f}, nil
}

func (l *lock) release() error { return l.f.Unlock() }
