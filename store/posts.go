package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// Bounds of one transaction of Put: other clients wait while it runs.
const (
	putPosts = 250
	putBytes = 2 << 20
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
	return s.client.wrap("put", s.put(ctx, s.client.build, posts))
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
				raw, err := packPost(post.Raw, s.client.squeeze)
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
		s.client.waits.nudge(s.keys.inbox())
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
	err := transact(ctx, s.client.build, func(p redis.Pipeliner) error {
		p.Del(ctx, s.keys.post(id))
		p.XAdd(ctx, inboxEntry(s.keys, id))
		return nil
	})
	s.client.waits.nudge(s.keys.inbox())
	return s.client.wrap("delete", err)
}

// Post returns a raw post as it came, or an error of kind [feed.ErrNotFound]. The caller owns the bytes.
func (s *Site) Post(ctx context.Context, id string) ([]byte, error) {
	raw, err := s.client.build.Get(ctx, s.keys.post(id)).Bytes()
	if err != nil {
		return nil, s.client.wrap(fmt.Sprintf("post %q", id), err)
	}
	return UnpackPost(raw), nil
}
