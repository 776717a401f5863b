package publish

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"feedpub/feed"
	"feedpub/feed/build"
	"feedpub/feed/coding"
)

// changeInterval is the minimum time between two rebuilds of a feed that are caused by changes.
const changeInterval = time.Second

// indexReader selects the posts of feeds.
type indexReader interface {
	// Select returns the ids of the newest posts of a feed, up to limit, newest first.
	Select(ctx context.Context, name feed.Name, limit int) ([]string, error)
	// Range returns the positions of a feed's posts that follow the position after, up to and including upTo, oldest
	// first. A zero position means no bound.
	Range(ctx context.Context, name feed.Name, after, upTo feed.Position) ([]feed.Position, error)
	// Counts returns the number of posts in each of the feeds.
	Counts(ctx context.Context, names ...feed.Name) (map[feed.Name]int, error)
	// LastRemoval returns the time at which a post was last removed from a feed, or zero if none was.
	LastRemoval(ctx context.Context, name feed.Name) (time.Time, error)
}

type itemReader interface {
	// Items returns items in the order of ids. An item that does not exist or cannot be decoded is nil.
	Items(ctx context.Context, ids ...string) ([]*feed.Item, error)
	// FeedItems returns, for each of the feeds, the items of its newest posts, up to its limit, and the time at which a
	// post was last removed from it.
	FeedItems(ctx context.Context, limits map[feed.Name]int) (map[feed.Name]feed.FeedItems, error)
}

// rebuilder builds documents from items and commits them. Its methods are called with the work lock held, except for
// compressStable.
type rebuilder struct {
	site       feed.Site
	catalog    feed.Catalog
	scheduled  []feed.Name
	posts      postLoader
	items      itemReader
	index      indexReader
	names      nameReader
	dirty      dirtyLister
	marker     dirtyMarker
	heads      headReader
	documents  documentStore
	problems   problemStore
	notices    feed.NoticeQueues
	rendering  *rendering
	joiner     *coding.Joiner
	archives   *archiveSet
	replica    Replica
	isDue      func(*feed.Item, feed.Record) bool // see absorber.dates
	work       *workLock
	problemLog *problemLog
	history    *history
	clock      func() time.Time
	logger     *slog.Logger

	lastBuilt  map[feed.Name]time.Time // times of the last rebuilds caused by changes
	failedMark map[feed.Name]int64     // marks of dirty feeds that were held or failed; a new mark causes a retry
	list       feedList
	built      builtPages
	// pagesStale is set when posts or the list of feeds have changed since the pages were built.
	pagesStale bool
	// mainWithdrew is set when posts were withdrawn from the main feed since the pages were built. The pages may still
	// show these posts, and must be rebuilt without them.
	mainWithdrew bool
	// rolledBack is set while the store is known to be older than what readers have received. Then only the documents
	// that they have received are committed, without the posts that have been withdrawn since.
	rolledBack bool
	rollback   feed.Problem // reports the rollback if rolledBack is set
}

// rebuildDirty rebuilds the dirty feeds, except those that it rebuilt within the last changeInterval. It returns the
// time after which it must be called again if nothing is submitted.
func (r *rebuilder) rebuildDirty(ctx context.Context, token feed.Token) (time.Duration, error) {
	dirty, err := r.dirty.DirtyFeeds(ctx)
	if err != nil || len(dirty) == 0 {
		return pollInterval, err
	}
	now := r.clock()
	wait := pollInterval
	var names []feed.Name
	marks := make(map[feed.Name]int64, len(dirty))
	for _, d := range dirty {
		marks[d.Name] = d.Mark
		if slices.Contains(r.scheduled, feedOf(d.Name)) || r.failedMark[d.Name] == d.Mark {
			continue
		}
		// rest exceeds the interval only if the clock was set back.
		if rest := r.lastBuilt[d.Name].Add(changeInterval).Sub(now); rest > 0 && rest <= changeInterval {
			wait = min(wait, rest)
			continue
		}
		names = append(names, d.Name)
		r.lastBuilt[d.Name] = now
	}
	if len(names) == 0 {
		return wait, nil
	}
	targets, err := r.dirtyTargets(ctx, names, marks)
	if err != nil {
		return 0, err
	}
	if _, err = r.rebuild(ctx, token, targets); err != nil || !r.pagesStale {
		return wait, err
	}
	return wait, r.rebuildPages(ctx, token)
}

// rebuild builds the stale targets and commits them. It reports on all targets except unchanged archives and pages of
// posts, of which there may be thousands.
func (r *rebuilder) rebuild(ctx context.Context, token feed.Token, targets []target) ([]feed.FeedReport, error) {
	if err := checkReplaced(targets, token); err != nil {
		return nil, err
	}
	var fullNames map[feed.Name]string
	g, reading := errgroup.WithContext(ctx)
	g.Go(func() error { return r.checkRollback(reading) })
	g.Go(func() (err error) {
		fullNames, err = r.fullNames(reading, targets)
		return err
	})
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("rebuild: %w", err)
	}
	targets, err := r.closeFull(ctx, token, targets)
	if err != nil {
		return nil, fmt.Errorf("rebuild: %w", err)
	}
	reports := make([]feed.FeedReport, len(targets))
	err = r.rebuildStages(ctx, token, targets, fullNames, reports)
	if err != nil {
		r.list = feedList{} // a feed may have been committed, but not reported
	}
	for i, rep := range reports {
		if rep.Feed != "" && !rep.Outcome.Current() {
			r.failedMark[rep.Feed] = targets[i].mark
		}
		if targets[i].dirty && !targets[i].name.OfPost() {
			// Without pages for people, only the list of feeds is shown, which rarely changes.
			r.pagesStale = r.pagesStale || r.catalog.Pages || r.list.changes(targets[i].name, rep)
		}
		r.list.update(targets[i].name, rep)
	}
	reports = slices.DeleteFunc(reports, func(rep feed.FeedReport) bool { return rep.Feed == "" })
	r.problemLog.outcomes(reports)
	noteFeeds(ctx, reports)
	r.work.feedsBuilt(reports)
	return reports, err
}

// rebuildStages builds and commits the stale targets in [stages], and sets the report on each.
func (r *rebuilder) rebuildStages(ctx context.Context, token feed.Token, targets []target,
	fullNames map[feed.Name]string, reports []feed.FeedReport) error {
	for i, stage := range stages(targets) {
		// While one feed waits for the store, another is rendered. The documents of each feed are in memory until they are
		// committed.
		atOnce := 2 * runtime.GOMAXPROCS(0)
		if i == postStage {
			atOnce = postsAtOnce
		}
		if i == feedStage { // not earlier, because decoding the items would delay the main feed
			r.selectTogether(ctx, stage, targets)
		}
		if err := r.rebuildStage(ctx, token, stage, atOnce, targets, fullNames, reports); err != nil {
			return err
		}
	}
	return nil
}

// fullNames returns the full names of the feeds of targets. Targets that are added later are archives of these feeds.
func (r *rebuilder) fullNames(ctx context.Context, targets []target) (map[feed.Name]string, error) {
	names := make([]feed.Name, len(targets))
	for i, t := range targets {
		names[i] = feedOf(t.name)
	}
	return r.names.Names(ctx, names...)
}

// checkReplaced returns an error of kind errSuperseded if the store has lost a head and now has a different one with
// the same token. Each replica keeps the head that it has until the feed is committed with a greater token.
func checkReplaced(targets []target, token feed.Token) error {
	for _, t := range targets {
		if t.replaced && t.head.Token == token {
			return fmt.Errorf("%w: the store has lost a commit of %s and has a different one of the same second",
				errSuperseded, t.name)
		}
	}
	return nil
}

// stages returns the indexes of the targets in each stage. The targets of a stage are built concurrently.
func stages(targets []target) [4][]int {
	var stages [4][]int
	for i, t := range targets {
		stage := stageOf(t.name)
		stages[stage] = append(stages[stage], i)
	}
	return stages
}

// The stages in which targets are built, in this order. Pages of posts come before archives, and archives before feeds,
// so that no document links to one that has not been published yet. The main feed, which has the most readers, comes
// before other feeds.
const (
	postStage = iota
	archiveStage
	mainStage
	feedStage
)

func stageOf(n feed.Name) int {
	switch {
	case n.OfPost():
		return postStage
	case isArchive(n):
		return archiveStage
	case n == feed.Main:
		return mainStage
	default:
		return feedStage
	}
}

// postsAtOnce is the number of pages of posts that are built concurrently. The pages are small, and a store on disk
// writes many of them in little more time than it needs for one.
const postsAtOnce = 64

// maxTogether is the maximum number of feeds that are committed together.
const maxTogether = 8

// rebuildStage rebuilds the stale targets of a stage, atOnce of them concurrently, and stores their reports. If a feed
// fails, the others are still rebuilt. A few feeds are committed together, so that replicas read and save their
// documents in one step.
func (r *rebuilder) rebuildStage(
	ctx context.Context, token feed.Token, stage []int, atOnce int, targets []target, fullNames map[feed.Name]string,
	reports []feed.FeedReport,
) error {
	var stale []rebuilt
	for _, i := range stage {
		t := targets[i]
		if r.isStale(t) {
			stale = append(stale, rebuilt{target: t, fullName: fullNames[feedOf(t.name)], index: i})
		} else if !isArchive(t.name) && !t.name.OfPost() {
			reports[i] = feed.FeedReport{Feed: t.name, Outcome: feed.Unchanged, Items: len(t.head.IDs)}
		}
	}
	together := len(stale) > 1 && len(stale) <= maxTogether
	g, building := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for i := range stale {
		b := &stale[i]
		g.Go(func() (err error) {
			if together {
				err = r.build(building, token, b)
			} else {
				err = r.rebuildCurrent(building, token, b)
			}
			if err == nil && b.request != nil {
				return nil
			}
			reports[b.index], err = r.reportOf(building, b, err)
			return err
		})
	}
	if err := g.Wait(); err != nil || !together {
		return err
	}
	return r.commitTogether(ctx, token, stale, reports)
}

// rebuilt is a feed or an archive that is rebuilt.
type rebuilt struct {
	target   target
	fullName string
	index    int // position of the report
	report   feed.FeedReport
	// request is the commit to send. It is nil if the commit was made, or if the feed is held and keeps its documents.
	request *feed.CommitRequest
}

// commitTogether commits feeds that have been built, and stores their reports.
func (r *rebuilder) commitTogether(
	ctx context.Context, token feed.Token, all []rebuilt, reports []feed.FeedReport,
) (failed error) {
	var built []*rebuilt
	var requests []feed.CommitRequest
	for i := range all {
		if b := &all[i]; b.request != nil {
			built, requests = append(built, b), append(requests, *b.request)
		}
	}
	if len(built) == 0 {
		return nil
	}
	end := r.history.time(ctx, feed.CommitStage)
	results := r.documents.CommitAll(ctx, requests)
	end()
	for i, b := range built {
		err := results[i].Err
		if errors.Is(err, feed.ErrStale) {
			err = r.rebuildCurrent(ctx, token, b)
		} else if err == nil {
			r.noteHead(results[i].Outcome, results[i].Head)
			b.committed(results[i].Outcome)
		}
		if reports[b.index], err = r.reportOf(ctx, b, err); err != nil {
			failed = cmp.Or(failed, err)
		}
	}
	return failed
}

// reportOf returns the report on a feed, given the error of rebuilding it. It returns an error only if the other feeds
// must not be rebuilt either.
func (r *rebuilder) reportOf(ctx context.Context, b *rebuilt, err error) (feed.FeedReport, error) {
	t := b.target
	switch {
	case err == nil:
	case errors.Is(err, feed.ErrStale) || errors.Is(err, feed.ErrUnavailable) || ctx.Err() != nil:
		return feed.FeedReport{}, fmt.Errorf("rebuild %s: %w", t.name, err)
	default:
		b.report = feed.FeedReport{Feed: t.name, Outcome: feed.Failed, Items: len(t.head.IDs), Reason: err.Error()}
	}
	r.logger.Debug("feed built", "feed", b.report.Feed, "outcome", b.report.Outcome, "items", b.report.Items)
	return b.report, nil
}

// rebuildCurrent calls rebuildFeed, and calls it again if the feed's head has changed since it was read: a replica may
// have restored a head that the store had lost, and its posts must not vanish.
func (r *rebuilder) rebuildCurrent(ctx context.Context, token feed.Token, b *rebuilt) error {
	const tries = 3
	for try := 1; ; try++ {
		err := r.rebuildFeed(ctx, token, b)
		if try == tries || !errors.Is(err, feed.ErrStale) {
			return err
		}
		t := &b.target
		head, headErr := r.heads.Head(ctx, t.name)
		if headErr != nil || slices.EqualFunc(head.Documents, t.head.Documents, feed.DocumentRef.Equal) {
			return err // a later builder has written
		}
		t.head, t.selected = head, nil
	}
}

// rebuildFeed builds a feed or an archive and commits it, or holds it.
func (r *rebuilder) rebuildFeed(ctx context.Context, token feed.Token, b *rebuilt) error {
	if err := r.build(ctx, token, b); err != nil || b.request == nil {
		return err
	}
	defer r.history.time(ctx, feed.CommitStage)()
	outcome, err := r.send(ctx, *b.request)
	if err == nil {
		b.committed(outcome)
	}
	return err
}

// committed adds the outcome of the commit to the report.
func (b *rebuilt) committed(outcome feed.Outcome) {
	b.report.Items = len(b.request.Head.IDs)
	if b.report.Outcome != feed.Held {
		b.report.Outcome = outcome
	}
	b.request = nil // its documents are no longer needed
}

// build builds a feed or an archive, or holds it if posts would vanish from it without explanation. It sets the report
// and the request of b.
func (r *rebuilder) build(ctx context.Context, token feed.Token, b *rebuilt) error {
	defer r.history.time(ctx, feed.RenderStage)()
	t, ch := b.target, r.catalog.Channel(r.site, b.target.name)
	b.request = nil
	f, err := r.selectFeed(ctx, t, b.fullName, ch)
	if err != nil {
		return err
	}
	previous := t.head
	if served, ok := r.replica.Head(t.name); ok && served.Later(previous) {
		previous = served
	}
	missing, withdrawn, err := r.missing(ctx, previous, f, ch.Limit)
	if err != nil {
		return err
	}
	if t.name == feed.Main && len(withdrawn) > 0 { // needs no lock: no other feed is built at the same time
		r.mainWithdrew = true
	}
	b.report = feed.FeedReport{Feed: t.name, Items: len(f.Items)}
	d, err := r.newDocuments(ctx, f, previous, missing, &b.report)
	if err != nil {
		return err
	}
	if b.report.Outcome == feed.Held {
		if len(withdrawn) == 0 {
			return nil
		}
		// Remove withdrawn posts immediately, even if the rest of the feed is held.
		if d, err = r.withoutPosts(ctx, previous, withdrawn); err != nil {
			return err
		}
		t.mark = 0 // the feed stays dirty
	}
	c := r.commitRequest(f, d, t, r.aliases(t.name, b.fullName, ch.Formats))
	c.Head.Token = token
	b.request = &c
	return nil
}

// newDocuments renders a feed. If the commit must be held, it instead sets the report's outcome and reason.
func (r *rebuilder) newDocuments(
	ctx context.Context, f feed.Feed, previous feed.Head, missing []string, report *feed.FeedReport,
) (d documentSet, err error) {
	remedy := "the posts are restored or each loss is confirmed with: feedpub post delete ID"
	if len(missing) > 0 {
		report.Outcome, report.Reason = feed.Held, unexplained+": "+abbreviate(missing)
		if r.rolledBack {
			report.Reason = rolledBack + ", and " + report.Reason
		}
	} else if r.rolledBack {
		if d, err = r.render(ctx, f); err != nil {
			return d, err
		}
		if !hasDocuments(previous, d) {
			report.Outcome, report.Reason = feed.Held, rolledBack
			remedy = "the rollback is accepted with: feedpub rebuild --accept-rollback"
		}
	}
	if report.Outcome == feed.Held {
		return d, r.setHeld(ctx, *report, remedy)
	}
	g, clearing := errgroup.WithContext(ctx)
	g.Go(func() error { return r.problems.ClearProblem(clearing, feed.KindHeld, string(f.Name)) })
	if !r.rolledBack {
		d, err = r.render(ctx, f)
	}
	return d, cmp.Or(err, g.Wait())
}

// selectFeed returns a feed or an archive with its items, which it reads unless they have been read.
func (r *rebuilder) selectFeed(
	ctx context.Context, t target, fullName string, ch feed.Channel,
) (f feed.Feed, err error) {
	name := t.name
	s := t.selected
	if s == nil || r.hasArchives(name) {
		if s, err = r.selectItems(ctx, name, ch.Limit); err != nil {
			return feed.Feed{}, err
		}
	}
	if isArchive(name) {
		ch.Limit = max(len(s.Items), 1) // late posts may make an archive exceed the limit
	}
	items := slices.DeleteFunc(s.Items, func(it *feed.Item) bool { return it == nil })
	f = build.Channel(r.site, name, fullName, ch, items, s.Removed)
	f.History = r.archives.links(name)
	return f, nil
}

// selectItems reads the items of a feed or an archive.
func (r *rebuilder) selectItems(ctx context.Context, name feed.Name, limit int) (*feed.FeedItems, error) {
	if !r.hasArchives(name) {
		feeds, err := r.items.FeedItems(ctx, map[feed.Name]int{name: limit})
		s := feeds[name]
		return &s, err
	}
	ids, err := r.selectIDs(ctx, name, limit)
	if err != nil {
		return nil, err
	}
	var s feed.FeedItems
	g, reading := errgroup.WithContext(ctx)
	g.Go(func() (err error) {
		s.Items, err = r.items.Items(reading, ids...)
		return err
	})
	g.Go(func() (err error) {
		s.Removed, err = r.index.LastRemoval(reading, name)
		return err
	})
	return &s, g.Wait()
}

// selectTogether reads the items of the feeds of a stage with one call to the store, unless there are many feeds: then
// some are rendered while others are read. If it fails, the items of each feed are read when the feed is built.
func (r *rebuilder) selectTogether(ctx context.Context, stage []int, targets []target) {
	const many = 16
	limits := map[feed.Name]int{}
	for _, i := range stage {
		if n := targets[i].name; r.isStale(targets[i]) && !r.hasArchives(n) {
			limits[n] = r.catalog.Channel(r.site, n).Limit
		}
	}
	if len(limits) < 2 || len(limits) > many {
		return
	}
	feeds, err := r.items.FeedItems(ctx, limits)
	if err != nil {
		return
	}
	for _, i := range stage {
		if s, ok := feeds[targets[i].name]; ok {
			targets[i].selected = &s
		}
	}
}

// hasArchives reports whether n is an archive or a feed with archives, as far as they have been loaded.
func (r *rebuilder) hasArchives(n feed.Name) bool {
	return isArchive(n) || len(r.archives.byFeed[n]) > 0
}

// selectIDs returns the ids of the posts that are in the document of a feed or an archive. If an archive's record is
// lost, it has no posts: they are in other documents of the feed.
func (r *rebuilder) selectIDs(ctx context.Context, name feed.Name, limit int) ([]string, error) {
	if r.archives.isLost(name) {
		return nil, nil
	}
	if len(r.archives.byFeed[feedOf(name)]) == 0 {
		return r.index.Select(ctx, name, limit)
	}
	after, upTo := r.archives.bounds(name)
	posts, err := r.index.Range(ctx, feedOf(name), after, upTo)
	ids := make([]string, len(posts))
	for i, post := range posts {
		ids[i] = post.ID
	}
	return ids, err
}

// missing returns the ids of the posts that are in the last documents but not in the new feed: those that vanished
// without an explanation, and those that were withdrawn. A post may be missing because it was edited, is dated in the
// future, is in a different document of the feed, exceeds the limit, or because the configuration changed. A post
// without an item was lost, so none of these explains why it is missing.
func (r *rebuilder) missing(
	ctx context.Context, previous feed.Head, f feed.Feed, limit int,
) (missing, withdrawn []string, err error) {
	present := make(map[string]bool, len(f.Items))
	for _, it := range f.Items {
		present[it.ID] = true
	}
	gone := slices.DeleteFunc(slices.Clone(previous.IDs), func(id string) bool { return present[id] })
	if len(gone) == 0 {
		return nil, nil, nil
	}
	stored, err := r.posts.Load(ctx, gone)
	if err != nil {
		return nil, nil, err
	}
	for _, st := range stored {
		switch {
		case !st.Record.Removed.IsZero() && !r.isOutdated(st.Record, previous):
			withdrawn = append(withdrawn, st.ID)
		case st.Item == nil:
			missing = append(missing, st.ID)
		case previous.Config != r.rendering.fingerprint(), r.isExplained(st, f, limit):
		default:
			missing = append(missing, st.ID)
		}
	}
	return missing, withdrawn, nil
}

// isExplained reports whether an item is not in a feed because of its own content or because of the limit.
func (r *rebuilder) isExplained(st feed.StoredPost, f feed.Feed, limit int) bool {
	if !r.belongs(st, f.Name) { // the post was edited
		return true
	}
	// A full feed omits posts that are older than its last item.
	return len(f.Items) >= limit && feed.CompareItems(st.Item, f.Items[len(f.Items)-1]) > 0
}

// belongs reports whether a post, which has an item, belongs in the document of a feed or an archive. It does not
// belong there if its tags do not match, if its date is in the future, or if its date places it in a different document
// of the feed.
func (r *rebuilder) belongs(st feed.StoredPost, name feed.Name) bool {
	n, it := feedOf(name), st.Item
	return (n == feed.Main || slices.Contains(it.Feeds, n)) && r.isDue(it, st.Record) &&
		r.archives.documentAt(n, feed.PositionOf(it)) == name
}

// setHeld records a held feed as a problem. remedy says what must happen before the feed is committed again.
func (r *rebuilder) setHeld(ctx context.Context, report feed.FeedReport, remedy string) error {
	return r.problems.SetProblem(ctx, feed.Problem{
		ID: string(report.Feed), Kind: feed.KindHeld, Since: r.clock(), Serving: true,
		Reason: report.Reason + "; the last documents are kept until " + remedy,
	})
}

// abbreviate lists the first few names and the number of remaining ones.
func abbreviate(names []string) string {
	const shown = 5
	if len(names) <= shown {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
}
