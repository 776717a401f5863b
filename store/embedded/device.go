package embedded

import (
	"io"
	"io/fs"
	"os"

	"feedpub/feed/durable"
)

// device is how the store writes what it needs for itself into the data folder; a test's fills up.
type device struct {
	// replace writes a whole file as [durable.WriteFile] does.
	replace func(path string, data []byte, perm fs.FileMode) error
	// open opens a file as [os.OpenFile] does.
	open func(path string, flag int, perm fs.FileMode) (journalFile, error)
}

// journalFile is a file that is open for writing.
type journalFile interface {
	io.WriteCloser
	Sync() error
	Truncate(size int64) error
}

func newDevice() device {
	return device{
		replace: durable.WriteFile,
		open: func(path string, flag int, perm fs.FileMode) (journalFile, error) {
			return os.OpenFile(path, flag, perm)
		},
	}
}
