package config

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"feedpub/feed"
	"feedpub/feed/alias"
)

// Feed configures a feed and, unless it is the main feed or belongs to a family, selects its posts. A post belongs to
// the feed if it matches all of the criteria that are set (tags, all_tags, authors, sources, languages and quoting) and
// does not match exclude. A post can also exclude itself with its exclude_from member. A feed without criteria has all
// posts. Names are compared case-insensitively; publications also match by their aliases.
type Feed struct {
	// Title is the feed's title. Default: the site's title and the feed's name.
	Title string `yaml:"title"`

	// Description is one sentence about the feed. Default: a sentence made from the names or the title.
	Description string `yaml:"description"`

	// Tags match posts with at least one of these tags. Default none: all posts match.
	Tags []string `yaml:"tags"`

	// AllTags match posts with all of these tags. Default none: all posts match.
	AllTags []string `yaml:"all_tags"`

	// Authors match posts by at least one of these authors. Default none: all posts match.
	Authors []string `yaml:"authors"`

	// Sources match posts that quote at least one of these publications. Default none: all posts match.
	Sources []string `yaml:"sources"`

	// Languages match posts in one of these BCP 47 languages or in a regional variety, such as en-GB for en. Default
	// none: all posts match.
	Languages []Language `yaml:"languages"`

	// Quoting matches posts with a quote if true, and posts without quotes if false. Default: all posts match.
	Quoting Choice `yaml:"quoting"`

	// Posts that match Exclude are left out of the feed.
	Exclude Exclude `yaml:"exclude"`

	// Limit is the maximum number of items in the feed, up to 10000. Default 0: the family's limit, or site.limit.
	Limit int `yaml:"limit"`

	// Content is full, or summary for feeds that omit the content of posts. Default: the family's value, or full.
	Content Content `yaml:"content"`

	// TitleLink is the target of an item's title: permalink, the post's page, or source, the quoted article. Default:
	// the family's value, or permalink.
	TitleLink TitleLink `yaml:"title_link"`

	// Formats are the formats of the feed: any of rss, atom and json. Default: the family's formats, or all.
	Formats []Format `yaml:"formats"`

	// Archives publishes the posts beyond limit in archive documents that the feed links to (RFC 5005). Archived posts
	// stay archived. Default: true for main, the family's value for a feed in a family, and false otherwise.
	Archives Choice `yaml:"archives"`

	// Schedule determines when the feed is rebuilt. It has the same format as a value in schedules, and must not be set
	// if schedules contains the feed. Changes wait for the next scheduled rebuild. Default: the top-level schedule.
	Schedule string `yaml:"schedule"`
}

// Exclude matches posts that match any of its keys, which have the same meaning as in [Feed].
type Exclude struct {
	// Tags match posts with at least one of these tags.
	Tags []string `yaml:"tags"`
	// AllTags match posts with all of these tags.
	AllTags []string `yaml:"all_tags"`
	// Authors match posts by at least one of these authors.
	Authors []string `yaml:"authors"`
	// Sources match posts that quote at least one of these publications.
	Sources []string `yaml:"sources"`
	// Languages match posts in one of these languages or a regional variety.
	Languages []Language `yaml:"languages"`
	// Quoting matches posts with a quote if true, and posts without quotes if false.
	Quoting Choice `yaml:"quoting"`
	// IDs match posts with these ids.
	IDs []string `yaml:"ids"`
}

// Family configures the feeds of a family. The keys have the same meaning as in [Feed].
type Family struct {
	// Limit is the maximum number of items in a feed, up to 10000. Default 0: site.limit.
	Limit int `yaml:"limit"`
	// Content is full or summary. Default full.
	Content Content `yaml:"content"`
	// TitleLink is permalink or source. Default permalink.
	TitleLink TitleLink `yaml:"title_link"`
	// Formats are any of rss, atom and json. Default all.
	Formats []Format `yaml:"formats"`
	// Archives publishes archives of each feed. Default false, since the archives of main already contain all posts.
	Archives Choice `yaml:"archives"`
}

// Alias is the document that an old path serves.
type Alias struct {
	// Feed is the feed's name. Default main.
	Feed feed.Name `yaml:"feed"`
	// Format is rss, atom or json. Default rss.
	Format Format `yaml:"format"`
}

// Choice is true, false or unset.
type Choice string

// UnmarshalText accepts true, false and the empty text.
func (c *Choice) UnmarshalText(text []byte) error { return oneOf(c, text, "true", "false") }

func (c Choice) feed() feed.Choice {
	switch c {
	case "true":
		return feed.Yes
	case "false":
		return feed.No
	default:
		return feed.Either
	}
}

// or returns the choice as a bool, or fallback if the choice is unset.
func (c Choice) or(fallback bool) bool {
	if c == "" {
		return fallback
	}
	return c == "true"
}

// Content is the part of a post that a feed contains.
type Content string

// UnmarshalText accepts full, summary and the empty text.
func (c *Content) UnmarshalText(text []byte) error {
	return oneOf(c, text, feed.FullContent, feed.SummaryContent)
}

// TitleLink is the target of an item's title.
type TitleLink string

// UnmarshalText accepts permalink, source and the empty text.
func (l *TitleLink) UnmarshalText(text []byte) error {
	return oneOf(l, text, feed.PermalinkTitle, feed.SourceTitle)
}

// Format is a format of feeds.
type Format string

// UnmarshalText accepts rss, atom, json and the empty text.
func (f *Format) UnmarshalText(text []byte) error { return oneOf(f, text, feed.Formats()...) }

// Preset names a platform, such as WordPress, at whose feed paths the feeds of the site are served too.
type Preset string

// UnmarshalText accepts the known platforms.
func (p *Preset) UnmarshalText(text []byte) error { return oneOf(p, text, alias.Presets()...) }

// MediaTypes is the Content-Type of RSS and Atom.
type MediaTypes string

// The media types.
const (
	OwnMediaTypes MediaTypes = "own"             // application/rss+xml or application/atom+xml
	PlainXML      MediaTypes = "application/xml" // for both formats
)

// UnmarshalText accepts own and application/xml.
func (m *MediaTypes) UnmarshalText(text []byte) error { return oneOf(m, text, OwnMediaTypes, PlainXML) }

// oneOf sets v to text if text is empty or one of values.
func oneOf[T, V ~string](v *T, text []byte, values ...V) error {
	if len(text) > 0 && !slices.Contains(values, V(text)) {
		names := make([]string, len(values))
		for i, x := range values {
			names[i] = string(x)
		}
		last := len(names) - 1
		return fmt.Errorf("want %s or %s, got %q", strings.Join(names[:last], ", "), names[last], text)
	}
	*v = T(text)
	return nil
}

// Catalog returns the configured feeds.
func (c Config) Catalog() feed.Catalog {
	out := feed.Catalog{
		Feeds:    map[feed.Name]feed.Channel{feed.Main: {Archives: true}},
		Families: map[feed.Family]feed.Channel{},
		Pages:    c.Pages,
		PlainXML: c.MediaTypes == PlainXML,
	}
	for f, x := range c.Families {
		out.Families[f] = feed.Channel{
			Limit: x.Limit, Content: feed.Content(x.Content), TitleLink: feed.TitleLink(x.TitleLink),
			Formats:  formats(x.Formats),
			Archives: x.Archives.or(false),
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Feeds)) {
		x := c.Feeds[name]
		family, _ := name.Split()
		out.Feeds[name] = feed.Channel{
			Title: x.Title, Description: x.Description, Limit: x.Limit, Content: feed.Content(x.Content),
			TitleLink: feed.TitleLink(x.TitleLink), Formats: formats(x.Formats),
			Archives: x.Archives.or(name == feed.Main || out.Families[family].Archives),
		}
		if feed.ValidSelection(name) == nil {
			out.Selections = append(out.Selections, x.selection(name))
		}
	}
	for _, p := range c.Paths {
		out.Presets = append(out.Presets, feed.Preset(p))
	}
	for _, target := range slices.Sorted(maps.Keys(c.Aliases)) {
		a := c.Aliases[target]
		out.Aliases = append(out.Aliases, feed.Alias{
			Target: decoded(target), Feed: cmp.Or(a.Feed, feed.Main), Format: cmp.Or(feed.Format(a.Format), feed.RSS),
		})
	}
	for _, from := range slices.Concat(c.Retired, slices.Collect(maps.Keys(c.Moved))) {
		if !strings.HasPrefix(from, "/") {
			out.Unlisted = append(out.Unlisted, feed.Name(from))
		}
	}
	slices.Sort(out.Unlisted)
	return out
}

func (x Feed) selection(name feed.Name) feed.Selection {
	e := x.Exclude
	return feed.Selection{
		Name: name,
		Criteria: feed.Criteria{
			Tags: x.Tags, AllTags: x.AllTags, Authors: x.Authors, Sources: x.Sources, Languages: languages(x.Languages),
			Quoting: x.Quoting.feed(),
		},
		Exclude: feed.Criteria{
			Tags: e.Tags, AllTags: e.AllTags, Authors: e.Authors, Sources: e.Sources, Languages: languages(e.Languages),
			Quoting: e.Quoting.feed(),
		},
		ExcludeIDs: e.IDs,
	}
}

func languages(list []Language) []string {
	var out []string
	for _, l := range list {
		out = append(out, string(l))
	}
	return out
}

// formats returns the formats in the order of [feed.Formats], so that their order in the configuration does not affect
// documents.
func formats(list []Format) []feed.Format {
	var out []feed.Format
	for _, f := range feed.Formats() {
		if slices.Contains(list, Format(f)) {
			out = append(out, f)
		}
	}
	return out
}

// FeedSchedules returns the schedules of the feeds that have their own.
func (c Config) FeedSchedules() map[feed.Name]string {
	out := maps.Clone(c.Schedules)
	if out == nil {
		out = map[feed.Name]string{}
	}
	for name, x := range c.Feeds {
		if x.Schedule != "" {
			out[name] = x.Schedule
		}
	}
	return out
}

// RetiredAndMoved returns the paths that respond with 410, and the paths that respond with 301 and their new URLs.
// Paths are percent-decoded; names of feeds are resolved to the paths of their documents.
func (c Config) RetiredAndMoved() (retired []string, moved map[string]string) {
	base := c.FeedSite().BaseURL
	moved = map[string]string{}
	for from, to := range c.Moved {
		for _, p := range documentsAt(from) {
			switch {
			case strings.HasPrefix(to, "/"):
				moved[p.target] = base + to
			case strings.Contains(to, "://"):
				moved[p.target] = to
			default:
				moved[p.target] = base + escaped(feed.Name(to).Path(p.format))
			}
		}
	}
	for _, from := range c.Retired {
		for _, p := range documentsAt(from) {
			retired = append(retired, p.target)
		}
	}
	for _, p := range c.Paths {
		for _, target := range alias.Retired(feed.Preset(p)) {
			_, goes := moved[target]
			_, stays := c.Aliases[target]
			if !goes && !stays {
				retired = append(retired, target)
			}
		}
	}
	const favicon = "/favicon.ico" // browsers request it for documents without an icon, such as feeds
	if _, ok := moved[favicon]; !ok && c.Site.Icon != "" && !slices.Contains(retired, favicon) {
		moved[favicon] = string(c.Site.Icon)
	}
	slices.Sort(retired)
	return slices.Compact(retired), moved
}

// documentAt is the path and format of a document.
type documentAt struct {
	target string // percent-decoded
	format feed.Format
}

// documentsAt returns from itself if it is a path, or the paths of the feed's documents if it is the name of a feed.
func documentsAt(from string) []documentAt {
	if strings.HasPrefix(from, "/") {
		return []documentAt{{decoded(from), feed.RSS}}
	}
	var out []documentAt
	for _, f := range feed.FeedFormats() {
		out = append(out, documentAt{feed.Name(from).Path(f), f})
	}
	return out
}

// decoded returns a target with its path percent-decoded, so that it can be compared with the path of a request. It
// returns a malformed target unchanged.
func decoded(target string) string {
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return target
	}
	if _, query, ok := strings.Cut(target, "?"); ok {
		return u.Path + "?" + query
	}
	return u.Path
}

func escaped(path string) string { return (&url.URL{Path: path}).EscapedPath() }
