package publish

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"feedpub/feed"
	"feedpub/feed/build"
	"feedpub/feed/render"
)

// newestPosts is the number of posts that the index shows.
const newestPosts = 10

// feedList is what the pages show about each committed feed. It is kept during a term, because there may be thousands
// of feeds and most do not change. Archives and pages of posts are not in it.
type feedList struct {
	token  feed.Token
	newest []string          // ids of the newest posts in the documents of the main feed
	items  map[feed.Name]int // number of items in the feed's documents
	counts map[feed.Name]int // number of posts in the feed; a feed has no entry if its number must be read
}

// update records the result of a rebuild. The report is zero if the feed was not built.
func (l *feedList) update(name feed.Name, r feed.FeedReport) {
	delete(l.counts, feedOf(name))
	if l.items != nil && r.Feed != "" && !isArchive(name) && !name.OfPost() && r.Outcome.Current() {
		l.items[name] = r.Items
	}
}

// changes reports whether a rebuild adds a feed to the list, or changes whether it has items.
func (l *feedList) changes(name feed.Name, r feed.FeedReport) bool {
	if l.items == nil {
		return true // the list is unknown
	}
	before, ok := l.items[name]
	return r.Feed != "" && !isArchive(name) && r.Outcome.Current() && (!ok || (before == 0) != (r.Items == 0))
}

// setNewest records the posts of the main feed's documents.
func (l *feedList) setNewest(main feed.Head) { l.newest = main.IDs[:min(newestPosts, len(main.IDs))] }

// builtPages describes the pages that were built last.
type builtPages struct {
	token  feed.Token // token of the term in which they were built; 0 if that failed
	hashes []feed.Hash
}

// rebuildPages builds the pages that show the newest posts and list the site's feeds, and commits them if they have
// changed.
func (r *rebuilder) rebuildPages(ctx context.Context, token feed.Token) error {
	if r.rolledBack && !r.mainWithdrew {
		return nil // replicas restore the pages
	}
	r.built = builtPages{}
	if err := r.commitPages(ctx, token); err != nil {
		return fmt.Errorf("rebuild pages: %w", err)
	}
	r.built.token, r.pagesStale, r.mainWithdrew = token, false, false
	return nil
}

// checkPages rebuilds the pages if they may have changed since they were built in this term, or if the store has lost
// them.
func (r *rebuilder) checkPages(ctx context.Context, token feed.Token) error {
	if r.built.token != token || r.pagesStale || r.mainWithdrew {
		return r.rebuildPages(ctx, token)
	}
	t, err := r.pagesTarget(ctx)
	if err != nil {
		return fmt.Errorf("rebuild pages: %w", err)
	}
	if r.isStale(t) || !slices.Equal(hashesOf(t.head.Documents), r.built.hashes) {
		return r.rebuildPages(ctx, token)
	}
	return nil
}

// hashesOf returns the hashes of documents.
func hashesOf(documents []feed.DocumentRef) []feed.Hash {
	hashes := make([]feed.Hash, len(documents))
	for i, d := range documents {
		hashes[i] = d.Hash
	}
	return hashes
}

// pagesTarget returns the pages and their committed state.
func (r *rebuilder) pagesTarget(ctx context.Context) (target, error) {
	heads, err := r.readHeads(ctx, []feed.Name{feed.Pages})
	if err != nil {
		return target{}, err
	}
	targets, err := r.newTargets(ctx, []feed.Name{feed.Pages}, nil, heads)
	if err != nil {
		return target{}, err
	}
	return targets[0], nil
}

func (r *rebuilder) commitPages(ctx context.Context, token feed.Token) error {
	t, err := r.pagesTarget(ctx)
	if err != nil {
		return err
	}
	entries, err := r.entries(ctx, token)
	if err != nil {
		return err
	}
	newest, err := r.newest(ctx)
	if err != nil {
		return err
	}
	docs, err := r.pages(entries, newest)
	if err != nil {
		return err
	}
	c := r.commitRequest(feed.Feed{Site: r.site, Name: feed.Pages}, documentSet{documents: docs}, t, nil)
	same := slices.EqualFunc(c.Head.Documents, t.head.Documents, func(a, b feed.DocumentRef) bool {
		a.Modified = b.Modified // ignore the modification time, which the store sets
		return a.Equal(b)
	})
	r.built.hashes = hashesOf(c.Head.Documents)
	if same && !r.isStale(t) {
		return nil
	}
	c.Head.Token = token
	_, err = r.send(ctx, c)
	return err
}

// entries returns the site's list of feeds.
func (r *rebuilder) entries(ctx context.Context, token feed.Token) ([]render.Entry, error) {
	l := &r.list
	if l.items == nil || l.token != token {
		heads, err := readAllHeads(ctx, r.heads, r.replica)
		if err != nil {
			return nil, err
		}
		*l = feedList{token: token, items: make(map[feed.Name]int), counts: make(map[feed.Name]int)}
		feeds, _ := feed.FeedsOf(heads)
		for _, h := range feeds {
			l.items[h.Feed] = len(h.IDs)
			if h.Feed == feed.Main {
				l.setNewest(h)
			}
		}
	}
	var listed, unread []feed.Name
	for _, n := range slices.SortedFunc(maps.Keys(l.items), feed.Name.Compare) {
		if !r.isListed(n, l.items[n]) {
			continue
		}
		listed = append(listed, n)
		if _, ok := l.counts[n]; !ok {
			unread = append(unread, n)
		}
	}
	if r.catalog.Pages {
		counts, err := r.index.Counts(ctx, unread...)
		if err != nil {
			return nil, err
		}
		maps.Copy(l.counts, counts)
	}
	if len(listed) == 0 {
		return nil, nil
	}
	fullNames, err := r.names.Names(ctx, listed...)
	if err != nil {
		return nil, err
	}
	entries := make([]render.Entry, len(listed))
	for i, n := range listed {
		entries[i] = Entry(r.site, r.catalog, n, fullNames[n])
		entries[i].Posts = l.counts[n]
	}
	return entries, nil
}

// newest returns the newest posts of the main feed's documents that are still published. Posts that are not in the
// documents, or whose new version belongs elsewhere, are not shown before the feed itself is rebuilt.
func (r *rebuilder) newest(ctx context.Context) ([]*feed.Item, error) {
	// A store that was rolled back has earlier versions of posts, so none are shown.
	if !r.catalog.Pages || len(r.list.newest) == 0 || r.rolledBack {
		return nil, nil
	}
	stored, err := r.posts.Load(ctx, r.list.newest)
	if err != nil {
		return nil, err
	}
	var items []*feed.Item
	for _, st := range stored {
		if st.Item != nil && st.Record.Removed.IsZero() && r.belongs(st, feed.Main) {
			items = append(items, st.Item)
		}
	}
	return items, nil
}

// isListed reports whether the pages list a committed feed that has the given number of items.
func (r *rebuilder) isListed(n feed.Name, items int) bool {
	if slices.Contains(r.catalog.Unlisted, n) {
		return false
	}
	_, configured := r.catalog.Selection(n)
	return n == feed.Main || configured || items > 0
}

// pages renders the index, the list of feeds as OPML, the style sheets, and the pages for status codes.
func (r *rebuilder) pages(entries []render.Entry, newest []*feed.Item) ([]feed.Document, error) {
	renderer := r.rendering.renderer()
	var docs []feed.Document
	if r.catalog.Pages {
		index, err := renderer.Index(r.site, entries, newest)
		if err != nil {
			return nil, err
		}
		errorPages, err := renderer.ErrorPages(r.site)
		if err != nil {
			return nil, err
		}
		docs = append(append(docs, index), errorPages...)
		if style, ok := render.SiteStyle(r.site); ok {
			docs = append(docs, style)
		}
	}
	opml, err := render.OPML(r.site, entries)
	if err != nil {
		return nil, err
	}
	return append(docs, opml, renderer.StyleSheet(r.site, r.catalog.Pages)), nil
}

// Entry returns the entry of a feed in the site's list of feeds. The full name is the name of the feed's tag, author or
// source.
func Entry(site feed.Site, c feed.Catalog, n feed.Name, fullName string) render.Entry {
	f := build.Channel(site, n, fullName, c.Channel(site, n), nil, time.Time{})
	return render.Entry{Name: n, Title: f.Title, Label: fullName, Description: f.Description, Formats: f.Formats}
}
