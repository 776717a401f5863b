package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"feedpub/feed"
	"feedpub/feed/durable"
	"feedpub/store"
)

// folder makes the store follow the files. All of its state is derived from them at opening and guarded by mu.
type folder struct {
	o    Options
	fsys fs.FS
	site *store.Site

	mu    sync.Mutex
	good  *lastGood
	files map[string]*file
	// owner is the file whose version of a post is in the store, by the post's id: several files may hold one.
	owner map[string]string
	self  fs.FileInfo // the folder itself when it was last listed
	dirs  []string    // that posts may be in, when it was last listed
	// forced are files whose posts are put into the store again although they seem to be there.
	forced map[string]bool
	lost   bool // the problem of a folder that can't be listed, or is empty all at once, is listed
}

// file is what is known of a file.
type file struct {
	size  int64
	mod   time.Time
	posts map[string]feed.Hash // the last good version, by id

	broken   error     // why the present version can't be decoded, or nil
	since    time.Time // when that was first seen, or when the file was first seen to be gone
	gone     bool
	held     bool // gone, and its posts stay until somebody confirms
	reported bool // its problem is listed
}

// openFolder reads all files into the store.
func openFolder(ctx context.Context, o Options, dir string, site *store.Site) (*folder, error) {
	f := &folder{o: o, fsys: o.Files, site: site, files: map[string]*file{}, owner: map[string]string{}, forced: map[string]bool{}}
	if f.fsys == nil {
		f.fsys = os.DirFS(o.Dir)
	}
	known, good, err := openLastGood(dir, o.device, o.Logger)
	if err != nil {
		return nil, err
	}
	f.good = good
	// What was there when the store was last open counts as known, so that the first look at the files finds what has
	// changed, broken or gone since.
	var posts []feed.RawPost
	for _, name := range slices.Sorted(maps.Keys(known.files)) {
		f.files[name] = &file{posts: sums(known.files[name])}
		for _, p := range known.files[name] {
			if f.claims(name, p.ID) {
				posts = append(posts, p)
			}
		}
		f.good.keep(name, known.files[name])
	}
	if err := f.site.Put(ctx, posts...); err != nil {
		return nil, errors.Join(err, good.close())
	}
	if err := f.deleteAgain(ctx, slices.Sorted(maps.Keys(known.deleted))); err != nil {
		return nil, errors.Join(err, good.close())
	}
	if _, err := f.look(ctx, nil, true); err != nil {
		return nil, errors.Join(err, good.close())
	}
	f.good.begin()
	return f, nil
}

// deleteAgain gives notice of deletions that no builder has taken, as far as is known: the process may have ended before
// one could. A post that has a file again is found when the files are looked at, and counts then.
func (f *folder) deleteAgain(ctx context.Context, ids []string) error {
	stored, err := f.site.Load(ctx, ids)
	if err != nil {
		return err
	}
	for _, st := range stored {
		if !st.Record.Removed.IsZero() {
			continue
		}
		f.good.keepDeleted(st.ID)
		if err := f.site.Delete(ctx, st.ID); err != nil {
			return err
		}
	}
	return nil
}

func (f *folder) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.good.close()
}

func sums(posts []feed.RawPost) map[string]feed.Hash {
	m := make(map[string]feed.Hash, len(posts))
	for _, p := range posts {
		m[p.ID] = feed.HashOf(p.Raw)
	}
	return m
}

// claims reports whether a file's version of a post is the one that counts, and notes it if so. Among several files,
// that which WritePost writes comes first, so that what was acknowledged shows; then the first by path.
func (f *folder) claims(name, id string) bool {
	rank := func(name string) string {
		if path.Base(name) == FileName(id) && path.Dir(name) == "." {
			return ""
		}
		return name
	}
	now, ok := f.owner[id]
	if other := f.files[now]; ok && now != name && other != nil && !other.gone && rank(now) < rank(name) {
		return false
	}
	f.owner[id] = name
	return true
}

// apply makes changes of posts in the folder. When it returns nil they are on the disk. The caller holds mu until the
// server has them too.
func (f *folder) apply(changes []store.PostChange) error {
	if f.o.Dir == "" {
		return fmt.Errorf("the sample posts cannot be written: %w", feed.ErrInvalid)
	}
	last := map[string]store.PostChange{} // the last change of a post counts
	for _, c := range changes {
		last[c.ID] = c
	}
	var g errgroup.Group
	g.SetLimit(writersAtOnce) // file systems bring what is synced at once to the disk together
	for _, id := range slices.Sorted(maps.Keys(last)) {
		change := last[id]
		if change.Delete {
			if err := f.remove(id); err != nil {
				return errors.Join(err, g.Wait())
			}
			continue
		}
		// The next look takes the file for what counts, whatever became of the answer.
		f.forced[FileName(id)] = true
		g.Go(func() error {
			return durable.Replace(filepath.Join(f.o.Dir, FileName(id)), change.Raw, 0o644)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	err := durable.SyncDir(f.o.Dir)
	if errors.Is(err, fs.ErrNotExist) && !slices.ContainsFunc(changes, func(c store.PostChange) bool { return !c.Delete }) {
		return nil // the whole folder is gone, and so are the files
	}
	return err
}

// writersAtOnce is how many files are written at a time.
const writersAtOnce = 32

// remove removes the files that hold a post, before it is deleted from the store. A post that no file holds is no
// error: it may be held, and is confirmed to be gone now.
func (f *folder) remove(id string) error {
	remove := map[string]bool{FileName(id): true}
	for name, is := range f.files {
		if _, ok := is.posts[id]; !ok {
			continue
		}
		if len(is.posts) > 1 && !is.gone {
			return fmt.Errorf("%s holds %d posts; take it out of the file: %w", name, len(is.posts), feed.ErrInvalid)
		}
		remove[name] = true
	}
	f.good.keepDeleted(id)
	for _, name := range slices.Sorted(maps.Keys(remove)) {
		if err := durable.Remove(filepath.Join(f.o.Dir, filepath.FromSlash(name))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if is := f.files[name]; is != nil && is.held {
			delete(is.posts, id)
			f.good.keep(name, nil)
			if len(is.posts) == 0 {
				delete(f.files, name)
			}
		}
		if f.owner[id] == name {
			delete(f.owner, id)
		}
	}
	return nil
}

// look compares the files with what is known of them and makes the store follow. Touched are files to read although
// their size and time may be as before. It returns after how long to look again for files that are half written or
// half gone, 0 if there are none, and the folders that were found through f's watcher. First says that the process has
// just started: then what is wrong is wrong, not half done.
func (f *folder) look(ctx context.Context, touched map[string]bool, first bool) (time.Duration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.good.flush()
	found, dirs, bad := walk(f.fsys)
	f.dirs = dirs
	if err := bad["."]; err != nil {
		return 0, f.unreadable(ctx, err)
	}
	same := true
	if self, err := fs.Stat(f.fsys, "."); err == nil {
		same = f.self == nil || os.SameFile(self, f.self)
		f.self = self
	}
	now := time.Now()
	again := time.Duration(0)
	lookAgain := func(d time.Duration) {
		if again == 0 || d < again {
			again = max(d, time.Millisecond)
		}
	}

	// First what is gone: a post that moves from one file to another is the other's at once.
	for name, is := range f.files {
		if _, ok := found[name]; !ok && !is.gone && !beneath(bad, name) {
			is.gone, is.since = true, now
		}
	}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		info, was := found[name], f.files[name]
		if was != nil && !touched[name] && !f.forced[name] && !was.gone && was.size == info.Size() && was.mod.Equal(info.ModTime()) {
			if was.broken != nil && !was.reported {
				if wait := f.o.Patience - now.Sub(was.since); wait > 0 {
					lookAgain(wait)
				} else if err := f.report(ctx, name, was); err != nil {
					return 0, err
				}
			}
			continue
		}
		if err := f.change(ctx, name, info, now); err != nil {
			return 0, err
		}
		if is := f.files[name]; is.broken != nil && first {
			if err := f.report(ctx, name, is); err != nil {
				return 0, err
			}
		} else if is.broken != nil {
			lookAgain(f.o.Patience)
		}
	}
	wait, err := f.vanished(ctx, found, bad, now, first, same)
	if err != nil {
		return 0, err
	}
	if wait > 0 {
		lookAgain(wait)
	}
	return again, nil
}

// change reads a file that is new or has changed.
func (f *folder) change(ctx context.Context, name string, info fs.FileInfo, now time.Time) error {
	is := f.files[name]
	if is == nil {
		is = &file{}
		f.files[name] = is
	}
	is.gone, is.held = false, false
	is.size, is.mod = info.Size(), info.ModTime()
	posts, err := read(f.fsys, name, f.o.Decode)
	if errors.Is(err, fs.ErrNotExist) {
		is.size = -1 // gone since it was listed: the next look tells
		return nil
	}
	if err != nil {
		is.broken, is.since, is.reported = err, now, false
		return nil
	}
	switch err := f.accept(ctx, name, is, posts); {
	case errors.Is(err, feed.ErrInvalid): // an id that posts can't have: the file's fault
		is.broken, is.since, is.reported = err, now, false
		return nil
	case err != nil:
		is.size = -1 // read it again: the store has not got it
		return err
	}
	return f.repaired(ctx, name, is)
}

// accept makes a good version of a file the one that counts.
func (f *folder) accept(ctx context.Context, name string, is *file, posts []feed.RawPost) error {
	fresh := sums(posts)
	var put []feed.RawPost
	for _, p := range posts {
		owned := f.owner[p.ID] == name
		if !f.claims(name, p.ID) {
			f.o.Logger.Warn("two files hold the same post; the other one counts",
				"post", p.ID, "file", name, "other", f.owner[p.ID])
			continue
		}
		if !owned || f.forced[name] || is.posts[p.ID] != fresh[p.ID] {
			put = append(put, p)
		}
	}
	if err := f.site.Put(ctx, put...); err != nil {
		return err
	}
	written := f.forced[name] // and maybe noted as deleted since it was last kept
	delete(f.forced, name)
	dropped := is.posts
	is.posts = fresh
	for _, id := range slices.Sorted(maps.Keys(dropped)) {
		if _, still := fresh[id]; !still {
			if err := f.drop(ctx, name, id); err != nil {
				return err
			}
		}
	}
	if written || !maps.Equal(dropped, fresh) {
		f.good.keep(name, posts)
	}
	return nil
}

// drop deletes a post that a file holds no longer, unless another file holds it: then that one's version counts.
func (f *folder) drop(ctx context.Context, name, id string) error {
	if f.owner[id] != name {
		return nil
	}
	delete(f.owner, id)
	for _, other := range slices.Sorted(maps.Keys(f.files)) {
		is := f.files[other]
		if _, ok := is.posts[id]; !ok || other == name || is.gone {
			continue
		}
		posts, err := read(f.fsys, other, f.o.Decode)
		if err != nil {
			continue
		}
		if i := slices.IndexFunc(posts, func(p feed.RawPost) bool { return p.ID == id }); i >= 0 {
			f.owner[id] = other
			return f.site.Put(ctx, posts[i])
		}
	}
	f.o.Logger.Info("post is deleted: its file is gone or holds it no longer", "post", id, "file", name)
	return f.site.Delete(ctx, id)
}

// vanished deals with files that are known and not found. It returns after how long to look again.
func (f *folder) vanished(
	ctx context.Context, found map[string]fs.FileInfo, bad map[string]error, now time.Time, first, same bool,
) (time.Duration, error) {
	var gone []string // that hold posts still
	alive := false
	for _, name := range slices.Sorted(maps.Keys(f.files)) {
		is := f.files[name]
		if _, ok := found[name]; ok {
			alive = alive || len(is.posts) > 0
			continue
		}
		if beneath(bad, name) || is.held {
			continue
		}
		gone = append(gone, name)
	}
	if len(gone) == 0 {
		return 0, f.found(ctx)
	}
	if !first {
		// All wait for the youngest: whether all are gone at once shows only when they have stopped going.
		var wait time.Duration
		for _, name := range gone {
			wait = max(wait, f.o.Grace-now.Sub(f.files[name].since))
		}
		if wait > 0 {
			return wait, nil
		}
	}
	owned := 0
	for _, name := range gone {
		if slices.ContainsFunc(slices.Collect(maps.Keys(f.files[name].posts)), func(id string) bool { return f.owner[id] == name }) {
			owned++
		}
	}
	if !alive && (owned > 1 || owned == 1 && (first || !same)) {
		for _, name := range gone {
			f.files[name].held = true
		}
		return 0, f.hold(ctx, fmt.Sprintf("All %d files of the folder are gone at once, as when a disk is not mounted; "+
			"their posts stay published until the files are back or the posts are deleted one by one.", len(gone)))
	}
	for _, name := range gone {
		is := f.files[name]
		for _, id := range slices.Sorted(maps.Keys(is.posts)) {
			if err := f.drop(ctx, name, id); err != nil {
				return 0, err
			}
		}
		if err := f.repaired(ctx, name, is); err != nil {
			return 0, err
		}
		f.good.keep(name, nil)
		delete(f.files, name)
	}
	return 0, f.found(ctx)
}

// beneath reports whether a file or a folder that it is in could not be looked at: then nothing is known of it.
func beneath(bad map[string]error, name string) bool {
	for b := range bad {
		if name == b || strings.HasPrefix(name, b+"/") {
			return true
		}
	}
	return false
}

// wholeFolder is the path by which problems name the folder itself.
const wholeFolder = "."

// unreadable deals with a folder that can't be listed.
func (f *folder) unreadable(ctx context.Context, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.New("it does not exist")
	}
	return f.hold(ctx, fmt.Sprintf("The folder of posts can't be read (%v); its posts stay published.", err))
}

// hold lists the problem of a folder from which nothing is deleted for now.
func (f *folder) hold(ctx context.Context, reason string) error {
	if !f.lost {
		f.o.Logger.Error("posts stay published although their files are missing", "reason", reason)
	}
	f.lost = true
	return f.site.SetProblem(ctx, feed.Problem{
		ID: wholeFolder, Kind: feed.KindFile, Reason: reason, Since: time.Now(), Serving: true,
	})
}

// found takes the problem of the folder off the list, unless files are held still.
func (f *folder) found(ctx context.Context) error {
	if !f.lost {
		return nil
	}
	for _, is := range f.files {
		if is.held {
			return nil
		}
	}
	f.lost = false
	f.o.Logger.Info("the files that were missing are back, or their posts were deleted")
	return f.site.ClearProblem(ctx, feed.KindFile, wholeFolder)
}

// report lists a file that can't be decoded.
func (f *folder) report(ctx context.Context, name string, is *file) error {
	f.o.Logger.Warn("file can't be read as posts; its last good version stays", "file", name, "error", is.broken)
	err := f.site.SetProblem(ctx, feed.Problem{
		ID: name, Kind: feed.KindFile, Reason: is.broken.Error(), Since: is.since, Serving: len(is.posts) > 0,
	})
	is.reported = err == nil
	return err
}

// repaired takes a file off the list that can be decoded again, or is gone.
func (f *folder) repaired(ctx context.Context, name string, is *file) error {
	if is.broken != nil {
		if err := f.site.ClearProblem(ctx, feed.KindFile, name); err != nil {
			return err
		}
	}
	is.broken, is.reported = nil, false
	return nil
}
