package store

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// maxBlock is the longest single blocking read. Since a blocking read cannot be interrupted, maxBlock bounds the delay
// before a canceled context takes effect.
const maxBlock = 500 * time.Millisecond

// tailBatch is the maximum number of entries in one read of a stream.
const tailBatch = 1000

// Changes returns the commits after the given entry, oldest first. If there are none, it waits for one for up to block.
// If there are still none, it returns no commits and a nil error. If block is 0, it does not wait.
//
// If after is empty, Changes starts from the beginning. The stream keeps about ten thousand commits. A server that has
// lost its data starts a new stream, and all of its entries may precede the reader's position; [Site.Version] increases
// even then.
func (s *Site) Changes(ctx context.Context, after string, block time.Duration) ([]feed.Announcement, error) {
	entries, err := s.tail(ctx, s.keys.changes(), after, tailBatch, block)
	if err != nil {
		return nil, s.client.wrap("changes", err)
	}
	out := make([]feed.Announcement, 0, len(entries))
	for _, e := range entries {
		name, _ := e.Values["feed"].(string)
		text, _ := e.Values["version"].(string)
		version, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			version = 0 // the version is unknown
		}
		out = append(out, feed.Announcement{Entry: e.ID, Feed: feed.Name(name), Version: version})
	}
	return out, nil
}

// LastChange returns the position of the latest commit in the stream that [Site.Changes] reads, or "0-0" if the stream
// is empty. A reader that calls LastChange first, then reads all heads, and then reads the changes after that position
// does not miss any commit.
func (s *Site) LastChange(ctx context.Context) (string, error) {
	last, err := s.client.serve.XRevRangeN(ctx, s.keys.changes(), "+", "-", 1).Result()
	if err != nil || len(last) == 0 {
		return streamStart, s.client.wrap("last change", err)
	}
	return last[0].ID, nil
}

// streamStart is the position before the first entry of a stream.
const streamStart = "0-0"

// tail returns up to n entries of a stream after the given one. If there are none, it waits for one for up to block.
func (s *Site) tail(ctx context.Context, stream, after string, n int64, block time.Duration) ([]redis.XMessage, error) {
	after = cmp.Or(after, streamStart)
	args := &redis.XReadArgs{Streams: []string{stream, after}, Count: n}
	if block < time.Millisecond {
		return s.tailNow(ctx, args)
	}
	defer s.client.poller.enter()()
	for end := time.Now().Add(block); ; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var entries []redis.XMessage
		var err error
		switch left := time.Until(end); {
		case left < time.Millisecond: // in Redis, 0 ms means no limit
			return s.tailNow(ctx, args)
		case s.client.local != nil:
			entries, err = s.tailLocal(ctx, args, end)
		case s.client.poller.crowded() && s.client.shared != nil:
			entries, err = s.tailShared(ctx, args, end)
		case s.client.poller.crowded():
			entries, err = s.tailPolling(ctx, args, end)
		default:
			entries, err = s.tailBlocking(ctx, args, min(left, maxBlock))
		}
		if err != nil || len(entries) > 0 || !time.Now().Before(end) {
			return entries, err
		}
	}
}

// tailNow reads without waiting.
func (s *Site) tailNow(ctx context.Context, args *redis.XReadArgs) ([]redis.XMessage, error) {
	if s.client.local != nil {
		entries, _, err := s.readLocal(ctx, args)
		return entries, err
	}
	return s.readStream(ctx, args)
}

// readStream reads from the server without waiting.
func (s *Site) readStream(ctx context.Context, args *redis.XReadArgs) ([]redis.XMessage, error) {
	args.Block = -1 // do not block
	return firstStream(s.client.serve.XRead(ctx, args).Result())
}

// tailBlocking blocks in the server for up to wait. It sets a deadline because go-redis would otherwise wait an
// additional ten seconds.
func (s *Site) tailBlocking(ctx context.Context, args *redis.XReadArgs, wait time.Duration) ([]redis.XMessage, error) {
	args.Block = wait
	ctx, cancel := context.WithTimeout(ctx, wait+s.client.serveTimeout)
	defer cancel()
	return firstStream(s.client.block.XRead(ctx, args).Result())
}

// tailShared waits for a shared read to find a new entry, until end, and then reads the entries.
func (s *Site) tailShared(ctx context.Context, args *redis.XReadArgs, end time.Time) ([]redis.XMessage, error) {
	// Even a wait that is shorter than a read must not miss existing entries.
	if time.Until(end) < minConfirmed && !s.client.shared.reading(args.Streams[0], args.Streams[1]) {
		if entries, err := s.tailNow(ctx, args); err != nil || len(entries) > 0 {
			return entries, err
		}
	}
	found, err := s.client.shared.await(ctx, args.Streams[0], args.Streams[1], end)
	if err != nil || !found {
		return nil, err
	}
	return s.tailNow(ctx, args)
}

// tailPolling waits for the poller to find a new entry, until end, and then reads the entries.
func (s *Site) tailPolling(ctx context.Context, args *redis.XReadArgs, end time.Time) ([]redis.XMessage, error) {
	// Even a wait that is shorter than the poller's interval must not miss existing entries.
	if time.Until(end) < pollInterval {
		if entries, err := s.tailNow(ctx, args); err != nil || len(entries) > 0 {
			return entries, err
		}
	}
	found, err := s.client.poller.await(ctx, s.keys, args.Streams[0], args.Streams[1], end)
	if err != nil || !found {
		return nil, err
	}
	return s.tailNow(ctx, args)
}

// firstStream returns the entries of the only stream in a reply. An empty reply is not an error.
func firstStream(streams []redis.XStream, err error) ([]redis.XMessage, error) {
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, err
	}
	if len(streams) == 0 {
		return nil, nil
	}
	return streams[0].Messages, nil
}

// Inbox returns up to n entries after the given one, oldest first; "" means from the beginning. ID is empty for an
// entry without a post's id, which another program may have written; the caller must skip such entries.
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

// Cursor returns the last inbox entry that was absorbed, or "" if no entry was absorbed. [Site.Absorb] advances it, and
// deletes entries that are more than an hour older, or all absorbed entries if the server is in this process.
func (s *Site) Cursor(ctx context.Context) (string, error) {
	cursor, err := s.client.build.Get(ctx, s.keys.cursor()).Result()
	if errors.Is(err, redis.Nil) {
		return "", nil
	}
	return cursor, s.client.wrap("cursor", err)
}

// AwaitInbox waits for up to block for an inbox entry after the given one, and reports whether one exists; "" means
// from the beginning.
func (s *Site) AwaitInbox(ctx context.Context, after string, block time.Duration) (bool, error) {
	entries, err := s.tail(ctx, s.keys.inbox(), after, 1, block)
	return len(entries) > 0, s.client.wrap("inbox", err)
}

// entryTime returns the time in the id of a stream entry, or the zero time if the id was chosen by a writer and
// contains no time.
func entryTime(entry string) time.Time {
	ms, _, _ := strings.Cut(entry, "-")
	n, err := strconv.ParseInt(ms, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(n).UTC()
}

const (
	// maxRequests is the approximate maximum number of requests that wait for a reply.
	maxRequests = 100
	// requestTTL is longer than the timeout of any call of Ask. Requests then expire, so that a builder that starts
	// later does not reply to them.
	requestTTL = 15 * time.Minute
	replyTTL   = time.Minute
	// maxAsking is the maximum number of calls to Ask that wait for replies at the same time, each with its own
	// connection; other calls wait for a free connection.
	maxAsking = 16
)

// Ask sends a request to the builder and returns its reply. If there is no reply within timeout, the error is of kind
// [feed.ErrUnavailable]. [Site.Holder] reports whether a builder is running.
func (s *Site) Ask(ctx context.Context, request []byte, timeout time.Duration) ([]byte, error) {
	if s.client.owner != nil {
		reply, err := s.delegate(ctx, timeout+s.client.serveTimeout, delegatedAsk, request, timeout.String())
		return reply, s.client.wrap("ask", err)
	}
	// The stream contains only requests without a reply, and no request is dropped to make room for another.
	waiting, err := s.client.build.XLen(ctx, s.keys.requests()).Result()
	if err == nil && waiting >= maxRequests {
		err = fmt.Errorf("%d requests wait for the builder: %w", waiting, feed.ErrUnavailable)
	}
	if err != nil {
		return nil, s.client.wrap("ask", err)
	}
	id := rand.Text() // part of the reply's key
	err = transact(ctx, s.client.build, func(p redis.Pipeliner) error {
		p.XAdd(ctx, &redis.XAddArgs{
			Stream: s.keys.requests(), Values: []any{"id", id, "payload", request},
		})
		p.PExpire(ctx, s.keys.requests(), requestTTL)
		return nil
	})
	if err != nil {
		return nil, s.client.wrap("ask", err)
	}
	s.client.poller.nudge(s.keys.requests())
	for end := time.Now().Add(timeout); ; {
		if err := ctx.Err(); err != nil {
			return nil, s.client.wrap("ask", err)
		}
		wait := min(time.Until(end), maxBlock)
		if wait <= 0 {
			return nil, s.client.wrap("ask", fmt.Errorf("no reply within %v: %w", timeout, feed.ErrUnavailable))
		}
		reply, err := s.popReply(ctx, id, max(wait, 10*time.Millisecond))
		if !errors.Is(err, redis.Nil) && !errors.Is(err, redis.ErrPoolTimeout) {
			return reply, s.client.wrap("ask", err)
		}
	}
}

func (s *Site) popReply(ctx context.Context, id string, wait time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+s.client.serveTimeout)
	defer cancel()
	// BLPop is not used because it rounds up to whole seconds.
	reply, err := s.client.block.Do(ctx, "BLPOP", s.keys.reply(id), fmt.Sprintf("%.3f", wait.Seconds())).StringSlice()
	if err != nil {
		return nil, err
	}
	return []byte(reply[len(reply)-1]), nil // the first element is the key
}

// Requests returns the requests without a reply after the given entry, oldest first; "" means from the beginning. If
// there are none, it waits for one for up to block. If there are still none, it returns no requests and a nil error.
func (s *Site) Requests(ctx context.Context, after string, block time.Duration) ([]feed.Request, error) {
	entries, err := s.tail(ctx, s.keys.requests(), after, tailBatch, block)
	if err != nil {
		return nil, s.client.wrap("requests", err)
	}
	out := make([]feed.Request, 0, len(entries))
	for _, e := range entries {
		id, _ := e.Values["id"].(string)
		payload, _ := e.Values["payload"].(string)
		out = append(out, feed.Request{Entry: e.ID, ID: id, Payload: []byte(payload)})
	}
	return out, nil
}

// Reply replies to a request, which [Site.Requests] does not return again. The reply expires if it is not read within a
// minute. If the request has no ID, no caller waits for it, and Reply only removes it.
func (s *Site) Reply(ctx context.Context, r feed.Request, payload []byte) error {
	err := transact(ctx, s.client.build, func(p redis.Pipeliner) error {
		p.XDel(ctx, s.keys.requests(), r.Entry)
		if r.ID != "" {
			p.RPush(ctx, s.keys.reply(r.ID), payload)
			p.PExpire(ctx, s.keys.reply(r.ID), replyTTL)
		}
		return nil
	})
	return s.client.wrap("reply", err)
}
