package store_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/store"
	"feedpub/store/storetest"
)

func TestStates(t *testing.T) {
	c, err := store.Open(store.Options{URL: storetest.Redis(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	s := c.Site("states")
	token, err := s.Acquire(t.Context(), "build", "me", time.Minute, time.Time{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), feed.RawPost{ID: "a", Raw: []byte(`{"id":"a"}`)}); err != nil {
		t.Fatal(err)
	}
	for _, p := range []feed.Problem{
		{ID: "a:b", Kind: feed.KindRejected}, {ID: "c", Kind: feed.KindRejected}, {ID: "main", Kind: feed.KindHeld},
	} {
		if err := s.SetProblem(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	bound := c.Site("states-bound")
	if _, err := bound.Acquire(t.Context(), "build", feed.BoundOwner("you", "dead"), time.Minute, time.Time{}, 0); err != nil {
		t.Fatal(err)
	}
	// More sites than are read in one round trip.
	ids := []feed.SiteID{"states"}
	for i := range 250 {
		ids = append(ids, feed.SiteID(fmt.Sprint("states-new-", i)))
	}
	ids = append(ids, "states-bound")
	states, err := c.States(t.Context(), "build", ids...)
	if err != nil || len(states) != len(ids) {
		t.Fatalf("States returned %d states and the error %v, want %d states", len(states), err, len(ids))
	}
	got := states[0]
	if b := got.Build; b.Builder != "me" || b.Token != token || time.Since(b.Waiting).Abs() > time.Minute {
		t.Errorf("the build state is %+v; want the builder \"me\", token %d and a waiting entry", b, token)
	}
	want := map[feed.ProblemKind]int{feed.KindRejected: 2, feed.KindHeld: 1}
	if diff := cmp.Diff(want, got.Problems); diff != "" {
		t.Errorf("problems by kind (-want +got):\n%s", diff)
	}
	for i, st := range states[1:251] {
		if st.Build != (feed.BuildState{}) || len(st.Problems) != 0 {
			t.Fatalf("the state of %s is %+v, want the zero state", ids[i+1], st)
		}
	}
	if got := states[251].Build; got.Builder != "" || got.Token == 0 {
		t.Errorf("the build state of a site whose builder has died is %+v, want no builder, and its token", got)
	}
}

func TestObserve(t *testing.T) {
	for _, test := range []struct{ url, want string }{
		{storetest.Redis(t), store.CallOK}, {"redis://127.0.0.1:1", store.CallUnavailable},
	} {
		c, err := store.Open(store.Options{URL: test.url})
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		counts := map[string]int{}
		c.Observe(func(outcome string, d time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			counts[outcome]++
			if d <= 0 {
				t.Errorf("a call took %v", d)
			}
		})
		_ = c.Ping(t.Context()) // ignore the error: its outcome is in counts
		mu.Lock()
		if counts[test.want] == 0 || len(counts) != 1 {
			t.Errorf("%s: counted %v, want only calls with outcome %s", test.url, counts, test.want)
		}
		mu.Unlock()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}
