package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/store"
	"feedpub/store/storetest"
)

// TestAbsorbWithoutMemoryWritesNothing checks that a server that is out of memory rejects the script before its first
// write, since Redis does not roll back scripts.
func TestAbsorbWithoutMemoryWritesNothing(t *testing.T) {
	r := storetest.StartRedis(t)
	s := open(t, store.Options{URL: r.URL()}).Site(site)
	epoch := time.UnixMilli(0).UTC()
	it := &feed.Item{ID: "a", Published: epoch, Updated: epoch, HTML: strings.Repeat("x", 1<<20)}
	r.Do("CONFIG SET maxmemory 1")
	err := s.Absorb(t.Context(), feed.Absorption{Token: 1, Next: "1-1", Changes: []feed.Change{
		{ID: "a", Item: it, Entered: []feed.Name{feed.Main}},
	}})
	if !errors.Is(err, feed.ErrUnavailable) {
		t.Errorf("Absorb without memory: error is %v; want one of kind %q", err, feed.ErrUnavailable)
	}
	r.Do("CONFIG SET maxmemory 0")
	if size := r.Do("DBSIZE"); size != ":0" {
		t.Errorf("the server has %s keys after a failed Absorb; want 0", size)
	}
}
