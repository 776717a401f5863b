package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// Milestones returns the milestones of a post, or zero if none are recorded.
func (s *Site) Milestones(ctx context.Context, id string) (feed.Milestones, error) {
	v, err := s.client.build.HGet(ctx, s.keys.milestones(), id).Result()
	if errors.Is(err, redis.Nil) {
		return feed.Milestones{}, nil
	}
	var m feed.Milestones
	if err == nil {
		m, err = decodeMilestones(v)
	}
	return m, s.client.wrap("milestones", err)
}

// AllMilestones returns the recorded milestones by post, up to [feed.KeptMilestones].
func (s *Site) AllMilestones(ctx context.Context) (map[string]feed.Milestones, error) {
	values, err := s.client.build.HGetAll(ctx, s.keys.milestones()).Result()
	if err != nil {
		return nil, s.client.wrap("milestones", err)
	}
	all := make(map[string]feed.Milestones, len(values))
	for id, v := range values {
		if all[id], err = decodeMilestones(v); err != nil {
			return nil, s.client.wrap("milestones", err)
		}
	}
	return all, nil
}

// MarkServed records when posts were first served: when the process reached the first version that contains their first
// commit. reached lists the versions in the order in which the process reached them. The call may be repeated.
func (s *Site) MarkServed(ctx context.Context, reached ...feed.ReachedVersion) error {
	args := make([]any, 0, 2*len(reached))
	for _, r := range reached {
		args = append(args, r.Version, r.Age.Milliseconds())
	}
	keys := []string{s.keys.unserved(), s.keys.milestones(), s.keys.journal()}
	reply, err := status(ctx, s.client.once, markServedSource, keys, args...)
	if err == nil && reply == "journal" {
		err = s.sync(ctx)
	}
	return s.client.wrap("mark served", err)
}

// RestoreMilestones writes milestones into a store that has none.
func (s *Site) RestoreMilestones(ctx context.Context, all map[string]feed.Milestones) error {
	_, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		for id, m := range all {
			p.HSet(ctx, s.keys.milestones(), id, encodeMilestones(m))
			p.ZAdd(ctx, s.keys.milestoneOrder(), redis.Z{Score: float64(m.Absorbed.UnixMilli()), Member: id})
			if !m.Served.IsZero() {
				continue
			}
			var version float64 // 1 precedes all versions, so the next version that is served counts
			if !m.Committed.IsZero() {
				version = 1
			}
			p.ZAdd(ctx, s.keys.unserved(), redis.Z{Score: version, Member: id})
		}
		return nil
	})
	return s.client.wrap("restore milestones", err)
}

func encodeMilestones(m feed.Milestones) string {
	return encodeTime(m.Absorbed) + " " + encodeTime(m.Committed) + " " + encodeTime(m.Served)
}

func decodeMilestones(v string) (m feed.Milestones, err error) {
	parts := strings.Split(v, " ")
	if len(parts) != 3 {
		return m, fmt.Errorf("milestones %q: %w", v, feed.ErrInvalid)
	}
	if m.Absorbed, err = decodeTime(parts[0]); err != nil {
		return m, err
	}
	if m.Committed, err = decodeTime(parts[1]); err != nil {
		return m, err
	}
	m.Served, err = decodeTime(parts[2])
	return m, err
}
