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

// Disk is a folder with the documents of one site, so that they are served after a restart without the store:
//
//	heads/SHA256-OF-FEED-NAME    a head as JSON, after a line with the SHA-256 of the rest
//	documents/HASH.gz, HASH.br   a document in gzip and perhaps in brotli coding
//	histories/HASH               the differences to earlier versions, in the format of heads
//	lock
//
// Files are replaced atomically, documents before the head that names them, and are used only if their hash is right. A
// Disk belongs to one process and one [Replica].
type Disk struct {
	dir  string
	lock *flock.Flock
	// The fields below are used by one goroutine at a time. Documents may be read concurrently.

	// users counts the heads on disk that name a document. A document without an entry is not on disk.
	users map[feed.Hash]int
	heads map[feed.Name]feed.Head // on disk
	// brotli has the documents that are on disk in brotli coding too.
	brotli map[feed.Hash]bool
	// replaced has the documents by feed whose successors have not been compared with them yet.
	replaced map[feed.Name][]feed.Hash
}

const (
	dirMode  = 0o750
	fileMode = 0o640
	// maxSaves is how many feeds are written concurrently. A disk flushes many files in little more time than one.
	maxSaves = 8
)

// OpenDisk opens the folder of a site, and creates it if needed. The error is of kind [feed.ErrLocked] if another
// process has it open. The caller closes the Disk.
func OpenDisk(dir string) (*Disk, error) {
	d := &Disk{dir: dir, users: make(map[feed.Hash]int), heads: make(map[feed.Name]feed.Head),
		brotli: make(map[feed.Hash]bool), replaced: make(map[feed.Name][]feed.Hash)}
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

// Close releases the lock of the folder.
func (d *Disk) Close() error {
	if err := d.lock.Unlock(); err != nil {
		return fmt.Errorf("close documents: %w", err)
	}
	return nil
}

func (d *Disk) headDir() string     { return filepath.Join(d.dir, "heads") }
func (d *Disk) historyDir() string  { return filepath.Join(d.dir, "histories") }
func (d *Disk) documentDir() string { return filepath.Join(d.dir, "documents") }

// headPath hashes the name, because a feed name from a store may have any characters and length.
func (d *Disk) headPath(name feed.Name) string {
	return filepath.Join(d.headDir(), string(feed.HashOf([]byte(name))))
}

// historyPath and documentPath are safe only for hashes that [checkHead] has accepted.
func (d *Disk) historyPath(hash feed.Hash) string { return filepath.Join(d.historyDir(), string(hash)) }

func (d *Disk) documentPath(hash feed.Hash, c coding.Coding) string {
	return filepath.Join(d.documentDir(), string(hash)+c.Extension())
}

// savedHead is a head on disk.
type savedHead struct {
	feed.Head
	// Packed and Brotli are the lengths of the files in gzip and brotli coding, which show most damage without reading them.
	Packed map[feed.Hash]int `json:"packed"`
	Brotli map[feed.Hash]int `json:"brotli,omitempty"`
	// Bounds are those of the documents' items.
	Bounds map[feed.Hash]feed.Bounds `json:"bounds,omitempty"`
}

// load returns the editions on disk, and errors for those that are damaged, which it forgets. Only the main feed's
// documents are read, because many requests wait for them; others are read and checked when they are first requested.
// Unless there are errors it removes the files that no head names, which a crash may have left.
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
		info, err := os.Stat(d.documentPath(ref.Hash, coding.Gzip))
		if err != nil {
			return nil, fmt.Errorf("head of %s: %w", head.Feed, err)
		}
		packed := head.Packed[ref.Hash]
		if int64(packed) != info.Size() {
			return nil, fmt.Errorf("head of %s: document %s has %d bytes, not %d: %w",
				head.Feed, ref.Hash, info.Size(), packed, feed.ErrInvalid)
		}
		brotli := head.Brotli[ref.Hash]
		if info, err := os.Stat(d.documentPath(ref.Hash, coding.Brotli)); err != nil || info.Size() != int64(brotli) {
			brotli = 0 // serve it without
		}
		doc := describe(head.Feed, ref, packed, brotli, now)
		doc.bounds = head.Bounds[ref.Hash]
		if err := doc.bounds.Validate(ref.Length); err != nil {
			return nil, fmt.Errorf("head of %s: document %s: %w", head.Feed, ref.Hash, err)
		}
		doc.saved = true
		if head.Feed == feed.Main {
			c, err := d.read(ref, brotli > 0)
			if err != nil {
				return nil, fmt.Errorf("head of %s: %w", head.Feed, err)
			}
			doc.held.Store(doc.payloadOf(c))
		}
		e.documents = append(e.documents, doc)
	}
	return e, nil
}

// read returns the contents of a document, in brotli coding too if br is set. It is safe for concurrent use with other
// methods. The error is of kind [feed.ErrInvalid] if they are damaged and [fs.ErrNotExist] if there are none.
func (d *Disk) read(ref feed.DocumentRef, br bool) (contents, error) {
	var c contents
	var err error
	if c.gzip, err = os.ReadFile(d.documentPath(ref.Hash, coding.Gzip)); err != nil {
		return contents{}, err
	}
	if err := coding.Gzip.Check(c.gzip, ref.Hash, ref.Length); err != nil {
		return contents{}, err
	}
	if br {
		if c.brotli, err = os.ReadFile(d.documentPath(ref.Hash, coding.Brotli)); err != nil {
			return contents{}, err
		}
		if err := coding.Brotli.Check(c.brotli, ref.Hash, ref.Length); err != nil {
			return contents{}, err
		}
	}
	hist := new(history)
	if err := readSummed(d.historyPath(ref.Hash), hist); err == nil { // without one, clients receive the whole document
		c.history = hist
	}
	return c, nil
}

// repair replaces the copy of a document. It is safe for concurrent use with other methods: a copy that no head names
// is removed at the next start.
func (d *Disk) repair(b feed.Blob) error {
	err := durable.WriteFile(d.documentPath(b.Hash, coding.Gzip), b.Gzip, fileMode)
	if b.Brotli != nil {
		err = errors.Join(err, durable.WriteFile(d.documentPath(b.Hash, coding.Brotli), b.Brotli, fileMode))
	}
	return err
}

// readSummed reads JSON that follows a line with its hash.
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

// writeSummed writes the format of readSummed. The file is durable when its folder has been synced.
func writeSummed(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return durable.Replace(path, append([]byte(feed.HashOf(text)+"\n"), text...), fileMode)
}

// save writes editions of different feeds and removes the documents that they replace once they have been compared with
// them. Documents that are not in memory are on disk already. It returns one error for each edition, nil if it is on
// disk. Saving many editions at a time is cheaper, because folders are synced once for all.
func (d *Disk) save(editions ...*edition) []error {
	errs := make([]error, len(editions))
	each := func(step func(e *edition) error) {
		var g errgroup.Group
		g.SetLimit(maxSaves)
		for i, e := range editions {
			if errs[i] == nil {
				g.Go(func() error {
					errs[i] = step(e)
					return nil
				})
			}
		}
		_ = g.Wait() // the errors are in errs
	}
	sync := func(dirs ...string) {
		for _, dir := range dirs {
			if err := durable.SyncDir(dir); err != nil {
				each(func(*edition) error { return err })
			}
		}
	}
	each(d.saveDocuments)
	sync(d.documentDir(), d.historyDir())
	each(d.saveHead)
	sync(d.headDir())
	for i, e := range editions {
		if errs[i] == nil {
			for _, ref := range d.heads[e.head.Feed].Documents {
				d.replaced[e.head.Feed] = append(d.replaced[e.head.Feed], ref.Hash)
			}
			d.note(e)
		}
	}
	for i, e := range editions { // after all are recorded, since one may use what another has replaced
		if errs[i] == nil && e.compared {
			errs[i] = d.forget(e.head.Feed)
		}
		if errs[i] != nil {
			errs[i] = fmt.Errorf("save documents of %s: %w", e.head.Feed, errs[i])
		}
	}
	return errs
}

// saveDocuments writes histories, and the documents that are not on disk.
func (d *Disk) saveDocuments(e *edition) error {
	for _, doc := range e.documents {
		h := doc.held.Load()
		if d.users[doc.ref.Hash] == 0 {
			if h == nil {
				return fmt.Errorf("document %s is neither in memory nor on disk: %w", doc.ref.Hash, feed.ErrNotFound)
			}
			if err := durable.Replace(d.documentPath(doc.ref.Hash, coding.Gzip), h.gzip, fileMode); err != nil {
				return err
			}
		}
		if h != nil && h.brotli != nil && !d.brotli[doc.ref.Hash] {
			if err := durable.Replace(d.documentPath(doc.ref.Hash, coding.Brotli), h.brotli, fileMode); err != nil {
				return err
			}
		}
		// A history is read only for its document, so it may be written before the head.
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
	bounds := make(map[feed.Hash]feed.Bounds, len(e.documents))
	for _, doc := range e.documents {
		packed[doc.ref.Hash] = doc.packed
		if len(doc.bounds) > 0 {
			bounds[doc.ref.Hash] = doc.bounds
		}
		if doc.brotli > 0 {
			brotli[doc.ref.Hash] = doc.brotli
		}
	}
	return writeSummed(d.headPath(e.head.Feed), savedHead{e.head, packed, brotli, bounds})
}

// forget removes the replaced documents of a feed that no head names.
func (d *Disk) forget(name feed.Name) error {
	var errs []error
	for _, hash := range d.replaced[name] {
		if d.users[hash] == 0 {
			errs = append(errs, d.remove(d.documentPath(hash, coding.Gzip)),
				d.remove(d.documentPath(hash, coding.Brotli)), d.remove(d.historyPath(hash)))
			delete(d.brotli, hash)
		}
	}
	delete(d.replaced, name)
	return errors.Join(errs...)
}

// note records that e is on disk, in place of the earlier edition of its feed.
func (d *Disk) note(e *edition) {
	head := e.head
	for _, doc := range e.documents {
		if doc.brotli > 0 {
			d.brotli[doc.ref.Hash] = true
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

// sweep removes the files that no head on disk names.
func (d *Disk) sweep() []error {
	var problems []error
	for _, dir := range []string{d.headDir(), d.documentDir(), d.historyDir()} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			problems = append(problems, fmt.Errorf("load documents: %w", err))
			continue
		}
		for _, entry := range entries {
			hash, isDocument := strings.CutSuffix(entry.Name(), coding.Gzip.Extension())
			if !isDocument {
				hash, isDocument = strings.CutSuffix(entry.Name(), coding.Brotli.Extension())
			}
			temporary := strings.HasPrefix(entry.Name(), ".")
			isHistory := dir == d.historyDir()
			unused := (isDocument && dir == d.documentDir() || isHistory) && d.users[feed.Hash(hash)] == 0
			if !temporary && !unused {
				continue
			}
			if err := d.remove(filepath.Join(dir, entry.Name())); err != nil {
				problems = append(problems, fmt.Errorf("load documents: %w", err))
			}
		}
	}
	return problems
}

// remove removes an unused file. The removal is not durable: sweep repeats it after a crash.
func (d *Disk) remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
