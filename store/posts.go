package store

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// Bounds of one transaction of Put: other clients wait while it runs.
const (
	putPosts = 250
	putBytes = 2 << 20
	scanKeys = 1000
)

// checkID returns nil for an id that a post may have, else an error of kind [feed.ErrInvalid].
func checkID(id string) error {
	if err := feed.ValidatePostID(id); err != nil {
		return fmt.Errorf("post id: %w", err)
	}
	return nil
}

// Put writes raw posts, new or in place of earlier versions, each with its inbox entry, in batches that are written
// whole or not at all. When it returns nil the server has acknowledged all of them. After an error some may be
// written; repeating the call does no harm. Raw is not read: whether it is a post shows when it is absorbed.
func (s *Site) Put(ctx context.Context, posts ...feed.RawPost) error {
	return s.wrap("put", s.put(ctx, s.build, posts))
}

// put is Put on a client or a connection.
func (s *Site) put(ctx context.Context, c transactor, posts []feed.RawPost) error {
	for _, p := range posts {
		if err := checkID(p.ID); err != nil {
			return err
		}
	}
	for len(posts) > 0 {
		n, size := 0, 0
		for n < len(posts) && n < putPosts && (n == 0 || size+len(posts[n].Raw) <= putBytes) {
			size += len(posts[n].Raw)
			n++
		}
		var failed error
		err := transact(ctx, c, func(p redis.Pipeliner) error {
			for _, post := range posts[:n] {
				raw, err := packPost(post.Raw, s.squeeze)
				if err != nil {
					failed = fmt.Errorf("post %q: %w", post.ID, err)
					return failed
				}
				p.Set(ctx, s.keys.post(post.ID), raw, 0)
				p.XAdd(ctx, inboxEntry(s.keys, post.ID))
			}
			return nil
		})
		if failed != nil {
			err = failed
		}
		if err != nil {
			return err
		}
		s.waits.nudge(s.keys.inbox())
		posts = posts[n:]
	}
	return nil
}

// transactor is what runs a transaction: a client, or one connection of it.
type transactor interface {
	TxPipelined(ctx context.Context, add func(redis.Pipeliner) error) ([]redis.Cmder, error)
}

// transact runs commands as one transaction. If the server refused one, so that none is done, the error is the reason
// and not only that there was one.
func transact(ctx context.Context, c transactor, add func(redis.Pipeliner) error) error {
	cmds, err := c.TxPipelined(ctx, add)
	if err != nil && strings.HasPrefix(err.Error(), "EXECABORT ") {
		for _, cmd := range cmds {
			if cause := cmd.Err(); cause != nil && !strings.HasPrefix(cause.Error(), "EXECABORT ") {
				return cause
			}
		}
	}
	return err
}

// inboxEntry is what writers in any language add.
func inboxEntry(k keyspace, id string) *redis.XAddArgs {
	return &redis.XAddArgs{Stream: k.inbox(), Values: []string{"id", id}}
}

// Delete deletes a post. The inbox entry is added even if there is no such post: it is what makes the deletion an
// explicit one, and confirms that of a post that went missing. Repeating it does no harm.
func (s *Site) Delete(ctx context.Context, id string) error {
	if err := checkID(id); err != nil {
		return fmt.Errorf("store delete: %w", err)
	}
	err := transact(ctx, s.build, func(p redis.Pipeliner) error {
		p.Del(ctx, s.keys.post(id))
		p.XAdd(ctx, inboxEntry(s.keys, id))
		return nil
	})
	s.waits.nudge(s.keys.inbox())
	return s.wrap("delete", err)
}

// Post returns a raw post as it came, or an error of kind [feed.ErrNotFound]. The caller owns the bytes.
func (s *Site) Post(ctx context.Context, id string) ([]byte, error) {
	raw, err := s.build.Get(ctx, s.keys.post(id)).Bytes()
	if err != nil {
		return nil, s.wrap(fmt.Sprintf("post %q", id), err)
	}
	return Unpack(raw), nil
}

// PostIDs returns the ids of all posts in batches of any size and in no order. A post that exists during the whole
// walk comes at least once, perhaps more often; one that comes or goes meanwhile may or may not. After an error the
// walk ends: then it says nothing about what is missing.
func (s *Site) PostIDs(ctx context.Context) iter.Seq2[[]string, error] {
	return s.scan(ctx, "post ids", s.keys.post(""))
}

// ItemIDs returns the ids of all ready items as PostIDs does those of posts.
func (s *Site) ItemIDs(ctx context.Context) iter.Seq2[[]string, error] {
	return s.scan(ctx, "item ids", s.keys.item(""))
}

// scan walks the keys with a prefix and gives what follows it. The last step is to see that it was one server, and that
// server the master of the site's slot all the time: after a failover or a restart keys may have been left out.
func (s *Site) scan(ctx context.Context, op, prefix string) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		more := true
		err := s.walk(ctx, prefix, func(keys []string) bool {
			for i := range keys {
				keys[i] = strings.TrimPrefix(keys[i], prefix)
			}
			more = yield(keys, nil)
			return more
		})
		if err != nil && more {
			yield(nil, s.wrap(op, err))
		}
	}
}

// walk gives all keys with a prefix, in batches, until give returns false.
func (s *Site) walk(ctx context.Context, prefix string, give func([]string) bool) error {
	m, err := s.master(ctx, s.build)
	if err != nil {
		return err
	}
	before, err := s.incarnation(ctx, m)
	if err != nil {
		return err
	}
	for cursor := uint64(0); ; {
		// A site's id has no character with a meaning in patterns.
		keys, next, err := m.Scan(ctx, cursor, prefix+"*", scanKeys).Result()
		if err != nil {
			return err
		}
		// miniredis gives all keys at once.
		for batch := range slices.Chunk(keys, scanKeys) {
			if !give(batch) {
				return nil
			}
		}
		if cursor = next; cursor == 0 {
			break
		}
	}
	after, err := s.incarnation(ctx, m)
	if err == nil && before != after {
		err = fmt.Errorf("another server took over during the walk: %w", feed.ErrUnavailable)
	}
	return err
}
