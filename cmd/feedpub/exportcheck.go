package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"feedpub/cmd/internal/hosting"
	"feedpub/feed"
	"feedpub/feed/durable"
)

// checkComplete returns an error if an export would lack posts that are published, or would replace a good export with
// an export of a store that has lost everything.
func (e *exporter) checkComplete(ctx context.Context) error {
	if err := e.checkProblems(ctx); err != nil {
		return err
	}
	ids, err := e.site.PostIDs(ctx)
	if err != nil {
		return err
	}
	if err := e.checkPublished(ctx, ids); err != nil || len(ids) > 0 {
		return err
	}
	for _, err := range e.site.Store.Records(ctx) {
		return err // if all posts of a site were deleted, it still has records
	}
	return errors.New("the store has no posts and no records of the site; check --redis or --dir, and --site")
}

// checkProblems returns an error for the problems that keep posts out of an export.
func (e *exporter) checkProblems(ctx context.Context) error {
	problems, err := e.site.Store.Problems(ctx)
	if err != nil {
		return err
	}
	var held, missing, unreadable []string
	for _, p := range problems {
		switch {
		case p.Kind == feed.KindHeld:
			held = append(held, p.ID)
		case p.Kind == feed.KindMissing:
			missing = append(missing, p.ID)
		case p.Serving && (p.Kind == feed.KindRejected || p.Kind == feed.KindFile):
			unreadable = append(unreadable, p.ID)
		}
	}
	var reasons []string
	for _, r := range []struct {
		noun, state string
		ids         []string
	}{{"feed", "held", held}, {"published post", "missing", missing}, {"published post", "rejected", unreadable}} {
		if len(r.ids) > 0 {
			reasons = append(reasons, fmt.Sprintf("%s %s (%s)", count(len(r.ids), r.noun), r.state, someOf(r.ids)))
		}
	}
	if len(reasons) == 0 {
		return nil
	}
	return fmt.Errorf("the export would be incomplete: %s; see 'feedpub problems', and export again when there are none",
		strings.Join(reasons, ", "))
}

// checkPublished returns an error if posts are in committed documents, but not in the store, and were not deleted.
// After a store has been flushed, servers restore the documents before a builder reports the missing posts.
func (e *exporter) checkPublished(ctx context.Context, ids []string) error {
	heads, err := e.site.Store.Heads(ctx)
	if err != nil {
		return err
	}
	var absent []string
	for _, h := range heads {
		for _, id := range h.IDs {
			if _, ok := slices.BinarySearch(ids, id); !ok {
				absent = append(absent, id)
			}
		}
	}
	if len(absent) == 0 {
		return nil
	}
	slices.Sort(absent)
	absent = slices.Compact(absent)
	pending, err := e.pending(ctx)
	if err != nil {
		return err
	}
	var lost []string
	err = e.site.Load(ctx, absent, func(s feed.StoredPost) error {
		// A post may have reappeared or been deleted since the first check.
		if s.Raw == nil && s.Record.Removed.IsZero() && !pending[s.ID] {
			lost = append(lost, s.ID)
		}
		return nil
	})
	if err != nil || len(lost) == 0 {
		return err
	}
	return fmt.Errorf("the export would be incomplete: %s missing from the store (%s); see 'feedpub problems'",
		count(len(lost), "published post"), someOf(lost))
}

// reportFiles reports the files in a folder that cannot be read and are therefore missing from the export.
func (e *exporter) reportFiles(ctx context.Context) error {
	problems, err := e.site.Store.Problems(ctx)
	if err != nil {
		return err
	}
	for _, p := range problems {
		if p.Kind == feed.KindFile {
			e.reject(p.ID, p.Reason)
		}
	}
	return nil
}

// pending returns the posts that were written or deleted and have not been absorbed yet.
func (e *exporter) pending(ctx context.Context) (map[string]bool, error) {
	after, err := e.site.Store.Cursor(ctx)
	if err != nil {
		return nil, err
	}
	const batch = 1000
	pending := make(map[string]bool)
	for {
		entries, err := e.site.Store.Inbox(ctx, after, batch)
		if err != nil {
			return nil, err
		}
		for _, s := range entries {
			pending[s.ID] = true
			after = s.Entry
		}
		if len(entries) < batch {
			return pending, nil
		}
	}
}

// someOf formats a list of ids, with only the number of those after the first three.
func someOf(ids []string) string {
	const shown = 3
	if len(ids) <= shown {
		return visible(strings.Join(ids, ", "))
	}
	return visible(fmt.Sprintf("%s and %d more", strings.Join(ids[:shown], ", "), len(ids)-shown))
}

// replaceFile replaces the file at path with the output of write, once the output is complete and synced to disk. After
// an error, an existing file is unchanged. The new file gets the permissions of the old one.
func replaceFile(path string, write func(io.Writer) error) (err error) {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // replace the target of a symbolic link, not the link
	}
	perm := fs.FileMode(0o666) // less the umask
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.Mode().IsRegular():
		return fmt.Errorf("--output %s: not a regular file", path)
	case err == nil:
		perm = info.Mode().Perm()
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("--output: %w", err)
	}
	temporary := filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text())
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, perm)
	if err != nil {
		return fmt.Errorf("--output %s: %s", path, hosting.OneLine(errors.Unwrap(err)))
	}
	defer func() {
		if err != nil {
			_ = os.Remove(temporary)
		}
	}()
	err = write(f)
	if err == nil && info != nil {
		err = f.Chmod(perm) // the umask may have removed bits
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return fmt.Errorf("--output: %w", err)
	}
	return durable.SyncDir(filepath.Dir(path))
}
