package hosting

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"

	"feedpub/feed"
	"feedpub/feed/durable"
	"feedpub/store"
	"feedpub/store/embedded"
)

// Writer writes the posts of a site.
type Writer interface {
	// Put stores posts. It returns nil when all of them are durable.
	Put(ctx context.Context, posts ...feed.RawPost) error
	// Import is like Put, but the changes are not announced to hubs. There is one exception: if the posts are in a folder
	// whose last server was killed or had not published everything, and no server is running, the next server announces
	// the imported posts too.
	Import(ctx context.Context, posts ...feed.RawPost) error
	// Delete deletes a post. The error is of kind [feed.ErrNotFound] if there is no post with the id.
	Delete(ctx context.Context, id string) error
	// Stored returns the bytes of the given posts by id. It omits posts that are not stored.
	Stored(ctx context.Context, ids []string) (map[string][]byte, error)
	// Remove deletes a post that [Writer.Stored] returned.
	Remove(ctx context.Context, id string) error
	// Restore stores records.
	Restore(ctx context.Context, lines ...feed.ExportLine) error
	// Records returns the records of the site, in no particular order and some more than once.
	Records(ctx context.Context) iter.Seq2[feed.ExportLine, error]
	// Close must be called when the writer is no longer used.
	Close()
}

// OpenWriter returns a writer of the site's posts. The error is of kind [feed.ErrOutdated] if this release must not
// write them. [ChooseSource] must have been called with write set to true.
func (s Source) OpenWriter(ctx context.Context) (Writer, error) {
	if s.Folder() {
		reader, err := NewReader(s.Config.Attribution)
		if err != nil {
			return nil, err
		}
		return folderWriter{s, decodeFiles(reader)}, nil
	}
	site, err := s.OpenRedis(ctx)
	if err != nil {
		return nil, err
	}
	if err := site.checkWritable(ctx); err != nil {
		site.Close()
		return nil, err
	}
	return redisWriter{site, site.Store}, nil
}

// folderWriter writes files. It needs no lock: a server watches its folder and finds the changes.
type folderWriter struct {
	source Source
	decode embedded.Decode
}

func (w folderWriter) dir() string { return string(w.source.Config.Dir) }

// Put writes each post to a file of its own.
func (w folderWriter) Put(_ context.Context, posts ...feed.RawPost) error {
	if err := os.MkdirAll(w.dir(), 0o755); err != nil {
		return fmt.Errorf("folder of posts: %w", err)
	}
	for _, p := range posts {
		if _, err := embedded.WritePost(w.dir(), p); err != nil {
			return err
		}
	}
	return nil
}

// Import informs a running server of the import, or records it for the next one, before it writes the files.
func (w folderWriter) Import(ctx context.Context, posts ...feed.RawPost) error {
	if len(w.source.Config.Site.Hubs) > 0 {
		if err := w.recordImport(ctx, posts); err != nil {
			return err
		}
	}
	return w.Put(ctx, posts...)
}

func (w folderWriter) recordImport(ctx context.Context, posts []feed.RawPost) error {
	data := string(w.source.Config.Data)
	client, err := embedded.Connect(ctx, data, w.source.process.Log)
	if errors.Is(err, feed.ErrUnavailable) {
		return embedded.RecordImport(data, posts...)
	}
	if err != nil {
		return err
	}
	site := w.source.site(client, client.Close)
	defer site.Close()
	return site.Store.RestoreRecords(ctx, imported(posts)...)
}

// imported returns the records that announce the import of posts.
func imported(posts []feed.RawPost) []feed.ExportLine {
	lines := make([]feed.ExportLine, len(posts))
	for i, p := range posts {
		lines[i].Imported = &feed.ImportedPost{ID: p.ID, Sum: feed.HashOf(p.Raw)}
	}
	return lines
}

// Delete removes the post's file. If the file is missing although the post is still published, it confirms to the store
// that the post was deleted.
func (w folderWriter) Delete(ctx context.Context, id string) error {
	err := embedded.RemovePost(w.dir(), string(w.source.Config.Data), w.decode, id)
	if !errors.Is(err, feed.ErrNotFound) {
		return err
	}
	site, openErr := w.source.openFolder(ctx)
	if openErr != nil {
		return err // the folder does not exist, so there are no posts
	}
	defer site.Close()
	stored, loadErr := site.Store.Load(ctx, []string{id})
	switch {
	case loadErr != nil:
		return loadErr
	case len(stored) > 0 && (stored[0].Raw != nil || stored[0].Item != nil):
		return site.Store.Delete(ctx, id)
	default:
		return confirmLoss(ctx, site.Store, id, err)
	}
}

// confirmLoss deletes a post that the store does not have, if committed documents contain it: the store has lost it,
// and its feeds are held until that is confirmed. Otherwise confirmLoss returns notFound.
func confirmLoss(ctx context.Context, s *store.Site, id string, notFound error) error {
	heads, err := s.Heads(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(heads, func(h feed.Head) bool { return slices.Contains(h.IDs, id) }) {
		return notFound
	}
	cursor, err := s.Cursor(ctx)
	if err != nil {
		return err
	}
	waiting, err := s.Inbox(ctx, cursor, maxWaiting)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(waiting, func(x feed.Submission) bool { return x.ID == id }) {
		return notFound // the loss has already been confirmed
	}
	return s.Delete(ctx, id)
}

// maxWaiting is the maximum number of inbox entries that confirmLoss reads.
const maxWaiting = 10_000

func (w folderWriter) Stored(_ context.Context, ids []string) (map[string][]byte, error) {
	stored := make(map[string][]byte, len(ids))
	for _, id := range ids {
		if raw, err := os.ReadFile(w.file(id)); err == nil {
			stored[id] = raw
		}
	}
	return stored, nil
}

// Remove removes the file that Stored read. Unlike Delete, it does not search for other files with the same post,
// which would be slow for many posts.
func (w folderWriter) Remove(_ context.Context, id string) error { return durable.Remove(w.file(id)) }

// file returns the name of the file that Put writes a post to.
func (w folderWriter) file(id string) string { return filepath.Join(w.dir(), embedded.FileName(id)) }

// Restore opens the store, since records are not kept in the files of posts.
func (w folderWriter) Restore(ctx context.Context, lines ...feed.ExportLine) error {
	if err := os.MkdirAll(w.dir(), 0o755); err != nil {
		return fmt.Errorf("folder of posts: %w", err)
	}
	site, err := w.source.openFolder(ctx)
	if err != nil {
		return err
	}
	defer site.Close()
	return site.Store.RestoreRecords(ctx, lines...)
}

// Records opens the store, like Restore.
func (w folderWriter) Records(ctx context.Context) iter.Seq2[feed.ExportLine, error] {
	return func(yield func(feed.ExportLine, error) bool) {
		if _, err := os.Stat(w.dir()); errors.Is(err, fs.ErrNotExist) {
			return
		}
		site, err := w.source.openFolder(ctx)
		if err != nil {
			yield(feed.ExportLine{}, err)
			return
		}
		defer site.Close()
		site.Store.Records(ctx)(yield)
	}
}

func (folderWriter) Close() {}

// redisWriter writes to Redis.
type redisWriter struct {
	site  *Site
	store *store.Site
}

func (w redisWriter) Put(ctx context.Context, posts ...feed.RawPost) error {
	return w.store.Put(ctx, posts...)
}

func (w redisWriter) Import(ctx context.Context, posts ...feed.RawPost) error {
	if len(w.site.Source.Config.Site.Hubs) > 0 {
		if err := w.store.RestoreRecords(ctx, imported(posts)...); err != nil {
			return err
		}
	}
	return w.Put(ctx, posts...)
}

// Delete deletes a post that is stored, is published or has a record. For any other id, which is probably a mistake, it
// returns an error.
func (w redisWriter) Delete(ctx context.Context, id string) error {
	stored, err := w.store.Load(ctx, []string{id})
	if err != nil {
		return err
	}
	if len(stored) == 0 || stored[0].Raw == nil && stored[0].Item == nil && stored[0].Record == (feed.Record{}) {
		return confirmLoss(ctx, w.store, id, fmt.Errorf("post %q: %w", id, feed.ErrNotFound))
	}
	return w.store.Delete(ctx, id)
}

func (w redisWriter) Stored(ctx context.Context, ids []string) (map[string][]byte, error) {
	posts, err := w.store.RawPosts(ctx, ids...)
	if err != nil {
		return nil, err
	}
	stored := make(map[string][]byte, len(posts))
	for _, p := range posts {
		if p.Raw != nil {
			stored[p.ID] = p.Raw
		}
	}
	return stored, nil
}

func (w redisWriter) Remove(ctx context.Context, id string) error { return w.store.Delete(ctx, id) }

func (w redisWriter) Restore(ctx context.Context, lines ...feed.ExportLine) error {
	for _, l := range lines {
		if l.Rendering == 0 {
			continue
		}
		if err := w.site.restoreRendering(ctx, l.Rendering); err != nil {
			return err
		}
	}
	return w.store.RestoreRecords(ctx, lines...)
}

func (w redisWriter) Records(ctx context.Context) iter.Seq2[feed.ExportLine, error] {
	return w.store.Records(ctx)
}

func (w redisWriter) Close() { w.site.Close() }
