package store

import (
	"context"

	"feedpub/feed"
)

// RawPosts returns posts as they came, in the order of ids, in one round trip; Raw is nil where there is none. The
// caller owns the bytes.
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
			posts[i].Raw = UnpackPost([]byte(stored))
		}
	}
	return posts, nil
}
