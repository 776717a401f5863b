package feed

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
)

// Catalog configures the feeds of a site. The zero Catalog has the main feed and the feeds of all families, with
// default settings and without archives. A Catalog must not be modified once it is in use.
type Catalog struct {
	// Feeds configures individual feeds: the main feed, selections, or feeds of a family.
	Feeds map[Name]Channel
	// Families configures the feeds of each family that have no entry in Feeds.
	Families map[Family]Channel
	// Selections are additional feeds, sorted by name.
	Selections []Selection
	// Pages is set if each feed has an HTML page and the site has a page that lists the feeds.
	Pages bool
	// PlainXML is set if RSS and Atom are served as application/xml, which browsers display instead of downloading.
	PlainXML bool
	// Presets lists platforms whose feed paths the site also serves.
	Presets []Preset
	// Aliases are additional paths at which documents are served.
	Aliases []Alias
	// Unlisted names the feeds that are built and served but left out of the site's lists of feeds.
	Unlisted []Name
}

// Channel configures a feed. A zero field defaults to the value of the feed's family or, if that is also zero, to the
// site's default.
type Channel struct {
	Title       string // plain text; by default derived from the site's title and the feed's name
	Description string // plain text; by default derived from the site's title and the feed's name
	Limit       int    // maximum number of items; 0: the site's limit
	Content     Content
	TitleLink   TitleLink
	Formats     []Format // in the order of [Formats]; empty: all
	// Archives is set if posts beyond the feed's limit are kept in archives (RFC 5005).
	Archives bool
}

// Selection is a feed of the posts that meet its criteria.
type Selection struct {
	Name Name // one path segment; see [ValidSelection]
	// Criteria are conditions, all of which a post must meet.
	Criteria Criteria
	// Exclude lists conditions; posts that meet any of them are excluded.
	Exclude Criteria
	// ExcludeIDs are the ids of posts that are excluded.
	ExcludeIDs []string
}

// Criteria are conditions on a post. An empty list imposes no condition. The names of tags, authors and publications
// are compared like path names, ignoring case. All known names of a publication are treated as equal.
type Criteria struct {
	Tags      []string // the post has at least one of these tags
	AllTags   []string // the post has all of these tags
	Authors   []string // the post is by at least one of these authors
	Sources   []string // the post quotes at least one of these publications
	Languages []string // BCP 47 language ranges, one of which the post's language must match: "en" matches "en-GB"
	Quoting   Choice   // whether the post has quotes
}

// IsZero reports whether there are no conditions.
func (c Criteria) IsZero() bool {
	return len(c.Tags)+len(c.AllTags)+len(c.Authors)+len(c.Sources)+len(c.Languages) == 0 && c.Quoting == Either
}

// Choice is an optional condition: yes, no or either.
type Choice int8

// The choices.
const (
	Either Choice = iota
	Yes
	No
)

// Preset is the name of a platform whose feed paths are known; see package alias.
type Preset string

// Alias is an additional path at which a feed's document is served.
type Alias struct {
	// Target is the absolute, percent-decoded path, including any query, such as "/?feed=rss2".
	Target string
	Feed   Name
	Format Format
}

// reserved returns the names that selections cannot have, because other documents use their paths.
func reserved() []Name {
	return []Name{Main, Name(Tags), Name(Authors), Name(Sources), archiveSegment, Pages}
}

// Pages is the name of the site's documents that do not belong to a feed: the list of feeds as a page and as OPML, and
// the style sheet. They are committed like the documents of a feed.
const Pages Name = "pages"

// ValidSelection returns nil if n is a valid name of a selection: 1 to 63 bytes of a-z, 0-9 and "-" that are not
// reserved. Otherwise the error is of kind [ErrInvalid].
func ValidSelection(n Name) error {
	if !siteID.MatchString(string(n)) {
		return fmt.Errorf("name %q: want 1 to 63 characters from a-z, 0-9 and -: %w", string(n), ErrInvalid)
	}
	if slices.Contains(reserved(), n) {
		return fmt.Errorf("name %q is reserved; choose another: %w", string(n), ErrInvalid)
	}
	return nil
}

// Channel returns the configuration of a feed of the site, with defaults for its zero fields. An archive has the
// configuration of its feed.
func (c Catalog) Channel(site Site, n Name) Channel {
	n, _ = n.Archived()
	family, _ := n.Split()
	ch, ok := c.Feeds[n]
	defaults := c.Families[family]
	if !ok {
		ch.Archives = defaults.Archives
	}
	ch.Limit = max(cmp.Or(ch.Limit, defaults.Limit, site.Limit), 1)
	ch.Content = cmp.Or(ch.Content, defaults.Content, FullContent)
	ch.TitleLink = cmp.Or(ch.TitleLink, defaults.TitleLink, PermalinkTitle)
	if len(ch.Formats) == 0 {
		ch.Formats = defaults.Formats
	}
	if len(ch.Formats) == 0 {
		ch.Formats = Formats()
	}
	return ch
}

// Selection returns the selection with the given name, and whether it exists.
func (c Catalog) Selection(n Name) (Selection, bool) {
	i := slices.IndexFunc(c.Selections, func(s Selection) bool { return s.Name == n })
	if i < 0 {
		return Selection{}, false
	}
	return c.Selections[i], true
}

// Fingerprint returns a hash of the catalog. Catalogs with equal fingerprints produce the same documents from the same
// posts.
func (c Catalog) Fingerprint() string {
	h := sha256.New()
	fmt.Fprintf(h, "%#v", c) // sorts maps by key
	return hex.EncodeToString(h.Sum(nil)[:8])
}
