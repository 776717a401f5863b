package serve

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"

	"feedpub/feed"
	"feedpub/feed/coding"
	"feedpub/feed/crash"
)

const (
	// maxStash is the maximum number of bytes of documents in a stash file.
	maxStash = 4 << 20
	// maxStashed is the maximum number of editions in a stash file.
	maxStashed = 16
)

// errNotStashed is returned for editions that must be saved in their own files instead.
var errNotStashed = errors.New("editions are not suitable for the stash")

// stashFile is a stash file that has not been removed.
type stashFile struct {
	number int64
	feeds  []feed.Name
}

// stashedEdition describes an edition in a stash file.
type stashedEdition struct {
	savedHead
	// Files holds, for each document of the head, the lengths of the bytes that follow, by coding number.
	Files [][coding.Count]int `json:"files"`
}

// flushState records whether flushing a stash file to the disk has failed.
type flushState struct{ failed atomic.Bool }

// nextStash returns the number of the next stash file.
func (d *Disk) nextStash() int64 { return d.stashes.Add(1) }

// stash writes editions to one file with the given number. It does not wait for the disk, or for other goroutines that
// use the Disk. When it returns, the file survives the end of the process. The caller must call flush. Once flush has
// returned nil, the file also survives a crash of the system. One stash file takes two flushes, whereas the editions'
// own files take about seven. A Disk loads the editions from the stash until they are saved in their own files, and
// then removes the stash file. The error is [errNotStashed] if the editions are too large, or contain documents that
// are not in memory.
func (d *Disk) stash(number int64, editions []*edition) (flush func() error, err error) {
	list, feeds := make([]stashedEdition, len(editions)), make([]feed.Name, len(editions))
	var bodies [][]byte
	size := 0
	for i, e := range editions {
		feeds[i], list[i].savedHead = e.head.Feed, savedHeadOf(e)
		for _, doc := range e.documents {
			p := doc.payload.Load()
			if p == nil {
				return nil, errNotStashed
			}
			list[i].Files = append(list[i].Files, p.bodies.lengths())
			for _, c := range coding.Compressed() {
				bodies = append(bodies, p.bodies[c])
				size += len(p.bodies[c])
			}
			if size > maxStash {
				return nil, errNotStashed
			}
		}
	}
	text, err := json.Marshal(list)
	if err != nil {
		return nil, fmt.Errorf("stash documents: %w", err)
	}
	data := stashData(text, bodies, size)
	if flush, err = d.files.Write(d.stashPath(number), data); err != nil {
		return nil, fmt.Errorf("stash documents: %w", err)
	}
	crash.At(crash.DiskStash)
	d.stashing.Lock()
	d.stashed = append(d.stashed, stashFile{number, feeds})
	d.stashing.Unlock()
	return flush, nil
}

// stashData returns the contents of a stash file: a line with the checksum of the rest, the length of text, text, and
// bodies, whose total length is size. It copies the bodies only once, since a replica waits for it before it serves.
func stashData(text []byte, bodies [][]byte, size int) []byte {
	const room = 64 // for the first line
	data := make([]byte, room, room+binary.MaxVarintLen64+len(text)+size)
	data = append(binary.AppendUvarint(data, uint64(len(text))), text...)
	for _, b := range bodies {
		data = append(data, b...)
	}
	line := string(feed.ChecksumOf(data[room:])) + "\n"
	copy(data[room-len(line):], line)
	return data[room-len(line):]
}

// loadStash replaces editions that were loaded from their own files with newer ones in the stash. It returns the feeds
// whose editions are only in the stash, and errors for damaged files, which it ignores.
func (d *Disk) loadStash(editions map[feed.Name]*edition) (newer []feed.Name, problems []error) {
	names, err := d.files.List(d.stashDir())
	if err != nil {
		return nil, []error{fmt.Errorf("load documents: %w", err)}
	}
	var numbers []int64
	for _, name := range names {
		if number, err := strconv.ParseInt(name, 10, 64); err == nil { // other names are temporary files
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	for _, number := range numbers {
		d.stashes.Store(max(d.stashes.Load(), number))
		stashed, err := d.readStash(number)
		if err != nil {
			problems = append(problems, fmt.Errorf("load documents: %s: %w", d.stashPath(number), err))
		}
		file := stashFile{number: number}
		for _, e := range stashed {
			name := e.head.Feed
			file.feeds = append(file.feeds, name)
			if before := editions[name]; before == nil || before.stash < number {
				editions[name] = e
				newer = append(newer, name)
			}
		}
		d.stashed = append(d.stashed, file)
	}
	return slices.Compact(slices.Sorted(slices.Values(newer))), problems
}

// readStash returns the editions in a stash file.
func (d *Disk) readStash(number int64) ([]*edition, error) {
	data, err := d.files.ReadFile(d.stashPath(number))
	if err != nil {
		return nil, err
	}
	damaged := fmt.Errorf("damaged: %w", feed.ErrInvalid)
	sum, data, _ := bytes.Cut(data, []byte("\n"))
	if feed.Checksum(sum) != feed.ChecksumOf(data) {
		return nil, damaged
	}
	length, n := binary.Uvarint(data)
	if n <= 0 || length > uint64(len(data)-n) {
		return nil, damaged
	}
	text, bodies := data[n:n+int(length)], data[n+int(length):]
	var list []stashedEdition
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("%w: %w", err, feed.ErrInvalid)
	}
	editions := make([]*edition, len(list))
	for i, s := range list {
		if editions[i], bodies, err = s.edition(bodies); err != nil {
			return nil, err
		}
		editions[i].stash = number
	}
	return editions, nil
}

// edition returns the edition whose documents are at the beginning of data, and the bytes after them.
func (s stashedEdition) edition(data []byte) (*edition, []byte, error) {
	if err := checkHead(s.Head); err != nil {
		return nil, nil, err
	}
	if len(s.Files) != len(s.Documents) {
		return nil, nil, fmt.Errorf("head of %s: %d documents, but the lengths of %d: %w",
			s.Feed, len(s.Documents), len(s.Files), feed.ErrInvalid)
	}
	s.Compact()
	e := &edition{head: s.Head, compared: true, durable: true}
	for i := range s.Documents {
		ref := &s.Documents[i]
		var c contents
		for _, k := range coding.Compressed() {
			length := s.Files[i][k]
			if length < 0 || length > len(data) {
				return nil, nil, fmt.Errorf("head of %s: document %s is truncated: %w", s.Feed, ref.Hash, feed.ErrInvalid)
			}
			if length == 0 {
				continue
			}
			c.bodies[k], data = bytes.Clone(data[:length]), data[length:]
			if err := k.Check(c.bodies[k], ref.Hash, ref.Length); err != nil {
				return nil, nil, err
			}
		}
		if c.bodies[coding.Gzip] == nil {
			return nil, nil, fmt.Errorf("head of %s: document %s has no bytes: %w", s.Feed, ref.Hash, feed.ErrInvalid)
		}
		doc := newDocumentOf(s.Feed, ref, c)
		doc.withdrawn = isWithdrawn(s.Head)
		doc.bounds = s.Bounds[ref.Hash]
		if err := doc.bounds.Validate(ref.Length); err != nil {
			return nil, nil, fmt.Errorf("head of %s: document %s: %w", s.Feed, ref.Hash, err)
		}
		e.documents = append(e.documents, doc)
	}
	return e, data, nil
}

// removeStashes removes the stash files whose editions, or later ones, are saved in their own files. The caller holds
// the turn.
func (d *Disk) removeStashes() {
	var unused []stashFile
	d.stashing.Lock()
	d.stashed = slices.DeleteFunc(d.stashed, func(f stashFile) bool {
		if slices.ContainsFunc(f.feeds, func(name feed.Name) bool { return d.saved[name] < f.number }) {
			return false
		}
		unused = append(unused, f)
		return true
	})
	d.stashing.Unlock() // not held while files are removed; see the comment on Disk.turn
	for _, f := range unused {
		if err := d.remove(d.stashPath(f.number)); err != nil { // try again after the next save
			d.stashing.Lock()
			d.stashed = append(d.stashed, f)
			d.stashing.Unlock()
		}
	}
}

func (d *Disk) stashDir() string { return filepath.Join(d.dir, "stash") }

func (d *Disk) stashPath(number int64) string {
	return filepath.Join(d.stashDir(), fmt.Sprintf("%016d", number))
}
