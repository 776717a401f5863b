package transfer

import (
	"bufio"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"feedpub/feed"
	"feedpub/feed/intake"
	"feedpub/feed/markup"
)

// WriteFormat is a form in which posts are written for other programs.
type WriteFormat string

// The formats.
const (
	WriteJSONFeed WriteFormat = "jsonfeed" // one document of JSON Feed 1.1 with all posts
	WriteWXR      WriteFormat = "wxr"      // an export of WordPress
	WriteMarkdown WriteFormat = "markdown" // a folder of files with front matter
)

// Channel is what a document says of the site.
type Channel struct {
	Title, Link, Language string
}

// PostWriter writes posts one after the other. It is not safe for concurrent use.
type PostWriter interface {
	// Write writes a post. An error of kind [feed.ErrInvalid] is about the post, and nothing of it is written.
	Write(p feed.Post) error
	// Close ends the document. It does not close what it is written to.
	Close() error
}

// NewPostWriter returns a writer of posts to w, or to a folder, which is made if it is missing and must be empty.
func NewPostWriter(f WriteFormat, w io.Writer, folder string, c Channel) (PostWriter, error) {
	switch f {
	case WriteJSONFeed:
		return newJSONFeedWriter(w, c)
	case WriteWXR:
		return newWXRWriter(w, c)
	case WriteMarkdown:
		return newMarkdownWriter(folder)
	}
	return nil, fmt.Errorf("format %q: want jsonfeed, wxr or markdown: %w", string(f), feed.ErrInvalid)
}

type jsonFeedWriter struct {
	w     *bufio.Writer
	wrote bool
}

func newJSONFeedWriter(w io.Writer, c Channel) (*jsonFeedWriter, error) {
	head, err := json.Marshal(struct {
		Version     string `json:"version"`
		Title       string `json:"title"`
		HomePageURL string `json:"home_page_url,omitempty"`
		Language    string `json:"language,omitempty"`
	}{"https://jsonfeed.org/version/1.1", c.Title, c.Link, c.Language})
	if err != nil {
		return nil, fmt.Errorf("write JSON Feed: %w", err)
	}
	b := bufio.NewWriter(w)
	_, err = b.WriteString(strings.TrimSuffix(string(head), "}") + ",\"items\":[")
	return &jsonFeedWriter{w: b}, err
}

// Write writes the post as it is: feedpub's members are extensions of a JSON Feed item.
func (j *jsonFeedWriter) Write(p feed.Post) error {
	raw, err := intake.Encode(p)
	if err != nil {
		return err
	}
	if j.wrote {
		raw = append([]byte(",\n"), raw...)
	} else {
		raw = append([]byte("\n"), raw...)
	}
	j.wrote = true
	_, err = j.w.Write(raw)
	return err
}

func (j *jsonFeedWriter) Close() error {
	_, err := j.w.WriteString("\n]}\n")
	return errors.Join(err, j.w.Flush())
}

type wxrWriter struct {
	w *bufio.Writer
	n int
}

func newWXRWriter(w io.Writer, c Channel) (*wxrWriter, error) {
	b := bufio.NewWriter(w)
	_, err := b.WriteString(xml.Header + `<rss version="2.0" xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/"` +
		` xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"` +
		` xmlns:wp="http://wordpress.org/export/1.2/">` + "\n<channel>\n" +
		tag("title", c.Title) + tag("link", c.Link) + tag("language", c.Language) +
		"<wp:wxr_version>1.2</wp:wxr_version>\n" + tag("wp:base_site_url", c.Link) + tag("wp:base_blog_url", c.Link))
	return &wxrWriter{w: b}, err
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

func (x *wxrWriter) Write(p feed.Post) error {
	content, err := contentHTML(p)
	if err != nil {
		return err
	}
	x.n++
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
		b.WriteString("<wp:postmeta>\n" + tag("wp:meta_key", "enclosure") +
			cdata("wp:meta_value", fmt.Sprintf("%s\n%d\n%s\n", a.URL, a.SizeInBytes, a.MIMEType)) + "</wp:postmeta>\n")
	}
	b.WriteString("</item>\n")
	_, err = x.w.WriteString(b.String())
	return err
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

type markdownWriter struct{ dir string }

func newMarkdownWriter(dir string) (*markdownWriter, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("folder: %w", err)
	}
	if len(entries) > 0 {
		return nil, fmt.Errorf("folder %s is not empty: %w", dir, feed.ErrInvalid)
	}
	return &markdownWriter{dir}, nil
}

// Write writes a file named after the id, with all that is not content in front of it.
func (m *markdownWriter) Write(p feed.Post) error {
	body := first(p.ContentMarkdown, p.ContentHTML)
	if body == "" && p.ContentText != "" {
		tree, err := markup.Parse(markup.Text, p.ContentText)
		if err != nil {
			return err
		}
		body = markup.Clean(tree)
	}
	p.ContentMarkdown, p.ContentHTML, p.ContentText = "", "", ""
	raw, err := intake.Encode(p)
	if err != nil {
		return err
	}
	front, err := yaml.JSONToYAML(raw)
	if err != nil {
		return fmt.Errorf("front matter: %w: %w", err, feed.ErrInvalid)
	}
	content := "---\n" + strings.TrimRight(string(front), "\n") + "\n---\n\n" + strings.TrimRight(body, "\n") + "\n"
	file, err := os.OpenFile(filepath.Join(m.dir, fileName(p.ID)), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	_, err = file.WriteString(content)
	return errors.Join(err, file.Close())
}

func (*markdownWriter) Close() error { return nil }

// fileName returns the name of a post's file: what people can read of the id, and a hash of all of it.
func fileName(id string) string {
	id = strings.TrimSuffix(id, ".md")
	words := strings.FieldsFunc(strings.ToLower(id), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	name := strings.Join(words, "-")
	if len(name) > 80 {
		name = name[len(name)-80:]
	}
	if name == id {
		return name + ".md"
	}
	return strings.Trim(name+"-"+textID(id, "", "")[:8], "-") + ".md"
}
