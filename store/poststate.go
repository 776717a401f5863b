package store

import (
	"context"
	"errors"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// PostStates compares posts with their items, in the order of ids and in one round trip. A current item is one that the
// intake of this fingerprint made; it is told by the item's header, so that the rest need not be read.
func (s *Site) PostStates(ctx context.Context, intake string, ids ...string) ([]feed.PostState, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var posts *redis.SliceCmd
	headers, scores := make([]*redis.StringCmd, len(ids)), make([]*redis.FloatCmd, len(ids))
	_, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		posts = p.MGet(ctx, mapKeys(ids, s.keys.post)...)
		for i, id := range ids {
			headers[i] = p.GetRange(ctx, s.keys.item(id), 0, headerSize-1)
			scores[i] = p.ZScore(ctx, s.keys.index(feed.Main), id)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, s.client.wrap("standings", err)
	}
	out := make([]feed.PostState, len(ids))
	for i, id := range ids {
		if err := scores[i].Err(); err != nil && !errors.Is(err, redis.Nil) {
			return nil, s.client.wrap("standings", err)
		}
		header := headers[i].Val()
		st := feed.PostState{ID: id, Item: header != "", Indexed: scores[i].Err() == nil}
		if raw, ok := posts.Val()[i].(string); ok {
			st.Post = true
			published, origin, ok := decodeHeader(header)
			if ok && origin == originOf(intake, feed.HashOf(UnpackPost([]byte(raw)))) {
				st.Current, st.Published = true, published
			}
		}
		out[i] = st
	}
	return out, s.client.wrap("standings", s.findOthers(ctx, out))
}

// findOthers sees to it that a post whose key has something else than a string counts as a post.
func (s *Site) findOthers(ctx context.Context, standings []feed.PostState) error {
	var absent []int
	for i, st := range standings {
		if !st.Post {
			absent = append(absent, i)
		}
	}
	if len(absent) == 0 {
		return nil
	}
	exist, err := s.exist(ctx, mapKeys(absent, func(i int) string { return s.keys.post(standings[i].ID) }))
	if err != nil {
		return err
	}
	for n, i := range absent {
		standings[i].Post = exist[n]
	}
	return nil
}

// Posted reports for each of ids whether that post exists.
func (s *Site) PostsExist(ctx context.Context, ids ...string) ([]bool, error) {
	exist, err := s.exist(ctx, mapKeys(ids, s.keys.post))
	return exist, s.client.wrap("posted", err)
}

// Read reports for each of ids whether there is an item of that post, readable or not.
func (s *Site) ItemsExist(ctx context.Context, ids ...string) ([]bool, error) {
	exist, err := s.exist(ctx, mapKeys(ids, s.keys.item))
	return exist, s.client.wrap("read", err)
}

func (s *Site) exist(ctx context.Context, keys []string) ([]bool, error) {
	found := make([]*redis.IntCmd, len(keys))
	if _, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, key := range keys {
			found[i] = p.Exists(ctx, key)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	exist := make([]bool, len(keys))
	for i := range keys {
		exist[i] = found[i].Val() > 0
	}
	return exist, nil
}
