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

// TestRefusedAbsorptionIsNotHalfMade: Redis doesn't undo a script, so that what it refuses must be refused at once.
func TestRefusedAbsorptionIsNotHalfMade(t *testing.T) {
	r := storetest.StartRedis(t)
	s := open(t, store.Options{URL: r.URL()}).Site(site)
	it := &feed.Item{ID: "a", Published: time.UnixMilli(0).UTC(), Updated: time.UnixMilli(0).UTC(), HTML: strings.Repeat("x", 1<<20)}
	r.Do("CONFIG SET maxmemory 1")
	err := s.Absorb(t.Context(), feed.Absorption{Token: 1, Next: "1-1", Changes: []feed.Change{{ID: "a", Item: it, Entered: []feed.Name{feed.Main}}}})
	if !errors.Is(err, feed.ErrUnavailable) {
		t.Errorf("Absorb without memory: error is %v; want one of kind %q", err, feed.ErrUnavailable)
	}
	r.Do("CONFIG SET maxmemory 0")
	if size := r.Do("DBSIZE"); size != ":0" {
		t.Errorf("after a refused absorption the server has %s keys; want none", size)
	}
}
