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

// tailSlice is the longest single blocking read. A client can't be interrupted in one, so it bounds how long the end
// of a context goes unnoticed.
const tailSlice = 500 * time.Millisecond

// tailBatch is how many entries a read of a stream returns at most.
const tailBatch = 1000

// Changes returns the commits after the entry named, oldest first, waiting up to block for the first; none is no
// error, and a block of 0 doesn't wait.
//
// After "" is before the first entry. The stream keeps the last ten thousand commits or so. A server that lost its data
// starts a new stream, which may lie before the reader's position: [Site.Version] still grows then.
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
			version = 0 // an entry that doesn't say
		}
		out = append(out, feed.Announcement{Entry: e.ID, Feed: feed.Name(name), Version: version})
	}
	return out, nil
}

// LastChange returns the position of the latest commit in the stream that [Site.Changes] reads, or "0-0" if the stream
// is empty. A reader that takes this position first, then reads all heads, and then reads the changes after the position
// misses no commit.
func (s *Site) LastChange(ctx context.Context) (string, error) {
	last, err := s.client.serve.XRevRangeN(ctx, s.keys.changes(), "+", "-", 1).Result()
	if err != nil || len(last) == 0 {
		return streamStart, s.client.wrap("last change", err)
	}
	return last[0].ID, nil
}

// streamStart is the position before the first entry of a stream.
const streamStart = "0-0"

// tail returns up to n entries of a stream after one, waiting up to block for the first.
func (s *Site) tail(ctx context.Context, stream, after string, n int64, block time.Duration) ([]redis.XMessage, error) {
	after = cmp.Or(after, streamStart)
	args := &redis.XReadArgs{Streams: []string{stream, after}, Count: n}
	if block < time.Millisecond {
		return s.tailNow(ctx, args)
	}
	defer s.client.waits.enter()()
	for end := time.Now().Add(block); ; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var entries []redis.XMessage
		var err error
		switch left := time.Until(end); {
		case left < time.Millisecond: // nearly over, and to Redis 0 ms are for ever
			return s.tailNow(ctx, args)
		case s.client.waits.crowded():
			entries, err = s.tailInRounds(ctx, args, end)
		default:
			entries, err = s.tailBlocking(ctx, args, min(left, tailSlice))
		}
		if err != nil || len(entries) > 0 || !time.Now().Before(end) {
			return entries, err
		}
	}
}

// tailNow reads without waiting.
func (s *Site) tailNow(ctx context.Context, args *redis.XReadArgs) ([]redis.XMessage, error) {
	args.Block = -1 // don't
	return firstStream(s.client.serve.XRead(ctx, args).Result())
}

// tailBlocking waits in the server. It bounds that, to which the client itself would allow ten seconds more.
func (s *Site) tailBlocking(ctx context.Context, args *redis.XReadArgs, wait time.Duration) ([]redis.XMessage, error) {
	args.Block = wait
	ctx, cancel := context.WithTimeout(ctx, wait+s.client.patience)
	defer cancel()
	return firstStream(s.client.block.XRead(ctx, args).Result())
}

// tailInRounds lets rounds of polling find out whether there is news, until end, and reads it then.
func (s *Site) tailInRounds(ctx context.Context, args *redis.XReadArgs, end time.Time) ([]redis.XMessage, error) {
	// A wait that is shorter than the pause between rounds must not miss what is there already.
	if time.Until(end) < roundInterval {
		if entries, err := s.tailNow(ctx, args); err != nil || len(entries) > 0 {
			return entries, err
		}
	}
	news, err := s.client.waits.await(ctx, s.keys, args.Streams[0], args.Streams[1], end)
	if err != nil || !news {
		return nil, err
	}
	return s.tailNow(ctx, args)
}

// firstStream returns the entries of a reply about one stream; none is no error.
func firstStream(streams []redis.XStream, err error) ([]redis.XMessage, error) {
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, err
	}
	if len(streams) == 0 {
		return nil, nil
	}
	return streams[0].Messages, nil
}

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

const (
	keptRequests = 100
	// requestTTL outlives the patience of any operator: a builder that starts later doesn't answer old questions.
	requestTTL = 15 * time.Minute
	replyTTL   = time.Minute
	// asking is how many can wait for replies at a time, with a connection each; more wait for one of those.
	asking = 16
)

// Ask puts a request to the builder, whoever it is, and returns the reply. None within timeout is an error of kind
// [feed.ErrUnavailable]; whether a builder is alive at all, [Site.Holder] tells beforehand.
func (s *Site) Ask(ctx context.Context, request []byte, timeout time.Duration) ([]byte, error) {
	if s.client.owner != nil {
		reply, err := s.delegate(ctx, timeout+s.client.patience, delegatedAsk, request, timeout.String())
		return reply, s.client.wrap("ask", err)
	}
	id := rand.Text() // names the reply; unguessable, so that askers don't meet
	err := transact(ctx, s.client.build, func(p redis.Pipeliner) error {
		p.XAdd(ctx, &redis.XAddArgs{
			Stream: s.keys.requests(), MaxLen: keptRequests, Approx: true, Values: []any{"id", id, "payload", request},
		})
		p.PExpire(ctx, s.keys.requests(), requestTTL)
		return nil
	})
	if err != nil {
		return nil, s.client.wrap("ask", err)
	}
	s.client.waits.nudge(s.keys.requests())
	for end := time.Now().Add(timeout); ; {
		if err := ctx.Err(); err != nil {
			return nil, s.client.wrap("ask", err)
		}
		wait := min(time.Until(end), tailSlice)
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
	ctx, cancel := context.WithTimeout(ctx, wait+s.client.patience)
	defer cancel()
	// Not BLPop, which rounds fractions of a second up to whole ones.
	reply, err := s.client.block.Do(ctx, "BLPOP", s.keys.reply(id), fmt.Sprintf("%.3f", wait.Seconds())).StringSlice()
	if err != nil {
		return nil, err
	}
	return []byte(reply[len(reply)-1]), nil // after the key's name
}

// Requests returns the requests after the entry named, oldest first, waiting up to block for the first; none is no
// error. After "" is before the first entry.
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

// Reply answers a request. The reply is forgotten if nobody fetches it within a minute.
func (s *Site) Reply(ctx context.Context, id string, payload []byte) error {
	err := transact(ctx, s.client.build, func(p redis.Pipeliner) error {
		p.RPush(ctx, s.keys.reply(id), payload)
		p.PExpire(ctx, s.keys.reply(id), replyTTL)
		return nil
	})
	return s.client.wrap("reply", err)
}
