package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// These limits bound one transaction of Put, because other clients wait while it runs.
const (
	putPosts = 250
	putBytes = 2 << 20
)

// checkID returns an error of kind [feed.ErrInvalid] unless id is valid.
func checkID(id string) error {
	if err := feed.ValidatePostID(id); err != nil {
		return fmt.Errorf("post id: %w", err)
	}
	return nil
}

// Put writes raw posts with their inbox entries and replaces earlier versions, in batches, each in one transaction. If
// it returns nil, the server has acknowledged all of them. After an error, some of the posts may have been written; the
// call may be repeated. Put does not validate Raw; it is validated when the post is absorbed.
func (s *Site) Put(ctx context.Context, posts ...feed.RawPost) error {
	_, err := s.put(ctx, s.client.build, posts)
	return s.client.wrap("put", err)
}

// put implements Put on a client or on one connection, and reports which posts did not exist before.
func (s *Site) put(ctx context.Context, c transactor, posts []feed.RawPost) (created []bool, err error) {
	for _, p := range posts {
		if err := checkID(p.ID); err != nil {
			return nil, err
		}
	}
	for len(posts) > 0 {
		n, size := 0, 0
		for n < len(posts) && n < putPosts && (n == 0 || size+len(posts[n].Raw) <= putBytes) {
			size += len(posts[n].Raw)
			n++
		}
		batch, err := s.putBatch(ctx, c, posts[:n])
		if err != nil {
			return nil, err
		}
		s.client.poller.nudge(s.keys.inbox())
		created = append(created, batch...)
		posts = posts[n:]
	}
	return created, nil
}

// putBatch writes posts in one transaction.
func (s *Site) putBatch(ctx context.Context, c transactor, posts []feed.RawPost) (created []bool, err error) {
	changes := make([]PostChange, len(posts))
	for i, p := range posts {
		changes[i] = PostChange{ID: p.ID, Raw: p.Raw}
	}
	existed := make([]*redis.IntCmd, len(posts))
	err = s.writePosts(changes, nil, func() error {
		return transact(ctx, c, func(p redis.Pipeliner) error {
			for i, post := range posts {
				existed[i] = p.Exists(ctx, s.keys.post(post.ID))
				p.Set(ctx, s.keys.post(post.ID), packPost(post.Raw, s.client.compress), 0)
				p.XAdd(ctx, inboxEntry(s.keys, post.ID))
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	for _, n := range existed {
		created = append(created, n.Val() == 0)
	}
	return created, nil
}

// transactor runs transactions: a client or one of its connections.
type transactor interface {
	TxPipelined(ctx context.Context, add func(redis.Pipeliner) error) ([]redis.Cmder, error)
}

// transact runs commands in one transaction. If the server rejects a command, no command is executed, and transact
// returns the error of that command rather than EXECABORT.
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

// inboxEntry returns the inbox entry that every write of a post adds.
func inboxEntry(k keyspace, id string) *redis.XAddArgs {
	return &redis.XAddArgs{Stream: k.inbox(), Values: []string{"id", id}}
}

// Delete deletes a post. It adds an inbox entry even if the post does not exist: the entry marks the deletion as
// intended, even if the post had already been found missing. Delete may be repeated.
func (s *Site) Delete(ctx context.Context, id string) error {
	if err := checkID(id); err != nil {
		return fmt.Errorf("store delete: %w", err)
	}
	if s.client.owner != nil {
		_, err := s.delegate(ctx, s.client.buildTimeout, delegatedDelete, id)
		return s.client.wrap("delete", err)
	}
	err := s.writePosts([]PostChange{{ID: id, Delete: true}}, nil, func() error {
		return transact(ctx, s.client.build, func(p redis.Pipeliner) error {
			p.Del(ctx, s.keys.post(id))
			p.XAdd(ctx, inboxEntry(s.keys, id))
			return nil
		})
	})
	s.client.poller.nudge(s.keys.inbox())
	return s.client.wrap("delete", err)
}

// Post returns a raw post as it was written, or an error of kind [feed.ErrNotFound]. The caller owns the bytes.
func (s *Site) Post(ctx context.Context, id string) ([]byte, error) {
	raw, err := s.client.build.Get(ctx, s.keys.post(id)).Bytes()
	if err != nil {
		return nil, s.client.wrap(fmt.Sprintf("post %q", id), err)
	}
	return unpackPost(raw), nil
}

// RawPosts returns raw posts as they were written, in the order of ids, in one round trip. Raw is nil for posts that do
// not exist. The caller owns the bytes.
func (s *Site) RawPosts(ctx context.Context, ids ...string) ([]feed.RawPost, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	values, err := s.client.build.MGet(ctx, mapKeys(ids, s.keys.post)...).Result()
	if err != nil {
		return nil, s.client.wrap("raw posts", err)
	}
	posts := make([]feed.RawPost, len(ids))
	for i, id := range ids {
		posts[i].ID = id
		if stored, ok := values[i].(string); ok {
			posts[i].Raw = unpackPost([]byte(stored))
		}
	}
	return posts, nil
}

// updateTries limits the attempts of an update. An attempt fails only if another write of the post succeeded.
const updateTries = 16

// Update replaces a post with the result of next. next receives the current raw post, or nil if the post does not
// exist. It returns the new raw post, or nil to delete the post. If the post changes in the meantime, next is called
// again with the newer version, so it must not have side effects. If next returns an error, Update returns it unchanged
// and writes nothing. Each update adds an inbox entry.
//
// Confirmed reports whether the Redis replicas have the write or, without [Options.ConfirmTimeout], whether the
// server has it. An unconfirmed write has still been made; it is lost only if a replica that lacks it becomes the
// master.
func (s *Site) Update(
	ctx context.Context, id string, next func(current []byte) ([]byte, error),
) (confirmed bool, err error) {
	if err := checkID(id); err != nil {
		return false, fmt.Errorf("store update: %w", err)
	}
	key := s.keys.post(id)
	var nextErr error // the error returned by next, which Update returns unchanged
	try := func(tx *redis.Tx) error {
		stored, err := getPost(ctx, tx, key)
		if err != nil {
			return err
		}
		var current []byte
		if stored.exists {
			current = append([]byte{}, unpackPost([]byte(stored.value))...) // non-nil even if the post is empty
		}
		raw, err := next(current)
		if err != nil {
			nextErr = err
			return err
		}
		if err := s.replacePost(ctx, tx, id, stored, raw); err != nil {
			return err
		}
		s.client.poller.nudge(s.keys.inbox())
		confirmed = s.awaitReplicas(ctx, tx)
		return nil
	}
	for range updateTries {
		// Disable retries: a transaction that is repeated on another connection does not watch the key.
		err = s.client.once.Watch(ctx, try, key)
		if nextErr != nil {
			return false, nextErr
		}
		if !errors.Is(err, redis.TxFailedErr) {
			return confirmed, s.client.wrap(fmt.Sprintf("update post %q", id), err)
		}
	}
	return false, s.client.wrap(fmt.Sprintf("update post %q", id),
		fmt.Errorf("it changed during each of %d attempts: %w", updateTries, feed.ErrStale))
}

// storedPost is a post's value as it is stored.
type storedPost struct {
	value  string
	exists bool
}

func getPost(ctx context.Context, tx *redis.Tx, key string) (storedPost, error) {
	value, err := tx.Get(ctx, key).Result()
	if errors.Is(err, redis.Nil) {
		return storedPost{}, nil
	}
	return storedPost{value, err == nil}, err
}

// replacePost writes a post, or deletes it if raw is nil, on the connection that watches its key. If the post has
// changed since it was read, nothing is written and the error is [redis.TxFailedErr].
func (s *Site) replacePost(ctx context.Context, tx *redis.Tx, id string, read storedPost, raw []byte) error {
	key := s.keys.post(id)
	// A backing writes its files before the transaction, so the transaction must not fail because the post has changed.
	// No post changes while the backing writes, so it is safe to compare the value here and then stop watching the key.
	check := func() error {
		now, err := getPost(ctx, tx, key)
		if err != nil {
			return err
		}
		if now != read {
			return redis.TxFailedErr
		}
		return tx.Unwatch(ctx).Err()
	}
	return s.writePosts([]PostChange{{ID: id, Raw: raw, Delete: raw == nil}}, check, func() error {
		return transact(ctx, tx, func(p redis.Pipeliner) error {
			if raw == nil {
				p.Del(ctx, key)
			} else {
				p.Set(ctx, key, packPost(raw, s.client.compress), 0)
			}
			p.XAdd(ctx, inboxEntry(s.keys, id))
			return nil
		})
	})
}

// PutConfirmed is like Put, and waits for the replicas as [Site.Update] does. Created has an element for each post,
// which reports whether the post did not exist before. It may be false for a new post if the connection failed and the
// write was repeated.
func (s *Site) PutConfirmed(ctx context.Context, posts ...feed.RawPost) (created []bool, confirmed bool, err error) {
	if s.client.confirm == 0 {
		created, err := s.put(ctx, s.client.build, posts)
		return created, err == nil, s.client.wrap("put", err)
	}
	err = s.client.once.Watch(ctx, func(tx *redis.Tx) error {
		if created, err = s.put(ctx, tx, posts); err != nil {
			return err
		}
		confirmed = s.awaitReplicas(ctx, tx)
		return nil
	}, s.keys.absent())
	return created, confirmed, s.client.wrap("put", err)
}

// awaitReplicas waits until all connected replicas have the writes of the connection. It returns true only if at least
// one replica is connected, all connected replicas have the writes, and no replica has disconnected within the last
// [replicaGrace]. Errors are logged and count as unconfirmed, since the write itself has been acknowledged.
func (s *Site) awaitReplicas(ctx context.Context, tx *redis.Tx) bool {
	if s.client.confirm == 0 {
		return true
	}
	connected, err := connectedReplicas(ctx, tx)
	if err != nil {
		s.client.log.Warn("number of replicas unknown; the write is not confirmed", "error", err)
		return false
	}
	want := s.client.replicas.required(feed.SiteID(s.keys), connected, s.client.now())
	if connected == 0 || connected < want {
		return false // waiting for a replica to connect would delay every write by the timeout
	}
	got, err := tx.Wait(ctx, want, s.client.confirm).Result()
	if err != nil {
		s.client.log.Warn("waiting for the replicas failed; the write is not confirmed", "error", err)
		return false
	}
	return got >= int64(want)
}

func connectedReplicas(ctx context.Context, tx *redis.Tx) (int, error) {
	text, err := tx.Info(ctx, "replication").Bytes()
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(text) {
		if n, ok := bytes.CutPrefix(line, []byte("connected_slaves:")); ok {
			return strconv.Atoi(string(bytes.TrimSpace(n)))
		}
	}
	return 0, nil
}
