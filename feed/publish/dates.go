package publish

import (
	"context"
	"errors"
	"slices"
	"time"

	"feedpub/feed"
)

// storeClock is the clock that orders what several processes do.
type storeClock interface {
	// Now returns the store's time.
	Now(ctx context.Context) (time.Time, error)
}

// dates decides whether the date of publication of an item has come. Only a post that was never published is compared
// with a clock, that of the store. That a post was published with a date is a recorded fact: a clock that is set back,
// or the other clock of another server, must neither withdraw the post nor hide from the builder that it is public.
type dates struct {
	now time.Time // of the store, when these dates were read
	// indexed are the posts in the main index whose dates are after now, and these dates.
	indexed map[string]time.Time
	// committed are posts in the documents of the main feed, and when these were committed. A post whose date is not
	// later than that was published with it. They are what is known when the index is lost, as it is whenever the
	// embedded store starts.
	committed map[string]time.Time
}

// come reports whether the date of publication of a post has come. A post without a date has the time at which it was
// first seen, and never waits for it.
func (d dates) come(id string, published, firstSeen time.Time) bool {
	return !published.After(d.now) || published.Equal(firstSeen) || published.Equal(d.indexed[id]) ||
		!published.After(d.committed[id])
}

// readDates reads what come needs. The documents are read once a term: what is published later is in the index.
func (a *absorber) readDates(ctx context.Context, token feed.Token) (dates, error) {
	d := a.dates
	var err error
	if d.now, err = a.store.Now(ctx); err != nil {
		return dates{}, err
	}
	ahead, err := a.index.Range(ctx, feed.Main, feed.Position{Time: d.now}, feed.Position{})
	if err != nil {
		return dates{}, err
	}
	d.indexed = make(map[string]time.Time, len(ahead))
	for _, p := range ahead {
		d.indexed[p.ID] = p.Time
	}
	if a.datesToken != token {
		if d.committed, err = a.committedPosts(ctx, d.now); err != nil {
			return dates{}, err
		}
		a.datesToken = token
	}
	return d, nil
}

// committedPosts returns the posts in the committed and served documents of the main feed that can have a date after
// now, and until when these documents were committed.
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
