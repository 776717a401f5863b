package serve

import (
	"context"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

// restoringStore is a fake store that implements [Restorer] as package store does.
type restoringStore struct {
	*fakeStore
	restored []feed.Name // restored feeds in order
}

func (k *restoringStore) RestoreHead(_ context.Context, head feed.Head, blob func(feed.Hash) (feed.Blob, error)) error {
	if k.down != nil {
		return k.down
	}
	blobs := map[feed.Hash]feed.Blob{}
	for _, d := range head.Documents {
		b, err := blob(d.Hash)
		if err != nil {
			return err
		}
		blobs[d.Hash] = b
	}
	late := false
	k.do(func() {
		if late = head.Later(k.heads[head.Feed]); late {
			k.heads[head.Feed] = head
			maps.Copy(k.blobs, blobs)
			k.restored = append(k.restored, head.Feed)
		}
	})
	if late {
		k.announce(head.Feed)
	}
	return nil
}

// TestReplicaRestoresLostHeads checks that a replica writes the heads that a store has lost. A builder without a
// replica needs them to find the posts that readers have received.
func TestReplicaRestoresLostHeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &restoringStore{fakeStore: newFakeStore()}
		old := k.commit(feed.Main, 1, noon, "old")
		k.commit("tags/b", 1, noon, "same")
		before := maps.Clone(k.blobs)
		r := startReplica(t, ReplicaConfig{Source: k, Restorer: k})
		defer r.stop()
		newest := k.commit(feed.Main, 9, later, "new")
		k.commit("tags/a", 8, later, "only new")
		r.wait(time.Second)
		if r.restoreLost(t.Context()); len(k.restored) > 0 {
			t.Errorf("restored %v, want none: no head is lost", k.restored)
		}
		// The store is restored from an older copy: its version is lower, one feed is older, and another is missing.
		k.do(func() {
			k.heads[feed.Main] = old
			delete(k.heads, "tags/a")
			k.blobs, k.stream, k.version = before, nil, 1
		})
		r.wait(2 * defaultPoll)
		r.serves(feed.Main, "new")
		r.serves("tags/a", "only new")
		if diff := cmp.Diff([]feed.Name{"tags/a", feed.Main}, k.restored); diff != "" {
			t.Errorf("restored feeds in order (-want +got):\n%s", diff)
		}
		k.do(func() {
			if diff := cmp.Diff(newest, k.heads[feed.Main]); diff != "" {
				t.Errorf("restored head (-want +got):\n%s", diff)
			}
		})
		r.checkProblems()
	})
}

// TestReplicaRestoresAfterFlushAndCommit checks that a replica notices that the store was flushed even if a builder has
// since committed a feed. In that case, the announced version equals the version of the store.
func TestReplicaRestoresAfterFlushAndCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &restoringStore{fakeStore: newFakeStore()}
		k.commit(feed.Main, 1, noon, "main")
		k.commit("tags/a", 1, noon, "tag")
		r := startReplica(t, ReplicaConfig{Source: k, Restorer: k})
		defer r.stop()
		r.wait(defaultPoll + time.Second)
		k.do(func() {
			clear(k.heads)
			clear(k.blobs)
		})
		k.commit(feed.Pages, 2, later, "index") // after a flush, the lease is lost too, so the token is greater
		r.wait(2 * defaultPoll)
		if diff := cmp.Diff([]feed.Name{feed.Main, "tags/a"}, k.restored); diff != "" {
			t.Errorf("restored feeds in order (-want +got):\n%s", diff)
		}
		r.serves(feed.Main, "main")
	})
}

func TestReplicaRetriesRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &restoringStore{fakeStore: newFakeStore()}
		k.commit(feed.Main, 5, noon, "text")
		refusing := &fullStore{restoringStore: k, refuse: true}
		r := startReplica(t, ReplicaConfig{Source: k, Restorer: refusing})
		defer r.stop()
		k.do(func() { clear(k.heads); k.version = 0 })
		r.wait(2 * defaultPoll)
		k.do(func() { refusing.refuse = false })
		r.wait(2 * defaultPoll)
		if diff := cmp.Diff([]feed.Name{feed.Main}, k.restored); diff != "" {
			t.Errorf("restored feeds (-want +got):\n%s", diff)
		}
	})
}

// fullStore is a restoringStore whose writes fail.
type fullStore struct {
	*restoringStore
	refuse bool
}

func (k *fullStore) RestoreHead(ctx context.Context, h feed.Head, blob func(feed.Hash) (feed.Blob, error)) error {
	if k.refuse {
		return feed.ErrUnavailable
	}
	return k.restoringStore.RestoreHead(ctx, h, blob)
}
