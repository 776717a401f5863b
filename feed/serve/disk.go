package serve

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"feedpub/feed"
	"feedpub/feed/coding"
	"feedpub/feed/crash"
)

// Disk is a folder with the documents of one site, so that they are served after a restart without the store:
//
//	heads/SHA256-OF-FEED-NAME    a head as JSON, after a line with the SHA-256 of the rest
//	documents/HASH.gz, HASH.br   a document in each coding in which it is stored
//	histories/HASH               the differences to earlier versions, in the format of heads
//	stash/NUMBER                 editions that are not yet saved in the files above; see stash
//	lock
//
// Files are replaced atomically, documents before the head that refers to them, and are used only if their hash
// matches. A Disk can be used by one process and one [Replica] at a time.
type Disk struct {
	files Files
	dir   string
	// turn is held by the goroutine that uses the fields below. Documents may be read without it. It is a channel rather
	// than a mutex because the simulation delays file operations in virtual time.
	turn      chan struct{}
	lock      io.Closer
	documents map[feed.Hash]diskDocument // documents on disk
	heads     map[feed.Name]feed.Head    // heads on disk
	// replaced holds, for each feed, the replaced documents that have not been compared with their successors yet.
	replaced map[feed.Name][]feed.Hash
	// saved holds, for each feed, the number of the last stash file that the feed's own files supersede.
	saved map[feed.Name]int64

	stashes  atomic.Int64 // number of the last stash file
	stashing sync.Mutex   // guards stashed
	stashed  []stashFile
}

// diskDocument is the state of a document on disk.
type diskDocument struct {
	users  int32     // number of heads on disk that refer to it; 0 if it is to be removed
	stored codingSet // the codings in which it is on disk
}

// maxSaves is the maximum number of feeds written concurrently. Flushing many files takes little more time than
// flushing one.
const maxSaves = 8

// OpenDisk opens the folder of a site, and creates it if needed. The error is of kind [feed.ErrLocked] if another
// process has it open. The caller must close the Disk.
func OpenDisk(dir string) (*Disk, error) { return OpenDiskOn(osFiles{}, dir) }

// OpenDiskOn is like OpenDisk, but uses the given file system.
func OpenDiskOn(files Files, dir string) (*Disk, error) {
	d := &Disk{files: files, dir: dir, turn: make(chan struct{}, 1)}
	if err := d.open(); err != nil {
		return nil, fmt.Errorf("open documents: %w", err)
	}
	return d, nil
}

// open creates the folder if needed, locks it, and resets the record of what is on disk.
func (d *Disk) open() error {
	for _, sub := range d.folders() {
		if err := d.files.MkdirAll(sub); err != nil {
			return err
		}
	}
	lock, err := d.files.Lock(d.lockPath())
	if err != nil {
		return fmt.Errorf("lock %s: %w", d.dir, err)
	}
	d.lock = lock
	d.documents, d.heads = make(map[feed.Hash]diskDocument), make(map[feed.Name]feed.Head)
	d.replaced, d.saved = make(map[feed.Name][]feed.Hash), make(map[feed.Name]int64)
	d.stashing.Lock()
	d.stashed = nil
	d.stashing.Unlock()
	return nil
}

// take waits until no other goroutine uses the disk. The caller must call done when it no longer uses the disk.
func (d *Disk) take() (done func()) {
	d.turn <- struct{}{}
	return func() { <-d.turn }
}

// restoreFolder recreates the folder if all or part of it has been deleted. It reports whether it did so, in which case
// nothing is on disk.
func (d *Disk) restoreFolder() (restored bool, err error) {
	defer d.take()()
	deleted := false
	for _, path := range append(d.folders(), d.lockPath()) {
		if _, err := d.files.Size(path); errors.Is(err, fs.ErrNotExist) {
			deleted = true
		}
	}
	if !deleted {
		return false, nil
	}
	before := d.lock
	if _, err := d.files.Size(d.lockPath()); err == nil {
		// The lock file still exists, and this process holds the lock.
		if err := before.Close(); err != nil {
			return false, fmt.Errorf("restore the folder of documents: %w", err)
		}
	}
	if err := d.open(); err != nil {
		return false, fmt.Errorf("restore the folder of documents: %w", err)
	}
	_ = before.Close() // it does not matter if this fails: its file has been deleted, or is no longer locked
	return true, nil
}

// Close releases the lock of the folder.
func (d *Disk) Close() error {
	defer d.take()()
	if err := d.lock.Close(); err != nil {
		return fmt.Errorf("close documents: %w", err)
	}
	return nil
}

func (d *Disk) folders() []string {
	return []string{d.headDir(), d.documentDir(), d.historyDir(), d.stashDir()}
}
func (d *Disk) lockPath() string { return filepath.Join(d.dir, "lock") }

func (d *Disk) headDir() string     { return filepath.Join(d.dir, "heads") }
func (d *Disk) historyDir() string  { return filepath.Join(d.dir, "histories") }
func (d *Disk) documentDir() string { return filepath.Join(d.dir, "documents") }

// headPath hashes the name, because a feed name from a store may contain any characters and have any length.
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
	// Lengths holds the lengths of each document, by coding number. Comparing them with the file sizes reveals most damage
	// without reading the files.
	Lengths map[feed.Hash][coding.Count]int `json:"lengths"`
	// Bounds holds the bounds of each document's items.
	Bounds map[feed.Hash]feed.Bounds `json:"bounds,omitempty"`
	// Stash is the number of the last stash file that the edition supersedes.
	Stash int64 `json:"stash,omitempty"`
}

// load returns the editions on disk, and errors for damaged editions, which it treats as not on disk. It reads only the
// main feed's documents and those in the stash; other documents are read and checked when they are first requested. If
// there are no errors, load removes files that no head refers to, which a crash may have left behind. It also returns
// the feeds whose editions are only in the stash. If elsewhere is not nil and returns true for a feed, load removes the
// feed's edition from the disk instead of returning it.
func (d *Disk) load(elsewhere func(feed.Name) bool) (editions map[feed.Name]*edition, stashed []feed.Name, problems []error) {
	defer d.take()()
	names, err := d.files.List(d.headDir())
	if err != nil {
		return nil, nil, []error{fmt.Errorf("load documents: %w", err)}
	}
	if elsewhere == nil {
		elsewhere = func(feed.Name) bool { return false }
	}
	editions = make(map[feed.Name]*edition)
	for _, name := range names {
		if strings.HasPrefix(name, ".") {
			continue // a temporary file
		}
		e, err := d.loadEdition(filepath.Join(d.headDir(), name))
		if err != nil {
			problems = append(problems, fmt.Errorf("load documents: %w", err))
			continue
		}
		if elsewhere(e.head.Feed) {
			if err := d.remove(filepath.Join(d.headDir(), name)); err != nil {
				problems = append(problems, fmt.Errorf("load documents: %w", err))
			}
			continue
		}
		editions[e.head.Feed] = e
		d.note(e)
	}
	stashed, damaged := d.loadStash(editions)
	stashed = slices.DeleteFunc(stashed, elsewhere)
	maps.DeleteFunc(editions, func(name feed.Name, _ *edition) bool { return elsewhere(name) })
	if problems = append(problems, damaged...); len(problems) == 0 {
		problems = d.sweep()
	}
	return editions, stashed, problems
}

func (d *Disk) loadEdition(path string) (*edition, error) {
	var head savedHead
	if err := d.readSummed(path, &head); err != nil {
		return nil, fmt.Errorf("head %s: %w", path, err)
	}
	if path != d.headPath(head.Feed) {
		return nil, fmt.Errorf("head %s belongs to feed %q: %w", path, head.Feed, feed.ErrInvalid)
	}
	if err := checkHead(head.Head); err != nil {
		return nil, err
	}
	head.Compact()
	e := &edition{head: head.Head, compared: true, durable: true, stash: head.Stash}
	d.stashes.Store(max(d.stashes.Load(), head.Stash))
	for i := range head.Documents {
		ref := &head.Documents[i]
		lengths, err := d.checkLengths(ref.Hash, head.Lengths[ref.Hash])
		if err != nil {
			return nil, fmt.Errorf("head of %s: document %s: %w", head.Feed, ref.Hash, err)
		}
		doc := describe(head.Feed, ref, lengths)
		doc.withdrawn = isWithdrawn(head.Head)
		doc.bounds = head.Bounds[ref.Hash]
		if err := doc.bounds.Validate(ref.Length); err != nil {
			return nil, fmt.Errorf("head of %s: document %s: %w", head.Feed, ref.Hash, err)
		}
		doc.saved = true
		if head.Feed == feed.Main {
			c, err := d.read(*ref, doc.stored)
			if err != nil {
				return nil, fmt.Errorf("head of %s: %w", head.Feed, err)
			}
			doc.payload.Store(doc.payloadOf(c))
		}
		e.documents = append(e.documents, doc)
	}
	return e, nil
}

// checkLengths compares the lengths of a document's files with the lengths in its head. It returns the lengths for the
// codings whose files match. Gzip must be one of them.
func (d *Disk) checkLengths(hash feed.Hash, lengths [coding.Count]int) ([coding.Count]int, error) {
	for _, c := range coding.Compressed() {
		if lengths[c] == 0 && c != coding.Gzip {
			continue
		}
		size, err := d.files.Size(d.documentPath(hash, c))
		if err == nil && size != int64(lengths[c]) {
			err = fmt.Errorf("the file has %d bytes, not %d: %w", size, lengths[c], feed.ErrInvalid)
		}
		if err != nil && c == coding.Gzip {
			return lengths, err
		}
		if err != nil {
			lengths[c] = 0 // the document is served without this coding
		}
	}
	return lengths, nil
}

// read returns the contents of a document that is stored in the given codings. It is safe for concurrent use with other
// methods. The error is of kind [feed.ErrInvalid] if they are damaged, and [fs.ErrNotExist] if they are missing.
func (d *Disk) read(ref feed.DocumentRef, stored codingSet) (contents, error) {
	var found contents
	for _, c := range coding.Compressed() {
		if !stored[c] {
			continue
		}
		body, err := d.files.ReadFile(d.documentPath(ref.Hash, c))
		if err != nil {
			return contents{}, err
		}
		if err := check(c, body, ref); err != nil {
			return contents{}, err
		}
		found.bodies[c] = body
	}
	h := new(history)
	if err := d.readSummed(d.historyPath(ref.Hash), h); err == nil { // without a history, clients receive the whole document
		found.history = h
	}
	return found, nil
}

// repair replaces the copy of a document. It is safe for concurrent use with other methods: a copy that no head refers
// to is removed at the next start.
func (d *Disk) repair(hash feed.Hash, b bodies) error {
	var errs []error
	for _, c := range coding.Compressed() {
		if b[c] != nil {
			errs = append(errs, d.files.Replace(d.documentPath(hash, c), b[c]))
		}
	}
	return errors.Join(append(errs, d.files.SyncDir(d.documentDir()))...)
}

// readSummed decodes the JSON in a file into v. The first line of the file is the hash of the JSON that follows it.
func (d *Disk) readSummed(path string, v any) error {
	data, err := d.files.ReadFile(path)
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

// writeSummed writes a file in the format that readSummed reads. The file is durable once its folder has been synced.
func (d *Disk) writeSummed(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return d.files.Replace(path, append([]byte(feed.HashOf(text)+"\n"), text...))
}

// save writes editions of different feeds, and removes the documents that they replace, once these have been compared
// with the new ones. Documents that are neither in memory nor on disk are loaded from the store. It returns one error
// for each edition, nil if the edition or a later one is on disk. Saving many editions in one call is cheaper, because
// each folder is synced only once.
func (d *Disk) save(editions ...*edition) []error {
	defer d.take()()
	var current []*edition
	var indexes []int // for each element of current, its index in editions
	for i, e := range editions {
		if !d.heads[e.head.Feed].Later(e.head) { // otherwise a later edition was saved while this one waited for its turn
			current, indexes = append(current, e), append(indexes, i)
		}
	}
	errs := make([]error, len(editions))
	for i, err := range d.saveNow(current) {
		errs[indexes[i]] = err
	}
	return errs
}

// saveNow is like save, but the editions must not be earlier than those on disk. The caller must hold the turn.
func (d *Disk) saveNow(editions []*edition) []error {
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
			if err := d.files.SyncDir(dir); err != nil {
				each(func(*edition) error { return err })
			}
		}
	}
	each(d.saveDocuments)
	sync(d.documentDir(), d.historyDir())
	crash.At(crash.DiskDocuments)
	each(d.saveHead)
	sync(d.headDir())
	crash.At(crash.DiskHead)
	for i, e := range editions {
		if errs[i] == nil {
			for _, ref := range d.heads[e.head.Feed].Documents {
				d.replaced[e.head.Feed] = append(d.replaced[e.head.Feed], ref.Hash)
			}
			d.note(e)
		}
	}
	for i, e := range editions { // after recording all editions, because one may use a document that another has replaced
		if errs[i] == nil && e.compared {
			errs[i] = d.forget(e.head.Feed)
		}
		if errs[i] != nil {
			errs[i] = fmt.Errorf("save documents of %s: %w", e.head.Feed, errs[i])
		}
	}
	d.removeStashes()
	return errs
}

// saveDocuments writes the histories of an edition, and any of its documents that are not yet on disk.
func (d *Disk) saveDocuments(e *edition) error {
	for _, doc := range e.documents {
		hash, p := doc.ref.Hash, doc.payload.Load()
		before := d.documents[hash]
		used := before.users > 0
		if p == nil && used {
			continue
		}
		if p == nil { // the folder was deleted after the document was dropped from memory
			var err error
			if _, p, err = doc.load(); err != nil {
				return fmt.Errorf("document %s is neither in memory nor on disk: %w", hash, err)
			}
		}
		for _, c := range coding.Compressed() {
			if p.bodies[c] == nil || used && before.stored[c] {
				continue
			}
			if err := d.files.Replace(d.documentPath(hash, c), p.bodies[c]); err != nil {
				return err
			}
		}
		// A history is read only for its document, so it may be written before the head.
		if p.history != nil {
			if err := d.writeSummed(d.historyPath(hash), p.history); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Disk) saveHead(e *edition) error {
	return d.writeSummed(d.headPath(e.head.Feed), savedHeadOf(e))
}

func savedHeadOf(e *edition) savedHead {
	lengths := make(map[feed.Hash][coding.Count]int, len(e.documents))
	bounds := make(map[feed.Hash]feed.Bounds, len(e.documents))
	for _, doc := range e.documents {
		lengths[doc.ref.Hash] = doc.lengths
		if len(doc.bounds) > 0 {
			bounds[doc.ref.Hash] = doc.bounds
		}
	}
	return savedHead{e.head, lengths, bounds, e.stash}
}

// forget removes a feed's replaced documents from the disk, except those that a head still refers to.
func (d *Disk) forget(name feed.Name) error {
	var errs []error
	for _, hash := range d.replaced[name] {
		if d.documents[hash].users == 0 {
			for _, c := range coding.Compressed() {
				errs = append(errs, d.remove(d.documentPath(hash, c)))
			}
			errs = append(errs, d.remove(d.historyPath(hash)))
			delete(d.documents, hash)
		}
	}
	delete(d.replaced, name)
	return errors.Join(errs...)
}

// note records that e is on disk, in place of the earlier edition of its feed.
func (d *Disk) note(e *edition) {
	head := e.head
	for _, doc := range e.documents {
		saved := d.documents[doc.ref.Hash]
		for c, here := range doc.stored {
			saved.stored[c] = saved.stored[c] || here
		}
		saved.users++
		d.documents[doc.ref.Hash] = saved
	}
	for _, ref := range d.heads[head.Feed].Documents {
		before := d.documents[ref.Hash]
		before.users--
		d.documents[ref.Hash] = before
	}
	d.heads[head.Feed] = head
	d.saved[head.Feed] = max(d.saved[head.Feed], e.stash)
}

// sweep removes the files that no head on disk refers to.
func (d *Disk) sweep() []error {
	var problems []error
	for _, dir := range d.folders() {
		names, err := d.files.List(dir)
		if err != nil {
			problems = append(problems, fmt.Errorf("load documents: %w", err))
			continue
		}
		for _, name := range names {
			hash, isDocument := name, false
			for _, c := range coding.Compressed() {
				if base, ok := strings.CutSuffix(name, c.Extension()); ok {
					hash, isDocument = base, true
				}
			}
			temporary := strings.HasPrefix(name, ".")
			isHistory := dir == d.historyDir()
			unused := (isDocument && dir == d.documentDir() || isHistory) && d.documents[feed.Hash(hash)].users == 0
			if !temporary && !unused {
				continue
			}
			if err := d.remove(filepath.Join(dir, name)); err != nil {
				problems = append(problems, fmt.Errorf("load documents: %w", err))
			}
		}
	}
	return problems
}

// remove removes an unused file. The removal is not durable: sweep repeats it after a crash.
func (d *Disk) remove(path string) error {
	if err := d.files.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
