package embedded

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"feedpub/feed"
)

// versions is a log of the last good version of every file, so that a file that breaks or is removed while no process
// runs is compared with it at the next start. It also lists the posts that were deleted through the store, until a
// builder has recorded it: the inbox, which has their entries, is in memory.
//
// Each start writes a new log, which grows until the next. It is not synced: after a power failure a broken file may
// be without its last good version; a good file never is. Nothing waits for the log: what a full disk does not take
// stays in memory until it does. Callers serialize the calls.
type versions struct {
	path  string
	log   *slog.Logger
	files fileOps

	next     appendFile                // the new log, renamed to path when it is complete; nil until it could be created
	torn     bool                      // the last line may be incomplete
	unsaved  map[string][]feed.RawPost // versions that are not written yet, by file
	deleted  map[string]bool           // posts whose deletion is not written yet
	complete bool                      // the new log may replace the old one
	replaced bool                      // it has
	failing  bool                      // the last attempt to write failed
}

// versionLine is a line of the log: a file and its posts, without posts if the file is gone; or a post that was
// deleted. The last line of a file or post counts.
type versionLine struct {
	Path    string         `json:"path,omitempty"`
	Posts   []feed.RawPost `json:"posts,omitempty"`
	Deleted string         `json:"deleted,omitempty"`
}

// lastRun is what the log of the last run contains.
type lastRun struct {
	files   map[string][]feed.RawPost // by path
	deleted map[string]bool           // posts that no file contains, by id
}

func (r lastRun) apply(l versionLine) {
	switch {
	case l.Deleted != "":
		r.deleted[l.Deleted] = true
		for path, posts := range r.files {
			posts = slices.DeleteFunc(posts, func(p feed.RawPost) bool { return p.ID == l.Deleted })
			if r.files[path] = posts; len(posts) == 0 {
				delete(r.files, path)
			}
		}
	case len(l.Posts) == 0:
		delete(r.files, l.Path)
	default:
		r.files[l.Path] = l.Posts
		for _, p := range l.Posts {
			delete(r.deleted, p.ID)
		}
	}
}

// openVersions returns what the log of the last run contains, and a new log. The old one stays until replace is called.
func openVersions(dir string, files fileOps, log *slog.Logger) (lastRun, *versions, error) {
	v := &versions{
		path: filepath.Join(dir, "versions.jsonl"), log: log, files: files,
		unsaved: map[string][]feed.RawPost{}, deleted: map[string]bool{},
	}
	last := lastRun{files: map[string][]feed.RawPost{}, deleted: map[string]bool{}}
	f, err := os.Open(v.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return last, v, nil
	case err != nil:
		return lastRun{}, nil, fmt.Errorf("last good versions: %w", err)
	}
	defer func() { _ = f.Close() }()
	r := bufio.NewReader(f)
	for {
		b, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return last, v, nil // a last line without a newline is incomplete
		}
		if err != nil {
			return lastRun{}, nil, fmt.Errorf("last good versions: %w", err)
		}
		if len(b) == 1 {
			continue // ends an incomplete line
		}
		var l versionLine
		if err := json.Unmarshal(b, &l); err != nil {
			log.Warn("a last good version cannot be read and is skipped", "file", v.path, "error", err)
			continue
		}
		last.apply(l)
	}
}

// keep logs the posts of a file, none if it is gone.
func (v *versions) keep(path string, posts []feed.RawPost) {
	v.unsaved[path] = posts
	for _, p := range posts {
		delete(v.deleted, p.ID)
	}
	v.flush()
}

// keepDeleted logs that a post was deleted through the store.
func (v *versions) keepDeleted(id string) {
	v.deleted[id] = true
	v.flush()
}

// replace replaces the old log by the new one, as soon as everything kept so far is written.
func (v *versions) replace() {
	v.complete = true
	v.flush()
}

// flush writes what is not written yet.
func (v *versions) flush() {
	err := v.write()
	switch failing := err != nil; {
	case failing == v.failing:
	case failing:
		v.log.Error("last good versions cannot be written; a file that breaks while no process runs may have none",
			"error", err)
	default:
		v.log.Info("last good versions are written again")
	}
	v.failing = err != nil
}

func (v *versions) write() (err error) {
	if v.next == nil {
		if v.next, err = v.files.open(v.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err != nil {
			v.next = nil // not an interface that holds a nil file
			return err
		}
	}
	for _, path := range slices.Sorted(maps.Keys(v.unsaved)) {
		if err := v.writeLine(versionLine{Path: path, Posts: v.unsaved[path]}); err != nil {
			return err
		}
		delete(v.unsaved, path)
	}
	for _, id := range slices.Sorted(maps.Keys(v.deleted)) {
		if err := v.writeLine(versionLine{Deleted: id}); err != nil {
			return err
		}
		delete(v.deleted, id)
	}
	if v.complete && !v.replaced {
		if err := os.Rename(v.path+".new", v.path); err != nil {
			return err
		}
		v.replaced = true
	}
	return nil
}

func (v *versions) writeLine(l versionLine) error {
	// Not a json.Encoder, which returns its first error for ever.
	line, err := json.Marshal(l)
	if err != nil {
		return err
	}
	if v.torn {
		line = append([]byte("\n"), line...)
	}
	_, err = v.next.Write(append(line, '\n'))
	v.torn = err != nil
	return err
}

func (v *versions) close() error {
	if v.next == nil {
		return nil
	}
	return v.next.Close()
}
