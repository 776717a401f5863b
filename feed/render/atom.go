package render

import (
	"encoding/xml"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/feeds"

	"feedpub/feed"
)

const atomNamespace = "http://www.w3.org/2005/Atom"

// As in rss.go, these types embed types from gorilla/feeds and hide some of the embedded fields.

type atomRoot struct {
	*feeds.AtomFeed
	Lang      string         `xml:"xml:lang,attr,omitempty"`
	Title     atomText       `xml:"title"`
	Subtitle  *atomText      `xml:"subtitle"`
	Rights    *atomText      `xml:"rights"`
	Generator *atomGenerator `xml:"generator"`
	Author    []feeds.AtomAuthor
	History   string    `xml:"xmlns:fh,attr,omitempty"`
	Archive   *struct{} `xml:"fh:archive"` // RFC 5005, section 4
	Link      []atomLink
}

type atomEntry struct {
	*feeds.AtomEntry
	Lang     string             `xml:"xml:lang,attr,omitempty"`
	Title    atomText           `xml:"title"`
	Author   []feeds.AtomAuthor // gorilla/feeds allows only one
	Category []atomCategory     `xml:"category"` // has the required term attribute
	Summary  *atomText          `xml:"summary"`
	Content  *cdata             `xml:"content"`
	Links    []atomLink         // links can have titles
}

// atomText is a text construct (RFC 4287, section 3.1).
type atomText struct {
	Type string `xml:"type,attr"`
	Text string `xml:",chardata"`
}

// atomLink is a link (RFC 4287, section 4.2.7). The type in gorilla/feeds has no title.
type atomLink struct {
	XMLName xml.Name `xml:"link"`
	Rel     string   `xml:"rel,attr"`
	Type    string   `xml:"type,attr,omitempty"`
	Title   string   `xml:"title,attr,omitempty"`
	Length  string   `xml:"length,attr,omitempty"`
	Href    string   `xml:"href,attr"`
}

type atomCategory struct {
	Term string `xml:"term,attr"`
}

type atomGenerator struct {
	Version string `xml:"version,attr"`
	Name    string `xml:",chardata"`
}

// personView is a decoded author.
type personView struct {
	Name string `xml:"name"`
	URI  string `xml:"uri"`
}

// newAtomEntry converts an item to Atom. The link to the post itself comes last, because some feed readers use the last
// link regardless of its relation.
func newAtomEntry(site feed.SiteID, item *feed.Item, v Variant) atomEntry {
	x := atomEntry{
		AtomEntry: &feeds.AtomEntry{
			Id:        AtomID(site, item.ID),
			Published: rfc3339(item.Published),
			Updated:   rfc3339(v.updated(item)),
		},
		Lang:   item.Language,
		Title:  plain(heading(item)),
		Author: atomAuthors(persons(item.Authors)),
	}
	for _, tag := range tags(item) {
		x.Category = append(x.Category, atomCategory{Term: tag})
	}
	switch short := strings.TrimSpace(item.Summary); {
	case v.Content != feed.SummaryContent:
		x.Content = &cdata{Type: "html", HTML: content(item)}
		if short != "" {
			x.Summary = new(plain(short))
		}
	case item.URL != "":
		x.Summary = new(plain(summary(item)))
	default: // an entry without an alternate link must have content (RFC 4287, section 4.1.2)
		x.Content = &cdata{Type: "html", HTML: "<p>" + textToHTML(summary(item)) + "</p>"}
	}
	for _, c := range credits(item) {
		x.Links = append(x.Links, link(c.rel, "", c.title, c.url))
	}
	for _, a := range item.Attachments {
		l := link("enclosure", mediaType(a), strings.TrimSpace(a.Title), uri(a.URL))
		if a.SizeInBytes > 0 {
			l.Length = strconv.FormatInt(a.SizeInBytes, 10)
		}
		x.Links = append(x.Links, l)
	}
	if item.URL != "" {
		x.Links = append(x.Links, link("alternate", "text/html", "", uri(item.URL)))
	}
	return x
}

// atomIndent is the indentation of an entry in a document.
const atomIndent = "  "

func atomFragment(p *pen, _ int, site feed.SiteID, item *feed.Item, v Variant) ([]byte, error) {
	x := newAtomEntry(site, item, v)
	p.xml.reset(atomIndent)
	x.write(&p.xml)
	return p.xml.finish()
}

// write writes the entry's elements in the same order as encoding/xml.
func (x *atomEntry) write(w *xmlWriter) {
	w.open("entry", appendAttribute(make([]xmlAttribute, 0, 1), "xml:lang", x.Lang)...)
	w.text("updated", x.Updated)
	w.text("id", x.Id)
	w.optional("published", x.Published)
	w.text("title", x.Title.Text, xmlAttribute{"type", x.Title.Type})
	for _, a := range x.Author {
		w.open("author")
		w.optional("name", a.Name)
		w.optional("uri", a.Uri)
		w.close("author")
	}
	for _, c := range x.Category {
		w.text("category", "", xmlAttribute{"term", c.Term})
	}
	if x.Summary != nil {
		w.text("summary", x.Summary.Text, xmlAttribute{"type", x.Summary.Type})
	}
	if x.Content != nil {
		w.cdata("content", x.Content.HTML, xmlAttribute{"type", x.Content.Type})
	}
	for _, l := range x.Links {
		attrs := append(make([]xmlAttribute, 0, 5), xmlAttribute{"rel", l.Rel})
		attrs = appendAttribute(attrs, "type", l.Type)
		attrs = appendAttribute(attrs, "title", l.Title)
		attrs = appendAttribute(attrs, "length", l.Length)
		w.text("link", "", append(attrs, xmlAttribute{"href", l.Href})...)
	}
	w.close("entry")
}

// atomFrameView is a decoded feed without its entries.
type atomFrameView struct {
	XMLName   xml.Name
	Lang      string        `xml:"lang,attr"`
	ID        string        `xml:"id"`
	Title     atomText      `xml:"title"`
	Subtitle  *atomText     `xml:"subtitle"`
	Rights    *atomText     `xml:"rights"`
	Updated   string        `xml:"updated"`
	Icon      string        `xml:"icon"`
	Generator atomGenerator `xml:"generator"`
	Archive   *struct{}     `xml:"http://purl.org/syndication/history/1.0 archive"`
	Authors   []personView  `xml:"author"`
	Links     []atomLink    `xml:"link"`
}

func newAtomFrameView(f feed.Feed, version int, updated time.Time) atomFrameView {
	v := atomFrameView{
		XMLName:   xml.Name{Space: atomNamespace, Local: "feed"},
		Lang:      f.Site.Language,
		ID:        FeedID(f.Site.ID, f.Name),
		Title:     plain(f.Title),
		Updated:   rfc3339(updated),
		Icon:      uri(f.Site.Icon),
		Generator: atomGenerator{Version: generatorVersion(version, listedHubs(f)), Name: generator},
		Authors:   persons(feedAuthors(f.Site)),
		Links:     []atomLink{link("self", "application/atom+xml", "", URL(f.Site, f.Name, feed.Atom))},
	}
	if f.Description != f.Title {
		text := plain(f.Description)
		v.Subtitle = &text
	}
	if f.Site.Copyright != "" {
		text := plain(f.Site.Copyright)
		v.Rights = &text
	}
	for _, hub := range hubsOf(f, version) {
		v.Links = append(v.Links, link("hub", "", "", uri(hub)))
	}
	for _, l := range history(f, feed.Atom) {
		v.Links = append(v.Links, link(l.rel, "application/atom+xml", "", l.url))
	}
	if f.History.Archive {
		v.Archive = new(struct{})
	}
	v.Links = append(v.Links, link("alternate", "text/html", "", uri(f.Site.HomeURL)))
	return v
}

func atomFrame(f feed.Feed, version int, updated time.Time) (frame, error) {
	v := newAtomFrameView(f, version, updated)
	root := atomRoot{
		AtomFeed:  &feeds.AtomFeed{Xmlns: atomNamespace, Id: v.ID, Updated: v.Updated, Icon: v.Icon},
		Lang:      v.Lang,
		Title:     v.Title,
		Subtitle:  v.Subtitle,
		Rights:    v.Rights,
		Generator: &v.Generator,
		Author:    atomAuthors(v.Authors),
		Archive:   v.Archive,
		Link:      v.Links,
	}
	if v.Archive != nil {
		root.History = historyNamespace
	}
	fr, err := xmlFrame(root, f.Site, "</feed>")
	if err != nil {
		return frame{}, err
	}
	var back atomFrameView
	if err := xml.Unmarshal(fr.empty(), &back); err != nil {
		return frame{}, err
	}
	for i := range back.Links { // decoding sets the namespace, which must not be encoded again
		back.Links[i].XMLName.Space = ""
	}
	return fr, same(&v, &back)
}

// markup matches text that has a different meaning in HTML.
var markup = regexp.MustCompile(`<[A-Za-z/!?]|&#?[0-9A-Za-z]+;`)

// plain returns plain text as a text construct. Only text that looks like markup is escaped and declared as HTML: some
// feed readers treat every title as HTML and would not show such text, and others do not decode titles of type html.
func plain(s string) atomText {
	if strings.ContainsAny(s, "<&") && markup.MatchString(s) {
		return atomText{Type: "html", Text: textToHTML(s)}
	}
	return atomText{Type: "text", Text: s}
}

func link(rel, mediaType, title, href string) atomLink {
	return atomLink{XMLName: xml.Name{Local: "link"}, Rel: rel, Type: mediaType, Title: title, Href: href}
}

func persons(authors []feed.Author) []personView {
	var list []personView
	for _, a := range authors {
		if name := authorName(a); name != "" {
			list = append(list, personView{Name: name, URI: uri(a.URL)})
		}
	}
	return list
}

func atomAuthors(views []personView) []feeds.AtomAuthor {
	var authors []feeds.AtomAuthor
	for _, p := range views {
		authors = append(authors, feeds.AtomAuthor{AtomPerson: feeds.AtomPerson{Name: p.Name, Uri: p.URI}})
	}
	return authors
}
