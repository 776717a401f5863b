package hosting

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/intake"
	"feedpub/feed/serve/media"
	"feedpub/feed/transfer"
	"feedpub/store"
	"feedpub/store/embedded"
)

const (
	defaultDir  = "posts"
	defaultData = "feedpub-data"
	// confirmTimeout bounds how long a writer waits for the Redis replicas.
	confirmTimeout = 2 * time.Second
)

// Source is a source of posts: Redis, a folder of files, or the sample posts.
type Source struct {
	Config  config.Config // with Redis, Dir and Data set to the values that are used
	Sample  bool          // the posts are the sample posts; Redis and Dir are empty
	process Process
}

// ChooseSource returns the source that the configuration names. If it names none, the source is the folder ./posts
// if it exists or write is set, and the sample posts otherwise.
func ChooseSource(c config.Config, p Process, write bool) (Source, error) {
	s := Source{Config: c, process: p}
	if c.Redis.IsZero() && c.Dir == "" {
		_, err := os.Stat(defaultDir)
		switch {
		case err == nil || write:
			s.Config.Dir = defaultDir
		case errors.Is(err, fs.ErrNotExist):
			s.Sample = true
		default:
			return Source{}, fmt.Errorf("folder of posts: %w", err)
		}
	}
	if c.Data == "" {
		s.Config.Data = config.Path(s.defaultData())
	}
	s.nameSamples()
	return s, nil
}

// nameSamples sets a title for the sample posts, unless one is configured.
func (s *Source) nameSamples() {
	if s.Sample && s.Config.Site.Title == config.Default().Site.Title {
		s.Config.Site.Title = "feedpub's sample posts"
	}
}

// defaultData returns the data folder of a source if none is configured.
func (s Source) defaultData() string {
	switch {
	case s.Sample:
		// The working directory may be a clone of the project, and trying feedpub must not leave files there.
		cache, err := os.UserCacheDir()
		if err != nil {
			cache = os.TempDir()
		}
		return filepath.Join(cache, "feedpub", "samples")
	case s.Config.Dir == "":
		return defaultData
	}
	// The data folder is next to the posts, so that commands find it from any working directory. Each folder of posts
	// has its own: with a shared one, the posts of the previously served folder would be reported as missing.
	parent, name := filepath.Split(filepath.Clean(string(s.Config.Dir)))
	if name == defaultDir {
		return filepath.Join(parent, defaultData)
	}
	return filepath.Join(parent, defaultData+"-"+name)
}

// Folder reports whether the posts are files rather than values in Redis.
func (s Source) Folder() bool { return s.Config.Redis.IsZero() }

// MediaDir returns the path of the folder with the files that posts refer to, or "" if there is none.
func (s Source) MediaDir() string {
	dir := string(s.Config.MediaDir)
	if dir == "" && s.Folder() && !s.Sample {
		dir = string(s.Config.Dir)
	}
	return dir
}

// media returns the folder with the files that posts refer to, and whether there is one.
func (s Source) media() (media.Dir, bool) {
	dir := s.MediaDir()
	return media.New(dir), dir != ""
}

// intake returns the intake of a builder, whose posts can refer to the files of the source.
func (s Source) intake(reader *attribution.Reader) *intake.Intake {
	in := intake.New(s.Config.FeedSite(), reader)
	if files, ok := s.media(); ok {
		in = in.WithMedia(files)
	}
	return in
}

// Open opens the site for a command. A folder is reached through the server that has it open, if there is one.
// The caller must close the site.
func (s Source) Open(ctx context.Context) (*Site, error) {
	if s.Folder() {
		return s.openFolder(ctx)
	}
	return s.OpenRedis(ctx)
}

// OpenRedis opens a site in Redis, and returns an error if Redis does not answer. The caller must close the site.
func (s Source) OpenRedis(ctx context.Context) (*Site, error) {
	client, err := s.redis()
	if err != nil {
		return nil, err
	}
	if err := client.Ping(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%w; check the URL of --redis, and that Redis is running", err), client.Close())
	}
	return s.site(client, client.Close), nil
}

// OpenServing opens the site for a server. It does not connect to Redis, since readers are served even while Redis is
// down. The caller must close the site.
func (s Source) OpenServing(ctx context.Context) (*Site, error) {
	if s.Folder() {
		return s.lockFolder(ctx)
	}
	client, err := s.redis()
	if err != nil {
		return nil, err
	}
	return s.site(client, client.Close), nil
}

// CheckRedis returns warnings about the Redis configuration, and an error if this Redis must not be used.
func (s Source) CheckRedis(ctx context.Context) (warnings []string, err error) {
	client, err := s.redis()
	if err != nil {
		return nil, err
	}
	warnings, err = client.Check(ctx)
	return warnings, errors.Join(err, client.Close())
}

// redis returns a client for the Redis server, without connecting to it.
func (s Source) redis() (*store.Client, error) {
	url, err := s.Config.Redis.WithPassword(s.Config.RedisPassword)
	if err != nil {
		return nil, err
	}
	o := store.Options{URL: url.Reveal(), Logger: s.process.Log}
	if s.Config.Durability == config.DurabilityReplicas {
		o.ConfirmTimeout = confirmTimeout
	}
	return store.Open(o)
}

// openFolder connects to the server that has the folder open, or opens the folder if there is none.
func (s Source) openFolder(ctx context.Context) (*Site, error) {
	if client, err := embedded.Connect(ctx, string(s.Config.Data), s.process.Log); err == nil {
		return s.site(client, client.Close), nil
	}
	return s.lockFolder(ctx)
}

// lockFolder opens the folder for this process alone.
func (s Source) lockFolder(ctx context.Context) (*Site, error) {
	o, err := s.embedded()
	if err != nil {
		return nil, err
	}
	e, err := embedded.Open(ctx, o)
	if err != nil {
		return nil, s.explainLock(err)
	}
	site := s.site(e.Client(), e.Close)
	site.run, site.posts, site.notifyRejected = e.Run, e, e.NotifyRejected
	return site, nil
}

// embedded returns the options of the embedded store for the files of the source.
func (s Source) embedded() (embedded.Options, error) {
	reader, err := NewReader(s.Config.Attribution)
	if err != nil {
		return embedded.Options{}, err
	}
	o := embedded.Options{
		Dir:    string(s.Config.Dir),
		Data:   string(s.Config.Data),
		Site:   s.Config.Site.ID,
		Decode: decodeFiles(reader),
		Check:  s.checkFiles(reader),
		Logger: s.process.Log,
	}
	if s.Sample {
		o.Files = s.process.Samples
		return o, nil
	}
	// The embedded store would create the folder, but if the folder is missing, its name is probably misspelled.
	if _, err := os.Stat(o.Dir); errors.Is(err, fs.ErrNotExist) {
		return o, fmt.Errorf("there is no folder %s; make it, or import posts into it", o.Dir)
	} else if err != nil {
		return o, fmt.Errorf("folder of posts: %w", err)
	}
	return o, nil
}

// explainLock adds advice to an error of kind [feed.ErrLocked].
func (s Source) explainLock(err error) error {
	if errors.Is(err, feed.ErrLocked) {
		return fmt.Errorf("another server uses the data folder %s; stop it, or give this one a different --data",
			s.Config.Data)
	}
	return err
}

// NewReader returns the attribution reader for a configuration.
func NewReader(c config.Attribution) (*attribution.Reader, error) { return newReader(c, nil) }

// newReader is like NewReader, but adds publications that the configuration can override.
func newReader(c config.Attribution, added []attribution.Publication) (*attribution.Reader, error) {
	o := attribution.Options{Threshold: c.Threshold, Publications: added}
	for _, p := range c.Publications {
		o.Publications = append(o.Publications, attribution.Publication{
			Name:    p.Name,
			Aliases: p.Aliases,
			Domains: p.Domains,
			URL:     string(p.URL),
			FeedURL: string(p.FeedURL),
			Agency:  p.Agency,
		})
	}
	if c.Model != "" {
		f, err := os.Open(string(c.Model))
		if err != nil {
			return nil, fmt.Errorf("attribution.model: %w", err)
		}
		defer func() { _ = f.Close() }()
		if o.Model, err = attribution.ReadModel(f); err != nil {
			return nil, fmt.Errorf("attribution.model: %s: %w", c.Model, err)
		}
	}
	return attribution.New(o)
}

// checkFiles returns a function that reports whether a post is public, and returns an error if the post must be
// rejected.
func (s Source) checkFiles(reader *attribution.Reader) func(feed.RawPost) (bool, error) {
	in := intake.New(s.Config.FeedSite(), reader)
	return func(p feed.RawPost) (bool, error) {
		// A post without a date gets the time at which it was first seen.
		result, err := in.Item(p.ID, p.Raw, feed.Record{ID: p.ID, FirstSeen: s.process.Now()})
		if err != nil {
			return intake.StatusOf(p.Raw) == feed.Published, err
		}
		return result.Item != nil, nil
	}
}

// decodeFiles returns the decoder of the files in a folder of posts. It reads sources from plain text with the reader.
func decodeFiles(reader *attribution.Reader) embedded.Decode {
	return transfer.Options{Reader: reader}.Decode
}
