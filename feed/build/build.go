// Package build makes feeds from items: it sorts and limits the items and sets the channel's metadata. It also decides
// which selections an item belongs to. It does no I/O, and does not read indexes or render documents.
package build

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"feedpub/feed"
)

// Feed is like [Channel] with the default feed configuration.
func Feed(site feed.Site, name feed.Name, fullName string, items []*feed.Item, removed time.Time) feed.Feed {
	return Channel(site, name, fullName, feed.Channel{}, items, removed)
}

// Channel returns the feed with the given name and configuration. Items may be in any order and are not modified. The
// feed contains the first items in the order of [feed.CompareItems], up to the channel's limit or, if that is zero, the
// site's limit.
//
// For a feed of a family, fullName is the full name of the tag, author or publication; it defaults to the path name.
// Titles and descriptions in ch take precedence over those derived from names. removed is the latest time at which a
// post was removed from the feed, or zero. It is needed because the feed's Updated must not decrease when the newest
// post is deleted: aggregators would ignore the change.
func Channel(
	site feed.Site, name feed.Name, fullName string, ch feed.Channel, items []*feed.Item, removed time.Time,
) feed.Feed {
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
		if base, _ := name.Archived(); base != feed.Main { // a description derived from names would not match the title
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
