package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"feedpub/feed"
)

// scan is the state of one comparison of the files with their recorded state.
type scan struct {
	*folder
	start time.Time
	first bool                   // the first scan, when the store is opened: Grace and Patience do not apply
	found map[string]fs.FileInfo // by path
	bad   map[string]error       // errors of files and folders that cannot be read, by path
	moved bool                   // whether the folder has been replaced since the previous scan
	again time.Duration          // delay before the next scan; 0 if none is needed
	// renamed lists the recorded files that consist of one post without an id of its own, by the hash of the file; nil
	// until needed.
	renamed map[feed.Hash][]string
}

// scan compares the files with their recorded state and updates the server. touched contains the files to read even if
// their size and time are unchanged. It returns the delay before the next scan if files may be half written or half
// moved, and 0 otherwise.
func (f *folder) scan(ctx context.Context, touched map[string]bool, first bool) (time.Duration, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.versions.flush()
	s := scan{folder: f, start: f.now(), first: first}
	var media feed.Hash
	s.found, f.dirs, media, s.bad = walk(f.fsys)
	if err := s.bad["."]; err != nil {
		return 0, f.reportUnreadable(ctx, err)
	}
	if self, err := fs.Stat(f.fsys, "."); err == nil {
		s.moved = f.self != nil && !os.SameFile(self, f.self)
		f.self = self
	}
	// Mark missing files first, so that a post that has moved to another file is published from that file immediately.
	for name, state := range f.files {
		if _, ok := s.found[name]; !ok && !state.gone && !unreadable(s.bad, name) {
			state.gone, state.since = true, s.start
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.found)) {
		if s.found[name] == nil {
			continue // it was renamed to a file that has already been read
		}
		if err := s.scanFile(ctx, name, touched[name]); err != nil {
			return 0, err
		}
	}
	if err := s.removeMissing(ctx); err != nil {
		return 0, err
	}
	if err := f.submitLinking(ctx, first); err != nil {
		return 0, err
	}
	if media != f.media {
		if err := f.submitMissingMedia(ctx); err != nil {
			return 0, err
		}
		f.media = media
	}
	return s.again, f.noteCopies(ctx, first)
}

// submitMissingMedia resubmits the posts that refer to missing files, since the files may exist now.
func (f *folder) submitMissingMedia(ctx context.Context) error {
	problems, err := f.site.Problems(ctx)
	if err != nil {
		return err
	}
	var ids []string
	for _, p := range problems {
		if p.Kind == feed.KindMedia {
			ids = append(ids, p.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	return f.submit(ctx, ids)
}

// wait requests that the next scan starts after at most d.
func (s *scan) wait(d time.Duration) {
	if s.again == 0 || d < s.again {
		s.again = max(d, time.Millisecond)
	}
}

// scanFile reads a file if it is new or has changed, and reports a file that remains broken.
func (s *scan) scanFile(ctx context.Context, name string, touched bool) error {
	info, state := s.found[name], s.files[name]
	unchanged := state != nil && !touched && !s.written[name] && !state.gone &&
		state.size == info.Size() && state.mod.Equal(info.ModTime())
	if !unchanged {
		if err := s.readFile(ctx, name, info); err != nil {
			return err
		}
		state = s.files[name]
	}
	if state.broken == nil || state.reported {
		return nil
	}
	if patience := s.o.Patience - s.start.Sub(state.since); patience > 0 && !s.first {
		s.wait(patience)
		return nil
	}
	return s.reportBroken(ctx, name, state)
}

// readFile reads a file that is new or has changed.
func (s *scan) readFile(ctx context.Context, name string, info fs.FileInfo) error {
	state := s.files[name]
	if state == nil {
		state = &file{}
		s.files[name] = state
	}
	state.gone, state.kept = false, false
	state.size, state.mod = info.Size(), info.ModTime()
	v, err := read(s.fsys, name, s.o.Decode)
	if errors.Is(err, fs.ErrNotExist) {
		state.size = -1 // the file was removed after it was listed
		return nil
	}
	var delayed error
	if err == nil {
		if err := s.identify(name, state, &v); err != nil {
			s.readAgain(state, err)
			return nil
		}
		delayed, err = s.accept(ctx, name, state, v)
		if err != nil && !errors.Is(err, feed.ErrInvalid) { // an invalid id is reported as a problem of the file
			state.size = -1
			return err
		}
	}
	if err != nil {
		state.broken, state.since, state.reported = err, s.start, false
		return nil
	}
	if delayed != nil {
		s.readAgain(state, delayed)
		s.wait(absorbWait)
		return nil
	}
	return s.clearBroken(ctx, name, state)
}

// readAgain records an error for a file that the next scan must read again even if it has not changed.
func (s *scan) readAgain(state *file, err error) {
	state.size = -1
	if state.broken == nil {
		state.since, state.reported = s.start, false
	}
	state.broken = err
}

// accept puts the posts of a file into the server, and deletes those that the file no longer contains. It does not put
// a rejected post while the last good version of the post has not been absorbed yet; delayed is then the reason for the
// rejection.
func (f *folder) accept(ctx context.Context, name string, state *file, v version) (delayed, err error) {
	good, delayed, err := f.review(ctx, name, state, v.posts)
	if err != nil {
		return nil, err
	}
	next := hashes(v.posts)
	// In the first scan, all files are read, but those of restored posts may be unchanged.
	f.links.read(name, v.posts, !f.restored || !maps.Equal(state.posts, next))
	put, changed := f.compare(name, state, v, next)
	if err := f.site.RestoreRecords(ctx, changed...); err != nil {
		return nil, err
	}
	if err := f.site.Put(ctx, put...); err != nil {
		return nil, err
	}
	written := f.written[name] // log the posts of such a file again: the log may list them as deleted
	delete(f.written, name)
	before, sum := state.posts, state.sum
	state.posts, state.sum = next, v.sum
	for _, id := range slices.Sorted(maps.Keys(before)) {
		if _, ok := next[id]; ok {
			continue
		}
		if err := f.drop(ctx, name, id); err != nil {
			return nil, err
		}
	}
	if written || sum != v.sum || !maps.Equal(before, next) {
		f.versions.keep(name, version{posts: good, sum: v.sum})
		f.copies.note()
	}
	return delayed, nil
}

// absorbWait is the delay before the next scan if a rejected post could not be put yet.
const absorbWait = time.Second

// review returns the last good versions of the posts of a file. A rejected post never replaces a good version that has
// not been absorbed yet, because then no version of the post could be published. In that case, review replaces the post
// in posts with the version that is in the server, and returns the reason for the rejection as delayed. A post that is
// not public always replaces its earlier version.
func (f *folder) review(
	ctx context.Context, name string, state *file, posts []feed.RawPost,
) (good []feed.RawPost, delayed, err error) {
	good = slices.Clone(posts)
	for i, p := range posts {
		owner, known := f.owner[p.ID]
		if !known || !f.mayOwn(name, p.ID) {
			continue
		}
		// Most files are unchanged since the last run. Checking all of their posts would double the time that a start
		// takes.
		if owner != name || f.written[name] || state.posts[p.ID] != feed.HashOf(p.Raw) {
			reason := f.rejects(p)
			if reason == nil {
				delete(f.good, p.ID)
				continue
			}
			absorbed, err := f.noteGood(ctx, p.ID)
			if err != nil {
				return nil, nil, err
			}
			if !absorbed {
				posts[i].Raw, delayed = f.good[p.ID], fmt.Errorf("post %q: %w", p.ID, reason)
				good[i].Raw = f.good[p.ID]
				delete(f.good, p.ID)
				continue
			}
		}
		if raw, ok := f.good[p.ID]; ok {
			good[i].Raw = raw
		}
	}
	return good, delayed, nil
}

// rejects returns the reason for rejecting a public post, or nil if the post is accepted or not public.
func (f *folder) rejects(p feed.RawPost) error {
	if f.o.Check == nil {
		return nil
	}
	if public, err := f.o.Check(p); public {
		return err
	}
	return nil
}

// noteGood adds the version of a post that is in the server to f.good if that version is public and not rejected. It
// reports whether a rejected version may replace the version in the server: that version has been absorbed, or is not a
// good one.
func (f *folder) noteGood(ctx context.Context, id string) (absorbed bool, err error) {
	if _, ok := f.good[id]; ok {
		return true, nil // the version in the server is rejected too
	}
	stored, err := f.site.Load(ctx, []string{id})
	if err != nil {
		return false, err
	}
	st := stored[0]
	if st.Raw == nil {
		return true, nil
	}
	if public, err := f.o.Check(feed.RawPost{ID: id, Raw: st.Raw}); !public || err != nil {
		return true, nil //nolint:nilerr // there is no good version
	}
	f.good[id] = st.Raw
	return st.Item != nil && st.Item.RawSum == feed.HashOf(st.Raw), nil
}

// compare compares a version of a file with the last good one. It returns the posts to put into the server, and a
// record for each post that was edited.
func (f *folder) compare(
	name string, state *file, v version, next map[string]feed.Hash,
) (put []feed.RawPost, changed []feed.ExportLine) {
	for _, p := range v.posts {
		owned := f.owner[p.ID] == name
		if !f.claim(name, p.ID) {
			f.o.Logger.Warn("two files contain the same post; the version in the other file is published",
				"post", p.ID, "file", name, "other", f.owner[p.ID])
			continue
		}
		before, known := state.posts[p.ID]
		if !owned || f.written[name] || before != next[p.ID] {
			put = append(put, p)
		}
		// If the hash of the post differs but that of the file does not, nobody has edited the file: a new release
		// decodes it differently. A program that writes posts through the store sets their dates itself. A rejected
		// version must not set the date of change of the good version, which stays published.
		rejected := f.good[p.ID] != nil
		if known && !rejected && !f.written[name] && before != next[p.ID] && state.sum != "" && state.sum != v.sum {
			changed = append(changed, feed.ExportLine{Record: &feed.Record{ID: p.ID, Changed: f.now().UTC()}})
		}
	}
	return put, changed
}

// drop deletes a post that a file no longer contains. If another file contains the post, the version in that file is
// put instead.
func (f *folder) drop(ctx context.Context, name, id string) error {
	if f.owner[id] != name {
		return nil
	}
	delete(f.owner, id)
	delete(f.good, id)
	for _, other := range slices.Sorted(maps.Keys(f.files)) {
		state := f.files[other]
		if _, ok := state.posts[id]; !ok || other == name || state.gone {
			continue
		}
		v, err := read(f.fsys, other, f.o.Decode)
		if err != nil {
			continue
		}
		f.ids.apply(other, v.posts)
		if i := slices.IndexFunc(v.posts, func(p feed.RawPost) bool { return p.ID == id }); i >= 0 {
			f.owner[id] = other
			return f.site.Put(ctx, v.posts[i])
		}
	}
	f.o.Logger.Warn("post deleted: its file was removed or no longer contains it; "+
		"if the file was renamed and edited, add the id of the post to the file", "post", id, "file", name)
	return f.site.Delete(ctx, id)
}

// removeMissing deletes the posts of missing files, unless all files disappeared at the same time.
func (s *scan) removeMissing(ctx context.Context) error {
	missing, remaining := s.missingFiles()
	if len(missing) == 0 {
		return s.clearMissing(ctx)
	}
	if !s.first {
		// Wait until the grace period of every missing file has ended, because only then is it certain whether all
		// files are missing.
		var grace time.Duration
		for _, name := range missing {
			grace = max(grace, s.o.Grace-s.start.Sub(s.files[name].since))
		}
		if grace > 0 {
			s.wait(grace)
			return nil
		}
	}
	if s.first && s.copies.restored != "" {
		for _, name := range missing {
			s.files[name].kept = true // they may be missing only because the copy is older
		}
		return nil
	}
	if !remaining && s.suspicious(missing) {
		for _, name := range missing {
			s.files[name].kept = true
		}
		return s.reportMissing(ctx, fmt.Sprintf("All %d files in the folder disappeared at the same time; "+
			"a disk might not be mounted. Their posts stay published until the files are restored or the posts are deleted "+
			"one by one.", len(missing)))
	}
	for _, name := range missing {
		state := s.files[name]
		for _, id := range slices.Sorted(maps.Keys(state.posts)) {
			if err := s.drop(ctx, name, id); err != nil {
				return err
			}
		}
		if err := s.clearBroken(ctx, name, state); err != nil {
			return err
		}
		s.versions.keep(name, version{})
		s.copies.note()
		delete(s.files, name)
		s.links.read(name, nil, true)
	}
	return s.clearMissing(ctx)
}

// missingFiles returns the recorded files that were not found, in order, except those that are kept or may be in an
// unreadable folder. remaining reports whether other files with posts were found.
func (s *scan) missingFiles() (missing []string, remaining bool) {
	for _, name := range slices.Sorted(maps.Keys(s.files)) {
		state := s.files[name]
		switch _, ok := s.found[name]; {
		case ok:
			remaining = remaining || len(state.posts) > 0
		case !state.kept && !unreadable(s.bad, name):
			missing = append(missing, name)
		}
	}
	return missing, remaining
}

// suspicious reports whether the files may have disappeared by accident. missing must contain all recorded files. If
// there was only one file and it was removed while the store was running, the removal is assumed to be intentional.
func (s *scan) suspicious(missing []string) bool {
	owners := 0
	for _, name := range missing {
		for id := range s.files[name].posts {
			if s.owner[id] == name {
				owners++
				break
			}
		}
	}
	return owners > 1 || owners == 1 && (s.first || s.moved)
}

// unreadable reports whether a file, or a folder that contains it, cannot be read, so that it is unknown whether the
// file exists.
func unreadable(bad map[string]error, name string) bool {
	for b := range bad {
		if name == b || strings.HasPrefix(name, b+"/") {
			return true
		}
	}
	return false
}

// wholeFolder is the problem id used for the whole folder.
const wholeFolder = "."

// reportUnreadable lists the problem of a folder that cannot be listed.
func (f *folder) reportUnreadable(ctx context.Context, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.New("it does not exist")
	}
	return f.reportMissing(ctx, fmt.Sprintf("The folder of posts cannot be read (%v); its posts stay published.", err))
}

// reportMissing lists a problem for posts that stay published although their files are missing.
func (f *folder) reportMissing(ctx context.Context, reason string) error {
	if !f.missing {
		f.o.Logger.Error("posts stay published although their files are missing", "reason", reason)
	}
	f.missing = true
	return f.setProblem(ctx, feed.Problem{
		ID: wholeFolder, Kind: feed.KindFile, Reason: reason, Since: f.now(), Serving: true,
	})
}

// clearMissing removes the problem of the folder from the list, unless the posts of missing files are still kept.
func (f *folder) clearMissing(ctx context.Context) error {
	if !f.missing {
		return nil
	}
	for _, state := range f.files {
		if state.kept {
			return nil
		}
	}
	f.missing = false
	f.o.Logger.Info("the missing files were restored, or their posts were deleted")
	return f.clearProblem(ctx, wholeFolder)
}

// reportBroken lists the problem of a file that cannot be decoded or has a rejected post.
func (f *folder) reportBroken(ctx context.Context, name string, state *file) error {
	f.o.Logger.Warn("file cannot be read", "file", name, "error", state.broken,
		"earlier_version_published", len(state.posts) > 0)
	err := f.setProblem(ctx, feed.Problem{
		ID: name, Kind: feed.KindFile, Reason: state.broken.Error(), Since: state.since, Serving: len(state.posts) > 0,
	})
	state.reported = err == nil
	return err
}

// clearBroken removes the problem of a file from the list when the file can be decoded again or has been removed.
func (f *folder) clearBroken(ctx context.Context, name string, state *file) error {
	if state.broken != nil {
		if err := f.clearProblem(ctx, name); err != nil {
			return err
		}
	}
	state.broken, state.reported = nil, false
	return nil
}

// setProblem lists the problem of a file, and adds notices if the problem is new or its reason has changed.
func (f *folder) setProblem(ctx context.Context, p feed.Problem) error {
	if err := f.site.SetProblem(ctx, p); err != nil {
		return err
	}
	return f.notify(ctx, p)
}

func (f *folder) clearProblem(ctx context.Context, id string) error {
	delete(f.notified, id)
	return f.site.ClearProblem(ctx, feed.KindFile, id)
}

// notify adds the notices for a problem, unless they were added before.
func (f *folder) notify(ctx context.Context, p feed.Problem) error {
	if last, ok := f.notified[p.ID]; f.rejected == nil || ok && last == p.Reason {
		return nil
	}
	for _, stored := range f.rejected(p) {
		n, err := feed.ParseNotice(stored.Key)
		if err != nil {
			return err
		}
		if err := f.site.AddNotice(ctx, time.Time{}, n, stored.Value); err != nil {
			return err
		}
	}
	f.notified[p.ID] = p.Reason
	return nil
}

// NotifyRejected makes the store add the notices that rejected returns when a file cannot be read or the reason
// changes, and also adds them for the files that cannot be read now. It replaces the function of an earlier call.
func (s *Store) NotifyRejected(ctx context.Context, rejected func(feed.Problem) []feed.StoredNotice) error {
	f := s.folder
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rejected = rejected
	problems, err := f.site.Problems(ctx)
	if err != nil {
		return fmt.Errorf("embedded store: %w", err)
	}
	for _, p := range problems {
		if p.Kind != feed.KindFile {
			continue
		}
		if err := f.notify(ctx, p); err != nil {
			return fmt.Errorf("embedded store: %w", err)
		}
	}
	return nil
}
