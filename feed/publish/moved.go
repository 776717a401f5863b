package publish

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"feedpub/feed"
)

// dirtyMarker makes feeds and archives dirty.
type dirtyMarker interface {
	MarkDirty(ctx context.Context, names ...feed.Name) error
}

// markMoved makes feeds and archives dirty if their documents contain posts that have moved or were withdrawn. An
// absorption needs the previous version of an item to find the documents that change. The embedded store may have
// neither items nor dirty feeds when it starts, so only the committed heads show which documents contain a post.
// markMoved is called once per term, and again after posts without an item were found, before feeds are reported as
// unchanged.
func (p *Publisher) markMoved(ctx context.Context, token feed.Token) error {
	if p.checkedToken == token && !p.absorber.itemsLost {
		return nil
	}
	removals, err := p.movedPosts(ctx)
	if err != nil {
		return fmt.Errorf("compare heads: %w", err)
	}
	if len(removals) > 0 {
		cursor, err := p.config.Store.Cursor(ctx)
		if err != nil {
			return fmt.Errorf("compare heads: %w", err)
		}
		// Record the removals first: after a crash between the two writes, the heads still show which feeds to mark.
		if err := p.config.Store.Absorb(ctx, feed.Absorption{
			Token: token, Cursor: cursor, Next: cursor, Removals: removals,
		}); err != nil {
			return fmt.Errorf("compare heads: %w", err)
		}
		names := make([]feed.Name, 0, len(removals))
		for n := range removals {
			names = append(names, n)
		}
		slices.Sort(names)
		if err := p.config.Store.MarkDirty(ctx, names...); err != nil {
			return fmt.Errorf("compare heads: %w", err)
		}
		p.config.Logger.Info("documents contain posts that have moved or were withdrawn; rebuilding them",
			"feeds", abbreviate(stringsOf(names)))
	}
	p.checkedToken, p.absorber.itemsLost = token, false
	return nil
}

// movedPosts returns the feeds and archives whose committed documents contain posts that no longer belong there, and
// the times at which the posts were removed from them.
func (p *Publisher) movedPosts(ctx context.Context) (map[feed.Name]time.Time, error) {
	absent, err := p.absentPosts(ctx)
	if err != nil || len(absent) == 0 {
		return nil, err
	}
	stored, err := p.loadAll(ctx, absent)
	if err != nil {
		return nil, err
	}
	removals := map[feed.Name]time.Time{}
	for n, ids := range absent {
		for _, id := range ids {
			switch st := stored[id]; {
			case !st.Record.Removed.IsZero():
				removals[n] = later(removals[n], st.Record.Removed)
			case st.Item == nil: // the item is lost, so the post must not be removed
			case !p.rebuilder.belongs(st, n):
				removals[n] = later(removals[n], p.absorber.dates.now)
			}
		}
	}
	return removals, nil
}

// absentPosts returns, by feed or archive, the posts that are in the committed documents but not in the index. It skips
// documents with a different configuration, which are rebuilt anyway.
func (p *Publisher) absentPosts(ctx context.Context) (map[feed.Name][]string, error) {
	if err := p.absorber.archives.load(ctx); err != nil {
		return nil, err
	}
	heads, err := p.config.Store.Heads(ctx)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	absent := map[feed.Name][]string{}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(4 * runtime.GOMAXPROCS(0)) // more than the number of processors, because each goroutine waits for the store
	for _, h := range heads {
		if len(h.IDs) == 0 || h.Config != p.rebuilder.rendering.fingerprint() {
			continue
		}
		g.Go(func() error {
			ids, err := p.rebuilder.selectIDs(ctx, h.Feed, p.config.Catalog.Channel(p.config.Site, h.Feed).Limit)
			if err != nil {
				return err
			}
			present := make(map[string]bool, len(ids))
			for _, id := range ids {
				present[id] = true
			}
			gone := slices.DeleteFunc(slices.Clone(h.IDs), func(id string) bool { return present[id] })
			if len(gone) > 0 {
				mu.Lock()
				defer mu.Unlock()
				absent[h.Feed] = gone
			}
			return nil
		})
	}
	return absent, g.Wait()
}

// loadAll loads posts and returns them by id.
func (p *Publisher) loadAll(ctx context.Context, byFeed map[feed.Name][]string) (map[string]feed.StoredPost, error) {
	var ids []string
	for _, list := range byFeed {
		ids = append(ids, list...)
	}
	slices.Sort(ids)
	stored := map[string]feed.StoredPost{}
	for chunk := range slices.Chunk(slices.Compact(ids), batchSize) {
		posts, err := p.config.Store.Load(ctx, chunk)
		if err != nil {
			return nil, err
		}
		for _, st := range posts {
			st.Raw = nil // save memory: the raw posts are not needed
			stored[st.ID] = st
		}
	}
	return stored, nil
}

func stringsOf(names []feed.Name) []string {
	list := make([]string, len(names))
	for i, n := range names {
		list[i] = string(n)
	}
	return list
}
