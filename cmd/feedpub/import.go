package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"feedpub/feed"
	"feedpub/feed/durable"
	"feedpub/feed/intake"
	"feedpub/feed/transfer"
	"feedpub/store/embedded"
)

const (
	// importBatch is how many posts are stored at a time: enough to make round trips cheap, few enough to bound what has
	// to be done again after an interruption.
	importBatch = 500
	// importBytes bounds the memory that a batch takes when posts are large.
	importBytes = 4 << 20
)

// importFlags are what the command's own flags say.
type importFlags struct {
	asJSON, dryRun        bool
	pages, undo           bool
	format, since, report string
	baseURL               string
}

func newImport(env *environment) *cobra.Command {
	var flags importFlags
	cmd := &cobra.Command{
		Use:   "import FILE|FOLDER...",
		Short: "Take in posts from files",
		Long: `Take in posts from files and folders; - is standard input. The form is told by the
content: an export of WordPress, RSS, Atom, JSON Feed, feedpub's JSON, one post or
several, JSON Lines such as export writes, Markdown with front matter, HTML, else the
plain text of one post, its title first. In the folder of a site made by Hugo or
Jekyll the posts are found, with the addresses that its configuration gives them;
shortcodes and Liquid tags that come with these programs are replaced, others are told
about. Files may be compressed by gzip or zip.

Posts keep the ids that they had, so readers see none of them twice. Drafts stay
drafts; private posts and those with a password are never published. Pages are left
out unless --pages is given.

Posts go into the Redis of --redis or the folder of --dir, else into ./posts, which
is made if it is missing. Importing a file again does no harm, and stores only what
has changed. Posts that can't be read are told about and left out; the exit code is 3
then. With --undo the posts of the files are deleted again, but for those that have
changed since.`,
		Example: `  feedpub import --dry-run wordpress.xml
  feedpub import post.txt notes/*.md
  feedpub export --redis redis://old | feedpub import --redis redis://new -`,
		Args: someArgs("file"),
		RunE: func(cmd *cobra.Command, args []string) error { return env.importFiles(cmd, flags, args) },
	}
	addSettings(cmd, storeFlags...)
	addJSON(cmd, &flags.asJSON)
	f := cmd.Flags()
	f.BoolVar(&flags.dryRun, "dry-run", false, "show what would be done, and store nothing")
	f.BoolVar(&flags.undo, "undo", false, "delete the posts of these files again, unless they have changed since")
	f.BoolVar(&flags.pages, "pages", false, "take the pages of a site too, such as \"about\"")
	f.StringVar(&flags.baseURL, "base-url", "", "the address of the Hugo or Jekyll site, instead of the one that it is configured with")
	f.StringVar(&flags.format, "format", "", "the form of the files instead of the one recognised: "+formatNames())
	f.StringVar(&flags.since, "since", "", "leave out posts dated before this day, such as 2020-12-31")
	f.StringVar(&flags.report, "report", "", "write what was done to this file in JSON")
	return cmd
}

func formatNames() string {
	var names []string
	for _, f := range transfer.ReadFormats() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

// importFiles is the command.
func (env *environment) importFiles(cmd *cobra.Command, flags importFlags, args []string) error {
	i := &importer{env: env, dry: flags.dryRun, undo: flags.undo, report: newImportReport(flags.dryRun)}
	if flags.format != "" && !slices.Contains(transfer.ReadFormats(), transfer.Format(flags.format)) {
		return usageError{fmt.Errorf("--format %s: want one of %s", flags.format, formatNames())}
	}
	if flags.since != "" {
		t, ok := intake.ParseDate(flags.since)
		if !ok {
			return usageError{fmt.Errorf("--since %s: want a date such as 2020-12-31", flags.since)}
		}
		i.since = t
	}
	if u, err := url.Parse(flags.baseURL); flags.baseURL != "" && (err != nil || u.Scheme == "" || u.Host == "") {
		return usageError{fmt.Errorf("--base-url %s: want an address such as https://blog.example", flags.baseURL)}
	}
	w, p, done, err := env.openToWrite(cmd)
	if err != nil {
		return err
	}
	defer done()
	reader, err := newReader(p.config.Attribution)
	if err != nil {
		return err
	}
	i.place, i.writer = p, w
	i.options = transfer.Options{
		Format: transfer.Format(flags.format), Reader: reader, Location: p.config.TimeZone.Location, Pages: flags.pages,
		BaseURL: flags.baseURL,
	}
	i.progress = newProgress(env.stderr, time.Now)
	err = i.run(cmd.Context(), args)
	i.progress.done()
	if err != nil {
		i.report.Stopped = oneLine(err)
	}
	if flags.report != "" {
		if written := writeReport(flags.report, i.report); written != nil {
			return errors.Join(err, written)
		}
	}
	switch {
	case flags.asJSON:
		if err := env.printJSON(i.report); err != nil {
			return err
		}
	default:
		i.summarize()
	}
	switch {
	case err != nil && cmd.Context().Err() != nil && i.at == "":
		return errors.New("import: stopped before anything was read")
	case err != nil && cmd.Context().Err() != nil:
		return fmt.Errorf("import: stopped at %s; what was stored stays, and running it again stores the rest", i.at)
	case err != nil:
		return err
	case i.report.SetAsideCount > 0:
		return errSetAside
	}
	return nil
}

func writeReport(name string, r *importReport) error {
	encoded, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(name, append(encoded, '\n'), 0o644)
	}
	if err != nil {
		return fmt.Errorf("--report: %w", err)
	}
	return nil
}

// batch is what is stored at a time. Records go first: a post that comes before its record would be dated by its import.
type batch struct {
	lines []feed.ExportLine
	posts []importedPost
	bytes int
}

// importedPost is a post on its way into the store.
type importedPost struct {
	feed.RawPost
	place  string
	folder bool // from a folder
}

// importer stores what files hold, in batches: while one is stored, the next is read.
type importer struct {
	env      *environment
	place    place
	options  transfer.Options
	since    time.Time
	dry      bool
	undo     bool
	inFolder bool // what is read now is a folder, whose posts had addresses on a site
	writer   writer
	progress *progress
	at       string // the place that was read last
	next     batch
	batches  chan<- batch
	report   *importReport
}

// run reads the files and stores what is in them.
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
				continue // nobody waits for it any more
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

// file takes in one file or folder. The error ends the import; what is wrong with a post does not.
func (i *importer) file(ctx context.Context, name string) error {
	if name == "-" {
		if f, ok := i.env.stdin.(*os.File); ok {
			if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
				return i.regular(ctx, name, f, info.Size())
			}
		}
		return i.stream(ctx, name, i.env.stdin)
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
	// The folder of a file given by its path is no part of what it is about, but that of drafts is.
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

// isZip are the first bytes of a zip archive.
const isZip = "PK\x03\x04"

// regular takes in a file that can be read twice.
func (i *importer) regular(ctx context.Context, name string, f *os.File, size int64) error {
	i.progress.add(size)
	start := make([]byte, len(isZip))
	if n, err := f.ReadAt(start, 0); err != nil && !errors.Is(err, io.EOF) {
		return describeFile(err)
	} else if string(start[:n]) == isZip {
		return i.archive(ctx, name, f, size)
	}
	return i.entries(ctx, i.options.Read(i.progress.reader(f), name))
}

// stream takes in what comes through a pipe. A zip archive has its table of contents at its end, so it is kept in a file
// meanwhile.
func (i *importer) stream(ctx context.Context, name string, r io.Reader) error {
	r = interruptible(ctx, r)
	start := make([]byte, len(isZip))
	n, err := io.ReadFull(r, start)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return describeFile(err)
	}
	r = io.MultiReader(bytes.NewReader(start[:n]), r)
	if string(start[:n]) != isZip {
		return i.entries(ctx, i.options.Read(i.progress.reader(r), name))
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

// archive takes in a zip archive.
func (i *importer) archive(ctx context.Context, name string, f *os.File, size int64) error {
	archive, err := zip.NewReader(f, size)
	if err != nil {
		i.setAside(name, fmt.Errorf("zip: %w", err))
		return nil
	}
	return i.folder(ctx, archive)
}

func (i *importer) folder(ctx context.Context, fsys fs.FS) error {
	i.inFolder = true
	defer func() { i.inFolder = false }()
	return i.entries(ctx, i.options.ReadFolder(fsys))
}

// describeFile returns the error of a file that can't be read.
func describeFile(err error) error {
	if p := new(fs.PathError); errors.As(err, &p) {
		return fmt.Errorf("import: %s: %w", p.Path, p.Err)
	}
	return fmt.Errorf("import: %w", err)
}

func (i *importer) entries(ctx context.Context, entries func(func(transfer.Entry, error) bool)) error {
	for entry, err := range entries {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		i.at = entry.Pos
		i.progress.tick()
		for _, note := range entry.Notes {
			i.progress.clear()
			i.report.note(note, i.env.stderr)
		}
		switch {
		case errors.Is(err, feed.ErrInvalid) || errors.Is(err, transfer.ErrDamaged):
			i.setAside("", err)
		case err != nil:
			return describeFile(err)
		case entry.Skipped != "":
			i.report.leave(string(entry.Skipped))
		case entry.Record != nil:
			i.next.lines = append(i.next.lines, *entry.Record)
		case entry.Post != nil:
			i.next.posts = append(i.next.posts, importedPost{*entry.Post, entry.Pos, i.inFolder})
			i.next.bytes += len(entry.Post.Raw)
		}
		if len(i.next.lines) >= importBatch || len(i.next.posts) >= importBatch || i.next.bytes >= importBytes {
			if err := i.flush(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// check reports whether a post is to be stored. One that can't be read as a post is not: nothing would come of it, and
// the person who could mend it is here.
func (i *importer) check(p importedPost) bool {
	post, err := intake.Decode(p.ID, p.Raw)
	switch {
	case err != nil:
		i.setAside(p.place, err)
		return false
	case !i.since.IsZero() && !post.DatePublished.IsZero() && post.DatePublished.Before(i.since):
		i.report.leave("older")
		return false
	}
	if p.folder && post.URL == "" && post.ExternalURL == "" && (post.Status == "" || post.Status == feed.Published) {
		i.report.unaddressed()
	}
	return true
}

// kindOf returns the status of a post that can be read, at little cost for those that give none.
func kindOf(raw []byte) string {
	if !bytes.Contains(raw, []byte(`"status"`)) {
		return string(feed.Published)
	}
	return string(intake.StatusOf(raw))
}

func (i *importer) setAside(place string, err error) {
	what := oneLine(err)
	if place != "" {
		what = place + ": " + what
	}
	i.progress.clear()
	i.report.setAside(what, i.env.stderr)
}

// flush hands over what was read to be stored.
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

// store stores a batch, of posts only those that are new or changed.
func (i *importer) store(ctx context.Context, b batch) error {
	if i.undo {
		b.lines = nil // what was recorded stays true
	}
	if len(b.lines) > 0 {
		if !i.dry {
			if err := i.restore(ctx, b.lines); err != nil {
				return fmt.Errorf("import: %w", err)
			}
		}
		i.report.records(len(b.lines))
	}
	if len(b.posts) == 0 {
		return nil
	}
	// Of a post that comes twice in a batch the later one counts, and is compared with the earlier one.
	old, err := i.stored(ctx, b.posts)
	if err != nil {
		return fmt.Errorf("import: %w", err)
	}
	if i.undo {
		return i.remove(ctx, b.posts, old)
	}
	var posts []feed.RawPost
	results := make([]result, len(b.posts))
	for n, p := range b.posts {
		known, ok := old[p.ID]
		same := ok && bytes.Equal(known, p.Raw)
		switch {
		case same && i.since.IsZero():
			results[n] = isUnchanged // what was stored has been checked then
			continue
		case !i.check(p):
			results[n] = isRefused
			continue
		case same:
			results[n] = isUnchanged
			continue
		case ok:
			results[n] = isChanged
		default:
			results[n] = isNew
		}
		old[p.ID] = p.Raw
		posts = append(posts, p.RawPost)
	}
	if len(posts) > 0 && !i.dry {
		if err := i.writer.Put(ctx, posts...); err != nil {
			return fmt.Errorf("import: %w", err)
		}
	}
	for n, p := range b.posts {
		if results[n] != isRefused {
			i.report.post(kindOf(p.Raw), results[n])
		}
	}
	return nil
}

// remove deletes the posts of a batch that are stored as they are there.
func (i *importer) remove(ctx context.Context, posts []importedPost, old map[string][]byte) error {
	for _, p := range posts {
		known, ok := old[p.ID]
		switch {
		case !ok:
			i.report.leave("not stored")
			continue
		case !bytes.Equal(known, p.Raw):
			i.report.leave("changed since, and kept")
			continue
		}
		delete(old, p.ID)
		if err := i.delete(ctx, p.ID); err != nil {
			return fmt.Errorf("import: %w", err)
		}
		i.report.deleted()
	}
	return nil
}

// delete deletes a post that is stored.
func (i *importer) delete(ctx context.Context, id string) error {
	if i.dry {
		return nil
	}
	if s, ok := i.writer.(siteWriter); ok {
		return s.Site.Delete(ctx, id)
	}
	// The file that it was read from: to look for others with the post would take time for each.
	return durable.Remove(filepath.Join(string(i.place.config.Dir), embedded.FileName(id)))
}

// stored returns the posts of a batch as they are stored already.
func (i *importer) stored(ctx context.Context, posts []importedPost) (map[string][]byte, error) {
	old := make(map[string][]byte, len(posts))
	if s, ok := i.writer.(siteWriter); ok {
		ids := make([]string, len(posts))
		for n, p := range posts {
			ids[n] = p.ID
		}
		found, err := s.RawPosts(ctx, ids...)
		if err != nil {
			return nil, err
		}
		for _, p := range found {
			if p.Raw != nil {
				old[p.ID] = p.Raw
			}
		}
		return old, nil
	}
	for _, p := range posts {
		raw, err := os.ReadFile(filepath.Join(string(i.place.config.Dir), embedded.FileName(p.ID)))
		if err == nil {
			old[p.ID] = raw
		}
	}
	return old, nil
}

// restore stores records. Those of a folder are the store's, which has to be opened for that.
func (i *importer) restore(ctx context.Context, lines []feed.ExportLine) error {
	if s, ok := i.writer.(siteWriter); ok {
		return s.RestoreRecords(ctx, lines...)
	}
	if err := os.MkdirAll(string(i.place.config.Dir), 0o755); err != nil {
		return fmt.Errorf("folder of posts: %w", err)
	}
	w, err := i.place.openFolder(ctx)
	if err != nil {
		return err
	}
	defer w.close()
	return w.RestoreRecords(ctx, lines...)
}

// count returns a number with a noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
