package store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"feedpub/feed"
	"feedpub/store/redisurl"
)

// maxRedirects is how many redirections and retries of one command a Cluster's client makes.
const maxRedirects = 2

// endpoint is the address of a store and the settings that its clients share.
type endpoint struct {
	url              redisurl.URL
	tls              *tls.Config
	sentinelPassword string
	name             string // of connections
	dial             time.Duration
	connect          func(context.Context) (net.Conn, error) // nil for what the URL says
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

// pool is the settings of one client.
type pool struct {
	timeout time.Duration // of a command; noTimeout leaves it to its context
	wait    time.Duration // for a free connection
	retries int           // of a command after a network error, or noRetries
	size    int           // connections, to each server of a Cluster
}

const (
	noRetries = -1 // 0 would be the default of 3
	noTimeout = -1 // likewise
)

// client returns a client of the kind that the URL states. It does not use redis.UniversalOptions, which lack the setting
// for how fast a Cluster's client learns of a failover.
//
// All clients read from masters. A replica of Redis may lag, so that an announced commit could not be read, or an older
// one could follow it. Feed readers never wait for Redis, so reading from replicas would not serve them faster.
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
			// The slots of a dead master fail until the state is reloaded; the default is a minute.
			ClusterStateReloadInterval: time.Second,
			// Routing policies would first fetch the list of all commands, and are not needed: every command here has a
			// key, and all its keys are in one slot.
			DisableRoutingPolicies: true,
		})
	case redisurl.Server:
		o := &redis.Options{
			Username: e.url.User, Password: e.url.Password, DB: e.url.DB, TLSConfig: e.tls,
			ClientName: e.name, DisableIdentity: true, // saves a round trip for each connection
			// Without it, a deadline does not end a command in progress.
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

// sentinelErrors is a hook that replaces the error for an unknown master. A Sentinel replies nil for a name that it does
// not know, and go-redis returns that as the error of the command, so the store would look empty.
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

// ProcessHook changes nothing.
func (sentinelErrors) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }

// ProcessPipelineHook changes nothing.
func (sentinelErrors) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// maxSocketPath is the longest path, in bytes, that every supported system accepts as the address of a unix socket:
// sun_path has 104 bytes on the BSDs and macOS and 108 on Linux, including a final NUL.
const maxSocketPath = 103

// dialUnix connects to a unix socket. The path may be longer than an address: see SocketAddress.
func dialUnix(ctx context.Context, path string, timeout time.Duration) (net.Conn, error) {
	short, done, err := SocketAddress(path)
	if err != nil {
		return nil, err
	}
	defer done()
	d := net.Dialer{Timeout: timeout}
	return d.DialContext(ctx, "unix", short)
}

// SocketAddress returns an address for the unix socket at path. If the path is longer than an address may be (about 104
// bytes), it opens the folder and returns an address with its descriptor, which works on Linux; on other systems it
// returns an error of kind [feed.ErrInvalid]. The address is valid until done is called.
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

// tlsConfig returns the TLS configuration of a URL, nil if it has none. A file that cannot be used is an error of kind
// [feed.ErrInvalid] here rather than of each connection.
func tlsConfig(u redisurl.URL) (*tls.Config, error) {
	if !u.TLS {
		return nil, nil
	}
	// If ServerName is empty, each server is verified by its address.
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.TLSName, InsecureSkipVerify: u.SkipVerify} //nolint:gosec // configured
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
		// Loaded for each connection, so that a renewed certificate needs no restart.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	}
	return c, nil
}

// go-redis also prints the errors that it returns to standard error, once for each attempt to connect. Its logger is
// global, so it is replaced before any client is made.
func init() { redis.SetLogger(discardLogger{}) }

type discardLogger struct{}

// Printf discards a message.
func (discardLogger) Printf(context.Context, string, ...any) {}
