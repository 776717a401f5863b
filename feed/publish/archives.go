package publish

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"feedpub/feed"
)

// archiveStore keeps the boundaries of archives. Archives are added, but never changed or removed.
type archiveStore interface {
	Archives(ctx context.Context) ([]feed.Archive, error)
	ArchiveCount(ctx context.Context) (int, error)
	// AddArchives records archives and makes feeds dirty, in one step.
	AddArchives(ctx context.Context, token feed.Token, archives []feed.Archive, dirty []feed.Name) error
}

// feedOf returns the feed that n is an archive of, or n itself.
func feedOf(n feed.Name) feed.Name {
	n, _ = n.Archived()
	return n
}

func isArchive(n feed.Name) bool {
	_, number := n.Archived()
	return number > 0
}

// archiveSet holds the archives of all feeds. It is used with the work lock held.
type archiveSet struct {
	store  archiveStore
	byFeed map[feed.Name][]feed.Archive // archives of each feed, oldest posts first
	count  int
}

// load reads the archives unless none were added since the last load.
func (s *archiveSet) load(ctx context.Context) error {
	count, err := s.store.ArchiveCount(ctx)
	if err != nil {
		return err
	}
	if s.byFeed != nil && s.count == count {
		return nil
	}
	archives, err := s.store.Archives(ctx)
	if err != nil {
		return err
	}
	s.byFeed, s.count = map[feed.Name][]feed.Archive{}, 0
	s.add(archives)
	return nil
}

// add adds newly closed archives.
func (s *archiveSet) add(archives []feed.Archive) {
	s.count += len(archives)
	for _, a := range archives {
		n := feedOf(a.Feed)
		s.byFeed[n] = append(s.byFeed[n], a)
	}
	for _, list := range s.byFeed {
		slices.SortFunc(list, func(a, b feed.Archive) int {
			return cmp.Or(a.Until.Compare(b.Until), cmp.Compare(a.Feed, b.Feed))
		})
	}
}

// documentAt returns the name of the document that contains the post at a position in a feed: an archive or the feed
// itself.
func (s *archiveSet) documentAt(n feed.Name, p feed.Position) feed.Name {
	list := s.byFeed[n]
	i, _ := slices.BinarySearchFunc(list, p, func(a feed.Archive, p feed.Position) int { return a.Until.Compare(p) })
	if i < len(list) {
		return list[i].Feed
	}
	return n
}

// index returns the archives of a feed and the index of n among them; for the feed itself, the index is the number of
// archives.
func (s *archiveSet) index(n feed.Name) (list []feed.Archive, i int) {
	list = s.byFeed[feedOf(n)]
	if i = slices.IndexFunc(list, func(a feed.Archive) bool { return a.Feed == n }); i < 0 {
		i = len(list)
	}
	return list, i
}

// bounds returns the range of post positions in the document of a feed or an archive; see [indexReader].
func (s *archiveSet) bounds(n feed.Name) (after, upTo feed.Position) {
	list, i := s.index(n)
	if i > 0 {
		after = list[i-1].Until
	}
	if i < len(list) {
		upTo = list[i].Until
	}
	return after, upTo
}

// isLost reports whether n is an archive without a record. Its documents can outlive the record if a store loses data:
// replicas restore documents.
func (s *archiveSet) isLost(n feed.Name) bool {
	return isArchive(n) && !slices.ContainsFunc(s.byFeed[feedOf(n)], func(a feed.Archive) bool { return a.Feed == n })
}

// links returns the links from the document of a feed or an archive to other documents of that feed.
func (s *archiveSet) links(n feed.Name) feed.History {
	var l feed.History
	if s.isLost(n) {
		return feed.History{Archive: true, Current: feedOf(n)}
	}
	list, i := s.index(n)
	if i > 0 {
		l.Prev = list[i-1].Feed
	}
	if isArchive(n) {
		l.Archive, l.Current = true, feedOf(n)
		if i+1 < len(list) {
			l.Next = list[i+1].Feed
		}
	}
	return l
}

// nextNumber returns the number of the next archive of a feed. Numbers are never reused.
func (s *archiveSet) nextNumber(n feed.Name) int {
	highest := 0
	for _, a := range s.byFeed[n] {
		_, number := a.Feed.Archived()
		highest = max(highest, number)
	}
	return highest + 1
}

// An archive is divided when late posts have made it larger than divideFactor times the feed's limit.
const divideFactor = 4

// closeFull moves posts that exceed the limit of a target to new archives, and divides archives that have grown too
// large. It returns the targets and any other affected feeds and archives, archives first: a link from a feed to an
// archive must not be published before the archive.
func (r *rebuilder) closeFull(ctx context.Context, token feed.Token, targets []target) ([]target, error) {
	if r.rolledBack {
		return targets, nil // boundaries are never removed, so they must not depend on posts that may be withdrawn
	}
	// The posts of lost archives may need new archives, so first the feeds that contain these posts become stale.
	targets, err := r.reopenLost(ctx, token, targets)
	if err != nil {
		return nil, err
	}
	affected := map[feed.Name]bool{}
	for _, t := range targets {
		ch := r.catalog.Channel(r.site, feedOf(t.name))
		if !r.isStale(t) || !isArchive(t.name) && !ch.Archives {
			continue
		}
		names, err := r.closeArchives(ctx, token, t.name, ch.Limit)
		if err != nil {
			return nil, fmt.Errorf("archives of %s: %w", feedOf(t.name), err)
		}
		for _, n := range names {
			affected[n] = true
		}
	}
	if targets, err = r.addTargets(ctx, targets, affected); err != nil {
		return nil, err
	}
	slices.SortFunc(targets, func(a, b target) int {
		return cmp.Or(cmp.Compare(min(stageOf(a.name), 1), min(stageOf(b.name), 1)), cmp.Compare(a.name, b.name))
	})
	return targets, nil
}

// reopenLost marks all documents of each feed with a lost archive as dirty, and adds them to the targets. The posts of
// the lost archive are now in these documents, which no longer link to it.
func (r *rebuilder) reopenLost(ctx context.Context, token feed.Token, targets []target) ([]target, error) {
	affected := map[feed.Name]bool{}
	for _, t := range targets {
		if !r.archives.isLost(t.name) || len(t.head.IDs) == 0 {
			continue
		}
		names := r.documentsOf(feedOf(t.name), t.name)
		if err := r.archives.store.AddArchives(ctx, token, nil, names); err != nil {
			return nil, fmt.Errorf("archives of %s: %w", feedOf(t.name), err)
		}
		for _, n := range names {
			affected[n] = true
		}
	}
	return r.addTargets(ctx, targets, affected)
}

// documentsOf returns the names n and more, followed by the names of the archives of feed n.
func (r *rebuilder) documentsOf(n feed.Name, more ...feed.Name) []feed.Name {
	names := append([]feed.Name{n}, more...)
	for _, a := range r.archives.byFeed[n] {
		names = append(names, a.Feed)
	}
	return names
}

// addTargets marks the affected feeds and archives as dirty, and adds any that are not targets yet.
func (r *rebuilder) addTargets(ctx context.Context, targets []target, affected map[feed.Name]bool) ([]target, error) {
	if len(affected) == 0 {
		return targets, nil
	}
	marks, err := r.marks(ctx)
	if err != nil {
		return nil, err
	}
	for i, t := range targets {
		if affected[t.name] {
			targets[i].dirty, targets[i].mark = true, marks[t.name]
			delete(affected, t.name)
		}
	}
	heads, err := r.readHeads(ctx, slices.Sorted(maps.Keys(affected)))
	if err != nil {
		return nil, err
	}
	for n := range affected {
		targets = append(targets, target{name: n, dirty: true, mark: marks[n], head: heads[n]})
	}
	return targets, nil
}

// closeArchives moves posts of n, a feed or an archive, to new archives if n has grown too large. It returns the names
// of the documents that change.
func (r *rebuilder) closeArchives(ctx context.Context, token feed.Token, n feed.Name, limit int) ([]feed.Name, error) {
	of := feedOf(n)
	if r.archives.isLost(n) {
		return nil, nil
	}
	after, upTo := r.archives.bounds(n)
	posts, err := r.index.Range(ctx, of, after, upTo)
	if err != nil {
		return nil, err
	}
	if isArchive(n) && len(posts) <= divideFactor*limit {
		return nil, nil
	}
	var closed []feed.Archive
	for next := r.archives.nextNumber(of); len(posts) > limit; next++ {
		if isArchive(n) && len(posts) <= 2*limit {
			break // the remaining posts stay in the divided archive
		}
		size := archiveSize(len(posts), limit)
		closed = append(closed, feed.Archive{Feed: of.Archive(next), Until: posts[size-1]})
		posts = posts[size:]
	}
	if len(closed) == 0 {
		return nil, nil
	}
	affected := []feed.Name{n}
	if prev := r.archives.links(n).Prev; prev != "" {
		affected = append(affected, prev) // its link to the next archive now refers to the first new archive
	}
	for _, a := range closed {
		affected = append(affected, a.Feed)
	}
	if err := r.archives.store.AddArchives(ctx, token, closed, affected); err != nil {
		return nil, err
	}
	r.archives.add(closed)
	return affected, nil
}

// archiveSize returns the number of posts to move to the next archive from a feed of n posts, where n must be greater
// than limit. A feed that grows post by post moves a quarter of its limit at a time: fewer posts would make many small
// archives, and more would leave few posts for subscribers that poll rarely. A feed that grows by many posts fills
// archives to the limit and stays full.
func archiveSize(n, limit int) int { return min(limit, max(n-limit, (limit+3)/4)) }
