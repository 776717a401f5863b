// Package transfer reads posts in the formats of other programs and writes posts for them: feedpub's own JSON and JSON
// Lines, WordPress exports, RSS, Atom, JSON Feed, Markdown, HTML and plain text, and folders of such files. It converts
// formats; whether a post is valid is decided by package intake.
package transfer

import (
	"io"
	"iter"
	"time"

	"feedpub/feed"
	"feedpub/feed/attribution"
)

// Entry is one thing read from a file: a post, a record kept beside the posts, or an item that is not imported on
// purpose. At most one of Post, Record and Skipped is set; an entry with none of them only carries Notes.
type Entry struct {
	Post    *feed.RawPost
	Record  *feed.ExportLine
	Skipped SkipReason
	// Pos is the position of the entry for messages: "posts.jsonl:3" is line 3 of that file.
	Pos string
	// Notes are messages for the user about content that was not converted. Each begins with its position.
	Notes []string
}

// SkipReason says what a skipped item is, for counting: "page", "attachment", "trash" and so on.
type SkipReason string

// skipped returns the entry of an item that is not imported.
func skipped(pos string, reason SkipReason) Entry { return Entry{Pos: pos, Skipped: reason} }

// Options control how files are read. The zero Options detect the format and skip pages; plain text needs a Reader.
// Options may be shared.
type Options struct {
	// Format is the format of the files. The default, [Detect], detects it for each file.
	Format Format
	// Reader reads the credits in plain text. Without it, plain text is an error.
	Reader *attribution.Reader
	// Location is the time zone of dates without an offset: the days in plain text, and WordPress's local times where
	// no UTC time is given. Nil is UTC.
	Location *time.Location
	// Pages imports pages as well as posts: the pages of a WordPress export, and the files of a Hugo site that are in
	// no section and have no date.
	Pages bool
	// BaseURL replaces the address that a site's configuration gives. For other folders it completes addresses that
	// begin with a slash.
	BaseURL string
	// Now is the time at which expiry dates in front matter have passed or not. The zero time is the current one.
	Now time.Time

	generator generator // of the folder being read; nil for none
}

func (o Options) location() *time.Location {
	if o.Location == nil {
		return time.UTC
	}
	return o.Location
}

func (o Options) now() time.Time {
	if o.Now.IsZero() {
		return time.Now()
	}
	return o.Now
}

// Read reads the entries of r in order, in any of the formats of [Format]; see [ReadFormats]. Memory grows with the
// largest entry, at most 16 MB, and not with the file. The name is the slash-separated path of the file: it appears in
// messages, it is the id of a single post that has none, and its extension and folders count where the content does not
// tell. Files compressed with gzip are decompressed.
//
// If r is an [io.ReadSeeker] and an [io.ReaderAt], a WordPress export is read a second time if posts show attachments
// that come after them.
//
// An error is about one entry, at the error's position, and reading continues after it. Only after an error that is not
// of kind [feed.ErrInvalid], and in JSON with mismatched brackets, there are no further entries.
func (o Options) Read(r io.Reader, name string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) { o.read(r, name, yield) }
}

// Read is [Options.Read] with the given reader for plain text and the time zone of dates without an offset; nil is UTC.
func Read(r io.Reader, name string, reader *attribution.Reader, loc *time.Location) iter.Seq2[Entry, error] {
	return Options{Reader: reader, Location: loc}.Read(r, name)
}
