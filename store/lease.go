package store

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// Acquire takes the lease of a job for ttl and returns a fencing token, or an error of kind [feed.ErrLocked] that names
// the holder. The token is greater than any that the store has given out or seen, than seen (the greatest that replicas
// know of), and at least now: a server that lost its data can't lock a builder out. Owner must be unique to the
// process. The holder itself may acquire again, for a new token.
//
// A lease is for economy; it may lapse while its holder works. Correctness comes from the token.
func (s *Site) Acquire(
	ctx context.Context, job, owner string, ttl time.Duration, now time.Time, seen feed.Token,
) (feed.Token, error) {
	if s.client.owner != nil {
		return 0, s.client.wrap("acquire "+job, s.delegatedLease(ctx, job))
	}
	reply, err := s.unhurried(ctx, acquireSource, []string{s.keys.lease(job), s.keys.token()},
		owner, ttl.Milliseconds(), now.UnixMilli(), int64(seen))
	if err == nil && len(reply) != 2 {
		// Without this the caller would go on to build with a token that fences nobody.
		err = fmt.Errorf("script answered %q: want two words", reply)
	}
	if err != nil {
		return 0, s.client.wrap("acquire "+job, err)
	}
	if reply[0] == "locked" {
		return 0, s.client.wrap("acquire "+job, fmt.Errorf("held by %s: %w", reply[1], feed.ErrLocked))
	}
	token, err := strconv.ParseInt(reply[1], 10, 64)
	return feed.Token(token), s.client.wrap("acquire "+job, err)
}

// Renew prolongs the lease of a job to ttl from now, or returns an error of kind [feed.ErrLocked] if it has lapsed or
// is another's: then it must be acquired anew.
func (s *Site) Renew(ctx context.Context, job, owner string, ttl time.Duration) error {
	reply, err := s.unhurried(ctx, renewSource, []string{s.keys.lease(job)}, owner, ttl.Milliseconds())
	if err == nil && reply[0] == "locked" {
		holder := "nobody"
		if len(reply) == 2 && reply[1] != "" {
			holder = reply[1]
		}
		err = fmt.Errorf("lease has lapsed and is held by %s: %w", holder, feed.ErrLocked)
	}
	return s.client.wrap("renew "+job, err)
}

// Release gives up the lease of a job. One that has lapsed or is another's is no error and stays as it is.
func (s *Site) Release(ctx context.Context, job, owner string) error {
	return s.client.wrap("release "+job, run(ctx, s.client.build, releaseSource, []string{s.keys.lease(job)}, owner).Err())
}

// Holder returns who holds the lease of a job, and whether anybody does.
func (s *Site) Holder(ctx context.Context, job string) (string, bool, error) {
	owner, err := s.client.build.Get(ctx, s.keys.lease(job)).Result()
	if errors.Is(err, redis.Nil) {
		return "", false, nil
	}
	return owner, err == nil, s.client.wrap("holder of "+job, err)
}

// unhurried is words for what many sites do every second: among many it goes with the next round of polling.
func (s *Site) unhurried(ctx context.Context, source string, keys []string, args ...any) ([]string, error) {
	if !s.client.waits.crowded() {
		return words(ctx, s.client.build, source, keys, args...)
	}
	var reply *redis.Cmd
	if err := s.client.waits.ride(ctx, func(p redis.Pipeliner) {
		reply = redis.NewScript(source).EvalSha(ctx, p, keys, args...)
	}); err != nil {
		return nil, err
	}
	if redis.HasErrorPrefix(reply.Err(), "NOSCRIPT") { // which a pipeline does not mend by itself
		return words(ctx, s.client.build, source, keys, args...)
	}
	return wordsOf(reply)
}
