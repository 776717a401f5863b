package transfer

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/html"

	"feedpub/feed"
)

// feedXML reads the items of RSS 0.9x, 1.0 and 2.0 feeds, and the entries of Atom 0.3 and 1.0 feeds.
type feedXML struct {
	root *element // the part of the document before the first item
	loc  *time.Location
	// pages enables the import of pages from a Blogger export.
	pages bool
	base  string // URL of a blog whose export contains only paths
}

// isFeedXML reports whether a document is RSS or Atom.
func isFeedXML(start []byte) bool {
	root, _ := xmlRoot(start)
	return itemElements[strings.ToLower(root)] != ""
}

// readFeedXML reads an RSS or Atom document.
func readFeedXML(o Options, in *input, yield func(Entry, error) bool) {
	start, err := in.r.Peek(peekSize)
	if err != nil && !errors.Is(err, io.EOF) {
		yield(Entry{Pos: in.name}, fmt.Errorf("read %s: %w", in.name, err))
		return
	}
	if len(bytes.TrimSpace(start)) == 0 {
		return // an empty file has no posts
	}
	if isWXR(start) {
		// The user chose the RSS format, but this is a WordPress export: reading it as RSS would publish drafts and
		// private posts.
		readWXR(o, in, yield)
		return
	}
	doc, err := openXML(in)
	if err != nil {
		yield(Entry{Pos: in.name}, err)
		return
	}
	f := &feedXML{root: doc.root, loc: o.location(), pages: o.Pages, base: o.BaseURL}
	doc.read(in, yield, f.entry)
}

func (f *feedXML) entry(e *element, pos string) (Entry, error) {
	var p feed.Post
	var reason SkipReason
	var err error
	if e.name == "entry" {
		p, reason, err = f.atomEntry(e)
	} else {
		p, reason, err = f.rssPost(e)
	}
	switch {
	case err != nil:
		return Entry{}, err
	case reason != "":
		return skipped(pos, reason), nil
	}
	return postEntry(p, pos)
}

// rssPost converts an RSS item. If the item must be skipped, it returns the reason instead.
func (f *feedXML) rssPost(e *element) (feed.Post, SkipReason, error) {
	status, reason, err := rssStatus(e)
	if err != nil || reason != "" {
		return feed.Post{}, reason, err
	}
	p, err := f.rssItem(e)
	p.Status = status
	return p, "", err
}

// rssItem converts an RSS item without setting the status.
func (f *feedXML) rssItem(e *element) (feed.Post, error) {
	guid := e.text("guid")
	p := feed.Post{
		ID:       first(guid, e.attr("rdf:about"), e.text("link"), e.text("dc:identifier")),
		URL:      first(e.text("link"), e.text("feedburner:origLink")),
		Title:    plainTitle(first(e.text("title"), e.text("dc:title"), e.text("itunes:title"), e.text("media:title"))),
		Image:    mediaImage(e),
		Language: e.text("dc:language"),
	}
	if p.URL == "" && guid != "" && e.child("guid").attr("isPermaLink") != "false" && isURL(guid) {
		p.URL = guid
	}
	p.URL = f.absolute(p.URL)
	p.ContentHTML, p.Summary = rssContent(e)
	for _, name := range []string{"dc:creator", "author", "itunes:author"} {
		if p.Authors = rssAuthors(e, name); len(p.Authors) > 0 {
			break
		}
	}
	for _, name := range []string{"category", "dc:subject"} {
		for c := range e.all(name) {
			p.Tags = addTag(p.Tags, plainTitle(c.content()))
		}
	}
	p.Attachments = rssAttachments(e)
	addCredits(e, &p)
	if s := e.child("source"); s != nil && (s.content() != "" || s.attr("url") != "") {
		// The source element names the publication of the first quoted article.
		if len(p.Quotes) == 0 {
			p.Quotes = []feed.Quote{{}}
		}
		p.Quotes[0].Source.Publication = plainTitle(s.content())
		p.Quotes[0].Source.FeedURL = s.attr("url")
	}
	err := f.setRSSDates(e, &p)
	if err == nil && p.ID == "" {
		p.ID, err = contentID(p)
	}
	return p, err
}

func (f *feedXML) setRSSDates(e *element, p *feed.Post) (err error) {
	p.DatePublished, err = f.date(e, "pubDate", "dc:date", "dcterms:created", "dcterms:issued", "atom:published")
	if err == nil {
		p.DateModified, err = f.date(e, "atom:updated", "dcterms:modified")
	}
	return err
}

// contentID returns an id for an item with neither id nor link: a hash of its title, content, author and date, which is
// the same each time the item is imported. It returns an error of kind [feed.ErrInvalid] for an empty item.
func contentID(p feed.Post) (string, error) {
	parts := []string{p.Title, p.ContentHTML, p.ContentText, p.Summary}
	for _, a := range p.Attachments {
		parts = append(parts, a.URL)
	}
	text := strings.Join(parts, "")
	if text == "" {
		return "", fmt.Errorf("an item without an id, link, title or content: %w", feed.ErrInvalid)
	}
	author, date := "", ""
	if len(p.Authors) > 0 {
		author = p.Authors[0].Name
	}
	if !p.DatePublished.IsZero() {
		date = p.DatePublished.UTC().Format(time.RFC3339)
	}
	return textID(text, author, date), nil
}

// mediaImage returns the URL of an item's image, or "".
func mediaImage(e *element) string {
	address := first(e.child("itunes:image").attr("href"), e.child("media:thumbnail").attr("url"))
	return first(address, e.child("media:group").child("media:thumbnail").attr("url"))
}

// rssStatus returns the status of an item, or the reason for skipping it. It rejects the items of a WordPress export
// that was not detected, since they could be drafts, pages or menus.
func rssStatus(e *element) (feed.Status, SkipReason, error) {
	if isWordPressItem(e) {
		return "", "", fmt.Errorf("it has WordPress's post type or status, but the file does not declare that it is a "+
			"WordPress export; import it with --format wxr: %w", feed.ErrInvalid)
	}
	return entryStatus(e)
}

// rssContent returns the content of an item as HTML, and the summary if the item has both.
func rssContent(e *element) (content, summary string) {
	description := first(e.child("description").html(), e.child("dc:description").html(), mediaDescription(e))
	content = first(e.child("content:encoded").html(), e.child("xhtml:body").html(), e.child("xhtml:div").html())
	switch {
	case content == "":
		return description, ""
	case description != content:
		summary = plainText(description)
	}
	return content, summary
}

// mediaDescription returns, as HTML, the description in the elements of Media RSS or of the iTunes extension.
func mediaDescription(e *element) string {
	group := e.child("media:group")
	for _, d := range []*element{e.child("media:description"), group.child("media:description"), e.child("itunes:summary"),
		e.child("itunes:subtitle")} {
		text := d.content()
		if text != "" && d.space == "media" && d.attr("type") != "html" {
			text = "<p>" + strings.ReplaceAll(html.EscapeString(text), "\n", "<br>") + "</p>"
		}
		if text != "" {
			return text
		}
	}
	return ""
}

// rssAttachments returns the enclosures and media of an item.
func rssAttachments(e *element) []feed.Attachment {
	var list []feed.Attachment
	for enclosure := range e.all("enclosure") {
		list = addAttachment(list, feed.Attachment{
			URL: enclosure.attr("url"), MIMEType: enclosure.attr("type"),
			SizeInBytes:       parseSize(enclosure.attr("length")),
			DurationInSeconds: parseDuration(e.text("itunes:duration")),
		})
	}
	return addMedia(list, e)
}

// addMedia adds the files in the Media RSS elements to list.
func addMedia(list []feed.Attachment, e *element) []feed.Attachment {
	for _, media := range []*element{e, e.child("media:group")} {
		for c := range media.all("media:content") {
			list = addAttachment(list, feed.Attachment{
				URL: c.attr("url"), MIMEType: c.attr("type"), Title: c.text("media:title"),
				SizeInBytes: parseSize(c.attr("fileSize")), DurationInSeconds: parseDuration(c.attr("duration")),
			})
		}
	}
	return list
}

// rssAuthors returns the authors in the elements with the given name. RSS authors include e-mail addresses, which are
// removed.
func rssAuthors(e *element, name string) []feed.Author {
	var authors []feed.Author
	for a := range e.all(name) {
		if name := withoutAddress(plainTitle(a.content())); name != "" {
			authors = append(authors, feed.Author{Name: name})
		}
	}
	return authors
}

// emailAddress matches an e-mail address, perhaps in brackets and with a scheme.
var emailAddress = regexp.MustCompile(`[<(\[]?\s*(?:mailto:)?[^\s@<>()\[\]",;:]+@[^\s@<>()\[\]",;]+\s*[>)\]]?`)

// withoutAddress returns the name in "ann@example.com (Ann)", "Ann (ann@example.com)" or "Ann <ann@example.com>". For
// an address without a name it returns the local part. A name such as "@ann" is not an address.
func withoutAddress(author string) string {
	address := emailAddress.FindString(author)
	if address == "" {
		return author
	}
	name := strings.Trim(emailAddress.ReplaceAllString(author, " "), " \t\n\"',;")
	if inner, ok := strings.CutPrefix(name, "("); ok {
		name = strings.TrimSuffix(inner, ")")
	}
	if name = strings.Join(strings.Fields(name), " "); name != "" {
		return name
	}
	local, _, _ := strings.Cut(strings.Trim(address, "<>()[] "), "@")
	return strings.TrimPrefix(local, "mailto:")
}

// atomEntry converts an Atom entry. If the entry must be skipped, it returns the reason instead.
func (f *feedXML) atomEntry(e *element) (feed.Post, SkipReason, error) {
	assumeAtom(e)
	status, reason, err := f.atomStatus(e)
	if err != nil || reason != "" {
		return feed.Post{}, reason, err
	}
	p := feed.Post{
		Status:   status,
		ID:       e.text("atom:id"),
		Title:    atomText(e.child("atom:title")),
		Language: e.attr("xml:lang"),
		URL:      f.absolute(atomAlternate(e)),
	}
	p.ID = first(p.ID, p.URL)
	atomContent(e, &p)
	f.setBlogger(e, &p)
	p.Authors = f.atomAuthors(e)
	p.Image = mediaImage(e)
	for c := range e.all("atom:category") {
		if c.attr("scheme") != bloggerKindScheme {
			p.Tags = addTag(p.Tags, first(c.attr("label"), c.attr("term")))
		}
	}
	for link := range e.all("atom:link") {
		if link.attr("rel") == "enclosure" {
			p.Attachments = addAttachment(p.Attachments, feed.Attachment{
				URL: link.attr("href"), MIMEType: link.attr("type"), Title: link.attr("title"),
				SizeInBytes: parseSize(link.attr("length")),
			})
		}
	}
	addCredits(e, &p)
	if source := atomSource(e.child("atom:source")); source.Publication+source.FeedURL+source.PublicationURL != "" {
		p.Quotes = append(p.Quotes, feed.Quote{Source: source})
	}
	p.Attachments = addMedia(p.Attachments, e)
	err = f.setAtomDates(e, &p)
	if err == nil && p.ID == "" {
		p.ID, err = contentID(p)
	}
	return p, "", err
}

// atomAuthors returns the authors of an entry or, if the entry has none, those of the feed (RFC 4287 section 4.2.1).
func (f *feedXML) atomAuthors(e *element) (authors []feed.Author) {
	from := []*element{e, e.child("atom:source")}
	for _, top := range f.root.children {
		assumeAtom(top)
		from = append(from, top)
	}
	for _, parent := range from {
		for a := range parent.all("atom:author") {
			name := withoutAddress(plainTitle(a.text("atom:name")))
			author := feed.Author{Name: name, URL: first(a.text("atom:uri"), a.text("atom:url"))}
			if author != (feed.Author{}) {
				authors = append(authors, author)
			}
		}
		if len(authors) > 0 {
			break
		}
	}
	return authors
}

func (f *feedXML) setAtomDates(e *element, p *feed.Post) (err error) {
	if p.DatePublished, err = f.date(e, "atom:published", "atom:issued", "atom:created"); err != nil {
		return err
	}
	if p.DateModified, err = f.date(e, "atom:updated", "atom:modified"); err != nil {
		return err
	}
	if p.DatePublished.IsZero() {
		p.DatePublished, p.DateModified = p.DateModified, time.Time{}
	}
	return nil
}

// assumeAtom moves elements without a namespace into the Atom namespace, since some feeds do not declare it.
func assumeAtom(e *element) {
	if e.name != "" && e.space == "" {
		e.space = "atom"
	}
	for _, c := range e.children {
		assumeAtom(c)
	}
}

// atomAlternate returns the address of the entry's web page.
func atomAlternate(e *element) string {
	address := ""
	for link := range e.all("atom:link") {
		rel := link.attr("rel")
		if (rel == "" || rel == "alternate") && (address == "" || strings.HasPrefix(link.attr("type"), "text/html")) {
			address = link.attr("href")
		}
	}
	return address
}

// atomContent sets the content and summary of p. If an entry has no content, its summary becomes the content.
func atomContent(e *element, p *feed.Post) {
	content, summary := e.child("atom:content"), e.child("atom:summary")
	if htmlContent, text := textConstruct(content); content.attr("src") == "" && htmlContent+text != "" {
		p.ContentHTML, p.ContentText = htmlContent, text
		p.Summary = atomText(summary)
		return
	}
	p.ContentHTML, p.ContentText = textConstruct(summary)
	if p.ContentHTML+p.ContentText == "" {
		p.ContentHTML = mediaDescription(e)
	}
	p.ExternalURL = content.attr("src")
}

// atomSource returns the publication in an atom:source element.
func atomSource(e *element) feed.Source {
	source := feed.Source{Publication: atomText(e.child("atom:title"))}
	for link := range e.all("atom:link") {
		switch link.attr("rel") {
		case "self":
			source.FeedURL = link.attr("href")
		case "", "alternate":
			source.PublicationURL = link.attr("href")
		}
	}
	return source
}

// textConstruct returns the content of a text construct (RFC 4287 section 3.1) as HTML or plain text.
func textConstruct(e *element) (htmlContent, text string) {
	if e == nil {
		return "", ""
	}
	kind := strings.ToLower(e.attr("type"))
	escaped := e.attr("mode") == "escaped" // Atom 0.3
	if e.attr("mode") == "base64" || isData(kind) && !escaped {
		return dataConstruct(e, kind)
	}
	switch {
	case kind == "xhtml" || kind == "application/xhtml+xml" && !escaped:
		return e.innerHTML(), ""
	case kind == "html" || kind == "text/html" || escaped && kind != "text/plain":
		return e.content(), ""
	case e.hasElements(): // the type of this element does not allow child elements
		return e.innerHTML(), ""
	default:
		return "", e.content()
	}
}

// isData reports whether Atom content with this media type is Base64 data (RFC 4287 section 4.1.3.3).
func isData(mediaType string) bool {
	return strings.Contains(mediaType, "/") && !strings.HasPrefix(mediaType, "text/") && !strings.HasSuffix(mediaType, "xml")
}

// dataConstruct returns the content of a Base64 text construct, or nothing if it is data such as an image.
func dataConstruct(e *element, kind string) (htmlContent, text string) {
	decoded, ok := decodeBase64(e.content())
	switch {
	case !ok && e.attr("mode") == "base64":
		return "", e.content()
	case kind == "" || kind == "text" || kind == "text/plain":
		return "", decoded
	case isData(kind) && kind != unknownMediaType: // text may be labeled as unknown data
		return "", ""
	default:
		return decoded, ""
	}
}

// decodeBase64 decodes s. The result ok is false if s is not Base64-encoded text.
func decodeBase64(s string) (text string, ok bool) {
	decoded, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil || !utf8.Valid(decoded) {
		return "", false
	}
	return strings.TrimSpace(string(decoded)), true
}

// atomText converts a text construct to plain text.
func atomText(e *element) string {
	htmlContent, text := textConstruct(e)
	if htmlContent != "" {
		return plainText(htmlContent)
	}
	return strings.Join(strings.Fields(text), " ")
}

// addCredits adds a quote for each related link of an item, and a via for each via link.
func addCredits(e *element, p *feed.Post) {
	for link := range e.all("atom:link") {
		href := link.attr("href")
		if href == "" {
			continue
		}
		switch link.attr("rel") {
		case "related":
			p.Quotes = append(p.Quotes, feed.Quote{Source: feed.Source{URL: href, Headline: link.attr("title")}})
		case "via":
			p.Via = append(p.Via, feed.Via{Name: link.attr("title"), URL: href})
		}
	}
}

// date returns the date in the first non-empty element with one of the names.
func (f *feedXML) date(e *element, names ...string) (time.Time, error) {
	for _, name := range names {
		if text := e.text(name); text != "" {
			t, err := parseDate(text, f.loc)
			if err != nil {
				return t, fmt.Errorf("%s: %w", name, err)
			}
			return t, nil
		}
	}
	return time.Time{}, nil
}

// absolute resolves a URL against the first absolute URL in baseURLs.
func (f *feedXML) absolute(address string) string {
	u, err := url.Parse(address)
	if err != nil || address == "" || u.IsAbs() {
		return address
	}
	for _, base := range f.baseURLs() {
		if b, err := url.Parse(base); err == nil && b.IsAbs() {
			return b.ResolveReference(u).String()
		}
	}
	return address
}

// baseURLs returns the possible base URLs of relative references, in order of preference.
func (f *feedXML) baseURLs() []string {
	var list []string
	for _, top := range f.root.children {
		channel := top
		for _, c := range top.children {
			if c.name == "channel" {
				channel = c
			}
		}
		list = append(list, top.attr("xml:base"), channel.text("link"))
		for _, c := range channel.children {
			if rel := c.attr("rel"); c.name == "link" && (rel == "" || rel == "alternate") {
				list = append(list, c.attr("href"))
			}
		}
	}
	return list
}
