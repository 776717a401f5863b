package publish

import (
	"context"
	"fmt"
	"slices"
	"time"

	"feedpub/feed"
	"feedpub/feed/build"
	"feedpub/feed/render"
)

// listed reports whether a build of a feed changes which feeds are listed: those that have posts, and those that are
// configured whether they have or not.
func listed(t target, r feed.FeedReport) bool {
	if _, number := t.name.Archived(); number > 0 || r.Outcome != feed.Committed {
		return false
	}
	return t.head.Feed == "" || (len(t.head.IDs) == 0) != (r.Items == 0)
}

// rebuildPages builds what is about the site's feeds, rather than a feed of it, and commits it if it has changed. The
// pages depend on the feeds that there are and on nothing in them, so that they need not be built with every post.
func (p *Publisher) rebuildPages(ctx context.Context, token feed.Token) error {
	heads, err := p.Store.Heads(ctx)
	if err != nil {
		return fmt.Errorf("rebuild pages: %w", err)
	}
	full, err := p.Store.Names(ctx)
	if err != nil {
		return fmt.Errorf("rebuild pages: %w", err)
	}
	committed := map[feed.Name]feed.Head{}
	var entries []render.Entry
	for _, h := range heads {
		if h.Feed == feed.Pages {
			committed[feed.Pages] = h
			continue
		}
		_, number := h.Feed.Archived()
		_, configured := p.Catalog.Selection(h.Feed)
		if number == 0 && !slices.Contains(p.Catalog.Unlisted, h.Feed) && (h.Feed == feed.Main || configured || len(h.IDs) > 0) {
			entries = append(entries, Entry(p.Site, p.Catalog, h.Feed, full[h.Feed]))
		}
	}
	docs, err := p.pages(entries)
	if err != nil {
		return fmt.Errorf("rebuild pages: %w", err)
	}
	targets, err := p.look(ctx, []feed.Name{feed.Pages}, nil, committed)
	if err != nil {
		return fmt.Errorf("rebuild pages: %w", err)
	}
	f := feed.Feed{Site: p.Site, Name: feed.Pages}
	request := p.request(f, docs, nil, targets[0], nil)
	same := slices.EqualFunc(request.Head.Documents, targets[0].head.Documents, func(a, b feed.DocumentRef) bool {
		a.Modified = b.Modified // which only the store sets
		return a.Equal(b)
	})
	if same && !p.stale(targets[0]) {
		return nil
	}
	request.Head.Token = token
	if _, _, err := p.Store.Commit(ctx, request); err != nil {
		return fmt.Errorf("rebuild pages: %w", err)
	}
	return nil
}

// pages renders the list of feeds for people, the one for programs, and the style sheet that raw feeds name.
func (p *Publisher) pages(entries []render.Entry) ([]feed.Document, error) {
	var docs []feed.Document
	if p.Catalog.Pages {
		index, err := p.renderer().Index(p.Site, entries)
		if err != nil {
			return nil, err
		}
		docs = append(docs, index)
	}
	opml, err := render.OPML(p.Site, entries)
	if err != nil {
		return nil, err
	}
	return append(docs, opml, p.renderer().StyleSheet(p.Site)), nil
}

// Entry returns how a feed of the site is listed among its feeds; fullName is what a family's feed is called by.
func Entry(site feed.Site, c feed.Catalog, n feed.Name, fullName string) render.Entry {
	f := build.Channel(site, n, fullName, c.Channel(site, n), nil, time.Time{})
	return render.Entry{Name: n, Title: f.Title, Label: fullName, Description: f.Description, Formats: f.Formats}
}
