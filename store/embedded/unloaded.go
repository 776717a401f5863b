package embedded

import (
	"context"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"feedpub/feed"
	"feedpub/store"
)

// unloaded lists the documents whose bytes are only in the files of heads. The server does not keep these bytes:
// otherwise, the pages and archives of a large folder would take up most of its memory, although a replica reads a
// document only once, right after the commit.
type unloaded struct {
	site  *store.Site
	redis *miniredis.Miniredis
	log   *slog.Logger
	heads string // folder of the head files
	// readFile is readHeadFile, unless a test counts the calls.
	readFile func(path string) (headFile, error)

	mu    sync.RWMutex
	files map[feed.Hash]feed.Name   // the head whose file contains a document
	names map[feed.Name][]feed.Hash // the documents in the file of a head
}

func newUnloaded(site *store.Site, redis *miniredis.Miniredis, heads string, log *slog.Logger) *unloaded {
	return &unloaded{
		site: site, redis: redis, log: log, heads: heads, readFile: readHeadFile,
		files: map[feed.Hash]feed.Name{}, names: map[feed.Name][]feed.Hash{},
	}
}

// answer answers reads of documents, and returns false for all other commands.
func (u *unloaded) answer(c *server.Peer, cmd string, args ...string) bool {
	isDocument := func(key string) bool {
		_, ok := u.site.ParseDocumentKey(key)
		return ok
	}
	files := map[feed.Name]headFile{}
	switch {
	case cmd == "GET" && len(args) == 1 && isDocument(args[0]):
		value, ok := u.value(args[0], files)
		if ok {
			c.WriteBulk(value)
		}
		return ok
	case cmd == "MGET" && slices.ContainsFunc(args, isDocument):
		c.WriteLen(len(args))
		for _, key := range args {
			if value, ok := u.value(key, files); ok {
				c.WriteBulk(value)
			} else {
				c.WriteNull()
			}
		}
		return true
	default:
		return false
	}
}

// value returns the value of a key, and false if there is none. files holds the files that the same command has read;
// value adds those that it reads. The server's value is read before the list of files: a document is listed before its
// value is removed, and its value is restored before it is no longer listed.
func (u *unloaded) value(key string, files map[feed.Name]headFile) (string, bool) {
	const tries = 3 // the file of a head may be replaced in the meantime
	document, ok := u.site.ParseDocumentKey(key)
	for range tries {
		value, err := u.redis.Get(key)
		if err != nil {
			return "", false // there is no such key
		}
		if ok && value == "" {
			value = string(u.read(document, files))
		}
		if !ok || value != "" {
			return value, true
		}
	}
	return "", false
}

// read returns the value of a document from the file of its head, or nil if the file does not contain it. If the file
// is damaged or missing, the server forgets the documents of the head, and the next rebuild commits its feed again.
func (u *unloaded) read(key store.DocumentKey, files map[feed.Name]headFile) []byte {
	u.mu.RLock()
	name, ok := u.files[key.Hash]
	u.mu.RUnlock()
	if !ok {
		return nil
	}
	b, ok := files[name].blob(key.Hash)
	if !ok { // the file has not been read yet, or it has been replaced since
		f, err := u.readFile(u.path(name))
		if err != nil {
			u.log.Error("committed documents cannot be read; the feed will be rebuilt", "feed", name, "error", err)
			u.forget(name)
			return nil
		}
		files[name] = f
		b, ok = f.blob(key.Hash)
	}
	if !ok || key.Brotli && len(b.Brotli) == 0 {
		return nil
	}
	return key.Value(b)
}

// forget deletes the documents of a head from the server, because the file of the head is damaged or missing.
func (u *unloaded) forget(name feed.Name) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, h := range u.names[name] {
		delete(u.files, h)
		u.redis.Del(u.site.DocumentKey(h))
	}
	delete(u.names, name)
}

// lose deletes the document with the hash h, which cannot be read, from the server. It also deletes all documents that
// are only in the file of the head.
func (u *unloaded) lose(name feed.Name, h feed.Hash) {
	u.forget(name)
	u.redis.Del(u.site.DocumentKey(h))
}

func (u *unloaded) path(name feed.Name) string {
	return filepath.Join(u.heads, escape(string(name))+headSuffix)
}

// reload puts documents back into the server if the next version of a head no longer contains them. The server then
// keeps them until they expire. It must be called before the file of the head is replaced.
func (u *unloaded) reload(ctx context.Context, next feed.Head) error {
	u.mu.RLock()
	gone := slices.DeleteFunc(slices.Clone(u.names[next.Feed]), func(h feed.Hash) bool {
		return slices.ContainsFunc(next.Documents, func(d feed.DocumentRef) bool { return d.Hash == h })
	})
	u.mu.RUnlock()
	if len(gone) == 0 {
		return nil
	}
	f, err := readHeadFile(u.path(next.Feed))
	if err != nil {
		return nil //nolint:nilerr // answer reports damaged files, and nothing needs replaced documents
	}
	return u.site.Reload(ctx, slices.DeleteFunc(f.Blobs, func(b feed.Blob) bool { return !slices.Contains(gone, b.Hash) })...)
}

// unload removes the documents of heads from the server. The files of the heads must be on disk.
func (u *unloaded) unload(ctx context.Context, files ...headFile) error {
	var all []feed.Blob
	u.mu.Lock()
	for _, f := range files {
		name := f.Head.Feed
		for _, h := range u.names[name] {
			delete(u.files, h)
		}
		var hashes []feed.Hash
		for _, b := range f.Blobs {
			// A shared document is already unloaded, and is read from the other head's file.
			if _, shared := u.files[b.Hash]; !shared {
				u.files[b.Hash] = name
				hashes = append(hashes, b.Hash)
				all = append(all, b)
			}
		}
		u.names[name] = hashes
	}
	u.mu.Unlock()
	return u.site.Unload(ctx, all...)
}
