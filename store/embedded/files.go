package embedded

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"feedpub/feed"
	"feedpub/feed/durable"
)

const (
	// maxFile is the maximum size of a file. A post may be up to 1 MiB long, and a file may contain several.
	maxFile = 16 << 20
	// maxName is the maximum length of an escaped name. File systems allow 255 bytes; names of temporary files are longer.
	maxName = 200
)

// extensions returns the extensions of files that may contain posts. Files with other extensions, such as pictures, are
// ignored.
func extensions() []string {
	return []string{".json", ".jsonl", ".md", ".markdown", ".html", ".htm", ".txt"}
}

// isPosts reports whether a file with that name may contain posts.
func isPosts(name string) bool {
	return !feed.Transient(name) && slices.Contains(extensions(), strings.ToLower(path.Ext(name)))
}

// FileName returns the name of the file that a post is written to: its id with all bytes except ASCII letters, digits,
// "_", "-" and non-leading dots percent-encoded, followed by ".json". A long id is shortened to a prefix and a hash.
func FileName(id string) string { return escape(id) + ".json" }

// escape returns the file name for s, without an extension. Different strings have different file names.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-', c == '.' && i > 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	name := b.String()
	if len(name) <= maxName {
		return name
	}
	sum := sha256.Sum256([]byte(s))
	// No escaped name contains "=", so no short id is mapped to this name.
	return name[:maxName/2] + "=" + hex.EncodeToString(sum[:16])
}

// WritePost atomically writes a post to the file in dir that [FileName] names, syncs it to the disk, and returns its
// path. Raw should contain the id, since the file name may be a hash. A store that watches the folder reads the file
// shortly afterwards; if other files contain a post with the same id, the version in this file is published.
func WritePost(dir string, p feed.RawPost) (string, error) {
	if p.ID == "" {
		return "", fmt.Errorf("write post: no id: %w", feed.ErrInvalid)
	}
	file := filepath.Join(dir, FileName(p.ID))
	if err := durable.WriteFile(file, p.Raw, 0o644); err != nil {
		return "", fmt.Errorf("write post %q: %w", p.ID, err)
	}
	return file, nil
}

// RemovePost removes every file in dir that contains the post with the given id. data is the data folder of the store,
// which contains the recorded ids of renamed files. If there are no such files, the error is of kind
// [feed.ErrNotFound]. If one of the files also contains other posts, nothing is removed and the error is of kind
// [feed.ErrInvalid].
func RemovePost(dir, data string, decode Decode, id string) error {
	var files []string
	for f := range List(dir, data, decode) {
		if !slices.ContainsFunc(f.Posts, func(p feed.RawPost) bool { return p.ID == id }) {
			continue
		}
		if len(f.Posts) > 1 {
			return fmt.Errorf("remove post %q: %s contains %d posts; remove the post from the file: %w",
				id, f.Path, len(f.Posts), feed.ErrInvalid)
		}
		files = append(files, f.Path)
	}
	// Also remove a file that cannot be decoded if WritePost would use its name for the post.
	if own := FileName(id); !slices.Contains(files, own) {
		if _, err := os.Lstat(filepath.Join(dir, own)); err == nil {
			files = append(files, own)
		}
	}
	if len(files) == 0 {
		return fmt.Errorf("remove post %q: %w", id, feed.ErrNotFound)
	}
	for _, f := range files {
		if err := durable.Remove(filepath.Join(dir, filepath.FromSlash(f))); err != nil {
			return fmt.Errorf("remove post %q: %w", id, err)
		}
	}
	return nil
}

// File is a file in a folder of posts.
type File struct {
	Path  string // slash-separated, relative to the folder
	Posts []feed.RawPost
	Err   error // why the file could not be read or decoded; if set, Posts is empty
}

// List returns an iterator over the files in a folder of posts, ordered by path; data is the data folder of the store.
// For a folder that cannot be listed, it yields a File with an error.
func List(dir, data string, decode Decode) iter.Seq[File] {
	return func(yield func(File) bool) {
		ids, err := openPathIDs(filepath.Join(data, ownFolder), fileOps{})
		if err != nil {
			yield(File{Path: ".", Err: err})
			return
		}
		fsys := os.DirFS(dir)
		found, _, _, bad := walk(fsys)
		for name, err := range bad {
			if !yield(File{Path: name, Err: err}) {
				return
			}
		}
		for _, name := range slices.Sorted(maps.Keys(found)) {
			f := File{Path: name}
			v, err := read(fsys, name, decode)
			ids.apply(name, v.posts)
			f.Posts, f.Err = v.posts, err
			if !yield(f) {
				return
			}
		}
	}
}

// walk returns the files that may contain posts, and the folders that may contain such files. bad maps each path that
// cannot be read to the error.
//
// media is a hash of the names of the files, such as pictures, that are served along with the posts.
func walk(fsys fs.FS) (files map[string]fs.FileInfo, dirs []string, media feed.Hash, bad map[string]error) {
	var others strings.Builder
	files, bad = map[string]fs.FileInfo{}, map[string]error{}
	// Errors are collected in bad, and the walk continues.
	_ = fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) || name == "." { // a missing folder was removed after its parent was listed
				bad[name] = err
			}
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			if name != "." && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
			dirs = append(dirs, name)
			return nil
		}
		if !isPosts(d.Name()) {
			if feed.MediaType(name) != "" {
				others.WriteString(name + "\n")
			}
			return nil
		}
		info, err := fs.Stat(fsys, name) // Stat follows symbolic links to files
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			bad[name] = err
		case info.Mode().IsRegular():
			files[name] = info
		}
		return nil
	})
	return files, dirs, feed.HashOf([]byte(others.String())), bad
}

// errEmpty is the error for an empty file. It is an error because some editors truncate a file before they write to it.
var errEmpty = errors.New("the file is empty")

// read returns the current version of a file.
func read(fsys fs.FS, name string, decode Decode) (version, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return version{}, err
	}
	defer func() { _ = f.Close() }()
	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return version{}, err
	case len(raw) > maxFile:
		return version{}, fmt.Errorf("the file is larger than %d MB: %w", maxFile>>20, feed.ErrInvalid)
	case len(raw) == 0:
		return version{}, errEmpty
	}
	posts, err := decode(name, raw)
	if err != nil {
		return version{}, err
	}
	return version{posts: posts, sum: feed.HashOf(raw)}, nil
}
