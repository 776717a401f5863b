package embedded

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"feedpub/feed"
	"feedpub/store"
)

const (
	// derivedInterval is the interval at which changed derived data is saved. It is also saved when the store is
	// closed.
	derivedInterval = 5 * time.Minute
	// derivedFormat names the format of the file. A file in a different format is ignored.
	derivedFormat = "feedpub derived 1"
	// derivedBatch is the number of posts that are read or restored at a time.
	derivedBatch = 250
)

// derived saves what builders have derived from the posts, so that a start with unchanged files need not read and build
// everything again. The file is a consistent copy of that data at one moment. It may be missing, damaged or older than
// the posts, the records and the heads:
//
//   - What was derived from a post is restored only if the post, its record and the decisions about it are the same.
//   - A feed becomes dirty if its head is not the one that the file names.
//   - Posts that link to the file of a changed post are submitted again, as they are after an edit. If media files have
//     appeared or disappeared, or a post that the file names is gone, all posts are. If the item of a submitted post is
//     the same as before, its feeds are not built again.
type derived struct {
	path  string
	files fileOps
	site  *store.Site

	saved string // the stamp of the saved or restored state; "" if there is none
	heads map[feed.Name]feed.HeadSum
}

// derivedHeader is the first line of the file. A line for each post follows, and then the SHA-256 of all these lines.
type derivedHeader struct {
	Format   string                     `json:"format"`
	Archives feed.Hash                  `json:"archives"`
	Media    feed.Hash                  `json:"media"` // see folder.media
	Dirty    []feed.Name                `json:"dirty,omitempty"`
	Heads    map[feed.Name]feed.HeadSum `json:"heads"`
}

func newDerived(dir string, files fileOps, site *store.Site) *derived {
	return &derived{path: filepath.Join(dir, "derived.jsonl"), files: files, site: site, heads: map[feed.Name]feed.HeadSum{}}
}

// save writes the file if the state has changed since it was last saved and no posts wait to be absorbed. It writes
// nothing if the state changes in the meantime.
func (d *derived) save(ctx context.Context, media feed.Hash) error {
	before, err := d.site.DerivedState(ctx)
	if err != nil || before.Inbox > 0 || before.Stamp == d.saved {
		return err
	}
	heads, err := d.readHeads(ctx)
	if err != nil {
		return err
	}
	header := derivedHeader{derivedFormat, before.Archives, media, before.Dirty, heads}
	err = d.write(ctx, header)
	if err == nil {
		var after store.DerivedState
		if after, err = d.site.DerivedState(ctx); err == nil && after.Stamp != before.Stamp {
			return os.Remove(d.temporary()) // save it next time
		}
	}
	if err == nil {
		err = os.Rename(d.temporary(), d.path)
	}
	if err != nil {
		_ = os.Remove(d.temporary())
		return fmt.Errorf("derived data: %w", err)
	}
	d.saved, d.heads = before.Stamp, heads
	return nil
}

func (d *derived) temporary() string { return d.path + ".new" }

// readHeads returns the sums of all heads.
func (d *derived) readHeads(ctx context.Context) (map[feed.Name]feed.HeadSum, error) {
	stored, err := d.site.StoredHeads(ctx, d.heads)
	if err != nil {
		return nil, err
	}
	sums := make(map[feed.Name]feed.HeadSum, len(stored))
	for _, h := range stored {
		sums[h.Feed] = h.Sum
	}
	return sums, nil
}

// write writes the header and all posts to the temporary file.
func (d *derived) write(ctx context.Context, header derivedHeader) (err error) {
	f, err := d.files.open(d.temporary(), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buffered, sum := bufio.NewWriterSize(f, 1<<20), sha256.New()
	lines := json.NewEncoder(io.MultiWriter(buffered, sum))
	if err := lines.Encode(header); err != nil {
		return err
	}
	list, err := d.site.Problems(ctx)
	if err != nil {
		return err
	}
	problems := map[string][]feed.Problem{}
	for _, p := range list {
		problems[p.ID] = append(problems[p.ID], p)
	}
	for ids, err := range d.site.PostIDs(ctx) {
		if err != nil {
			return err
		}
		posts, err := d.site.Derived(ctx, problems, ids...)
		if err != nil {
			return err
		}
		for _, p := range posts {
			if err := lines.Encode(p); err != nil {
				return err
			}
		}
	}
	if _, err := fmt.Fprintf(buffered, "%x\n", sum.Sum(nil)); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return err
	}
	return f.Sync()
}

// restore puts posts into the server with what was derived from them, as far as the file has it. After an error, some
// of the posts may be in the server.
func (d *derived) restore(ctx context.Context, posts []feed.RawPost) (r restoredPosts, err error) {
	r.rest = posts
	f, err := os.Open(d.path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return r, err
	}
	defer func() { _ = f.Close() }()
	lines, err := verify(f)
	if err != nil {
		return r, err
	}
	line, err := lines.next()
	if err != nil {
		return r, err
	}
	var header derivedHeader
	if err := json.Unmarshal(line, &header); err != nil || header.Format != derivedFormat {
		return r, fmt.Errorf("unknown format: %w", feed.ErrInvalid)
	}
	state, err := d.site.DerivedState(ctx)
	if err != nil || state.Archives != header.Archives { // an archive also changes the feed that it belongs to
		return r, err
	}
	if r, err = d.restorePosts(ctx, lines, posts); err != nil {
		return r, err
	}
	r.media = header.Media
	changed, err := d.changedHeads(ctx, header.Heads)
	if err != nil {
		return r, err
	}
	return r, d.site.MarkDirty(ctx, append(changed, header.Dirty...)...)
}

// restoredPosts is the result of restoring derived data.
type restoredPosts struct {
	rest    []feed.RawPost // posts that were not put into the server
	ids     []string       // posts that were
	changed []string       // posts that differ from the saved state, or whose records do
	gone    bool           // whether the saved state has a post that no longer exists
	media   feed.Hash      // folder.media of the saved state
}

func (d *derived) restorePosts(ctx context.Context, lines *derivedLines, posts []feed.RawPost) (restoredPosts, error) {
	var r restoredPosts
	waiting := make(map[string]feed.RawPost, len(posts))
	for _, p := range posts {
		waiting[p.ID] = p
	}
	for {
		some, err := lines.posts(derivedBatch)
		if err != nil {
			return r, err
		}
		if len(some) == 0 {
			break
		}
		batch := make([]feed.RawPost, 0, len(some))
		some = slices.DeleteFunc(some, func(p store.DerivedPost) bool {
			raw, ok := waiting[p.ID]
			if ok {
				batch = append(batch, raw)
			}
			r.gone = r.gone || !ok
			return !ok
		})
		same, restored, err := d.site.RestoreDerived(ctx, batch, some)
		if err != nil {
			return r, err
		}
		for i, p := range batch {
			if !same[i] {
				r.changed = append(r.changed, p.ID)
			}
			if delete(waiting, p.ID); restored[i] {
				r.ids = append(r.ids, p.ID)
			} else {
				r.rest = append(r.rest, p)
			}
		}
	}
	for _, p := range posts { // in order
		if _, ok := waiting[p.ID]; ok {
			r.changed = append(r.changed, p.ID)
			r.rest = append(r.rest, p)
		}
	}
	return r, nil
}

// changedHeads returns the feeds whose heads differ from those with the given sums.
func (d *derived) changedHeads(ctx context.Context, sums map[feed.Name]feed.HeadSum) ([]feed.Name, error) {
	stored, err := d.site.StoredHeads(ctx, sums)
	if err != nil {
		return nil, err
	}
	var changed []feed.Name
	d.heads = make(map[feed.Name]feed.HeadSum, len(stored))
	for _, h := range stored {
		d.heads[h.Feed] = h.Sum
		if !h.Unchanged {
			changed = append(changed, h.Feed)
		}
	}
	for name := range sums {
		if _, ok := d.heads[name]; !ok {
			changed = append(changed, name)
		}
	}
	// The pages have no posts of their own, and are built with every feed.
	return slices.DeleteFunc(changed, func(n feed.Name) bool { return n == feed.Pages }), nil
}

// derivedLines reads the lines of the file.
type derivedLines struct {
	r *bufio.Reader
	n int // number of lines that follow
}

// verify compares the lines of a file with the hash in its last line, and returns a reader of these lines.
func verify(f *os.File) (*derivedLines, error) {
	r := bufio.NewReaderSize(f, 1<<20)
	var sum hash.Hash = sha256.New()
	lines, last := -1, []byte(nil)
	for {
		line, err := r.ReadBytes('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("truncated: %w", feed.ErrInvalid)
		}
		sum.Write(last)
		last = line
		lines++
	}
	if hex.EncodeToString(sum.Sum(nil))+"\n" != string(last) {
		return nil, fmt.Errorf("damaged: %w", feed.ErrInvalid)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	r.Reset(f)
	return &derivedLines{r, lines}, nil
}

// next returns the next line, or nil at the end.
func (l *derivedLines) next() ([]byte, error) {
	if l.n <= 0 {
		return nil, nil
	}
	l.n--
	return l.r.ReadBytes('\n')
}

// posts returns the next posts, up to n.
func (l *derivedLines) posts(n int) ([]store.DerivedPost, error) {
	var list []store.DerivedPost
	for len(list) < n {
		line, err := l.next()
		if err != nil || line == nil {
			return list, err
		}
		var p store.DerivedPost
		if err := json.Unmarshal(line, &p); err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}
