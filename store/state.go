package store

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// BuildState returns the holder of the lease of a job, and the site's fencing token, version and oldest waiting inbox
// entry. The values may be from slightly different times.
func (s *Site) BuildState(ctx context.Context, job string) (feed.BuildState, error) {
	var owner, cursor *redis.StringCmd
	var token, version *redis.StringCmd
	_, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		owner, cursor = p.Get(ctx, s.keys.lease(job)), p.Get(ctx, s.keys.cursor())
		token, version = p.Get(ctx, s.keys.token()), p.Get(ctx, s.keys.version())
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return feed.BuildState{}, s.client.wrap("build state", err)
	}
	b := feed.BuildState{Builder: owner.Val()}
	n, err := token.Int64()
	b.Token = feed.Token(n)
	if err == nil || errors.Is(err, redis.Nil) {
		b.Version, err = version.Int64()
	}
	if err != nil && !errors.Is(err, redis.Nil) {
		return feed.BuildState{}, s.client.wrap("build state", err)
	}
	waiting, err := s.Inbox(ctx, cursor.Val(), 1)
	if len(waiting) > 0 {
		b.Waiting = waiting[0].Time
	}
	return b, err
}
