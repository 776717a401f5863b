package main

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/intake"
	"feedpub/feed/publish"
	"feedpub/store"
	"feedpub/store/embedded"
)

//go:embed samples
var samples embed.FS

const (
	defaultDir  = "posts"
	defaultData = "feedpub-data"
	// confirmTimeout is how long a writer waits for the replicas of Redis.
	confirmTimeout = 2 * time.Second
)

// place is where posts are: in Redis, in a folder, or in the program itself.
type place struct {
	config config.Config // Redis, Dir and Data as they are used
	sample bool          // the posts are the shipped samples; then there is neither Redis nor Dir
	log    *slog.Logger
	forms  feed.Versions // that this release makes
}

// choosePlace returns the place that the configuration says. If it says none, that is the folder ./posts if it exists
// or is to be written to, else the sample posts.
func choosePlace(c config.Config, log *slog.Logger, write bool) (place, error) {
	p := place{config: c, log: log}
	if c.Redis.IsZero() && c.Dir == "" {
		_, err := os.Stat(defaultDir)
		switch {
		case err == nil || write:
			p.config.Dir = defaultDir
		case errors.Is(err, fs.ErrNotExist):
			p.sample = true
		default:
			return place{}, fmt.Errorf("folder of posts: %w", err)
		}
	}
	if c.Data == "" {
		p.config.Data = config.Path(p.defaultData())
	}
	if p.sample && c.Site.Title == config.Default().Site.Title {
		p.config.Site.Title = "feedpub's sample posts"
	}
	return p, nil
}

// defaultData returns the data folder of a place for which none is configured.
func (p place) defaultData() string {
	switch {
	case p.sample:
		// Not in the working directory, which is the clone of somebody who only wants to see it run.
		cache, err := os.UserCacheDir()
		if err != nil {
			cache = os.TempDir()
		}
		return filepath.Join(cache, "feedpub", "samples")
	case p.config.Dir == "":
		return defaultData
	}
	// Beside the posts, so that commands find it from everywhere; and for each folder of posts one of its own, or the
	// posts of the last one that was served would be missing from this one.
	parent, name := filepath.Split(filepath.Clean(string(p.config.Dir)))
	if name == defaultDir {
		return filepath.Join(parent, defaultData)
	}
	return filepath.Join(parent, defaultData+"-"+name)
}

// folder reports whether the posts are files, not values in Redis.
func (p place) folder() bool { return p.config.Redis.IsZero() }

// embedded returns the options of the embedded store over the place's files.
func (p place) embedded() (embedded.Options, error) {
	reader, err := newReader(p.config.Attribution)
	if err != nil {
		return embedded.Options{}, err
	}
	o := embedded.Options{
		Dir:    string(p.config.Dir),
		Data:   string(p.config.Data),
		Site:   p.config.Site.ID,
		Decode: decodeFiles(reader),
		Logger: p.log,
	}
	if p.sample {
		files, err := fs.Sub(samples, "samples")
		if err != nil {
			return o, fmt.Errorf("sample posts: %w", err)
		}
		o.Files = files
		return o, nil
	}
	// The embedded store would make the folder, and serve nothing from it: a slip of the pen, most likely.
	if _, err := os.Stat(o.Dir); errors.Is(err, fs.ErrNotExist) {
		return o, fmt.Errorf("there is no folder %s; make it, or import posts into it", o.Dir)
	} else if err != nil {
		return o, fmt.Errorf("folder of posts: %w", err)
	}
	return o, nil
}

// redis returns the store in Redis that the place is, without connecting to it.
func (p place) redis() (*store.Client, error) {
	url, err := p.config.Redis.WithPassword(p.config.RedisPassword)
	if err != nil {
		return nil, err
	}
	o := store.Options{URL: url.Reveal(), Logger: p.log}
	if p.config.Durability == config.DurabilityReplicas {
		o.ConfirmTimeout = confirmTimeout
	}
	return store.Open(o)
}

// workplace is where a command works: a site's part of an open store.
type workplace struct {
	place
	*store.Site
	close func()
}

func (p place) workplace(client *store.Client, closeStore func() error) *workplace {
	return &workplace{place: p, Site: client.Site(p.config.Site.ID), close: func() {
		if err := closeStore(); err != nil {
			p.log.Error("the store was not closed well", "error", err)
		}
	}}
}

// ofSite returns the workplace of one of several sites in the same store, for as long as w is open.
func (w *workplace) ofSite(c config.Config) *workplace {
	p := w.place
	p.config, p.log = c, w.log.With("site", c.Site.ID)
	return p.workplace(w.Client(), func() error { return nil })
}

// place returns the place that a command's flags choose, for commands that run beside a server or without one.
func (env *environment) place(cmd *cobra.Command, write bool) (place, error) {
	c, err := env.settings(cmd)
	if err == nil {
		c, err = chooseSite(c)
	}
	if err != nil {
		return place{}, err
	}
	// A command's answer is on standard output; only what goes wrong is worth a line beside it.
	c.Log.Level = max(c.Log.Level, slog.LevelWarn)
	p, err := choosePlace(c, newLogger(env.stderr, c.Log), write)
	p.forms = env.forms
	return p, err
}

// open opens the site that a command's flags choose. The caller calls close in the end.
func (env *environment) open(cmd *cobra.Command) (*workplace, error) {
	p, err := env.place(cmd, false)
	if err != nil {
		return nil, err
	}
	if !p.folder() {
		return p.openRedis(cmd.Context())
	}
	return p.openFolder(cmd.Context())
}

func (p place) openRedis(ctx context.Context) (*workplace, error) {
	client, err := p.redis()
	if err != nil {
		return nil, err
	}
	if err := client.Ping(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%w; is the URL of --redis right, and is it running?", err), client.Close())
	}
	return p.workplace(client, client.Close), nil
}

// openFolder reaches the store of a server that has the folder open, or opens the folder itself if there is none.
func (p place) openFolder(ctx context.Context) (*workplace, error) {
	if client, err := embedded.Connect(ctx, string(p.config.Data), p.log); err == nil {
		return p.workplace(client, client.Close), nil
	}
	o, err := p.embedded()
	if err != nil {
		return nil, err
	}
	s, err := embedded.Open(ctx, o)
	if err != nil {
		return nil, p.explainLock(err)
	}
	return p.workplace(s.Client(), s.Close), nil
}

// openBuilt is open for commands that show what building made. A folder that no server has open is built first: what its
// posts became is kept in memory only.
func (env *environment) openBuilt(cmd *cobra.Command) (*workplace, error) {
	w, err := env.open(cmd)
	if err != nil || !w.folder() {
		return w, err
	}
	_, running, err := w.Holder(cmd.Context(), publish.Job)
	if err == nil && !running {
		_, err = w.rebuild(cmd.Context(), nil, true)
	}
	if err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// explainLock says what to do about an error that may be of kind [feed.ErrLocked].
func (p place) explainLock(err error) error {
	if errors.Is(err, feed.ErrLocked) {
		return fmt.Errorf("another server uses the data folder %s; stop it, or give this one another --data", p.config.Data)
	}
	return err
}

// writer stores and deletes posts.
type writer interface {
	// Put returns nil when all posts are stored for good.
	Put(ctx context.Context, posts ...feed.RawPost) error
	// Delete returns an error of kind feed.ErrNotFound if there is no such post.
	Delete(ctx context.Context, id string) error
}

// openToWrite opens the posts that a command's flags choose for writing: of Redis, or the folder ./posts unless another
// one is configured. The caller calls done in the end.
func (env *environment) openToWrite(cmd *cobra.Command) (w writer, p place, done func(), err error) {
	p, err = env.place(cmd, true)
	if err != nil {
		return nil, p, nil, err
	}
	if p.folder() {
		reader, err := newReader(p.config.Attribution)
		if err != nil {
			return nil, p, nil, err
		}
		return folderWriter{p, decodeFiles(reader)}, p, func() {}, nil
	}
	site, err := p.openRedis(cmd.Context())
	if err != nil {
		return nil, p, nil, err
	}
	if err := site.mayWrite(cmd.Context()); err != nil {
		site.close()
		return nil, p, nil, err
	}
	return siteWriter{site.Site}, p, site.close, nil
}

// folderWriter writes files. A server that follows the folder sees them, so no lock is needed.
type folderWriter struct {
	place  place
	decode embedded.Decode
}

// Put writes each post into a file of its own.
func (f folderWriter) Put(_ context.Context, posts ...feed.RawPost) error {
	dir := string(f.place.config.Dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("folder of posts: %w", err)
	}
	for _, p := range posts {
		if _, err := embedded.WritePost(dir, p); err != nil {
			return err
		}
	}
	return nil
}

// Delete removes the post's file. Of a post that is published still, although its file is missing, it confirms to the
// store that it is gone.
func (f folderWriter) Delete(ctx context.Context, id string) error {
	err := embedded.RemovePost(string(f.place.config.Dir), f.decode, id)
	if !errors.Is(err, feed.ErrNotFound) {
		return err
	}
	w, openErr := f.place.openFolder(ctx)
	if openErr != nil {
		return err // without a folder there is no post either
	}
	defer w.close()
	stored, loadErr := w.Load(ctx, []string{id})
	switch {
	case loadErr != nil:
		return loadErr
	case len(stored) == 0 || stored[0].Raw == nil && stored[0].Item == nil:
		return err
	}
	return w.Site.Delete(ctx, id)
}

// siteWriter writes into Redis.
type siteWriter struct{ *store.Site }

// Delete deletes a post that exists, is published, or was seen once; another id is most likely a slip.
func (s siteWriter) Delete(ctx context.Context, id string) error {
	stored, err := s.Load(ctx, []string{id})
	if err != nil {
		return err
	}
	if len(stored) == 0 || stored[0].Raw == nil && stored[0].Item == nil && stored[0].Record == (feed.Record{}) {
		return fmt.Errorf("post %q: %w", id, feed.ErrNotFound)
	}
	return s.Site.Delete(ctx, id)
}

// publisher returns what a builder of the site is made of. The tools are shared with others.
func (w *workplace) publisher(t *tools) (publish.Config, error) {
	reader, err := t.reader(w.config.Attribution)
	if err != nil {
		return publish.Config{}, err
	}
	site := w.config.FeedSite()
	return publish.Config{
		Site:      site,
		Catalog:   w.config.Catalog(),
		Store:     w.Site,
		Intake:    intake.New(site, reader),
		Renderer:  t.renderer,
		Canonical: reader.Canonical,
		Owner:     owner(),
		Clock:     time.Now,
		Logger:    w.log,
		OnChange:  w.config.OnChange,
		Scheduled: slices.Sorted(maps.Keys(w.config.FeedSchedules())),
	}, nil
}

// owner returns a name for this process that no other has, and that tells an operator which one it is.
func owner() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s:%d:%s", host, os.Getpid(), rand.Text())
}

// load returns what the store has of the posts, in the order of ids, in pieces that fit a round trip.
func (w *workplace) load(ctx context.Context, ids []string, each func(feed.StoredPost) error) error {
	const batch = 200
	for len(ids) > 0 {
		n := min(batch, len(ids))
		stored, err := w.Load(ctx, ids[:n])
		if err != nil {
			return err
		}
		for _, s := range stored {
			if err := each(s); err != nil {
				return err
			}
		}
		ids = ids[n:]
	}
	return nil
}
