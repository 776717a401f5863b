// Package alias lists the paths at which other platforms serve a blog's feeds, so that subscriptions keep working after
// a move to feedpub. It does no I/O; package serve serves the paths.
package alias

import (
	"fmt"
	"slices"

	"feedpub/feed"
)

// The platforms.
const (
	WordPress feed.Preset = "wordpress"
	Ghost     feed.Preset = "ghost"
	Hugo      feed.Preset = "hugo"
	Jekyll    feed.Preset = "jekyll"
	Blogger   feed.Preset = "blogger"
)

// Presets returns all platforms in display order.
func Presets() []feed.Preset { return []feed.Preset{WordPress, Ghost, Hugo, Jekyll, Blogger} }

// Parse returns the platform named s, or an error of kind [feed.ErrInvalid].
func Parse(s string) (feed.Preset, error) {
	if p := feed.Preset(s); slices.Contains(Presets(), p) {
		return p, nil
	}
	return "", fmt.Errorf("platform %q: want %s: %w", s, feed.OneOf(Presets()), feed.ErrInvalid)
}

// Paths returns the paths at which a platform serves the feed n, in order of precedence. full is the full name of the
// feed's tag or author. A returned path may be one of the feed's own paths. There are no paths for feeds that the
// platform does not have, such as source and selection feeds.
func Paths(p feed.Preset, n feed.Name, full string) []feed.Alias {
	family, slug := n.Split()
	if _, number := n.Archived(); number > 0 {
		return nil
	}
	list := paths{feed: n}
	switch p {
	case WordPress:
		list.wordPress(family, slug)
	case Ghost:
		list.ghost(family, slug)
	case Hugo:
		list.hugo(family, slug)
	case Jekyll:
		list.jekyll(family, slug)
	case Blogger:
		list.blogger(family, full)
	}
	return list.aliases
}

// Retired returns the paths of a platform's comment feeds, which feedpub does not provide. The server responds with 410
// Gone at these paths, so that feed readers stop polling.
func Retired(p feed.Preset) []string {
	switch p {
	case WordPress:
		return []string{
			"/comments/feed/", "/comments/feed", "/comments/feed/rss2/", "/comments/feed/atom/", "/?feed=comments-rss2",
			"/?feed=comments-atom", "/wp-commentsrss2.php",
		}
	case Blogger:
		return []string{
			"/feeds/comments/default", "/feeds/comments/default?alt=rss", "/feeds/comments/full",
			"/feeds/comments/summary",
		}
	default:
		return nil
	}
}

// paths collects the paths of one feed.
type paths struct {
	feed    feed.Name
	aliases []feed.Alias
}

func (l *paths) add(f feed.Format, targets ...string) {
	for _, t := range targets {
		l.aliases = append(l.aliases, feed.Alias{Target: t, Feed: l.feed, Format: f})
	}
}

// addFolder adds a path with and without a trailing slash, since platforms redirect one to the other.
func (l *paths) addFolder(f feed.Format, path string) { l.add(f, path+"/", path) }

// wordPress adds the paths described at https://developer.wordpress.org/advanced-administration/wordpress/feeds/.
// Categories are treated as tags. Paths of nested categories contain the names of the outer categories, which are not
// known here, so they are not included.
func (l *paths) wordPress(family feed.Family, slug string) {
	var folders, queries []string // prefixes of paths, and query parameters of plain permalinks
	switch {
	case l.feed == feed.Main:
		folders, queries = []string{""}, []string{""}
	case family == feed.Tags:
		folders = []string{"/tag/" + slug, "/category/" + slug}
		queries = []string{"&tag=" + slug, "&category_name=" + slug}
	case family == feed.Authors:
		folders, queries = []string{"/author/" + slug}, []string{"&author_name=" + slug}
	}
	type parameter struct {
		format feed.Format
		value  string // value of the query parameter "feed", and last segment of paths
	}
	parameters := []parameter{{feed.RSS, "rss2"}, {feed.Atom, "atom"}}
	if l.feed == feed.Main { // tag feeds rarely use these, and there may be thousands of tags
		parameters = append(parameters,
			parameter{feed.RSS, "rss"}, parameter{feed.RSS, "rdf"}, parameter{feed.JSON, "json"})
	}
	for _, folder := range folders {
		l.addFolder(feed.RSS, folder+"/feed")
		for _, p := range parameters {
			l.addFolder(p.format, folder+"/feed/"+p.value)
			if folder != "" {
				l.add(p.format, folder+"/?feed="+p.value)
			}
		}
	}
	for _, query := range queries {
		for _, p := range parameters {
			l.add(p.format, "/?feed="+p.value+query)
			if query != "" {
				l.add(p.format, "/?"+query[1:]+"&feed="+p.value)
			}
		}
	}
	if l.feed == feed.Main {
		l.add(feed.RSS, "/?feed=feed", "/index.php?feed=rss2",
			"/wp-rss2.php", "/wp-rss.php", "/wp-rdf.php", "/wp-feed.php")
		l.add(feed.Atom, "/index.php?feed=atom", "/wp-atom.php")
	}
}

// ghost adds the paths described at https://ghost.org/docs/themes/routing/, and the paths that Ghost's default routes
// redirect.
func (l *paths) ghost(family feed.Family, slug string) {
	switch {
	case l.feed == feed.Main:
		l.addFolder(feed.RSS, "/rss")
		l.addFolder(feed.RSS, "/feed")
	case family == feed.Tags:
		l.addFolder(feed.RSS, "/tag/"+slug+"/rss")
	case family == feed.Authors:
		l.addFolder(feed.RSS, "/author/"+slug+"/rss")
	}
}

// hugo adds the paths described at https://gohugo.io/templates/rss/, for the three usual names of the posts section.
func (l *paths) hugo(family feed.Family, slug string) {
	switch {
	case l.feed == feed.Main:
		l.add(feed.RSS, "/index.xml", "/posts/index.xml", "/post/index.xml", "/blog/index.xml")
	case family == feed.Tags:
		l.add(feed.RSS, "/tags/"+slug+"/index.xml", "/categories/"+slug+"/index.xml")
	case family == feed.Authors:
		l.add(feed.RSS, "/authors/"+slug+"/index.xml")
	}
}

// jekyll adds the paths described at https://github.com/jekyll/jekyll-feed. Its /feed.xml is Atom, while feedpub's is
// RSS. Feed readers accept that, because they detect the format on each poll.
func (l *paths) jekyll(family feed.Family, slug string) {
	switch {
	case l.feed == feed.Main:
		l.add(feed.RSS, "/feed.xml", "/rss.xml")
		l.add(feed.Atom, "/atom.xml")
	case family == feed.Tags:
		l.add(feed.Atom, "/feed/by_tag/"+slug+".xml", "/feed/"+slug+".xml")
	}
}

// blogger adds the paths described at https://developers.google.com/blogger/docs/2.0/developers_guide_protocol. They
// contain labels as written by the author.
func (l *paths) blogger(family feed.Family, full string) {
	var folders []string
	switch {
	case l.feed == feed.Main:
		folders = []string{"/feeds/posts/default", "/feeds/posts/full", "/feeds/posts/summary"}
		l.add(feed.RSS, "/rss.xml")
		l.add(feed.Atom, "/atom.xml")
	case family == feed.Tags && full != "":
		folders = []string{"/feeds/posts/default/-/" + full, "/feeds/posts/summary/-/" + full}
	}
	for _, folder := range folders {
		l.add(feed.Atom, folder, folder+"?alt=atom")
		l.add(feed.RSS, folder+"?alt=rss")
	}
}
