package embedded

import (
	"context"
	"errors"
	"io/fs"
	"os"
)

// restoreReading restores the records of posts that a process was reading when it died. A damaged file is removed.
func (d *disk) restoreReading(ctx context.Context) error {
	saved, err := os.ReadFile(d.reading)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = d.site.RestoreReading(ctx, saved)
	}
	if err != nil {
		d.log.Warn("cannot restore the record of posts that were being read", "error", err)
		return d.saveReading(nil)
	}
	return nil
}

// saveReading replaces the contents of the file that lists the posts being read. It does not sync the file, which would
// make reading slower: the file must survive the death of the process, but not a power failure.
func (d *disk) saveReading(saved []byte) error {
	if saved == nil {
		if err := os.Remove(d.reading); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	if err := os.WriteFile(d.reading+".new", saved, 0o600); err != nil {
		return err
	}
	return os.Rename(d.reading+".new", d.reading)
}
