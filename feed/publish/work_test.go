package publish

import (
	"context"
	"slices"
	"sync"
	"testing"

	"feedpub/feed"
)

func TestHooksRunWithoutLock(t *testing.T) {
	calls := 0
	w := newWorkLock(func(context.Context) (func(), error) { return func() {}, nil }, nil, nil)
	w.committed = func(context.Context, feed.Head) {
		calls++
		select {
		case w.working <- struct{}{}:
			<-w.working
		default:
			t.Error("the Committed hook is called with the work lock locked")
		}
	}
	commit := func() error {
		w.headCommitted(feed.Head{Feed: feed.Main})
		if calls%2 != 0 {
			t.Error("the Committed hook is called before the work has ended")
		}
		return nil
	}
	if err := w.do(t.Context(), commit); err != nil || calls != 1 {
		t.Errorf("do = %v with %d calls to the hook, want nil and 1", err, calls)
	}
	calls = 0
	if err := w.doInTurn(t.Context(), commit); err != nil || calls != 1 {
		t.Errorf("doInTurn = %v with %d calls to the hook, want nil and 1", err, calls)
	}
}

func TestHooksRunInOrder(t *testing.T) {
	const goroutines, each = 8, 200
	var got []int
	w := newWorkLock(nil, nil, func(r feed.FeedReport) { got = append(got, r.Items) })
	next := 0
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range each {
				_ = w.do(t.Context(), func() error {
					next++
					w.feedsBuilt([]feed.FeedReport{{Items: next}})
					return nil
				})
			}
		})
	}
	wg.Wait()
	if len(got) != goroutines*each || !slices.IsSorted(got) {
		t.Errorf("%d calls to the Built hook, sorted: %t; want %d in order",
			len(got), slices.IsSorted(got), goroutines*each)
	}
}
