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

// The types below extend those of gorilla/feeds: they embed them and declare anew, one level up, the fields that those
// lack or write wrongly, which hides them from encoding/xml. Names with a prefix are written literally; the root
// declares the prefixes.

type rssRoot struct {
	feeds.RssFeedXml
	Atom    string     `xml:"xmlns:atom,attr"`
	DC      string     `xml:"xmlns:dc,attr"`
	Media   string     `xml:"xmlns:media,attr"`
	Channel rssChannel `xml:"channel"`
}

type rssChannel struct {
	*feeds.RssFeed
	Creator string    `xml:"dc:creator,omitempty"`
	Links   []rssLink // atom:link
}

type rssItem struct {
	*feeds.RssItem
	Link       string         `xml:"link,omitempty"`
	Creator    string         `xml:"dc:creator,omitempty"`
	Language   string         `xml:"dc:language,omitempty"`
	Categories []string       `xml:"category"`
	Source     *rssSource     // with the url that the specification requires
	Media      []mediaContent // the attachments after the first: an item has one enclosure
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

// rssView is what an RSS item says, in a form that the item is written from and that its fragment is read back into.
// Elements with a prefix come first: a name without one would match them too.
type rssView struct {
	Links       []linkView      `xml:"atom link"`
	Content     string          `xml:"content encoded"`
	Creator     string          `xml:"dc creator"`
	Language    string          `xml:"dc language"`
	Media       []mediaView     `xml:"media content"`
	Thumbnail   *enclosureView  `xml:"media thumbnail"`
	Title       string          `xml:"title"`
	Link        string          `xml:"link"`
	Description string          `xml:"description"`
	GUID        guidView        `xml:"guid"`
	PubDate     string          `xml:"pubDate"`
	Categories  []string        `xml:"category"`
	Enclosures  []enclosureView `xml:"enclosure"`
	Source      *sourceView     `xml:"source"`
}

type linkView struct {
	Rel   string `xml:"rel,attr"`
	Type  string `xml:"type,attr"`
	Title string `xml:"title,attr"`
	Href  string `xml:"href,attr"`
}

type mediaView struct {
	URL      string `xml:"url,attr"`
	Type     string `xml:"type,attr"`
	FileSize string `xml:"fileSize,attr"`
	Duration string `xml:"duration,attr"`
	Title    string `xml:"title"`
}

type guidView struct {
	IsPermaLink string `xml:"isPermaLink,attr"`
	ID          string `xml:",chardata"`
}

type enclosureView struct {
	URL    string `xml:"url,attr"`
	Length string `xml:"length,attr"`
	Type   string `xml:"type,attr"`
}

type sourceView struct {
	URL  string `xml:"url,attr"`
	Name string `xml:",chardata"`
}

// newRSSView maps an item to RSS. The author is dc:creator, one for all: readers show only the last of several, and
// author must be an e-mail address. The quoted author appears in no element that names a person.
func newRSSView(item *feed.Item) rssView {
	v := rssView{
		Content:     content(item),
		Creator:     names(item.Authors),
		Language:    item.Language,
		Title:       heading(item),
		Link:        uri(item.URL),
		Description: textToHTML(item.Summary), // readers take it for HTML
		GUID:        guidView{IsPermaLink: "false", ID: item.ID},
		PubDate:     rfc822(item.Published),
		Categories:  tags(item),
	}
	for _, c := range credits(item) {
		v.Links = append(v.Links, linkView{Rel: c.rel, Title: c.title, Href: c.url})
	}
	if item.Image != "" {
		v.Thumbnail = &enclosureView{URL: uri(item.Image)}
	}
	for _, a := range item.Attachments {
		address := uri(a.URL)
		if len(v.Enclosures) == 0 && isWeb(address) { // the only ones that the specification allows
			v.Enclosures = append(v.Enclosures, enclosureView{
				URL: withPath(address), Length: strconv.FormatInt(max(a.SizeInBytes, 0), 10), Type: mediaType(a)})
			continue
		}
		m := mediaView{URL: address, Type: mediaType(a), Title: strings.TrimSpace(a.Title)}
		if a.SizeInBytes > 0 {
			m.FileSize = strconv.FormatInt(a.SizeInBytes, 10)
		}
		if a.DurationInSeconds > 0 {
			m.Duration = strconv.FormatFloat(a.DurationInSeconds, 'f', -1, 64)
		}
		v.Media = append(v.Media, m)
	}
	// <source> names the feed that an item came from, so it takes the source's own feed, never the article.
	if i := slices.IndexFunc(item.Quotes, func(q feed.Quote) bool { return q.Source.FeedURL != "" }); i >= 0 {
		s := item.Quotes[i].Source
		v.Source = &sourceView{URL: uri(s.FeedURL), Name: strings.TrimSpace(s.Publication)}
	}
	return v
}

func rssFragment(item *feed.Item) ([]byte, error) {
	v := newRSSView(item)
	x := rssItem{
		RssItem: &feeds.RssItem{
			Title:       v.Title,
			Description: v.Description,
			Content:     &feeds.RssContent{Content: v.Content},
			Guid:        &feeds.RssGuid{Id: v.GUID.ID, IsPermaLink: v.GUID.IsPermaLink},
			PubDate:     v.PubDate,
		},
		Link:       v.Link,
		Creator:    v.Creator,
		Language:   v.Language,
		Categories: v.Categories,
		Links:      rssLinks(v.Links),
	}
	for _, e := range v.Enclosures {
		x.Enclosure = &feeds.RssEnclosure{Url: e.URL, Length: e.Length, Type: e.Type}
	}
	for _, m := range v.Media {
		x.Media = append(x.Media, mediaContent{URL: m.URL, Type: m.Type, FileSize: m.FileSize, Duration: m.Duration, Title: m.Title})
	}
	if v.Thumbnail != nil {
		x.Thumbnail = &mediaThumbnail{URL: v.Thumbnail.URL}
	}
	if v.Source != nil {
		x.Source = &rssSource{URL: v.Source.URL, Name: v.Source.Name}
	}
	fragment, err := xmlFragment(x, "    ")
	if err != nil {
		return nil, err
	}
	var back rssView
	if err := xml.Unmarshal(fragment, &back); err != nil {
		return nil, err
	}
	return fragment, same(&v, &back)
}

func rssLinks(views []linkView) []rssLink {
	var links []rssLink
	for _, l := range views {
		links = append(links, rssLink{Rel: l.Rel, Type: l.Type, Title: l.Title, Href: l.Href})
	}
	return links
}

// rssFrameView is what a document says besides its items.
type rssFrameView struct {
	Version string         `xml:"version,attr"`
	Channel rssChannelView `xml:"channel"`
}

type rssChannelView struct {
	Links         []linkView    `xml:"http://www.w3.org/2005/Atom link"`
	Creator       string        `xml:"http://purl.org/dc/elements/1.1/ creator"`
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

func newRSSChannelView(f feed.Feed) rssChannelView {
	v := rssChannelView{
		Links:         []linkView{{Rel: "self", Type: "application/rss+xml", Href: URL(f.Site, f.Name, feed.RSS)}},
		Creator:       names(feedAuthors(f.Site)),
		Title:         f.Title,
		Link:          uri(f.Site.HomeURL),
		Description:   f.Description,
		Language:      f.Site.Language,
		Copyright:     f.Site.Copyright,
		LastBuildDate: rfc822(f.Updated),
		Generator:     generator + " " + strconv.Itoa(Version),
		TTL:           ttl(f.Site.TTL),
	}
	if f.Site.Hub != "" {
		v.Links = append(v.Links, linkView{Rel: "hub", Href: uri(f.Site.Hub)})
	}
	if len(f.Items) > 0 {
		v.PubDate = rfc822(f.Items[0].Published)
	}
	if isRSSImage(f.Site.Icon) {
		v.Image = &rssImageView{URL: uri(f.Site.Icon), Title: v.Title, Link: v.Link}
	}
	return v
}

func rssFrame(f feed.Feed) (frame, error) {
	v := newRSSChannelView(f)
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
			Links:   rssLinks(v.Links),
		},
	}
	if v.Image != nil {
		root.Channel.Image = &feeds.RssImage{Url: v.Image.URL, Title: v.Image.Title, Link: v.Image.Link}
	}
	fr, err := xmlFrame(root, "  </channel>\n</rss>")
	if err != nil {
		return frame{}, err
	}
	var back rssFrameView
	if err := xml.Unmarshal(fr.join(nil), &back); err != nil {
		return frame{}, err
	}
	return fr, same(&rssFrameView{Version: "2.0", Channel: v}, &back)
}

// rfc822 writes a time as RSS wants it: RFC 822 with a year of four digits.
func rfc822(t time.Time) string { return t.UTC().Format(time.RFC1123Z) }

// ttl is in minutes, rounded up; zero stands for none.
func ttl(d time.Duration) int { return int((d + time.Minute - 1) / time.Minute) }

// isRSSImage says whether the address may be that of a GIF, JPEG or PNG, which are all that RSS allows.
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

// withPath returns a web address with at least "/" as its path, as the enclosure rules of validators want it.
func withPath(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	if i := strings.IndexAny(rest, "/?#"); ok && i < 0 {
		return scheme + "://" + rest + "/"
	} else if ok && rest[i] != '/' {
		return scheme + "://" + rest[:i] + "/" + rest[i:]
	}
	return address
}

// mediaType returns the attachment's media type, or that of unknown bytes: both formats require one.
func mediaType(a feed.Attachment) string {
	if t := strings.TrimSpace(a.MIMEType); t != "" {
		return t
	}
	return "application/octet-stream"
}
