package intake

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"feedpub/feed"
	"feedpub/feed/markup"
)

// Decode decodes the JSON of the post that is stored under key, as [Schema] describes it. Types are checked strictly,
// and a null member is treated as absent. Unknown members of the post are kept in Unknown; unknown members of nested
// objects are dropped. The id defaults to key, and must equal key if it is given. All content members are decoded; see
// [Intake.Item] for their precedence. Dates keep their offset.
//
// The error is an [*Error] for the first invalid value, in the order of the fields of [feed.Post].
func Decode(key string, raw []byte) (feed.Post, error) {
	p, _, err := decode(key, raw)
	return p, err
}

// decode is like Decode, but also counts the replaced characters.
func decode(key string, raw []byte) (feed.Post, Replaced, error) {
	if len(raw) > MaxSize {
		reason := fmt.Sprintf("want at most %d bytes, got %d", MaxSize, len(raw))
		if n := inlineImages(raw); n > 0 {
			reason += fmt.Sprintf(", of which %d are images in the text; save them as files", n)
		}
		return feed.Post{}, Replaced{}, invalid("", "%s", reason)
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff")) // byte order mark, which some editors add
	// Use checkSyntax for syntax errors, since decoding does not report their position.
	if len(bytes.TrimSpace(raw)) == 0 {
		return feed.Post{}, Replaced{}, checkSyntax(raw)
	}
	var d decoder
	p := d.post(key, raw)
	if d.err == nil {
		return p, d.replaced, nil
	}
	if err := checkSyntax(raw); err != nil {
		return feed.Post{}, Replaced{}, err
	}
	return feed.Post{}, Replaced{}, d.err
}

// inlineImages returns the number of bytes in data: URLs of images.
func inlineImages(raw []byte) (n int) {
	for {
		_, rest, ok := bytes.Cut(raw, []byte("data:image/"))
		if !ok {
			return n
		}
		raw = rest
		end := bytes.IndexAny(raw, "\"\\'<>() \n")
		if end < 0 {
			end = len(raw)
		}
		n += len("data:image/") + end
	}
}

// CheckID returns an [*Error] if id is not valid for a post; see [feed.ValidatePostID].
func CheckID(id string) error {
	if err := feed.ValidatePostID(id); err != nil {
		return invalid("id", "%s", strings.TrimSuffix(err.Error(), ": "+feed.ErrInvalid.Error()))
	}
	return nil
}

func checkSyntax(raw []byte) error {
	err := json.Unmarshal(raw, new(json.RawMessage))
	if err == nil {
		return nil
	}
	place := ""
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		// The offset includes the invalid byte; at the end of the input it is the length.
		before := raw[:min(max(int(syntax.Offset)-1, 0), len(raw))]
		line := bytes.Count(before, []byte("\n")) + 1
		column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
		place = fmt.Sprintf("line %d, column %d", line, column)
	}
	return invalid(place, "%s", strings.TrimPrefix(err.Error(), "json: "))
}

// decoder reads values and keeps the first error. Values that it returns after an error are meaningless.
type decoder struct {
	err      error
	replaced Replaced
}

func (d *decoder) fail(path, format string, args ...any) {
	if d.err == nil {
		d.err = invalid(path, format, args...)
	}
}

func (d *decoder) post(key string, raw json.RawMessage) feed.Post {
	o := d.object("", raw)
	p := feed.Post{
		ID:              d.id(key, o),
		URL:             d.url(o, "url"),
		ExternalURL:     d.url(o, "external_url"),
		Title:           d.text(o, "title"),
		ContentHTML:     d.text(o, "content_html"),
		ContentText:     d.text(o, "content_text"),
		ContentMarkdown: d.text(o, "content_markdown"),
		Summary:         d.text(o, "summary"),
		Image:           d.url(o, "image"),
		Authors:         list(d, o, "authors", d.author),
		Tags:            list(d, o, "tags", d.tag),
		Language:        d.language(o, "language"),
		Attachments:     list(d, o, "attachments", d.attachment),
		Status:          choice(d, o, "status", feed.Published, feed.Draft, feed.Private),
		Quotes:          list(d, o, "quotes", d.quote),
		Via:             list(d, o, "via", d.via),
		Attribution:     choice(d, o, "attribution", feed.AttributionAuto, feed.AttributionGiven, feed.AttributionNone),
		ExcludeFrom:     list(d, o, "exclude_from", d.feedName),
	}
	p.DatePublished = d.date(o, "date_published")
	p.DateModified = d.date(o, "date_modified")
	if len(o.members) > 0 {
		p.Unknown = o.members
	}
	return p
}

func (d *decoder) id(key string, o *object) string {
	id := d.text(o, "id")
	if id == "" {
		id = key
	}
	if err := CheckID(id); err != nil && d.err == nil {
		d.err = err
	}
	if id != key {
		d.fail("id", "want %q, the id under which the post is stored, got %q", key, id)
	}
	return id
}

func (d *decoder) author(path string, raw json.RawMessage) feed.Author {
	o := d.object(path, raw)
	a := feed.Author{Name: d.text(o, "name"), URL: d.url(o, "url"), Avatar: d.url(o, "avatar")}
	if strings.TrimSpace(a.Name) == "" && a.URL == "" && a.Avatar == "" {
		d.fail(path, "want a name, url or avatar")
	}
	return a
}

func (d *decoder) tag(path string, raw json.RawMessage) string {
	return d.textValue(path, raw)
}

// feedName reads the name of a feed that a post can be excluded from: any feed except the main feed.
func (d *decoder) feedName(path string, raw json.RawMessage) feed.Name {
	n := feed.Name(d.textValue(path, raw))
	if n == "" || n == feed.Main {
		d.fail(path, "want the name of a feed other than %s, got %q", feed.Main, n)
	}
	return n
}

func (d *decoder) attachment(path string, raw json.RawMessage) feed.Attachment {
	o := d.object(path, raw)
	a := feed.Attachment{
		URL:               d.url(o, "url"),
		MIMEType:          d.text(o, "mime_type"),
		Title:             d.text(o, "title"),
		SizeInBytes:       d.integer(o, "size_in_bytes"),
		DurationInSeconds: d.number(o, "duration_in_seconds", maxSafeInteger),
	}
	if a.URL == "" {
		d.fail(o.at("url"), "missing")
	}
	switch {
	case a.MIMEType == "":
		d.fail(o.at("mime_type"), "missing")
	case !mediaType.MatchString(a.MIMEType):
		d.fail(o.at("mime_type"), "want a media type such as audio/mpeg, got %q", a.MIMEType)
	}
	return a
}

func (d *decoder) quote(path string, raw json.RawMessage) feed.Quote {
	o := d.object(path, raw)
	q := feed.Quote{Text: d.text(o, "text"), HTML: d.text(o, "html"), Confidence: d.number(o, "confidence", 1)}
	source, ok := o.take("source")
	if ok {
		q.Source = d.source(o.at("source"), source)
	}
	if !ok && strings.TrimSpace(q.Text+q.HTML) == "" {
		d.fail(path, "want a source, text or html")
	}
	return q
}

func (d *decoder) source(path string, raw json.RawMessage) feed.Source {
	o := d.object(path, raw)
	return feed.Source{
		Publication:    d.text(o, "publication"),
		PublicationURL: d.url(o, "publication_url"),
		FeedURL:        d.url(o, "feed_url"),
		Headline:       d.text(o, "headline"),
		URL:            d.url(o, "url"),
		Authors:        list(d, o, "authors", d.author),
		DatePublished:  d.sourceDate(o, "date_published"),
		Agencies:       list(d, o, "agencies", d.textValue),
	}
}

func (d *decoder) via(path string, raw json.RawMessage) feed.Via {
	o := d.object(path, raw)
	v := feed.Via{Name: d.text(o, "name"), URL: d.url(o, "url")}
	if strings.TrimSpace(v.Name) == "" && v.URL == "" {
		d.fail(path, "want a name or url")
	}
	return v
}

var (
	languageTag = regexp.MustCompile(`^[A-Za-z]{1,8}([-_][A-Za-z0-9]{1,8})*$`)
	mediaType   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*( *;.*)?$`)
)

func (d *decoder) language(o *object, name string) string {
	s := d.text(o, name)
	if s != "" && !languageTag.MatchString(s) {
		d.fail(o.at(name), "want a language tag such as en or pt-BR (BCP 47), got %q", s)
	}
	return s
}

// forbidden lists URL schemes that run code or contain the resource itself. They are useless in a feed, and some feed
// readers would run the code.
var forbidden = regexp.MustCompile(`(?i)^(javascript|vbscript|data|blob|file):`)

// url reads an absolute or relative URL and trims white space.
func (d *decoder) url(o *object, name string) string {
	s := strings.TrimSpace(d.text(o, name))
	if forbidden.MatchString(s) {
		d.fail(o.at(name), "want a URL with a different scheme, got %q", shorten(s))
		return ""
	}
	if _, err := markup.ParseURL(s); err != nil {
		d.fail(o.at(name), "want a URL, got %q", shorten(s))
		return ""
	}
	return s
}

// shorten truncates a value for use in an error.
func shorten(s string) string {
	const limit = 80
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "") + "…"
}
