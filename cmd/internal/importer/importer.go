// Package importer imports posts from files: it reads them, stores what is new or has changed, shows progress on a
// terminal and reports what it did. It does not parse files; package transfer does.
package importer

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"feedpub/cmd/internal/hosting"
	"feedpub/feed"
	"feedpub/feed/durable"
	"feedpub/feed/intake"
	"feedpub/feed/transfer"
)

const (
	// BatchSize is the number of posts that are stored at a time: enough to make round trips cheap, few enough to limit
	// what must be repeated after an interruption.
	BatchSize = 500
	// batchBytes bounds the memory of a batch of large posts.
	batchBytes = 4 << 20
)

// Options are the options of an import. All but Since and the flags are required.
type Options struct {
	Transfer transfer.Options // how files are read
	Writer   hosting.Writer
	Stdin    io.Reader // read for the file name "-"
	Stderr   io.Writer // receives notes, rejected posts and, if it is a terminal, progress
	Now      func() time.Time
	Since    time.Time // posts dated before it are skipped
	DryRun   bool      // report what would be done, and store nothing
	Undo     bool      // delete the posts of the files, unless they have changed
	Restore  bool      // store the posts of an export unchanged, even those that cannot be read
	// Files is the folder in which the files of posts are stored. If it is empty, [transfer.Options.ImageFiles] must not
	// be set.
	Files string
}

// StoppedError reports that an import was interrupted.
type StoppedError struct {
	Place string // place of the last entry that was read; empty if nothing was read
}

func (e *StoppedError) Error() string {
	if e.Place == "" {
		return "import: stopped before anything was read"
	}
	return fmt.Sprintf("import: stopped at %s; what was stored is kept; run the command again to store the rest", e.Place)
}

// Run imports the named files and folders. It returns a report even if there is an error. A post that cannot be read is
// rejected and does not end the import. The error is a [*StoppedError] if ctx was canceled.
func Run(ctx context.Context, o Options, names []string) (*Report, error) {
	i := &importer{options: o, report: newReport(o.DryRun, o.Stderr), first: newFirstPosts()}
	i.progress = NewProgress(o.Stderr, o.Now)
	err := i.run(ctx, names)
	i.progress.Clear()
	if err != nil {
		i.report.Stopped = hosting.OneLine(err)
	}
	if err != nil && ctx.Err() != nil {
		return i.report, &StoppedError{i.place}
	}
	return i.report, err
}

// batch contains records and posts that are stored together. Records are stored first: a post without a record would
// get the time of the import as its date.
type batch struct {
	lines []feed.ExportLine
	posts []post
	bytes int
}

// post is a post that has been read but not stored yet.
type post struct {
	feed.RawPost
	place  string
	folder bool // whether it was read from a folder
	exact  bool // see [transfer.Entry]
	files  []transfer.File
}

// importer stores the posts of files in batches. While it stores one, it reads the next.
type importer struct {
	options  Options
	inFolder bool // whether it is reading a folder, whose posts had URLs on a site
	progress *Progress
	place    string // place of the last entry that was read
	next     batch
	batches  chan<- batch
	report   *Report
	// first records the first post with each id in this import. Only the storing goroutine uses it.
	first firstPosts
	// stored is used by a dry run. It contains the site's records by key, as an import of the lines read so far would
	// leave them; it is nil until the first record is read. Only the storing goroutine uses it.
	stored map[string]feed.ExportLine
}

// run reads the files and stores their posts.
func (i *importer) run(ctx context.Context, names []string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	batches := make(chan batch, 1)
	stored := make(chan struct{})
	i.batches = batches
	go func() {
		defer close(stored)
		for b := range batches {
			if ctx.Err() != nil {
				continue // keep receiving, so that the reading goroutine never blocks
			}
			if err := i.store(ctx, b); err != nil {
				cancel(err)
			}
		}
	}()
	err := func() error {
		for _, name := range names {
			if err := i.file(ctx, name); err != nil {
				return err
			}
		}
		return i.flush(ctx)
	}()
	close(batches)
	<-stored
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// file imports a file or folder. An error ends the import.
func (i *importer) file(ctx context.Context, name string) error {
	if name == "-" {
		if f, ok := i.options.Stdin.(*os.File); ok {
			if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
				return i.regular(ctx, name, f, info.Size())
			}
		}
		return i.stream(ctx, name, i.options.Stdin)
	}
	f, err := openFile(ctx, name)
	if err != nil {
		return describeFile(err)
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return describeFile(err)
	}
	// The folders of the path have no meaning for a post, except that a file in _drafts is a draft.
	path := filepath.ToSlash(filepath.Clean(name))
	switch {
	case info.Mode().IsRegular():
		return i.regular(ctx, path, f, info.Size())
	case !info.IsDir():
		return i.stream(ctx, path, f)
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return describeFile(err)
	}
	defer func() { _ = root.Close() }()
	return i.folder(ctx, root.FS())
}

// zipMagic is the beginning of a zip archive.
const zipMagic = "PK\x03\x04"

// regular imports a file that can be read twice.
func (i *importer) regular(ctx context.Context, name string, f *os.File, size int64) error {
	i.progress.add(size)
	start := make([]byte, len(zipMagic))
	if n, err := f.ReadAt(start, 0); err != nil && !errors.Is(err, io.EOF) {
		return describeFile(err)
	} else if string(start[:n]) == zipMagic {
		return i.archive(ctx, name, f, size)
	}
	if transfer.IsExport(io.NewSectionReader(f, 0, size)) {
		// A damaged backup must not be restored in part, so it is read twice.
		if _, err := transfer.VerifyExport(io.NewSectionReader(f, 0, size), name); err != nil {
			return fmt.Errorf("import: nothing was imported from this file: %w", err)
		}
	}
	return i.entries(ctx, i.options.Transfer.Read(i.progress.reader(f), name))
}

// stream imports the contents of a pipe. A zip archive has its table of contents at its end, so it is copied to a file
// first.
func (i *importer) stream(ctx context.Context, name string, r io.Reader) error {
	r = interruptible(ctx, r)
	start := make([]byte, len(zipMagic))
	n, err := io.ReadFull(r, start)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return describeFile(err)
	}
	r = io.MultiReader(bytes.NewReader(start[:n]), r)
	if string(start[:n]) != zipMagic {
		return i.entries(ctx, i.options.Transfer.Read(i.progress.reader(r), name))
	}
	f, err := os.CreateTemp("", "feedpub-*.zip")
	if err != nil {
		return describeFile(err)
	}
	defer func() { _ = errors.Join(f.Close(), os.Remove(f.Name())) }()
	size, err := io.Copy(f, r)
	if err != nil {
		return describeFile(err)
	}
	return i.archive(ctx, name, f, size)
}

// archive imports a zip archive.
func (i *importer) archive(ctx context.Context, name string, f *os.File, size int64) error {
	archive, err := zip.NewReader(f, size)
	if err != nil {
		i.reject(name, fmt.Errorf("zip: %w", err))
		return nil
	}
	return i.folder(ctx, archive)
}

func (i *importer) folder(ctx context.Context, fsys fs.FS) error {
	i.inFolder = true
	defer func() { i.inFolder = false }()
	return i.entries(ctx, i.options.Transfer.ReadFolder(fsys))
}

// describeFile returns the error to report for a file that cannot be read.
func describeFile(err error) error {
	if p := new(fs.PathError); errors.As(err, &p) {
		return fmt.Errorf("import: %s: %w", p.Path, p.Err)
	}
	return fmt.Errorf("import: %w", err)
}

// entries imports the entries of a file or folder.
func (i *importer) entries(ctx context.Context, entries func(func(transfer.Entry, error) bool)) error {
	for entry, err := range entries {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		i.place = entry.Pos
		i.progress.Tick()
		for _, note := range entry.Notes {
			i.progress.Clear()
			i.report.note(note)
		}
		switch {
		case errors.Is(err, feed.ErrInvalid) || errors.Is(err, transfer.ErrDamaged):
			i.reject("", err)
		case err != nil:
			return describeFile(err)
		case entry.Skipped != "":
			i.report.skip(string(entry.Skipped))
		case entry.Record != nil:
			i.next.lines = append(i.next.lines, *entry.Record)
		case entry.Post != nil:
			i.next.posts = append(i.next.posts, post{*entry.Post, entry.Pos, i.inFolder, entry.Exact, entry.Files})
			i.next.bytes += len(entry.Post.Raw)
			for _, file := range entry.Files {
				i.next.bytes += len(file.Content)
			}
		}
		if len(i.next.lines) >= BatchSize || len(i.next.posts) >= BatchSize || i.next.bytes >= batchBytes {
			if err := i.flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// accept reports whether to store a post. It rejects a post that cannot be read, so that it can be corrected before it
// is stored, unless the post is restored from an export. It skips a post that is dated before Options.Since.
func (i *importer) accept(p post) bool {
	decoded, err := intake.Decode(p.ID, p.Raw)
	since := i.options.Since
	switch {
	case err != nil && p.exact && i.options.Restore:
		i.progress.Clear()
		i.report.note(p.place + ": the post " + p.ID + " cannot be read, and is restored as it was: " + hosting.OneLine(err))
		return true
	case err != nil:
		i.reject(p.place, err)
		return false
	case !since.IsZero() && !decoded.DatePublished.IsZero() && decoded.DatePublished.Before(since):
		i.report.skip("older")
		return false
	}
	public := decoded.Status == "" || decoded.Status == feed.Published
	if p.folder && public && decoded.URL == "" && decoded.ExternalURL == "" {
		i.report.withoutURL()
	}
	return true
}

// result returns what to do with a post; before is its stored version if ok is true. If the post must not be stored, it
// is skipped or rejected, and counted in the report.
func (i *importer) result(p post, before []byte, ok bool) result {
	unchanged := ok && transfer.EqualExport(feed.RawPost{ID: p.ID, Raw: before}, p.RawPost)
	switch {
	case i.isDuplicate(p):
		return resultNone
	case unchanged && i.options.Since.IsZero(): // the post was accepted when it was stored
		return resultUnchanged
	case !i.accept(p):
		return resultNone
	case unchanged:
		return resultUnchanged
	case ok:
		return resultChanged
	default:
		return resultNew
	}
}

// isDuplicate reports whether this import has stored a post with the id of p. It rejects p if it is a different post,
// and skips it if it is a copy.
func (i *importer) isDuplicate(p post) bool {
	place, same, ok := i.first.find(p)
	switch {
	case !ok:
	case same:
		i.report.skip("duplicate")
	default:
		i.reject(p.place, fmt.Errorf("the post at %s has the same id %q and is kept", place, p.ID))
	}
	return ok
}

func (p post) status() string {
	if p.exact {
		if _, err := intake.Decode(p.ID, p.Raw); err != nil {
			return string(feed.PostRejected)
		}
	}
	if !bytes.Contains(p.Raw, []byte(`"status"`)) { // do not decode the post
		return string(feed.Published)
	}
	return string(intake.StatusOf(p.Raw))
}

// reject reports a post or file that cannot be read. The place is empty if err names it.
func (i *importer) reject(place string, err error) {
	reason := hosting.OneLine(err)
	if place != "" {
		reason = place + ": " + reason
	}
	i.progress.Clear()
	i.report.reject(reason)
}

// flush passes the batch that was read to the storing goroutine.
func (i *importer) flush(ctx context.Context) error {
	b := i.next
	i.next = batch{}
	if len(b.lines)+len(b.posts) == 0 {
		return nil
	}
	select {
	case i.batches <- b:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// store stores the records of a batch, and its new or changed posts.
func (i *importer) store(ctx context.Context, b batch) error {
	if i.options.Undo {
		b.lines = nil // Undo does not change records
	}
	if len(b.lines) > 0 {
		var err error
		if i.options.DryRun {
			err = i.compare(ctx, b.lines)
		} else {
			err = i.options.Writer.Restore(ctx, b.lines...)
		}
		if err != nil {
			return fmt.Errorf("import: %w", err)
		}
		i.report.records(len(b.lines))
	}
	if len(b.posts) == 0 {
		return nil
	}
	ids := make([]string, len(b.posts))
	for n, p := range b.posts {
		ids[n] = p.ID
	}
	stored, err := i.options.Writer.Stored(ctx, ids)
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	if i.options.Undo {
		return i.remove(ctx, b.posts, stored)
	}
	return i.put(ctx, b.posts, stored)
}

// put stores the posts that differ from their stored versions. If several posts have the same id, it stores the first
// one that can be read: the others are different posts, which must not silently replace it.
func (i *importer) put(ctx context.Context, batch []post, stored map[string][]byte) error {
	var posts []feed.RawPost
	results := make([]result, len(batch))
	for n, p := range batch {
		before, ok := stored[p.ID]
		results[n] = i.result(p, before, ok)
		if results[n] != resultNone {
			i.first.add(p)
		}
		if results[n] == resultNew || results[n] == resultChanged {
			posts = append(posts, p.RawPost)
		}
	}
	// Store the files first: a post must not refer to a file that is not there yet.
	if err := i.saveFiles(batch, results); err != nil {
		return err
	}
	if len(posts) > 0 && !i.options.DryRun {
		if err := i.options.Writer.Import(ctx, posts...); err != nil {
			return fmt.Errorf("import: %w", err)
		}
	}
	if err := i.removeUnused(batch, results, stored); err != nil {
		return err
	}
	for n, p := range batch {
		i.report.post(p.status(), results[n])
		if i.options.DryRun && results[n] == resultChanged {
			i.report.wouldChange(p.ID)
		}
	}
	return nil
}

// remove deletes the posts whose stored versions are unchanged.
func (i *importer) remove(ctx context.Context, posts []post, stored map[string][]byte) error {
	for _, p := range posts {
		raw, ok := stored[p.ID]
		switch {
		case !ok:
			i.report.skip("not stored")
			continue
		case !transfer.EqualExport(feed.RawPost{ID: p.ID, Raw: raw}, p.RawPost):
			i.report.skip("changed since")
			continue
		}
		delete(stored, p.ID)
		if !i.options.DryRun {
			if err := i.options.Writer.Remove(ctx, p.ID); err != nil {
				return fmt.Errorf("import: %w", err)
			}
			for _, file := range p.files {
				if err := durable.Remove(i.pathOf(file)); err != nil {
					return fmt.Errorf("import: %w", err)
				}
			}
		}
		i.report.deleted()
	}
	return nil
}

// removeUnused removes the files that only the earlier versions of changed posts refer to. An earlier version may have
// been public, and the post may now be a draft.
func (i *importer) removeUnused(batch []post, results []result, stored map[string][]byte) error {
	for n, p := range batch {
		if results[n] != resultChanged || i.options.DryRun {
			continue
		}
		for _, name := range transfer.ImageFiles(stored[p.ID]) {
			if bytes.Contains(p.Raw, []byte(name)) {
				continue
			}
			file := i.pathOf(transfer.File{Name: name})
			content, err := os.ReadFile(file)
			if err != nil || !transfer.IsImageFile(p.ID, name, content) {
				continue // already removed, or not created by an import
			}
			if err := durable.Remove(file); err != nil {
				return fmt.Errorf("import: %w", err)
			}
		}
	}
	return nil
}

// pathOf returns the path at which a file is stored.
func (i *importer) pathOf(file transfer.File) string {
	return filepath.Join(i.options.Files, filepath.FromSlash(file.Name))
}

// saveFiles stores the files of the posts that are not rejected or skipped, except for those that are stored already.
func (i *importer) saveFiles(batch []post, results []result) error {
	for n, p := range batch {
		for _, file := range p.files {
			if results[n] == resultNone {
				continue
			}
			if err := i.saveFile(file); err != nil {
				return fmt.Errorf("import: %w", err)
			}
		}
	}
	return nil
}

func (i *importer) saveFile(file transfer.File) error {
	name := i.pathOf(file)
	if info, err := os.Stat(name); err == nil && info.Size() == int64(len(file.Content)) {
		return nil // the name contains a hash of the content
	}
	i.report.file()
	if i.options.DryRun {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return durable.WriteFile(name, file.Content, 0o644)
}
