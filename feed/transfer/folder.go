package transfer

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"strings"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// maxFiles bounds the files of a folder or archive.
const maxFiles = 1_000_000

// ReadFolder reads the files of a folder, or of a zip archive, in the order of their names. The folder of a site made by
// Hugo or Jekyll is known by its folders: then only the posts in it are read, they get the addresses that their pages
// have on the site, and what the generator would replace in them is replaced. Files of kinds that hold no posts are not
// mentioned; hidden ones, and those of generators' templates, are not looked at. Ids are paths relative to the folder of
// posts. An error is about one file; of kind [ErrDamaged], nothing more of that file follows.
func (o Options) ReadFolder(fsys fs.FS) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		has := func(name string) bool { return !strings.HasPrefix(path.Base(name), "_index.") && !bundled(fsys, name) }
		g, notes := findGenerator(fsys, o)
		if inner := onlyFolder(fsys); g == nil && inner != nil {
			// The archives that are made of a site's folder have it in them, not only what is in it.
			if g, notes = findGenerator(inner, o); g != nil {
				fsys = inner
			}
		}
		if g != nil {
			o.generator, has = g, g.has
			if g.base() == "" {
				notes = append(notes, "the address of the site is not configured: posts get the paths of their pages only")
			}
			if len(notes) > 0 && !yield(Entry{Pos: ".", Notes: notes}, nil) {
				return
			}
			if sub, err := fs.Sub(fsys, g.content()); err == nil {
				fsys = sub
			}
		}
		files := 0
		err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				if !yield(Entry{Pos: name}, fmt.Errorf("%s: %w: %w", name, err, ErrDamaged)) {
					return fs.SkipAll
				}
				return nil
			case d.IsDir():
				if name != "." && hidden(path.Base(name)) {
					return fs.SkipDir
				}
				return nil
			case !d.Type().IsRegular() || !postFile(name) || !has(name):
				return nil
			}
			if files++; files > maxFiles {
				yield(Entry{Pos: name}, fmt.Errorf("%s: more than %d files: %w", name, maxFiles, ErrDamaged))
				return fs.SkipAll
			}
			if !o.file(fsys, name, yield) {
				return fs.SkipAll
			}
			return nil
		})
		if err != nil {
			yield(Entry{Pos: "."}, fmt.Errorf("folder: %w: %w", err, ErrDamaged))
		}
	}
}

// onlyFolder returns the folder that is alone in another, or nil.
func onlyFolder(fsys fs.FS) fs.FS {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil // who walks through it says why
	}
	name := ""
	for _, e := range entries {
		switch {
		case hidden(e.Name()) || strings.HasPrefix(e.Name(), "."):
		case !e.IsDir() || name != "":
			return nil
		default:
			name = e.Name()
		}
	}
	if name == "" {
		return nil
	}
	sub, err := fs.Sub(fsys, name)
	if err != nil {
		return nil // a name that no folder in a file system has
	}
	return sub
}

// hidden reports whether a folder holds no posts.
func hidden(base string) bool {
	if strings.HasPrefix(base, "_") {
		return base != "_posts" && base != "_drafts"
	}
	return strings.HasPrefix(base, ".") || base == "node_modules" || base == "__MACOSX"
}

// postFile reports whether a file is of a kind that can hold posts.
func postFile(name string) bool {
	if strings.HasPrefix(path.Base(name), ".") {
		return false
	}
	switch strings.ToLower(path.Ext(strings.TrimSuffix(name, ".gz"))) {
	case ".json", ".jsonl", ".ndjson", ".xml", ".rss", ".atom", ".rdf", ".md", ".markdown", ".html", ".htm", ".txt":
		return true
	}
	return false
}

// file reads one file and reports whether reading may go on.
func (o Options) file(fsys fs.FS, name string, yield func(Entry, error) bool) bool {
	f, err := fsys.Open(name)
	if err != nil {
		return yield(Entry{Pos: name}, fmt.Errorf("%s: %w: %w", name, err, ErrDamaged))
	}
	defer func() { _ = f.Close() }()
	var r io.Reader = f
	if info, err := f.Stat(); err == nil {
		if header, ok := info.Sys().(*zip.FileHeader); ok {
			r = &bounded{r: f, left: freeBytes + maxRatio*int64(min(header.CompressedSize64, 1<<40))}
		}
	}
	for e, err := range o.Read(r, name) {
		if err != nil && !errors.Is(err, feed.ErrInvalid) && !errors.Is(err, ErrDamaged) {
			err = fmt.Errorf("%w: %w", err, ErrDamaged)
		}
		if !yield(e, err) {
			return false
		}
	}
	return true
}

// bounded reads what comes out of an archive's file.
type bounded struct {
	r    io.Reader
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errRatio
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("zip: %w: %w", err, ErrDamaged)
	}
	return n, err
}

// Decode reads the files of a folder of posts that is served: those that a person put there, each whole. It returns the
// posts of a file in the form in which they are kept, or none for a file of another kind. One that can't be read spoils
// the file: what follows it could be its rest.
func (o Options) Decode(name string, content []byte) ([]feed.RawPost, error) {
	content = bytes.TrimPrefix(content, byteOrderMark)
	switch strings.ToLower(path.Ext(name)) {
	case ".json", ".jsonl":
		return o.decodeJSON(name, content)
	case ".txt":
		post, err := readText(name, content, o.Reader, o.location())
		if err != nil {
			return nil, err
		}
		raw, err := intake.Encode(post)
		return []feed.RawPost{{ID: post.ID, Raw: raw}}, err
	case ".md", ".markdown", ".html", ".htm":
		post, err := o.ReadPage(name, content)
		if err != nil {
			return nil, err
		}
		return []feed.RawPost{post}, nil
	default:
		return nil, nil
	}
}

// decodeJSON reads a file of posts in JSON: one, several, one a line, or a JSON Feed document. One that can't be read
// spoils the file: what follows it could be its rest.
func (o Options) decodeJSON(name string, content []byte) ([]feed.RawPost, error) {
	// A post without an id is called by its file, if it is alone in it: on one line it might be the first of many.
	var alone struct{ ID, Items any }
	if err := json.Unmarshal(content, &alone); err == nil && alone.ID == nil && alone.Items == nil {
		return []feed.RawPost{{ID: name, Raw: bytes.TrimSpace(content)}}, nil
	}
	var posts []feed.RawPost
	for entry, err := range Read(bytes.NewReader(content), name, o.Reader, o.Location) {
		if err != nil {
			return nil, err
		}
		if entry.Post != nil {
			posts = append(posts, *entry.Post)
		}
	}
	return posts, nil
}
