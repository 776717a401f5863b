// Package alias knows at which paths other platforms serve the feeds of a blog, so that subscriptions to them go on
// when the blog moves here. It is pure; the paths are served by package serve, like a feed's own.
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

// Presets returns the platforms in the order in which they are listed for people.
func Presets() []feed.Preset { return []feed.Preset{WordPress, Ghost, Hugo, Jekyll, Blogger} }

// Parse returns the platform of a name, or an error of kind [feed.ErrInvalid].
func Parse(s string) (feed.Preset, error) {
	if p := feed.Preset(s); slices.Contains(Presets(), p) {
		return p, nil
	}
	return "", fmt.Errorf("platform %q: want wordpress, ghost, hugo, jekyll or blogger: %w", s, feed.ErrInvalid)
}

// Of returns the old paths at which a platform served the feed n, whose tag or author people write as full, in the order
// in which they count. A path of a feed's own is among them where the platform has the same. Feeds that the platform did
// not have, of sources or selections, have none.
func Of(p feed.Preset, n feed.Name, full string) []feed.Alias {
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

// Gone returns the paths of a platform's feeds that have no counterpart here: those of comments. A reader that is told
// so stops asking.
func Gone(p feed.Preset) []string {
	switch p {
	case WordPress:
		return []string{
			"/comments/feed/", "/comments/feed", "/comments/feed/rss2/", "/comments/feed/atom/", "/?feed=comments-rss2",
			"/?feed=comments-atom", "/wp-commentsrss2.php",
		}
	case Blogger:
		return []string{"/feeds/comments/default", "/feeds/comments/default?alt=rss", "/feeds/comments/full", "/feeds/comments/summary"}
	default:
		return nil
	}
}

// paths collects the old paths of one feed.
type paths struct {
	feed    feed.Name
	aliases []feed.Alias
}

func (l *paths) add(f feed.Format, targets ...string) {
	for _, t := range targets {
		l.aliases = append(l.aliases, feed.Alias{Target: t, Feed: l.feed, Format: f})
	}
}

// addFolder adds a path with and without the slash at its end: the platforms redirect the one to the other.
func (l *paths) addFolder(f feed.Format, path string) { l.add(f, path+"/", path) }

// wordPress: https://developer.wordpress.org/advanced-administration/wordpress/feeds/. Categories are tags here. Feeds
// of a category within another have the other's name in their path, which nothing here knows.
func (l *paths) wordPress(family feed.Family, slug string) {
	var folders, queries []string // where the feeds hang, and how plain permalinks ask for them
	switch {
	case l.feed == feed.Main:
		folders, queries = []string{""}, []string{""}
	case family == feed.Tags:
		folders = []string{"/tag/" + slug, "/category/" + slug}
		queries = []string{"&tag=" + slug, "&category_name=" + slug}
	case family == feed.Authors:
		folders, queries = []string{"/author/" + slug}, []string{"&author_name=" + slug}
	}
	type word struct {
		format feed.Format
		word   string
	}
	words := []word{{feed.RSS, "rss2"}, {feed.Atom, "atom"}}
	if l.feed == feed.Main { // nobody links to the others of a tag, of which there may be thousands
		words = append(words, word{feed.RSS, "rss"}, word{feed.RSS, "rdf"}, word{feed.JSON, "json"})
	}
	for _, folder := range folders {
		l.addFolder(feed.RSS, folder+"/feed")
		for _, w := range words {
			l.addFolder(w.format, folder+"/feed/"+w.word)
			if folder != "" {
				l.add(w.format, folder+"/?feed="+w.word)
			}
		}
	}
	for _, query := range queries {
		for _, w := range words {
			l.add(w.format, "/?feed="+w.word+query)
			if query != "" {
				l.add(w.format, "/?"+query[1:]+"&feed="+w.word)
			}
		}
	}
	if l.feed == feed.Main {
		l.add(feed.RSS, "/?feed=feed", "/index.php?feed=rss2", "/wp-rss2.php", "/wp-rss.php", "/wp-rdf.php", "/wp-feed.php")
		l.add(feed.Atom, "/index.php?feed=atom", "/wp-atom.php")
	}
}

// ghost: https://ghost.org/docs/themes/routing/ and the redirects of its default routes.
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

// hugo: https://gohugo.io/templates/rss/. The section that holds a blog's posts has one of three usual names.
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

// jekyll: https://github.com/jekyll/jekyll-feed. Its /feed.xml is Atom, and the RSS here: readers look at what they get,
// not at what they got.
func (l *paths) jekyll(family feed.Family, slug string) {
	switch {
	case l.feed == feed.Main:
		l.add(feed.RSS, "/feed.xml", "/rss.xml")
		l.add(feed.Atom, "/atom.xml")
	case family == feed.Tags:
		l.add(feed.Atom, "/feed/by_tag/"+slug+".xml", "/feed/"+slug+".xml")
	}
}

// blogger: https://developers.google.com/blogger/docs/2.0/developers_guide_protocol. Labels stand in paths as they are
// written.
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
