package store_test

import (
	"sync"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/store"
	"feedpub/store/storetest"
)

func TestBuildState(t *testing.T) {
	c, err := store.Open(store.Options{URL: storetest.Redis(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	s := c.Site("build-state")
	if got, err := s.BuildState(t.Context(), "build"); err != nil || got != (feed.BuildState{}) {
		t.Errorf("BuildState of a new site = %+v, %v; want the zero state", got, err)
	}
	token, err := s.Acquire(t.Context(), "build", "me", time.Minute, time.Time{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), feed.RawPost{ID: "a", Raw: []byte(`{"id":"a"}`)}); err != nil {
		t.Fatal(err)
	}
	got, err := s.BuildState(t.Context(), "build")
	if err != nil || got.Builder != "me" || got.Token != token || time.Since(got.Waiting).Abs() > time.Minute {
		t.Errorf("BuildState = %+v, %v; want the builder me, token %d and an entry that waits", got, err, token)
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
		_ = c.Ping(t.Context()) // the outcome is counted
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
