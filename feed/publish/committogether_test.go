package publish_test

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/publish"
)

// commitLog is a store that records the feeds of each commit, and calls before, if it is not nil, before it makes
// several commits.
type commitLog struct {
	publish.Store
	before func()

	mu       sync.Mutex
	alone    []feed.Name
	together [][]feed.Name
}

func (s *commitLog) Commit(ctx context.Context, r feed.CommitRequest) (feed.Outcome, feed.Head, error) {
	s.mu.Lock()
	s.alone = append(s.alone, r.Head.Feed)
	s.mu.Unlock()
	return s.Store.Commit(ctx, r)
}

func (s *commitLog) CommitAll(ctx context.Context, requests []feed.CommitRequest) []feed.CommitResult {
	names := make([]feed.Name, len(requests))
	for i, r := range requests {
		names[i] = r.Head.Feed
	}
	s.mu.Lock()
	s.together = append(s.together, names)
	s.mu.Unlock()
	if s.before != nil {
		s.before()
	}
	return s.Store.CommitAll(ctx, requests)
}

// TestFeedsOfChangeAreCommittedTogether checks that the main feed is committed first, and the other feeds of a post in
// one step. One of them is changed by another process in between, so it is built again.
func TestFeedsOfChangeAreCommittedTogether(t *testing.T) {
	w := newWorld(t)
	s := &commitLog{Store: w.site}
	b := w.builder("one", func(c *publish.Config) { c.Store = s })
	w.put(post("a", "tags", []string{"x", "y", "z"}))
	w.rebuild(b)
	first := w.head("tags/y")

	w.put(post("a", "tags", []string{"x", "y", "z"}, "title", "Another title"))
	s.alone, s.together = nil, nil
	s.before = func() {
		restored := first
		restored.Documents = slices.Clone(first.Documents)
		for i := range restored.Documents {
			restored.Documents[i].Modified = first.Documents[i].Modified.Add(time.Minute) // later than the stored ones
		}
		if err := w.site.RestoreHead(t.Context(), restored, func(h feed.Hash) (feed.Blob, error) {
			return w.site.Blob(t.Context(), h)
		}); err != nil {
			t.Error(err)
		}
	}
	outcomes := w.rebuild(b)
	for _, n := range []feed.Name{feed.Main, "tags/x", "tags/y", "tags/z"} {
		if body := w.body(w.head(n), feed.RSS); outcomes[n] != feed.Committed || !bytes.Contains(body, []byte("Another title")) {
			t.Errorf("the outcome of %s is %s, want committed with the new title:\n%s", n, outcomes[n], body)
		}
	}
	if len(s.alone) == 0 || s.alone[0] != feed.Main {
		t.Errorf("committed alone: %v, want the main feed first", s.alone)
	}
	if len(s.together) != 1 || !slices.Contains(s.together[0], "tags/x") || slices.Contains(s.together[0], feed.Main) {
		t.Errorf("committed together: %v, want the feeds of the tags once", s.together)
	}
	if !slices.Contains(s.alone, "tags/y") {
		t.Errorf("committed alone: %v, want tags/y again, because its head had changed", s.alone)
	}
}
