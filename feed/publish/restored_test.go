package publish_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"feedpub/feed"
	"feedpub/feed/publish"
)

// interrupted is a store that calls the function beforeCommit once, before the first commit.
type interrupted struct {
	publish.Store
	once         sync.Once
	beforeCommit func()
}

func (s *interrupted) Commit(ctx context.Context, r feed.CommitRequest) (feed.Outcome, feed.Head, error) {
	s.once.Do(s.beforeCommit)
	return s.Store.Commit(ctx, r)
}

// TestHeadRestoredDuringRebuild checks that a builder does not drop posts of a head that a replica has restored after
// the builder read the heads: they are missing without an explanation, so the feed is held.
func TestHeadRestoredDuringRebuild(t *testing.T) {
	w := newWorld(t)
	w.put(post("a"), post("b"))
	w.rebuild(w.builder("before"))
	w.remember()
	replica := w.seen
	w.seen = nil // the builder's own documents are lost too
	w.redis.FlushAll()
	w.put(post("a"))
	s := &interrupted{Store: w.site, beforeCommit: func() {
		head, _ := replica.Head(feed.Main)
		if err := w.site.RestoreHead(t.Context(), head, func(h feed.Hash) (feed.Blob, error) {
			b, _ := replica.Blob(h)
			return b, nil
		}); err != nil {
			t.Error(err)
		}
	}}
	outcomes := w.rebuild(w.builder("after", func(c *publish.Config) { c.Store = s }))
	if got := outcomes[feed.Main]; got != feed.Held {
		t.Errorf("outcome of main is %s; want %s", got, feed.Held)
	}
	if got := slices.Sorted(slices.Values(w.ids("main"))); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("main has %v; want [a b]: post b vanished without explanation", got)
	}
}
