package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"feedpub/feed"
	"feedpub/store"
)

const (
	// ownFolder is the name of the store's folder in the data folder.
	ownFolder = "store"

	internalTimeout = 30 * time.Second

	// keepReplaced is how long the server keeps replaced documents. The only replica is in this process, and reads a
	// commit at once.
	keepReplaced = time.Minute

	// itemCache is the size of the cache of decoded items. It is smaller than with Redis, because this process also holds
	// the items themselves.
	itemCache = 32 << 20

	// expireTick and maxExpireStep are the shortest and the longest time between two advances of the server's clock.
	// maxExpireStep is also the greatest advance. A lease that was just renewed must not expire in one advance, so the
	// builder of a folder uses a lease that is twice as long as maxExpireStep.
	expireTick    = time.Second
	maxExpireStep = 10 * time.Second
)

// Errors that are returned to clients of the socket.
const (
	errReadOnly = "READONLY feedpub: posts are stored as files; write files into the folder or use 'feedpub post put'"
	errLoading  = "LOADING feedpub: reading the folder of posts"
)

// socketPath returns the path of the unix socket of a store that is open in the data folder. Only the user that runs it
// can connect.
func socketPath(data string) string { return filepath.Join(data, ownFolder, "redis.sock") }

// socketURL returns the socket's URL for [store.Options.URL].
func socketURL(data string) string {
	path := socketPath(data)
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return (&url.URL{Scheme: "unix", Path: filepath.ToSlash(path)}).String()
}

// Connect returns a client of the store that another process has open in the data folder. All reads work. The only
// writes that work are Delete, Decide, RestoreRecords, Revoke and Ask, which the other process executes: see
// [store.Options.Delegate]. Posts are written with [WritePost]. The error is of kind [feed.ErrUnavailable] if no
// process has the store open.
func Connect(ctx context.Context, data string, log *slog.Logger) (*store.Client, error) {
	if _, err := os.Stat(socketPath(data)); err != nil {
		return nil, fmt.Errorf("embedded store: %w: %w", feed.ErrUnavailable, err)
	}
	client, err := store.Open(store.Options{URL: socketURL(data), Delegate: true, Logger: log})
	if err != nil {
		return nil, fmt.Errorf("embedded store: %w", err)
	}
	// A process that was killed leaves its socket behind.
	if err := client.Ping(ctx); err != nil {
		return nil, fmt.Errorf("embedded store: %w", errors.Join(err, client.Close()))
	}
	return client, nil
}

// startRedis starts the in-process server, without a listener: this process connects with dial, and other processes
// connect through the socket.
func (s *Store) startRedis() error {
	s.redis = miniredis.NewMiniRedis()
	// The first in-memory connection starts the server without a listener.
	first, err := s.redis.Dial()
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	if err := first.Close(); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	return nil
}

// dial connects to the in-process server.
func (s *Store) dial(context.Context) (net.Conn, error) {
	client, served := net.Pipe()
	s.redis.Server().ServeConn(newQueuedConn(served))
	return client, nil
}

// openClient returns a client of the in-process server.
func (s *Store) openClient(backing store.Backing) (*store.Client, error) {
	return store.Open(store.Options{
		URL: socketURL(s.o.Data), Dial: s.dial, Backing: backing, Logger: s.o.Logger, Local: s.streams,
		KeepReplaced: keepReplaced, Compress: true, ItemCache: itemCache,
		// The server is in this process: if it is slow, the whole machine is slow, and a short timeout would not help.
		DialTimeout: internalTimeout, ServeTimeout: internalTimeout, BuildTimeout: internalTimeout,
	})
}

// listen accepts connections from other processes on the socket. There is no TCP port and no password: the socket's
// permissions control access.
func (s *Store) listen() error {
	path := socketPath(s.o.Data)
	// A process that was killed leaves its socket behind. It is safe to remove, since this process holds the lock.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("socket: %w", err)
	}
	address, done, err := store.SocketAddress(path)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer done()
	l, err := net.Listen("unix", address)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if u, ok := l.(*net.UnixListener); ok {
		u.SetUnlinkOnClose(false) // when the listener closes, the address is no longer valid; the next Open removes the file
	}
	s.socket = l
	if err := os.Chmod(path, 0o600); err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	s.front = server.NewServerConn()
	s.front.SetPreHook(s.answer)
	s.accept.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // the listener is closed
			}
			s.front.ServeConn(newQueuedConn(conn))
		}
	})
	return nil
}

// answer replies to a command of another process. It always returns true, since the front server itself implements no
// commands.
func (s *Store) answer(c *server.Peer, cmd string, args ...string) bool {
	main := s.redis.Server()
	switch {
	case connectionCommand(cmd), !main.IsRegisteredCommand(cmd) && cmd != store.DelegateCommand:
		main.Dispatch(c, append([]string{cmd}, args...))
	case !s.ready.Load():
		c.WriteError(errLoading)
	case cmd == store.DelegateCommand:
		reply, err := s.client.Delegated(s.ctx, args)
		if err != nil {
			c.WriteError(err.Error())
			return true
		}
		c.WriteBulk(string(reply))
	case s.readCommand(cmd):
		main.Dispatch(c, append([]string{cmd}, args...))
	default:
		c.WriteError(errReadOnly)
	}
	return true
}

// connectionCommand reports whether a command concerns only the connection.
func connectionCommand(cmd string) bool {
	switch cmd {
	case "AUTH", "CLIENT", "COMMAND", "ECHO", "HELLO", "PING", "QUIT", "SELECT":
		return true
	}
	return false
}

// readCommand reports whether a command only reads. It returns false for transactions and scripts.
func (s *Store) readCommand(cmd string) bool {
	switch cmd {
	case "INFO", "MEMORY", "OBJECT", "TIME", "XINFO":
		return true // miniredis does not mark these commands as read-only
	case "EVAL_RO", "EVALSHA_RO", "GEORADIUS_RO", "GEORADIUSBYMEMBER_RO":
		return false // in miniredis, the last two commands can write with the STORE option
	}
	return s.redis.Server().IsReadOnlyCommand(cmd)
}

// expire advances the server's clock until ctx is done, so that leases and replaced documents expire.
func (s *Store) expire(ctx context.Context) error {
	last := time.Now()
	wait := expireTick
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		now := time.Now()
		s.advance(now.Sub(last))
		last = now
		wait = expireWait(time.Since(now))
	}
}

// advance advances the server's clock by the time that has passed, up to maxExpireStep: a machine that is too busy to
// advance the clock, or that was suspended, has not renewed leases either.
func (s *Store) advance(passed time.Duration) { s.redis.FastForward(min(passed, maxExpireStep)) }

// expireWait returns the time until the next advance of the clock. FastForward sorts all keys while holding the
// server's lock, so it is called less often if it takes long, as it does if there are many posts.
func expireWait(took time.Duration) time.Duration {
	return min(max(expireTick, 50*took), maxExpireStep)
}
