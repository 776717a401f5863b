package store

import (
	"context"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// mergeKind is a kind of read that each site of a process makes every few seconds. The reads of many sites in a round
// are merged into one command.
type mergeKind int

const (
	mergeValues mergeKind = iota // the values of strings
	mergeExists                  // whether keys may exist

	mergeKinds = int(iota) // number of kinds
)

// mergeKeys is the maximum number of keys in a merged command. It bounds how long the command blocks the server.
const mergeKeys = 128

// mergedRead is a read that shares a command with those of other sites.
type mergedRead struct {
	keys  []string
	reply []any      // a value for each key; must not be read until done has returned nil
	done  chan error // has a buffer of one
}

// mergedCommand is a command for reads of the same kind.
type mergedCommand struct {
	kind   mergeKind
	reads  []*mergedRead
	keys   []string
	result func() ([]any, error)
}

// merge reads keys with the next round, and returns a value for each.
func (w *poller) merge(ctx context.Context, kind mergeKind, keys ...string) ([]any, error) {
	r := &mergedRead{keys: keys, done: make(chan error, 1)}
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return nil, redis.ErrClosed
	}
	w.merged[kind] = append(w.merged[kind], r)
	w.start()
	w.mu.Unlock()
	select {
	case err := <-r.done:
		return r.reply, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// mergeReads returns the commands for the pending reads, and removes the reads. In a Cluster, each read has its own
// command, since the keys of different sites are in different slots. The caller must hold mu.
func (w *poller) mergeReads() (commands []*mergedCommand) {
	for kind, reads := range w.merged {
		w.merged[kind] = nil
		var m *mergedCommand
		for _, r := range reads {
			if m == nil || w.clustered || len(m.keys)+len(r.keys) > mergeKeys {
				m = &mergedCommand{kind: mergeKind(kind)}
				commands = append(commands, m)
			}
			m.reads, m.keys = append(m.reads, r), append(m.keys, r.keys...)
		}
	}
	return commands
}

// send adds the command to a pipeline.
func (m *mergedCommand) send(ctx context.Context, p redis.Pipeliner) {
	switch m.kind {
	case mergeValues:
		m.result = p.MGet(ctx, m.keys...).Result
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

// finish passes the reply of the command to its reads.
func (m *mergedCommand) finish() {
	values, err := m.result()
	if err == nil && len(values) != len(m.keys) {
		err = errReply(values)
	}
	for _, r := range m.reads {
		if err == nil {
			r.reply, values = values[:len(r.keys)], values[len(r.keys):]
		}
		r.done <- err
	}
}

// failMerged ends all pending reads with an error. The caller must hold mu.
func (w *poller) failMerged(err error) {
	for kind, reads := range w.merged {
		w.merged[kind] = nil
		for _, r := range reads {
			r.done <- err
		}
	}
}

// HasWork reports whether there may be dirty feeds or posts with a future date. If ctx is unhurried (see
// [feed.Unhurried]) and there are many sites, it asks for many of them at once, and returns true for all of these if it
// is true for one.
func (s *Site) HasWork(ctx context.Context) (bool, error) {
	if !feed.IsUnhurried(ctx) || !s.client.poller.crowded() {
		n, err := s.client.build.Exists(ctx, s.keys.dirty(), s.keys.due()).Result()
		return n > 0, s.client.wrap("has work", err)
	}
	reply, err := s.client.poller.merge(ctx, mergeExists, s.keys.dirty(), s.keys.due())
	if err != nil {
		return false, s.client.wrap("has work", err)
	}
	return reply[0] == true, nil
}
