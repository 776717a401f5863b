package publish

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"feedpub/feed"
	"feedpub/feed/build"
	"feedpub/feed/coding"
	"feedpub/feed/render"
)

// target is a feed to look at, and what is known of it.
type target struct {
	name  feed.Name
	dirty bool
	mark  int64
	head  feed.Head // the committed one; zero if there is none
	// lost says that the committed documents cannot be relied upon: a blob is gone, or the head is older than one that
	// was served.
	lost bool
}

// targets returns the named feeds and their archives, or all that exist or should, in order of their names.
func (p *Publisher) targets(ctx context.Context, names []feed.Name) ([]target, error) {
	if err := p.loadHistory(ctx); err != nil {
		return nil, err
	}
	heads, err := p.Store.Heads(ctx)
	if err != nil {
		return nil, err
	}
	marks, err := p.marks(ctx)
	if err != nil {
		return nil, err
	}
	found := map[feed.Name]bool{feed.Main: true}
	for _, s := range p.Catalog.Selections {
		found[s.Name] = true
	}
	for n := range marks {
		found[n] = true
	}
	committed := make(map[feed.Name]feed.Head, len(heads))
	for _, h := range heads {
		committed[h.Feed], found[h.Feed] = h, true
	}
	if p.Seen != nil {
		for _, h := range p.Seen.Heads() {
			found[h.Feed] = true
		}
	}
	for _, list := range p.history.archives {
		for _, a := range list {
			found[a.Feed] = true
		}
	}
	delete(found, feed.Pages)
	for _, n := range names {
		if !found[n] {
			return nil, fmt.Errorf("feed %q: %w", n, feed.ErrNotFound)
		}
	}
	if len(names) > 0 {
		maps.DeleteFunc(found, func(n feed.Name, _ bool) bool {
			of, _ := n.Archived()
			return !slices.Contains(names, n) && !slices.Contains(names, of)
		})
	}
	return p.look(ctx, slices.Sorted(maps.Keys(found)), marks, committed)
}

// touched returns the given dirty feeds and archives, with no look at any other: what a change costs must not grow with
// the number of feeds.
func (p *Publisher) touched(ctx context.Context, names []feed.Name) ([]target, error) {
	if err := p.loadHistory(ctx); err != nil {
		return nil, err
	}
	marks, err := p.marks(ctx)
	if err != nil {
		return nil, err
	}
	committed, err := p.heads(ctx, names)
	if err != nil {
		return nil, err
	}
	return p.look(ctx, names, marks, committed)
}

// look returns what is known of feeds.
func (p *Publisher) look(ctx context.Context, names []feed.Name, marks map[feed.Name]int64, committed map[feed.Name]feed.Head) ([]target, error) {
	targets := make([]target, 0, len(names))
	for _, n := range names {
		mark, dirty := marks[n]
		t := target{name: n, dirty: dirty, mark: mark, head: committed[n]}
		if p.Seen != nil {
			if seen, ok := p.Seen.Head(n); ok && seen.Later(t.head) {
				t.lost = true
			}
		}
		targets = append(targets, t)
	}
	return targets, p.verify(ctx, targets)
}

// marks returns the dirty feeds with their marks.
func (p *Publisher) marks(ctx context.Context) (map[feed.Name]int64, error) {
	dirty, err := p.Store.DirtyFeeds(ctx)
	if err != nil {
		return nil, err
	}
	marks := make(map[feed.Name]int64, len(dirty))
	for _, d := range dirty {
		marks[d.Name] = d.Mark
	}
	return marks, nil
}

// manyHeads is from how many on it is cheaper to read all heads in one go.
const manyHeads = 64

// heads returns the committed heads of feeds, without those that have none.
func (p *Publisher) heads(ctx context.Context, names []feed.Name) (map[feed.Name]feed.Head, error) {
	heads := make(map[feed.Name]feed.Head, len(names))
	if len(names) >= manyHeads {
		all, err := p.Store.Heads(ctx)
		for _, h := range all {
			heads[h.Feed] = h
		}
		return heads, err
	}
	for _, n := range names {
		h, err := p.Store.Head(ctx, n)
		switch {
		case errors.Is(err, feed.ErrNotFound), errors.Is(err, feed.ErrInvalid): // built anew
		case err != nil:
			return nil, err
		default:
			heads[n] = h
		}
	}
	return heads, nil
}

// stale reports whether a target must be built.
func (p *Publisher) stale(t target) bool {
	return t.dirty || t.lost || t.head.Config != p.fingerprint()
}

// verify finds documents that heads promise and the store does not have.
func (p *Publisher) verify(ctx context.Context, targets []target) error {
	var hashes []feed.Hash
	for _, t := range targets {
		for _, d := range t.head.Documents {
			hashes = append(hashes, d.Hash)
		}
	}
	if len(hashes) == 0 {
		return nil
	}
	absent, err := p.Store.MissingDocuments(ctx, hashes...)
	if err != nil || len(absent) == 0 {
		return err
	}
	gone := map[feed.Hash]bool{}
	for _, h := range absent {
		gone[h] = true
	}
	for i := range targets {
		for _, d := range targets[i].head.Documents {
			targets[i].lost = targets[i].lost || gone[d.Hash]
		}
	}
	return nil
}

// rebuild builds the targets that need it and reports on all.
func (p *Publisher) rebuild(ctx context.Context, token feed.Token, targets []target) ([]feed.FeedReport, error) {
	targets, err := p.archive(ctx, token, targets)
	if err != nil {
		return nil, fmt.Errorf("rebuild: %w", err)
	}
	names := make([]feed.Name, len(targets))
	for i, t := range targets {
		names[i], _ = t.name.Archived()
	}
	full, err := p.Store.Names(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("rebuild: %w", err)
	}
	reports := make([]feed.FeedReport, len(targets))
	for _, some := range inTurn(targets) {
		g, building := errgroup.WithContext(ctx)
		g.SetLimit(feedsAtOnce())
		for _, i := range some {
			t := targets[i]
			if !p.stale(t) {
				if _, number := t.name.Archived(); number == 0 { // there may be thousands, and nothing happened to them
					reports[i] = feed.FeedReport{Feed: t.name, Outcome: feed.Unchanged, Items: len(t.head.IDs)}
				}
				continue
			}
			g.Go(func() error {
				r, err := p.rebuildFeed(building, token, t, full[names[i]])
				switch {
				case err == nil:
				case errors.Is(err, feed.ErrStale) || errors.Is(err, feed.ErrUnavailable) || building.Err() != nil:
					return fmt.Errorf("rebuild %s: %w", t.name, err)
				default: // of this feed only: the others go on
					r = feed.FeedReport{Feed: t.name, Outcome: feed.Failed, Items: len(t.head.IDs), Reason: err.Error()}
				}
				if r.Outcome != feed.Held && r.Outcome != feed.Failed {
					p.Logger.Info("feed built", "feed", r.Feed, "outcome", r.Outcome, "items", r.Items)
				}
				reports[i] = r
				return nil
			})
		}
		if err = g.Wait(); err != nil {
			break
		}
	}
	for i, r := range reports {
		if r.Outcome == feed.Held || r.Outcome == feed.Failed {
			p.stuck[r.Feed] = targets[i].mark
		}
		p.relist = p.relist || listed(targets[i], r)
	}
	reports = slices.DeleteFunc(reports, func(r feed.FeedReport) bool { return r.Feed == "" })
	p.told.feeds(p.Logger, reports)
	if p.Observe != nil {
		for _, r := range reports {
			p.Observe(r)
		}
	}
	return reports, err
}

// feedsAtOnce is how many feeds are built side by side: while one waits for the store, another is rendered. It also
// bounds the memory, for each holds its documents until they are committed.
func feedsAtOnce() int { return 2 * runtime.GOMAXPROCS(0) }

// inTurn parts targets into those that are built side by side: archives before feeds, for a reader who follows a link
// from a feed to an archive must find it; and the main feed, which most readers wait for, before all other feeds.
func inTurn(targets []target) [3][]int {
	var turns [3][]int
	for i, t := range targets {
		turn := 2
		if _, number := t.name.Archived(); number > 0 {
			turn = 0
		} else if t.name == feed.Main {
			turn = 1
		}
		turns[turn] = append(turns[turn], i)
	}
	return turns
}

// rebuildFeed builds one feed and commits it, unless posts would disappear from it unexplained.
func (p *Publisher) rebuildFeed(ctx context.Context, token feed.Token, t target, fullName string) (feed.FeedReport, error) {
	ch := p.Catalog.Channel(p.Site, t.name)
	f, err := p.selectFeed(ctx, t.name, fullName, ch)
	if err != nil {
		return feed.FeedReport{}, err
	}
	previous := t.head
	if p.Seen != nil {
		if seen, ok := p.Seen.Head(t.name); ok && seen.Later(previous) {
			previous = seen
		}
	}
	report := feed.FeedReport{Feed: t.name, Items: len(f.Items)}
	vanished, withdrawn, err := p.vanished(ctx, previous, f, ch.Limit)
	if err != nil {
		return feed.FeedReport{}, err
	}
	var docs []feed.Document
	ids := itemIDs(f.Items)
	if len(vanished) > 0 {
		report.Outcome, report.Reason = feed.Held, unexplained+": "+list(vanished)
		if err := p.Store.SetProblem(ctx, feed.Problem{ID: string(t.name), Kind: feed.KindHeld, Since: p.Clock(), Serving: true,
			Reason: report.Reason + "; the last documents stay until the posts are back or each loss is confirmed with: feedpub post delete ID"}); err != nil {
			return feed.FeedReport{}, err
		}
		if len(withdrawn) == 0 {
			return report, nil
		}
		// What was withdrawn on purpose leaves at once, even from documents that are otherwise held.
		if docs, err = p.strike(ctx, previous, withdrawn); err != nil {
			return feed.FeedReport{}, err
		}
		ids = slices.DeleteFunc(slices.Clone(previous.IDs), func(id string) bool { return slices.Contains(withdrawn, id) })
		t.mark = 0 // still dirty: what is held must be looked at again
	} else {
		var setAside []feed.Problem
		if docs, setAside, err = p.documents(f); err != nil {
			return feed.FeedReport{}, err
		}
		for _, pr := range setAside {
			pr.Since = p.Clock()
			if err := p.Store.SetProblem(ctx, pr); err != nil {
				return feed.FeedReport{}, err
			}
			ids = slices.DeleteFunc(ids, func(id string) bool { return id == pr.ID })
		}
		if err := p.Store.ClearProblem(ctx, feed.KindHeld, string(t.name)); err != nil {
			return feed.FeedReport{}, err
		}
	}
	request := p.request(f, docs, ids, t, p.aliases(t.name, fullName, ch.Formats))
	request.Head.Token = token
	outcome, _, err := p.Store.Commit(ctx, request)
	if err != nil {
		return feed.FeedReport{}, err
	}
	report.Items = len(ids)
	if report.Outcome != feed.Held {
		report.Outcome = outcome
	}
	return report, nil
}

// selectFeed reads the items of a feed or an archive.
func (p *Publisher) selectFeed(ctx context.Context, name feed.Name, fullName string, ch feed.Channel) (feed.Feed, error) {
	of, number := name.Archived()
	var ids []string
	var err error
	if len(p.history.archives[of]) == 0 {
		ids, err = p.Store.Select(ctx, name, ch.Limit)
	} else {
		after, upTo := p.history.span(name)
		var posts []feed.Position
		posts, err = p.Store.Range(ctx, of, after, upTo)
		for _, post := range posts {
			ids = append(ids, post.ID)
		}
	}
	if err != nil {
		return feed.Feed{}, err
	}
	if number > 0 {
		ch.Limit = max(len(ids), 1) // what came late has its place too
	}
	found, err := p.Store.Items(ctx, ids...)
	if err != nil {
		return feed.Feed{}, err
	}
	removed, err := p.Store.LastRemoval(ctx, name)
	if err != nil {
		return feed.Feed{}, err
	}
	items := slices.DeleteFunc(found, func(it *feed.Item) bool { return it == nil })
	f := build.Channel(p.Site, name, fullName, ch, items, removed)
	f.History = p.history.links(name)
	return f, nil
}

// vanished returns the posts of the last documents that the new feed lacks: those without an explanation, and those
// that were withdrawn. An edit, a date in the future, an archive, the feed's limit and a changed configuration explain
// too, but only for posts that are still known: what is unknown is lost, whatever else may have changed.
func (p *Publisher) vanished(ctx context.Context, previous feed.Head, f feed.Feed, limit int) (unexplained, withdrawn []string, err error) {
	now := make(map[string]bool, len(f.Items))
	for _, it := range f.Items {
		now[it.ID] = true
	}
	var gone []string
	for _, id := range previous.IDs {
		if !now[id] {
			gone = append(gone, id)
		}
	}
	if len(gone) == 0 {
		return nil, nil, nil
	}
	stored, err := p.Store.Load(ctx, gone)
	if err != nil {
		return nil, nil, err
	}
	full := len(f.Items) >= limit
	of, _ := f.Name.Archived()
	for _, st := range stored {
		switch {
		case !st.Record.Removed.IsZero():
			withdrawn = append(withdrawn, st.ID)
		case st.Item == nil:
			unexplained = append(unexplained, st.ID)
		case previous.Config != p.fingerprint():
		case of != feed.Main && !slices.Contains(st.Item.Feeds, of): // edited
		case st.Item.Published.After(p.Clock()): // edited to a future date
		case p.history.at(of, feed.PositionOf(st.Item)) != f.Name: // in another document of the same feed
		case full && feed.CompareItems(st.Item, f.Items[len(f.Items)-1]) > 0: // older than the oldest that has room
		default:
			unexplained = append(unexplained, st.ID)
		}
	}
	return unexplained, withdrawn, nil
}

// strike returns the committed documents of a head without some of their items.
func (p *Publisher) strike(ctx context.Context, head feed.Head, ids []string) ([]feed.Document, error) {
	docs := make([]feed.Document, 0, len(head.Documents))
	for _, ref := range head.Documents {
		blob, err := p.Store.Blob(ctx, ref.Hash)
		if errors.Is(err, feed.ErrNotFound) && p.Seen != nil {
			if b, ok := p.Seen.Blob(ref.Hash); ok {
				blob, err = b, nil
			}
		}
		if err != nil {
			return nil, fmt.Errorf("strike from %s: %w", ref.Path, err)
		}
		body, err := unpack(blob)
		if err != nil {
			return nil, fmt.Errorf("strike from %s: %w", ref.Path, err)
		}
		struck, err := render.Remove(p.Site.ID, ref.Format, body, ids)
		if err != nil {
			return nil, fmt.Errorf("strike from %s: %w", ref.Path, err)
		}
		docs = append(docs, feed.NewDocument(ref.Format, struck))
	}
	return docs, nil
}

// request prepares the commit of a feed's documents. Bytes that the committed head already names are not sent again.
func (p *Publisher) request(
	f feed.Feed, docs []feed.Document, ids []string, t target, aliases map[feed.Format][]string,
) feed.CommitRequest {
	c := feed.CommitRequest{
		Head:     feed.Head{Feed: f.Name, Config: p.fingerprint(), IDs: ids},
		Previous: &t.head,
		Now:      p.Clock(),
		Dirty:    t.mark,
	}
	var fresh []feed.Document
	committed := t.head
	if t.lost {
		committed = feed.Head{}
	}
	for _, d := range docs {
		c.Head.Documents = append(c.Head.Documents, p.reference(f, d, aliases, committed))
		if committed, ok := t.head.Document(d.Format); !ok || committed.Hash != d.Hash || t.lost {
			fresh = append(fresh, d)
		}
	}
	// Concurrently, since the main feed is built alone.
	c.Blobs = make([]feed.Blob, len(fresh))
	var g sync.WaitGroup
	for i, d := range fresh {
		g.Go(func() { c.Blobs[i] = feed.Blob{Hash: d.Hash, Gzip: coding.Gzip.Pack(d.Body), Size: len(d.Body)} })
	}
	g.Wait()
	return c
}

// unpack returns a document in identity coding, or an error of kind [feed.ErrInvalid] if it does not have its hash.
func unpack(b feed.Blob) ([]byte, error) {
	body, err := coding.Body(b)
	if err != nil {
		return nil, fmt.Errorf("document %s: %w", b.Hash, err)
	}
	if got := feed.HashOf(body); got != b.Hash {
		return nil, fmt.Errorf("document %s: its bytes have the hash %s: %w", b.Hash, got, feed.ErrInvalid)
	}
	return body, nil
}

func itemIDs(items []*feed.Item) []string {
	ids := make([]string, len(items))
	for i, it := range items {
		ids[i] = it.ID
	}
	return ids
}

// list names a few of the ids and counts the rest.
func list(ids []string) string {
	const shown = 5
	if len(ids) <= shown {
		return strings.Join(ids, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(ids[:shown], ", "), len(ids)-shown)
}
