package transfer

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/html"

	"feedpub/feed"
)

// rssItem makes a post of an item of RSS 0.9x, 1.0 or 2.0.
func (f *xmlFile) rssItem(e *element) (feed.Post, error) {
	guid := e.of("guid")
	p := feed.Post{
		ID:    first(guid, e.at("rdf:about"), e.of("link"), e.of("dc:identifier")),
		URL:   first(e.of("link"), e.of("feedburner:origLink")),
		Title: plainTitle(e.of("title")),
		Image: first(e.get("itunes:image").at("href"), e.get("media:thumbnail").at("url")),
	}
	if p.URL == "" && guid != "" && e.get("guid").at("isPermaLink") != "false" && isURL(guid) {
		p.URL = guid
	}
	if p.ID == "" {
		return p, fmt.Errorf("item %q has neither guid nor link: %w", shown(p.Title), feed.ErrInvalid)
	}
	p.URL = f.absolute(p.URL)
	full := first(e.get("content:encoded").body(), e.get("xhtml:body").body(), e.get("xhtml:div").body())
	description := e.get("description").body()
	switch {
	case full != "":
		p.ContentHTML = full
		if description != "" && description != full {
			p.Summary = plainText(description)
		}
	default:
		p.ContentHTML = description
	}
	for _, name := range []string{"dc:creator", "author", "itunes:author"} {
		if p.Authors = authorsOf(e, name); len(p.Authors) > 0 {
			break
		}
	}
	for _, name := range []string{"category", "dc:subject"} {
		for c := range e.all(name) {
			p.Tags = addTag(p.Tags, plainTitle(c.value()))
		}
	}
	p.Language = e.of("dc:language")
	for enclosure := range e.all("enclosure") {
		p.Attachments = addAttachment(p.Attachments, feed.Attachment{
			URL: enclosure.at("url"), MIMEType: enclosure.at("type"),
			SizeInBytes: size(enclosure.at("length")), DurationInSeconds: duration(e.of("itunes:duration")),
		})
	}
	for _, media := range []*element{e, e.get("media:group")} {
		for c := range media.all("media:content") {
			p.Attachments = addAttachment(p.Attachments, feed.Attachment{
				URL: c.at("url"), MIMEType: c.at("type"), Title: c.of("media:title"),
				SizeInBytes: size(c.at("fileSize")), DurationInSeconds: duration(c.at("duration")),
			})
		}
	}
	f.credits(e, &p)
	if s := e.get("source"); s != nil && (s.value() != "" || s.at("url") != "") {
		// The first article that is quoted is the one that the publication's own feed goes with.
		if len(p.Quotes) == 0 {
			p.Quotes = []feed.Quote{{}}
		}
		p.Quotes[0].Source.Publication = plainTitle(s.value())
		p.Quotes[0].Source.FeedURL = s.at("url")
	}
	var err error
	if p.DatePublished, err = f.date(e, "pubDate", "dc:date", "dcterms:created", "dcterms:issued", "atom:published"); err != nil {
		return p, err
	}
	p.DateModified, err = f.date(e, "atom:updated", "dcterms:modified")
	return p, err
}

// atomEntry makes a post of an entry of Atom.
func (f *xmlFile) atomEntry(e *element) (feed.Post, error) {
	atomNames(e)
	p := feed.Post{
		ID:       e.of("atom:id"),
		Title:    textConstruct(e.get("atom:title")),
		Language: e.at("xml:lang"),
	}
	for link := range e.all("atom:link") {
		if rel := link.at("rel"); (rel == "" || rel == "alternate") && (p.URL == "" || strings.HasPrefix(link.at("type"), "text/html")) {
			p.URL = link.at("href")
		}
	}
	p.URL = f.absolute(p.URL)
	if p.ID == "" {
		if p.ID = p.URL; p.ID == "" {
			return p, fmt.Errorf("entry %q has neither id nor link: %w", shown(p.Title), feed.ErrInvalid)
		}
	}
	summary := e.get("atom:summary")
	switch content := e.get("atom:content"); {
	case content != nil && content.at("src") == "" && content.value()+content.markup() != "":
		p.ContentHTML, p.ContentText = construct(content)
		p.Summary = textConstruct(summary)
	default:
		p.ContentHTML, p.ContentText = construct(summary)
		if content.at("src") != "" {
			p.ExternalURL = content.at("src")
		}
	}
	for a := range e.all("atom:author") {
		if author := (feed.Author{Name: plainTitle(a.of("atom:name")), URL: first(a.of("atom:uri"), a.of("atom:url"))}); author != (feed.Author{}) {
			p.Authors = append(p.Authors, author)
		}
	}
	for c := range e.all("atom:category") {
		p.Tags = addTag(p.Tags, first(c.at("label"), c.at("term")))
	}
	for link := range e.all("atom:link") {
		if link.at("rel") == "enclosure" {
			p.Attachments = addAttachment(p.Attachments, feed.Attachment{
				URL: link.at("href"), MIMEType: link.at("type"), Title: link.at("title"), SizeInBytes: size(link.at("length")),
			})
		}
	}
	f.credits(e, &p)
	if s := e.get("atom:source"); s != nil {
		source := feed.Source{Publication: textConstruct(s.get("atom:title"))}
		for link := range s.all("atom:link") {
			switch link.at("rel") {
			case "self":
				source.FeedURL = link.at("href")
			case "", "alternate":
				source.PublicationURL = link.at("href")
			}
		}
		if source.Publication != "" || source.FeedURL != "" || source.PublicationURL != "" {
			p.Quotes = append(p.Quotes, feed.Quote{Source: source})
		}
	}
	var err error
	if p.DatePublished, err = f.date(e, "atom:published", "atom:issued", "atom:created"); err != nil {
		return p, err
	}
	if p.DateModified, err = f.date(e, "atom:updated", "atom:modified"); err != nil {
		return p, err
	}
	if p.DatePublished.IsZero() {
		p.DatePublished, p.DateModified = p.DateModified, time.Time{}
	}
	return p, nil
}

// atomNames gives elements without a namespace that of Atom: feeds that declare none are still feeds.
func atomNames(e *element) {
	if e.name != "" && e.space == "" {
		e.space = "atom"
	}
	for _, c := range e.children {
		atomNames(c)
	}
}

// credits reads what an item says of what it quotes and of where that was found.
func (f *xmlFile) credits(e *element, p *feed.Post) {
	for link := range e.all("atom:link") {
		href := link.at("href")
		if href == "" {
			continue
		}
		switch link.at("rel") {
		case "related":
			p.Quotes = append(p.Quotes, feed.Quote{Source: feed.Source{URL: href, Headline: link.at("title")}})
		case "via":
			p.Via = append(p.Via, feed.Via{Name: link.at("title"), URL: href})
		}
	}
}

// date returns the first of the dates that is given.
func (f *xmlFile) date(e *element, names ...string) (time.Time, error) {
	for _, name := range names {
		if text := e.of(name); text != "" {
			t, err := parseDate(text, f.options.location())
			if err != nil {
				return t, fmt.Errorf("%s: %w", name, err)
			}
			return t, nil
		}
	}
	return time.Time{}, nil
}

// absolute returns an address that is relative to the feed's page as it is from anywhere.
func (f *xmlFile) absolute(address string) string {
	u, err := url.Parse(address)
	if err != nil || address == "" || u.IsAbs() {
		return address
	}
	for _, top := range f.root.children {
		channel := top
		for _, c := range top.children {
			if c.name == "channel" {
				channel = c
			}
		}
		candidates := []string{top.at("xml:base"), channel.of("link")}
		for _, c := range channel.children {
			if rel := c.at("rel"); c.name == "link" && (rel == "" || rel == "alternate") {
				candidates = append(candidates, c.at("href"))
			}
		}
		for _, base := range candidates {
			if b, err := url.Parse(base); err == nil && b.IsAbs() {
				return b.ResolveReference(u).String()
			}
		}
	}
	return address
}

// authorsOf returns the authors that elements of a name give. RSS has e-mail addresses there, which stay behind.
func authorsOf(e *element, name string) []feed.Author {
	var authors []feed.Author
	for a := range e.all(name) {
		name := plainTitle(a.value())
		if address, rest, ok := strings.Cut(name, " ("); ok && strings.Contains(address, "@") {
			name = strings.TrimSuffix(rest, ")")
		} else if before, _, ok := strings.Cut(name, "<"); ok && strings.Contains(name, "@") && strings.TrimSpace(before) != "" {
			name = strings.Trim(strings.TrimSpace(before), `"`)
		} else if local, _, ok := strings.Cut(name, "@"); ok && !strings.ContainsAny(name, " ") {
			name = local
		}
		if name != "" {
			authors = append(authors, feed.Author{Name: name})
		}
	}
	return authors
}

// construct returns the content of a text construct of Atom (RFC 4287 section 3.1) as HTML or as text.
func construct(e *element) (markup, text string) {
	if e == nil {
		return "", ""
	}
	kind := strings.ToLower(e.at("type"))
	escaped := e.at("mode") == "escaped" // Atom 0.3
	switch {
	case kind == "xhtml" || kind == "application/xhtml+xml" && !escaped:
		return e.markup(), ""
	case kind == "html" || kind == "text/html" || escaped && kind != "text/plain":
		return e.value(), ""
	default:
		for _, c := range e.children {
			if c.name != "" { // markup where there should be none
				return e.markup(), ""
			}
		}
		return "", e.value()
	}
}

// textConstruct returns a text construct of Atom as plain text.
func textConstruct(e *element) string {
	markup, text := construct(e)
	if markup != "" {
		return plainText(markup)
	}
	return strings.Join(strings.Fields(text), " ")
}

// addTag adds a tag unless it is there.
func addTag(tags []string, tag string) []string {
	tag = strings.Join(strings.Fields(tag), " ")
	if tag == "" {
		return tags
	}
	for _, t := range tags {
		if strings.EqualFold(t, tag) {
			return tags
		}
	}
	return append(tags, tag)
}

// addAttachment adds an attachment unless it is there or can't be one.
func addAttachment(list []feed.Attachment, a feed.Attachment) []feed.Attachment {
	a.MIMEType = strings.TrimSpace(a.MIMEType)
	if a.URL = strings.TrimSpace(a.URL); !isURL(a.URL) {
		return list
	}
	if !strings.Contains(a.MIMEType, "/") {
		a.MIMEType = typeOf(a.URL)
	}
	for i := range list {
		if list[i].URL == a.URL {
			return list
		}
	}
	return append(list, a)
}

// typeOf returns the media type of a file that is told by its name, without the machine's table of them.
func typeOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "application/octet-stream"
	}
	name := strings.ToLower(u.Path)
	for _, t := range []struct{ end, mime string }{
		{".mp3", "audio/mpeg"}, {".m4a", "audio/mp4"}, {".ogg", "audio/ogg"}, {".oga", "audio/ogg"}, {".opus", "audio/ogg"},
		{".wav", "audio/wav"}, {".flac", "audio/flac"}, {".mp4", "video/mp4"}, {".m4v", "video/mp4"}, {".webm", "video/webm"},
		{".ogv", "video/ogg"}, {".mov", "video/quicktime"}, {".jpg", "image/jpeg"}, {".jpeg", "image/jpeg"}, {".png", "image/png"},
		{".gif", "image/gif"}, {".webp", "image/webp"}, {".svg", "image/svg+xml"}, {".pdf", "application/pdf"}, {".epub", "application/epub+zip"},
	} {
		if strings.HasSuffix(name, t.end) {
			return t.mime
		}
	}
	return "application/octet-stream"
}

func size(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > 1<<53-1 {
		return 0
	}
	return n
}

// duration reads seconds, or hours, minutes and seconds parted by colons.
func duration(s string) float64 {
	total := 0.0
	parts := strings.Split(s, ":")
	if s == "" || len(parts) > 3 {
		return 0
	}
	for _, part := range parts {
		n, err := strconv.ParseFloat(part, 64)
		if err != nil || n < 0 || n > 1e6 {
			return 0
		}
		total = total*60 + n
	}
	return total
}

func isURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// plainTitle returns text that programs fill in with and without HTML as plain text: only what can be nothing else is
// taken for markup, so that "1 < 2" and "Use <main>" keep their words.
func plainTitle(s string) string {
	if strings.IndexByte(s, '<') >= 0 {
		var b strings.Builder
		z := html.NewTokenizer(strings.NewReader(s))
		z.SetMaxBuf(1 << 20)
		for {
			kind := z.Next()
			if kind == html.ErrorToken {
				break
			}
			raw := string(z.Raw())
			if kind == html.StartTagToken || kind == html.EndTagToken || kind == html.SelfClosingTagToken {
				if name, _ := z.TagName(); formatting(string(name)) {
					if string(name) == "br" {
						b.WriteByte(' ')
					}
					continue
				}
			}
			b.WriteString(raw)
		}
		s = b.String()
	}
	return strings.Join(strings.Fields(html.UnescapeString(s)), " ")
}

func formatting(name string) bool {
	switch name {
	case "a", "abbr", "b", "big", "br", "cite", "code", "del", "em", "font", "i", "ins", "mark", "p", "q", "s", "small", "span",
		"strike", "strong", "sub", "sup", "u":
		return true
	}
	return false
}

// plainText returns the text of HTML.
func plainText(s string) string {
	if !strings.ContainsAny(s, "<&") {
		return strings.Join(strings.Fields(s), " ")
	}
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(s))
	skip := ""
	for {
		switch z.Next() {
		case html.ErrorToken:
			return strings.Join(strings.Fields(b.String()), " ")
		case html.TextToken:
			if skip == "" {
				b.Write(z.Text())
			}
		case html.StartTagToken:
			name, _ := z.TagName()
			if n := string(name); n == "script" || n == "style" {
				skip = n
			} else if !formatting(n) || n == "br" || n == "p" {
				b.WriteByte(' ')
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if n := string(name); n == skip {
				skip = ""
			} else if !formatting(n) || n == "p" {
				b.WriteByte(' ')
			}
		case html.SelfClosingTagToken:
			b.WriteByte(' ')
		}
	}
}
