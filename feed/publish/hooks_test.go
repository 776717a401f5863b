package publish_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2/server"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"feedpub/feed"
	"feedpub/feed/publish"
)

// heads collects the heads that are passed to the Committed hook.
type heads struct {
	mu   sync.Mutex
	list []feed.Head
}

func (h *heads) hook(c *publish.Config) {
	c.Committed = func(_ context.Context, head feed.Head) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.list = append(h.list, head)
	}
}

// take returns the heads since the last call, sorted by feed.
func (h *heads) take() []feed.Head {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := h.list
	h.list = nil
	slices.SortFunc(list, func(a, b feed.Head) int { return strings.Compare(string(a.Feed), string(b.Feed)) })
	return list
}

func TestCommittedHookForEachNewHead(t *testing.T) {
	w := newWorld(t)
	var committed heads
	b := w.builder("one", committed.hook)
	rebuild := func(what string, want ...feed.Name) {
		t.Helper()
		w.rebuild(b)
		var wantHeads []feed.Head
		for _, n := range want {
			wantHeads = append(wantHeads, w.head(n))
		}
		if diff := cmp.Diff(wantHeads, committed.take(), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: heads passed to the Committed hook (-want +got):\n%s", what, diff)
		}
	}
	w.put(post("a", "tags", []string{"x"}), post("b"), post("c"))
	rebuild("first build", feed.Main, feed.Pages, "tags/x")
	rebuild("nothing has changed")
	w.put(post("b", "title", "Edited"))
	rebuild("a post of the main feed was edited", feed.Main)
	w.put(post("b", "title", "Edited", "unknown", "member"))
	rebuild("no document has changed")

	w.lose(":post:c", ":item:c")
	w.put(post("b", "title", "Edited again"))
	rebuild("the main feed is held")
	w.put(post("a", "tags", []string{"x"}, "status", "private"))
	rebuild("a private post is removed from the held feed", feed.Main, feed.Pages, "tags/x")
}

// dueSignal is a store that reports when the builder lists due posts, which it does while holding the work lock.
type dueSignal struct {
	publish.Store
	listed chan struct{}
}

func (s dueSignal) Waiting(ctx context.Context, n int) (feed.Waiting, error) {
	select {
	case s.listed <- struct{}{}:
	default:
	}
	return s.Store.Waiting(ctx, n)
}

func TestRebuildDuringCommittedHook(t *testing.T) {
	w := newWorld(t)
	w.put(post("a"))
	listed := make(chan struct{}, 1)
	other := make(chan error, 1)
	var b *publish.Publisher
	first := true
	b = w.builder("one", func(c *publish.Config) {
		c.Store = dueSignal{w.site, listed}
		c.Committed = func(ctx context.Context, _ feed.Head) {
			if !first {
				return
			}
			first = false
			select {
			case <-listed: // the first rebuild has listed the due posts
			default:
			}
			go func() {
				_, err := b.Rebuild(t.Context())
				other <- err
			}()
			select {
			case <-listed:
			case <-time.After(time.Minute):
				t.Error("another rebuild is blocked while the Committed hook runs")
			case <-ctx.Done():
				t.Error("the context of the Committed hook is canceled")
			}
		}
	})
	if _, err := b.Rebuild(t.Context()); err != nil {
		t.Errorf("Rebuild = %v", err)
	}
	// The context of the second rebuild is canceled if the lease is released before that rebuild ends.
	if err := <-other; err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Rebuild from another goroutine = %v", err)
	}
}

// calls counts the calls to some methods of a store.
type calls struct {
	publish.Store
	waiting, due, inbox int
}

func (c *calls) Waiting(ctx context.Context, n int) (feed.Waiting, error) {
	c.waiting++
	return c.Store.Waiting(ctx, n)
}

func (c *calls) Due(ctx context.Context, now time.Time, n int) ([]string, error) {
	c.due++
	return c.Store.Due(ctx, now, n)
}

func (c *calls) Inbox(ctx context.Context, after string, n int) ([]feed.Submission, error) {
	c.inbox++
	return c.Store.Inbox(ctx, after, n)
}

// TestPassReadsWaitingPostsOnce checks that a builder reads what it may have to absorb with one call if that is little.
func TestPassReadsWaitingPostsOnce(t *testing.T) {
	w := newWorld(t)
	w.put(post("a"), post("b"))
	store := &calls{Store: w.site}
	b := w.builder("one", func(c *publish.Config) { c.Store = store })
	w.rebuild(b)
	if store.waiting == 0 || store.due+store.inbox > 0 {
		t.Errorf("Waiting was called %d times, Due %d times and Inbox %d times, want only calls of Waiting",
			store.waiting, store.due, store.inbox)
	}
}

// TestCommitReadsHeadOnce counts the reads of a head during a commit.
func TestCommitReadsHeadOnce(t *testing.T) {
	w := newWorld(t)
	w.put(post("a"))
	committed := make(chan feed.Head, 10)
	b := w.builder("one", func(c *publish.Config) {
		c.OnChange = true
		c.Committed = func(_ context.Context, h feed.Head) { committed <- h }
	})
	stop := w.run(b)
	defer stop()
	for h := range committed {
		if h.Feed == feed.Pages { // the pages are the last commit of the first rebuild
			break
		}
	}
	var mu sync.Mutex
	reads := 0
	w.redis.Server().SetPreHook(func(_ *server.Peer, cmd string, args ...string) bool {
		mu.Lock()
		defer mu.Unlock()
		if strings.EqualFold(cmd, "HGETALL") && len(args) > 0 && strings.HasSuffix(args[0], ":head:main") {
			reads++
		}
		return false
	})
	w.put(post("b"))
	if h := <-committed; h.Feed != feed.Main || len(h.IDs) != 2 {
		t.Errorf("committed %s with posts %v, want main with both", h.Feed, h.IDs)
	}
	mu.Lock()
	defer mu.Unlock()
	if reads != 1 {
		t.Errorf("the head of the main feed was read %d times for one commit, want once", reads)
	}
}
