// Package feed defines the types of feedpub's domain: posts, quotes, sources, items, feeds, documents, and the tables
// of formats, outcomes and problem kinds. It does no I/O, and does not read, render, store or serve anything.
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

// SiteID is the id of a site. All Redis keys of a site have its id as their hash tag, so they are in one slot of a
// Redis Cluster.
type SiteID string

var siteID = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)

// Validate returns nil if the id is 1 to 63 bytes of a-z, 0-9 and "-", else an error of kind [ErrInvalid].
func (id SiteID) Validate() error {
	if !siteID.MatchString(string(id)) {
		return fmt.Errorf("site id %q: want 1 to 63 characters from a-z, 0-9 and -: %w", string(id), ErrInvalid)
	}
	return nil
}

// Family is a set of feeds that has one feed for each tag, author or quoted source. Its value is the first segment of
// the paths of those feeds.
type Family string

// The families. Posts contains a page for each post without a URL of its own; see [Name.OfPost].
const (
	Tags    Family = "tags"
	Authors Family = "authors"
	Sources Family = "sources"
	Posts   Family = "posts"
)

// Name is the name of a feed within its site: [Main], the name of a selection, or a family and a path name such as
// "tags/go". It is also the name of the feed's index in the store and the path of its documents.
type Name string

// Main is the feed of all published posts.
const Main Name = "main"

// Join returns the name of the feed of family f whose path name is slug.
func Join(f Family, slug string) Name { return Name(string(f) + "/" + slug) }

// Split returns the family and the path name, or "" and the whole name for a feed that belongs to no family. For an
// archive, it splits the name of the archive's feed.
func (n Name) Split() (Family, string) {
	n, _ = n.Archived()
	f, slug, ok := strings.Cut(string(n), "/")
	if !ok {
		return "", string(n)
	}
	return Family(f), slug
}

// OfPost reports whether n is the page of a single post, such as "posts/hello". Such a page is built and committed like
// a feed with only that post, but has no format that readers can subscribe to, and is in no list of feeds. If the post
// is no longer published, its head has no ids, and servers answer 410.
func (n Name) OfPost() bool { return strings.HasPrefix(string(n), string(Posts)+"/") && !n.archived() }

func (n Name) archived() bool {
	_, number := n.Archived()
	return number > 0
}

// Compare orders feeds for lists: [Main] first, the others by name. It returns -1, 0 or 1, like [strings.Compare].
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

// Path returns the absolute path at which the feed's document in a format is served: "/feed.xml" for the main feed,
// "/tags/go/feed.xml" for the feed of a tag, whose page is "/tags/go/". The site's root is the page of [Pages], so the
// main feed's page is "/main/".
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

// Site is the part of a site's configuration that documents depend on. Builders with equal Sites render equal items to
// equal documents; see [Site.Fingerprint].
type Site struct {
	ID          SiteID
	Title       string // plain text; never empty
	Description string // plain text; may be empty
	Language    string // BCP 47; never empty
	BaseURL     string // absolute URL without a trailing slash under which the feeds are served
	HomeURL     string // absolute URL of the blog, and the base of relative URLs in posts without a URL
	Permalink   string // URL pattern, relative to HomeURL, for posts without a URL, or empty; see [PermalinkKeys]
	Authors     []Author
	Copyright   string
	Icon        string        // absolute URL of a square image, or empty
	Accent      string        // color of links on pages, as # and six hexadecimal digits, or empty
	Style       string        // CSS text of the style sheet that is added to pages, or empty
	Hubs        []string      // absolute URLs of WebSub hubs
	Since       time.Time     // UTC date shown for a feed without posts
	Limit       int           // maximum number of items in a feed; at least 1
	TTL         time.Duration // suggested interval between polls: Cache-Control max-age and RSS ttl
}

// Fingerprint returns a hash of the configuration. Builders with equal fingerprints render the same posts to the same
// bytes. If the fingerprint has changed since the last commit, posts may be missing from a feed without the feed being
// held.
func (s Site) Fingerprint() string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %q %q %q %q %q %q %q %d %d %d",
		s.ID, s.Title, s.Description, s.Language, s.BaseURL, s.HomeURL, s.Authors, s.Copyright, s.Icon,
		strings.Join(s.Hubs, " "),
		s.Since.UnixMilli(), s.Limit, s.TTL)
	if s.Permalink != "" {
		fmt.Fprintf(h, " %q", s.Permalink)
	}
	if s.Accent != "" {
		fmt.Fprintf(h, " accent %q", s.Accent)
	}
	if s.Style != "" {
		fmt.Fprintf(h, " style %q", s.Style)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Feed is the input of rendering: an ordered list of items with the channel's metadata. Items are sorted by
// [CompareItems], newest first.
type Feed struct {
	Site  Site
	Name  Name
	Title string // plain text; never empty
	// Description is plain text and never empty.
	Description string
	// Updated is the latest of the items' Updated and the time of the last removal, or the site's Since if there are no
	// items and none was removed. It is in UTC.
	Updated time.Time
	Items   []*Item
	// Formats lists the formats of the feed's documents in any order. If it is empty, the feed has all formats.
	Formats   []Format
	Content   Content
	TitleLink TitleLink
	History   History
}

// CompareItems orders items as feeds do: by descending time of publication, then by descending id. That is the reverse
// order of a Redis sorted set.
func CompareItems(a, b *Item) int {
	return cmp.Or(b.Published.Compare(a.Published), cmp.Compare(b.ID, a.ID))
}
