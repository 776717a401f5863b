// Package store keeps a site's posts, and what is made of them, in Redis: the raw posts and their inbox, ready items
// and indexes, committed documents, leases and the stream of commits. It moves bytes and guards what must hold when
// they move (fencing, all or nothing, idempotence); it does not know what a post means or what a document looks like.
//
// It is the only importer of go-redis. Every change that depends on what is stored is one Lua script, so that two
// processes that run at once, or one that dies half way, leave a state that some order of whole operations explains.
//
// Errors are of the kinds in package feed: [feed.ErrUnavailable] whenever the server cannot answer now,
// [feed.ErrStale] for refused writes, [feed.ErrNotFound], [feed.ErrLocked] and [feed.ErrInvalid]; others are defects
// or wrong credentials.
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
	"feedpub/store/redisurl"
)

// Options say where the store is and how it is spoken to. Only URL is required.
type Options struct {
	// URL leads to one server, to the master of Sentinels, or to a Cluster: see package redisurl. What it says of
	// timeouts and names goes before the options here.
	URL string
	// Logger gets what no error can tell, such as a stored item that cannot be decoded; nil discards it.
	Logger *slog.Logger
	// Now is the clock that marks of dirty feeds are taken from; nil is time.Now.
	Now func() time.Time
	// Compress stores posts in gzip coding when that makes them smaller; they are read back as they came either way.
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

	// Name is what connections call themselves in CLIENT LIST, without spaces; "" is "feedpub".
	Name string

	// DialTimeout is how long a connection may take; 0 is 500 ms.
	DialTimeout time.Duration
	// ServeTimeout is how long a command that serving waits for may take; 0 is 800 ms. Readers never wait for it, but
	// a replica that hangs in a read learns late that documents changed.
	ServeTimeout time.Duration
	// BuildTimeout is how long a command of writing and building may take, which moves megabytes; 0 is 5 s.
	BuildTimeout time.Duration

	// MaxBlocking is how many calls of [Site.Changes], [Site.AwaitInbox] and [Site.Requests] may wait in the server, each
	// on a connection of its own and told of news in milliseconds; 0 is 48, which is enough for some fifteen sites, and
	// with a negative number none does. While more wait, the streams of all are polled together instead, four times a
	// second.
	MaxBlocking int
}

// Client is a store. It is safe for concurrent use and must be closed.
type Client struct {
	address string // without credentials, for messages
	log     *slog.Logger
	now     func() time.Time
	squeeze bool
	confirm time.Duration
	// patience is how long a blocking read may be late, buildTimeout how long a script may wait for the disk.
	patience, buildTimeout time.Duration

	items *itemCache

	// Separate pools, so that no load of one kind starves another: serve for what replicas read, build for reads and
	// idempotent writes of building, once for scripts that must not be repeated, block for reads that wait for news and for
	// the rounds that take their place.
	serve, build, block redis.UniversalClient
	once                unrepeated
	owner               redis.UniversalClient // for delegated operations; nil unless Options.Delegate is set

	backing Backing // may be nil

	waits *waits
	walks *walks
}

// Open returns the store at o.URL. It does not connect: a store that is down at the start is one that is down later.
// An error is of kind [feed.ErrInvalid] and never shows a password; files that the URL names are read here.
func Open(o Options) (*Client, error) {
	u, err := redisurl.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("redis URL: %w", err)
	}
	e, err := newEndpoint(u)
	if err != nil {
		return nil, fmt.Errorf("redis URL: %w", err)
	}
	c := &Client{address: u.String(), log: o.Logger, now: o.Now, squeeze: o.Compress, items: newItemCache(itemCacheBytes), confirm: o.ConfirmTimeout}
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
	c.patience, c.buildTimeout = serve, build
	// Who waits for a connection waits for others of this process, of which there can be hundreds at the start: that says
	// nothing about the server.
	c.serve = e.client(pool{timeout: serve, wait: build, retries: 1, size: 16})
	c.build = e.client(pool{timeout: build, wait: build, retries: 2, size: 16})
	c.once = unrepeated{e.client(pool{timeout: build, wait: build, retries: noRetries, size: 16})}
	blocking := max(cmp.Or(o.MaxBlocking, defaultMaxBlocking), 0)
	c.block = e.client(pool{
		timeout: serve + tailSlice, wait: 300 * time.Millisecond, retries: noRetries, size: blocking + asking,
	})
	if o.Delegate {
		c.owner = e.client(pool{timeout: noTimeout, wait: build, retries: noRetries, size: asking})
	}
	c.waits, c.walks = newWaits(c.block, c.clustered(), blocking), newWalks()
	return c, nil
}

// Close closes all connections. Calls that are under way fail.
func (c *Client) Close() error {
	err := errors.Join(c.serve.Close(), c.build.Close(), c.once.Close(), c.block.Close())
	if c.owner != nil {
		err = errors.Join(err, c.owner.Close())
	}
	c.waits.close()
	c.walks.close()
	return err
}

// Ping returns nil if the server, or any of a Cluster, answers in the time of a serving command, else an error of kind
// [feed.ErrUnavailable], unless credentials are wrong. A server whose disk is full refuses even this.
func (c *Client) Ping(ctx context.Context) error {
	return c.wrap("ping", c.serve.Ping(ctx).Err())
}

// Address returns the store's URL without credentials, for messages.
func (c *Client) Address() string { return c.address }

// Site returns the store of one site. It does no I/O. The id must be valid: see [feed.SiteID.Validate].
func (c *Client) Site(id feed.SiteID) *Site {
	c.walks.know(keyspace(id))
	return &Site{client: c, keys: keyspace(id)}
}

// Client returns the store that s is part of.
func (s *Site) Client() *Client { return s.client }

// Site is the part of a store that belongs to one site. It is safe for concurrent use.
type Site struct {
	client *Client
	keys   keyspace
}
