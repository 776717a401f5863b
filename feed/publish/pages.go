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

// changesList reports whether a rebuild changes the list of feeds. A feed is listed if it has posts or is configured.
func changesList(t target, r feed.FeedReport) bool {
	if isArchive(t.name) || t.name.OfPost() || r.Outcome != feed.Committed {
		return false
	}
	return t.head.Feed == "" || (len(t.head.IDs) == 0) != (r.Items == 0)
}

// rebuildPages builds the pages that list the site's feeds, and commits them if they have changed. They depend only on
// which feeds exist, not on posts.
func (r *rebuilder) rebuildPages(ctx context.Context, token feed.Token) error {
	if r.rolledBack {
		return nil // replicas restore the pages
	}
	if err := r.commitPages(ctx, token); err != nil {
		return fmt.Errorf("rebuild pages: %w", err)
	}
	r.listChanged = false
	return nil
}

func (r *rebuilder) commitPages(ctx context.Context, token feed.Token) error {
	heads, err := r.heads.Heads(ctx)
	if err != nil {
		return err
	}
	fullNames, err := r.names.Names(ctx)
	if err != nil {
		return err
	}
	committed := map[feed.Name]feed.Head{}
	var entries []render.Entry
	for _, h := range heads {
		if h.Feed == feed.Pages {
			committed[feed.Pages] = h
		} else if r.isListed(h) {
			entries = append(entries, Entry(r.site, r.catalog, h.Feed, fullNames[h.Feed]))
		}
	}
	docs, err := r.pages(entries)
	if err != nil {
		return err
	}
	targets, err := r.newTargets(ctx, []feed.Name{feed.Pages}, nil, committed)
	if err != nil {
		return err
	}
	t := targets[0]
	c := r.commitRequest(feed.Feed{Site: r.site, Name: feed.Pages}, documentSet{documents: docs}, t, nil)
	same := slices.EqualFunc(c.Head.Documents, t.head.Documents, func(a, b feed.DocumentRef) bool {
		a.Modified = b.Modified // set by the store
		return a.Equal(b)
	})
	if same && !r.isStale(t) {
		return nil
	}
	c.Head.Token = token
	_, err = r.send(ctx, c)
	return err
}

// isListed reports whether the pages list a committed feed.
func (r *rebuilder) isListed(h feed.Head) bool {
	if isArchive(h.Feed) || h.Feed.OfPost() || slices.Contains(r.catalog.Unlisted, h.Feed) {
		return false
	}
	_, configured := r.catalog.Selection(h.Feed)
	return h.Feed == feed.Main || configured || len(h.IDs) > 0
}

// pages renders the list of feeds as HTML and OPML, and the style sheet that RSS and Atom documents refer to.
func (r *rebuilder) pages(entries []render.Entry) ([]feed.Document, error) {
	renderer := r.rendering.renderer()
	var docs []feed.Document
	if r.catalog.Pages {
		index, err := renderer.Index(r.site, entries)
		if err != nil {
			return nil, err
		}
		docs = append(docs, index)
	}
	opml, err := render.OPML(r.site, entries)
	if err != nil {
		return nil, err
	}
	return append(docs, opml, renderer.StyleSheet(r.site)), nil
}

// Entry returns the entry of a feed in the site's list of feeds. The full name is the name of the feed's tag, author or
// source.
func Entry(site feed.Site, c feed.Catalog, n feed.Name, fullName string) render.Entry {
	f := build.Channel(site, n, fullName, c.Channel(site, n), nil, time.Time{})
	return render.Entry{Name: n, Title: f.Title, Label: fullName, Description: f.Description, Formats: f.Formats}
}
