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

// lock keeps a second process out of the data folder. The kernel frees it when the process dies, however it dies.
type lock struct{ f *flock.Flock }

// takeLock locks a folder, or returns an error of kind [feed.ErrLocked] that names the process that has it.
func takeLock(dir string, log *slog.Logger) (*lock, error) {
	path := filepath.Join(dir, "lock")
	f := flock.New(path)
	ok, err := f.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock of data folder: %w", err)
	}
	if !ok {
		who := "another process"
		if b, err := os.ReadFile(path); err == nil && len(b) > 0 {
			who = "process " + strings.TrimSpace(string(b))
		}
		return nil, fmt.Errorf("data folder %s is in use by %s: %w", filepath.Dir(dir), who, feed.ErrLocked)
	}
	// For the message above only: what counts is the lock, which a full disk takes too.
	if err := os.WriteFile(path, fmt.Appendln(nil, os.Getpid()), 0o600); err != nil {
		log.Warn("the lock of the data folder does not say who has it", "error", err)
	}
	return &lock{f: f}, nil
}

func (l *lock) release() error { return l.f.Unlock() }
