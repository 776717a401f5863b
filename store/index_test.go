package store_test

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"feedpub/store"
	"feedpub/store/storetest"
)

func TestNowOnRedis(t *testing.T) {
	s := open(t, store.Options{URL: storetest.Redis(t)}).Site(site)
	before := time.Now().Truncate(time.Microsecond)
	now, err := s.Now(t.Context())
	if after := time.Now(); err != nil || now.Before(before) || now.After(after) {
		t.Errorf("Now = %v, %v; want a time from %v to %v", now, err, before, after)
	}
}

// TestLastModifiedOfStore checks that a commit without a time uses the store's time and not the builder's clock.
func TestLastModifiedOfStore(t *testing.T) {
	m := miniredis.RunT(t)
	want := time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC)
	m.SetTime(want.Add(999 * time.Millisecond))
	s := open(t, store.Options{URL: "redis://" + m.Addr()}).Site(site)
	if now, err := s.Now(t.Context()); err != nil || !now.Equal(want.Add(999*time.Millisecond)) {
		t.Errorf("Now = %v, %v; want %v", now, err, want.Add(999*time.Millisecond))
	}
	_, head, err := s.Commit(t.Context(), document(1, time.Time{}, "body"))
	if err != nil || !head.Documents[0].Modified.Equal(want) {
		t.Errorf("Commit = %v, %v; want the Last-Modified %v", head, err, want)
	}
}
