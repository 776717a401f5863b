package feed

import (
	"fmt"
	"slices"
)

// Format is a document format. The table below defines the properties of each format; package render has a table of the
// functions that write them. The methods of a Format that is not in the table panic, so a value from outside the
// program must be checked with [ParseFormat] or [Format.Known] first.
type Format string

// The formats: RSS 2.0, Atom 1.0 (RFC 4287), JSON Feed 1.1, a page for people, the list of feeds that feed readers
// import (OPML 2.0), the style sheet that makes browsers display RSS and Atom, the site's own style sheet for pages,
// and the pages that browsers get with the status codes 404 and 410.
const (
	RSS          Format = "rss"
	Atom         Format = "atom"
	JSON         Format = "json"
	HTML         Format = "html"
	OPML         Format = "opml"
	CSS          Format = "css"
	Style        Format = "style"
	NotFoundPage Format = "404"
	GonePage     Format = "410"
)

// formatInfo is a row in the table of formats.
type formatInfo struct {
	format Format
	label  string // display name
	file   string // file name of a document in this format
	// mediaType is the Content-Type. plainType is the Content-Type for sites with [Catalog.PlainXML]; empty means
	// mediaType.
	mediaType, plainType string
	// subscribed is set if readers subscribe to documents of the format. page is set if browsers show the documents as
	// pages, which are served at the path of their folder.
	subscribed, page bool
	// perFeed is set if every feed can have a document of the format. perSite is set if [Pages] has one.
	perFeed, perSite bool
	// delta is set if readers may request new items only (RFC 3229 with the instance manipulation "feed"). The document
	// must remain valid when any of its items are removed, and nothing may separate items.
	delta bool
}

const plainXML = "application/xml; charset=utf-8"

// formatTable is never modified. Lists of formats for users have the same order.
var formatTable = []formatInfo{
	{format: RSS, label: "RSS", file: "feed.xml", mediaType: "application/rss+xml; charset=utf-8", plainType: plainXML,
		subscribed: true, perFeed: true, delta: true},
	{format: Atom, label: "Atom", file: "atom.xml", mediaType: "application/atom+xml; charset=utf-8", plainType: plainXML,
		subscribed: true, perFeed: true, delta: true},
	{format: JSON, label: "JSON Feed", file: "feed.json", mediaType: "application/feed+json; charset=utf-8",
		subscribed: true, perFeed: true},
	{format: HTML, label: "HTML", file: "index.html", mediaType: "text/html; charset=utf-8", page: true,
		perFeed: true, perSite: true},
	{format: OPML, label: "OPML", file: "feeds.opml", mediaType: "text/x-opml; charset=utf-8", perSite: true},
	{format: CSS, label: "CSS", file: "feed.css", mediaType: "text/css; charset=utf-8", perSite: true},
	{format: Style, label: "Site CSS", file: "style.css", mediaType: "text/css; charset=utf-8", perSite: true},
	{format: NotFoundPage, label: "404", file: "404.html", mediaType: "text/html; charset=utf-8", perSite: true},
	{format: GonePage, label: "410", file: "410.html", mediaType: "text/html; charset=utf-8", perSite: true},
}

// info returns the format's row.
func (f Format) info() *formatInfo {
	for i := range formatTable {
		if formatTable[i].format == f {
			return &formatTable[i]
		}
	}
	panic(fmt.Sprintf("feed: format %q is not in the table of formats", string(f)))
}

// formatsWith returns the formats that have a property, in the order of the table.
func formatsWith(property func(*formatInfo) bool) []Format {
	list := make([]Format, 0, len(formatTable))
	for i := range formatTable {
		if row := &formatTable[i]; property(row) {
			list = append(list, row.format)
		}
	}
	return list
}

// AllFormats returns every format.
func AllFormats() []Format { return formatsWith(func(*formatInfo) bool { return true }) }

// Formats returns the formats that readers subscribe to, in the order in which they are listed for people.
func Formats() []Format { return formatsWith(func(row *formatInfo) bool { return row.subscribed }) }

// FeedFormats returns the formats in which a feed can have documents: those in [Formats], and the page.
func FeedFormats() []Format { return formatsWith(func(row *formatInfo) bool { return row.perFeed }) }

// SiteFormats returns the formats of the documents of [Pages].
func SiteFormats() []Format { return formatsWith(func(row *formatInfo) bool { return row.perSite }) }

// ParseFormat returns the format named s, which must be one of [Formats], or an error of kind [ErrInvalid].
func ParseFormat(s string) (Format, error) {
	if f := Format(s); slices.Contains(Formats(), f) {
		return f, nil
	}
	return "", fmt.Errorf("format %q: want %s: %w", s, OneOf(Formats()), ErrInvalid)
}

// Known reports whether the format is in the table: a document that a later release committed may have an unknown
// format.
func (f Format) Known() bool { return slices.Contains(AllFormats(), f) }

// Label returns the format's display name, such as "JSON Feed".
func (f Format) Label() string { return f.info().label }

// File returns the file name of a document in this format. It is the last segment of the document's path, except for
// pages, which are served at the path of their folder.
func (f Format) File() string { return f.info().file }

// MediaType returns the Content-Type of documents of this format.
func (f Format) MediaType() string { return f.info().mediaType }

// PlainMediaType returns the Content-Type that makes browsers show the document rather than download it.
func (f Format) PlainMediaType() string {
	row := f.info()
	if row.plainType == "" {
		return row.mediaType
	}
	return row.plainType
}

// Page reports whether documents of this format are shown to people and served at the path of their folder.
func (f Format) Page() bool { return f.info().page }

// Subscribed reports whether readers subscribe to documents of this format.
func (f Format) Subscribed() bool { return f.info().subscribed }

// Delta reports whether a document of this format without some of its items may be sent to readers that request new
// items only (RFC 3229). Items of such a format follow one another without a separator.
func (f Format) Delta() bool { return f.info().delta }
