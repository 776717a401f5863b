package store

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// tailSlice is the longest single blocking read. A client can't be interrupted in one, so it bounds how long the end
// of a context goes unnoticed.
const tailSlice = 500 * time.Millisecond

// tailBatch is how many entries a read of a stream returns at most.
const tailBatch = 1000

// Changes returns the commits after the entry named, oldest first, waiting up to block for the first; none is no
// error, and a block of 0 doesn't wait.
//
// With after "" it returns at once one Announcement without a Feed, whose Entry is the present end of the stream.
// Whoever takes that position first, then reads all heads, then goes on from the position misses nothing. The stream
// remembers some thousand commits, and begins anew when the server lost its data: [Site.Version] tells when it fell
// silent.
func (s *Site) Changes(ctx context.Context, after string, block time.Duration) ([]feed.Announcement, error) {
	if after == "" {
		last, err := s.serve.XRevRangeN(ctx, s.keys.changes(), "+", "-", 1).Result()
		if err != nil {
			return nil, s.wrap("changes", err)
		}
		position := "0-0"
		if len(last) > 0 {
			position = last[0].ID
		}
		return []feed.Announcement{{Entry: position}}, nil
	}
	entries, err := s.tail(ctx, s.keys.changes(), after, tailBatch, block)
	if err != nil {
		return nil, s.wrap("changes", err)
	}
	out := make([]feed.Announcement, 0, len(entries))
	for _, e := range entries {
		name, _ := e.Values["feed"].(string)
		text, _ := e.Values["version"].(string)
		version, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			version = 0 // an entry that doesn't say
		}
		out = append(out, feed.Announcement{Entry: e.ID, Feed: feed.Name(name), Version: version})
	}
	return out, nil
}

// tail returns up to n entries of a stream after one, waiting up to block for the first.
func (s *Site) tail(ctx context.Context, stream, after string, n int64, block time.Duration) ([]redis.XMessage, error) {
	for end := time.Now().Add(block); ; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		wait := min(time.Until(end), tailSlice)
		args := &redis.XReadArgs{Streams: []string{stream, after}, Count: n, Block: -1} // -1: don't block
		if wait >= time.Millisecond {
			args.Block = wait
		}
		streams, err := s.tailOnce(ctx, args)
		if err != nil && !errors.Is(err, redis.Nil) {
			return nil, err
		}
		if len(streams) > 0 && len(streams[0].Messages) > 0 {
			return streams[0].Messages, nil
		}
		if !time.Now().Before(end) {
			return nil, nil
		}
	}
}

// tailOnce bounds a blocking read, to which the client itself would allow ten seconds more than it blocks.
func (s *Site) tailOnce(ctx context.Context, args *redis.XReadArgs) ([]redis.XStream, error) {
	ctx, cancel := context.WithTimeout(ctx, max(args.Block, 0)+s.patience)
	defer cancel()
	return s.block.XRead(ctx, args).Result()
}
