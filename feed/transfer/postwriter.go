package transfer

import (
	"fmt"
	"io"

	"feedpub/feed"
)

// WriteFormat is a format for exporting posts to other programs.
type WriteFormat string

// The export formats.
const (
	WriteJSONFeed WriteFormat = "jsonfeed" // one JSON Feed 1.1 document
	WriteWXR      WriteFormat = "wxr"      // a WordPress export
	WriteMarkdown WriteFormat = "markdown" // a folder of Markdown files with front matter
)

// Channel is the metadata of the site in an export.
type Channel struct {
	Title, Link, Language string
}

// PostWriter writes posts to a file or folder. It is not safe for concurrent use.
type PostWriter interface {
	// Write writes a post. If it returns an error of kind [feed.ErrInvalid], it has written no part of the post, and the
	// caller may write other posts.
	Write(p feed.Post) error
	// Close ends the document. It does not close the underlying writer.
	Close() error
}

// NewPostWriter returns a PostWriter that writes to w or, for Markdown, to the given folder, which must be empty and is
// created if it does not exist.
func NewPostWriter(f WriteFormat, w io.Writer, folder string, c Channel) (PostWriter, error) {
	switch f {
	case WriteJSONFeed:
		return newJSONFeedWriter(w, c)
	case WriteWXR:
		return newWXRWriter(w, c)
	case WriteMarkdown:
		return newMarkdownWriter(folder)
	}
	return nil, fmt.Errorf("format %q: want jsonfeed, wxr or markdown: %w", shorten(string(f)), feed.ErrInvalid)
}
