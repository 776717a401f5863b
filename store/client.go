// Package store stores sites in Redis: posts and their inbox, items and indexes, committed documents, leases and the
// stream of commits. It makes writes atomic, idempotent and fenced; it does not interpret posts or render documents.
//
// It is the only importer of go-redis. Each change that depends on stored data is one Lua script, so neither concurrent
// processes nor a crash can leave a change half done.
//
// Errors are of the kinds in package feed: [feed.ErrUnavailable] if the server cannot be used now, [feed.ErrStale] for
// writes based on outdated data, [feed.ErrNotFound], [feed.ErrLocked] and [feed.ErrInvalid]. Other errors indicate bugs
// or wrong credentials.
package store

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"feedpub/feed"
	"feedpub/feed/cache"
	"feedpub/store/redisurl"
)

// Options configure a [Client]. Only URL is required.
type Options struct {
	// URL is the address of one server, of Sentinels, or of a Cluster: see package redisurl. Timeouts and the client name
	// in the URL take precedence over the options.
	URL string
	// Logger receives problems that are not returned as errors, such as a stored item that cannot be decoded. Nil discards
	// them.
	Logger *slog.Logger
	// Now is the client's clock, which also determines the marks of dirty feeds. Nil means time.Now.
	Now func() time.Time
	// Compress enables gzip compression of stored posts if it makes them smaller. Both compressed and plain posts can
	// be read with either setting.
	Compress bool

	// ItemCache is the approximate memory limit of the cache of decoded items, in bytes. The default is 96 MiB.
	ItemCache int

	// KeepReplaced is how long replaced documents are kept for replicas that lag. The default is three days.
	KeepReplaced time.Duration

	// ConfirmTimeout limits how long [Site.Update] and [Site.PutConfirmed] wait for the replicas; 0 means no waiting.
	// It should be less than BuildTimeout.
	ConfirmTimeout time.Duration

	// Backing makes writes durable if the server does not persist data. It is nil for a Redis server.
	Backing Backing
	// Dial, if not nil, is used to connect to the server, and the address in URL is ignored.
	Dial func(context.Context) (net.Conn, error)
	// Local is set for a server in this process that no other process writes to, and all clients of the server must share
	// it. Calls that wait for new entries of streams then do not block in the server, and return as soon as one of the
	// clients has added an entry.
	Local *LocalStreams
	// Delegate must be set for the socket of an embedded store that another process owns. The client may read; the owner
	// runs Delete, Decide, RestoreRecords, Revoke and Ask, and other writes fail.
	Delegate bool

	// Name is the name of the connections in CLIENT LIST, without spaces. The default is "feedpub".
	Name string

	// DialTimeout limits the time to connect. The default is 500 ms.
	DialTimeout time.Duration
	// ServeTimeout limits each command of a replica. The default is 800 ms. Requests from feed readers never wait for such
	// a command. If a command hangs, the replica does not notice new commits until it has timed out.
	ServeTimeout time.Duration
	// BuildTimeout limits each command of a builder or writer, which may transfer megabytes. The default is 5 s.
	BuildTimeout time.Duration

	// MaxBlocking is the maximum number of calls to [Site.Changes], [Site.AwaitInbox] and [Site.Requests] that block in
	// the server, each with its own connection. They return within milliseconds of a new entry. The default is 48,
	// enough for about fifteen sites; a negative number means none. If more calls wait, they share up to 32 connections
	// and return just as soon. In a Cluster, where one command cannot read the streams of several sites, a poller
	// checks all of their streams four times a second instead.
	MaxBlocking int
}

// Client is a connection to a store. It is safe for concurrent use. The caller must close it.
type Client struct {
	address  string // for messages, without credentials
	log      *slog.Logger
	now      func() time.Time
	compress bool
	// keepReplaced is how long replaced documents are kept.
	keepReplaced time.Duration
	confirm      time.Duration
	replicas     replicaCounts
	// serveTimeout is also the grace period of blocking reads, and buildTimeout is also the grace period of waiting for
	// the disk.
	serveTimeout, buildTimeout time.Duration

	// items caches decoded items by key, since an item is in several feeds and most items of a feed do not change between
	// builds. Each read compares the checksum of the cached item with that of the stored item.
	items *cache.Cache[string, cachedItem]

	// Each kind of command has its own pool, so that it cannot use up the connections of a different kind: serve for
	// replicas, build for reads and idempotent writes of builders and writers, once for scripts that must not be repeated,
	// block for blocking reads and for polling, and beat for recording that this process is alive.
	serve, build, block, beat redis.UniversalClient
	once                      unrepeated
	owner                     redis.UniversalClient // for delegated operations; nil unless Options.Delegate is set

	backing  Backing // may be nil
	observer atomic.Pointer[func(string, time.Duration)]

	local     *LocalStreams // nil unless Options.Local is set
	poller    *poller
	shared    *sharedReads // nil if the server is a Cluster
	scanner   *scanner
	processes aliveCache
}

// Open returns a client of the store at o.URL. It reads the files that the URL names but does not connect, so it
// succeeds even if the server is down. Errors are of kind [feed.ErrInvalid] and never contain a password.
func Open(o Options) (*Client, error) {
	u, err := redisurl.Parse(o.URL)
	if err != nil {
		return nil, fmt.Errorf("redis URL: %w", err)
	}
	e, err := newEndpoint(u)
	if err != nil {
		return nil, fmt.Errorf("redis URL: %w", err)
	}
	c := &Client{
		address: u.String(), log: o.Logger, now: o.Now, compress: o.Compress, confirm: o.ConfirmTimeout,
		items:        cache.New[string, cachedItem](cmp.Or(o.ItemCache, defaultItemCache)),
		keepReplaced: cmp.Or(o.KeepReplaced, defaultKeepReplaced),
	}
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
	// A long wait for a free connection means that this process is busy, for example when it starts with hundreds of
	// sites. It does not mean that the server is down, so all pools use the longer timeout.
	c.serve = e.client(pool{timeout: serve, wait: build, retries: 1, size: 16})
	c.build = e.client(pool{timeout: build, wait: build, retries: 2, size: 16})
	c.once = unrepeated{e.client(pool{timeout: build, wait: build, retries: noRetries, size: 16})}
	for _, commands := range []redis.UniversalClient{c.serve, c.build, c.once.UniversalClient} {
		commands.AddHook(latencyHook{c})
	}
	blocking := max(cmp.Or(o.MaxBlocking, defaultMaxBlocking), 0)
	c.block = e.client(pool{
		timeout: serve + maxBlock, wait: 300 * time.Millisecond, retries: noRetries, size: blocking + maxShared + maxAsking,
	})
	c.beat = e.client(pool{timeout: serve, wait: serve, retries: noRetries, size: 2})
	if o.Delegate {
		c.owner = e.client(pool{timeout: noTimeout, wait: build, retries: noRetries, size: maxAsking})
	}
	c.poller, c.scanner = newPoller(c.block, c.Clustered(), blocking), newScanner()
	c.local, c.poller.local = o.Local, o.Local
	if !c.Clustered() {
		c.shared = newSharedReads(c.block, serve)
	}
	return c, nil
}

// Close closes all connections. Calls in progress fail.
func (c *Client) Close() error {
	err := errors.Join(c.serve.Close(), c.build.Close(), c.once.Close(), c.block.Close(), c.beat.Close())
	if c.owner != nil {
		err = errors.Join(err, c.owner.Close())
	}
	c.poller.close()
	if c.shared != nil {
		c.shared.close()
	}
	c.scanner.close()
	return err
}

// Ping returns nil if the server, or any server of a Cluster, replies within the serve timeout. Otherwise the error is
// of kind [feed.ErrUnavailable], unless credentials are wrong. A server whose disk is full rejects even PING.
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

// pipelined sends the commands that add adds in one pipeline. If the client has many sites and ctx is unhurried (see
// [feed.Unhurried]), it sends them with the next round of the poller. Each command has its own error. If pipelined
// returns an error, the results of the commands must not be read.
func (s *Site) pipelined(ctx context.Context, add func(redis.Pipeliner)) error {
	if feed.IsUnhurried(ctx) && s.client.poller.crowded() {
		return s.client.poller.withNextRound(ctx, add)
	}
	_, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		add(p)
		return nil
	})
	if errors.Is(err, redis.Nil) {
		return nil
	}
	return err
}

// AgeCache drops the cached items that have not been used since the previous call; see [cache.Cache.Age].
func (c *Client) AgeCache() { c.items.Age() }

// Client returns the client that s belongs to.
func (s *Site) Client() *Client { return s.client }

// Site is one site of a store. It is safe for concurrent use.
type Site struct {
	client *Client
	keys   keyspace
	lease  leaseCache
}

// maxRedirects is the maximum number of redirections and retries of one command in a Cluster.
const maxRedirects = 2

// endpoint is the address of a store and the settings that its clients share.
type endpoint struct {
	url              redisurl.URL
	tls              *tls.Config
	sentinelPassword string
	name             string // name of the connections
	dial             time.Duration
	connect          func(context.Context) (net.Conn, error) // if nil, clients connect to the URL
}

// newEndpoint reads the files that the URL names. Errors are of kind [feed.ErrInvalid].
func newEndpoint(u redisurl.URL) (endpoint, error) {
	e := endpoint{url: u, sentinelPassword: u.SentinelPassword}
	var err error
	if e.tls, err = tlsConfig(u); err != nil {
		return endpoint{}, err
	}
	if u.SentinelPasswordFile != "" {
		b, err := os.ReadFile(u.SentinelPasswordFile)
		if err != nil {
			return endpoint{}, fmt.Errorf("sentinel_password_file: %w: %w", feed.ErrInvalid, err)
		}
		e.sentinelPassword = strings.TrimRight(string(b), "\r\n")
	}
	return e, nil
}

// pool contains the settings of one client.
type pool struct {
	timeout time.Duration // timeout for each command; with noTimeout, only the context applies
	wait    time.Duration // maximum wait for a free connection
	retries int           // maximum retries after a network error, or noRetries
	size    int           // maximum number of connections, per server in a Cluster
}

const (
	noRetries = -1 // 0 would be the default of 3
	noTimeout = -1 // 0 would be the default timeout
)

// client returns a client of the URL's kind. It does not use redis.UniversalOptions, which have no setting for how soon
// a Cluster client detects a failover.
//
// All clients read from masters. A Redis replica may lag, so an announced commit might not be readable yet, or an older
// commit might be read after a newer one. Feed readers never wait for Redis, so reading from replicas would not serve
// them faster.
func (e endpoint) client(p pool) redis.UniversalClient {
	switch e.url.Kind {
	case redisurl.Sentinel:
		c := redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: e.url.Master, SentinelAddrs: e.url.Addresses,
			SentinelUsername: e.url.SentinelUser, SentinelPassword: e.sentinelPassword,
			Username: e.url.User, Password: e.url.Password, DB: e.url.DB, TLSConfig: e.tls,
			ClientName: e.name, DisableIdentity: true, ContextTimeoutEnabled: true,
			DialTimeout: e.dial, DialerRetries: 1,
			ReadTimeout: p.timeout, WriteTimeout: p.timeout, PoolTimeout: p.wait,
			MaxRetries: p.retries, PoolSize: p.size,
		})
		c.AddHook(sentinelErrors{master: e.url.Master})
		return c
	case redisurl.Cluster:
		return redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: e.url.Addresses, Username: e.url.User, Password: e.url.Password, TLSConfig: e.tls,
			ClientName: e.name, DisableIdentity: true, ContextTimeoutEnabled: true,
			MaintNotificationsConfig: noNotifications(),
			DialTimeout:              e.dial, DialerRetries: 1,
			ReadTimeout: p.timeout, WriteTimeout: p.timeout, PoolTimeout: p.wait,
			// Redirections count as retries, so retries cannot be disabled here: see unrepeated.
			MaxRedirects: maxRedirects, PoolSize: p.size,
			// Commands for the slots of a dead master fail until the state is reloaded; the default interval is a
			// minute.
			ClusterStateReloadInterval: time.Second,
			// Routing policies would fetch the list of all commands first. They are not needed: every command here has a key,
			// and all keys of a command are in one slot.
			DisableRoutingPolicies: true,
		})
	case redisurl.Server:
		o := &redis.Options{
			Username: e.url.User, Password: e.url.Password, DB: e.url.DB, TLSConfig: e.tls,
			ClientName: e.name, DisableIdentity: true, // this saves a round trip for each connection
			// Without this option, a deadline does not end a command in progress.
			ContextTimeoutEnabled: true,
			// In mode "auto" every connection to plain Redis starts with an error.
			MaintNotificationsConfig: noNotifications(),
			DialTimeout:              e.dial, DialerRetries: 1,
			ReadTimeout: p.timeout, WriteTimeout: p.timeout, PoolTimeout: p.wait,
			MaxRetries: p.retries, PoolSize: p.size,
		}
		if e.url.Socket != "" {
			o.Network, o.Addr = "unix", e.url.Socket
			o.Dialer = func(ctx context.Context, _, path string) (net.Conn, error) { return dialUnix(ctx, path, e.dial) }
		} else {
			o.Addr = e.url.Addresses[0]
		}
		if e.connect != nil {
			o.Dialer = func(ctx context.Context, _, _ string) (net.Conn, error) { return e.connect(ctx) }
		}
		return redis.NewClient(o)
	}
	panic(fmt.Sprintf("store: no client for URLs of kind %d", e.url.Kind))
}

func noNotifications() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// sentinelErrors is a hook that replaces the error for an unknown master. A Sentinel replies nil for an unknown name,
// and go-redis returns redis.Nil as the error of the command, so the store would look empty.
type sentinelErrors struct{ master string }

// DialHook replaces the error of a failed connection.
func (h sentinelErrors) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := next(ctx, network, address)
		if errors.Is(err, redis.Nil) {
			err = fmt.Errorf("no reachable Sentinel knows a master named %q: %w", h.master, feed.ErrUnavailable)
		}
		return conn, err
	}
}

// ProcessHook returns next unchanged.
func (sentinelErrors) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

// ProcessPipelineHook returns next unchanged.
func (sentinelErrors) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// maxSocketPath is the longest path, in bytes, that every supported system accepts as the address of a unix socket:
// sun_path has 104 bytes on the BSDs and macOS and 108 on Linux, including a final NUL.
const maxSocketPath = 103

// dialUnix connects to a unix socket. The path may be longer than a socket address allows: see SocketAddress.
func dialUnix(ctx context.Context, path string, timeout time.Duration) (net.Conn, error) {
	short, done, err := SocketAddress(path)
	if err != nil {
		return nil, err
	}
	defer done()
	d := net.Dialer{Timeout: timeout}
	return d.DialContext(ctx, "unix", short)
}

// SocketAddress returns an address for the unix socket at path. If the path is too long for an address (more than about
// 104 bytes), SocketAddress opens the folder and returns an address that contains the file descriptor, which works on
// Linux; on other systems it returns an error of kind [feed.ErrInvalid]. The address is valid until done is called.
func SocketAddress(path string) (address string, done func(), err error) {
	if len(path) <= maxSocketPath {
		return path, func() {}, nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, fmt.Errorf("folder of socket: %w", err)
	}
	address = fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path))
	if _, err := os.Stat(filepath.Dir(address)); err != nil || len(address) > maxSocketPath {
		_ = dir.Close()
		return "", nil, fmt.Errorf("socket %s: path is longer than %d bytes; choose a shorter data folder: %w",
			path, maxSocketPath, feed.ErrInvalid)
	}
	return address, func() { _ = dir.Close() }, nil
}

// tlsConfig returns the TLS configuration of a URL, or nil if the URL does not use TLS. It checks the files, so that an
// unusable file is reported once, with an error of kind [feed.ErrInvalid], rather than by every connection.
func tlsConfig(u redisurl.URL) (*tls.Config, error) {
	if !u.TLS {
		return nil, nil
	}
	// If ServerName is empty, each server is verified by its address.
	c := &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: u.TLSName,
		InsecureSkipVerify: u.SkipVerify, //nolint:gosec // the operator has configured this
	}
	if u.CAFile != "" {
		pem, err := os.ReadFile(u.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls_ca_file: %w: %w", feed.ErrInvalid, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls_ca_file: %s contains no PEM certificate: %w", u.CAFile, feed.ErrInvalid)
		}
	}
	if u.CertFile != "" {
		load := func() (*tls.Certificate, error) {
			cert, err := tls.LoadX509KeyPair(u.CertFile, u.KeyFile)
			if err != nil {
				return nil, fmt.Errorf("tls_cert_file: %w: %w", feed.ErrInvalid, err)
			}
			return &cert, nil
		}
		if _, err := load(); err != nil {
			return nil, err
		}
		// Load the files for each connection, so that a renewed certificate does not require a restart.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	}
	return c, nil
}

// go-redis not only returns its errors but also prints them to standard error, once for each attempt to connect. Its
// logger is global, so it is replaced before any client is created.
func init() { redis.SetLogger(discardLogger{}) }

type discardLogger struct{}

// Printf discards a message.
func (discardLogger) Printf(context.Context, string, ...any) {}
