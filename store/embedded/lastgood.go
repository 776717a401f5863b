package embedded

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"feedpub/feed"
)

// lastGood keeps the last good version of every file, so that a file that is broken while nothing runs still has one
// when the store opens, and so that a file removed meanwhile is known to have been there. It is written anew at each
// opening and grows until the next. It is not synced: after a power cut a broken file may be without, never a good one.
type lastGood struct {
	path string
	tmp  *os.File  // being written; renamed to path by begin
	w    io.Writer // to tmp
	torn bool      // the last line may be part of one
}

// goodFile is a line: a file and its posts, none for a file that is gone. A later line about a file counts.
type goodFile struct {
	Path  string         `json:"path"`
	Posts []feed.RawPost `json:"posts"`
}

// openLastGood returns what was kept, and the log to which what is to be kept from now on is added. Until begin is
// called the old one stays.
func openLastGood(dir string, log *slog.Logger) (map[string][]feed.RawPost, *lastGood, error) {
	l := &lastGood{path: filepath.Join(dir, "lastgood.jsonl")}
	kept := map[string][]feed.RawPost{}
	f, err := os.Open(l.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return nil, nil, fmt.Errorf("last good versions: %w", err)
	default:
		defer func() { _ = f.Close() }()
		r := bufio.NewReader(f)
		for {
			b, err := r.ReadBytes('\n')
			if err != nil {
				if !errors.Is(err, io.EOF) {
					return nil, nil, fmt.Errorf("last good versions: %w", err)
				}
				break // what is behind the last newline was torn by a crash
			}
			if len(b) == 1 {
				continue // between a line that is torn and the next
			}
			var g goodFile
			if err := json.Unmarshal(b, &g); err != nil {
				log.Warn("a last good version is not readable and is left out", "file", l.path, "error", err)
				continue
			}
			if kept[g.Path] = g.Posts; len(g.Posts) == 0 {
				delete(kept, g.Path)
			}
		}
	}
	if l.tmp, err = os.OpenFile(l.path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600); err != nil {
		return nil, nil, fmt.Errorf("last good versions: %w", err)
	}
	l.w = l.tmp
	return kept, l, nil
}

// keep notes the posts of a file, none if it is gone.
func (l *lastGood) keep(path string, posts []feed.RawPost) error {
	if l.torn { // what is noted now must not run together with it
		if _, err := l.w.Write([]byte("\n")); err != nil {
			return fmt.Errorf("last good versions: %w", err)
		}
	}
	// Not a json.Encoder: one that has failed once fails for ever.
	line, err := json.Marshal(goodFile{Path: path, Posts: posts})
	if err != nil {
		return fmt.Errorf("last good versions: %w", err)
	}
	_, err = l.w.Write(append(line, '\n'))
	if l.torn = err != nil; l.torn {
		return fmt.Errorf("last good versions: %w", err)
	}
	return nil
}

// begin puts the new log in the place of the old one.
func (l *lastGood) begin() error {
	if err := os.Rename(l.tmp.Name(), l.path); err != nil {
		return fmt.Errorf("last good versions: %w", err)
	}
	return nil
}

func (l *lastGood) close() error { return l.tmp.Close() }
