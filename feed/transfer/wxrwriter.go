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

// extraMeta is the post meta key for members that WordPress exports do not support, such as quotes and vias. The value
// is the JSON of a post that has only these members. WordPress keeps post meta and includes it in its exports.
const extraMeta = "_feedpub"

type wxrWriter struct {
	w      *bufio.Writer
	lastID int // the last wp:post_id used
	// site parses each written item to find the members that extraMeta must contain.
	site *wxrSite
}

func newWXRWriter(w io.Writer, c Channel) (*wxrWriter, error) {
	head := xml.Header + `<rss version="2.0" xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/"` +
		` xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"` +
		` xmlns:wp="http://wordpress.org/export/1.2/">` + "\n<channel>\n" +
		textElement("title", c.Title) + textElement("link", c.Link) + textElement("language", c.Language) +
		"<wp:wxr_version>1.2</wp:wxr_version>\n" +
		textElement("wp:base_site_url", c.Link) + textElement("wp:base_blog_url", c.Link)
	doc := &xmlFile{}
	if err := doc.parseHead([]byte(head)); err != nil {
		return nil, fmt.Errorf("write a WordPress export: %w", err)
	}
	x := &wxrWriter{w: bufio.NewWriter(w), site: newWXRSite(doc, true, time.UTC)}
	_, err := x.w.WriteString(head)
	return x, err
}

// textElement returns an element that contains text, or "" if the text is empty.
func textElement(name, text string) string {
	if text == "" {
		return ""
	}
	return "<" + name + ">" + escapeXML(text) + "</" + name + ">\n"
}

func escapeXML(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(markup.CleanText(s))) // a strings.Builder returns no error
	return b.String()
}

// cdataElement returns an element that contains text in a CDATA section, as WordPress's importer expects.
func cdataElement(name, text string) string {
	return "<" + name + ">" + cdata(text) + "</" + name + ">\n"
}

func cdata(text string) string {
	return "<![CDATA[" + strings.ReplaceAll(markup.CleanText(text), "]]>", "]]]]><![CDATA[>") + "]]>"
}

// Write writes the post. It writes the post's image first, since WordPress exports contain images as separate items.
func (x *wxrWriter) Write(p feed.Post) error {
	if wxrStatus[p.Status] == "" {
		return fmt.Errorf("status %q: WordPress has no such status: %w", shorten(string(p.Status)), feed.ErrInvalid)
	}
	content, err := contentHTML(p)
	if err != nil {
		return err
	}
	image, imageID := "", ""
	if isURL(p.Image) {
		x.lastID++
		imageID = strconv.Itoa(x.lastID)
		image = "<item>\n" + textElement("title", path.Base(p.Image)) +
			"<guid isPermaLink=\"false\">" + escapeXML(p.Image) + "</guid>\n" +
			textElement("wp:post_id", imageID) + textElement("wp:status", "inherit") +
			textElement("wp:post_type", "attachment") + textElement("wp:attachment_url", p.Image) + "</item>\n"
		x.site.attachments = map[string]string{imageID: p.Image}
	}
	x.lastID++
	item := x.item(p, content, imageID)
	e, err := x.site.doc.parse([]byte(item + endItem))
	if err != nil {
		return err
	}
	got, _, err := x.site.post(e) // the item may be skipped as empty, since it lacks the extra members
	if err != nil {
		return err
	}
	extra, err := extraElement(p, got)
	if err != nil {
		return err
	}
	_, err = x.w.WriteString(image + item + extra + endItem)
	return err
}

const endItem = "</item>\n"

// item returns a post as an item, without the end tag.
func (x *wxrWriter) item(p feed.Post, content, imageID string) string {
	var b strings.Builder
	b.WriteString("<item>\n" + textElement("title", p.Title) + textElement("link", p.URL))
	const zero = "0000-00-00 00:00:00"
	date, modified := zero, zero
	if t := p.DatePublished.UTC(); !p.DatePublished.IsZero() {
		b.WriteString(textElement("pubDate", t.Format(time.RFC1123Z)))
		date = t.Format(time.DateTime)
	}
	if !p.DateModified.IsZero() {
		modified = p.DateModified.UTC().Format(time.DateTime)
	}
	for _, a := range p.Authors {
		b.WriteString(cdataElement("dc:creator", a.Name))
	}
	b.WriteString(`<guid isPermaLink="false">` + escapeXML(p.ID) + "</guid>\n<description></description>\n")
	b.WriteString(cdataElement("content:encoded", content) + cdataElement("excerpt:encoded", p.Summary))
	b.WriteString(textElement("wp:post_id", strconv.Itoa(x.lastID)) +
		textElement("wp:post_date", date) + textElement("wp:post_date_gmt", date) +
		textElement("wp:post_modified_gmt", modified) +
		textElement("wp:status", wxrStatus[p.Status]) + textElement("wp:post_type", "post"))
	for _, t := range p.Tags {
		nicename := strings.ToLower(strings.Join(strings.Fields(t), "-"))
		b.WriteString(`<category domain="post_tag" nicename="` + escapeXML(nicename) + `">` + cdata(t) + "</category>\n")
	}
	for _, a := range p.Attachments {
		b.WriteString(metaElement("enclosure", fmt.Sprintf("%s\n%d\n%s\n", a.URL, a.SizeInBytes, a.MIMEType)))
	}
	if imageID != "" {
		b.WriteString(metaElement("_thumbnail_id", imageID))
	}
	return b.String()
}

// wxrStatus maps the status of a post to the status in WordPress.
var wxrStatus = map[feed.Status]string{
	"": "publish", feed.Published: "publish", feed.Draft: "draft", feed.Private: "private",
}

// metaElement returns a wp:postmeta element.
func metaElement(key, value string) string {
	return "<wp:postmeta>\n" + textElement("wp:meta_key", key) + cdataElement("wp:meta_value", value) + "</wp:postmeta>\n"
}

// extraElement returns post meta for the members of p that differ from got, which is the result of reading the item
// back. It returns "" if no member differs.
func extraElement(p, got feed.Post) (string, error) {
	extra := feed.Post{ID: p.ID, Unknown: p.Unknown}
	setIfDifferent(&extra.URL, p.URL, got.URL)
	setIfDifferent(&extra.ExternalURL, p.ExternalURL, got.ExternalURL)
	setIfDifferent(&extra.Title, p.Title, got.Title)
	setIfDifferent(&extra.Summary, p.Summary, got.Summary)
	setIfDifferent(&extra.Image, p.Image, got.Image)
	setIfDifferent(&extra.Language, p.Language, got.Language)
	setIfDifferent(&extra.Status, p.Status, got.Status)
	setIfDifferent(&extra.Attribution, p.Attribution, got.Attribution)
	setIfDifferent(&extra.DatePublished, p.DatePublished, got.DatePublished)
	setIfDifferent(&extra.DateModified, p.DateModified, got.DateModified)
	if p.ContentHTML != got.ContentHTML || p.ContentText != "" || p.ContentMarkdown != "" {
		extra.ContentHTML, extra.ContentText, extra.ContentMarkdown = p.ContentHTML, p.ContentText, p.ContentMarkdown
	}
	if !slices.Equal(p.Authors, got.Authors) {
		extra.Authors = p.Authors
	}
	if !slices.Equal(p.Tags, got.Tags) {
		extra.Tags = p.Tags
	}
	if !slices.Equal(p.Attachments, got.Attachments) {
		extra.Attachments = p.Attachments
	}
	extra.Quotes, extra.Via, extra.ExcludeFrom = p.Quotes, p.Via, p.ExcludeFrom
	raw, err := intake.Encode(extra)
	if err != nil {
		return "", err
	}
	if none, err := intake.Encode(feed.Post{ID: p.ID}); err != nil || bytes.Equal(raw, none) {
		return "", err
	}
	return metaElement(extraMeta, string(raw)), nil
}

// setIfDifferent sets *field to value if value differs from the one that was read back.
func setIfDifferent[T comparable](field *T, value, got T) {
	if value != got {
		*field = value
	}
}

// mergeExtra sets the members of p that are in the post meta [extraMeta]. The argument encoded is the content:encoded
// of the item. Invalid JSON is ignored, since it was not written by feedpub.
func mergeExtra(p *feed.Post, value, encoded string) {
	extra, err := intake.Decode(p.ID, []byte(value))
	if err != nil {
		return
	}
	setIfGiven(&p.URL, extra.URL)
	setIfGiven(&p.ExternalURL, extra.ExternalURL)
	setIfGiven(&p.Title, extra.Title)
	setIfGiven(&p.Summary, extra.Summary)
	setIfGiven(&p.Image, extra.Image)
	setIfGiven(&p.Language, extra.Language)
	setIfGiven(&p.Attribution, extra.Attribution)
	setIfGiven(&p.DatePublished, extra.DatePublished)
	setIfGiven(&p.DateModified, extra.DateModified)
	// The status in WordPress wins. "published" only replaces an empty status, which has the same meaning.
	if p.Status == "" && extra.Status == feed.Published {
		p.Status = extra.Status
	}
	// The original content wins only if the content was not edited in WordPress.
	content, err := contentHTML(extra)
	if err == nil && content != "" && lineEnds(markup.CleanText(content)) == encoded {
		p.ContentHTML, p.ContentText, p.ContentMarkdown = extra.ContentHTML, extra.ContentText, extra.ContentMarkdown
	}
	if extra.Authors != nil {
		p.Authors = extra.Authors
	}
	if extra.Tags != nil {
		p.Tags = extra.Tags
	}
	if extra.Attachments != nil {
		p.Attachments = extra.Attachments
	}
	p.Quotes, p.Via, p.ExcludeFrom, p.Unknown = extra.Quotes, extra.Via, extra.ExcludeFrom, extra.Unknown
}

// setIfGiven sets *field to value unless value is the zero value.
func setIfGiven[T comparable](field *T, value T) {
	var zero T
	if value != zero {
		*field = value
	}
}

func (x *wxrWriter) Close() error {
	_, err := x.w.WriteString("</channel>\n</rss>\n")
	return errors.Join(err, x.w.Flush())
}

// contentHTML returns the content of a post as HTML in a block comment, which prevents WordPress from adding
// paragraphs.
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
