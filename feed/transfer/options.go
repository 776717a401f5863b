package transfer

import (
	"io"
	"iter"
	"time"

	"feedpub/feed/attribution"
)

// Format is a form in which posts are kept.
type Format string

// The formats that [Options.Read] reads. Detect, the zero value, leaves it to the content.
const (
	Detect   Format = ""
	JSON     Format = "json"     // feedpub's own posts: one, several, an array, or one a line; also JSON Feed
	WXR      Format = "wxr"      // an export of WordPress
	FeedXML  Format = "feed"     // RSS 0.9x, 1.0 and 2.0, and Atom
	Markdown Format = "markdown" // with front matter in YAML, TOML or JSON
	HTML     Format = "html"     // a page or a fragment of one
	Text     Format = "text"     // the plain text of a page
)

// ReadFormats returns the formats that can be asked for.
func ReadFormats() []Format { return []Format{JSON, WXR, FeedXML, Markdown, HTML, Text} }

// Options say how files are read. The zero Options recognise the format and read posts only; plain text then needs a
// Reader. Options may be shared.
type Options struct {
	Format Format
	// Reader reads plain text.
	Reader *attribution.Reader
	// Location is the time zone of dates that give none: the days of plain text, and times of WordPress that are known
	// only as the clock on the wall. Nil is UTC.
	Location *time.Location
	// Pages takes pages too, not only posts: those of a WordPress export, and those of a folder of Hugo that are in no
	// section and have no date.
	Pages bool
	// BaseURL is the address of the site whose folder is read, instead of the one that its configuration gives. In other
	// folders addresses that begin with a slash are completed with it.
	BaseURL string

	generator generator // of the folder that is read; nil for none
}

func (o Options) location() *time.Location {
	if o.Location == nil {
		return time.UTC
	}
	return o.Location
}

// Read reads entries from r one after the other. Memory does not grow with the file but with the largest entry, of
// which 16 MB are read. Beside what [Read] recognises these are told by their content: exports of WordPress, RSS and
// Atom, HTML, and text that begins with front matter. The name is that of the file, with slashes: it is in messages, it
// is the id of a post that gives none, and its ending and its folders tell what the content can't.
//
// If r can seek, an export of WordPress is read twice: first for the addresses of its pictures, which may stand after the
// posts that show them. Errors are as those of [Read].
func (o Options) Read(r io.Reader, name string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) { o.read(r, name, yield) }
}

// SkipReason says what sort of thing an entry is that is left out, for a count of them: "page", "attachment", "trash" and so on.
type SkipReason string

// left returns an entry that says what is left out, and where it stands.
func left(place string, kind SkipReason) Entry { return Entry{Pos: place, Skipped: kind} }
