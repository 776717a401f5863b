package publish

import (
	"context"
	"errors"
	"slices"

	"feedpub/feed"
)

// documentContents maps feeds and archives to the ids of the posts in their documents.
type documentContents map[feed.Name]map[string]bool

// noteNew sets Absorbed if the post is absorbed for the first time. A post without an item is not always new: its item
// may have been lost, as are those of a folder when the process restarts. Such a post gets no milestones, since it was
// absorbed earlier.
func (p *placement) noteNew(ctx context.Context, d *decision) error {
	if d.previous != nil || d.Item == nil || d.removed {
		return nil
	}
	published, err := p.wasPublished(ctx, d.Item)
	if err == nil && !published {
		d.Absorbed = p.dates.now
	}
	return err
}

// wasPublished reports whether the documents that were committed or are served already contain an item's post. Only the
// document at the item's position in the main feed, or an archive whose boundary was lost, can contain it.
func (p *placement) wasPublished(ctx context.Context, it *feed.Item) (bool, error) {
	n := p.archives.documentAt(feed.Main, feed.PositionOf(it))
	if p.contents[n] == nil {
		served, _ := p.replica.Head(n)
		ids := slices.Clone(served.IDs)
		if isArchive(n) {
			committed, err := p.heads.Head(ctx, n)
			if err != nil && !errors.Is(err, feed.ErrNotFound) && !errors.Is(err, feed.ErrInvalid) {
				return false, err
			}
			ids = append(ids, committed.IDs...)
		}
		p.contents[n] = map[string]bool{}
		for _, id := range ids {
			p.contents[n][id] = true
		}
	}
	_, published := p.dates.committed[it.ID] // the posts of the main feed when the term began, as in dates.lost
	return published || p.contents[n][it.ID] || p.dates.lost[it.ID], nil
}

// inLostArchives returns the posts in served archives of the main feed that the store has lost. These can be any of the
// archives. The archives must be loaded.
func (a *absorber) inLostArchives() map[string]bool {
	posts := map[string]bool{}
	for _, h := range a.replica.Heads() {
		if feedOf(h.Feed) != feed.Main || !a.archives.isLost(h.Feed) {
			continue
		}
		for _, id := range h.IDs {
			posts[id] = true
		}
	}
	return posts
}
