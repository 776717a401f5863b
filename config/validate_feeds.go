package config

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"feedpub/feed"
)

// maxLimit bounds the number of items in a feed: feed readers reject feeds of several megabytes.
const maxLimit = 10_000

func (d *decoder) validateFeeds(c *Config, check func(string, *time.Location) error) {
	for _, f := range slices.Sorted(maps.Keys(c.Families)) {
		path := join("families", string(f))
		d.require(slices.Contains([]feed.Family{feed.Tags, feed.Authors, feed.Sources}, f), path,
			fmt.Sprintf("want tags, authors or sources, got %q", f))
		d.validateLimit(join(path, "limit"), c.Families[f].Limit)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Feeds)) {
		path, x := join("feeds", string(name)), c.Feeds[name]
		d.validateLimit(join(path, "limit"), x.Limit)
		if feedName.MatchString(string(name)) {
			s := x.selection(name)
			d.require(s.Criteria.IsZero() && s.Exclude.IsZero() && len(s.ExcludeIDs) == 0, path,
				"cannot have tags, all_tags, authors, sources, languages, quoting or exclude: only a new feed selects posts")
		} else if err := feed.ValidSelection(name); err != nil {
			d.require(false, path, fmt.Sprintf("want main, a feed such as tags/go, or a new name of lower-case letters, "+
				"digits and hyphens that is not tags, authors, sources, archive or pages, got %q", name))
		}
		if x.Schedule != "" {
			_, twice := c.Schedules[name]
			d.require(!twice, join(path, "schedule"), "is also set in schedules")
			if err := check(x.Schedule, c.TimeZone.Location); err != nil {
				d.require(false, join(path, "schedule"), err.Error())
			}
		}
		for _, list := range []struct {
			key    string
			values []string
		}{
			{"tags", x.Tags}, {"all_tags", x.AllTags}, {"authors", x.Authors}, {"sources", x.Sources},
			{"exclude.tags", x.Exclude.Tags}, {"exclude.all_tags", x.Exclude.AllTags}, {"exclude.authors", x.Exclude.Authors},
			{"exclude.sources", x.Exclude.Sources}, {"exclude.ids", x.Exclude.IDs},
		} {
			for i, v := range list.values {
				d.require(strings.TrimSpace(v) != "", fmt.Sprintf("%s[%d]", join(path, list.key), i), "is empty")
			}
		}
	}
}

func (d *decoder) validateLimit(path string, limit int) {
	d.require(limit >= 0 && limit <= maxLimit, path, fmt.Sprintf("want 1 to %d, got %d", maxLimit, limit))
}

// validatePaths reports errors in aliases, moved and retired. A path must not be in more than one of them.
func (d *decoder) validatePaths(c *Config) {
	keys := map[string]string{} // by target
	claim := func(target, path string) {
		if other, ok := keys[target]; ok {
			d.require(false, path, fmt.Sprintf("%s is already in %s", target, other))
			return
		}
		keys[target], _, _ = strings.Cut(path, ".")
	}
	d.validateAliases(c, claim)
	for _, from := range slices.Sorted(maps.Keys(c.Moved)) {
		path := join("moved", from)
		if !d.isSource(c, path, from) {
			continue
		}
		for _, p := range documentsAt(from) {
			claim(p.target, path)
		}
		d.validateMove(c, path, from, c.Moved[from])
	}
	for i, from := range c.Retired {
		path := fmt.Sprintf("retired[%d]", i)
		if !d.isSource(c, path, from) {
			continue
		}
		d.require(from != string(feed.Main), path, "the main feed cannot be retired; stop the server instead")
		for _, p := range documentsAt(from) {
			claim(p.target, path)
		}
	}
}

// validateAliases reports errors in aliases. It calls claim with each path.
func (d *decoder) validateAliases(c *Config, claim func(target, path string)) {
	catalog := c.Catalog()
	for _, target := range slices.Sorted(maps.Keys(c.Aliases)) {
		path, a := join("aliases", target), c.Aliases[target]
		name, format := cmp.Or(a.Feed, feed.Main), cmp.Or(feed.Format(a.Format), feed.RSS)
		if !d.isTarget(path, target) || !d.isFeed(c, path+".feed", string(name)) {
			continue
		}
		claim(decoded(target), path)
		d.require(!ownPath(catalog, decoded(target)), path, "is the path of a document")
		formats := catalog.Channel(c.FeedSite(), name).Formats
		d.require(slices.Contains(formats, format), path+".format", fmt.Sprintf("%s has no format %s", name, format))
	}
}

// validateMove reports an invalid new location of a path or feed.
func (d *decoder) validateMove(c *Config, path, from, to string) {
	switch u, err := url.Parse(to); {
	case strings.HasPrefix(to, "/"):
		d.isTarget(path, to)
		d.require(decoded(to) != decoded(from), path, "is moved to itself")
	case strings.Contains(to, "://"):
		d.require(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "", path,
			fmt.Sprintf("want a path, an http or https URL or a feed, got %q", to))
	default:
		d.require(!strings.HasPrefix(from, "/"), path,
			fmt.Sprintf("want a path or a URL, since only a feed can move to a feed, got %q", to))
		d.isFeed(c, path, to)
		d.require(to != from, path, "is moved to itself")
	}
}

// isTarget reports whether target is a path, with or without a query. If it is not, it adds a problem.
func (d *decoder) isTarget(path, target string) bool {
	u, err := url.ParseRequestURI(target)
	ok := err == nil && strings.HasPrefix(target, "/") && u.Host == "" && !strings.Contains(target, "#")
	d.require(ok, path, fmt.Sprintf("want a path such as /feed/ or /?feed=rss2, got %q", target))
	return ok
}

// isSource reports whether from is a path or a valid name of a feed. The feed may no longer exist.
func (d *decoder) isSource(c *Config, path, from string) bool {
	if strings.HasPrefix(from, "/") {
		return d.isTarget(path, from)
	}
	if feed.ValidSelection(feed.Name(from)) == nil {
		return true
	}
	return d.isFeed(c, path, from)
}

// isFeed reports whether name is the main feed, a feed in a family, or a configured feed.
func (d *decoder) isFeed(c *Config, path, name string) bool {
	_, configured := c.Feeds[feed.Name(name)]
	ok := configured || feedName.MatchString(name)
	d.require(ok, path, fmt.Sprintf("there is no feed %q", name))
	return ok
}

// ownPath reports whether target is the path of a document of the main feed, a configured feed or the pages.
func ownPath(c feed.Catalog, target string) bool {
	formats := feed.FeedFormats()
	for name := range c.Feeds {
		if slices.ContainsFunc(formats, func(f feed.Format) bool { return name.Path(f) == target }) {
			return true
		}
	}
	return slices.ContainsFunc(feed.SiteFormats(), func(f feed.Format) bool {
		return feed.Pages.Path(f) == target
	})
}
