package simulate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"feedpub/feed"
	"feedpub/feed/serve"
)

// drive is the in-memory file system of a server. It outlives the process.
type drive struct {
	mu      sync.Mutex
	folders map[string]bool
	files   map[string][]byte // never modified in place
	// unsynced contains the previous contents of the files that have changed since their folder was synced; nil means that
	// the file did not exist.
	unsynced map[string][]byte
	written  map[string]written // files whose flush has not ended
	lock     *lockFile          // nil if no process has locked the drive
	rate     int                // probability that a write fails, in thousandths
	full     time.Time
	readOnly time.Time
	slow     time.Time // writes are slow until this time
	removed  time.Time // when folders were last removed
	damaged  bool      // a file was damaged, or could not be read, since the process was last started
}

// written is a file that was written without waiting for the disk.
type written struct {
	at      time.Time
	flushed bool // the contents are on the disk, but perhaps not the entry of the folder
}

func newDrive(rate int) *drive {
	return &drive{
		folders: map[string]bool{}, files: map[string][]byte{}, unsynced: map[string][]byte{},
		written: map[string]written{}, rate: rate,
	}
}

// vanish removes everything, or one folder with all its files.
func (d *drive) vanish(folder string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.removed = time.Now()
	for _, m := range []map[string][]byte{d.files, d.unsynced} {
		maps.DeleteFunc(m, func(name string, _ []byte) bool { return strings.HasPrefix(name, folder) })
	}
	maps.DeleteFunc(d.written, func(name string, _ written) bool { return strings.HasPrefix(name, folder) })
	maps.DeleteFunc(d.folders, func(name string, _ bool) bool { return strings.HasPrefix(name, folder) })
}

// fail makes the drive full, read-only or slow for a duration, by setting the field that until points to.
func (d *drive) fail(until *time.Time, by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	*until = time.Now().Add(by)
}

func (d *drive) heal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rate, d.full, d.readOnly, d.slow = 0, time.Time{}, time.Time{}, time.Time{}
}

// flushTime is the maximum time that a process takes to flush a file, which it already reports as saved.
const flushTime = time.Second + 10*time.Millisecond

// awaitWrite waits until a file is being flushed, for up to limit.
func (d *drive) awaitWrite(limit time.Duration) {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(100 * time.Microsecond) {
		d.mu.Lock()
		flushing := len(d.written) > 0
		d.mu.Unlock()
		if flushing {
			return
		}
	}
}

// powerFailure undoes some of the changes whose folders were not synced, and truncates some of the files whose contents
// were not flushed.
func (d *drive) powerFailure(r *random) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(d.unsynced)) {
		before := d.unsynced[name]
		switch {
		case r.n(2) == 0:
		case before == nil:
			delete(d.files, name)
		default:
			d.files[name] = before
		}
	}
	clear(d.unsynced)
	for _, name := range slices.Sorted(maps.Keys(d.written)) {
		if data := d.files[name]; data != nil && !d.written[name].flushed && r.n(2) == 0 {
			d.files[name] = data[:r.n(len(data)+1)]
		}
	}
	clear(d.written)
}

// isFlushing reports whether a file that a process may report as saved is still being flushed.
func (d *drive) isFlushing() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, x := range d.written {
		if time.Since(x.at) <= flushTime {
			return true
		}
	}
	return false
}

// damage truncates a file, as if the disk had lost blocks.
func (d *drive) damage(r *random) {
	d.mu.Lock()
	defer d.mu.Unlock()
	names := slices.Sorted(maps.Keys(d.files))
	if len(names) == 0 {
		return
	}
	d.damaged = true
	name := names[r.n(len(names))]
	d.files[name] = d.files[name][:r.n(len(d.files[name])+1)]
}

// mount is one process's use of a drive. It implements [serve.Files].
type mount struct {
	*drive
	w    *world
	name string

	counts map[uint64]uint64 // number of operations, by their hash; guarded by drive.mu
	dead   bool              // the process was killed; guarded by drive.mu
}

var _ serve.Files = (*mount)(nil)

func (d *drive) mount(w *world, name string) *mount {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &mount{drive: d, w: w, name: name, counts: map[uint64]uint64{}}
}

// kill ends the process's use of the drive: no further operation has an effect.
func (m *mount) kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dead = true
	if m.lock != nil && m.lock.m == m {
		m.lock = nil
	}
}

// unharmed reports whether the drive still has every document that the process has saved, as far as the process can
// know: it notices within a few seconds that its folder was removed.
func (d *drive) unharmed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.damaged && time.Since(d.removed) > 15*time.Second
}

var errDead = errors.New("the process has ended")

// random returns a number that depends on the seed, the operation, and the number of identical operations before it. It
// does not depend on the order in which goroutines run.
func (m *mount) random(op, name string) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	call := hash(m.w.seed, "disk", m.name, op, name)
	m.counts[call]++
	return mix(call + m.counts[call])
}

// write delays an operation that changes the drive, and then calls change while holding the drive's lock, or returns
// the error of a fault.
func (m *mount) write(op, name string, change func(fault uint64) error) error {
	r := m.random(op, name)
	delay := 20*time.Microsecond + time.Duration(r%uint64(2*time.Millisecond))
	m.mu.Lock()
	if time.Now().Before(m.slow) {
		delay += time.Duration(r >> 20 % uint64(time.Second))
	}
	m.mu.Unlock()
	sleep(context.Background(), delay)
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	var fault uint64
	switch {
	case m.dead:
		return errDead
	case now.Before(m.readOnly):
		m.w.count("disk read-only")
		return &fs.PathError{Op: op, Path: name, Err: syscall.EROFS}
	case now.Before(m.full) && op != "remove":
		m.w.count("disk full")
		return &fs.PathError{Op: op, Path: name, Err: syscall.ENOSPC}
	case mix(r)%1000 < uint64(m.rate):
		m.w.count("disk error in " + op)
		fault = 1 + mix(r+1)%3
	}
	m.w.note(m.name, op, name, fmt.Sprint(fault))
	return change(fault)
}

// set changes a file, or removes it if data is nil.
func (m *mount) set(name string, data []byte) {
	if _, ok := m.unsynced[name]; !ok {
		m.unsynced[name] = m.files[name]
	}
	delete(m.written, name)
	if data == nil {
		delete(m.files, name)
	} else {
		m.files[name] = data
	}
}

func ioError(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: syscall.EIO} }

func missing(op, name string) error { return &fs.PathError{Op: op, Path: name, Err: syscall.ENOENT} }

func (m *mount) MkdirAll(dir string) error {
	m.mu.Lock()
	exists := m.folders[dir]
	m.mu.Unlock()
	if exists {
		return nil
	}
	return m.write("mkdir", dir, func(fault uint64) error {
		if fault > 0 {
			return ioError("mkdir", dir)
		}
		for ; dir != "/"; dir = path.Dir(dir) {
			m.folders[dir] = true
		}
		return nil
	})
}

// Replace writes a temporary file, syncs it and renames it, and each of these may fail.
func (m *mount) Replace(name string, data []byte) error {
	return m.write("replace", name, func(fault uint64) error {
		temporary := path.Join(path.Dir(name), "."+path.Base(name))
		switch {
		case !m.folders[path.Dir(name)]:
			return missing("replace", name)
		case fault == 1: // a short write, and the temporary file is not removed
			m.set(temporary, append([]byte{}, data[:len(data)/2]...))
			return io.ErrShortWrite
		case fault == 2: // fsync fails
			return ioError("fsync", name)
		}
		m.set(name, append([]byte{}, data...))
		if fault == 3 { // the file was renamed, but the process gets an error
			return ioError("rename", name)
		}
		return nil
	})
}

// Write writes a temporary file and renames it; either step may fail.
func (m *mount) Write(name string, data []byte) (flush func() error, err error) {
	err = m.write("write", name, func(fault uint64) error {
		temporary := path.Join(path.Dir(name), "."+path.Base(name))
		switch {
		case !m.folders[path.Dir(name)]:
			return missing("write", name)
		case fault == 1: // a short write, and the temporary file is not removed
			m.set(temporary, append([]byte{}, data[:len(data)/2]...))
			return io.ErrShortWrite
		case fault == 2:
			return ioError("rename", name)
		}
		m.set(name, append([]byte{}, data...))
		m.written[name] = written{at: time.Now()}
		if fault == 3 { // the file was renamed, but the process gets an error
			return ioError("rename", name)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return func() error {
		err := m.write("flush", name, func(fault uint64) error {
			if fault > 0 {
				return ioError("fsync", name)
			}
			if x, ok := m.written[name]; ok {
				m.written[name] = written{x.at, true}
			}
			return nil
		})
		if err == nil {
			err = m.SyncDir(path.Dir(name))
		}
		if err == nil {
			m.mu.Lock()
			defer m.mu.Unlock()
			delete(m.written, name)
		}
		return err
	}, nil
}

// SyncDir makes the changes in a folder durable. If it fails, they may be undone by a power failure.
func (m *mount) SyncDir(dir string) error {
	return m.write("sync", dir, func(fault uint64) error {
		switch {
		case !m.folders[dir]:
			return missing("sync", dir)
		case fault > 0:
			return ioError("fsync", dir)
		}
		maps.DeleteFunc(m.unsynced, func(name string, _ []byte) bool { return path.Dir(name) == dir })
		return nil
	})
}

func (m *mount) Remove(name string) error {
	return m.write("remove", name, func(fault uint64) error {
		switch {
		case m.files[name] == nil:
			return missing("remove", name)
		case fault > 0:
			return ioError("remove", name)
		}
		m.set(name, nil)
		return nil
	})
}

func (m *mount) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.folders[dir] {
		return nil, missing("open", dir)
	}
	var names []string
	for name := range m.files {
		if path.Dir(name) == dir {
			names = append(names, path.Base(name))
		}
	}
	slices.Sort(names)
	return names, nil
}

func (m *mount) Size(name string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if data := m.files[name]; data != nil {
		return int64(len(data)), nil
	}
	if !m.folders[name] {
		return 0, missing("stat", name)
	}
	return 0, nil
}

func (m *mount) ReadFile(name string) ([]byte, error) {
	r := m.random("read", name)
	m.mu.Lock()
	defer m.mu.Unlock()
	data := m.files[name]
	switch {
	case m.dead:
		return nil, errDead
	case data == nil:
		return nil, missing("open", name)
	case r%1000 < uint64(m.rate):
		m.w.count("disk error in read")
		m.damaged = true
		return nil, ioError("read", name)
	}
	return data, nil
}

// lockFile is a locked file.
type lockFile struct{ m *mount }

func (m *mount) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, exists := m.files[name]
	switch now := time.Now(); {
	case exists && m.lock != nil:
		return nil, feed.ErrLocked
	case !m.folders[path.Dir(name)]:
		return nil, missing("lock", name)
	case !exists && (now.Before(m.full) || now.Before(m.readOnly)):
		return nil, ioError("lock", name)
	}
	m.files[name] = []byte{}
	m.lock = &lockFile{m}
	return m.lock, nil
}

func (l *lockFile) Close() error {
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	if l.m.lock == l {
		l.m.lock = nil
	}
	return nil
}
