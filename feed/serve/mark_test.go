package serve

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"feedpub/feed"
)

// markers records the calls to MarkServed.
type markers struct {
	mu    sync.Mutex
	err   error
	calls [][]feed.ReachedVersion
}

func (m *markers) MarkServed(_ context.Context, reached ...feed.ReachedVersion) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.calls = append(m.calls, reached)
	}
	return m.err
}

func (m *markers) set(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// versions returns the recorded versions and their ages.
func (m *markers) versions() (all []feed.ReachedVersion) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range m.calls {
		all = append(all, c...)
	}
	return all
}

// TestReplicaMarksServedVersions checks that a replica records each version once, when it serves the documents.
func TestReplicaMarksServedVersions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := newFakeStore(), &markers{}
		s.commit(feed.Main, 1, noon, "first")
		r := startReplica(t, ReplicaConfig{Source: s, Marker: m})
		defer r.stop()
		r.serves(feed.Main, "first")
		s.commit("tags/go", 1, noon, "second")
		r.wait(time.Minute)
		got := m.versions()
		if len(got) != 2 || got[1].Version <= got[0].Version || got[0].Age != 0 || got[1].Age != 0 {
			t.Errorf("the recorded versions are %+v, want two, each recorded immediately", got)
		}
	})
}

// TestReplicaMarksVersionsLater checks that versions that could not be recorded are recorded later, with their age.
func TestReplicaMarksVersionsLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := newFakeStore(), &markers{err: errors.New("no luck")}
		s.commit(feed.Main, 1, noon, "first")
		r := startReplica(t, ReplicaConfig{Source: s, Marker: m})
		defer r.stop()
		r.wait(20 * time.Second)
		s.commit(feed.Main, 1, noon.Add(minute), "second")
		r.wait(20 * time.Second)
		m.set(nil)
		r.wait(10 * time.Second)
		got := m.versions()
		if len(got) != 2 || got[0].Age < 40*time.Second || got[0].Age-got[1].Age != 20*time.Second {
			t.Errorf("the recorded versions are %+v, want two that are 20 s apart", got)
		}
	})
}

// TestReplicaDoesNotMarkUnservedVersions checks that a version is recorded only when all of its documents are served.
func TestReplicaDoesNotMarkUnservedVersions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, m := newFakeStore(), &markers{}
		s.commit(feed.Main, 1, noon, "first")
		blobs := s.blobs
		s.blobs = map[feed.Hash]feed.Blob{}
		r := startReplica(t, ReplicaConfig{Source: s, Marker: m})
		defer r.stop()
		r.wait(time.Minute)
		if got := m.versions(); len(got) != 0 {
			t.Errorf("the versions %+v are recorded although their documents are missing", got)
		}
		s.do(func() { s.blobs = blobs })
		r.wait(time.Minute)
		if got := m.versions(); len(got) != 1 {
			t.Errorf("the recorded versions are %+v, want one", got)
		}
	})
}

// TestReachedIsBounded checks that the number of waiting versions is bounded, and that the first ones are kept.
func TestReachedIsBounded(t *testing.T) {
	var r reached
	for i := range int64(3 * maxReached) {
		if started := r.add(i + 1); started != (i == 0) {
			t.Fatalf("version %d starts a goroutine: %t, want one goroutine for all versions", i+1, started)
		}
	}
	got := r.next()
	if len(got) != maxReached || got[0].Version != 1 || got[maxReached-1].Version != 3*maxReached {
		t.Errorf("%d versions are waiting, from %d to %d; want %d, from 1 to %d", len(got), got[0].Version, got[len(got)-1].Version,
			maxReached, 3*maxReached)
	}
	r.recorded(3 * maxReached)
	if got := r.next(); len(got) != 0 {
		t.Errorf("%+v are still waiting", got)
	}
	if !r.add(3*maxReached + 1) {
		t.Error("a version that is added after all others were recorded starts no goroutine")
	}
}
