package transfer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"feedpub/feed"
)

// Format is a file format that posts can be imported from.
type Format string

// The values of [Options.Format].
const (
	Detect   Format = ""         // detect the format of each file
	WXR      Format = "wxr"      // a WordPress export
	FeedXML  Format = "feed"     // RSS 0.9x, 1.0 and 2.0, and Atom
	Ghost    Format = "ghost"    // a Ghost export
	JSON     Format = "json"     // feedpub's own posts: one, several, an array, or one per line; also JSON Feed
	Markdown Format = "markdown" // with front matter in YAML, TOML or JSON
	HTML     Format = "html"     // a document or a fragment
	Text     Format = "text"     // the plain text of one post
)

// importFormat is a row of [importFormats].
type importFormat struct {
	format Format
	name   string // format name in messages
	// extensions are the file extensions of the format. An extension that belongs to only one format determines the
	// format, regardless of the file's content.
	extensions []string
	// detect reports whether a file that begins with start is in this format. The argument start is UTF-8 without a
	// byte order mark.
	detect func(start []byte) bool
	read   func(o Options, in *input, yield func(Entry, error) bool)
	// decode reads a file in a served folder; see [Options.Decode]. It is nil for formats that can only be imported.
	decode func(o Options, name string, content []byte) ([]feed.RawPost, error)
}

// importFormats returns all formats that can be imported, in detection order. To add a format, write its reader in a
// new file and add a row and a constant here.
func importFormats() []importFormat {
	return []importFormat{
		{Markdown, "Markdown with front matter", []string{".md", ".markdown", ".mkd", ".mkdn", ".mkdown", ".mdown"},
			isFrontMatter, readMarkdownFile, decodeMarkdownFile},
		{HTML, "HTML", []string{".html", ".htm", ".xhtml"}, isHTML, readHTMLFile, decodeHTMLFile},
		{WXR, "WordPress export (WXR)", []string{".xml"}, isWXR, readWXR, nil},
		{FeedXML, "RSS or Atom", []string{".xml", ".rss", ".atom", ".rdf"}, isFeedXML, readFeedXML, nil},
		{Ghost, "Ghost export", []string{".json"}, isGhost, readGhost, nil},
		{JSON, "JSON or JSON Feed", []string{".json", ".jsonl", ".ndjson"}, isJSON, readJSON, decodeJSON},
		{Text, "plain text", []string{".txt"}, isText, readTextFile, decodeText},
	}
}

// ReadFormats returns all values of [Options.Format] except [Detect].
func ReadFormats() []Format {
	var formats []Format
	for _, f := range importFormats() {
		formats = append(formats, f.format)
	}
	return formats
}

// formatOf determines the format of a file.
func (o Options) formatOf(start []byte, name string) (importFormat, error) {
	formats := importFormats()
	if o.Format != Detect {
		i := slices.IndexFunc(formats, func(f importFormat) bool { return f.format == o.Format })
		if i < 0 {
			return importFormat{}, fmt.Errorf("unknown format %q: %w", shorten(string(o.Format)), feed.ErrInvalid)
		}
		return formats[i], nil
	}
	extension := strings.ToLower(path.Ext(name))
	others := func(f importFormat) bool { return !slices.Contains(f.extensions, extension) }
	if named := slices.DeleteFunc(slices.Clone(formats), others); len(named) == 1 {
		return named[0], nil
	} else if len(named) > 1 {
		formats = named
	}
	var tried []string
	for _, f := range formats {
		if f.detect(start) {
			return f, nil
		}
		tried = append(tried, f.name)
	}
	found := ""
	root, _ := xmlRoot(start)
	if strings.EqualFold(root, "channel") {
		return importFormat{}, fmt.Errorf("the root element %q is that of CDF, which is not supported; want RSS or Atom: %w",
			root, feed.ErrInvalid)
	}
	if root != "" {
		found = fmt.Sprintf(", XML with the root element %q", shorten(root))
	}
	return importFormat{}, fmt.Errorf("unknown format%s; tried %s: %w", found, strings.Join(tried, ", "), feed.ErrInvalid)
}

// mayHoldPosts reports whether a file name has an extension of any format.
func mayHoldPosts(name string) bool {
	if strings.HasPrefix(path.Base(name), ".") {
		return false
	}
	extension := strings.ToLower(path.Ext(strings.TrimSuffix(name, ".gz")))
	return slices.ContainsFunc(importFormats(), func(f importFormat) bool {
		return slices.Contains(f.extensions, extension)
	})
}

// read implements [Options.Read].
func (o Options) read(r io.Reader, name string, yield func(Entry, error) bool) {
	in, err := openInput(r, name)
	if err != nil {
		yield(Entry{Pos: name}, err)
		return
	}
	start, err := in.r.Peek(peekSize)
	if err != nil && !errors.Is(err, io.EOF) {
		yield(Entry{Pos: name}, fmt.Errorf("read %s: %w", in.name, err))
		return
	}
	format, err := o.formatOf(start, in.name)
	switch {
	case err == nil && format.format != JSON: // a JSON file can contain feedpub's own posts
		format.read(o, in, func(e Entry, err error) bool { return yield(o.withImageFiles(e), err) })
	case err == nil:
		format.read(o, in, yield)
	case len(bytes.TrimSpace(start)) > 0: // an empty file has no posts
		yield(Entry{Pos: in.name}, fmt.Errorf("%s: %w", in.name, err))
	}
}

// Decode reads a file from a served folder of posts. It returns the posts as they are stored, or none if the file's
// format is not supported. If one post cannot be read, Decode returns an error for the whole file, since the rest of
// the file could belong to the same post.
func (o Options) Decode(name string, content []byte) ([]feed.RawPost, error) {
	content = trimMarks(content)
	extension := strings.ToLower(path.Ext(name))
	for _, f := range importFormats() {
		if f.decode != nil && slices.Contains(f.extensions, extension) {
			return f.decode(o, name, content)
		}
	}
	return nil, nil
}

// shorten makes s suitable for messages: valid UTF-8 of at most 40 bytes, with an ellipsis if it was cut.
func shorten(s string) string {
	if len(s) > 40 {
		return strings.ToValidUTF8(s[:40], "") + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
