package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"feedpub/feed"
	"feedpub/store"
)

const (
	// ownFolder is the store's part of the data folder, readable by its owner only: who can open the socket can write.
	ownFolder = "store"

	internalTimeout = 30 * time.Second
	expireTick      = time.Second
)

// Socket returns the path of the unix socket on which a store that has the data folder open listens. Only the user who
// runs it can open it.
func Socket(data string) string { return filepath.Join(data, ownFolder, "redis.sock") }

// URL returns the URL under which other processes reach the store that has the data folder open: see
// [store.Options.URL].
func URL(data string) string {
	path := Socket(data)
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	return (&url.URL{Scheme: "unix", Path: filepath.ToSlash(path)}).String()
}

// listen starts the server and lets connections in through the socket alone. It has no TCP port, so that no password is
// needed: the file system says who may come in.
func (s *Store) listen() error {
	path := Socket(s.o.Data)
	// Left by a process that was killed; this one has the lock.
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
		u.SetUnlinkOnClose(false) // the address may be good no longer; the next Open removes the file
	}
	s.socket = l
	if err := os.Chmod(path, 0o600); err != nil {
		return fmt.Errorf("socket: %w", err)
	}

	s.redis = miniredis.NewMiniRedis()
	// The first in-memory connection starts the server without a listener of its own. Others are not made that way: a
	// pipe without a buffer stands still when both ends write.
	first, err := s.redis.Dial()
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	if err := first.Close(); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	srv := s.redis.Server()
	if err := srv.Register("WAITAOF", s.waitAOF); err != nil {
		return fmt.Errorf("start: %w", err)
	}
	srv.SetPreHook(func(c *server.Peer, cmd string, args ...string) bool { return s.intercept(c, cmd, args) })
	s.accept.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return // closed
			}
			srv.ServeConn(newQueuedConn(conn))
		}
	})
	return nil
}

// waitAOF is the command by which clients wait until what they changed is on the disk. Its answer is Redis's: how many
// local and replicas' files have it.
func (s *Store) waitAOF(c *server.Peer, _ string, _ []string) {
	ctx, cancel := context.WithTimeout(context.Background(), internalTimeout)
	defer cancel()
	if err := s.disk.drain(ctx); err != nil {
		s.o.Logger.Error("records could not be written to the disk", "error", err)
		// MISCONF is what Redis says when it can't persist, and what clients know as a state to wait for.
		c.WriteError("MISCONF records could not be written to the disk")
		return
	}
	c.WriteLen(2)
	c.WriteInt(1)
	c.WriteInt(0)
}

// intercept sees every command before the server does, and reports whether it has answered it. Posts that a client
// writes or deletes, from this process or another, become files first: when the server then acknowledges the command,
// the file is on the disk.
func (s *Store) intercept(c *server.Peer, cmd string, args []string) bool {
	// Names are set when a connection is made, before any other command; nobody else can guess this one.
	if c.ClientName == s.name {
		return false
	}
	switch cmd {
	case "HELLO", "AUTH", "CLIENT", "PING", "QUIT", "SELECT":
		return false
	}
	// A script's own commands come without a name: the script itself was let in.
	loading := !s.ready.Load()
	if loading && c.ClientName != "" {
		return s.refuse(c, "LOADING the folder of posts is being read")
	}
	switch cmd {
	case "FLUSHALL", "FLUSHDB", "SWAPDB":
		return s.refuse(c, "ERR the folder of posts is the source of truth; remove its files to remove posts")
	case "MULTI":
		s.begin(c)
	case "WATCH":
		s.watch(c, args)
	case "UNWATCH":
		s.unwatch(c)
	case "DISCARD":
		s.take(c)
		s.unwatch(c)
	case "EXEC":
		return s.exec(c)
	case "SET", "DEL", "UNLINK":
		if len(args) == 0 || !strings.HasPrefix(args[0], store.PostPrefix(s.o.Site)) {
			return false
		}
		if loading {
			return s.refuse(c, "LOADING the folder of posts is being read")
		}
		w := write{id: strings.TrimPrefix(args[0], store.PostPrefix(s.o.Site)), remove: cmd != "SET"}
		if !w.remove && len(args) > 1 {
			w.raw = store.Unpack([]byte(args[1]))
		}
		if s.queue(c, w) {
			return false
		}
		s.writing.Lock()
		defer s.writing.Unlock()
		if err := s.folderWrite([]write{w}); err != nil {
			return s.refuse(c, s.reason(err))
		}
		s.pass(c, append([]string{cmd}, args...))
		return true
	}
	return false
}

// exec ends a client's transaction: first in the folder, then in the server, unless a post that it watches has changed.
func (s *Store) exec(c *server.Peer) bool {
	writes, watched := s.take(c), s.unwatch(c)
	if len(writes) == 0 {
		return false
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	for key, was := range watched {
		if s.stored(key) != was {
			s.redis.Server().Dispatch(s.shadow(c), []string{"DISCARD"})
			c.WriteLen(-1) // as the server itself says it
			return true
		}
	}
	if err := s.folderWrite(writes); err != nil {
		// The transaction ends here, and none of it is done.
		s.redis.Server().Dispatch(s.shadow(c), []string{"DISCARD"})
		c.WriteError(s.reason(err))
		return true
	}
	s.pass(c, []string{"EXEC"})
	return true
}

// pass gives the server a client's command that was looked at already.
func (s *Store) pass(c *server.Peer, args []string) {
	name := c.ClientName
	c.ClientName = s.name
	defer func() { c.ClientName = name }()
	s.redis.Server().Dispatch(c, args)
}

// watchedPost is a post's value when a client began to watch it.
type watchedPost struct {
	value  string
	exists bool
}

func (s *Store) stored(key string) watchedPost {
	value, err := s.redis.Get(key)
	return watchedPost{value, err == nil}
}

// watch and unwatch keep what clients watch. A post that changes and changes back counts as unchanged here, and as
// changed in the server: the client tries again then, and its file is written again.

func (s *Store) watch(c *server.Peer, keys []string) {
	now := map[string]watchedPost{}
	for _, key := range keys {
		if strings.HasPrefix(key, store.PostPrefix(s.o.Site)) {
			now[key] = s.stored(key)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(now, s.watched[c]) // what was watched first counts
	s.watched[c] = now
	s.leaves(c)
}

func (s *Store) unwatch(c *server.Peer) map[string]watchedPost {
	s.mu.Lock()
	defer s.mu.Unlock()
	watched := s.watched[c]
	delete(s.watched, c)
	return watched
}

// leaves sees to it that nothing is kept of a client that is gone. The caller holds mu.
func (s *Store) leaves(c *server.Peer) {
	if s.peers[c] {
		return
	}
	s.peers[c] = true
	c.OnDisconnect(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.queued, c)
		delete(s.watched, c)
		delete(s.peers, c)
	})
}

// write is what a client does to a post.
type write struct {
	id     string
	raw    []byte
	remove bool
}

// begin, queue and take keep what clients do in transactions until EXEC, so that many posts go to the disk together.

func (s *Store) begin(c *server.Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.queued[c]; !ok {
		s.queued[c] = nil
		s.leaves(c)
	}
}

// queue reports whether the client is in a transaction, in which w then waits.
func (s *Store) queue(c *server.Peer, w write) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	queued, ok := s.queued[c]
	if ok {
		s.queued[c] = append(queued, w)
	}
	return ok
}

func (s *Store) take(c *server.Peer) []write {
	s.mu.Lock()
	defer s.mu.Unlock()
	queued := s.queued[c]
	delete(s.queued, c)
	return queued
}

// folderWrite writes to the folder what a client is about to be told is done.
func (s *Store) folderWrite(writes []write) error {
	if len(writes) == 0 {
		return nil
	}
	return s.folder.apply(writes)
}

// reason returns the error by which a client learns that the folder did not take a post.
func (s *Store) reason(err error) string {
	if errors.Is(err, feed.ErrInvalid) {
		return store.InvalidCode + " " + oneLine(err)
	}
	s.o.Logger.Error("posts could not be written to the folder", "error", err)
	return "MISCONF posts could not be written to the folder: " + oneLine(err)
}

// oneLine returns an error's text as the protocol can carry it.
func oneLine(err error) string {
	return strings.NewReplacer("\r", " ", "\n", " ").Replace(err.Error())
}

// refuse answers a command with an error. Within a transaction it sees to it that the rest isn't done either, which
// only the server's own commands can do: so one is given to it that is wrong.
func (s *Store) refuse(c *server.Peer, reason string) bool {
	s.redis.Server().Dispatch(s.shadow(c), []string{"GET"})
	s.mu.Lock()
	if _, ok := s.queued[c]; ok {
		s.queued[c] = nil // and what it has queued so far is not written
	}
	s.mu.Unlock()
	c.WriteError(reason)
	return true
}

// shadow returns a peer in the place of c whose answers nobody hears.
func (s *Store) shadow(c *server.Peer) *server.Peer {
	p := server.NewPeer(bufio.NewWriter(io.Discard))
	p.Ctx, p.ClientName = c.Ctx, s.name
	return p
}

// expire tells the server that time passes, without which no lease lapses and no replaced document is forgotten.
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
		s.redis.FastForward(now.Sub(last))
		last = now
		// It sorts all keys under the server's lock: with very many posts it is called less often.
		wait = max(expireTick, 50*time.Since(now))
	}
}
