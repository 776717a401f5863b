package serve

import (
	"errors"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

// fullRead is the maximum time between two reads of all heads.
const fullRead = pollsPerFull*defaultPoll + defaultPoll

// TestReplicaDecodesOnlyChangedHeads checks that a read of all heads decodes only the heads that differ from the served
// ones.
func TestReplicaDecodesOnlyChangedHeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.commit(feed.Main, 1, noon, "first")
		store.commit("tags/a", 1, noon, "a")
		store.commit("tags/b", 1, noon, "b")
		r := run(t, store, "")
		defer r.stop()
		decodes := func(when string, want ...feed.Name) {
			t.Helper()
			store.do(func() { clear(store.calls) })
			r.wait(fullRead)
			store.do(func() {
				if store.calls["Heads"] == 0 {
					t.Errorf("%s: heads have not been read", when)
				}
				if diff := cmp.Diff(want, store.decoded); diff != "" {
					t.Errorf("%s: decoded heads (-want +got):\n%s", when, diff)
				}
			})
		}
		decodes("nothing has changed")
		store.commit("tags/a", 1, later, "new")
		decodes("after a commit", "tags/a") // Head returns no sum
		decodes("after the next read")

		// The announcement and the change of the version were both missed.
		store.mute = true
		store.commit("tags/b", 1, later, "newer")
		store.do(func() { store.version-- })
		decodes("after an unnoticed commit", "tags/b")
		r.serves("tags/a", "new")
		r.serves("tags/b", "newer")
		decodes("after it was applied")
		r.checkProblems()
	})
}

// TestUnchangedHeadsKeepProblems checks that a head that could not be applied is decoded with each read, and that a
// problem ends when the store has the served head again.
func TestUnchangedHeadsKeepProblems(t *testing.T) {
	for _, test := range []struct {
		name    string
		damage  func(s *fakeStore)
		decodes []feed.Name // the heads that each read decodes
	}{
		{"rolled back", func(s *fakeStore) {
			s.heads[feed.Main], _ = commit(feed.Main, 4, noon.Add(-minute), "old")
		}, []feed.Name{feed.Main}},
		{"lost", func(s *fakeStore) { delete(s.heads, feed.Main) }, nil},
		{"invalid", func(s *fakeStore) { s.unread = map[feed.Name]error{feed.Main: feed.ErrInvalid} }, nil},
		{"without documents", func(s *fakeStore) {
			s.heads[feed.Main], _ = commit(feed.Main, 6, later, "new")
		}, []feed.Name{feed.Main}},
		{"with an unreadable document", func(s *fakeStore) {
			head, _ := commit(feed.Main, 6, later, "new")
			s.heads[feed.Main], s.wrong = head, head.Documents[0].Hash
		}, []feed.Name{feed.Main}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newFakeStore()
				store.commit(feed.Main, 5, noon, "text")
				store.commit("tags/a", 5, noon, "a")
				r := run(t, store, "")
				defer r.stop()
				r.wait(fullRead)
				before := maps.Clone(store.heads)
				store.do(func() { test.damage(store) }) // the version stays the same
				for range 2 {
					r.wait(fullRead)
					r.checkProblems("main")
					r.serves(feed.Main, "text")
					store.do(func() {
						if diff := cmp.Diff(test.decodes, store.decoded); diff != "" {
							t.Errorf("decoded heads (-want +got):\n%s", diff)
						}
					})
				}
				store.do(func() { store.heads, store.unread = before, nil })
				r.wait(fullRead)
				r.checkProblems()
				r.serves(feed.Main, "text")
			})
		})
	}
}

// TestReplicaRetriesUnchangedHead checks that a replica applies a head whose documents the store has restored, although
// the head itself has not changed.
func TestReplicaRetriesUnchangedHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.commit(feed.Main, 1, noon, "first")
		r := run(t, store, "")
		defer r.stop()
		r.wait(fullRead)
		head, blobs := commit(feed.Main, 2, later, "second")
		store.do(func() { store.heads[feed.Main] = head })
		r.wait(2 * fullRead)
		r.serves(feed.Main, "first")
		r.checkProblems("main")
		store.do(func() {
			for _, b := range blobs {
				store.blobs[b.Hash] = b
			}
		})
		r.wait(defaultPoll)
		r.serves(feed.Main, "second")
		r.checkProblems()
	})
}

// TestReplicaForgetsReplacedSums checks that a replica notices if the store returns to an earlier head, whose sum the
// replica knew, and that it then restores the later head.
func TestReplicaForgetsReplacedSums(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &restoringStore{fakeStore: newFakeStore()}
		old := k.commit(feed.Main, 1, noon, "old")
		r := startReplica(t, ReplicaConfig{Source: k, Restorer: k})
		defer r.stop()
		r.wait(fullRead)
		newest := k.commit(feed.Main, 1, later, "new")
		r.wait(time.Second) // too short for a read of all heads
		k.do(func() { k.heads[feed.Main] = old })
		r.wait(fullRead)
		k.do(func() {
			if diff := cmp.Diff(newest, k.heads[feed.Main]); diff != "" {
				t.Errorf("head in the store (-want +got):\n%s", diff)
			}
		})
		r.serves(feed.Main, "new")
		r.wait(fullRead)
		r.checkProblems()
	})
}

// TestSumsSurviveFailures checks that failed reads do not lose changes.
func TestSumsSurviveFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.commit(feed.Main, 1, noon, "first")
		r := run(t, store, "")
		defer r.stop()
		store.do(func() { store.down = errors.New("timeout") })
		r.wait(minute)
		store.mute = true
		store.commit(feed.Main, 1, later, "second")
		r.serves(feed.Main, "first")
		store.do(func() { store.down = nil })
		r.wait(defaultPoll)
		r.serves(feed.Main, "second")
		r.checkProblems()
	})
}
