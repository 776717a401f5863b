package serve

import (
	"fmt"
	"io"
	"os"

	"github.com/gofrs/flock"

	"feedpub/feed"
	"feedpub/feed/durable"
)

const (
	dirMode  = 0o750
	fileMode = 0o640
)

// Files is the file system of a [Disk]. Tests replace it to inject faults. Its methods are safe for concurrent use, and
// return errors of kind [io/fs.ErrNotExist] for files and folders that do not exist.
type Files interface {
	MkdirAll(dir string) error
	// List returns the names of the files in a folder.
	List(dir string) ([]string, error)
	// Size returns the length of a file. For a folder, only the error is meaningful.
	Size(path string) (int64, error)
	ReadFile(path string) ([]byte, error)
	// Replace replaces a file atomically, or creates it. The change is durable after SyncDir of its folder.
	Replace(path string, data []byte) error
	SyncDir(dir string) error
	// Write is like Replace, but does not wait for the disk. When it returns, the change survives the end of the process,
	// but not a crash of the system. The caller must call flush once, which syncs the file and its folder; a crash before
	// flush has returned nil may undo the change or damage the file.
	Write(path string, data []byte) (flush func() error, err error)
	Remove(path string) error
	// Lock locks a file until the result is closed, and creates the file if needed. The error is of kind [feed.ErrLocked]
	// if another process has locked it.
	Lock(path string) (io.Closer, error)
}

// osFiles is the file system of the operating system.
type osFiles struct{}

func (osFiles) MkdirAll(dir string) error { return os.MkdirAll(dir, dirMode) }

func (osFiles) List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, err
}

func (osFiles) Size(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (osFiles) ReadFile(path string) ([]byte, error) { return os.ReadFile(path) }

func (osFiles) Replace(path string, data []byte) error { return durable.Replace(path, data, fileMode) }

func (osFiles) Write(path string, data []byte) (flush func() error, err error) {
	return durable.Write(path, data, fileMode)
}

func (osFiles) SyncDir(dir string) error { return durable.SyncDir(dir) }

func (osFiles) Remove(path string) error { return os.Remove(path) }

func (osFiles) Lock(path string) (io.Closer, error) {
	lock := flock.New(path, flock.SetPermissions(fileMode))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fmt.Errorf("another process has locked it: %w", feed.ErrLocked)
	}
	return lock, nil
}
