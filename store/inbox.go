package store

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// Inbox returns up to n entries after the one named, oldest first; "" is before the first. An entry that names no
// post, which only a foreign writer makes, has an empty ID: it is to be passed over like the others.
func (s *Site) Inbox(ctx context.Context, after string, n int) ([]feed.Submission, error) {
	start := "-"
	if after != "" {
		start = "(" + after
	}
	entries, err := s.client.build.XRangeN(ctx, s.keys.inbox(), start, "+", int64(n)).Result()
	if err != nil {
		return nil, s.client.wrap("inbox", err)
	}
	out := make([]feed.Submission, len(entries))
	for i, e := range entries {
		id, _ := e.Values["id"].(string)
		out[i] = feed.Submission{Entry: e.ID, ID: id, Time: entryTime(e.ID)}
	}
	return out, nil
}

// Cursor returns the last inbox entry that was absorbed, or "" if none was. Absorb moves it, and forgets entries that
// lie more than an hour behind it.
func (s *Site) Cursor(ctx context.Context) (string, error) {
	cursor, err := s.client.build.Get(ctx, s.keys.cursor()).Result()
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	return cursor, s.client.wrap("cursor", err)
}

// Submitted waits up to block for an entry after the one named, "" being before the first, and reports whether there is
// one.
func (s *Site) AwaitInbox(ctx context.Context, after string, block time.Duration) (bool, error) {
	entries, err := s.tail(ctx, s.keys.inbox(), after, 1, block)
	return len(entries) > 0, s.client.wrap("inbox", err)
}

// entryTime returns when a stream's entry was made, which its id begins with; zero for an id that a writer chose.
func entryTime(entry string) time.Time {
	ms, _, _ := strings.Cut(entry, "-")
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}
