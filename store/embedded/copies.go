package embedded

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"feedpub/feed"
)

// copies detects that the folder of posts or the data folder was replaced by an older copy while no process had them
// open, for example from a backup. Both folders contain a record with the same number, which increases when posts
// change. After a restore, one of the numbers is too small. The post files alone do not show this: a restored copy
// looks as if its posts had been edited, deleted and written.
//
// The record beside the posts is in a hidden folder that git ignores. If this record is missing, for example because
// the posts are deployed from elsewhere, or if it cannot be written, nothing is detected. Calls must be serialized.
type copies struct {
	own, beside string // paths of the two records
	files       fileOps
	log         *slog.Logger
	now         func() time.Time

	state   copyRecord // the record in the data folder
	changed bool       // posts have changed since the number was increased
	bumped  time.Time  // when the number was increased
	// restored names the folder that was replaced by an older copy; it is "" if neither was. The records stay as they are
	// until an operator accepts the copy, so that the reason is found again after a restart.
	restored string
	failing  bool
}

// copyRecord is the content of a record.
type copyRecord struct {
	// ID identifies the data folder. A record with a different ID beside the posts belongs to a different data folder.
	ID string `json:"id"`
	N  int64  `json:"n"`
	// Next is the number that is being written beside the posts, or N. It is used only in the data folder: if the process
	// is killed between the two writes, either number is correct.
	Next int64 `json:"next,omitempty"`
}

const (
	besideFolder = ".feedpub"
	// bumpInterval is the minimum time between two increases of the number while the process is running.
	bumpInterval = time.Minute
)

// openCopies reads and compares the records of the two folders. The read-only sample posts have no record.
func openCopies(own string, o Options, now func() time.Time) *copies {
	c := &copies{own: filepath.Join(own, "copy.json"), files: o.files, log: o.Logger, now: now}
	if o.Dir == "" {
		return c
	}
	c.beside = filepath.Join(o.Dir, besideFolder, "copy.json")
	var beside copyRecord
	errOwn, errBeside := readCopyRecord(c.own, &c.state), readCopyRecord(c.beside, &beside)
	c.state.Next = max(c.state.Next, c.state.N)
	switch {
	case errOwn != nil || errBeside != nil || beside.ID != c.state.ID:
	case beside.N < c.state.N:
		c.restored = "folder of posts"
	case beside.N > c.state.Next:
		c.restored = "data folder"
	}
	if c.state.ID == "" {
		c.state = copyRecord{ID: rand.Text()}
	}
	c.changed = true // increase the number, so that any copy made before now is recognized as older
	return c
}

func readCopyRecord(path string, r *copyRecord) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, r)
}

// problem returns the problem to list if a folder was replaced by an older copy.
func (c *copies) problem() feed.Problem {
	return feed.Problem{
		ID: feed.RollbackID, Kind: feed.KindRollback, Since: c.now(), Serving: true,
		Place: c.restored,
		Reason: "The " + c.restored + " was replaced by an older copy while feedpub was not running. Changes are held: restore the " +
			"latest copy and restart, or publish the posts as they are now with: feedpub rebuild --accept-rollback",
	}
}

// note records that posts have changed, so that the number will be increased.
func (c *copies) note() { c.changed = true }

// bumpIfChanged increases the number if posts have changed. It does so at most once in bumpInterval, unless now is set.
// It must not be called while the folder of posts might not be mounted.
func (c *copies) bumpIfChanged(now bool) {
	if c.changed && c.restored == "" && (now || c.now().Sub(c.bumped).Abs() >= bumpInterval) {
		c.bump()
	}
}

// accept makes the numbers equal again after an operator has accepted a copy.
func (c *copies) accept() {
	var beside copyRecord
	if err := readCopyRecord(c.beside, &beside); err == nil {
		c.state.N = max(c.state.N, beside.N)
	}
	c.restored, c.changed = "", true
	c.bump()
}

// bump increases the number in both records.
func (c *copies) bump() {
	if c.beside == "" {
		return
	}
	err := c.write()
	if err != nil && !c.failing {
		c.log.Debug("cannot detect whether the posts are replaced by an older copy", "error", err)
	}
	c.failing, c.bumped = err != nil, c.now()
	c.changed = c.changed && err != nil
}

func (c *copies) write() error {
	next := max(c.state.N, c.state.Next) + 1
	if err := c.writeRecord(c.own, copyRecord{ID: c.state.ID, N: c.state.N, Next: next}); err != nil {
		return err
	}
	c.state.Next = next
	if err := os.Mkdir(filepath.Dir(c.beside), 0o755); err == nil {
		// Keep the folder out of a repository that contains the posts, as other tools do.
		ignore := filepath.Join(filepath.Dir(c.beside), ".gitignore")
		if err := c.files.replace(ignore, []byte("*\n"), 0o644); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := c.writeRecord(c.beside, copyRecord{ID: c.state.ID, N: next}); err != nil {
		return err
	}
	if err := c.writeRecord(c.own, copyRecord{ID: c.state.ID, N: next, Next: next}); err != nil {
		return err
	}
	c.state.N = next
	return nil
}

func (c *copies) writeRecord(path string, r copyRecord) error {
	b, err := json.Marshal(r)
	if err == nil {
		err = c.files.replace(path, append(b, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("write the record that detects older copies: %w", err)
	}
	return nil
}
