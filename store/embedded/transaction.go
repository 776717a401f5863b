package embedded

import (
	"maps"
	"strings"

	"github.com/alicebob/miniredis/v2/server"

	"feedpub/store"
)

// transaction is what a client does between MULTI and EXEC, so that many posts go to the disk together, and none does
// of a transaction that the server will not execute. Only the goroutine that serves the client uses it.
type transaction struct {
	writes []write
	failed bool // a command was answered with an error: EXEC executes nothing
}

// write is what a client does to a post.
type write struct {
	id     string
	raw    []byte
	remove bool
}

// transaction returns the one that a client is in, or nil.
func (s *Store) transaction(c *server.Peer) *transaction {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queued[c]
}

// begin notes that the server has begun a client's transaction.
func (s *Store) begin(c *server.Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queued[c] = &transaction{}
	s.leaves(c)
}

// end notes that a client's transaction has ended, with which its watching ends too.
func (s *Store) end(c *server.Peer) watching {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.queued, c)
	return s.unwatchLocked(c)
}

// enqueue answers a command of a client that is in a transaction. Only the server knows which it takes.
func (s *Store) enqueue(c *server.Peer, tx *transaction, cmd string, args []string) {
	switch cmd {
	case "EXEC":
		if len(args) == 0 {
			s.exec(c, tx)
			return
		}
	case "UNWATCH":
		s.unwatch(c) // miniredis doesn't wait for EXEC with it
	}
	if !s.relay(c, cmd, args) {
		tx.failed = true
		return
	}
	if cmd == "DISCARD" {
		s.end(c)
		return
	}
	if writes, ok := s.writes(cmd, args); ok {
		tx.writes = append(tx.writes, writes...)
	}
}

// exec ends a client's transaction: first in the folder, then in the server, unless something that it watches has
// changed. Nothing else changes a post in between: the folder's own changes are made under its lock too.
func (s *Store) exec(c *server.Peer, tx *transaction) {
	watched := s.end(c)
	if tx.failed {
		// Not all that is refused here is wrong for the server, so it is given what is.
		s.shadow(c).do(s.server(), "GET")
		s.pass(c, "EXEC")
		return
	}
	if len(tx.writes) == 0 {
		s.pass(c, "EXEC")
		return
	}
	discard := func() { s.shadow(c).do(s.server(), "DISCARD") }
	if watched.others {
		discard()
		c.WriteError("ERR a transaction that writes posts can watch posts only")
		return
	}
	s.folder.mu.Lock()
	defer s.folder.mu.Unlock()
	for key, was := range watched.posts {
		if s.stored(key) != was {
			discard()
			c.WriteLen(-1) // as the server itself says it
			return
		}
	}
	if err := s.folder.apply(tx.writes); err != nil {
		discard()
		c.WriteError(s.reason(err))
		return
	}
	s.pass(c, "EXEC")
}

// writes returns what a command that the server takes does to the folder's posts; false if nothing.
func (s *Store) writes(cmd string, args []string) (writes []write, ok bool) {
	if cmd != "SET" && cmd != "DEL" && cmd != "UNLINK" {
		return nil, false
	}
	for _, key := range writtenKeys(cmd, args) {
		_, id, ok := store.ParsePostKey(key)
		switch {
		case !ok:
		case cmd != "SET":
			writes = append(writes, write{id: id, remove: true})
		case len(args) == 2:
			writes = append(writes, write{id: id, raw: store.UnpackPost([]byte(args[1]))})
		}
	}
	return writes, len(writes) > 0
}

// writtenKeys returns the keys that a command may write to, or more. Those that it only reads may be left out.
func writtenKeys(cmd string, args []string) []string {
	between := func(from, to int) []string { return args[min(from, len(args)):min(to, len(args))] }
	switch cmd {
	case "EVAL", "EVALSHA", "SCRIPT", "PUBLISH", "ECHO", "WATCH":
		return nil // what a script writes is looked at when it does
	case "DEL", "UNLINK", "GEORADIUS", "GEORADIUSBYMEMBER": // the latter's may stand anywhere, after STORE
		return args
	case "MSET", "MSETNX":
		var keys []string
		for i := 0; i < len(args); i += 2 {
			keys = append(keys, args[i])
		}
		return keys
	case "RENAME", "RENAMENX", "COPY", "SMOVE", "RPOPLPUSH", "BRPOPLPUSH", "LMOVE", "BLMOVE":
		return between(0, 2)
	case "BITOP", "XGROUP": // the first is what to do
		return between(1, 2)
	}
	return between(0, 1)
}

// watching is what a client watches.
type watching struct {
	posts  map[string]watchedPost // by key
	others bool                   // and keys that are no posts
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
	now := watching{posts: map[string]watchedPost{}}
	for _, key := range keys {
		if strings.HasPrefix(key, store.PostKeyPrefix(s.o.Site)) {
			now.posts[key] = s.stored(key)
		} else {
			now.others = true
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.watched[c]
	maps.Copy(now.posts, before.posts) // what was watched first counts
	now.others = now.others || before.others
	s.watched[c] = now
	s.leaves(c)
}

func (s *Store) unwatch(c *server.Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unwatchLocked(c)
}

// unwatchLocked is unwatch for callers that hold mu. It returns what was watched.
func (s *Store) unwatchLocked(c *server.Peer) watching {
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
