package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sync/errgroup"

	"feedpub/feed"
	"feedpub/feed/coding"
	"feedpub/feed/durable"
)

// Disk is a folder that holds what one site serves, so that it is served after a restart without the store:
//
//	heads/SHA256-OF-THE-FEED'S-NAME   a head as JSON, after a line with the SHA-256 of the rest
//	documents/HASH.gz, HASH.br        a document in gzip coding and, if it is quiet, in brotli coding
//	histories/HASH                    what is new in it since earlier versions, as JSON after such a line
//	lock
//
// Files are written whole, documents before the head that needs them, and nothing that is read from them is believed
// unless its hash is right. A Disk belongs to one process and is used by one [Replica].
type Disk struct {
	dir  string
	lock *flock.Flock
	// The rest is used by one goroutine at a time. Documents may be read meanwhile.

	// users counts the heads on the disk that need a document; one with no entry is not on the disk.
	users map[feed.Hash]int
	heads map[feed.Name]feed.Head // on the disk
	// packed are the documents that the disk holds in brotli coding too.
	packed map[feed.Hash]bool
	// replaced are documents of feeds whose successors have not been compared with them yet.
	replaced map[feed.Name][]feed.Hash
}

const (
	dirMode  = 0o750
	fileMode = 0o640
	// savesAtOnce is how many feeds are written side by side: a disk flushes many files in little more time than one.
	savesAtOnce = 8
)

// OpenDisk opens the folder for one site, and makes it if needed. The error is of kind [feed.ErrLocked] if another
// process has it open. Close gives it back.
func OpenDisk(dir string) (*Disk, error) {
	d := &Disk{dir: dir, users: make(map[feed.Hash]int), heads: make(map[feed.Name]feed.Head),
		packed: make(map[feed.Hash]bool), replaced: make(map[feed.Name][]feed.Hash)}
	for _, sub := range []string{d.headDir(), d.documentDir(), d.historyDir()} {
		if err := os.MkdirAll(sub, dirMode); err != nil {
			return nil, fmt.Errorf("open documents: %w", err)
		}
	}
	d.lock = flock.New(filepath.Join(dir, "lock"), flock.SetPermissions(fileMode))
	ok, err := d.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("open documents: lock %s: %w", dir, err)
	}
	if !ok {
		return nil, fmt.Errorf("open documents: another process uses %s: %w", dir, feed.ErrLocked)
	}
	return d, nil
}

// Close lets another process open the folder.
func (d *Disk) Close() error {
	if err := d.lock.Unlock(); err != nil {
		return fmt.Errorf("close documents: %w", err)
	}
	return nil
}

func (d *Disk) headDir() string     { return filepath.Join(d.dir, "heads") }
func (d *Disk) historyDir() string  { return filepath.Join(d.dir, "histories") }
func (d *Disk) documentDir() string { return filepath.Join(d.dir, "documents") }

// headPath hashes the name, since a feed's name may be anything that a store says, and longer than a file's may be.
func (d *Disk) headPath(name feed.Name) string {
	return filepath.Join(d.headDir(), string(feed.HashOf([]byte(name))))
}

// historyPath is only for hashes that [checkHead] has let through.
func (d *Disk) historyPath(hash feed.Hash) string { return filepath.Join(d.historyDir(), string(hash)) }

const (
	documentSuffix = ".gz"
	brotliSuffix   = ".br"
)

// brotliPath is like historyPath.
func (d *Disk) brotliPath(hash feed.Hash) string {
	return filepath.Join(d.documentDir(), string(hash)+brotliSuffix)
}

// documentPath is like historyPath.
func (d *Disk) documentPath(hash feed.Hash) string {
	return filepath.Join(d.documentDir(), string(hash)+documentSuffix)
}

// savedHead is a head as it is on the disk.
type savedHead struct {
	feed.Head
	// Packed and Brotli are the lengths of the documents' files, by which most damage is seen without reading them.
	Packed map[feed.Hash]int `json:"packed"`
	Brotli map[feed.Hash]int `json:"brotli,omitempty"`
}

// load returns the editions that the disk holds, and what is wrong with the others. Only the main feed's documents are
// read, for many wait for them; the others' are when they are needed, which is when they are compared with their hashes.
// It forgets what is wrong and, unless there is any, removes files that nothing needs, which a crash may have left.
func (d *Disk) load(now time.Time) (map[feed.Name]*edition, []error) {
	var problems []error
	entries, err := os.ReadDir(d.headDir())
	if err != nil {
		return nil, []error{fmt.Errorf("load documents: %w", err)}
	}
	editions := make(map[feed.Name]*edition)
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue // a temporary file
		}
		e, err := d.loadEdition(filepath.Join(d.headDir(), entry.Name()), now)
		if err != nil {
			problems = append(problems, fmt.Errorf("load documents: %w", err))
			continue
		}
		editions[e.head.Feed] = e
		d.note(e)
	}
	if len(problems) == 0 {
		problems = d.sweep()
	}
	return editions, problems
}

func (d *Disk) loadEdition(path string, now time.Time) (*edition, error) {
	var head savedHead
	if err := readSummed(path, &head); err != nil {
		return nil, fmt.Errorf("head %s: %w", path, err)
	}
	if path != d.headPath(head.Feed) {
		return nil, fmt.Errorf("head %s: is that of %q: %w", path, head.Feed, feed.ErrInvalid)
	}
	if err := checkHead(head.Head); err != nil {
		return nil, err
	}
	e := &edition{head: head.Head, compared: true}
	for _, ref := range head.Documents {
		info, err := os.Stat(d.documentPath(ref.Hash))
		if err != nil {
			return nil, fmt.Errorf("head of %s: %w", head.Feed, err)
		}
		packed := head.Packed[ref.Hash]
		if int64(packed) != info.Size() {
			return nil, fmt.Errorf("head of %s: document %s has %d bytes, not %d: %w", head.Feed, ref.Hash, info.Size(), packed, feed.ErrInvalid)
		}
		brotli := head.Brotli[ref.Hash]
		if info, err := os.Stat(d.brotliPath(ref.Hash)); err != nil || info.Size() != int64(brotli) {
			brotli = 0 // it can do without
		}
		doc := describe(head.Feed, ref, packed, brotli, now)
		doc.saved = true
		if head.Feed == feed.Main {
			c, err := d.read(ref, brotli > 0)
			if err != nil {
				return nil, fmt.Errorf("head of %s: %w", head.Feed, err)
			}
			doc.held.Store(doc.holding(c))
		}
		e.documents = append(e.documents, doc)
	}
	return e, nil
}

// read returns what the disk holds of a document, in brotli coding too if br is set. It may be called at any time. The
// error is of kind [feed.ErrInvalid] if the bytes are not what they should be, and [fs.ErrNotExist] if there are none.
func (d *Disk) read(ref feed.DocumentRef, br bool) (contents, error) {
	var c contents
	var err error
	if c.gzip, err = os.ReadFile(d.documentPath(ref.Hash)); err != nil {
		return contents{}, err
	}
	if err := coding.Gzip.Check(c.gzip, ref.Hash, ref.Length); err != nil {
		return contents{}, err
	}
	if br {
		if c.brotli, err = os.ReadFile(d.brotliPath(ref.Hash)); err != nil {
			return contents{}, err
		}
		if err := coding.Brotli.Check(c.brotli, ref.Hash, ref.Length); err != nil {
			return contents{}, err
		}
	}
	hist := new(history)
	if err := readSummed(d.historyPath(ref.Hash), hist); err == nil { // without one, readers get the whole
		c.history = hist
	}
	return c, nil
}

// mend puts right the copy of a document. It may be called at any time: a copy that nothing needs any more is removed
// with the next start.
func (d *Disk) mend(b feed.Blob) error {
	err := durable.WriteFile(d.documentPath(b.Hash), b.Gzip, fileMode)
	if b.Brotli != nil {
		err = errors.Join(err, durable.WriteFile(d.brotliPath(b.Hash), b.Brotli, fileMode))
	}
	return err
}

// readSummed reads JSON that stands after a line with the hash of the rest.
func readSummed(path string, v any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	sum, text, _ := bytes.Cut(data, []byte("\n"))
	if feed.Hash(sum) != feed.HashOf(text) {
		return fmt.Errorf("damaged: %w", feed.ErrInvalid)
	}
	if err := json.Unmarshal(text, v); err != nil {
		return fmt.Errorf("%w: %w", err, feed.ErrInvalid)
	}
	return nil
}

// writeSummed writes what readSummed reads. It is durable once the folder is synced.
func writeSummed(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return durable.Replace(path, append([]byte(feed.HashOf(text)+"\n"), text...), fileMode)
}

// save makes editions of different feeds what the disk holds of them, and removes the documents that nothing needs any
// more: those that an edition took the place of, once it has been compared with them. Documents that are not in memory
// are there already. It returns an error for each edition, nil for those that are on the disk now. Many at a time cost
// less, since what a crash would undo is flushed for all together.
func (d *Disk) save(editions ...*edition) []error {
	errs := make([]error, len(editions))
	each := func(what func(e *edition) error) {
		var g errgroup.Group
		g.SetLimit(savesAtOnce)
		for i, e := range editions {
			if errs[i] == nil {
				g.Go(func() error {
					errs[i] = what(e)
					return nil
				})
			}
		}
		_ = g.Wait() // each error is kept with its edition
	}
	flushed := func(dirs ...string) {
		for _, dir := range dirs {
			if err := durable.SyncDir(dir); err != nil {
				each(func(*edition) error { return err })
			}
		}
	}
	each(d.saveDocuments)
	flushed(d.documentDir(), d.historyDir())
	each(d.saveHead)
	flushed(d.headDir())
	for i, e := range editions {
		if errs[i] == nil {
			for _, ref := range d.heads[e.head.Feed].Documents {
				d.replaced[e.head.Feed] = append(d.replaced[e.head.Feed], ref.Hash)
			}
			d.note(e)
		}
	}
	for i, e := range editions { // when all are noted, for one may need what another has replaced
		if errs[i] == nil && e.compared {
			errs[i] = d.forget(e.head.Feed)
		}
		if errs[i] != nil {
			errs[i] = fmt.Errorf("save documents of %s: %w", e.head.Feed, errs[i])
		}
	}
	return errs
}

// saveDocuments writes the documents that the disk does not hold, and histories.
func (d *Disk) saveDocuments(e *edition) error {
	for _, doc := range e.documents {
		h := doc.held.Load()
		if d.users[doc.ref.Hash] == 0 {
			if h == nil {
				return fmt.Errorf("document %s is neither in memory nor on the disk: %w", doc.ref.Hash, feed.ErrNotFound)
			}
			if err := durable.Replace(d.documentPath(doc.ref.Hash), h.gzip, fileMode); err != nil {
				return err
			}
		}
		if h != nil && h.brotli != nil && !d.packed[doc.ref.Hash] {
			if err := durable.Replace(d.brotliPath(doc.ref.Hash), h.brotli, fileMode); err != nil {
				return err
			}
		}
		// A history is looked at only for the document that it is of, so it may come before the head.
		if h != nil && h.history != nil {
			if err := writeSummed(d.historyPath(doc.ref.Hash), h.history); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Disk) saveHead(e *edition) error {
	packed, brotli := make(map[feed.Hash]int, len(e.documents)), make(map[feed.Hash]int)
	for _, doc := range e.documents {
		packed[doc.ref.Hash] = doc.packed
		if doc.brotli > 0 {
			brotli[doc.ref.Hash] = doc.brotli
		}
	}
	return writeSummed(d.headPath(e.head.Feed), savedHead{e.head, packed, brotli})
}

// forget removes the replaced documents of a feed that nothing else needs.
func (d *Disk) forget(name feed.Name) error {
	var errs []error
	for _, hash := range d.replaced[name] {
		if d.users[hash] == 0 {
			errs = append(errs, d.remove(d.documentPath(hash)), d.remove(d.brotliPath(hash)), d.remove(d.historyPath(hash)))
			delete(d.packed, hash)
		}
	}
	delete(d.replaced, name)
	return errors.Join(errs...)
}

// note records that the disk holds e, in place of what it held of the feed.
func (d *Disk) note(e *edition) {
	head := e.head
	for _, doc := range e.documents {
		if doc.brotli > 0 {
			d.packed[doc.ref.Hash] = true
		}
	}
	for _, ref := range head.Documents {
		d.users[ref.Hash]++
	}
	for _, ref := range d.heads[head.Feed].Documents {
		if d.users[ref.Hash]--; d.users[ref.Hash] == 0 {
			delete(d.users, ref.Hash)
		}
	}
	d.heads[head.Feed] = head
}

// sweep removes the files that no head on the disk needs.
func (d *Disk) sweep() []error {
	var problems []error
	for _, dir := range []string{d.headDir(), d.documentDir(), d.historyDir()} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			problems = append(problems, fmt.Errorf("load documents: %w", err))
			continue
		}
		for _, entry := range entries {
			hash, isDocument := strings.CutSuffix(entry.Name(), documentSuffix)
			if !isDocument {
				hash, isDocument = strings.CutSuffix(entry.Name(), brotliSuffix)
			}
			temporary := strings.HasPrefix(entry.Name(), ".")
			isHistory := dir == d.historyDir()
			needless := (isDocument && dir == d.documentDir() || isHistory) && d.users[feed.Hash(hash)] == 0
			if !temporary && !needless {
				continue
			}
			if err := d.remove(filepath.Join(dir, entry.Name())); err != nil {
				problems = append(problems, fmt.Errorf("load documents: %w", err))
			}
		}
	}
	return problems
}

// remove removes a file that nothing needs. It is not made durable: what comes back after a crash is swept up again.
func (d *Disk) remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
