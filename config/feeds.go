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

// Feed is a feed: how it is made and, for one that is not the main feed or a family's, which posts it has. A post belongs
// to it if it meets every one of tags, all_tags, authors, sources, languages and quoting that is given, and none of
// exclude; a post can also stay out by itself, with its member exclude_from. Without any of them the feed has all posts.
// Names are compared without regard to case, those of publications also by the other names they go by.
type Feed struct {
	// Title is the feed's title. Default the site's title and the feed's name.
	Title string `yaml:"title"`

	// Description is one sentence about the feed. Default made of the names, or title.
	Description string `yaml:"description"`

	// Tags are tags of which a post has at least one. Default none: any post.
	Tags []string `yaml:"tags"`

	// AllTags are tags of which a post has each. Default none: any post.
	AllTags []string `yaml:"all_tags"`

	// Authors are authors of whom at least one wrote the post. Default none: anybody.
	Authors []string `yaml:"authors"`

	// Sources are publications of which a post quotes at least one. Default none: any, or none at all.
	Sources []string `yaml:"sources"`

	// Languages are BCP 47 tags: a post is in one of them, or a variety of it as en-GB is of en. Default none: any.
	Languages []Language `yaml:"languages"`

	// Quoting is whether a post quotes anything. Default either.
	Quoting Choice `yaml:"quoting"`

	// Exclude leaves posts out.
	Exclude Exclude `yaml:"exclude"`

	// Limit is how many items the feed has at most, up to 10000; 0 is the default: the family's, or site.limit.
	Limit int `yaml:"limit"`

	// Content is full or summary: the whole of each post or its summary only. Default the family's, or full.
	Content Content `yaml:"content"`

	// TitleLink is where titles lead: permalink, the post's page, or source, what the post is about. Default the
	// family's, or permalink.
	TitleLink TitleLink `yaml:"title_link"`

	// Formats are those of rss, atom and json that the feed is made in. Default the family's, or all.
	Formats []Format `yaml:"formats"`

	// Archives keeps the posts that the feed has no room for in documents of their own, linked from it (RFC 5005). What
	// has once been archived stays so. Default true for main, the family's for a feed of one, else false.
	Archives Choice `yaml:"archives"`

	// Schedule says when the feed is rebuilt, as in schedules, which must not have it too. Changes wait for it. Default
	// schedule.
	Schedule string `yaml:"schedule"`
}

// Exclude leaves out the posts that meet any one of its keys, each read as in [Feed].
type Exclude struct {
	// Tags are tags of which one is enough.
	Tags []string `yaml:"tags"`
	// AllTags are tags that leave out a post which has each.
	AllTags []string `yaml:"all_tags"`
	// Authors are authors of whom one is enough.
	Authors []string `yaml:"authors"`
	// Sources are publications; one that is quoted is enough.
	Sources []string `yaml:"sources"`
	// Languages are languages and their varieties.
	Languages []Language `yaml:"languages"`
	// Quoting leaves out the posts that quote (true), or those that don't (false).
	Quoting Choice `yaml:"quoting"`
	// IDs are ids of posts.
	IDs []string `yaml:"ids"`
}

// Family is how the feeds of a family are made, each key as in [Feed].
type Family struct {
	// Limit is how many items a feed has at most, up to 10000; 0 is the default: site.limit.
	Limit int `yaml:"limit"`
	// Content is full or summary. Default full.
	Content Content `yaml:"content"`
	// TitleLink is permalink or source. Default permalink.
	TitleLink TitleLink `yaml:"title_link"`
	// Formats are those of rss, atom and json that the feeds are made in. Default all.
	Formats []Format `yaml:"formats"`
	// Archives gives each of the feeds archives. Default false: every post is in the archives of main already.
	Archives Choice `yaml:"archives"`
}

// Alias is where an old path leads.
type Alias struct {
	// Feed is the feed's name. Default main.
	Feed feed.Name `yaml:"feed"`
	// Format is rss, atom or json. Default rss.
	Format Format `yaml:"format"`
}

// Choice is true, false or, if it is not given, neither.
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

// or returns the choice that was made, or otherwise.
func (c Choice) or(otherwise bool) bool {
	if c == "" {
		return otherwise
	}
	return c == "true"
}

// Content is how much of each post a feed holds.
type Content string

// UnmarshalText accepts full, summary and the empty text.
func (c *Content) UnmarshalText(text []byte) error {
	return oneOf(c, text, feed.FullContent, feed.SummaryContent)
}

// TitleLink is where titles lead.
type TitleLink string

// UnmarshalText accepts permalink, source and the empty text.
func (l *TitleLink) UnmarshalText(text []byte) error {
	return oneOf(l, text, feed.PermalinkTitle, feed.SourceTitle)
}

// Format is a format of feeds.
type Format string

// UnmarshalText accepts rss, atom, json and the empty text.
func (f *Format) UnmarshalText(text []byte) error { return oneOf(f, text, feed.Formats()...) }

// Preset is a platform whose old paths lead to the feeds.
type Preset string

// UnmarshalText accepts the platforms that are known.
func (p *Preset) UnmarshalText(text []byte) error { return oneOf(p, text, alias.Presets()...) }

// MediaTypes is how RSS and Atom are announced.
type MediaTypes string

// The media types.
const (
	OwnMediaTypes MediaTypes = "own"             // application/rss+xml and application/atom+xml
	PlainXML      MediaTypes = "application/xml" // for both
)

// UnmarshalText accepts own and application/xml.
func (m *MediaTypes) UnmarshalText(text []byte) error { return oneOf(m, text, OwnMediaTypes, PlainXML) }

// oneOf sets v to text, which is to be one of values or empty.
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

// Catalog returns which feeds there are, and how they are made.
func (c Config) Catalog() feed.Catalog {
	out := feed.Catalog{
		Feeds:    map[feed.Name]feed.Channel{feed.Main: {Archives: true}},
		Families: map[feed.Family]feed.Channel{},
		Pages:    c.Pages,
		PlainXML: c.MediaTypes == PlainXML,
	}
	for f, x := range c.Families {
		out.Families[f] = feed.Channel{
			Limit: x.Limit, Content: feed.Content(x.Content), TitleLink: feed.TitleLink(x.TitleLink), Formats: formats(x.Formats),
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

// formats returns the formats in the order of [feed.Formats], so that the order in which they are written changes no
// document.
func formats(list []Format) []feed.Format {
	var out []feed.Format
	for _, f := range feed.Formats() {
		if slices.Contains(list, Format(f)) {
			out = append(out, f)
		}
	}
	return out
}

// FeedSchedules returns the schedules of feeds with one of their own.
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

// Retreats returns the paths that answer 410, and those that answer 301 with the URLs that they lead to, both with the
// names of feeds resolved to the paths of their documents, percent-decoded.
func (c Config) Retreats() (retired []string, moved map[string]string) {
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
		for _, target := range alias.Gone(feed.Preset(p)) {
			_, goes := moved[target]
			_, stays := c.Aliases[target]
			if !goes && !stays {
				retired = append(retired, target)
			}
		}
	}
	slices.Sort(retired)
	return slices.Compact(retired), moved
}

// documentAt is a document that was at a path.
type documentAt struct {
	target string // percent-decoded
	format feed.Format
}

// documentsAt returns what a path or the name of a feed stands for: itself, or the feed's documents.
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

// decoded returns a target with its path percent-decoded, as requests are compared; one that is malformed as it is.
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
