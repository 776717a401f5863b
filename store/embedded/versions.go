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

// versions is a log of the last good version of every file. At the next start, the files are compared with it, to
// detect files that broke or were removed while no process was running. It also lists posts that were deleted through
// the store, until a builder has recorded their deletion, since the inbox is only in memory.
//
// Each start writes a new log, which grows until the next start. The log is not synced: after a power failure, the last
// good version of a broken file may be lost. Callers never wait for the log: lines that cannot be written to a full
// disk stay in memory until there is room. Calls must be serialized.
type versions struct {
	path  string
	log   *slog.Logger
	files fileOps

	next     appendFile         // the new log, which is renamed to path when complete; nil until it is created
	torn     bool               // whether the last line may be incomplete
	unsaved  map[string]version // versions that have not been written yet, by file
	deleted  map[string]bool    // posts whose deletion has not been written yet
	complete bool               // whether the new log may replace the old one
	replaced bool               // whether the new log has replaced the old one
	failing  bool               // whether the last attempt to write failed
}

// version is a good version of a file.
type version struct {
	posts []feed.RawPost
	sum   feed.Hash // hash of the whole file; "" if the release that logged the version did not record it
}

// versionLine is a line of the log: either a file and its posts (none if the file was removed), or a deleted post. Only
// the last line for each file or post is valid.
type versionLine struct {
	Path    string         `json:"path,omitempty"`
	Posts   []feed.RawPost `json:"posts,omitempty"`
	Sum     feed.Hash      `json:"sum,omitempty"`
	Deleted string         `json:"deleted,omitempty"`
}

// lastRun is the content of the log written by the last run.
type lastRun struct {
	files   map[string]version // by path
	deleted map[string]bool    // posts that no file contains, by id
}

func (r lastRun) apply(l versionLine) {
	switch {
	case l.Deleted != "":
		r.deleted[l.Deleted] = true
		for path, v := range r.files {
			v.posts = slices.DeleteFunc(v.posts, func(p feed.RawPost) bool { return p.ID == l.Deleted })
			if r.files[path] = v; len(v.posts) == 0 {
				delete(r.files, path)
			}
		}
	case len(l.Posts) == 0:
		delete(r.files, l.Path)
	default:
		r.files[l.Path] = version{l.Posts, l.Sum}
		for _, p := range l.Posts {
			delete(r.deleted, p.ID)
		}
	}
}

// openVersions returns the content of the last run's log, and a new log. The old log is kept until replace is called.
func openVersions(dir string, files fileOps, log *slog.Logger) (lastRun, *versions, error) {
	v := &versions{
		path: filepath.Join(dir, "versions.jsonl"), log: log, files: files,
		unsaved: map[string]version{}, deleted: map[string]bool{},
	}
	last := lastRun{files: map[string]version{}, deleted: map[string]bool{}}
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
			continue // this newline ends an incomplete line
		}
		var l versionLine
		if err := json.Unmarshal(b, &l); err != nil {
			log.Warn("a last good version cannot be read and is skipped", "file", v.path, "error", err)
			continue
		}
		last.apply(l)
	}
}

// keep logs a version of a file, or the zero version if the file was removed.
func (v *versions) keep(path string, last version) {
	v.unsaved[path] = last
	for _, p := range last.posts {
		delete(v.deleted, p.ID)
	}
	v.flush()
}

// keepDeleted logs that a post was deleted through the store.
func (v *versions) keepDeleted(id string) {
	v.deleted[id] = true
	v.flush()
}

// replace replaces the old log with the new one as soon as all pending lines have been written.
func (v *versions) replace() {
	v.complete = true
	v.flush()
}

// flush writes all lines that have not been written yet.
func (v *versions) flush() {
	err := v.write()
	switch failing := err != nil; {
	case failing == v.failing:
	case failing:
		v.log.Error("last good versions cannot be written; posts of files that break while no process is running may be lost",
			"error", err)
	default:
		v.log.Info("last good versions can be written again")
	}
	v.failing = err != nil
}

func (v *versions) write() (err error) {
	if v.next == nil {
		if v.next, err = v.files.open(v.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err != nil {
			v.next = nil // replaces an interface value that contains a nil file and would compare unequal to nil
			return err
		}
	}
	for _, path := range slices.Sorted(maps.Keys(v.unsaved)) {
		if err := v.writeLine(versionLine{Path: path, Posts: v.unsaved[path].posts, Sum: v.unsaved[path].sum}); err != nil {
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
	// Do not use a json.Encoder, which returns its first write error from all later calls.
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
