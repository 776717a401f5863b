// Package embedded is a store for one machine without Redis: the posts are files in a folder, and package store uses an
// in-process Redis (miniredis), which is kept up to date with the files. It is not a second implementation of the
// store, and it does not decode files itself: the caller supplies a decoder.
//
// # Durability
//
// A post that is put through [Store.Client] is written to its file before it is written to the server, and the call
// returns after both writes; deleting a post removes its file first. Everything else that cannot be derived from the
// posts is stored below the data folder: the times at which posts were first seen and removed, names, the committed
// heads with their documents, and the last good version of each file. A call that changes records or heads returns when
// the changes are on disk. Therefore kill -9 loses no acknowledged change, and on a full disk writes fail but reads
// still work. What builders have derived from the posts, such as items and indexes, is saved every five minutes and
// when the store is closed, so that the next start reads only the files, and builds only what has changed since.
// Without that copy, it builds everything.
//
// Other processes connect to a socket in the data folder, with [Connect] or any Redis client, and may only read;
// see [Connect] for the exceptions.
//
// # Memory
//
// The server holds the posts, their items and all records in memory, but not the documents: once a head is on disk, its
// documents are read from there. Miniredis searches streams from the beginning, so the inbox keeps no absorbed entries,
// and no call blocks in the server: see [store.LocalStreams].
//
// # Deletions
//
// Removing a file deletes its posts, and removing a post from a file deletes that post. If a file cannot be read or
// decoded, or a public post is rejected, the last good version stays published; if a folder cannot be listed, no post
// is deleted. If all files disappear at the same time (at least two while the process is running, any number at the
// start or when the folder has been replaced), a disk might not be mounted. The posts then stay published and a problem
// is listed until the files are restored or the posts are deleted one by one through the store.
package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"golang.org/x/sync/errgroup"

	"feedpub/feed"
	"feedpub/store"
)

// Decode decodes the posts of a file. Path is slash-separated and relative to the folder of posts; raw is the whole
// file. A file without posts is not an error. The error should state what is wrong and where. After an error, the
// file's last good version stays published.
type Decode func(path string, raw []byte) ([]feed.RawPost, error)

// Options configure a store. Data, Site, Decode and one of Dir and Files are required.
type Options struct {
	// Dir is the folder of posts. Subfolders are included, except hidden ones and symbolic links to folders. It is
	// created if it does not exist.
	Dir string
	// Files contains read-only posts, such as the bundled samples, and is used instead of Dir.
	Files fs.FS
	// Data is the folder for the store's own files. Only one process at a time can open it.
	Data string
	// Site is the site that the posts belong to.
	Site   feed.SiteID
	Decode Decode
	// Check reports whether a decoded post is public, and returns a non-nil error if the post must be rejected. The
	// last good version of a public post that is rejected stays published. If Check is nil, no post is rejected.
	Check func(p feed.RawPost) (public bool, err error)
	// Logger receives messages about files; nil discards them.
	Logger *slog.Logger

	// Debounce is how long the folder must be unchanged before it is read. The default is 100 ms.
	Debounce time.Duration
	// Grace is how long a file must be missing before its posts are deleted, since some editors save a file by
	// removing it and renaming a temporary file. The default is 250 ms.
	Grace time.Duration
	// Patience is the delay before a file that cannot be decoded is reported, since it may be half written. The default
	// is 2 s.
	Patience time.Duration
	// Rescan is the interval between reads of the folder when no events arrive, as on file systems that send none. The
	// default is 5 s. If listing the folder takes long, the interval is up to a minute.
	Rescan time.Duration

	files fileOps // tests replace them
}

// Store is an open embedded store. Its methods are safe for concurrent use.
type Store struct {
	o       Options
	lock    *lock
	redis   *miniredis.Miniredis
	socket  net.Listener   // nil until the store accepts connections from other processes
	front   *server.Server // serves the connections of other processes
	accept  sync.WaitGroup
	streams *store.LocalStreams
	inner   *store.Client // changes only the server, after files have changed
	client  *store.Client // also writes the files
	ready   atomic.Bool   // whether all files have been read
	disk    *disk
	folder  *folder

	ctx     context.Context // context of delegated operations; canceled by Close
	stop    context.CancelFunc
	closing sync.Once
	closed  error
}

// Open locks the data folder, restores what it contains, reads all posts, and listens on a socket for other processes.
// Errors are of kind [feed.ErrLocked] if another process, which the error names, has the data folder open, and of kind
// [feed.ErrInvalid] for invalid options. The caller must close the store. [Store.Run] watches the folder.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("embedded store: %w", err)
	}
	s := &Store{o: o, streams: store.NewLocalStreams()}
	s.ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := s.open(ctx); err != nil {
		return nil, fmt.Errorf("embedded store: %w", errors.Join(err, s.Close()))
	}
	return s, nil
}

// complete checks the options and fills in the defaults.
func (o *Options) complete() error {
	if err := o.Site.Validate(); err != nil {
		return err
	}
	if (o.Dir == "") == (o.Files == nil) || o.Data == "" || o.Decode == nil {
		return fmt.Errorf("want a data folder, a decoder, and either a folder of posts or files: %w", feed.ErrInvalid)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.files.open == nil {
		o.files = newFileOps()
	}
	o.Debounce = cmp.Or(o.Debounce, 100*time.Millisecond)
	o.Grace = cmp.Or(o.Grace, 250*time.Millisecond)
	o.Patience = cmp.Or(o.Patience, 2*time.Second)
	o.Rescan = cmp.Or(o.Rescan, 5*time.Second)
	return nil
}

func (s *Store) open(ctx context.Context) error {
	own := filepath.Join(s.o.Data, ownFolder)
	if err := os.MkdirAll(own, 0o700); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	var err error
	if s.lock, err = acquireLock(own, s.o.Logger); err != nil {
		return err
	}
	if s.o.Dir != "" {
		if err := os.MkdirAll(s.o.Dir, 0o755); err != nil {
			return fmt.Errorf("folder of posts: %w", err)
		}
	}
	if err := s.startRedis(); err != nil {
		return err
	}
	if s.inner, err = s.openClient(nil); err != nil {
		return err
	}
	if s.client, err = s.openClient(backing{s}); err != nil {
		return err
	}
	if err := s.listen(); err != nil {
		return err
	}
	site := s.inner.Site(s.o.Site)
	if s.disk, err = openDisk(ctx, own, site, s.redis, s.o.files, s.o.Logger); err != nil {
		return err
	}
	if s.folder, err = openFolder(ctx, s.o, own, site); err != nil {
		return err
	}
	s.ready.Store(true)
	return nil
}

// Client returns a client of the store. Closing the store closes the client. Posts put through the client are written
// to the folder as [WritePost] does; deleting a post removes its file.
func (s *Store) Client() *store.Client { return s.client }

// Run watches the folder and expires keys until ctx is done; then it returns nil. The client can be used without Run,
// but then changes to files are not detected and keys do not expire.
func (s *Store) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.expire(ctx) })
	g.Go(func() error { return s.disk.run(ctx) })
	if s.o.Dir != "" {
		g.Go(func() error { return s.folder.watch(ctx) })
		g.Go(func() error { return s.folder.runDerived(ctx) })
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("embedded store: %w", err)
	}
	return nil
}

// Close disconnects other processes, writes unsaved changes to disk, and unlocks the data folder. Run must have
// returned. Later calls return the error of the first call.
func (s *Store) Close() error {
	s.closing.Do(func() { s.closed = s.close() })
	return s.closed
}

// saveDerived saves what was derived from the posts before the store is closed.
func (s *Store) saveDerived() {
	ctx, cancel := context.WithTimeout(context.Background(), internalTimeout)
	defer cancel()
	if err := s.folder.saveDerived(ctx); err != nil {
		s.o.Logger.Warn("what was derived from the posts cannot be saved; the next start reads all posts again", "error", err)
	}
}

func (s *Store) close() error {
	var errs []error
	s.stop()
	if s.socket != nil {
		errs = append(errs, s.socket.Close())
		s.accept.Wait()
	}
	if s.front != nil {
		s.redis.CtxCancel() // ends blocking commands
		s.front.Close()
	}
	if s.ready.Load() && s.o.Dir != "" {
		s.saveDerived()
	}
	if s.folder != nil {
		errs = append(errs, s.folder.close())
	}
	if s.disk != nil {
		errs = append(errs, s.disk.close())
	}
	for _, c := range []*store.Client{s.client, s.inner} {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	if s.redis != nil {
		s.redis.Close()
	}
	if s.lock != nil {
		errs = append(errs, s.lock.release())
	}
	return errors.Join(errs...)
}
