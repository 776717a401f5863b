package render

import (
	"encoding/xml"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/feeds"

	"feedpub/feed"
)

// The types below embed types from gorilla/feeds. Fields that are missing there or encoded incorrectly are declared in
// the outer type, which hides the embedded ones from encoding/xml. Names with a prefix are written literally; the root
// element declares the prefixes.

type rssRoot struct {
	feeds.RssFeedXml
	Atom    string     `xml:"xmlns:atom,attr"`
	DC      string     `xml:"xmlns:dc,attr"`
	Media   string     `xml:"xmlns:media,attr"`
	History string     `xml:"xmlns:fh,attr,omitempty"`
	Channel rssChannel `xml:"channel"`
}

type rssChannel struct {
	*feeds.RssFeed
	Creator string    `xml:"dc:creator,omitempty"`
	Archive *struct{} `xml:"fh:archive"` // RFC 5005, section 4
	Links   []rssLink // atom:link
}

type rssItem struct {
	*feeds.RssItem
	Link       string         `xml:"link,omitempty"`
	Creator    string         `xml:"dc:creator,omitempty"`
	Language   string         `xml:"dc:language,omitempty"`
	Categories []string       `xml:"category"`
	Source     *rssSource     // has the required url attribute
	Media      []mediaContent // attachments other than the enclosure; an item has at most one enclosure
	Thumbnail  *mediaThumbnail
	Links      []rssLink
}

type rssLink struct {
	XMLName xml.Name `xml:"atom:link"`
	Rel     string   `xml:"rel,attr"`
	Type    string   `xml:"type,attr,omitempty"`
	Title   string   `xml:"title,attr,omitempty"`
	Href    string   `xml:"href,attr"`
}

type rssSource struct {
	XMLName xml.Name `xml:"source"`
	URL     string   `xml:"url,attr"`
	Name    string   `xml:",chardata"`
}

type mediaContent struct {
	XMLName  xml.Name `xml:"media:content"`
	URL      string   `xml:"url,attr"`
	Type     string   `xml:"type,attr"`
	FileSize string   `xml:"fileSize,attr,omitempty"`
	Duration string   `xml:"duration,attr,omitempty"`
	Title    string   `xml:"media:title,omitempty"`
}

type mediaThumbnail struct {
	XMLName xml.Name `xml:"media:thumbnail"`
	URL     string   `xml:"url,attr"`
}

// linkView is a decoded atom:link.
type linkView struct {
	Rel   string `xml:"rel,attr"`
	Type  string `xml:"type,attr"`
	Title string `xml:"title,attr"`
	Href  string `xml:"href,attr"`
}

// newRSSItem converts an item to RSS. With [feed.SourceTitle], the item's link is its external URL, and a link to the
// post's own page is appended to the text. Authors are joined in a single dc:creator: readers show only the last
// creator of several, and the author element must contain an e-mail address. Quoted authors must not be in either
// element, because readers would show them as the post's authors.
func newRSSItem(item *feed.Item, v Variant) rssItem {
	x := rssItem{
		RssItem: &feeds.RssItem{
			Title:       heading(item),
			Description: textToHTML(item.Summary), // feed readers treat it as HTML
			Guid:        &feeds.RssGuid{Id: item.ID, IsPermaLink: "false"},
			PubDate:     rfc822(item.Published),
		},
		Link:       uri(item.URL),
		Creator:    names(item.Authors),
		Language:   item.Language,
		Categories: tags(item),
	}
	var mark string
	if v.TitleLink == feed.SourceTitle && item.ExternalURL != "" {
		x.Link = uri(item.ExternalURL)
		mark = permalinkMark(item)
	}
	if v.Content == feed.SummaryContent {
		x.Description = textToHTML(summary(item)) + mark
	} else {
		x.Content = &feeds.RssContent{Content: content(item) + mark}
	}
	for _, c := range credits(item) {
		x.Links = append(x.Links, rssLink{Rel: c.rel, Title: c.title, Href: c.url})
	}
	if item.Image != "" {
		x.Thumbnail = &mediaThumbnail{URL: uri(item.Image)}
	}
	for _, a := range item.Attachments {
		address := uri(a.URL)
		if x.Enclosure == nil && isWeb(address) { // the specification requires an http or https URL
			x.Enclosure = &feeds.RssEnclosure{
				Url: withPath(address), Length: strconv.FormatInt(max(a.SizeInBytes, 0), 10), Type: mediaType(a)}
			continue
		}
		m := mediaContent{URL: address, Type: mediaType(a), Title: strings.TrimSpace(a.Title)}
		if a.SizeInBytes > 0 {
			m.FileSize = strconv.FormatInt(a.SizeInBytes, 10)
		}
		if a.DurationInSeconds > 0 {
			m.Duration = strconv.FormatFloat(a.DurationInSeconds, 'f', -1, 64)
		}
		x.Media = append(x.Media, m)
	}
	// <source> is the feed that an item came from, so its URL must be the URL of the source's feed, not of the article.
	if i := slices.IndexFunc(item.Quotes, func(q feed.Quote) bool { return q.Source.FeedURL != "" }); i >= 0 {
		s := item.Quotes[i].Source
		x.Source = &rssSource{URL: uri(s.FeedURL), Name: strings.TrimSpace(s.Publication)}
	}
	return x
}

// rssIndent is the indentation of an item in a document.
const rssIndent = "    "

func rssFragment(p *pen, _ int, _ feed.SiteID, item *feed.Item, v Variant) ([]byte, error) {
	x := newRSSItem(item, v)
	p.xml.reset(rssIndent)
	x.write(&p.xml)
	return p.xml.finish()
}

// write writes the item's elements in the same order as encoding/xml.
func (x *rssItem) write(w *xmlWriter) {
	w.open("item")
	w.text("title", x.Title)
	w.text("description", x.Description)
	if x.Content != nil {
		w.cdata("content:encoded", x.Content.Content)
	}
	if e := x.Enclosure; e != nil {
		w.text("enclosure", "", xmlAttribute{"url", e.Url}, xmlAttribute{"length", e.Length}, xmlAttribute{"type", e.Type})
	}
	w.text("guid", x.Guid.Id, xmlAttribute{"isPermaLink", x.Guid.IsPermaLink})
	w.optional("pubDate", x.PubDate)
	w.optional("link", x.Link)
	w.optional("dc:creator", x.Creator)
	w.optional("dc:language", x.Language)
	for _, c := range x.Categories {
		w.text("category", c)
	}
	if x.Source != nil {
		w.text("source", x.Source.Name, xmlAttribute{"url", x.Source.URL})
	}
	for _, m := range x.Media {
		attrs := append(make([]xmlAttribute, 0, 4), xmlAttribute{"url", m.URL}, xmlAttribute{"type", m.Type})
		attrs = appendAttribute(attrs, "fileSize", m.FileSize)
		attrs = appendAttribute(attrs, "duration", m.Duration)
		if m.Title == "" {
			w.text("media:content", "", attrs...)
			continue
		}
		w.open("media:content", attrs...)
		w.text("media:title", m.Title)
		w.close("media:content")
	}
	if x.Thumbnail != nil {
		w.text("media:thumbnail", "", xmlAttribute{"url", x.Thumbnail.URL})
	}
	for _, l := range x.Links {
		attrs := append(make([]xmlAttribute, 0, 4), xmlAttribute{"rel", l.Rel})
		attrs = appendAttribute(attrs, "type", l.Type)
		attrs = appendAttribute(attrs, "title", l.Title)
		w.text("atom:link", "", append(attrs, xmlAttribute{"href", l.Href})...)
	}
	w.close("item")
}

func rssLinks(views []linkView) []rssLink {
	var links []rssLink
	for _, l := range views {
		links = append(links, rssLink{Rel: l.Rel, Type: l.Type, Title: l.Title, Href: l.Href})
	}
	return links
}

// rssFrameView is a decoded document without its items.
type rssFrameView struct {
	Version string         `xml:"version,attr"`
	Channel rssChannelView `xml:"channel"`
}

type rssChannelView struct {
	Links         []linkView    `xml:"http://www.w3.org/2005/Atom link"`
	Creator       string        `xml:"http://purl.org/dc/elements/1.1/ creator"`
	Archive       *struct{}     `xml:"http://purl.org/syndication/history/1.0 archive"`
	Title         string        `xml:"title"`
	Link          string        `xml:"link"`
	Description   string        `xml:"description"`
	Language      string        `xml:"language"`
	Copyright     string        `xml:"copyright"`
	PubDate       string        `xml:"pubDate"`
	LastBuildDate string        `xml:"lastBuildDate"`
	Generator     string        `xml:"generator"`
	TTL           int           `xml:"ttl"`
	Image         *rssImageView `xml:"image"`
}

type rssImageView struct {
	URL   string `xml:"url"`
	Title string `xml:"title"`
	Link  string `xml:"link"`
}

func newRSSChannelView(f feed.Feed, version int) rssChannelView {
	v := rssChannelView{
		Links:         []linkView{{Rel: "self", Type: "application/rss+xml", Href: URL(f.Site, f.Name, feed.RSS)}},
		Creator:       names(feedAuthors(f.Site)),
		Title:         f.Title,
		Link:          uri(f.Site.HomeURL),
		Description:   f.Description,
		Language:      f.Site.Language,
		Copyright:     f.Site.Copyright,
		LastBuildDate: rfc822(f.Updated),
		Generator:     generator + " " + generatorVersion(version, listedHubs(f)),
		TTL:           ttl(f.Site.TTL),
	}
	for _, hub := range hubsOf(f, version) {
		v.Links = append(v.Links, linkView{Rel: "hub", Href: uri(hub)})
	}
	for _, l := range history(f, feed.RSS) {
		v.Links = append(v.Links, linkView{Rel: l.rel, Type: "application/rss+xml", Href: l.url})
	}
	if f.History.Archive {
		v.Archive = new(struct{})
	}
	if len(f.Items) > 0 {
		v.PubDate = rfc822(f.Items[0].Published)
	}
	if isRSSImage(f.Site.Icon) {
		v.Image = &rssImageView{URL: uri(f.Site.Icon), Title: v.Title, Link: v.Link}
	}
	return v
}

func rssFrame(f feed.Feed, version int, _ time.Time) (frame, error) {
	v := newRSSChannelView(f, version)
	root := rssRoot{
		RssFeedXml: feeds.RssFeedXml{Version: "2.0", ContentNamespace: "http://purl.org/rss/1.0/modules/content/"},
		Atom:       "http://www.w3.org/2005/Atom",
		DC:         "http://purl.org/dc/elements/1.1/",
		Media:      "http://search.yahoo.com/mrss/",
		Channel: rssChannel{
			RssFeed: &feeds.RssFeed{
				Title:         v.Title,
				Link:          v.Link,
				Description:   v.Description,
				Language:      v.Language,
				Copyright:     v.Copyright,
				PubDate:       v.PubDate,
				LastBuildDate: v.LastBuildDate,
				Generator:     v.Generator,
				Ttl:           v.TTL,
			},
			Creator: v.Creator,
			Archive: v.Archive,
			Links:   rssLinks(v.Links),
		},
	}
	if v.Archive != nil {
		root.History = historyNamespace
	}
	if v.Image != nil {
		root.Channel.Image = &feeds.RssImage{Url: v.Image.URL, Title: v.Image.Title, Link: v.Image.Link}
	}
	fr, err := xmlFrame(root, f.Site, "  </channel>\n</rss>")
	if err != nil {
		return frame{}, err
	}
	var back rssFrameView
	if err := xml.Unmarshal(fr.empty(), &back); err != nil {
		return frame{}, err
	}
	return fr, same(&rssFrameView{Version: "2.0", Channel: v}, &back)
}

// rfc822 formats a time for RSS: RFC 822 with a four-digit year.
func rfc822(t time.Time) string { return t.UTC().Format(time.RFC1123Z) }

// ttl returns d in minutes, rounded up. The ttl element is omitted if it is zero.
func ttl(d time.Duration) int { return int((d + time.Minute - 1) / time.Minute) }

// isRSSImage reports whether the URL may refer to a GIF, JPEG or PNG image, the formats that RSS allows.
func isRSSImage(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Path == "" {
		return false
	}
	return slices.Contains([]string{"", ".gif", ".jpg", ".jpeg", ".png"}, strings.ToLower(path.Ext(u.Path)))
}

func isWeb(address string) bool {
	return hasPrefixFold(address, "http://") || hasPrefixFold(address, "https://")
}

// withPath returns an http or https URL with the path "/" if it has none. Validators require a path in enclosures.
func withPath(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if i := strings.IndexAny(rest, "/?#"); ok && i < 0 {
		return scheme + "://" + rest + "/"
	} else if ok && rest[i] != '/' {
		return scheme + "://" + rest[:i] + "/" + rest[i:]
	}
	return address
}

// mediaType returns the attachment's media type, which RSS and JSON Feed require, or application/octet-stream.
func mediaType(a feed.Attachment) string {
	if t := strings.TrimSpace(a.MIMEType); t != "" {
		return t
	}
	return "application/octet-stream"
}
