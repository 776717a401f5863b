// Package embedded is a store in one process over a folder of posts: the folder is the source of truth, and what is
// served to package store is a Redis in memory (miniredis) that follows it. It is for one machine and for tests; it
// does not know the formats of files, which come to it as a function, and it is no second implementation of the store:
// everything but the way of posts into it is package store.
//
// On the disk, below the data folder, are what can't be read from the posts again: records of when posts were first
// seen and removed, names, the committed heads with their documents, and the last good version of each file.
// All of it is written before the call that depends on it returns, so that kill -9 loses nothing that was acknowledged.
//
// # What counts as a deletion
//
// Removing a file deletes its posts, as does taking a post out of a file. Nothing is deleted because a file can't be
// read or decoded (its last good version stays), or because the folder or a part of it can't be listed. If all files
// are gone at once - two or more while the process runs, any number when it starts or when the folder is not the same
// folder any more - that looks like a disk that is not mounted and is held: the posts stay, a problem says so, and they
// are deleted only one by one through the store, until the files are back.
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

// Decode turns a file into the posts in it. Path is slash-separated and relative to the folder of posts; raw is the
// whole file. A file that holds no post is no error; an error says what is wrong and where, and the file's last good
// version stays.
type Decode func(path string, raw []byte) ([]feed.RawPost, error)

// Options say which folder the store follows. Data, Site, Decode and one of Dir and Files are required.
type Options struct {
	// Dir is the folder of posts; its subfolders belong to it, hidden ones and symbolic links to folders don't. It is
	// made if there is none.
	Dir string
	// Files are posts that can't be written, such as the shipped samples; instead of Dir.
	Files fs.FS
	// Data is the folder for what the store itself writes. One process at a time uses it.
	Data string
	// Site is the site whose posts these are.
	Site   feed.SiteID
	Decode Decode
	// Logger gets what happens to files; nil discards it.
	Logger *slog.Logger

	// Debounce is how long the folder must be quiet before it is read; 0 is 100 ms.
	Debounce time.Duration
	// Grace is how long a file must be gone before its posts are deleted, since editors save by removing and renaming;
	// 0 is 250 ms.
	Grace time.Duration
	// Patience is how long a file that can't be decoded may stay so before it is reported: it may be half written; 0 is
	// 2 s.
	Patience time.Duration
	// Rescan is how often the folder is read without a sign of change, for file systems that give none; 0 is 5 s.
	Rescan time.Duration

	device device // what Data is on; tests have their own
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

// Open locks the data folder, brings back what it holds, reads all posts, and listens on the socket that [URL] names.
// Errors are of kind [feed.ErrLocked], naming the process, if another has the data folder open, and
// [feed.ErrInvalid] for options that can't be. The store must be closed; [Store.Run] makes it follow the folder.
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
	if o.device.open == nil {
		o.device = newDevice()
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
	if s.lock, err = takeLock(own, s.o.Logger); err != nil {
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
	if s.disk, err = openDisk(ctx, own, site, s.o.device, s.o.Logger); err != nil {
		return err
	}
	if s.folder, err = openFolder(ctx, s.o, own, site); err != nil {
		return err
	}
	s.ready.Store(true)
	return nil
}

// Client returns a client of the store, which is closed with the store. Posts that are put through it, or through a
// client at [URL] in another process, are written to the folder as [WritePost] does before the call returns; deleting
// a post removes its file.
func (s *Store) Client() *store.Client { return s.client }

// Run follows the folder and lets keys expire, until ctx ends; then it returns nil. Readers and writers don't depend on
// it: without it the store stands still.
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

// Close writes what is not on the disk yet, closes the socket and frees the data folder. Run must have ended. Calling
// it again does no harm.
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
