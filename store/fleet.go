package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// Report tells the site's other processes of a member for the time to live; reporting again tells it anew. It costs one
// small write.
func (s *Site) Report(ctx context.Context, m feed.Member, ttl time.Duration) error {
	if m.ID == "" {
		return s.client.wrap("report", fmt.Errorf("a member without an id: %w", feed.ErrInvalid))
	}
	b, err := json.Marshal(m)
	if err != nil {
		return s.client.wrap("report", err)
	}
	// The set first: a name without a report is forgotten, a report without a name would not be found.
	_, err = s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.SAdd(ctx, s.keys.fleet(), m.ID)
		p.Set(ctx, s.keys.member(m.ID), b, ttl)
		return nil
	})
	return s.client.wrap("report", err)
}

// Leave forgets a member at once, as its time to live would later.
func (s *Site) Leave(ctx context.Context, id string) error {
	_, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.Del(ctx, s.keys.member(id))
		p.SRem(ctx, s.keys.fleet(), id)
		return nil
	})
	return s.client.wrap("leave", err)
}

// Members returns the members whose last report still lives, by id. One that cannot be read, which a later release may
// have written, is there with its id only.
func (s *Site) Members(ctx context.Context) ([]feed.Member, error) {
	ids, err := s.client.build.SMembers(ctx, s.keys.fleet()).Result()
	if err != nil || len(ids) == 0 {
		return nil, s.client.wrap("members", err)
	}
	slices.Sort(ids)
	reports, err := s.client.build.MGet(ctx, mapKeys(ids, s.keys.member)...).Result()
	if err != nil {
		return nil, s.client.wrap("members", err)
	}
	members := make([]feed.Member, 0, len(ids))
	var silent []string
	for i, id := range ids {
		text, ok := reports[i].(string)
		if !ok {
			silent = append(silent, id)
			continue
		}
		var m feed.Member
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			s.client.log.Warn("a process's report is not readable", "site", string(s.keys), "id", id, "error", err)
			m = feed.Member{}
		}
		m.ID = id
		members = append(members, m)
	}
	slices.SortFunc(members, func(a, b feed.Member) int { return cmp.Compare(a.ID, b.ID) })
	return members, s.client.wrap("members", s.forget(ctx, silent))
}

// forget takes members off the list that have no report.
func (s *Site) forget(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	keys := append([]string{s.keys.fleet()}, mapKeys(ids, s.keys.member)...)
	args := make([]any, len(ids))
	for i, id := range ids {
		args[i] = id
	}
	return run(ctx, s.client.build, forgetSource, keys, args...).Err()
}
