package transfer

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"feedpub/feed"
	"feedpub/feed/intake"
	"feedpub/feed/markup"
)

// ownMeta is the key under which an export of WordPress has what that has no place for, as the JSON of a post with only
// those members: quotes and vias, say. WordPress keeps it beside the post and hands it back.
const ownMeta = "_feedpub"

type wxrWriter struct {
	w *bufio.Writer
	n int // the last id that was given
	// back reads what was written, to see what has to be put into ownMeta.
	back *xmlFile
}

func newWXRWriter(w io.Writer, c Channel) (*wxrWriter, error) {
	head := xml.Header + `<rss version="2.0" xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/"` +
		` xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"` +
		` xmlns:wp="http://wordpress.org/export/1.2/">` + "\n<channel>\n" +
		tag("title", c.Title) + tag("link", c.Link) + tag("language", c.Language) +
		"<wp:wxr_version>1.2</wp:wxr_version>\n" + tag("wp:base_site_url", c.Link) + tag("wp:base_blog_url", c.Link)
	x := &wxrWriter{w: bufio.NewWriter(w), back: &xmlFile{}}
	if err := x.back.readHead([]byte(head)); err != nil {
		return nil, fmt.Errorf("write an export of WordPress: %w", err)
	}
	x.back.site.begin(x.back.root)
	_, err := x.w.WriteString(head)
	return x, err
}

// tag returns an element with text.
func tag(name, text string) string {
	if text == "" {
		return ""
	}
	return "<" + name + ">" + escape(text) + "</" + name + ">\n"
}

func escape(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(markup.CleanText(s))) // a Builder takes everything
	return b.String()
}

// cdata returns text as WordPress writes it, which its importer counts on for some elements.
func cdata(name, text string) string {
	return "<" + name + "><![CDATA[" + strings.ReplaceAll(markup.CleanText(text), "]]>", "]]]]><![CDATA[>") + "]]></" + name + ">\n"
}

// Write writes the post, and before it its picture, which is an attachment of its own to WordPress.
func (x *wxrWriter) Write(p feed.Post) error {
	content, err := contentHTML(p)
	if err != nil {
		return err
	}
	picture, thumbnail := "", ""
	if isURL(p.Image) {
		x.n++
		thumbnail = strconv.Itoa(x.n)
		picture = "<item>\n" + tag("title", path.Base(p.Image)) + "<guid isPermaLink=\"false\">" + escape(p.Image) + "</guid>\n" +
			tag("wp:post_id", thumbnail) + tag("wp:status", "inherit") + tag("wp:post_type", "attachment") +
			tag("wp:attachment_url", p.Image) + "</item>\n"
		x.back.site.attachments = map[string]string{thumbnail: p.Image}
	}
	x.n++
	item := x.item(p, content, thumbnail)
	e, err := x.back.parse([]byte(item + endItem))
	if err != nil {
		return err
	}
	// Of a post that has nothing else it is told that it is empty; so far, it is.
	got, _, err := x.back.site.post(Options{Pages: true}, e)
	if err != nil {
		return err
	}
	rest, err := missing(p, got)
	if err != nil {
		return err
	}
	_, err = x.w.WriteString(picture + item + rest + endItem)
	return err
}

const endItem = "</item>\n"

// item returns the item of a post without its end.
func (x *wxrWriter) item(p feed.Post, content, thumbnail string) string {
	var b strings.Builder
	b.WriteString("<item>\n" + tag("title", p.Title) + tag("link", p.URL))
	const zero = "0000-00-00 00:00:00"
	date, modified := zero, zero
	if t := p.DatePublished.UTC(); !p.DatePublished.IsZero() {
		b.WriteString(tag("pubDate", t.Format(time.RFC1123Z)))
		date = t.Format(time.DateTime)
	}
	if !p.DateModified.IsZero() {
		modified = p.DateModified.UTC().Format(time.DateTime)
	}
	for _, a := range p.Authors {
		b.WriteString(cdata("dc:creator", a.Name))
	}
	b.WriteString(`<guid isPermaLink="false">` + escape(p.ID) + "</guid>\n<description></description>\n")
	b.WriteString(cdata("content:encoded", content) + cdata("excerpt:encoded", p.Summary))
	status := map[feed.Status]string{feed.Draft: "draft", feed.Private: "private"}[p.Status]
	b.WriteString(tag("wp:post_id", strconv.Itoa(x.n)) + tag("wp:post_date", date) + tag("wp:post_date_gmt", date) +
		tag("wp:post_modified_gmt", modified) + tag("wp:status", first(status, "publish")) + tag("wp:post_type", "post"))
	for _, t := range p.Tags {
		b.WriteString(`<category domain="post_tag" nicename="` + escape(strings.ToLower(strings.Join(strings.Fields(t), "-"))) + `"><![CDATA[` +
			strings.ReplaceAll(markup.CleanText(t), "]]>", "]]]]><![CDATA[>") + "]]></category>\n")
	}
	for _, a := range p.Attachments {
		b.WriteString(meta("enclosure", fmt.Sprintf("%s\n%d\n%s\n", a.URL, a.SizeInBytes, a.MIMEType)))
	}
	if thumbnail != "" {
		b.WriteString(meta("_thumbnail_id", thumbnail))
	}
	return b.String()
}

// meta returns what WordPress keeps beside a post under a key.
func meta(key, value string) string {
	return "<wp:postmeta>\n" + tag("wp:meta_key", key) + cdata("wp:meta_value", value) + "</wp:postmeta>\n"
}

// missing returns, as an element, those members of a post that are others in the one that is read back; "" for none.
func missing(p, got feed.Post) (string, error) {
	rest := feed.Post{ID: p.ID, Unknown: p.Unknown}
	keep(&rest.URL, p.URL, got.URL)
	keep(&rest.ExternalURL, p.ExternalURL, got.ExternalURL)
	keep(&rest.Title, p.Title, got.Title)
	keep(&rest.Summary, p.Summary, got.Summary)
	keep(&rest.Image, p.Image, got.Image)
	keep(&rest.Language, p.Language, got.Language)
	keep(&rest.Status, p.Status, got.Status)
	keep(&rest.Attribution, p.Attribution, got.Attribution)
	keep(&rest.DatePublished, p.DatePublished, got.DatePublished)
	keep(&rest.DateModified, p.DateModified, got.DateModified)
	if p.ContentHTML != got.ContentHTML || p.ContentText != "" || p.ContentMarkdown != "" {
		rest.ContentHTML, rest.ContentText, rest.ContentMarkdown = p.ContentHTML, p.ContentText, p.ContentMarkdown
	}
	if !slices.Equal(p.Authors, got.Authors) {
		rest.Authors = p.Authors
	}
	if !slices.Equal(p.Tags, got.Tags) {
		rest.Tags = p.Tags
	}
	if !slices.Equal(p.Attachments, got.Attachments) {
		rest.Attachments = p.Attachments
	}
	rest.Quotes, rest.Via, rest.ExcludeFrom = p.Quotes, p.Via, p.ExcludeFrom
	raw, err := intake.Encode(rest)
	if err != nil {
		return "", err
	}
	if alone, err := intake.Encode(feed.Post{ID: p.ID}); err != nil || bytes.Equal(raw, alone) {
		return "", err
	}
	return meta(ownMeta, string(raw)), nil
}

// keep sets into to a value that is another than the one that was read back.
func keep[T comparable](into *T, value, got T) {
	if value != got {
		*into = value
	}
}

// restoreOwn puts into a post what its export has under ownMeta; encoded is the content that stands in the item. What
// can't be read is somebody else's, or was changed, and the post is whole without it.
func restoreOwn(p *feed.Post, value, encoded string) {
	rest, err := intake.Decode(p.ID, []byte(value))
	if err != nil {
		return
	}
	restore(&p.URL, rest.URL)
	restore(&p.ExternalURL, rest.ExternalURL)
	restore(&p.Title, rest.Title)
	restore(&p.Summary, rest.Summary)
	restore(&p.Image, rest.Image)
	restore(&p.Language, rest.Language)
	restore(&p.Attribution, rest.Attribution)
	restore(&p.DatePublished, rest.DatePublished)
	restore(&p.DateModified, rest.DateModified)
	// What the post is to WordPress now counts more than what it was; only a draft there is none here.
	if p.Status == "" && rest.Status == feed.Published {
		p.Status = rest.Status
	}
	// The content as it was written counts as long as it is the one that WordPress has.
	if content, err := contentHTML(rest); err == nil && content != "" && lineEnds(markup.CleanText(content)) == encoded {
		p.ContentHTML, p.ContentText, p.ContentMarkdown = rest.ContentHTML, rest.ContentText, rest.ContentMarkdown
	}
	if rest.Authors != nil {
		p.Authors = rest.Authors
	}
	if rest.Tags != nil {
		p.Tags = rest.Tags
	}
	if rest.Attachments != nil {
		p.Attachments = rest.Attachments
	}
	p.Quotes, p.Via, p.ExcludeFrom, p.Unknown = rest.Quotes, rest.Via, rest.ExcludeFrom, rest.Unknown
}

func restore[T comparable](into *T, value T) {
	var none T
	if value != none {
		*into = value
	}
}

func (x *wxrWriter) Close() error {
	_, err := x.w.WriteString("</channel>\n</rss>\n")
	return errors.Join(err, x.w.Flush())
}

// contentHTML returns the content of a post as HTML. It is marked as a block, so that WordPress adds no paragraphs.
func contentHTML(p feed.Post) (string, error) {
	var format markup.Format
	var body string
	switch {
	case p.ContentHTML != "":
		return "<!-- wp:html -->" + p.ContentHTML + "<!-- /wp:html -->", nil
	case p.ContentMarkdown != "":
		format, body = markup.Markdown, p.ContentMarkdown
	case p.ContentText != "":
		format, body = markup.Text, p.ContentText
	default:
		return "", nil
	}
	tree, err := markup.Parse(format, body)
	if err != nil {
		return "", err
	}
	return "<!-- wp:html -->" + markup.Clean(tree) + "<!-- /wp:html -->", nil
}
