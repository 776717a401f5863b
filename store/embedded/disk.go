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
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"golang.org/x/sync/errgroup"

	"feedpub/feed"
	"feedpub/feed/crash"
	"feedpub/feed/durable"
	"feedpub/store"
)

// disk stores the data that cannot be derived from the posts. The primary records are in a log, one per line. Each head
// is in a file of its own, together with its documents.
type disk struct {
	site     *store.Site
	log      *slog.Logger
	files    fileOps
	heads    string // folder of the head files
	unloaded *unloaded

	// delivered is the path of the file that records which version each subscriber has received. After a crash it may be a
	// minute out of date, so some deliveries are repeated.
	delivered string
	reading   string // path of the file that lists the posts being read; see saveReading

	mu       sync.Mutex
	saved    map[string]int64 // the contents of the delivered file; guarded by mu
	history  historyFiles
	records  appendFile
	size     int64  // size of the complete lines of records
	torn     bool   // whether an incomplete line may follow the complete ones
	failing  bool   // whether the last attempt to write failed
	position string // the last journal entry that has been written to disk
	// lost holds the feeds whose heads could not be written because a document was lost.
	lost map[feed.Name]bool
}

// fileOps are the functions that write to the data folder. Tests replace them to simulate a full disk.
type fileOps struct {
	// replace writes a whole file, as [durable.WriteFile] does.
	replace func(path string, data []byte, perm fs.FileMode) error
	// write is like replace, but does not sync the folder; see [durable.Replace].
	write func(path string, data []byte, perm fs.FileMode) error
	// open opens a file, as [os.OpenFile] does.
	open func(path string, flag int, perm fs.FileMode) (appendFile, error)
}

// appendFile is a file that is open for appending.
type appendFile interface {
	io.WriteCloser
	Sync() error
	Truncate(size int64) error
}

func newFileOps() fileOps {
	return fileOps{
		replace: durable.WriteFile,
		write:   durable.Replace,
		open: func(path string, flag int, perm fs.FileMode) (appendFile, error) {
			return os.OpenFile(path, flag, perm)
		},
	}
}

// headFile is the content of a head's file.
type headFile struct {
	Head  feed.Head   `json:"head"`
	Blobs []feed.Blob `json:"blobs"`
}

func readHeadFile(path string) (f headFile, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return headFile{}, err
	}
	return f, json.Unmarshal(b, &f)
}

// blob returns the document with the given hash.
func (f headFile) blob(h feed.Hash) (feed.Blob, bool) {
	i := slices.IndexFunc(f.Blobs, func(b feed.Blob) bool { return b.Hash == h })
	if i < 0 {
		return feed.Blob{}, false
	}
	return f.Blobs[i], true
}

const (
	drainBatch = 1000
	headSuffix = ".json"
	// deliveredInterval is how often the versions that subscribers have received are saved.
	deliveredInterval = time.Minute
)

// openDisk restores the data on disk into the server, which must be empty, and starts the journal.
func openDisk(
	ctx context.Context, dir string, site *store.Site, redis *miniredis.Miniredis, files fileOps, log *slog.Logger,
) (*disk, error) {
	heads := filepath.Join(dir, "heads")
	d := &disk{
		site: site, log: log, files: files, heads: heads, unloaded: newUnloaded(site, redis, heads, log),
		delivered: filepath.Join(dir, "delivered.json"), reading: filepath.Join(dir, "reading.json"),
		lost: map[feed.Name]bool{},
		history: historyFiles{
			site: site, runs: lineFile{path: filepath.Join(dir, "runs.jsonl"), files: files},
			milestones: lineFile{path: filepath.Join(dir, "milestones.jsonl"), files: files},
		},
	}
	if err := os.MkdirAll(d.heads, 0o700); err != nil {
		return nil, fmt.Errorf("heads: %w", err)
	}
	redis.Server().SetPreHook(d.unloaded.answer)
	path := filepath.Join(dir, "records.jsonl")
	lines, size, err := readRecords(path, log)
	if err != nil {
		return nil, err
	}
	if err := site.RestoreRecords(ctx, lines...); err != nil {
		return nil, err
	}
	// Compact the log: one line for each record, without incomplete lines.
	compact, err := encodeLines(lines)
	if err != nil {
		return nil, err
	}
	d.size = int64(len(compact))
	if err := files.replace(path, compact, 0o600); err != nil {
		if _, absent := os.Stat(path); absent != nil {
			return nil, fmt.Errorf("records: %w", err)
		}
		// The data on a full disk can still be served, but changes are not acknowledged until there is room.
		log.Error("the data folder is not writable; nothing new is published until it is", "error", err)
		d.size, d.torn = size, true
	}
	if err := d.restoreHeads(ctx); err != nil {
		return nil, err
	}
	if err := d.restoreDelivered(ctx); err != nil {
		return nil, err
	}
	if err := d.history.restore(ctx); err != nil {
		log.Error("the history of runs and posts cannot be restored", "folder", dir, "error", err)
	}
	if err := d.restoreReading(ctx); err != nil {
		return nil, err
	}
	if d.records, err = files.open(path, os.O_WRONLY|os.O_APPEND, 0o600); err != nil {
		return nil, fmt.Errorf("records: %w", err)
	}
	if err := site.StartJournal(ctx); err != nil {
		return nil, errors.Join(err, d.records.Close())
	}
	return d, nil
}

// readRecords reads the log of records. It returns the last line of each record, in order, and the total size of the
// complete lines. Lines that cannot be decoded are skipped, since a damaged line must not prevent the start; the last
// line may be incomplete.
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
				log.Warn("the last record is incomplete because the process was killed; it was never acknowledged", "line", n)
			}
			if !errors.Is(err, io.EOF) {
				return nil, 0, fmt.Errorf("records: %w", err)
			}
			break
		}
		size += int64(len(b))
		var l feed.ExportLine
		if err := json.Unmarshal(b, &l); err != nil || l.Key() == "" {
			log.Error("a record cannot be read and is skipped", "file", path, "line", n, "error", err)
			continue
		}
		last[l.Key()] = l
	}
	lines = make([]feed.ExportLine, 0, len(last))
	for _, l := range last {
		if !ended(l) {
			lines = append(lines, l)
		}
	}
	slices.SortFunc(lines, func(a, b feed.ExportLine) int { return cmp.Compare(a.Key(), b.Key()) })
	return lines, size, nil
}

// ended reports whether a line says that its record has been removed.
func ended(l feed.ExportLine) bool {
	return l.Subscription != nil && l.Subscription.Expires.IsZero() || l.Notice != nil && l.Notice.Done ||
		l.Credits != nil && len(l.Credits.List) == 0
}

func encodeLines(lines []feed.ExportLine) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, l := range lines {
		if err := enc.Encode(l); err != nil {
			return nil, fmt.Errorf("records: %s: %w", l.Key(), err)
		}
	}
	return b.Bytes(), nil
}

// restoreHeads restores the heads. A damaged file is skipped, and its feed is rebuilt.
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
		f, err := readHeadFile(path)
		if err == nil {
			err = d.site.RestoreHeads(ctx, []feed.Head{f.Head}, func(h feed.Hash) (feed.Blob, error) {
				b, ok := f.blob(h)
				if !ok {
					return feed.Blob{}, fmt.Errorf("document %s: %w", h, feed.ErrNotFound)
				}
				return b, nil
			})
		}
		if err == nil {
			err = d.unloaded.unload(ctx, f)
		}
		if err != nil {
			d.log.Error("committed documents cannot be read; the feed will be rebuilt", "file", path, "error", err)
		}
	}
	return ctx.Err()
}

// restoreDelivered restores the versions that subscribers have received.
func (d *disk) restoreDelivered(ctx context.Context) error {
	b, err := os.ReadFile(d.delivered)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(b, &d.saved)
	}
	if err != nil {
		d.log.Warn("delivered versions cannot be read; deliveries to subscribers will be repeated", "error", err)
		return nil
	}
	return d.site.RestoreDelivered(ctx, d.saved)
}

// saveDelivered saves which version each subscriber has received, if that has changed.
func (d *disk) saveDelivered(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	now, err := d.site.Delivered(ctx)
	if err != nil || maps.Equal(now, d.saved) {
		return err
	}
	b, err := json.Marshal(now)
	if err == nil {
		err = d.files.replace(d.delivered, b, 0o600)
	}
	if err != nil {
		return fmt.Errorf("delivered versions: %w", err)
	}
	d.saved = now
	return nil
}

// run periodically calls saveDelivered, until ctx is done.
func (d *disk) run(ctx context.Context) error {
	ticker := time.NewTicker(deliveredInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := d.saveDelivered(ctx); err != nil && ctx.Err() == nil {
			d.log.Warn("cannot save delivered versions", "error", err)
		}
	}
}

// sync writes the changes in the store's journal to disk and syncs the files. It logs when writing starts to fail and
// when it works again.
func (d *disk) sync(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.drain(ctx)
	switch failing := err != nil; {
	case failing == d.failing: // the state has been logged
	case failing:
		d.log.Error("cannot write records to disk; nothing new is published until they can be written", "error", err)
	default:
		d.log.Info("records can be written to disk again")
	}
	d.failing = err != nil
	return err
}

// drain writes all entries of the journal to disk, including entries added by concurrent calls, and also the heads that
// could not be written earlier. The caller must hold mu.
func (d *disk) drain(ctx context.Context) error {
	if err := d.writeHeads(ctx, slices.Sorted(maps.Keys(d.lost))); err != nil {
		return err
	}
	for {
		entries, next, err := d.site.Journal(ctx, d.position, drainBatch)
		if err != nil {
			return err
		}
		if next == d.position {
			return nil
		}
		var lines []feed.ExportLine
		var runs []feed.Run
		var milestones []postMilestones
		heads := map[feed.Name]bool{}
		for _, e := range entries {
			switch {
			case e.Line != nil:
				lines = append(lines, *e.Line)
			case e.Run != nil:
				runs = append(runs, *e.Run)
			case e.Post != "":
				milestones = append(milestones, postMilestones{e.Post, e.Milestones})
			default:
				heads[e.Head] = true
			}
		}
		crash.At(crash.RecordsJournaled)
		if err := d.append(lines); err != nil {
			return err
		}
		crash.At(crash.RecordsWritten)
		if err := d.writeHeads(ctx, slices.Sorted(maps.Keys(heads))); err != nil {
			return err
		}
		if err := d.history.append(ctx, runs, milestones); err != nil {
			d.log.Warn("cannot write history to disk", "error", err)
		}
		// If an error occurs above, the next call writes the same entries again, which is harmless.
		d.position = next
		if err := d.site.TrimJournal(ctx, next); err != nil {
			return err
		}
	}
}

// append appends lines to the records. After an error the file is truncated to its complete lines.
func (d *disk) append(lines []feed.ExportLine) error {
	if len(lines) == 0 {
		return nil
	}
	b, err := encodeLines(lines)
	if err != nil {
		return err
	}
	// If the last write failed, truncating the file may have failed too.
	if err := d.truncate(); err != nil {
		return fmt.Errorf("records: %w", err)
	}
	_, err = d.records.Write(b)
	if err == nil {
		err = d.records.Sync()
	}
	if err != nil {
		d.torn = true
		return fmt.Errorf("records: %w", errors.Join(err, d.truncate()))
	}
	d.size += int64(len(b))
	return nil
}

// truncate removes the incomplete line that a failed write left behind.
func (d *disk) truncate() error {
	if !d.torn {
		return nil
	}
	if err := d.records.Truncate(d.size); err != nil {
		return err
	}
	d.torn = false
	return nil
}

// writeHeads writes the current heads of feeds with their documents, and then removes the documents from the server. If
// a head has changed since the journal entry was added, there is a later entry for it. The files are written
// concurrently, since file systems combine concurrent syncs. A head with a lost document is written later, after the
// builder has committed the feed again. Until then it must not stop the writes of other feeds.
func (d *disk) writeHeads(ctx context.Context, names []feed.Name) error {
	for some := range slices.Chunk(names, writersAtOnce) {
		files, lost, err := d.readHeads(ctx, some)
		if err != nil {
			return err
		}
		var g errgroup.Group
		for i, f := range files {
			if lost[i] == nil {
				g.Go(func() error {
					if err := d.writeHead(ctx, f); err != nil {
						return fmt.Errorf("head of %s: %w", f.Head.Feed, err)
					}
					return nil
				})
			}
		}
		if err := g.Wait(); err != nil {
			return err
		}
		if err := durable.SyncDir(d.heads); err != nil {
			return fmt.Errorf("heads: %w", err)
		}
		if err := d.headsWritten(ctx, some, files, lost); err != nil {
			return err
		}
	}
	return nil
}

// readHeads reads heads with their documents from the server. The element of lost for a head is an error of kind
// errLostDocument if one of its documents was only in the previous file of the head, and that file was removed or is
// damaged.
func (d *disk) readHeads(ctx context.Context, names []feed.Name) (files []headFile, lost []error, err error) {
	heads, err := d.site.HeadsOf(ctx, names...)
	if err != nil {
		return nil, nil, err
	}
	blobs, err := d.readBlobs(ctx, heads)
	if err != nil {
		return nil, nil, err
	}
	files, lost = make([]headFile, len(heads)), make([]error, len(heads))
	for i, head := range heads {
		files[i].Head = head
		for _, doc := range head.Documents {
			b, ok := blobs[doc.Hash]
			if !ok {
				b, err = d.site.Blob(ctx, doc.Hash)
			}
			if errors.Is(err, feed.ErrNotFound) || errors.Is(err, feed.ErrInvalid) {
				// If the loss is already known, the builder may be uploading the document again.
				if !d.lost[head.Feed] {
					d.unloaded.lose(head.Feed, doc.Hash)
				}
				lost[i] = fmt.Errorf("%w: %w", errLostDocument, err)
				err = nil
				break
			}
			if err != nil {
				return nil, nil, fmt.Errorf("head of %s: %w", head.Feed, err)
			}
			files[i].Blobs = append(files[i].Blobs, b)
		}
	}
	return files, lost, nil
}

// readBlobs reads the documents of heads that have no brotli coding, in one round trip. It returns only documents that
// match their checksums.
func (d *disk) readBlobs(ctx context.Context, heads []feed.Head) (map[feed.Hash]feed.Blob, error) {
	refs := map[feed.Hash]feed.DocumentRef{}
	var hashes []feed.Hash
	for _, head := range heads {
		for _, doc := range head.Documents {
			if _, twice := refs[doc.Hash]; !twice && doc.GzipSum != "" && !doc.Brotli {
				refs[doc.Hash] = doc
				hashes = append(hashes, doc.Hash)
			}
		}
	}
	all, err := d.site.Blobs(ctx, hashes...)
	if err != nil {
		return nil, err
	}
	blobs := make(map[feed.Hash]feed.Blob, len(all))
	for _, b := range all {
		if ref, ok := refs[b.Hash]; ok && b.Size == ref.Length && feed.ChecksumOf(b.Gzip) == ref.GzipSum &&
			b.Bounds.Validate(b.Size) == nil {
			blobs[b.Hash] = b
		}
	}
	return blobs, nil
}

// headsWritten removes the documents of heads from the server after their files were written. If a head was not written
// because a document is lost, headsWritten makes the feed dirty, so that the builder commits it again.
func (d *disk) headsWritten(ctx context.Context, names []feed.Name, files []headFile, lost []error) error {
	written := make([]headFile, 0, len(files))
	for i, name := range names {
		switch {
		case lost[i] == nil:
			delete(d.lost, name)
			written = append(written, files[i])
			continue
		case d.lost[name]: // the feed is already dirty
			continue
		}
		if err := d.site.MarkDirty(ctx, name); err != nil {
			return err
		}
		d.lost[name] = true
		d.log.Error("a committed document cannot be read; the feed will be rebuilt", "feed", name, "error", lost[i])
	}
	return d.unloaded.unload(ctx, written...)
}

// errLostDocument means that a document of a head cannot be read.
var errLostDocument = errors.New("document lost")

// writeHead writes a head without syncing the folder.
func (d *disk) writeHead(ctx context.Context, f headFile) error {
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	if err := d.unloaded.reload(ctx, f.Head); err != nil {
		return err
	}
	return d.files.write(d.unloaded.path(f.Head.Feed), b, 0o600)
}

// close writes the remaining entries of the journal and closes the log of records.
func (d *disk) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), internalTimeout)
	defer cancel()
	err := d.sync(ctx)
	return errors.Join(err, d.saveDelivered(ctx), d.records.Close())
}
