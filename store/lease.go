package store

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// Acquire takes the lease of a job for ttl and returns a fencing token, or an error of kind [feed.ErrLocked] that names
// the holder. The token is greater than all tokens of the store and than seen, the greatest token known to replicas. It
// is at least now in Unix milliseconds, so that a server that lost its data does not issue older tokens. Owner must be
// unique to the process. The holder may acquire the lease again to get a new token. If the holder is bound to a
// process, owners that are bound to the same process may acquire the lease, and if the process is not alive, any owner
// may; see [feed.BoundOwner] and [Site.SetAlive].
//
// A lease only avoids duplicate work and may expire while its holder works. The token ensures correctness.
func (s *Site) Acquire(
	ctx context.Context, job, owner string, ttl time.Duration, now time.Time, seen feed.Token,
) (feed.Token, error) {
	if s.client.owner != nil {
		return 0, s.client.wrap("acquire "+job, s.delegatedLease(ctx, job))
	}
	s.lease.clear()
	reply, err := s.acquire(ctx, job, owner, "", ttl, now, seen)
	if err == nil && reply[0] == "locked" {
		if ok, readErr := s.replaceable(ctx, reply[1], owner); readErr != nil {
			err = readErr
		} else if ok {
			reply, err = s.acquire(ctx, job, owner, reply[1], ttl, now, seen)
		}
	}
	if err != nil {
		return 0, s.client.wrap("acquire "+job, err)
	}
	switch reply[0] {
	case "ok":
		token, err := strconv.ParseInt(reply[1], 10, 64)
		return feed.Token(token), s.client.wrap("acquire "+job, err)
	case "locked":
		return 0, s.client.wrap("acquire "+job, fmt.Errorf("held by %s: %w", reply[1], feed.ErrLocked))
	default:
		return 0, s.client.wrap("acquire "+job, errReply(reply))
	}
}

// acquire runs the script that acquires a lease. If replaced is not "", it replaces the lease of that owner.
func (s *Site) acquire(
	ctx context.Context, job, owner, replaced string, ttl time.Duration, now time.Time, seen feed.Token,
) ([]string, error) {
	reply, err := words(ctx, s.client.build, acquireSource, []string{s.keys.lease(job), s.keys.token()},
		owner, ttl.Milliseconds(), now.UnixMilli(), int64(seen), replaced)
	if err == nil && len(reply) != 2 {
		err = errReply(reply) // never return token 0, which would not fence off earlier builders
	}
	return reply, err
}

// replaceable reports whether owner may replace the holder of a lease. It may if the holder is bound to the same
// process as owner, or to a process that is not alive.
func (s *Site) replaceable(ctx context.Context, holder, owner string) (bool, error) {
	process := feed.ProcessOf(holder)
	if process == "" || process == feed.ProcessOf(owner) {
		return process != "", nil
	}
	n, err := s.client.build.Exists(ctx, aliveKey(process)).Result()
	return err == nil && n == 0, err
}

// Renew extends the lease of a job to ttl from now. The error is of kind [feed.ErrLocked] if the lease has expired or
// has a different owner; in both cases it must be acquired again.
func (s *Site) Renew(ctx context.Context, job, owner string, ttl time.Duration) error {
	reply, err := s.wordsWithRound(ctx, renewSource, []string{s.keys.lease(job)}, owner, ttl.Milliseconds())
	if err == nil && reply[0] == "locked" {
		text := "lease has expired"
		if len(reply) == 2 && reply[1] != "" {
			text += " and is held by " + reply[1]
		}
		err = fmt.Errorf("%s: %w", text, feed.ErrLocked)
	}
	return s.client.wrap("renew "+job, err)
}

// Release releases the lease of a job. It does nothing if the lease has expired or has a different owner.
func (s *Site) Release(ctx context.Context, job, owner string) error {
	return s.client.wrap("release "+job, run(ctx, s.client.build, releaseSource, []string{s.keys.lease(job)}, owner).Err())
}

// Holder returns the owner of a job's lease and the time left until it expires, unless the lease or the heartbeat of
// the owner's process is renewed. If the lease is not held, the owner is "" and the time is 0. If the client has many
// sites, the result may be five seconds old as long as the owner's process is alive.
func (s *Site) Holder(ctx context.Context, job string) (owner string, left time.Duration, err error) {
	if owner, left = s.lease.get(job); owner == "" {
		if owner, left, err = s.stored(ctx, job); err != nil || left == 0 {
			return "", 0, err
		}
		if feed.ProcessOf(owner) == "" {
			return owner, left, nil
		}
		if s.client.poller.crowded() {
			s.lease.set(job, owner, left)
		}
	}
	alive, err := s.client.alive(ctx, feed.ProcessOf(owner))
	if err != nil {
		return "", 0, s.client.wrap("holder of "+job, err)
	}
	if alive == 0 {
		s.lease.clear()
		return "", 0, nil
	}
	return owner, min(left, alive), nil
}

// stored returns the stored lease of a job. The process to which the owner is bound may have ended.
func (s *Site) stored(ctx context.Context, job string) (owner string, left time.Duration, err error) {
	var name *redis.StringCmd
	var ttl *redis.DurationCmd
	_, err = s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		name, ttl = p.Get(ctx, s.keys.lease(job)), p.PTTL(ctx, s.keys.lease(job))
		return nil
	})
	if errors.Is(err, redis.Nil) {
		return "", 0, nil
	}
	if err != nil {
		return "", 0, s.client.wrap("holder of "+job, err)
	}
	if left = ttl.Val(); left == -2 { // it expired between the two commands
		return "", 0, nil
	} else if left == -1 { // it has no expiry
		left = math.MaxInt64
	}
	return name.Val(), max(left, time.Millisecond), nil
}

// wordsWithRound is like words, for scripts that run every second for each site. If there are many sites, it sends the
// script with the poller's next round.
func (s *Site) wordsWithRound(ctx context.Context, source string, keys []string, args ...any) ([]string, error) {
	if !s.client.poller.crowded() {
		return words(ctx, s.client.build, source, keys, args...)
	}
	var reply *redis.Cmd
	if err := s.client.poller.withNextRound(ctx, func(p redis.Pipeliner) {
		reply = redis.NewScript(source).EvalSha(ctx, p, keys, args...)
	}); err != nil {
		return nil, err
	}
	if redis.HasErrorPrefix(reply.Err(), "NOSCRIPT") { // words sends the text of the script, which a pipeline cannot do
		return words(ctx, s.client.build, source, keys, args...)
	}
	return wordsOf(reply)
}
