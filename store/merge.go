package store

import (
	"context"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// mergeKind is a kind of call that each site of a process makes every few seconds. The calls of many sites in a round
// are merged into one command, whose reply has a value for each key.
type mergeKind int

const (
	mergeValues   mergeKind = iota // the values of strings
	mergeExists                    // whether a call's keys may exist
	mergeRenewals                  // renewals of leases; the reply has the holder of each

	mergeKinds = int(iota) // number of kinds
)

// mergeKeys is the maximum number of keys in a merged command. It bounds how long the command blocks the server.
const mergeKeys = 128

// mergedCall is a call that shares a command with those of other sites.
type mergedCall struct {
	keys  []string
	args  []any
	reply []any      // a value for each key; must not be read until done has returned nil
	done  chan error // has a buffer of one
}

// mergedCommand is a command for calls of the same kind.
type mergedCommand struct {
	kind   mergeKind
	calls  []*mergedCall
	keys   []string
	args   []any
	result func() ([]any, error)
}

// merge makes a call with the next round, and returns its reply.
func (w *poller) merge(ctx context.Context, kind mergeKind, keys []string, args ...any) ([]any, error) {
	c := &mergedCall{keys: keys, args: args, done: make(chan error, 1)}
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil, redis.ErrClosed
	}
	w.merged[kind] = append(w.merged[kind], c)
	w.start()
	w.mu.Unlock()
	select {
	case err := <-c.done:
		return c.reply, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// mergeCalls returns the commands for the pending calls, and removes the calls. In a Cluster, each call has its own
// command, since the keys of different sites are in different slots. The caller must hold mu.
func (w *poller) mergeCalls() (commands []*mergedCommand) {
	for kind, calls := range w.merged {
		w.merged[kind] = nil
		var m *mergedCommand
		for _, c := range calls {
			if m == nil || w.clustered || len(m.keys)+len(c.keys) > mergeKeys {
				m = &mergedCommand{kind: mergeKind(kind)}
				commands = append(commands, m)
			}
			m.calls, m.keys, m.args = append(m.calls, c), append(m.keys, c.keys...), append(m.args, c.args...)
		}
	}
	return commands
}

// send adds the command to a pipeline.
func (m *mergedCommand) send(ctx context.Context, p redis.Pipeliner) {
	switch m.kind {
	case mergeValues:
		m.result = p.MGet(ctx, m.keys...).Result
	case mergeRenewals:
		m.result = redis.NewScript(renewSource).EvalSha(ctx, p, m.keys, m.args...).Slice
	case mergeExists:
		exists := p.Exists(ctx, m.keys...)
		m.result = func() ([]any, error) {
			values := make([]any, len(m.keys))
			for i := range values {
				values[i] = exists.Val() > 0 // the reply is the number of keys, and does not show which of them exist
			}
			return values, exists.Err()
		}
	}
}

// finish passes the reply of the command to its calls.
func (m *mergedCommand) finish() {
	values, err := m.result()
	if err == nil && len(values) != len(m.keys) {
		err = errReply(values)
	}
	for _, c := range m.calls {
		if err == nil {
			c.reply, values = values[:len(c.keys)], values[len(c.keys):]
		}
		c.done <- err
	}
}

// values returns the values of strings, nil for those that do not exist. If there are many sites and ctx is that of an
// unhurried call, it reads them with the poller's next round.
func (s *Site) values(ctx context.Context, keys []string) ([]any, error) {
	if feed.IsUnhurried(ctx) && s.client.poller.crowded() && len(keys) <= mergeKeys {
		return s.client.poller.merge(ctx, mergeValues, keys)
	}
	return s.client.build.MGet(ctx, keys...).Result()
}

// HasWork reports whether there may be dirty feeds or posts with a future date. If there are many sites, it asks for
// many of them at once, and returns true for all if it is true for one of them.
func (s *Site) HasWork(ctx context.Context) (bool, error) {
	keys := []string{s.keys.dirty(), s.keys.due()}
	if !s.client.poller.crowded() {
		n, err := s.client.build.Exists(ctx, keys...).Result()
		return n > 0, s.client.wrap("has work", err)
	}
	reply, err := s.client.poller.merge(ctx, mergeExists, keys)
	if err != nil {
		return false, s.client.wrap("has work", err)
	}
	return slices.Contains(reply, any(true)), nil
}

// renew runs the script that renews a lease, and returns the holder, or "" if the lease has expired. If there are many
// sites, it renews the lease with the poller's next round.
func (s *Site) renew(ctx context.Context, job, owner string, ttl time.Duration) (holder string, err error) {
	keys := []string{s.keys.lease(job)}
	var reply []any
	if s.client.poller.crowded() {
		reply, err = s.client.poller.merge(ctx, mergeRenewals, keys, owner, ttl.Milliseconds())
	}
	if reply == nil && err == nil || redis.HasErrorPrefix(err, "NOSCRIPT") { // a pipeline cannot send the text of the script
		reply, err = run(ctx, s.client.build, renewSource, keys, owner, ttl.Milliseconds()).Slice()
	}
	if err != nil {
		return "", err
	}
	if len(reply) != 1 {
		return "", errReply(reply)
	}
	holder, _ = reply[0].(string)
	return holder, nil
}
