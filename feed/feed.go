// Package feed has the types of feedpub's domain: posts, quotes, sources, items, feeds, documents, and the tables of
// formats, outcomes and problem kinds. It does no I/O, and does not read, render, store or serve anything.
package feed

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// SiteID names one publication. Every key of a site in Redis carries it, so it is also the unit that stays together
// in a Redis Cluster.
type SiteID string

var siteID = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)

// Validate returns nil if the id is 1 to 63 bytes of a-z, 0-9 and "-", else an error of kind [ErrInvalid].
func (id SiteID) Validate() error {
	if !siteID.MatchString(string(id)) {
		return fmt.Errorf("site id %q: want 1 to 63 of a-z, 0-9 and -: %w", string(id), ErrInvalid)
	}
	return nil
}

// Family is a kind of feed that a site has one of for each tag, author or quoted source. Its value is the first
// segment of the paths of those feeds.
type Family string

// The families.
const (
	Tags    Family = "tags"
	Authors Family = "authors"
	Sources Family = "sources"
)

// Name names a feed within its site: [Main], or a family and a path name such as "tags/go". One spelling serves
// everywhere: as the name of the feed, of the index that it is selected from, and as its documents' path.
type Name string

// Main is the feed that holds every published post.
const Main Name = "main"

// Join returns the name of the feed of family f whose path name is slug.
func Join(f Family, slug string) Name { return Name(string(f) + "/" + slug) }

// Split returns the family and the path name, or "" and the whole name for a feed of no family. An archive has those
// of the feed that it is an archive of.
func (n Name) Split() (Family, string) {
	n, _ = n.Archived()
	f, slug, ok := strings.Cut(string(n), "/")
	if !ok {
		return "", string(n)
	}
	return Family(f), slug
}

// Compare orders feeds for people: [Main] before all others, and those by name. It returns -1, 0 or 1, as
// [strings.Compare] does.
func (n Name) Compare(other Name) int {
	switch {
	case n == other:
		return 0
	case n == Main:
		return -1
	case other == Main:
		return 1
	}
	return strings.Compare(string(n), string(other))
}

// Path returns the absolute path at which the feed's document of a format is served: "/feed.xml" for the main feed,
// "/tags/go/feed.xml" and the page "/tags/go/" for another. The site's root is the page of [Pages], so the main feed's
// page is "/main/".
func (n Name) Path(f Format) string {
	row := f.info()
	file := row.file
	if row.page {
		file = ""
	}
	if n == Pages || n == Main && !row.page {
		return "/" + file
	}
	return "/" + string(n) + "/" + file
}

// Site is what a site's configuration says about its documents. It is all that rendering knows besides items, so two
// builders with equal Sites make equal bytes; see [Site.Fingerprint].
type Site struct {
	ID          SiteID
	Title       string // plain text; never empty
	Description string // plain text; may be empty
	Language    string // BCP 47; never empty
	BaseURL     string // absolute URL without a trailing slash under which the feeds are served
	HomeURL     string // absolute URL of the blog; resolves relative URLs of posts without a URL of their own
	Authors     []Author
	Copyright   string
	Icon        string        // absolute URL of a square image, or empty
	Hub         string        // absolute URL of a WebSub hub, or empty
	Since       time.Time     // the date of a feed without posts; UTC
	Limit       int           // items in a feed at most; at least 1
	TTL         time.Duration // how often readers are asked to come: Cache-Control max-age and RSS ttl
}

// Fingerprint identifies the configuration that documents are made from. Equal fingerprints mean that two builders
// would render the same posts to the same bytes; a change of fingerprint explains why posts leave a feed.
func (s Site) Fingerprint() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q %q %q %q %q %q %q %d %d %d",
		s.ID, s.Title, s.Description, s.Language, s.BaseURL, s.HomeURL, s.Authors, s.Copyright, s.Icon, s.Hub,
		s.Since.UnixMilli(), s.Limit, s.TTL)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Feed is an ordered selection of items with the channel's metadata, ready to be rendered. Items come newest first,
// in the order of [CompareItems].
type Feed struct {
	Site  Site
	Name  Name
	Title string // plain text; never empty
	// Description is plain text and never empty.
	Description string
	// Updated is the latest of the items' Updated and the recorded time of a removal, or the site's Since; UTC.
	Updated time.Time
	Items   []*Item
	// Formats are those of the feed's documents, in any order; empty: all.
	Formats []Format
	// Content and TitleLink say how the items are shown.
	Content   Content
	TitleLink TitleLink
	// History links the feed's archives.
	History History
}

// CompareItems orders items as every feed shows them: the latest publication first, equal times by descending id.
// It is the order in which a Redis sorted set gives them back reversed.
func CompareItems(a, b *Item) int {
	return cmp.Or(b.Published.Compare(a.Published), cmp.Compare(b.ID, a.ID))
}
