package publish

import (
	"context"
	"errors"
	"slices"
	"time"

	"feedpub/feed"
)

// storeClock is the clock that the processes of a site share.
type storeClock interface {
	// Now returns the store's time.
	Now(ctx context.Context) (time.Time, error)
}

// dates decides whether an item's publication date has passed. It compares the date with the store's clock only if the
// post was never published with that date. This way, a clock that is set back or differs between servers cannot
// withdraw a published post or make the builder treat it as unpublished.
type dates struct {
	now time.Time // the store's time when the dates were read
	// indexed maps the posts in the main index that are dated after now to their dates.
	indexed map[string]time.Time
	// committed maps posts in the main feed's documents to the times of their commits. If the date of a post is not later
	// than that commit, the post has already been published with this date. It is needed when the index is lost, which
	// happens whenever the embedded store starts.
	committed map[string]time.Time
	// lost contains the posts in lost archives of the main feed; see inLostArchives.
	lost  map[string]bool
	token feed.Token // token of the term in which committed and lost were read
}

// passed reports whether a post's publication date has passed. A post without a date gets the time at which it was
// first seen, and is always due.
func (d dates) passed(id string, published, firstSeen time.Time) bool {
	return !published.After(d.now) || published.Equal(firstSeen) || published.Equal(d.indexed[id]) ||
		!published.After(d.committed[id])
}

// readDates returns the dates at the store's time. It reads documents only once per term, since posts that are
// published later are in the index.
func (a *absorber) readDates(ctx context.Context, token feed.Token, w feed.Waiting) (dates, error) {
	d := a.dates
	d.now, d.indexed = w.Now, make(map[string]time.Time, len(w.Ahead))
	for _, p := range w.Ahead {
		d.indexed[p.ID] = p.Time
	}
	if d.token != token {
		var err error
		if d.committed, err = a.committedPosts(ctx, d.now); err != nil {
			return dates{}, err
		}
		d.lost = a.inLostArchives()
		d.token = token
	}
	return d, nil
}

// committedPosts returns the ids of the posts in the committed or served documents of the main feed, each with the time
// of its last commit. It skips archives whose posts are all dated before now.
func (a *absorber) committedPosts(ctx context.Context, now time.Time) (map[string]time.Time, error) {
	if err := a.archives.load(ctx); err != nil {
		return nil, err
	}
	names := []feed.Name{feed.Main}
	for _, archive := range a.archives.byFeed[feed.Main] {
		if archive.Until.Time.After(now) {
			names = append(names, archive.Feed)
		}
	}
	committed := map[string]time.Time{}
	for _, n := range names {
		head, err := a.heads.Head(ctx, n)
		if err != nil && !errors.Is(err, feed.ErrNotFound) && !errors.Is(err, feed.ErrInvalid) {
			return nil, err
		}
		served, _ := a.replica.Head(n)
		for _, h := range []feed.Head{head, served} {
			for _, id := range h.IDs {
				committed[id] = later(committed[id], lastCommit(h))
			}
		}
	}
	return committed, nil
}

// lastCommit returns the end of the second in which the documents of a head last changed.
func lastCommit(h feed.Head) time.Time {
	if len(h.Documents) == 0 {
		return time.Time{}
	}
	newest := slices.MaxFunc(h.Documents, func(a, b feed.DocumentRef) int { return a.Modified.Compare(b.Modified) })
	return newest.Modified.Add(time.Second - time.Nanosecond)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
