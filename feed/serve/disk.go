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

	"feedpub/feed"
	"feedpub/feed/durable"
)

// Disk is a folder that holds what one site serves, so that it is served after a restart without the store:
//
//	heads/SHA256-OF-THE-FEED'S-NAME   a head as JSON, after a line with the SHA-256 of the rest
//	documents/HASH.gz                 a document in gzip coding
//	histories/SHA256-OF-THE-NAME      what is new in its documents since earlier versions, in the same way
//	lock
//
// Files are written whole, documents before the head that needs them, and nothing that is read from them is believed
// unless its hash is right. A Disk belongs to one process and is used by one [Replica].
type Disk struct {
	dir  string
	lock *flock.Flock
	// users counts the heads on the disk that need a document; one with no entry is not on the disk.
	users map[feed.Hash]int
	heads map[feed.Name]feed.Head // on the disk
}

const (
	dirMode  = 0o750
	fileMode = 0o640
)

// OpenDisk opens the folder for one site, and makes it if needed. The error is of kind [feed.ErrLocked] if another
// process has it open. Close gives it back.
func OpenDisk(dir string) (*Disk, error) {
	d := &Disk{dir: dir, users: make(map[feed.Hash]int), heads: make(map[feed.Name]feed.Head)}
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

// historyPath is like headPath.
func (d *Disk) historyPath(name feed.Name) string {
	return filepath.Join(d.historyDir(), string(feed.HashOf([]byte(name))))
}

const documentSuffix = ".gz"

// documentPath is only for hashes that [checkHead] has let through.
func (d *Disk) documentPath(hash feed.Hash) string {
	return filepath.Join(d.documentDir(), string(hash)+documentSuffix)
}

// load returns the editions that the disk holds whole, and what is wrong with the others. It forgets the others and,
// unless there are any, removes files that nothing needs, which a crash may have left.
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
		d.note(e.head)
	}
	if len(problems) == 0 {
		problems = d.sweep()
	}
	return editions, problems
}

func (d *Disk) loadEdition(path string, now time.Time) (*edition, error) {
	var head feed.Head
	if err := readSummed(path, &head); err != nil {
		return nil, fmt.Errorf("head %s: %w", path, err)
	}
	if path != d.headPath(head.Feed) {
		return nil, fmt.Errorf("head %s: is that of %q: %w", path, head.Feed, feed.ErrInvalid)
	}
	e, err := newEdition(head, nil, now, func(ref feed.DocumentRef) (feed.Blob, error) {
		gz, err := os.ReadFile(d.documentPath(ref.Hash))
		return feed.Blob{Hash: ref.Hash, Gzip: gz, Size: ref.Length}, err
	})
	if err != nil {
		return nil, err
	}
	var histories map[feed.Hash]*history
	if err := readSummed(d.historyPath(head.Feed), &histories); err != nil {
		return e, nil // without one, readers get the whole
	}
	for _, doc := range e.documents {
		doc.with(histories[doc.ref.Hash])
	}
	return e, nil
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

// writeSummed writes what readSummed reads.
func writeSummed(path string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return durable.WriteFile(path, append([]byte(feed.HashOf(text)+"\n"), text...), fileMode)
}

// save makes e what the disk holds of its feed, and removes the documents that nothing needs any more.
func (d *Disk) save(e *edition) error {
	for _, doc := range e.documents {
		if d.users[doc.ref.Hash] > 0 {
			continue
		}
		if err := durable.WriteFile(d.documentPath(doc.ref.Hash), doc.gzip, fileMode); err != nil {
			return fmt.Errorf("save documents of %s: %w", e.head.Feed, err)
		}
	}
	// The history is looked at only for documents that it is of, so it may come before the head.
	if err := d.saveHistory(e); err != nil {
		return fmt.Errorf("save documents of %s: %w", e.head.Feed, err)
	}
	if err := writeSummed(d.headPath(e.head.Feed), e.head); err != nil {
		return fmt.Errorf("save documents of %s: %w", e.head.Feed, err)
	}
	old := d.heads[e.head.Feed]
	d.note(e.head)
	var errs []error
	for _, ref := range old.Documents {
		if d.users[ref.Hash] == 0 {
			errs = append(errs, d.remove(d.documentPath(ref.Hash)))
		}
	}
	return errors.Join(errs...)
}

// saveHistory writes the histories of an edition's documents, if they have any.
func (d *Disk) saveHistory(e *edition) error {
	histories := make(map[feed.Hash]*history)
	for _, doc := range e.documents {
		if doc.history != nil {
			histories[doc.ref.Hash] = doc.history
		}
	}
	if len(histories) == 0 {
		return d.remove(d.historyPath(e.head.Feed))
	}
	return writeSummed(d.historyPath(e.head.Feed), histories)
}

// note records that the disk holds head, in place of what it held of the feed.
func (d *Disk) note(head feed.Head) {
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
			temporary := strings.HasPrefix(entry.Name(), ".")
			needless := isDocument && dir == d.documentDir() && d.users[feed.Hash(hash)] == 0
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
