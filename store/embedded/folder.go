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
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"feedpub/feed"
	"feedpub/feed/durable"
	"feedpub/store"
)

// writersAtOnce is the maximum number of files that are written concurrently.
const writersAtOnce = 32

// folder keeps the posts in the server in sync with the files. All of its state is derived from the files when the
// store is opened.
type folder struct {
	o    Options
	fsys fs.FS
	site *store.Site // changes only the server, not the files
	now  func() time.Time

	mu       sync.Mutex // guards the fields below, and all changes to posts in the server
	versions *versions
	imports  *imports
	copies   *copies
	derived  *derived
	restored bool // whether posts were put into the server with what was derived from them
	ids      *pathIDs
	links    *links
	files    map[string]*file // by path
	// owner maps the id of each post to the path of the file whose version is in the server, since several files may
	// contain the same post.
	owner map[string]string
	// good contains, by id, the last good version of each post whose version in the server is rejected. The item in the
	// server was made from the good version, and must be made from it again after a restart.
	good  map[string][]byte
	self  fs.FileInfo // information about the folder itself, from the last listing
	media feed.Hash   // hash of the names of the files beside the posts when they were last listed
	dirs  []string    // folders that may contain posts when they were last listed
	// written contains the paths of files that the store has written since it last read them. They are read again even
	// if their size and time are unchanged.
	written map[string]bool
	missing bool // whether a problem of the folder as a whole is listed: it is unreadable or has lost all its files
	// rejected returns the notices to add for a problem; it is nil until NotifyRejected is called. notified contains,
	// by id, the reasons of the listed problems for which notices were added.
	rejected func(feed.Problem) []feed.StoredNotice
	notified map[string]string
}

// file is the state of one file.
type file struct {
	size  int64 // -1 if the file must be read again
	mod   time.Time
	posts map[string]feed.Hash // the last good version, by id
	sum   feed.Hash            // hash of the whole file in its last good version; "" if unknown

	broken   error     // why the current version, or one of its posts, cannot be read; nil if it can
	reported bool      // whether the problem of the broken version is listed
	since    time.Time // when the file was first found broken or missing
	gone     bool
	kept     bool // whether the file is missing but its posts stay published until deleted through the store
}

// openFolder reads all files into the server.
func openFolder(ctx context.Context, o Options, dir string, site *store.Site) (*folder, error) {
	f := &folder{
		o: o, fsys: o.Files, site: site, now: time.Now,
		links: newLinks(), files: map[string]*file{}, owner: map[string]string{}, good: map[string][]byte{}, written: map[string]bool{},
		notified: map[string]string{},
	}
	if f.fsys == nil {
		f.fsys = os.DirFS(o.Dir)
	}
	last, log, err := openVersions(dir, o.files, o.Logger)
	if err != nil {
		return nil, err
	}
	f.versions, f.imports, f.derived = log, newImports(dir), newDerived(dir, o.files, site)
	if f.ids, err = openPathIDs(dir, o.files); err != nil {
		return nil, errors.Join(err, log.close())
	}
	f.copies = openCopies(dir, o, func() time.Time { return f.now() })
	if err := f.imports.open(ctx, site, last); err != nil {
		o.Logger.Warn("hubs may be notified of posts that were imported", "error", err)
	}
	if err := f.load(ctx, last); err != nil {
		return nil, errors.Join(err, log.close())
	}
	f.versions.replace()
	return f, nil
}

// load puts the posts of the last run into the server, so that the first scan detects files that have since changed,
// become undecodable or disappeared.
func (f *folder) load(ctx context.Context, last lastRun) error {
	var posts []feed.RawPost
	for _, name := range slices.Sorted(maps.Keys(last.files)) {
		f.files[name] = &file{posts: hashes(last.files[name].posts), sum: last.files[name].sum}
		for _, p := range last.files[name].posts {
			if f.claim(name, p.ID) {
				posts = append(posts, p)
			}
		}
		f.versions.keep(name, last.files[name])
	}
	restored, err := f.restoreDerived(ctx, posts)
	if err != nil {
		return err
	}
	before, err := f.site.DerivedState(ctx)
	if err != nil {
		return err
	}
	if err := f.repeatDeletions(ctx, slices.Sorted(maps.Keys(last.deleted))); err != nil {
		return err
	}
	if f.copies.restored != "" {
		f.o.Logger.Error("a folder was replaced by an older copy; changes are held until an operator accepts the copy",
			"folder", f.copies.restored)
		if err := f.site.SetProblem(ctx, f.copies.problem()); err != nil {
			return err
		}
	}
	if _, err := f.scan(ctx, nil, true); err != nil {
		return err
	}
	return f.checkRestored(ctx, restored, before)
}

// restoreDerived puts posts into the server, with what was derived from them in the last run as far as that was saved.
// The other posts are submitted.
func (f *folder) restoreDerived(ctx context.Context, posts []feed.RawPost) (restoredPosts, error) {
	restored, err := f.derived.restore(ctx, posts)
	if err != nil {
		f.o.Logger.Warn("what was derived from the posts cannot be restored; all posts are read again",
			"file", f.derived.path, "error", err)
		restored = restoredPosts{rest: posts}
	}
	f.media, f.restored = restored.media, len(restored.ids) > 0
	for _, id := range restored.changed {
		f.links.changed[f.owner[id]] = true
	}
	return restored, f.site.Put(ctx, restored.rest...)
}

// checkRestored submits all restored posts if it is unknown which of them are affected by a change. before is the state
// before the files were read.
func (f *folder) checkRestored(ctx context.Context, restored restoredPosts, before store.DerivedState) error {
	f.restored = false // from now on, a file that is read may have changed
	after, err := f.site.DerivedState(ctx)
	if err != nil {
		return err
	}
	if restored.media == f.media && !restored.gone {
		if len(restored.changed) == 0 && after.Inbox == before.Inbox {
			f.derived.saved = after.Stamp
		}
		return nil
	}
	for ids := range slices.Chunk(restored.ids, derivedBatch) {
		if err := f.submit(ctx, ids); err != nil {
			return err
		}
	}
	return nil
}

// saveDerived saves what was derived from the posts, if that has changed.
func (f *folder) saveDerived(ctx context.Context) error {
	f.mu.Lock()
	media := f.media
	f.mu.Unlock()
	return f.derived.save(ctx, media)
}

// runDerived saves what was derived from the posts at intervals, until ctx is done.
func (f *folder) runDerived(ctx context.Context) error {
	ticker := time.NewTicker(derivedInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := f.saveDerived(ctx); err != nil && ctx.Err() == nil {
			f.o.Logger.Warn("what was derived from the posts cannot be saved; the next start reads all posts again", "error", err)
		}
	}
}

// noteCopies increases the number in the records that detect older copies if posts have changed. If changes are held
// because a folder was replaced by an older copy, it stops holding them once an operator has accepted the copy. The
// caller must hold mu.
func (f *folder) noteCopies(ctx context.Context, closing bool) error {
	if f.copies.restored == "" {
		if !f.missing {
			f.copies.bumpIfChanged(closing)
		}
		return nil
	}
	if _, listed, err := f.site.Problem(ctx, feed.KindRollback, feed.RollbackID); err != nil || listed {
		return err
	}
	f.o.Logger.Warn("the older copy was accepted; posts without a file are deleted")
	f.copies.accept()
	for _, state := range f.files {
		state.kept = false // the next scan deletes the posts of missing files
	}
	return nil
}

// repeatDeletions adds inbox entries for deletions that no builder has recorded: the inbox is in memory, and the
// process may have ended before a builder read it. If such a post has a file again, the next scan puts it.
func (f *folder) repeatDeletions(ctx context.Context, ids []string) error {
	stored, err := f.site.Load(ctx, ids)
	if err != nil {
		return err
	}
	for _, st := range stored {
		if !st.Record.Removed.IsZero() {
			continue
		}
		f.versions.keepDeleted(st.ID)
		if err := f.site.Delete(ctx, st.ID); err != nil {
			return err
		}
	}
	return nil
}

func (f *folder) close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), internalTimeout)
	defer cancel()
	if err := f.imports.close(ctx, f.site, f.o.files); err != nil {
		f.o.Logger.Warn("hubs may be notified of posts that are imported before the next start", "error", err)
	}
	return errors.Join(f.noteCopies(ctx, true), f.versions.close())
}

func hashes(posts []feed.RawPost) map[string]feed.Hash {
	m := make(map[string]feed.Hash, len(posts))
	for _, p := range posts {
		m[p.ID] = feed.HashOf(p.Raw)
	}
	return m
}

// claim tries to make a file the owner of a post and reports whether the file is the owner.
func (f *folder) claim(name, id string) bool {
	if !f.mayOwn(name, id) {
		return false
	}
	f.owner[id] = name
	return true
}

// mayOwn reports whether a file is the owner of a post, or may become the owner. If several files contain the post, the
// owner is the file that WritePost writes, so that acknowledged posts are published, or otherwise the first file by
// path.
func (f *folder) mayOwn(name, id string) bool {
	rank := func(name string) string {
		if path.Base(name) == FileName(id) && path.Dir(name) == "." {
			return ""
		}
		return name
	}
	owner, ok := f.owner[id]
	other := f.files[owner]
	return !ok || owner == name || other == nil || other.gone || rank(owner) >= rank(name)
}

// apply writes changed posts to their files. When it returns nil, the changes are on disk. The caller must hold mu
// until the changes are also in the server.
func (f *folder) apply(changes []store.PostChange) error {
	if f.o.Dir == "" {
		return fmt.Errorf("the sample posts are read-only: %w", feed.ErrInvalid)
	}
	last := map[string]store.PostChange{} // the last change to each post
	for _, c := range changes {
		last[c.ID] = c
	}
	var g errgroup.Group
	g.SetLimit(writersAtOnce) // concurrent, because file systems combine concurrent syncs
	for _, id := range slices.Sorted(maps.Keys(last)) {
		change := last[id]
		if change.Delete {
			if err := f.remove(id); err != nil {
				return errors.Join(err, g.Wait())
			}
			continue
		}
		// If the server then fails to receive the post, the next scan puts it there.
		f.written[FileName(id)] = true
		g.Go(func() error {
			return durable.Replace(filepath.Join(f.o.Dir, FileName(id)), change.Raw, 0o644)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	err := durable.SyncDir(f.o.Dir)
	puts := slices.ContainsFunc(changes, func(c store.PostChange) bool { return !c.Delete })
	if errors.Is(err, fs.ErrNotExist) && !puts {
		return nil // the whole folder has been removed
	}
	return err
}

// remove removes the files of a post. It is not an error if the post has no file: the file may have been removed
// before, and the deletion confirms that this was intended.
func (f *folder) remove(id string) error {
	remove := map[string]bool{FileName(id): true}
	for name, state := range f.files {
		if _, ok := state.posts[id]; !ok {
			continue
		}
		if len(state.posts) > 1 && !state.gone {
			return fmt.Errorf("%s contains %d posts; remove the post from the file: %w",
				name, len(state.posts), feed.ErrInvalid)
		}
		remove[name] = true
	}
	delete(f.good, id)
	f.versions.keepDeleted(id)
	f.copies.note()
	for _, name := range slices.Sorted(maps.Keys(remove)) {
		err := durable.Remove(filepath.Join(f.o.Dir, filepath.FromSlash(name)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if state := f.files[name]; state != nil && state.kept {
			delete(state.posts, id)
			f.versions.keep(name, version{})
			if len(state.posts) == 0 {
				delete(f.files, name)
			}
		}
		if f.owner[id] == name {
			delete(f.owner, id)
		}
	}
	return nil
}
