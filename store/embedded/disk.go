package embedded

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"feedpub/feed"
	"feedpub/store"
)

// disk keeps on the disk what can't be read from the posts again: the primary records as a journal of lines, and each
// feed's head with its documents in a file of its own.
type disk struct {
	site   *store.Site
	log    *slog.Logger
	device device
	heads  string // folder

	mu       sync.Mutex
	journal  journalFile
	size     int64  // of what counts in the journal
	torn     bool   // something stands behind that which does not count
	failing  bool   // the last attempt to write failed
	position string // of the store's journal, up to which all is on the disk
}

// headFile is what a feed's file holds.
type headFile struct {
	Head  feed.Head   `json:"head"`
	Blobs []feed.Blob `json:"blobs"`
}

const (
	drainBatch = 1000
	headSuffix = ".json"
)

// openDisk brings back what is on the disk into the store, which is empty, and from then on keeps it there.
func openDisk(ctx context.Context, dir string, site *store.Site, dev device, log *slog.Logger) (*disk, error) {
	d := &disk{site: site, log: log, device: dev, heads: filepath.Join(dir, "heads")}
	if err := os.MkdirAll(d.heads, 0o700); err != nil {
		return nil, fmt.Errorf("heads: %w", err)
	}
	path := filepath.Join(dir, "records.jsonl")
	lines, size, err := readRecords(path, log)
	if err != nil {
		return nil, err
	}
	if err := site.RestoreRecords(ctx, lines...); err != nil {
		return nil, err
	}
	// A line for each change becomes one for each record, and a line that was torn by a crash goes.
	compact, err := encodeLines(lines)
	if err != nil {
		return nil, err
	}
	d.size = int64(len(compact))
	if err := dev.replace(path, compact, 0o600); err != nil {
		if _, absent := os.Stat(path); absent != nil {
			return nil, fmt.Errorf("records: %w", err)
		}
		// What is on a full disk can be served nevertheless, and what is new waits until there is room.
		log.Error("the data folder can't be written to; nothing new is published until it can", "error", err)
		d.size, d.torn = size, true
	}
	if err := d.restoreHeads(ctx); err != nil {
		return nil, err
	}
	if d.journal, err = dev.open(path, os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return nil, fmt.Errorf("records: %w", err)
	}
	if err := site.StartJournal(ctx); err != nil {
		return nil, errors.Join(err, d.journal.Close())
	}
	return d, nil
}

// readRecords reads the journal of records and returns the last state of each, in order, and the size of its whole
// lines. Lines that can't be read are left out: the last may be torn, and none may keep the store from its start.
func readRecords(path string, log *slog.Logger) (lines []feed.ExportLine, size int64, err error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("records: %w", err)
	}
	defer func() { _ = f.Close() }()
	last := map[string]feed.ExportLine{}
	r := bufio.NewReader(f)
	for n := 1; ; n++ {
		b, err := r.ReadBytes('\n')
		if err != nil {
			if len(b) > 0 {
				log.Warn("the last line of the records was not finished before a crash; it was never acknowledged", "line", n)
			}
			if !errors.Is(err, io.EOF) {
				return nil, 0, fmt.Errorf("records: %w", err)
			}
			break
		}
		size += int64(len(b))
		var l feed.ExportLine
		if err := json.Unmarshal(b, &l); err != nil || lineKey(l) == "" {
			log.Error("a line of the records is not readable and is left out", "file", path, "line", n, "error", err)
			continue
		}
		last[lineKey(l)] = l
	}
	lines = make([]feed.ExportLine, 0, len(last))
	for _, l := range last {
		lines = append(lines, l)
	}
	slices.SortFunc(lines, func(a, b feed.ExportLine) int { return cmp.Compare(lineKey(a), lineKey(b)) })
	return lines, size, nil
}

// lineKey says what a line is about; of two lines about one thing the later counts.
func lineKey(l feed.ExportLine) string {
	switch {
	case l.Record != nil:
		return "record " + l.Record.ID
	case l.Name != nil:
		return "name " + string(l.Name.Feed)
	case l.Removal != nil:
		return "removal " + string(l.Removal.Feed)
	case l.Archive != nil:
		return "archive " + string(l.Archive.Feed)
	}
	return ""
}

func encodeLines(lines []feed.ExportLine) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, l := range lines {
		if err := enc.Encode(l); err != nil {
			return nil, fmt.Errorf("records: %s: %w", lineKey(l), err)
		}
	}
	return b.Bytes(), nil
}

// restoreHeads brings back the heads. One whose file is damaged is built anew, so it is left out.
func (d *disk) restoreHeads(ctx context.Context) error {
	entries, err := os.ReadDir(d.heads)
	if err != nil {
		return fmt.Errorf("heads: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(d.heads, e.Name())
		if filepath.Ext(path) != headSuffix {
			continue
		}
		var f headFile
		b, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(b, &f)
		}
		if err == nil {
			err = d.site.RestoreHeads(ctx, []feed.Head{f.Head}, func(h feed.Hash) (feed.Blob, error) {
				i := slices.IndexFunc(f.Blobs, func(b feed.Blob) bool { return b.Hash == h })
				if i < 0 {
					return feed.Blob{}, fmt.Errorf("document %s: %w", h, feed.ErrNotFound)
				}
				return f.Blobs[i], nil
			})
		}
		if err != nil {
			d.log.Error("committed documents are not readable; the feed will be built anew", "file", path, "error", err)
		}
	}
	return ctx.Err()
}

// sync writes what is in the store's journal to the disk and returns when it is there. It logs when the disk begins to
// fail and when it works again.
func (d *disk) sync(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.drain(ctx)
	switch failing := err != nil; {
	case failing == d.failing: // logged already
	case failing:
		d.log.Error("records cannot be written to the disk; nothing new is published until they can", "error", err)
	default:
		d.log.Info("records are written to the disk again")
	}
	d.failing = err != nil
	return err
}

// drain writes all entries of the journal, of this call and of others. The caller holds mu.
func (d *disk) drain(ctx context.Context) error {
	for {
		entries, next, err := d.site.Journal(ctx, d.position, drainBatch)
		if err != nil {
			return err
		}
		if next == d.position {
			return nil
		}
		var lines []feed.ExportLine
		heads := map[feed.Name]bool{}
		for _, e := range entries {
			if e.Line != nil {
				lines = append(lines, *e.Line)
			} else {
				heads[e.Head] = true
			}
		}
		if err := d.append(lines); err != nil {
			return err
		}
		for name := range heads {
			if err := d.writeHead(ctx, name); err != nil {
				return err
			}
		}
		// After an error above the same entries are written again: the later line counts, and it is the same.
		d.position = next
		if err := d.site.TrimJournal(ctx, next); err != nil {
			return err
		}
	}
}

// append writes lines behind the journal. After an error it ends where it did before, so that what follows stands on a
// line of its own.
func (d *disk) append(lines []feed.ExportLine) error {
	if len(lines) == 0 {
		return nil
	}
	b, err := encodeLines(lines)
	if err != nil {
		return err
	}
	// A disk that fails to write may fail to truncate too, and be well again later.
	if err := d.mend(); err != nil {
		return fmt.Errorf("records: %w", err)
	}
	_, err = d.journal.Write(b)
	if err == nil {
		err = d.journal.Sync()
	}
	if err != nil {
		d.torn = true
		return fmt.Errorf("records: %w", errors.Join(err, d.mend()))
	}
	d.size += int64(len(b))
	return nil
}

// mend cuts off what a write has left that failed.
func (d *disk) mend() error {
	if !d.torn {
		return nil
	}
	if err := d.journal.Truncate(d.size); err != nil {
		return err
	}
	d.torn = false
	return nil
}

// writeHead writes a head as it stands now, with its documents. It may have moved on since it was noted; then it is
// noted again.
func (d *disk) writeHead(ctx context.Context, name feed.Name) error {
	head, err := d.site.Head(ctx, name)
	if err != nil {
		return err
	}
	f := headFile{Head: head}
	for _, doc := range head.Documents {
		b, err := d.site.Blob(ctx, doc.Hash)
		if err != nil {
			return err
		}
		f.Blobs = append(f.Blobs, b)
	}
	b, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("head of %s: %w", name, err)
	}
	if err := d.device.replace(filepath.Join(d.heads, escape(string(name))+headSuffix), b, 0o600); err != nil {
		return fmt.Errorf("head of %s: %w", name, err)
	}
	return nil
}

// close writes what is left and closes the journal.
func (d *disk) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), internalTimeout)
	defer cancel()
	err := d.sync(ctx)
	return errors.Join(err, d.journal.Close())
}
