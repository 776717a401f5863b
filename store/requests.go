package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

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
