package feed

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
)

// Catalog configures the feeds of a site. The zero Catalog has the main feed and those of the families, all with the same
// defaults and without archives. A Catalog must not be modified once it is in use.
type Catalog struct {
	// Feeds configure single feeds: the main feed, selections, or feeds of a family.
	Feeds map[Name]Channel
	// Families configure the feeds of a family that have no entry in Feeds.
	Families map[Family]Channel
	// Selections are the feeds besides the main one and the families', by name.
	Selections []Selection
	// Pages makes a page for people of each feed and one that lists them.
	Pages bool
	// PlainXML serves RSS and Atom as application/xml, which browsers show rather than download.
	PlainXML bool
	// Presets are the platforms whose old paths lead to this site's feeds.
	Presets []Preset
	// Aliases are further old paths.
	Aliases []Alias
	// Unlisted are feeds that are built, but that the lists of feeds leave out.
	Unlisted []Name
}

// Channel configures a feed. A zero field means the value of the feed's family, or else of the site.
type Channel struct {
	Title       string // plain text; empty: made of the site's title and the feed's name
	Description string // plain text; empty: likewise
	Limit       int    // items in a document at most; 0: the site's limit
	Content     Content
	TitleLink   TitleLink
	Formats     []Format // in the order of [Formats]; empty: all
	// Archives keeps the posts that no longer fit into the feed in archives (RFC 5005).
	Archives bool
}

// Selection is a feed of the posts that meet criteria.
type Selection struct {
	Name Name // one path segment; see [ValidSelection]
	// Criteria must all be met.
	Criteria Criteria
	// Exclude excludes the posts that meet any of these.
	Exclude Criteria
	// ExcludeIDs are the ids of posts that are excluded.
	ExcludeIDs []string
}

// Criteria are conditions on a post. Names are compared as those of families are: without regard to case and, for
// publications, to the names under which they go.
type Criteria struct {
	Tags      []string // at least one of them
	AllTags   []string // each of them
	Authors   []string // at least one of them
	Sources   []string // it quotes at least one of them
	Languages []string // BCP 47; its language is one of them or a variety of it: "en" takes in "en-GB"
	Quoting   Choice   // whether it quotes anything
}

// IsZero reports whether there is no criterion.
func (c Criteria) IsZero() bool {
	return len(c.Tags)+len(c.AllTags)+len(c.Authors)+len(c.Sources)+len(c.Languages) == 0 && c.Quoting == Either
}

// Choice is an optional condition.
type Choice int8

// The choices.
const (
	Either Choice = iota
	Yes
	No
)

// Preset names a platform by the paths at which it serves feeds.
type Preset string

// Alias is an old path at which a feed's document is served too.
type Alias struct {
	// Target is the path, absolute and percent-decoded, and the query if there is one, as in "/?feed=rss2".
	Target string
	Feed   Name
	Format Format
}

// reserved returns the names that selections cannot have, because their paths are in use or have another meaning.
func reserved() []Name {
	return []Name{Main, Name(Tags), Name(Authors), Name(Sources), archiveSegment, Pages}
}

// Pages names the documents of a site that are not those of a feed: the list of feeds as a page and as OPML, and the style
// sheet. They are committed like a feed's.
const Pages Name = "pages"

// ValidSelection returns nil if n can be the name of a selection, else an error of kind [ErrInvalid]: 1 to 63 of a-z,
// 0-9 and "-" that are no word with another meaning.
func ValidSelection(n Name) error {
	if !siteID.MatchString(string(n)) {
		return fmt.Errorf("name %q: want 1 to 63 of a-z, 0-9 and -: %w", string(n), ErrInvalid)
	}
	if slices.Contains(reserved(), n) {
		return fmt.Errorf("name %q has another meaning: %w", string(n), ErrInvalid)
	}
	return nil
}

// Channel returns the configuration of a feed of the site with all defaults. An archive has that of its feed.
func (c Catalog) Channel(site Site, n Name) Channel {
	n, _ = n.Archived()
	ch, own := c.Feeds[n]
	family, _ := n.Split()
	of := c.Families[family]
	if !own {
		ch.Archives = of.Archives
	}
	if ch.Limit == 0 {
		ch.Limit = of.Limit
	}
	if ch.Limit == 0 {
		ch.Limit = site.Limit
	}
	ch.Limit = max(ch.Limit, 1)
	if ch.Content == "" {
		ch.Content = of.Content
	}
	if ch.Content == "" {
		ch.Content = FullContent
	}
	if ch.TitleLink == "" {
		ch.TitleLink = of.TitleLink
	}
	if ch.TitleLink == "" {
		ch.TitleLink = PermalinkTitle
	}
	if len(ch.Formats) == 0 {
		ch.Formats = of.Formats
	}
	if len(ch.Formats) == 0 {
		ch.Formats = Formats()
	}
	return ch
}

// Selection returns the selection of a name.
func (c Catalog) Selection(n Name) (Selection, bool) {
	i := slices.IndexFunc(c.Selections, func(s Selection) bool { return s.Name == n })
	if i < 0 {
		return Selection{}, false
	}
	return c.Selections[i], true
}

// Fingerprint identifies the catalog: equal catalogs make the same documents of the same posts.
func (c Catalog) Fingerprint() string {
	h := sha256.New()
	fmt.Fprintf(h, "%#v", c) // which sorts maps
	return hex.EncodeToString(h.Sum(nil)[:8])
}
