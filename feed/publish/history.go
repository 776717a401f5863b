package publish

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"feedpub/feed"
)

// history is the archives of all feeds: by feed, the oldest posts' first.
type history struct {
	archives map[feed.Name][]feed.Archive
	count    int
}

func newHistory(archives []feed.Archive) *history {
	h := &history{archives: map[feed.Name][]feed.Archive{}}
	h.add(archives)
	return h
}

// add adds archives that were closed.
func (h *history) add(archives []feed.Archive) {
	h.count += len(archives)
	for _, a := range archives {
		of, _ := a.Feed.Archived()
		h.archives[of] = append(h.archives[of], a)
	}
	for _, list := range h.archives {
		slices.SortFunc(list, func(a, b feed.Archive) int {
			return cmp.Or(a.Until.Compare(b.Until), cmp.Compare(a.Feed, b.Feed))
		})
	}
}

// at returns in which document of a feed a post stands: the archive whose borders hold it, or the feed's own.
func (h *history) at(n feed.Name, p feed.Position) feed.Name {
	list := h.archives[n]
	i, _ := slices.BinarySearchFunc(list, p, func(a feed.Archive, p feed.Position) int { return a.Until.Compare(p) })
	if i < len(list) {
		return list[i].Feed
	}
	return n
}

// place returns the index of an archive among those of its feed; for a feed itself, how many it has.
func (h *history) place(n feed.Name) (list []feed.Archive, i int) {
	of, _ := n.Archived()
	list = h.archives[of]
	if i = slices.IndexFunc(list, func(a feed.Archive) bool { return a.Feed == n }); i < 0 {
		i = len(list)
	}
	return list, i
}

// span returns between which positions the posts of a feed or an archive stand, as [Feeds] takes them.
func (h *history) span(n feed.Name) (after, upTo feed.Position) {
	list, i := h.place(n)
	if i > 0 {
		after = list[i-1].Until
	}
	if i < len(list) {
		upTo = list[i].Until
	}
	return after, upTo
}

// links returns how the document of a feed or an archive is linked with the others of that feed.
func (h *history) links(n feed.Name) feed.History {
	var l feed.History
	list, i := h.place(n)
	if i > 0 {
		l.Prev = list[i-1].Feed
	}
	if of, number := n.Archived(); number > 0 {
		l.Archive, l.Current = true, of
		if i+1 < len(list) {
			l.Next = list[i+1].Feed
		}
	}
	return l
}

// free returns the least number above those of all archives of a feed.
func (h *history) free(n feed.Name) int {
	highest := 0
	for _, a := range h.archives[n] {
		_, number := a.Feed.Archived()
		highest = max(highest, number)
	}
	return highest + 1
}

// loadHistory reads the archives, unless those that were read before are all there are.
func (p *Publisher) loadHistory(ctx context.Context) error {
	count, err := p.Store.ArchiveCount(ctx)
	if err != nil {
		return err
	}
	if p.history != nil && p.history.count == count {
		return nil
	}
	archives, err := p.Store.Archives(ctx)
	if err != nil {
		return err
	}
	p.history = newHistory(archives)
	return nil
}

// swollen is how many times its feed's limit an archive may hold, for posts that came late, before it is divided.
const swollen = 4

// archive closes archives of what no longer fits into the targets that are to be built, and divides archives that late
// posts have swollen. It returns the targets with those that this touches, archives first: a reader who follows a link
// from a feed to an archive must find it.
func (p *Publisher) archive(ctx context.Context, token feed.Token, targets []target) ([]target, error) {
	touched := map[feed.Name]bool{}
	for _, t := range targets {
		of, number := t.name.Archived()
		ch := p.Catalog.Channel(p.Site, of)
		if !p.stale(t) || number == 0 && !ch.Archives {
			continue
		}
		names, err := p.closeArchives(ctx, token, t.name, ch.Limit)
		if err != nil {
			return nil, fmt.Errorf("archives of %s: %w", of, err)
		}
		for _, n := range names {
			touched[n] = true
		}
	}
	if len(touched) > 0 {
		marks, err := p.marks(ctx)
		if err != nil {
			return nil, err
		}
		for i, t := range targets {
			if touched[t.name] {
				targets[i].dirty, targets[i].mark = true, marks[t.name]
				delete(touched, t.name)
			}
		}
		heads, err := p.heads(ctx, slices.Collect(maps.Keys(touched)))
		if err != nil {
			return nil, err
		}
		for n := range touched {
			targets = append(targets, target{name: n, dirty: true, mark: marks[n], head: heads[n]})
		}
	}
	slices.SortFunc(targets, func(a, b target) int {
		return cmp.Or(cmp.Compare(order(a.name), order(b.name)), cmp.Compare(a.name, b.name))
	})
	return targets, nil
}

// order puts archives before feeds.
func order(n feed.Name) int {
	if _, number := n.Archived(); number > 0 {
		return 0
	}
	return 1
}

// closeArchives records new borders within a feed or an archive that has grown too long, and returns what they touch.
func (p *Publisher) closeArchives(ctx context.Context, token feed.Token, n feed.Name, limit int) ([]feed.Name, error) {
	of, number := n.Archived()
	after, upTo := p.history.span(n)
	posts, err := p.Store.Range(ctx, of, after, upTo)
	if err != nil {
		return nil, err
	}
	if number > 0 && len(posts) <= swollen*limit {
		return nil, nil
	}
	var closed []feed.Archive
	for next := p.history.free(of); len(posts) > limit; next++ {
		k := portion(len(posts), limit)
		if number > 0 && len(posts) <= 2*limit {
			break // the rest is still the archive that was divided
		}
		closed = append(closed, feed.Archive{Feed: of.Archive(next), Until: posts[k-1]})
		posts = posts[k:]
	}
	if len(closed) == 0 {
		return nil, nil
	}
	// What was last before the new borders is linked to the first behind it from now on.
	touched := []feed.Name{n}
	if prev := p.history.links(n).Prev; prev != "" {
		touched = append(touched, prev)
	}
	for _, a := range closed {
		touched = append(touched, a.Feed)
	}
	if err := p.Store.AddArchives(ctx, token, closed, touched); err != nil {
		return nil, err
	}
	p.history.add(closed)
	return touched, nil
}

// portion returns how many of n posts, more than a feed's limit, the next archive takes. A feed that grows post by post
// gives away a quarter at a time: less would make many small archives, more would leave readers who come seldom with
// few posts. One that grows by leaps fills archives to the limit and stays full.
func portion(n, limit int) int { return min(limit, max(n-limit, (limit+3)/4)) }
