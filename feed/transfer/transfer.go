// Package transfer imports and exports posts. It reads feedpub's own JSON and JSON Lines, WordPress, Blogger and Ghost
// exports, RSS, Atom, JSON Feed, Markdown, HTML and plain text, and folders and zip archives of such files. It only
// converts formats; package intake validates posts.
package transfer

import (
	"io"
	"iter"
	"time"

	"feedpub/feed"
	"feedpub/feed/attribution"
)

// Entry is a post, a record, or an item in a file that was deliberately skipped. At most one of Post, Record and
// Skipped is set; if none is set, the entry only carries Notes.
type Entry struct {
	Post    *feed.RawPost
	Record  *feed.ExportLine
	Skipped SkipReason
	// Exact is set if an export contains the exact bytes of Post, which may be a post that cannot be read.
	Exact bool
	// Files are the files that Post refers to. They must be stored before the post is; see [Options.ImageFiles].
	Files []File
	// Pos is the position of the entry, for use in messages: "posts.jsonl:3" is line 3 of that file.
	Pos string
	// Notes are messages for the user, such as about content that was not converted. Each message begins with its
	// position.
	Notes []string
}

// SkipReason is the kind of a skipped item, such as "page", "attachment" or "trash". Commands count skipped items by
// reason.
type SkipReason string

// skipped returns an entry for an item that is not imported.
func skipped(pos string, reason SkipReason) Entry { return Entry{Pos: pos, Skipped: reason} }

// Options control how files are read. The zero value detects the format and skips pages; plain text needs a Reader.
// Options are safe for concurrent use.
type Options struct {
	// Format is the format of the files. The default, [Detect], detects it for each file.
	Format Format
	// Reader parses the credits in plain text. If it is nil, plain text is rejected.
	Reader *attribution.Reader
	// Location is the time zone of dates without an offset: days in plain text, and WordPress's local times if there is
	// no UTC time. Nil means UTC.
	Location *time.Location
	// Pages enables the import of pages, such as the pages in a WordPress export, and files in a Hugo site that have
	// neither a section nor a date.
	Pages bool
	// BaseURL overrides the URL in the configuration of a site. In folders that are not a site, URLs that begin with a
	// slash are resolved against BaseURL.
	BaseURL string
	// ImageFiles moves images that the content of a public post contains as data: URLs to [Entry.Files]. It does not
	// change feedpub's own JSON.
	ImageFiles bool
	// Now is the time that expiry dates in front matter are compared with. The zero value means the current time.
	Now time.Time

	generator generator // generator of the folder being read, or nil
	ids       frontIDs  // ids in the front matter of the generator's posts; nil without a generator
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
// the largest entry, which is at most 16 MB, and not on the size of the file. The name is the slash-separated path of
// the file. It appears in messages and becomes the id of a single post without an id. Its extension and folders are
// used when the content does not determine the format or status. Files compressed with gzip are decompressed.
//
// If r is an [io.ReadSeeker] and an [io.ReaderAt], Read reads a WordPress export twice if its posts refer to
// attachments that come later in the file.
//
// An error of kind [feed.ErrInvalid] concerns one entry, and reading continues with the next entry, unless the error is
// about mismatched brackets in JSON or about the whole file. Any other error ends reading.
func (o Options) Read(r io.Reader, name string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) { o.read(r, name, yield) }
}

// Read calls [Options.Read] with the given reader for plain text and the time zone of dates without an offset; nil
// means UTC.
func Read(r io.Reader, name string, reader *attribution.Reader, loc *time.Location) iter.Seq2[Entry, error] {
	return Options{Reader: reader, Location: loc}.Read(r, name)
}
