// Package embedded is a store for one machine without Redis: the posts are files in a folder, and an in-process Redis
// (miniredis) that follows them serves package store. It is not a second implementation of the store, and it does not
// know the formats of files, which a function decodes.
//
// # Durability
//
// A post that is put through [Store.Client] is written to its file before it is written to the server, and the call
// returns when both are done; deleting a post removes its file first. Everything else that cannot be derived from the
// posts is stored below the data folder: the records of when posts were first seen and removed, names, the committed
// heads with their documents, and the last good version of each file. A call that changes records or heads returns
// when they are on the disk. So kill -9 loses nothing that was acknowledged, and on a full disk writes fail and reads
// go on.
//
// Other processes connect to a socket in the data folder, with [Connect] or any Redis client, and may only read.
//
// # Deletions
//
// Removing a file deletes its posts, as does removing a post from a file. A file that cannot be read or decoded
// deletes nothing (its last good version stays), nor does a folder that cannot be listed. If all files are gone at
// once - two or more while the process runs, any number at the start or when the folder has been replaced - a disk
// may not be mounted: the posts stay and a problem is listed, until the files are back or the posts are deleted one
// by one through the store.
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
// file. A file without posts is no error. After an error, which says what is wrong and where, the file's last good
// version stays.
type Decode func(path string, raw []byte) ([]feed.RawPost, error)

// Options configure a store. Data, Site, Decode and one of Dir and Files are required.
type Options struct {
	// Dir is the folder of posts, with its subfolders, but without hidden ones and symbolic links to folders. It is
	// created if it does not exist.
	Dir string
	// Files are read-only posts, such as the shipped samples, in place of Dir.
	Files fs.FS
	// Data is the folder for the store's own files. One process at a time uses it.
	Data string
	// Site is the site that the posts belong to.
	Site   feed.SiteID
	Decode Decode
	// Logger receives events of files; nil discards them.
	Logger *slog.Logger

	// Debounce is how long the folder must be unchanged before it is read; 0 is 100 ms.
	Debounce time.Duration
	// Grace is how long a file must be gone before its posts are deleted, since some editors save by removing and
	// renaming; 0 is 250 ms.
	Grace time.Duration
	// Patience is how long a file that cannot be decoded, and may be half written, goes unreported; 0 is 2 s.
	Patience time.Duration
	// Rescan is the interval at which the folder is read without an event, for file systems without events; 0 is 5 s.
	Rescan time.Duration

	files fileOps // tests replace them
}

// Store is an open embedded store. Its methods are safe for concurrent use.
type Store struct {
	o      Options
	lock   *lock
	redis  *miniredis.Miniredis
	socket net.Listener   // nil until other processes may connect
	front  *server.Server // what they are connected to
	accept sync.WaitGroup
	inner  *store.Client // changes posts in the server only, as their files change
	client *store.Client // writes the files too
	ready  atomic.Bool   // all files have been read
	disk   *disk
	folder *folder

	ctx     context.Context // of what other processes have delegated; ends with Close
	stop    context.CancelFunc
	closing sync.Once
	closed  error
}

// Open locks the data folder, restores what it contains, reads all posts, and listens on a socket for other processes.
// Errors are of kind [feed.ErrLocked], naming the process, if another process has the data folder open, and
// [feed.ErrInvalid] for invalid options. The store must be closed; [Store.Run] follows the folder.
func Open(ctx context.Context, o Options) (*Store, error) {
	if err := o.complete(); err != nil {
		return nil, fmt.Errorf("embedded store: %w", err)
	}
	s := &Store{o: o}
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
	if s.disk, err = openDisk(ctx, own, site, s.o.files, s.o.Logger); err != nil {
		return err
	}
	if s.folder, err = openFolder(ctx, s.o, own, site); err != nil {
		return err
	}
	s.ready.Store(true)
	return nil
}

// Client returns a client of the store, which is closed with the store. Posts that are put through it are written to
// the folder as [WritePost] does; deleting a post removes its file.
func (s *Store) Client() *store.Client { return s.client }

// Run follows the folder and expires keys until ctx ends; then it returns nil. The client can be used without it, but
// changes of files are not seen and no key expires.
func (s *Store) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return s.expire(ctx) })
	if s.o.Dir != "" {
		g.Go(func() error { return s.folder.watch(ctx) })
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("embedded store: %w", err)
	}
	return nil
}

// Close disconnects other processes, writes what is not on the disk yet, and unlocks the data folder. Run must have
// ended. Later calls return the error of the first.
func (s *Store) Close() error {
	s.closing.Do(func() { s.closed = s.close() })
	return s.closed
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
