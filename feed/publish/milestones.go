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
// may have been lost. The items of a folder are lost whenever the process restarts. Such a post gets no milestones,
// since it was absorbed earlier.
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

// wasPublished reports whether a committed or served document already contains the post of an item. Only the document
// at the item's position in the main feed, or an archive whose boundary was lost, can contain the post.
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

// inLostArchives returns the ids of the posts in those served archives of the main feed that the store has lost. The
// caller must have loaded the archives.
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
