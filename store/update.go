package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// updateTries is how often an update begins again because the post changed under it. Each time means that somebody
// else's write went through.
const updateTries = 16

// Update changes one post depending on what it is: next gets the raw post as it is stored, nil if there is none, and
// returns what is to be stored in its place, nil to delete it. If the post changes meanwhile, next is called again with
// the newer version; so no write of another is overwritten unseen, and next must have no effects of its own. An error
// of next ends the update and is returned as it is; nothing is written then. Every update leaves an inbox entry.
//
// Confirmed says that the replicas have the write too; without [Options.ConfirmTimeout], that the server has. A write that is
// not confirmed is made all the same, and lost only if a replica that lacks it takes over.
func (s *Site) Update(ctx context.Context, id string, next func(current []byte) ([]byte, error)) (confirmed bool, err error) {
	if err := checkID(id); err != nil {
		return false, fmt.Errorf("store update: %w", err)
	}
	key := s.keys.post(id)
	// What next says is for the caller, who knows its kinds.
	var refused error
	try := func(tx *redis.Tx) error {
		stored, err := tx.Get(ctx, key).Bytes()
		if err != nil && !errors.Is(err, redis.Nil) {
			return err
		}
		var current []byte
		if err == nil {
			current = append([]byte{}, UnpackPost(stored)...) // not nil, even if empty
		}
		raw, err := next(current)
		if err != nil {
			refused = err
			return err
		}
		var packed []byte
		if raw != nil {
			if packed, err = packPost(raw, s.client.squeeze); err != nil {
				return err
			}
		}
		err = transact(ctx, tx, func(p redis.Pipeliner) error {
			if raw == nil {
				p.Del(ctx, key)
			} else {
				p.Set(ctx, key, packed, 0)
			}
			p.XAdd(ctx, inboxEntry(s.keys, id))
			return nil
		})
		if err != nil {
			return err
		}
		s.client.waits.nudge(s.keys.inbox())
		confirmed = s.awaitReplicas(ctx, tx)
		return nil
	}
	for range updateTries {
		// Without retries: a transaction that is sent again on another connection watches nothing.
		err = s.client.once.Watch(ctx, try, key)
		if refused != nil {
			return false, refused
		}
		if !errors.Is(err, redis.TxFailedErr) {
			return confirmed, s.client.wrap(fmt.Sprintf("update post %q", id), err)
		}
	}
	return false, s.client.wrap(fmt.Sprintf("update post %q", id),
		fmt.Errorf("it changed %d times meanwhile: %w", updateTries, feed.ErrStale))
}

// PutConfirmed is Put that waits for the replicas as [Site.Update] does: on the connection that wrote.
func (s *Site) PutConfirmed(ctx context.Context, posts ...feed.RawPost) (confirmed bool, err error) {
	if s.client.confirm == 0 {
		err := s.Put(ctx, posts...)
		return err == nil, err
	}
	err = s.client.once.Watch(ctx, func(tx *redis.Tx) error {
		if err := s.put(ctx, tx, posts); err != nil {
			return err
		}
		confirmed = s.awaitReplicas(ctx, tx)
		return nil
	}, s.keys.nothing())
	return confirmed, s.client.wrap("put", err)
}

// awaitReplicas waits until all replicas that are connected have what was written on the connection, at least one, and
// reports whether they do. An error, too, means that nothing is confirmed: the write itself is acknowledged.
func (s *Site) awaitReplicas(ctx context.Context, tx *redis.Tx) bool {
	if s.client.confirm == 0 {
		return true
	}
	want, err := connectedReplicas(ctx, tx)
	if err != nil {
		s.client.log.Warn("the server does not tell how many replicas it has", "error", err)
		return false
	}
	if want == 0 {
		return false // waiting for one to come would make every write as slow as it may be
	}
	got, err := tx.Wait(ctx, want, s.client.confirm).Result()
	if err != nil {
		s.client.log.Warn("no answer from the replicas", "error", err)
		return false
	}
	return got >= int64(want)
}

// connectedReplicas returns how many replicas the server has now.
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
