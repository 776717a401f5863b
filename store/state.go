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
	owner, _, err := s.Holder(ctx, job)
	if err != nil {
		return feed.BuildState{}, err
	}
	var cursor, token, version *redis.StringCmd
	_, err = s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		cursor, token, version = p.Get(ctx, s.keys.cursor()), p.Get(ctx, s.keys.token()), p.Get(ctx, s.keys.version())
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return feed.BuildState{}, s.client.wrap("build state", err)
	}
	b := feed.BuildState{Builder: feed.UnboundOwner(owner)}
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
