package serve

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// Restorer restores committed documents that a store has lost, for example because it was flushed or restored from an
// older copy. A builder without a replica does not notice the loss, and builds feeds without the lost posts.
type Restorer interface {
	// RestoreHead writes the head and its documents unless the store has the same or a later head of the feed. blob
	// returns the bytes of a document.
	RestoreHead(ctx context.Context, head feed.Head, blob func(feed.Hash) (feed.Blob, error)) error
}

// restoreLost restores the served heads that are missing from the store or later than the store's heads. It runs with
// each poll until the store has each head or a later one.
func (r *Replica) restoreLost(ctx context.Context) {
	if r.Restorer == nil {
		return
	}
	heads := r.lostHeads()
	restored := 0
	for _, head := range heads {
		_, err := within(ctx, 0, func(ctx context.Context) (struct{}, error) {
			return struct{}{}, r.Restorer.RestoreHead(ctx, head, r.Snapshot().edition(head.Feed).blob)
		})
		if err != nil {
			r.Log.Warn("cannot restore a lost feed; retrying", "feed", head.Feed, "error", err)
			break
		}
		restored++
	}
	if restored > 0 {
		r.Log.Warn("restored feeds that the store had lost", "feeds", restored)
	}
}

// blob returns the bytes of a document of the edition. The error is of kind [feed.ErrNotFound] if there is none.
func (e *edition) blob(hash feed.Hash) (feed.Blob, error) {
	d := e.find(func(d *document) bool { return d.ref.Hash == hash })
	if d == nil {
		return feed.Blob{}, fmt.Errorf("document %s is no longer served: %w", hash, feed.ErrNotFound)
	}
	_, p, err := d.load()
	if err != nil {
		return feed.Blob{}, fmt.Errorf("document %s: %w", hash, err)
	}
	return feed.Blob{Hash: hash, Gzip: p.bodies[coding.Gzip], Size: d.ref.Length, Bounds: d.bounds}, nil
}

// lostHeads returns the served heads that the store has lost, in ascending order of their tokens. A builder may wait
// only for the latest head, so all other heads must be restored first.
func (r *Replica) lostHeads() []feed.Head {
	r.mu.Lock()
	behind := make([]mismatch, 0, len(r.mismatches))
	for _, x := range r.mismatches {
		if x.storeIsBehind() {
			behind = append(behind, x)
		}
	}
	r.mu.Unlock()
	var heads []feed.Head
	for _, x := range behind {
		if head, ok := r.Head(x.head.Feed); ok && (x.cause == lost || head.Later(x.head)) {
			heads = append(heads, head)
		}
	}
	slices.SortFunc(heads, func(a, b feed.Head) int {
		return cmp.Or(cmp.Compare(a.Token, b.Token), a.Feed.Compare(b.Feed))
	})
	return heads
}
