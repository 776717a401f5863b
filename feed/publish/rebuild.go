package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"

	"feedpub/feed"
	"feedpub/feed/build"
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

// targets returns the named feeds, or all that exist or should, in order of their names.
func (p *Publisher) targets(ctx context.Context, names []feed.Name) ([]target, error) {
	dirty, err := p.Store.Dirty(ctx)
	if err != nil {
		return nil, err
	}
	heads, err := p.Store.Heads(ctx)
	if err != nil {
		return nil, err
	}
	found := map[feed.Name]*target{feed.Main: {name: feed.Main}}
	of := func(n feed.Name) *target {
		if found[n] == nil {
			found[n] = &target{name: n}
		}
		return found[n]
	}
	for _, d := range dirty {
		t := of(d.Name)
		t.dirty, t.mark = true, d.Mark
	}
	for _, h := range heads {
		of(h.Feed).head = h
	}
	if p.Seen != nil {
		for _, h := range p.Seen.Heads() {
			if t := of(h.Feed); h.Token > t.head.Token {
				t.lost = true
			}
		}
	}
	if len(names) > 0 {
		for _, n := range names {
			if found[n] == nil {
				return nil, fmt.Errorf("feed %q: %w", n, feed.ErrNotFound)
			}
		}
		maps.DeleteFunc(found, func(n feed.Name, _ *target) bool { return !slices.Contains(names, n) })
	}
	out := make([]target, 0, len(found))
	for _, n := range slices.Sorted(maps.Keys(found)) {
		out = append(out, *found[n])
	}
	return out, p.verify(ctx, out)
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
	absent, err := p.Store.Absent(ctx, hashes...)
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
	names := make([]feed.Name, len(targets))
	for i, t := range targets {
		names[i] = t.name
	}
	full, err := p.Store.Names(ctx, names...)
	if err != nil {
		return nil, fmt.Errorf("rebuild: %w", err)
	}
	reports := make([]feed.FeedReport, 0, len(targets))
	for _, t := range targets {
		r := feed.FeedReport{Feed: t.name, Outcome: feed.Unchanged, Items: len(t.head.IDs)}
		if t.dirty || t.lost || t.head.Config != p.fingerprint {
			r, err = p.rebuildFeed(ctx, token, t, full[t.name])
			if errors.Is(err, feed.ErrStale) || errors.Is(err, feed.ErrUnavailable) || ctx.Err() != nil {
				return reports, fmt.Errorf("rebuild %s: %w", t.name, err)
			}
			if err != nil { // of this feed only: the others go on
				r = feed.FeedReport{Feed: t.name, Outcome: feed.Failed, Items: len(t.head.IDs), Reason: err.Error()}
			}
			p.log(r)
		}
		if p.Observe != nil {
			p.Observe(r)
		}
		reports = append(reports, r)
	}
	return reports, nil
}

func (p *Publisher) log(r feed.FeedReport) {
	switch r.Outcome {
	case feed.Held, feed.Failed:
		p.Logger.Error("feed not committed", "feed", r.Feed, "outcome", r.Outcome, "reason", r.Reason)
	default:
		p.Logger.Info("feed built", "feed", r.Feed, "outcome", r.Outcome, "items", r.Items)
	}
}

// rebuildFeed builds one feed and commits it, unless posts would disappear from it unexplained.
func (p *Publisher) rebuildFeed(ctx context.Context, token feed.Token, t target, fullName string) (feed.FeedReport, error) {
	f, err := p.selectFeed(ctx, t.name, fullName)
	if err != nil {
		return feed.FeedReport{}, err
	}
	previous := t.head
	if p.Seen != nil {
		if seen, ok := p.Seen.Head(t.name); ok && seen.Token > previous.Token {
			previous = seen
		}
	}
	report := feed.FeedReport{Feed: t.name, Items: len(f.Items)}
	vanished, withdrawn, err := p.vanished(ctx, previous, f)
	if err != nil {
		return feed.FeedReport{}, err
	}
	var docs []feed.Document
	ids := itemIDs(f.Items)
	if len(vanished) > 0 {
		report.Outcome, report.Reason = feed.Held, "posts vanished without explanation: "+list(vanished)
		if err := p.Store.SetProblem(ctx, feed.Problem{ID: string(t.name), Kind: feed.KindHeld, Since: p.Clock(), Serving: true,
			Reason: report.Reason + "; the last documents stay until the posts are back or their loss is confirmed by deleting them"}); err != nil {
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
		if docs, setAside, err = p.Renderer.Documents(f); err != nil {
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
	request, err := p.request(f, docs, ids, t)
	if err != nil {
		return feed.FeedReport{}, err
	}
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

// selectFeed reads a feed's items.
func (p *Publisher) selectFeed(ctx context.Context, name feed.Name, fullName string) (feed.Feed, error) {
	ids, err := p.Store.Select(ctx, name, p.Site.Limit)
	if err != nil {
		return feed.Feed{}, err
	}
	found, err := p.Store.Items(ctx, ids...)
	if err != nil {
		return feed.Feed{}, err
	}
	removed, err := p.Store.Removed(ctx, name)
	if err != nil {
		return feed.Feed{}, err
	}
	items := slices.DeleteFunc(found, func(it *feed.Item) bool { return it == nil })
	return build.Feed(p.Site, name, fullName, items, removed), nil
}

// vanished returns the posts of the last documents that the new feed lacks: those without an explanation, and those
// that were withdrawn. An edit, a date in the future, the feed's limit and a changed configuration explain too, but only
// for posts that are still known: what is unknown is lost, whatever else may have changed.
func (p *Publisher) vanished(ctx context.Context, previous feed.Head, f feed.Feed) (unexplained, withdrawn []string, err error) {
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
	full := len(f.Items) >= f.Site.Limit
	for _, st := range stored {
		switch {
		case !st.Record.Removed.IsZero():
			withdrawn = append(withdrawn, st.ID)
		case st.Item == nil:
			unexplained = append(unexplained, st.ID)
		case previous.Config != p.fingerprint:
		case f.Name != feed.Main && !slices.Contains(st.Item.Feeds, f.Name): // edited
		case st.Item.Published.After(p.Clock()): // edited to a future date
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
		body, err := gunzip(blob)
		if err != nil {
			return nil, fmt.Errorf("strike from %s: %w", ref.Path, err)
		}
		struck, err := render.Strike(p.Site.ID, ref.Format, body, ids)
		if err != nil {
			return nil, fmt.Errorf("strike from %s: %w", ref.Path, err)
		}
		docs = append(docs, feed.NewDocument(ref.Format, struck))
	}
	return docs, nil
}

// request prepares the commit of a feed's documents. Bytes that the committed head already names are not sent again.
func (p *Publisher) request(f feed.Feed, docs []feed.Document, ids []string, t target) (feed.CommitRequest, error) {
	c := feed.CommitRequest{
		Head:  feed.Head{Feed: f.Name, Config: p.fingerprint, IDs: ids},
		Now:   p.Clock(),
		Dirty: t.mark,
	}
	for _, d := range docs {
		c.Head.Documents = append(c.Head.Documents, feed.DocumentRef{
			Format: d.Format, Path: f.Name.Path(d.Format), MediaType: d.Format.MediaType(), Link: render.Link(f, d.Format),
			MaxAge: f.Site.TTL, Hash: d.Hash, Length: len(d.Body),
		})
		if committed, ok := t.head.Document(d.Format); ok && committed.Hash == d.Hash && !t.lost {
			continue
		}
		blob, err := compress(d)
		if err != nil {
			return feed.CommitRequest{}, err
		}
		c.Blobs = append(c.Blobs, blob)
	}
	return c, nil
}

// compress returns the document's bytes in gzip coding. Its header holds no time and no name, so that equal documents
// have equal blobs in every build with the same compressor.
func compress(d feed.Document) (feed.Blob, error) {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.DefaultCompression)
	if err != nil {
		return feed.Blob{}, err
	}
	if _, err := w.Write(d.Body); err != nil {
		return feed.Blob{}, err
	}
	if err := w.Close(); err != nil {
		return feed.Blob{}, err
	}
	return feed.Blob{Hash: d.Hash, Gzip: b.Bytes(), Size: len(d.Body)}, nil
}

func gunzip(b feed.Blob) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(b.Gzip))
	if err != nil {
		return nil, err
	}
	out := bytes.NewBuffer(make([]byte, 0, b.Size))
	if _, err := out.ReadFrom(r); err != nil {
		return nil, err
	}
	if feed.HashOf(out.Bytes()) != b.Hash {
		return nil, fmt.Errorf("document %s: its bytes have another hash: %w", b.Hash, feed.ErrInvalid)
	}
	return out.Bytes(), nil
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
