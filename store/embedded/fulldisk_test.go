package embedded

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

// fullDisk simulates a disk that can be full: while it is full, a write stores half of the data and fails, and
// truncating fails.
type fullDisk struct{ full atomic.Bool }

func (d *fullDisk) ops() fileOps {
	real := newFileOps()
	return fileOps{
		replace: d.refuse(real.replace),
		write:   d.refuse(real.write),
		open: func(path string, flag int, perm fs.FileMode) (appendFile, error) {
			f, err := os.OpenFile(path, flag, perm)
			return &fileOnFullDisk{f, d}, err
		},
	}
}

// refuse returns a function that writes files unless the disk is full.
func (d *fullDisk) refuse(
	write func(string, []byte, fs.FileMode) error,
) func(string, []byte, fs.FileMode) error {
	return func(path string, data []byte, perm fs.FileMode) error {
		if d.full.Load() {
			return syscall.ENOSPC
		}
		return write(path, data, perm)
	}
}

type fileOnFullDisk struct {
	*os.File
	disk *fullDisk
}

func (f *fileOnFullDisk) Write(b []byte) (int, error) {
	if !f.disk.full.Load() {
		return f.File.Write(b)
	}
	n, err := f.File.Write(b[:len(b)/2])
	return n, errors.Join(err, syscall.ENOSPC)
}

func (f *fileOnFullDisk) Truncate(size int64) error {
	if f.disk.full.Load() {
		return syscall.EIO
	}
	return f.File.Truncate(size)
}

// TestFullDisk checks that committed documents exist after a restart on a full disk, that writes are not acknowledged
// if they fail, and that the store recovers when there is room again.
func TestFullDisk(t *testing.T) {
	var disk fullDisk
	var log strings.Builder
	o := Options{
		Dir: t.TempDir(), Data: t.TempDir(), files: disk.ops(),
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	}
	name := func(n feed.Name) feed.Absorption {
		return feed.Absorption{Token: 5, Names: map[feed.Name]string{n: string(n)}}
	}
	put(t, o.Dir, "a.json", post("a", "first"))
	s := open(t, o)
	must(t, site(s).Absorb(t.Context(), name("tags/first")))
	_, _, err := site(s).Commit(t.Context(), commit(feed.Main, 5, time.Now(), "a document"))
	must(t, err)
	disk.full.Store(true) // the disk becomes full while the store is running
	for range 2 {
		if err := site(s).Absorb(t.Context(), name("tags/torn")); !errors.Is(err, feed.ErrUnavailable) {
			t.Errorf("Absorb on a disk that became full: error is %v, want one of kind %q", err, feed.ErrUnavailable)
		}
	}
	disk.full.Store(false)
	must(t, site(s).Absorb(t.Context(), name("tags/next")))
	lines, heads := state(t, site(s))
	closeStore(t, s)

	disk.full.Store(true) // the disk is full when the store starts
	s = open(t, o)
	gotLines, gotHeads := state(t, site(s))
	if diff := cmp.Diff(lines, gotLines) + cmp.Diff(heads, gotHeads); diff != "" {
		t.Errorf("records and heads on a full disk (-before +after):\n%s", diff)
	}
	if got := content(t, s, "a"); got != post("a", "first") {
		t.Errorf("the post is %q", got)
	}
	if !strings.Contains(log.String(), "the data folder is not writable") {
		t.Errorf("the log does not report the full disk:\n%s", log.String())
	}
	for range 2 {
		if err := site(s).Absorb(t.Context(), name("tags/second")); !errors.Is(err, feed.ErrUnavailable) {
			t.Errorf("Absorb on a full disk: error is %v, want one of kind %q", err, feed.ErrUnavailable)
		}
	}
	put(t, o.Dir, "a.json", post("a", "a second version"))
	put(t, o.Dir, "b.json", post("b", "B"))
	scanOnce(t, s)
	if got, want := ids(t, s), "a b"; got != want {
		t.Errorf("posts are %q, want %q: the folder of posts is on a different disk", got, want)
	}

	if n := strings.Count(log.String(), "cannot write records to disk"); n != 2 {
		t.Errorf("the log contains the error about records %d times, want it once for each time that the disk became full:\n%s",
			n, log.String())
	}

	disk.full.Store(false)
	must(t, site(s).Absorb(t.Context(), name("tags/third")))
	scanOnce(t, s)
	lines, _ = state(t, site(s))
	closeStore(t, s)
	put(t, o.Dir, "a.json", "broken")
	s = open(t, o)
	gotLines, gotHeads = state(t, site(s))
	if diff := cmp.Diff(lines, gotLines) + cmp.Diff(heads, gotHeads); diff != "" || len(gotLines) != 6 {
		t.Errorf("records and heads after there was room again (-before +after):\n%s", diff)
	}
	if got, want := content(t, s, "a"), post("a", "a second version"); got != want {
		t.Errorf("the last good version is %q, want %q", got, want)
	}
}

func TestNewDataFolderOnAFullDisk(t *testing.T) {
	var disk fullDisk
	disk.full.Store(true)
	_, err := Open(t.Context(), Options{
		Dir: t.TempDir(), Data: t.TempDir(), Site: testSite, Decode: decode, files: disk.ops(),
	})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Open: %v, want %v", err, syscall.ENOSPC)
	}
}
