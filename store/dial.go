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

// follows is how often a Cluster's client goes after a slot that has moved, or tries anew, in one call.
const follows = 2

// endpoint is where a store is, with all that clients of it have in common.
type endpoint struct {
	url              redisurl.URL
	tls              *tls.Config
	sentinelPassword string
	name             string // of connections
	dial             time.Duration
	connect          func(context.Context) (net.Conn, error) // nil for what the URL says
}

// newEndpoint reads the files that a URL names. Its errors are of kind [feed.ErrInvalid].
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

// pool says what one client is for.
type pool struct {
	timeout time.Duration // of a command; noTimeout leaves it to its context
	wait    time.Duration // for a free connection
	retries int           // of a command that failed on the way; noRetries is none
	size    int           // connections, to each server of a Cluster
}

const (
	noRetries = -1 // 0 would be the default of 3
	noTimeout = -1 // likewise
)

// client makes a client of the kind that the URL asks for. The three kinds of options are alike but in what each lacks,
// so they are filled in by hand: go-redis' universal ones leave out how fast a Cluster's client learns of a failover.
//
// All read from masters alone. A replica of Redis may lag: a commit that was announced would not be there to be read,
// and an older one would come after it. And readers wait for no Redis, so that more of it would not serve them faster.
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
			// Redirections count as retries, so none can be forbidden here: what must not be repeated says so itself.
			MaxRedirects: follows, PoolSize: p.size,
			// The default of a minute is how long the slots of a dead master would go on failing.
			ClusterStateReloadInterval: time.Second,
			// Every command has a key, and all keys of one command a slot. Policies would ask for the list of all
			// commands first, and split up what need not be.
			DisableRoutingPolicies: true,
		})
	default:
		o := &redis.Options{
			Username: e.url.User, Password: e.url.Password, DB: e.url.DB, TLSConfig: e.tls,
			ClientName: e.name, DisableIdentity: true, // one round trip less for each connection
			// Without it a deadline does not end a command that is under way.
			ContextTimeoutEnabled: true,
			// Mode "auto" makes every connection to plain Redis begin with an error.
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
}

func noNotifications() *maintnotifications.Config {
	return &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
}

// sentinelErrors makes errors of finding the master unmistakable. A Sentinel answers nil for a name that it doesn't know,
// and the client passes that on as the error of the command: an unknown master would look like a store without posts.
type sentinelErrors struct{ master string }

// DialHook replaces the error of a connection that was not made.
func (h sentinelErrors) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := next(ctx, network, address)
		if errors.Is(err, redis.Nil) {
			err = fmt.Errorf("no Sentinel that answers knows a master named %q: %w", h.master, feed.ErrUnavailable)
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

// maxSocketPath is the longest path that every supported system takes as the address of a unix socket: sun_path has
// 104 bytes on the BSDs and macOS, 108 on Linux, with a final NUL.
const maxSocketPath = 103

// dialUnix connects to a unix socket, one with a path that is too long for an address included.
func dialUnix(ctx context.Context, path string, timeout time.Duration) (net.Conn, error) {
	short, done, err := SocketAddress(path)
	if err != nil {
		return nil, err
	}
	defer done()
	d := net.Dialer{Timeout: timeout}
	return d.DialContext(ctx, "unix", short)
}

// SocketAddress returns an address under which the unix socket at path can be bound or connected to although its path
// is longer than addresses may be (about 104 bytes): on Linux the folder is opened and named by its descriptor. The
// address is good until done is called. On other systems a long path is an error of kind [feed.ErrInvalid].
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

// tlsConfig returns how the connections of a URL are encrypted, nil if they are not. A file that can't be used is an
// error of kind [feed.ErrInvalid] here, and not one of every connection.
func tlsConfig(u redisurl.URL) (*tls.Config, error) {
	if !u.TLS {
		return nil, nil
	}
	// Without a name, each server is verified by the address that it is reached under.
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.TLSName, InsecureSkipVerify: u.SkipVerify} //nolint:gosec // asked for
	if u.CAFile != "" {
		pem, err := os.ReadFile(u.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls_ca_file: %w: %w", feed.ErrInvalid, err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls_ca_file: %s has no certificate in PEM: %w", u.CAFile, feed.ErrInvalid)
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
		// Read anew for each connection, so that a renewed certificate needs no restart.
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	}
	return c, nil
}

// go-redis prints to the standard error what it also returns, once for each attempt to connect. Its logger is one for
// the process, so it is set before any client is made.
func init() { redis.SetLogger(quiet{}) }

type quiet struct{}

// Printf discards a message.
func (quiet) Printf(context.Context, string, ...any) {}
