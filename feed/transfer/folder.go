package transfer

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"strings"

	"feedpub/feed"
)

// maxFiles is the maximum number of files in a folder or archive.
const maxFiles = 1_000_000

// ReadFolder reads the files in a folder or a zip archive in lexical order. In a Hugo or Jekyll site, it reads only the
// posts, gives them the URLs of their pages on the site, and replaces known shortcodes and Liquid tags. It ignores
// hidden files, templates, and files without the extension of a known format. Ids are paths relative to the posts
// folder.
//
// Errors are of kind [feed.ErrInvalid] or [ErrDamaged]; in both cases reading continues with the next file.
func (o Options) ReadFolder(fsys fs.FS) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		root, g, notes := findGenerator(fsys, o)
		w := folderWalk{options: o, fsys: root, yield: yield, role: plainRole(root)}
		if g != nil {
			w.options.generator, w.role, w.options.ids = g, g.role, frontIDs{}
			if g.base() == "" {
				notes = append(notes, "the site's configuration has no address: posts have only the paths of their pages as URLs")
			}
			if sub, err := fs.Sub(root, g.content()); err == nil {
				w.fsys = sub
			}
		}
		if len(notes) > 0 && !yield(Entry{Pos: ".", Notes: notes}, nil) {
			return
		}
		if err := fs.WalkDir(w.fsys, ".", w.visit); err != nil {
			yield(Entry{Pos: "."}, fmt.Errorf("folder: %w: %w", err, ErrDamaged))
		}
	}
}

// folderWalk reads the files that fs.WalkDir visits.
type folderWalk struct {
	options Options
	fsys    fs.FS
	role    func(name string) fileRole
	yield   func(Entry, error) bool
	files   int
}

func (w *folderWalk) visit(name string, d fs.DirEntry, err error) error {
	proceed := true
	switch {
	case err != nil:
		proceed = w.yield(Entry{Pos: name}, fmt.Errorf("%s: %w: %w", name, err, ErrDamaged))
	case d.IsDir():
		if name != "." && isHidden(path.Base(name)) {
			return fs.SkipDir
		}
	case d.Type().IsRegular():
		proceed = w.regular(name)
	}
	if !proceed {
		return fs.SkipAll
	}
	return nil
}

// regular reads a regular file if it is a post, and reports whether to continue.
func (w *folderWalk) regular(name string) bool {
	role := w.role(name)
	if role != notPost {
		w.files++
	}
	if w.files > maxFiles {
		w.yield(Entry{Pos: name}, fmt.Errorf("%s: more than %d files: %w", name, maxFiles, ErrDamaged))
		return false
	}
	switch role {
	case notPost:
		return true
	case isPost:
		return w.file(name)
	case undatedPost:
		return w.yield(skipped(name, "undated"), nil)
	case foreignPost:
		return w.yield(Entry{Pos: name}, fmt.Errorf("%s: the format %s cannot be read; convert the post to Markdown or HTML: %w",
			name, path.Ext(name), feed.ErrInvalid))
	}
	return true
}

// file reads a file and reports whether to continue.
func (w *folderWalk) file(name string) bool {
	f, err := w.fsys.Open(name)
	if err != nil {
		return w.yield(Entry{Pos: name}, fmt.Errorf("%s: %w: %w", name, err, ErrDamaged))
	}
	defer func() { _ = f.Close() }()
	var r io.Reader = f
	if info, err := f.Stat(); err == nil {
		if header, ok := info.Sys().(*zip.FileHeader); ok {
			r = newZipReader(f, header.CompressedSize64)
		}
	}
	for e, err := range w.options.Read(r, name) {
		if err != nil && !errors.Is(err, feed.ErrInvalid) && !errors.Is(err, ErrDamaged) {
			err = fmt.Errorf("%w: %w", err, ErrDamaged)
		}
		if !w.yield(e, err) {
			return false
		}
	}
	return true
}

// isHidden reports whether a folder must be skipped because it is hidden or never contains posts.
func isHidden(base string) bool {
	if strings.HasPrefix(base, "_") {
		return base != "_posts" && base != "_drafts"
	}
	return strings.HasPrefix(base, ".") || base == "node_modules" || base == "__MACOSX"
}
