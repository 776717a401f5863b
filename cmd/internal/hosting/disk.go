package hosting

import (
	"fmt"
	"syscall"
)

// diskSpace returns the space available to this process and the total space of a folder's file system.
func diskSpace(path string) (free, total uint64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(path, &st); err != nil {
		return 0, 0, fmt.Errorf("file system of %s: %w", path, err)
	}
	size := uint64(st.Bsize) //nolint:gosec // never negative
	return st.Bavail * size, st.Blocks * size, nil
}
