// Package feed is the domain of feedpub: posts, quotes and their sources, items, feeds, documents, and what is
// recorded of them. It has types, names and kinds of errors, uses the standard library only, and does no I/O; how a
// post is read, rendered, stored or served is the business of the packages beside and below it.
package feed

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
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
	file := f.File()
	if f == HTML {
		file = ""
	}
	if n == Pages || n == Main && f != HTML {
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

// Format is a format of documents.
type Format string

// The formats: RSS 2.0, Atom 1.0 (RFC 4287), JSON Feed 1.1.
const (
	RSS  Format = "rss"
	Atom Format = "atom"
	JSON Format = "json"
)

// The formats of documents that no reader subscribes to: a page for people, the list of feeds that feed readers import
// (OPML 2.0), and the style sheet that browsers show RSS and Atom with.
const (
	HTML Format = "html"
	OPML Format = "opml"
	CSS  Format = "css"
)

// Formats returns the formats of feeds in the order in which they are listed for people. Pages are not among them.
func Formats() []Format { return []Format{RSS, Atom, JSON} }

// ParseFormat returns the format named s, or an error of kind [ErrInvalid].
func ParseFormat(s string) (Format, error) {
	if f := Format(s); slices.Contains(Formats(), f) {
		return f, nil
	}
	return "", fmt.Errorf("format %q: want rss, atom or json: %w", s, ErrInvalid)
}

// File returns the name of a file with a document of this format. But for pages, which are served as their folder, it is
// the last segment of the document's path.
func (f Format) File() string {
	switch f {
	case RSS:
		return "feed.xml"
	case Atom:
		return "atom.xml"
	case HTML:
		return "index.html"
	case OPML:
		return "feeds.opml"
	case CSS:
		return "feed.css"
	default:
		return "feed.json"
	}
}

// MediaType returns the Content-Type of documents of this format.
func (f Format) MediaType() string {
	switch f {
	case RSS:
		return "application/rss+xml; charset=utf-8"
	case Atom:
		return "application/atom+xml; charset=utf-8"
	case HTML:
		return "text/html; charset=utf-8"
	case OPML:
		return "text/x-opml; charset=utf-8"
	case CSS:
		return "text/css; charset=utf-8"
	default:
		return "application/feed+json; charset=utf-8"
	}
}

// Document is a feed in one format, or a page: rendered, but not committed.
type Document struct {
	Format Format
	Body   []byte // identity coding; not to be modified
	Hash   Hash   // of Body
}

// NewDocument returns the document with its hash. It takes ownership of body.
func NewDocument(f Format, body []byte) Document {
	return Document{Format: f, Body: body, Hash: HashOf(body)}
}

// Hash is the SHA-256 of a document's identity bytes in lower-case hexadecimal: 64 characters. It names the document
// in the store and is its entity tag.
type Hash string

// HashOf returns the hash of b.
func HashOf(b []byte) Hash {
	sum := sha256.Sum256(b)
	return Hash(hex.EncodeToString(sum[:]))
}

// Head is the committed state of a feed: which documents it has, and what they are served with. It says all that a
// replica needs to serve them, so that a replica needs no configuration of feeds.
type Head struct {
	Feed   Name   `json:"feed"`
	Token  Token  `json:"token"`  // the fencing token of the builder that committed it
	Config string `json:"config"` // identifies the configuration and the version of the form that it was built with
	// IDs are the ids of the posts in the documents, in order; what is missing from the next build must be explained.
	IDs       []string      `json:"ids"`
	Documents []DocumentRef `json:"documents"`
}

// Document returns the reference of the document in format f.
func (h Head) Document(f Format) (DocumentRef, bool) {
	i := slices.IndexFunc(h.Documents, func(d DocumentRef) bool { return d.Format == f })
	if i < 0 {
		return DocumentRef{}, false
	}
	return h.Documents[i], true
}

// Later reports whether h was committed later than other, a head of the same feed: by a later builder, or by the same one
// with a document that is modified later. The store's order is this one, whatever the store may have forgotten since.
func (h Head) Later(other Head) bool {
	if h.Token != other.Token {
		return h.Token > other.Token
	}
	return h.modified().After(other.modified())
}

// modified returns when the newest of the documents was modified.
func (h Head) modified() time.Time {
	var latest time.Time
	for _, d := range h.Documents {
		if d.Modified.After(latest) {
			latest = d.Modified
		}
	}
	return latest
}

// DocumentRef is a committed document without its bytes.
type DocumentRef struct {
	Format    Format        `json:"format"`
	Path      string        `json:"path"`       // absolute, of the URL it is served at
	MediaType string        `json:"media_type"` // Content-Type
	Link      string        `json:"link"`       // value of the Link header (RFC 8288): rel=self and, if there is one, rel=hub
	MaxAge    time.Duration `json:"max_age"`    // for Cache-Control
	// Policy is the value of the Content-Security-Policy header; empty for documents that need none.
	Policy string `json:"policy,omitempty"`
	Hash   Hash   `json:"hash"`
	Length int    `json:"length"` // bytes in identity coding
	// Modified is the document's Last-Modified: whole seconds, UTC, later than that of any earlier version.
	Modified time.Time `json:"modified"`
	// Aliases are old paths at which the document is served too, absolute, percent-decoded, with a query if they have one.
	Aliases []string `json:"aliases,omitempty"`
	// Brotli says that the document is committed in brotli coding too, as documents are that stay quiet.
	Brotli bool `json:"brotli,omitempty"`
}

// Equal reports whether d and e say the same.
func (d DocumentRef) Equal(e DocumentRef) bool {
	return d.Format == e.Format && d.Path == e.Path && d.MediaType == e.MediaType && d.Link == e.Link &&
		d.MaxAge == e.MaxAge && d.Hash == e.Hash && d.Length == e.Length && d.Modified.Equal(e.Modified) &&
		d.Policy == e.Policy && slices.Equal(d.Aliases, e.Aliases) && d.Brotli == e.Brotli
}

// Blob is a committed document's bytes as the store and the replicas hold them: in gzip coding (RFC 1952), and perhaps another.
type Blob struct {
	Hash Hash   // of the identity bytes
	Gzip []byte // not to be modified
	Size int    // bytes in identity coding
	// Brotli are the bytes in brotli coding (RFC 7932), not to be modified; nil for a document that is not held in it.
	Brotli []byte `json:",omitempty"`
}

// Token is a fencing token: of two builders, the one with the greater token is the later one, and the store refuses
// the commits of the other. It is at least the Unix time in milliseconds at which it was given out.
type Token int64
