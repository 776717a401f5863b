// Package durable writes files that survive a crash: whole or not at all, and on the disk before it returns. It knows
// nothing of what the files hold.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// WriteFile replaces the file at path by one that holds data: a temporary file in the same folder, synced, renamed, and
// the folder synced, so that after a nil error neither a killed process nor a power cut loses it, and a reader sees the
// old contents or the new. Concurrent calls for one path leave one of the contents.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	if err := Replace(path, data, perm); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// Replace is WriteFile without the last step: many files of one folder need only one [SyncDir] after them, and are
// durable only then.
func Replace(path string, data []byte, perm fs.FileMode) error {
	if err := renameio.WriteFile(path, data, perm, renameio.WithTempDir(filepath.Dir(path))); err != nil {
		// The temporary file's name is of no use to anyone, and another one each time.
		if at, ok := errors.AsType[*fs.PathError](err); ok {
			err = at.Err
		}
		return fmt.Errorf("durable write %s: %w", path, err)
	}
	return nil
}

// Remove removes the file at path and syncs its folder. A file that is not there is no error.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("durable remove: %w", err)
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir flushes the entries of a folder to the disk: a rename is durable only after it.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
