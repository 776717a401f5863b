package transfer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// wordpress is what a WordPress export (WXR) says of the site, and what is known of its pictures so far.
type wordpress struct {
	authors map[string]string // login -> display name
	base    string
	// attachments are the addresses of files by the id of their post, and find reads all of the file for them, since they
	// may stand after the posts that show them; nil if that was done or can't be.
	attachments map[string]string
	find        func() error
}

// maxAttachments bounds what is remembered of them.
const maxAttachments = 1_000_000

// begin reads what stands before the first item.
func (w *wordpress) begin(root *element) {
	w.authors, w.attachments = map[string]string{}, map[string]string{}
	for _, rss := range root.children {
		channel := rss.get("channel")
		w.base = first(channel.of("wp:base_blog_url"), channel.of("wp:base_site_url"), channel.of("link"))
		for a := range channel.all("wp:author") {
			w.author(a)
		}
	}
}

func (w *wordpress) author(a *element) {
	login := first(a.of("wp:author_login"), a.of("wp:wp_author_login"))
	name := first(a.of("wp:author_display_name"),
		strings.TrimSpace(a.of("wp:author_first_name")+" "+a.of("wp:author_last_name")), login)
	if login != "" {
		w.authors[login] = plainTitle(name)
	}
}

// findAttachments reads the file for the addresses of its attachments.
func (f *xmlFile) findAttachments(seek func() (*bufio.Reader, error)) error {
	r, err := seek()
	if err != nil || r == nil {
		return err
	}
	if r, err = decodeText(r); err != nil {
		return err
	}
	items := &items{r: r, name: f.items.name, line: 1}
	for {
		it, err := items.next(nil)
		if errors.Is(err, io.EOF) || errors.Is(err, errCutOff) {
			return nil
		}
		if err != nil && !errors.Is(err, feed.ErrInvalid) {
			return err
		}
		if err != nil || !bytes.Contains(it.text, []byte("attachment_url>")) {
			continue
		}
		if e, err := f.parse(it.text); err == nil {
			f.site.remember(e)
		}
	}
}

// attachment returns the address of a file, or "" if it is not known. Many exports have no files, or no post that shows
// one, so they are looked for only now.
func (w *wordpress) attachment(id string) (string, error) {
	if w.attachments[id] == "" && id != "" && w.find != nil {
		find := w.find
		w.find = nil
		if err := find(); err != nil {
			return "", err
		}
	}
	return w.attachments[id], nil
}

func (w *wordpress) remember(e *element) {
	if id, address := e.of("wp:post_id"), e.of("wp:attachment_url"); id != "" && address != "" && len(w.attachments) < maxAttachments {
		w.attachments[id] = address
	}
}

// post makes a post of an item, or says what kind of thing it is that is left out.
func (w *wordpress) post(o Options, e *element) (feed.Post, SkipReason, error) {
	kind := first(e.of("wp:post_type"), "post")
	status := first(e.of("wp:status"), "publish")
	switch {
	case kind == "attachment":
		w.remember(e)
		return feed.Post{}, "attachment", nil
	case kind == "page" && !o.Pages:
		return feed.Post{}, "page", nil
	case kind != "post" && kind != "page":
		return feed.Post{}, SkipReason(shown(kind)), nil
	case status == "trash" || status == "auto-draft":
		return feed.Post{}, SkipReason(status), nil
	}
	id := e.of("wp:post_id")
	p := feed.Post{
		ID:    first(e.of("guid"), e.of("link")),
		URL:   e.of("link"),
		Title: plainTitle(e.of("title")),
	}
	if p.ID == "" && id != "" {
		p.ID = w.base + "/?p=" + id
	}
	if p.ID == "" {
		return p, "", fmt.Errorf("post %q has neither guid, link nor wp:post_id: %w", shown(p.Title), feed.ErrInvalid)
	}
	switch status {
	case "publish", "future", "inherit":
		p.Status = "" // published, perhaps in time to come
	case "private":
		p.Status = feed.Private
	default:
		// draft, pending, and whatever plug-ins invent: none of them was ever to be seen.
		p.Status = feed.Draft
	}
	if e.of("wp:post_password") != "" {
		p.Status = feed.Private
	}
	if p.Status == feed.Draft {
		p.URL = "" // the address of a preview
	}
	for c := range e.all("dc:creator") {
		login := c.value()
		if name := first(w.authors[login], login); name != "" {
			p.Authors = append(p.Authors, feed.Author{Name: name})
		}
	}
	for c := range e.all("category") {
		switch c.at("domain") {
		case "category", "post_tag", "tag", "":
			// The category of posts without one says nothing.
			if nicename := c.at("nicename"); nicename != "uncategorized" {
				p.Tags = addTag(p.Tags, plainTitle(c.value()))
			}
		}
	}
	meta := map[string]string{}
	for m := range e.all("wp:postmeta") {
		key, value := m.of("wp:meta_key"), m.of("wp:meta_value")
		if key == "enclosure" {
			lines := strings.Split(strings.ReplaceAll(value, "\r\n", "\n"), "\n")
			lines = append(lines, "", "")
			p.Attachments = addAttachment(p.Attachments, feed.Attachment{
				URL: lines[0], SizeInBytes: size(strings.TrimSpace(lines[1])), MIMEType: lines[2],
			})
			continue
		}
		meta[key] = value
	}
	for c := range e.all("enclosure") {
		p.Attachments = addAttachment(p.Attachments, feed.Attachment{
			URL: c.at("url"), MIMEType: c.at("type"), SizeInBytes: size(c.at("length")),
		})
	}
	var err error
	if p.Image, err = w.attachment(meta["_thumbnail_id"]); err != nil {
		return p, "", err
	}
	if p.ContentHTML, err = w.content(e.get("content:encoded"), &p); err != nil {
		return p, "", err
	}
	p.Summary = plainText(e.of("excerpt:encoded"))
	own := meta[ownMeta]
	if own == "" && p.Title == "" && p.ContentHTML == "" && p.Summary == "" {
		return p, "empty", nil
	}
	if p.DatePublished, p.DateModified, err = wordpressDates(e, o.location()); err == nil && own != "" {
		restoreOwn(&p, own, e.of("content:encoded"))
	}
	return p, "", err
}

// wordpressDates returns when a post was published and modified. A draft has zeros for a date in UTC.
func wordpressDates(e *element, loc *time.Location) (published, modified time.Time, err error) {
	for _, d := range []struct {
		name string
		loc  *time.Location
	}{{"wp:post_date_gmt", time.UTC}, {"pubDate", time.UTC}, {"wp:post_date", loc}} {
		text := e.of(d.name)
		if noDate(text) {
			continue
		}
		if published, err = parseDate(text, d.loc); err != nil {
			return published, modified, fmt.Errorf("%s: %w", d.name, err)
		}
		break
	}
	if text := e.of("wp:post_modified_gmt"); !noDate(text) {
		if modified, err = parseDate(text, time.UTC); err != nil {
			return published, modified, fmt.Errorf("wp:post_modified_gmt: %w", err)
		}
	}
	if modified.Before(published) || modified.Equal(published) {
		modified = time.Time{}
	}
	return published, modified, nil
}

// noDate reports whether a date is one of the ways in which WordPress writes none.
func noDate(s string) bool {
	return s == "" || strings.HasPrefix(s, "0000-00-00") || strings.Contains(s, "-0001") || strings.HasPrefix(s, "-")
}

// content returns the HTML of a post as WordPress shows it.
func (w *wordpress) content(e *element, p *feed.Post) (string, error) {
	if e == nil {
		return "", nil
	}
	text := strings.TrimSpace(strings.ReplaceAll(e.words(), "\r\n", "\n"))
	if len(text) > intake.MaxSize {
		return text, nil // too large for a post, and no work is spent on it
	}
	blocks := strings.Contains(text, "<!-- wp:")
	if !blocks {
		// What parts pages and teasers parts paragraphs too.
		for _, mark := range []string{"<!--more-->", "<!--nextpage-->"} {
			text = strings.ReplaceAll(text, mark, "\n\n")
		}
	}
	text, err := w.shortcodes(text, p)
	if err != nil {
		return "", err
	}
	if text = dropComments(text); blocks {
		return strings.TrimSpace(text), nil
	}
	return autop(text), nil
}

// dropComments removes the comments of HTML: marks of blocks, of "more" and of pages.
func dropComments(s string) string {
	if !strings.Contains(s, "<!--") {
		return s
	}
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(s, "<!--")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		_, after, ok := strings.Cut(rest, "-->")
		if !ok {
			b.WriteString("<!--" + rest) // no comment, or the words after it would be lost
			return b.String()
		}
		s = after
	}
}
