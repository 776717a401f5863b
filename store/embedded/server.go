package embedded

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
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
	err := s.disk.drain(ctx)
	switch failed := err != nil; {
	case s.undrained.Swap(failed) == failed: // said already
	case failed:
		s.o.Logger.Error("records can't be written to the disk; nothing new is published until they can", "error", err)
	default:
		s.o.Logger.Info("records are written to the disk again")
	}
	if err != nil {
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
// the file is on the disk. What would change a post in the server alone is refused.
func (s *Store) intercept(c *server.Peer, cmd string, args []string) bool {
	// Names are set when a connection is made, before any other command; nobody else can guess this one.
	if c.ClientName == s.name {
		return false
	}
	tx := s.transaction(c)
	if reason := s.refusal(c, tx, cmd, args); reason != "" {
		return s.refuse(c, tx, reason)
	}
	if tx != nil {
		s.enqueue(c, tx, cmd, args)
		return true
	}
	switch cmd {
	case "MULTI":
		if s.relay(c, cmd, args) {
			s.begin(c)
		}
		return true
	case "WATCH":
		// Noted first: a change that comes between is then found twice, and not missed.
		s.watch(c, args)
	case "UNWATCH":
		s.unwatch(c)
	default:
		writes, ok := s.writes(cmd, args)
		if !ok {
			return false
		}
		s.folder.mu.Lock()
		defer s.folder.mu.Unlock()
		if err := s.folder.apply(writes); err != nil {
			return s.refuse(c, nil, s.reason(err))
		}
		s.pass(c, cmd, args...)
		return true
	}
	return false
}

// refusal returns the error with which a command is answered that can't be let in, or "".
func (s *Store) refusal(c *server.Peer, tx *transaction, cmd string, args []string) string {
	switch cmd {
	case "HELLO", "AUTH", "CLIENT", "PING", "QUIT":
		return ""
	case "SELECT":
		if len(args) == 1 && args[0] != "0" {
			return "ERR DB index is out of range" // as Redis says it: the folder is the first one, and the only one
		}
		return ""
	case "FLUSHALL", "FLUSHDB", "SWAPDB":
		return "ERR the folder of posts is the source of truth; remove its files to remove posts"
	}
	const loading = "LOADING the folder of posts is being read"
	// A script's own commands come without a name: the script itself was let in.
	if !s.ready.Load() && c.ClientName != "" {
		return loading
	}
	if s.server().IsReadOnlyCommand(cmd) {
		return ""
	}
	for _, key := range writtenKeys(cmd, args) {
		site, _, ok := store.ParsePostKey(key)
		switch {
		case !ok:
		case site != s.o.Site: // it would be in no file
			return fmt.Sprintf("%s this folder holds the posts of site %s, not of %q", store.InvalidCode, s.o.Site, site)
		case !s.ready.Load():
			return loading
		case cmd == "SET" && len(args) > 2:
			return store.InvalidCode + " a post is written by SET without options"
		case cmd != "SET" && cmd != "DEL" && cmd != "UNLINK":
			return store.InvalidCode + " posts are files here: they are written by SET and deleted by DEL, not changed by " + cmd
		case tx == nil && s.inScript(c):
			return store.InvalidCode + " posts are files here: they are written and deleted by clients, not by scripts"
		}
	}
	return ""
}

// inScript reports whether c stands for a script that calls commands, and not for a client; c is in no transaction. A
// script can't end one, and is told so before it could be told that there is none.
func (s *Store) inScript(c *server.Peer) bool {
	return !strings.Contains(s.shadow(c).do(s.server(), "EXEC"), "EXEC without MULTI")
}

// server returns the part of miniredis that takes commands.
func (s *Store) server() *server.Server { return s.redis.Server() }

// pass gives the server a client's command that was looked at already.
func (s *Store) pass(c *server.Peer, cmd string, args ...string) {
	name := c.ClientName
	c.ClientName = s.name
	defer func() { c.ClientName = name }()
	s.server().Dispatch(c, append([]string{cmd}, args...))
}

// relay gives the server a client's command as pass does, and reports whether its answer was not an error.
func (s *Store) relay(c *server.Peer, cmd string, args []string) bool {
	p := s.shadow(c)
	answer := p.do(s.server(), cmd, args...)
	// What commands change of a peer rather than in the server.
	c.Ctx, c.Resp3 = p.peer.Ctx, p.peer.Resp3
	if p.peer.ClientName != s.name {
		c.ClientName = p.peer.ClientName
	}
	if p.peer.Closed() {
		c.Close()
	}
	c.WriteRaw(answer)
	return !strings.HasPrefix(answer, "-")
}

// shadow stands in the place of a client: the server takes its commands for the client's, and who gives them hears the
// answers.
type shadow struct {
	peer   *server.Peer
	answer *bytes.Buffer
}

func (s *Store) shadow(c *server.Peer) shadow {
	var b bytes.Buffer
	p := server.NewPeer(bufio.NewWriterSize(&b, 64))
	p.Ctx, p.ClientName, p.Resp3 = c.Ctx, s.name, c.Resp3
	return shadow{peer: p, answer: &b}
}

// do gives the server a command and returns its answer as it goes over the wire.
func (p shadow) do(srv *server.Server, cmd string, args ...string) string {
	p.answer.Reset()
	srv.Dispatch(p.peer, append([]string{cmd}, args...))
	p.peer.Flush()
	return p.answer.String()
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

// refuse answers a command with an error; if it was meant for a transaction, the rest isn't done either.
func (s *Store) refuse(c *server.Peer, tx *transaction, reason string) bool {
	if tx != nil {
		tx.failed = true
	}
	c.WriteError(reason)
	return true
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
