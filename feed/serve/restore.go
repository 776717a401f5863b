package serve

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"feedpub/feed"
)

// Keeper takes back committed documents that the store has lost, as when it was flushed or restored from an older copy.
// A builder that knows nothing but the store would not miss them: it would build without the posts that are lost too.
type Keeper interface {
	// RestoreHead writes the head and its documents unless the store has a head of the feed that is as late. Blob returns
	// their bytes.
	RestoreHead(ctx context.Context, head feed.Head, blob func(feed.Hash) (feed.Blob, error)) error
}

// giveBack gives the store what is served of the feeds that it has an earlier state of, or none. It is tried again with
// each poll, until the store has taken it or has a later commit.
func (r *Replica) giveBack(ctx context.Context) {
	if r.Keeper == nil {
		return
	}
	heads := r.forgotten()
	given := 0
	for _, head := range heads {
		_, err := within(ctx, 0, func(ctx context.Context) (struct{}, error) {
			return struct{}{}, r.Keeper.RestoreHead(ctx, head, r.Snapshot().edition(head.Feed).blob)
		})
		if err != nil {
			r.Log.Warn("what the store has lost could not be given back; it is tried again", "feed", head.Feed, "error", err)
			break
		}
		given++
	}
	if given > 0 {
		r.Log.Warn("gave the store what it had lost", "feeds", given)
	}
}

// blob returns the bytes of a document of the edition, or an error of kind [feed.ErrNotFound].
func (e *edition) blob(hash feed.Hash) (feed.Blob, error) {
	d := e.find(func(d *document) bool { return d.ref.Hash == hash })
	if d == nil {
		return feed.Blob{}, fmt.Errorf("document %s is served no more: %w", hash, feed.ErrNotFound)
	}
	_, h, err := d.load()
	if err != nil {
		return feed.Blob{}, fmt.Errorf("document %s: %w", hash, err)
	}
	return feed.Blob{Hash: hash, Gzip: h.gzip, Size: d.ref.Length}, nil
}

// forgotten returns the heads that are served and that the store has lost, the latest last: a builder that waits for it
// knows by it that the others are there.
func (r *Replica) forgotten() []feed.Head {
	r.mu.Lock()
	refused := make([]refusal, 0, len(r.refused))
	for _, x := range r.refused {
		if x.forgotten() {
			refused = append(refused, x)
		}
	}
	r.mu.Unlock()
	var heads []feed.Head
	for _, x := range refused {
		if head, ok := r.Head(x.head.Feed); ok && (x.cause == lost || head.Later(x.head)) {
			heads = append(heads, head)
		}
	}
	slices.SortFunc(heads, func(a, b feed.Head) int {
		return cmp.Or(cmp.Compare(a.Token, b.Token), a.Feed.Compare(b.Feed))
	})
	return heads
}
