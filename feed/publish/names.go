package publish

import (
	"cmp"
	"context"
	"errors"
	"html"
	"slices"
	"strings"

	"feedpub/feed"
	"feedpub/feed/build"
	"feedpub/feed/pathname"
	"feedpub/feed/render"
)

type nameReader interface {
	// Names returns the full names recorded for the named family feeds, or for all family feeds if none is named.
	Names(ctx context.Context, names ...feed.Name) (map[feed.Name]string, error)
}

// feedAssigner decides which feeds an item is in, by its tags, authors and sources and by the configured selections.
type feedAssigner struct {
	names     nameReader
	canonical func(publication string) feed.Source
	selector  *build.Selector
	// site is set if posts without a URL get a page of their own.
	site *feed.Site
	home string // URL of the site's home page
	// posts is set if the URLs of posts are built from a pattern, so that two posts may have the same URL.
	posts postLoader
}

// needsPage reports whether a post gets a page because it has no URL.
func (f feedAssigner) needsPage(it *feed.Item) bool { return it.URL == "" && f.site != nil }

// membership is a family feed that an item is in, with the full name as written in the item.
type membership struct {
	family feed.Family
	full   string
}

// memberships returns the family feeds that an item is in, in the item's order.
func (f feedAssigner) memberships(it *feed.Item) []membership {
	var out []membership
	add := func(family feed.Family, full string) {
		if full = strings.TrimSpace(full); full != "" {
			out = append(out, membership{family, full})
		}
	}
	for _, t := range it.Tags {
		add(feed.Tags, t)
	}
	for _, author := range it.Authors {
		add(feed.Authors, author.Name)
	}
	for _, q := range it.Quotes {
		if !q.Certain {
			continue // one mention in prose does not create a feed
		}
		add(feed.Sources, f.canonical(q.Source.Publication).Publication)
	}
	return out
}

// assign returns the names of the feeds that an item is in, sorted. It adds the full names of these feeds, and the
// owners of page names and URLs, to record. If a different post has the item's URL, assign removes the URL from the
// item and returns the id of that post.
func (f feedAssigner) assign(
	ctx context.Context, names *nameTable, record map[feed.Name]string, it *feed.Item,
) (list []feed.Name, holder string, err error) {
	var feeds []feed.Name
	var lookupErr error
	recorded := func(n feed.Name) (string, bool) {
		full, ok, err := names.lookUp(ctx, n)
		lookupErr = errors.Join(lookupErr, err)
		return full, ok
	}
	use := func(n feed.Name, full string) {
		if names.full[n] == "" {
			names.full[n] = full
		}
		// Include names that are already recorded: a store that was rolled back may have lost some of them.
		record[n] = names.full[n]
		feeds = append(feeds, n)
	}
	for _, m := range f.memberships(it) {
		use(pathname.Assign(m.family, m.full, recorded), m.full)
	}
	feeds = append(feeds, f.selector.Select(it)...)
	feeds = slices.DeleteFunc(feeds, func(n feed.Name) bool { return slices.Contains(it.ExcludeFrom, n) })
	if f.posts != nil && it.URL != "" {
		if holder, err = f.claimURL(ctx, names, record, it); err != nil {
			return nil, "", err
		}
		if holder != "" {
			it.URL = ""
		}
	}
	if f.needsPage(it) {
		page := pathname.Post(it.ID, recorded)
		use(page, it.ID)
		it.URL = render.URL(*f.site, page, feed.HTML)
	}
	setFragments(it, f.home)
	slices.Sort(feeds)
	return slices.Compact(feeds), holder, lookupErr
}

// setFragments makes the references to fragments in the content of an item absolute. Only an item without a permalink
// still has such references; they refer to its page, or to the site's home page if it has none.
func setFragments(it *feed.Item, home string) {
	const reference = `href="#` // in text, the quotation mark is escaped
	if strings.Contains(it.HTML, reference) {
		it.HTML = strings.ReplaceAll(it.HTML, reference, `href="`+html.EscapeString(cmp.Or(it.URL, home))+"#")
	}
}

// maxHolders is the maximum number of posts that may have had the same URL one after the other.
const maxHolders = 100

// claimURL records that the URL of an item belongs to its post. If the URL belongs to a different post, claimURL
// records nothing and returns the id of that post. The first post with a URL keeps it. A later post gets the URL only
// if the first post now has a different URL or is not published.
func (f feedAssigner) claimURL(
	ctx context.Context, names *nameTable, record map[feed.Name]string, it *feed.Item,
) (holder string, err error) {
	for n := range maxHolders {
		name := pathname.Address(it.URL, n)
		id, recorded, err := names.lookUp(ctx, name)
		if err != nil {
			return "", err
		}
		if !recorded || id == it.ID {
			names.full[name], record[name] = it.ID, it.ID
			return "", nil
		}
		if record[name] == id {
			return id, nil // the URL was claimed by a post in the same step
		}
		stored, err := f.posts.Load(ctx, []string{id})
		if err != nil {
			return "", err
		}
		if len(stored) > 0 && stored[0].Item != nil && stored[0].Item.URL == it.URL {
			return id, nil
		}
	}
	return "", nil
}

// loadNames loads the full names of the feeds that items are likely to be in.
func (f feedAssigner) loadNames(ctx context.Context, items []*feed.Item) (*nameTable, error) {
	var names []feed.Name
	for _, it := range items {
		for _, m := range f.memberships(it) {
			names = append(names, pathname.Plain(m.family, m.full))
		}
		if f.posts != nil && it.URL != "" {
			names = append(names, pathname.Address(it.URL, 0))
		}
		if f.needsPage(it) {
			names = append(names, pathname.PlainPost(it.ID))
		}
	}
	t := &nameTable{full: map[feed.Name]string{}, store: f.names}
	if len(names) == 0 {
		return t, nil // Names without arguments returns all names
	}
	slices.Sort(names)
	names = slices.Compact(names)
	recorded, err := f.names.Names(ctx, names...)
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		t.full[n] = recorded[n]
	}
	return t, nil
}

// nameTable caches the full names of feeds; "" means that no name is recorded.
type nameTable struct {
	full  map[feed.Name]string
	store nameReader
}

// lookUp returns the full name of n, and false if none is recorded.
func (t *nameTable) lookUp(ctx context.Context, n feed.Name) (string, bool, error) {
	full, ok := t.full[n]
	if !ok {
		recorded, err := t.store.Names(ctx, n)
		if err != nil {
			return "", false, err
		}
		full = recorded[n]
		t.full[n] = full
	}
	return full, full != "", nil
}
