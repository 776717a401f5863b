// Package transfer imports and exports posts. It reads feedpub's own JSON and JSON Lines, WordPress exports, RSS, Atom,
// JSON Feed, Markdown, HTML and plain text, and folders of such files. It only converts formats; package intake
// validates posts.
package transfer

import (
	"io"
	"iter"
	"time"

	"feedpub/feed"
	"feedpub/feed/attribution"
)

// Entry is a post, a record or a deliberately skipped item in a file. At most one of Post, Record and Skipped is set;
// an entry with none of them only carries Notes.
type Entry struct {
	Post    *feed.RawPost
	Record  *feed.ExportLine
	Skipped SkipReason
	// Pos is the position of the entry for messages: "posts.jsonl:3" is line 3 of that file.
	Pos string
	// Notes are messages for the user about content that was not converted. Each begins with its position.
	Notes []string
}

// SkipReason is the kind of a skipped item: "page", "attachment", "trash" and so on. Commands count skipped items by
// reason.
type SkipReason string

// skipped returns the entry of an item that is not imported.
func skipped(pos string, reason SkipReason) Entry { return Entry{Pos: pos, Skipped: reason} }

// Options control how files are read. The zero value detects the format and skips pages; plain text needs a Reader.
// Options are safe for concurrent use.
type Options struct {
	// Format is the format of the files. The default, [Detect], detects it for each file.
	Format Format
	// Reader parses the credits in plain text. If it is nil, plain text is an error.
	Reader *attribution.Reader
	// Location is the time zone of dates without an offset: the days in plain text, and WordPress's local times where
	// no UTC time is given. Nil is UTC.
	Location *time.Location
	// Pages enables the import of pages: the pages of a WordPress export, and the files of a Hugo site that are in no
	// section and have no date.
	Pages bool
	// BaseURL overrides the URL in the configuration of a site. In other folders, URLs that begin with a slash are
	// resolved against it.
	BaseURL string
	// Now is compared with expiry dates in front matter. The zero value is the current time.
	Now time.Time

	generator generator // of the folder being read, or nil
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

// Read reads the entries of r in order, in any of the formats of [ReadFormats]. The memory used depends on the size of
// the largest entry, at most 16 MB, and not on the size of the file. The name is the slash-separated path of the file.
// It appears in messages, it is the id of a single post without an id, and its extension and folders are used when the
// content does not determine the format or status. Files compressed with gzip are decompressed.
//
// If r is an [io.ReadSeeker] and an [io.ReaderAt], Read reads a WordPress export twice if its posts refer to later
// attachments.
//
// An error is about one entry, and reading continues with the next entry. Reading ends after an error that is not of
// kind [feed.ErrInvalid], and after mismatched brackets in JSON.
func (o Options) Read(r io.Reader, name string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) { o.read(r, name, yield) }
}

// Read is [Options.Read] with the given reader for plain text and the time zone of dates without an offset; nil is UTC.
func Read(r io.Reader, name string, reader *attribution.Reader, loc *time.Location) iter.Seq2[Entry, error] {
	return Options{Reader: reader, Location: loc}.Read(r, name)
}
