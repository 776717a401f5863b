package publish

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sync/errgroup"

	"feedpub/feed"
)

// dirtyLister lists the feeds and archives whose posts have changed since they were committed.
type dirtyLister interface {
	DirtyFeeds(ctx context.Context) ([]feed.DirtyFeed, error)
}

// headReader reads committed heads.
type headReader interface {
	// Head returns the head of a feed. The error is of kind [feed.ErrNotFound] if there is none, and of kind
	// [feed.ErrInvalid] if it cannot be decoded.
	Head(ctx context.Context, name feed.Name) (feed.Head, error)
	// CurrentHeads returns the heads of feeds, except for heads that do not exist or cannot be decoded.
	CurrentHeads(ctx context.Context, names ...feed.Name) ([]feed.Head, error)
	// Heads returns all heads that can be decoded.
	Heads(ctx context.Context) ([]feed.Head, error)
	// StoredHeads is like Heads, but need not decode the heads whose sums are in known; see [feed.StoredHead].
	StoredHeads(ctx context.Context, known map[feed.Name]feed.HeadSum) ([]feed.StoredHead, error)
}

// readAllHeads returns all heads that can be decoded. It decodes only the heads that differ from those that this
// process serves: a scheduled rebuild reads all heads, and usually none has changed.
func readAllHeads(ctx context.Context, heads headReader, replica Replica) ([]feed.Head, error) {
	// The sums are read before the served heads. If a head is replaced in between, its new sum is not among them.
	stored, err := heads.StoredHeads(ctx, replica.Sums())
	if err != nil {
		return nil, err
	}
	all := make([]feed.Head, 0, len(stored))
	for _, h := range stored {
		if served, ok := replica.Head(h.Feed); ok && h.Unchanged {
			h.Head = served
		} else if h.Unchanged { // cannot happen: a replica never stops serving a feed
			if h.Head, err = heads.Head(ctx, h.Feed); err != nil {
				return nil, err
			}
		}
		all = append(all, h.Head)
	}
	return all, nil
}

// target is a feed or an archive to rebuild if it is stale, and its committed state.
type target struct {
	name  feed.Name
	dirty bool
	mark  int64     // mark of a dirty feed; see [feed.DirtyFeed]
	head  feed.Head // zero if there is none
	// lost is set if the store has lost a document of the head, or a later head that this process serves.
	lost bool
	// replaced is set if the store has lost documents that this process serves and now has different ones with the same
	// modification time.
	replaced bool
	// selected contains the items, if they have been read together with those of other feeds.
	selected *feed.FeedItems
}

// targets returns the named feeds and their archives, sorted by name. If none is named, it returns all feeds and
// archives that exist or should exist.
func (r *rebuilder) targets(ctx context.Context, names []feed.Name) ([]target, error) {
	if err := r.archives.load(ctx); err != nil {
		return nil, err
	}
	heads, err := readAllHeads(ctx, r.heads, r.replica)
	if err != nil {
		return nil, err
	}
	marks, err := r.marks(ctx)
	if err != nil {
		return nil, err
	}
	committed := make(map[feed.Name]feed.Head, len(heads))
	for _, h := range heads {
		committed[h.Feed] = h
	}
	exist := r.allNames(committed, marks)
	for _, n := range names {
		if !exist[n] {
			return nil, fmt.Errorf("feed %q: %w", n, feed.ErrNotFound)
		}
	}
	if len(names) > 0 {
		maps.DeleteFunc(exist, func(n feed.Name, _ bool) bool {
			return !slices.Contains(names, n) && !slices.Contains(names, feedOf(n))
		})
	}
	return r.newTargets(ctx, slices.Sorted(maps.Keys(exist)), marks, committed)
}

// allNames returns the feeds and archives that are committed, dirty, served or configured, and all recorded archives.
func (r *rebuilder) allNames(committed map[feed.Name]feed.Head, marks map[feed.Name]int64) map[feed.Name]bool {
	names := map[feed.Name]bool{feed.Main: true}
	for _, s := range r.catalog.Selections {
		names[s.Name] = true
	}
	for n := range marks {
		names[n] = true
	}
	for n := range committed {
		names[n] = true
	}
	for _, h := range r.replica.Heads() {
		names[h.Feed] = true
	}
	for _, list := range r.archives.byFeed {
		for _, a := range list {
			names[a.Feed] = true
		}
	}
	delete(names, feed.Pages)
	return names
}

// dirtyTargets returns the targets for the given dirty feeds and archives, whose marks were read before. It reads no
// data of other feeds: the cost of a change must not grow with the number of feeds.
func (r *rebuilder) dirtyTargets(
	ctx context.Context, names []feed.Name, marks map[feed.Name]int64,
) ([]target, error) {
	var committed map[feed.Name]feed.Head
	g, reading := errgroup.WithContext(ctx)
	g.Go(func() error { return r.archives.load(reading) })
	g.Go(func() (err error) {
		committed, err = r.readHeads(reading, names)
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return r.newTargets(ctx, names, marks, committed)
}

func (r *rebuilder) newTargets(
	ctx context.Context, names []feed.Name, marks map[feed.Name]int64, committed map[feed.Name]feed.Head,
) ([]target, error) {
	targets := make([]target, 0, len(names))
	for _, n := range names {
		mark, dirty := marks[n]
		t := target{name: n, dirty: dirty, mark: mark, head: committed[n]}
		if served, ok := r.replica.Head(n); ok {
			t.lost, t.replaced = served.Later(t.head), replaces(t.head, served)
		}
		targets = append(targets, t)
	}
	return targets, r.findLostDocuments(ctx, targets)
}

// replaces reports whether a head and the served one have different documents with the same modification time and
// token. Modification times only increase, so one of the two belongs to a commit that the store has lost.
func replaces(head, served feed.Head) bool {
	return head.Token == served.Token && slices.ContainsFunc(head.Documents, func(d feed.DocumentRef) bool {
		old, ok := served.Document(d.Format)
		return ok && old.Hash != d.Hash && old.Modified.Equal(d.Modified)
	})
}

// marks returns the marks of the dirty feeds.
func (r *rebuilder) marks(ctx context.Context) (map[feed.Name]int64, error) {
	dirty, err := r.dirty.DirtyFeeds(ctx)
	if err != nil {
		return nil, err
	}
	marks := make(map[feed.Name]int64, len(dirty))
	for _, d := range dirty {
		marks[d.Name] = d.Mark
	}
	return marks, nil
}

// readHeads returns the committed heads of feeds, except for heads that are missing or cannot be decoded.
func (r *rebuilder) readHeads(ctx context.Context, names []feed.Name) (map[feed.Name]feed.Head, error) {
	const many = 64 // minimum number of feeds at which reading all heads is cheaper
	read := r.heads.Heads
	if len(names) < many {
		read = func(ctx context.Context) ([]feed.Head, error) { return r.heads.CurrentHeads(ctx, names...) }
	}
	found, err := read(ctx)
	heads := make(map[feed.Name]feed.Head, len(found))
	for _, h := range found {
		heads[h.Feed] = h
	}
	return heads, err
}

// isStale reports whether a target must be built.
func (r *rebuilder) isStale(t target) bool {
	return t.dirty || t.lost || t.replaced || t.head.Config != r.rendering.fingerprint()
}

// findLostDocuments sets lost for targets with a document that the store has lost.
func (r *rebuilder) findLostDocuments(ctx context.Context, targets []target) error {
	var hashes []feed.Hash
	for _, t := range targets {
		for _, d := range t.head.Documents {
			hashes = append(hashes, d.Hash)
		}
	}
	if len(hashes) == 0 {
		return nil
	}
	absent, err := r.documents.MissingDocuments(ctx, hashes...)
	if err != nil || len(absent) == 0 {
		return err
	}
	lost := map[feed.Hash]bool{}
	for _, h := range absent {
		lost[h] = true
	}
	for i := range targets {
		for _, d := range targets[i].head.Documents {
			targets[i].lost = targets[i].lost || lost[d.Hash]
		}
	}
	return nil
}
