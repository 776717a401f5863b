// Package durable replaces and removes files atomically and durably: except with [Write], the change is on disk when
// the call returns. It does not interpret their contents.
package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"
)

// WriteFile replaces the file at path with one that contains data: it writes and syncs a temporary file in the same
// folder, renames it and syncs the folder. If the error is nil, the file survives a crash and a power failure, and
// readers see either the old or the new contents. After concurrent calls for the same path, the file contains the data
// of one of the calls.
func WriteFile(path string, data []byte, perm fs.FileMode) error {
	if err := Replace(path, data, perm); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// Replace is like WriteFile, but does not sync the folder. The file is durable only after [SyncDir], which can be
// called once for many files.
func Replace(path string, data []byte, perm fs.FileMode) error {
	if err := renameio.WriteFile(path, data, perm, renameio.WithTempDir(filepath.Dir(path))); err != nil {
		return writeError(path, err)
	}
	return nil
}

// Write is like Replace, but does not wait for the disk. When it returns, the new contents survive the end of the
// process, but not a crash of the system. The caller must call flush once, which syncs the file and its folder; a crash
// before flush has returned nil may leave the old contents, the new contents, or only part of the new contents.
func Write(path string, data []byte, perm fs.FileMode) (flush func() error, err error) {
	dir := filepath.Dir(path)
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(dir), renameio.WithPermissions(perm))
	if err != nil {
		return nil, writeError(path, err)
	}
	if _, err = f.Write(data); err == nil {
		err = os.Rename(f.Name(), path) // f.CloseAtomicallyReplace would sync it first
	}
	if err != nil {
		_ = f.Cleanup()
		return nil, writeError(path, err)
	}
	return func() error {
		if err := errors.Join(f.Sync(), f.File.Close()); err != nil {
			return writeError(path, err)
		}
		return SyncDir(dir)
	}, nil
}

// writeError returns an error without the random name of the temporary file, so that repeated errors have equal text.
func writeError(path string, err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err
	} else if linkErr, ok := errors.AsType[*os.LinkError](err); ok {
		err = linkErr.Err
	}
	return fmt.Errorf("durable write %s: %w", path, err)
}

// Remove removes the file at path and syncs its folder. It returns nil if there is no such file.
func Remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("durable remove: %w", err)
	}
	return SyncDir(filepath.Dir(path))
}

// SyncDir flushes the entries of a folder to disk. A rename is durable only after the folder is synced.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	return errors.Join(d.Sync(), d.Close())
}
