// Package build makes a feed of items: it orders, limits and titles them. It is pure; which items belong to a feed is
// decided by the indexes they were read from, and the bytes of a feed are the business of package render.
package build

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"feedpub/feed"
)

// Feed returns the feed of a site that has the given name, made as feeds are unless configured otherwise: [Channel] with
// the zero channel.
func Feed(site feed.Site, name feed.Name, fullName string, items []*feed.Item, removed time.Time) feed.Feed {
	return Channel(site, name, fullName, feed.Channel{}, items, removed)
}

// Channel returns the feed of a site that has the given name, made as ch says. Items may come in any order and are not
// modified; the feed holds the first of them in the order of [feed.CompareItems], as many as the channel's limit or
// else the site's allows.
//
// For a feed of a family, fullName is the tag, author or publication as people write it; if it is empty, the path name
// stands in for it. The channel's own title and description go before those made of names. Removed is the latest time
// at which a post left the feed, or zero: without it the feed's Updated would move back in time when its newest post is
// deleted, and aggregators would not look at it again.
func Channel(site feed.Site, name feed.Name, fullName string, ch feed.Channel, items []*feed.Item, removed time.Time) feed.Feed {
	items = slices.SortedFunc(slices.Values(items), feed.CompareItems)
	items = slices.Clip(items[:min(len(items), max(cmp.Or(ch.Limit, site.Limit), 1))])

	updated := removed
	for _, item := range items {
		if item.Updated.After(updated) {
			updated = item.Updated
		}
	}
	if updated.IsZero() {
		updated = site.Since
	}

	title, description := NamingFor(site.Language).Name(site, name, fullName)
	if own := strings.TrimSpace(ch.Title); own != "" {
		title = own
		if base, _ := name.Archived(); base != feed.Main { // "Posts of … tagged …" would not go with it
			description = own
		}
	}
	return feed.Feed{
		Site:        site,
		Name:        name,
		Title:       title,
		Description: cmp.Or(strings.TrimSpace(ch.Description), description),
		Updated:     updated.UTC(),
		Items:       items,
		Formats:     ch.Formats,
		Content:     ch.Content,
		TitleLink:   ch.TitleLink,
	}
}
