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

// lastGood keeps the last good version of every file, so that a file that is broken while nothing runs still has one
// when the store opens, and so that a file removed meanwhile is known to have been there; and which posts were deleted
// through the store, whose notice of that is in memory, until a builder has taken it. It is written anew at each
// opening and grows until the next. It is not synced: after a power cut a broken file may be without, never a good one.
//
// Nothing waits for it: what a full disk does not take is kept in memory until it does.
type lastGood struct {
	path   string
	log    *slog.Logger
	device device

	tmp     journalFile               // the new log, renamed to path when all is in it; nil until it could be made
	torn    bool                      // the last line may be part of one
	waiting map[string][]feed.RawPost // not written yet, by file
	deleted map[string]bool           // posts whose deletion is not written yet
	begun   bool                      // the new log is to take the place of the old one
	current bool                      // it has
	failing bool                      // what was tried last has failed
}

// goodFile is a line: a file and its posts, none for a file that is gone, or a post that was deleted. The later of two
// lines counts.
type goodFile struct {
	Path    string         `json:"path,omitempty"`
	Posts   []feed.RawPost `json:"posts,omitempty"`
	Deleted string         `json:"deleted,omitempty"`
}

// kept is what a log says.
type kept struct {
	files   map[string][]feed.RawPost // by path
	deleted map[string]bool           // posts by id; no file has them
}

func (k kept) delete(id string) {
	k.deleted[id] = true
	for path, posts := range k.files {
		if posts = slices.DeleteFunc(posts, func(p feed.RawPost) bool { return p.ID == id }); len(posts) == 0 {
			delete(k.files, path)
		} else {
			k.files[path] = posts
		}
	}
}

// openLastGood returns what was kept, and the log to which what is to be kept from now on is added. Until begin is
// called the old one stays.
func openLastGood(dir string, dev device, log *slog.Logger) (kept, *lastGood, error) {
	l := &lastGood{
		path: filepath.Join(dir, "lastgood.jsonl"), log: log, device: dev,
		waiting: map[string][]feed.RawPost{}, deleted: map[string]bool{},
	}
	k := kept{files: map[string][]feed.RawPost{}, deleted: map[string]bool{}}
	f, err := os.Open(l.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return k, l, nil
	case err != nil:
		return kept{}, nil, fmt.Errorf("last good versions: %w", err)
	}
	defer func() { _ = f.Close() }()
	r := bufio.NewReader(f)
	for {
		b, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return k, l, nil // what is behind the last newline was torn by a crash
		}
		if err != nil {
			return kept{}, nil, fmt.Errorf("last good versions: %w", err)
		}
		if len(b) == 1 {
			continue // between a line that is torn and the next
		}
		var g goodFile
		if err := json.Unmarshal(b, &g); err != nil {
			log.Warn("a last good version is not readable and is left out", "file", l.path, "error", err)
			continue
		}
		switch {
		case g.Deleted != "":
			k.delete(g.Deleted)
		case len(g.Posts) == 0:
			delete(k.files, g.Path)
		default:
			k.files[g.Path] = g.Posts
			for _, p := range g.Posts { // it came back
				delete(k.deleted, p.ID)
			}
		}
	}
}

// keep notes the posts of a file, none if it is gone.
func (l *lastGood) keep(path string, posts []feed.RawPost) {
	l.waiting[path] = posts
	for _, p := range posts {
		delete(l.deleted, p.ID)
	}
	l.flush()
}

// keepDeleted notes that a post was deleted through the store.
func (l *lastGood) keepDeleted(id string) {
	l.deleted[id] = true
	l.flush()
}

// begin puts the new log in the place of the old one, as soon as all is in it that was kept so far.
func (l *lastGood) begin() {
	l.begun = true
	l.flush()
}

// flush writes what waits.
func (l *lastGood) flush() {
	err := l.write()
	switch failing := err != nil; {
	case failing == l.failing:
	case failing:
		l.log.Error("last good versions can't be written; a file that breaks while nothing runs may be without one", "error", err)
	default:
		l.log.Info("last good versions are written again")
	}
	l.failing = err != nil
}

func (l *lastGood) write() (err error) {
	if l.tmp == nil {
		if l.tmp, err = l.device.open(l.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err != nil {
			l.tmp = nil // and not an interface with a nil file in it
			return err
		}
	}
	for _, path := range slices.Sorted(maps.Keys(l.waiting)) {
		if err := l.writeLine(goodFile{Path: path, Posts: l.waiting[path]}); err != nil {
			return err
		}
		delete(l.waiting, path)
	}
	for _, id := range slices.Sorted(maps.Keys(l.deleted)) {
		if err := l.writeLine(goodFile{Deleted: id}); err != nil {
			return err
		}
		delete(l.deleted, id)
	}
	if l.begun && !l.current {
		if err := os.Rename(l.path+".new", l.path); err != nil {
			return err
		}
		l.current = true
	}
	return nil
}

func (l *lastGood) writeLine(g goodFile) error {
	// Not a json.Encoder: one that has failed once fails for ever.
	line, err := json.Marshal(g)
	if err != nil {
		return err
	}
	if l.torn { // what is noted now must not run together with it
		line = append([]byte("\n"), line...)
	}
	_, err = l.tmp.Write(append(line, '\n'))
	l.torn = err != nil
	return err
}

func (l *lastGood) close() error {
	if l.tmp == nil {
		return nil
	}
	return l.tmp.Close()
}
