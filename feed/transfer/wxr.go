package transfer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"feedpub/feed"
	"feedpub/feed/intake"
)

// wxrDeclaration matches a declaration of a WordPress export namespace, or the element that contains the version of the
// export.
var wxrDeclaration = regexp.MustCompile(
	`xmlns:[\w.-]+\s*=\s*["']\s*https?://(?:www\.)?wordpress\.org/export/|<(?:[\w.-]+:)?wxr_version\s*>`)

// isWXR reports whether a document is a WordPress export. It does not require an exact namespace, since versions 1.0 to
// 1.2 have different namespaces, with http or https.
func isWXR(start []byte) bool {
	root, _ := xmlRoot(start)
	head, _, _ := bytes.Cut(start, []byte("<item>"))
	return strings.EqualFold(root, "rss") && wxrDeclaration.Match(head)
}

// wxrSite is a WordPress export (WXR) that is being read.
type wxrSite struct {
	doc     *xmlFile
	pages   bool // whether to import pages
	loc     *time.Location
	authors map[string]string // display names by login
	base    string            // address of the site
	// attachments maps the ids of attachment items to URLs.
	attachments map[string]string
	children    map[string][]string // URLs of attachments by the number of the post they were uploaded to
	// find reads the whole file to collect attachments, which may follow the posts that refer to them. It is nil after the
	// first call, and if the file can be read only once.
	find   func() error
	number string   // wp:post_id of the post being read
	notes  []string // notes about the post being read
}

// maxAttachments is the maximum number of attachments that are kept in memory.
const maxAttachments = 1_000_000

// readWXR reads a WordPress export.
func readWXR(o Options, in *input, yield func(Entry, error) bool) {
	doc, err := openXML(in)
	if err == nil && doc.items.name != "item" {
		err = fmt.Errorf("%s: want a WordPress export with the root element rss: %w", in.name, feed.ErrInvalid)
	}
	if err != nil {
		yield(Entry{Pos: in.name}, err)
		return
	}
	w := newWXRSite(doc, o.Pages, o.location())
	if in.reopen != nil {
		w.find = func() error { return w.findAttachments(in) }
	}
	doc.read(in, yield, w.entry)
}

// newWXRSite returns the site that is described before the first item of a document.
func newWXRSite(doc *xmlFile, pages bool, loc *time.Location) *wxrSite {
	w := &wxrSite{doc: doc, pages: pages, loc: loc, authors: map[string]string{}, attachments: map[string]string{},
		children: map[string][]string{}}
	for _, rss := range doc.root.children {
		channel := rss.child("channel")
		if channel == nil {
			continue
		}
		assumeWordPress(channel, "wxr_version", "author", "base_blog_url")
		w.base = first(channel.text("wp:base_blog_url"), channel.text("wp:base_site_url"), channel.text("link"))
		for a := range channel.all("wp:author") {
			login := first(a.text("wp:author_login"), a.text("wp:wp_author_login"))
			fullName := strings.TrimSpace(a.text("wp:author_first_name") + " " + a.text("wp:author_last_name"))
			if login != "" {
				w.authors[login] = plainTitle(first(a.text("wp:author_display_name"), fullName, login))
			}
		}
	}
	return w
}

// findAttachments reads the whole file to collect the URLs of attachments.
func (w *wxrSite) findAttachments(in *input) error {
	r, err := in.reopen()
	if err != nil {
		return err
	}
	items := &itemSplitter{r: r, name: w.doc.items.name, line: 1}
	for {
		it, err := items.next()
		if errors.Is(err, io.EOF) || errors.Is(err, errCutOff) {
			return nil
		}
		if err != nil && !errors.Is(err, feed.ErrInvalid) {
			return err
		}
		if err != nil || !bytes.Contains(it.text, []byte("attachment_url>")) {
			continue
		}
		if e, err := w.doc.parse(it.text); err == nil {
			assumeWordPress(e, "post_type", "status")
			w.addAttachmentItem(e)
		}
	}
}

// attachment returns the address of an attachment, or "" if it is unknown.
func (w *wxrSite) attachment(id string) (string, error) {
	if w.attachments[id] == "" && id != "" {
		if err := w.findAll(); err != nil {
			return "", err
		}
	}
	return w.attachments[id], nil
}

// findAll reads the whole file for attachments, unless this has been done before. The file is read a second time only
// when a post refers to an attachment, since many exports need no attachments.
func (w *wxrSite) findAll() error {
	if w.find == nil {
		return nil
	}
	find := w.find
	w.find = nil
	clear(w.attachments)
	clear(w.children)
	return find()
}

func (w *wxrSite) addAttachmentItem(e *element) {
	id, address := e.text("wp:post_id"), e.text("wp:attachment_url")
	if id == "" || address == "" || len(w.attachments) >= maxAttachments || w.attachments[id] != "" {
		return
	}
	w.attachments[id] = address
	if parent := e.text("wp:post_parent"); parent != "" && parent != "0" {
		w.children[parent] = append(w.children[parent], address)
	}
}

func (w *wxrSite) entry(e *element, pos string) (Entry, error) {
	w.notes = nil
	p, reason, err := w.post(e)
	if err != nil {
		return Entry{}, err
	}
	if reason != "" {
		return skipped(pos, reason), nil
	}
	entry, err := postEntry(p, pos)
	for _, note := range w.notes {
		entry.Notes = append(entry.Notes, pos+": "+note)
	}
	return entry, err
}

// post converts an item. If the item must be skipped, it returns the reason instead.
func (w *wxrSite) post(e *element) (feed.Post, SkipReason, error) {
	assumeWordPress(e, "post_type", "status")
	w.number = e.text("wp:post_id")
	if strings.EqualFold(e.text("wp:post_type"), "attachment") {
		w.addAttachmentItem(e)
	}
	v, err := w.visibility(e)
	if err != nil || v.skipped != "" {
		return feed.Post{}, v.skipped, err
	}
	p := feed.Post{
		ID:          w.postID(e),
		URL:         e.text("link"),
		Title:       plainTitle(e.text("title")),
		Status:      v.status,
		Tags:        wxrTags(e),
		Authors:     w.postAuthors(e),
		Attachments: wxrAttachments(e),
	}
	if p.ID == "" {
		return p, "", fmt.Errorf("post %q has no guid, link or wp:post_id: %w", shorten(p.Title), feed.ErrInvalid)
	}
	if p.Status == feed.Draft {
		p.URL = "" // this is the address of a preview
	}
	meta := map[string]string{}
	for m := range e.all("wp:postmeta") {
		meta[m.text("wp:meta_key")] = m.text("wp:meta_value")
	}
	if p.Image, err = w.attachment(meta["_thumbnail_id"]); err != nil {
		return p, "", err
	}
	if p.ContentHTML, err = w.content(e.child("content:encoded"), &p); err != nil {
		return p, "", err
	}
	p.Summary = plainText(e.text("excerpt:encoded"))
	extra := meta[extraMeta]
	if extra == "" && p.Title == "" && p.ContentHTML == "" && p.Summary == "" {
		return p, "empty", nil
	}
	if p.DatePublished, p.DateModified, err = wxrDates(e, w.loc); err != nil {
		return p, "", err
	}
	if extra != "" {
		mergeExtra(&p, extra, e.text("content:encoded"))
	}
	return p, "", v.checkDate(p.DatePublished)
}

// wxrStatuses maps WordPress's post and page statuses to visibilities. It omits the "inherit" status, which attachments
// and revisions have, and the statuses of plugins, since posts with such a status may or may not be public.
var wxrStatuses = map[string]visibility{
	"publish": {}, "future": {scheduled: true},
	"draft": {status: feed.Draft}, "pending": {status: feed.Draft}, "private": {status: feed.Private},
	"trash": {skipped: "trash"}, "auto-draft": {skipped: "auto-draft"},
}

// visibility derives the visibility of an item from its type, status and password. It returns an error of kind
// [feed.ErrInvalid] if the visibility is unknown.
func (w *wxrSite) visibility(e *element) (visibility, error) {
	switch kind := strings.ToLower(e.text("wp:post_type")); {
	case kind == "":
		return visibility{}, fmt.Errorf("missing wp:post_type: it could be a page or a menu: %w", feed.ErrInvalid)
	case kind != "post" && (kind != "page" || !w.pages):
		return visibility{skipped: SkipReason(shorten(kind))}, nil
	}
	status := strings.ToLower(e.text("wp:status"))
	v, ok := wxrStatuses[status]
	switch {
	case status == "":
		return v, fmt.Errorf("missing wp:status: it could be a draft: %w", feed.ErrInvalid)
	case !ok:
		return v, fmt.Errorf("unknown wp:status %q: %w", shorten(status), feed.ErrInvalid)
	}
	for other := range e.all("wp:status") {
		if !strings.EqualFold(other.content(), status) {
			return v, fmt.Errorf("wp:status is both %q and %q: %w", status, shorten(other.content()), feed.ErrInvalid)
		}
	}
	if v.skipped == "" && hasWXRPassword(e) {
		v.status = feed.Private
	}
	return v, nil
}

// hasWXRPassword reports whether an item has a password. A password may consist of spaces, but an element is considered
// empty if it contains only white space with a line break.
func hasWXRPassword(e *element) bool {
	for password := range e.all("wp:post_password") {
		raw := password.rawContent()
		if strings.TrimSpace(raw) != "" || raw != "" && !strings.Contains(raw, "\n") {
			return true
		}
	}
	return false
}

// isWordPressItem reports whether a feed item has the post type, status or password of a WordPress export.
func isWordPressItem(e *element) bool {
	return slices.ContainsFunc(e.children, func(c *element) bool {
		return c.space != "" && (c.name == "post_type" || c.name == "post_password") ||
			c.space == "wp" && c.name == "status"
	})
}

// assumeWordPress replaces an unknown namespace in the children of e with the WordPress export namespace, if one of the
// children in that namespace has one of the given names. Some programs do not use WordPress's namespaces.
func assumeWordPress(e *element, names ...string) {
	unknown := func(c *element) bool { return c.name != "" && c.space != "" && !usualPrefixes[c.space] }
	space := ""
	for _, c := range e.children {
		if unknown(c) && slices.Contains(names, c.name) {
			space = c.space
			break
		}
	}
	if space == "" {
		return
	}
	var rename func(c *element)
	rename = func(c *element) {
		switch {
		case c.space == space:
			c.space = "wp"
		case unknown(c) && c.name == "encoded" && strings.Contains(c.space, "excerpt"):
			c.space = "excerpt"
		}
		for _, child := range c.children {
			rename(child)
		}
	}
	for _, c := range e.children {
		rename(c)
	}
}

// wxrTags returns the tags and categories of an item.
func wxrTags(e *element) []string {
	var tags []string
	for c := range e.all("category") {
		switch c.attr("domain") {
		case "category", "post_tag", "tag", "":
			// WordPress assigns the category "uncategorized" to posts without a category.
			if c.attr("nicename") != "uncategorized" {
				tags = addTag(tags, plainTitle(c.content()))
			}
		}
	}
	return tags
}

func (w *wxrSite) postID(e *element) string {
	number := e.text("wp:post_id")
	if number != "" {
		number = w.base + "/?p=" + number
	}
	return first(e.text("guid"), e.text("link"), number)
}

// postAuthors returns the display names of an item's authors.
func (w *wxrSite) postAuthors(e *element) []feed.Author {
	var authors []feed.Author
	for c := range e.all("dc:creator") {
		login := c.content()
		if name := first(w.authors[login], login); name != "" {
			authors = append(authors, feed.Author{Name: name})
		}
	}
	return authors
}

// wxrAttachments returns the enclosures of an item. In post meta, an enclosure has three lines: the URL, the size and
// the media type.
func wxrAttachments(e *element) []feed.Attachment {
	var list []feed.Attachment
	for m := range e.all("wp:postmeta") {
		if m.text("wp:meta_key") != "enclosure" {
			continue
		}
		lines := append(strings.Split(lineEnds(m.text("wp:meta_value")), "\n"), "", "")
		list = addAttachment(list, feed.Attachment{
			URL: lines[0], SizeInBytes: parseSize(strings.TrimSpace(lines[1])), MIMEType: lines[2],
		})
	}
	for c := range e.all("enclosure") {
		list = addAttachment(list, feed.Attachment{
			URL: c.attr("url"), MIMEType: c.attr("type"), SizeInBytes: parseSize(c.attr("length")),
		})
	}
	return list
}

// wxrDates returns the publication and modification dates of a post. The UTC date of a draft consists of zeros.
func wxrDates(e *element, loc *time.Location) (published, modified time.Time, err error) {
	for _, d := range []struct {
		name string
		loc  *time.Location
	}{{"wp:post_date_gmt", time.UTC}, {"pubDate", time.UTC}, {"wp:post_date", loc}} {
		text := e.text(d.name)
		if noDate(text) {
			continue
		}
		if published, err = parseDate(text, d.loc); err != nil {
			return published, modified, fmt.Errorf("%s: %w", d.name, err)
		}
		break
	}
	if text := e.text("wp:post_modified_gmt"); !noDate(text) {
		if modified, err = parseDate(text, time.UTC); err != nil {
			return published, modified, fmt.Errorf("wp:post_modified_gmt: %w", err)
		}
	}
	if modified.Before(published) || modified.Equal(published) {
		modified = time.Time{}
	}
	return published, modified, nil
}

// noDate reports whether a date is empty or one of WordPress's zero dates.
func noDate(s string) bool {
	return s == "" || strings.HasPrefix(s, "0000-00-00") || strings.Contains(s, "-0001") || strings.HasPrefix(s, "-")
}

// content returns the HTML that WordPress displays for a post, and adds the attachments it contains to p.
func (w *wxrSite) content(e *element, p *feed.Post) (string, error) {
	if e == nil {
		return "", nil
	}
	text := strings.TrimSpace(strings.ReplaceAll(e.rawContent(), "\r\n", "\n"))
	text, show := hideImages(text)
	if len(text) > intake.MaxSize {
		return show(text), nil // too large; package intake will reject it
	}
	blocks := strings.Contains(text, "<!-- wp:")
	if !blocks {
		// These comments also separate paragraphs.
		for _, mark := range []string{"<!--more-->", "<!--nextpage-->"} {
			text = strings.ReplaceAll(text, mark, "\n\n")
		}
	}
	text, err := w.expandShortcodes(text, p)
	if err != nil {
		return "", err
	}
	if text = dropComments(text); blocks {
		return strings.TrimSpace(show(text)), nil
	}
	return show(autop(text)), nil
}

// dropComments removes HTML comments, which WordPress uses to mark blocks, teasers and page breaks.
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
			b.WriteString("<!--" + rest) // this is not a comment, and its words must not be lost
			return b.String()
		}
		s = after
	}
}
