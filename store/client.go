// Package store stores sites in Redis: posts and their inbox, items and indexes, committed documents, leases and the
// stream of commits. It makes writes atomic, idempotent and fenced; it does not interpret posts or render documents.
//
// It is the only importer of go-redis. Each change that depends on stored data is one Lua script, so concurrent processes
// and a crash in between never leave a change half done.
//
// Errors are of the kinds in package feed: [feed.ErrUnavailable] if the server cannot answer now, [feed.ErrStale] for
// writes based on outdated data, [feed.ErrNotFound], [feed.ErrLocked] and [feed.ErrInvalid]. Other errors are bugs or
// wrong credentials.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
	"feedpub/feed/cache"
	"feedpub/store/redisurl"
)

// Options configure a [Client]. Only URL is required.
type Options struct {
	// URL is the address of one server, of Sentinels, or of a Cluster: see package redisurl. Timeouts and the client name
	// in the URL take precedence over the options.
	URL string
	// Logger reports what is not returned as an error, such as a stored item that cannot be decoded. Nil discards it.
	Logger *slog.Logger
	// Now is the clock for the marks of dirty feeds. Nil means time.Now.
	Now func() time.Time
	// Compress stores posts in gzip coding where that makes them smaller. Reading accepts both.
	Compress bool

	// Confirm is how long [Site.Update] and [Site.PutConfirmed] wait for the replicas; with 0 they don't. It should be
	// less than BuildTimeout.
	ConfirmTimeout time.Duration

	// Backing makes writes durable if the server does not; nil for Redis.
	Backing Backing
	// Dial, if not nil, connects to the server, whatever the URL says.
	Dial func(context.Context) (net.Conn, error)
	// Delegate is for the socket of an embedded store that another process owns. The client may read; Delete, RestoreRecords
	// and Ask are run by the owner, and other writes fail.
	Delegate bool

	// Name is the name of the connections in CLIENT LIST, without spaces. The default is "feedpub".
	Name string

	// DialTimeout limits the time to connect. The default is 500 ms.
	DialTimeout time.Duration
	// ServeTimeout limits each command of a replica. The default is 800 ms. Feed readers never wait for it, but a replica
	// learns of commits late while a command hangs.
	ServeTimeout time.Duration
	// BuildTimeout limits each command of writing and building, which may transfer megabytes. The default is 5 s.
	BuildTimeout time.Duration

	// MaxBlocking limits how many calls of [Site.Changes], [Site.AwaitInbox] and [Site.Requests] block in the server, each
	// with its own connection, and return within milliseconds of a new entry. The default is 48, enough for about fifteen
	// sites; a negative number means none. While more calls wait, all of them poll together instead, four times a second.
	MaxBlocking int
}

// Client is a connection to a store. It is safe for concurrent use. The caller must close it.
type Client struct {
	address  string // without credentials, for messages
	log      *slog.Logger
	now      func() time.Time
	compress bool
	confirm  time.Duration
	// serveTimeout is also the grace period of blocking reads, buildTimeout that of waiting for the disk.
	serveTimeout, buildTimeout time.Duration

	// items are decoded items by their keys. An item is in several feeds, and most items of a feed are those of its last
	// build. What an item is now, the server is asked each time, by its sum.
	items *cache.Cache[string, cachedItem]

	// Separate pools, so that no kind of load starves another: serve for replicas, build for reads and idempotent writes of
	// builders and writers, once for scripts that must not be repeated, block for blocking reads and for polling.
	serve, build, block redis.UniversalClient
	once                unrepeated
	owner               redis.UniversalClient // for delegated operations; nil unless Options.Delegate is set

	backing Backing // may be nil

	poller  *poller
	scanner *scanner
}

// Open returns a client of the store at o.URL. It reads the files that the URL names but does not connect, so it succeeds
// while the server is down. Errors are of kind [feed.ErrInvalid] and never contain a password.
func Open(o Options) (*Client, error) {
	u, err := redisurl.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("redis URL: %w", err)
	}
	e, err := newEndpoint(u)
	if err != nil {
		return nil, fmt.Errorf("redis URL: %w", err)
	}
	c := &Client{address: u.String(), log: o.Logger, now: o.Now, compress: o.Compress, items: cache.New[string, cachedItem](itemCacheBytes), confirm: o.ConfirmTimeout}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.now == nil {
		c.now = time.Now
	}
	e.name = cmp.Or(u.ClientName, o.Name, "feedpub")
	c.backing, e.connect = o.Backing, o.Dial
	e.dial = cmp.Or(u.DialTimeout, o.DialTimeout, 500*time.Millisecond)
	serve := cmp.Or(u.ServeTimeout, o.ServeTimeout, 800*time.Millisecond)
	build := cmp.Or(u.BuildTimeout, o.BuildTimeout, 5*time.Second)
	c.serveTimeout, c.buildTimeout = serve, build
	// A long wait for a free connection means that this process is busy, as with hundreds of sites at the start, and says
	// nothing about the server: so all pools allow the longer timeout.
	c.serve = e.client(pool{timeout: serve, wait: build, retries: 1, size: 16})
	c.build = e.client(pool{timeout: build, wait: build, retries: 2, size: 16})
	c.once = unrepeated{e.client(pool{timeout: build, wait: build, retries: noRetries, size: 16})}
	blocking := max(cmp.Or(o.MaxBlocking, defaultMaxBlocking), 0)
	c.block = e.client(pool{
		timeout: serve + maxBlock, wait: 300 * time.Millisecond, retries: noRetries, size: blocking + maxAsking,
	})
	if o.Delegate {
		c.owner = e.client(pool{timeout: noTimeout, wait: build, retries: noRetries, size: maxAsking})
	}
	c.poller, c.scanner = newPoller(c.block, c.clustered(), blocking), newScanner()
	return c, nil
}

// Close closes all connections. Calls in progress fail.
func (c *Client) Close() error {
	err := errors.Join(c.serve.Close(), c.build.Close(), c.once.Close(), c.block.Close())
	if c.owner != nil {
		err = errors.Join(err, c.owner.Close())
	}
	c.poller.close()
	c.scanner.close()
	return err
}

// Ping returns nil if the server, or any server of a Cluster, answers within the serve timeout. Otherwise the error is of
// kind [feed.ErrUnavailable], unless credentials are wrong. A server whose disk is full refuses even PING.
func (c *Client) Ping(ctx context.Context) error {
	return c.wrap("ping", c.serve.Ping(ctx).Err())
}

// Address returns the URL of the store without credentials, for messages.
func (c *Client) Address() string { return c.address }

// Site returns one site of the store, without I/O. The id must be valid: see [feed.SiteID.Validate].
func (c *Client) Site(id feed.SiteID) *Site {
	c.scanner.addSite(keyspace(id))
	return &Site{client: c, keys: keyspace(id)}
}

// Client returns the client that s belongs to.
func (s *Site) Client() *Client { return s.client }

// Site is one site of a store. It is safe for concurrent use.
type Site struct {
	client *Client
	keys   keyspace
}
