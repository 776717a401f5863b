package render

import (
	"cmp"
	"fmt"
	"html"
	"html/template"
	"slices"
	"strings"
	"time"

	"feedpub/feed"
)

// Entry is a feed in a site's list of feeds.
type Entry struct {
	Name  feed.Name
	Title string // plain text, like [feed.Feed.Title]
	// Label is the feed's short name within its family, such as a tag. If it is empty, the title is used.
	Label       string
	Description string        // plain text; may be empty
	Formats     []feed.Format // all formats if empty
	// Updated has the same meaning as in [feed.Feed]. The zero time is not shown.
	Updated time.Time
	Posts   int // number of posts in the feed, including its archives; 0 is not shown
}

func (e Entry) label() string {
	return cmp.Or(strings.TrimSpace(e.Label), strings.TrimSpace(e.Title), string(e.Name))
}

// group is a part of the list: the feeds of one family, or the feeds that belong to no family.
type group struct {
	family  feed.Family
	entries []Entry
}

// groups groups the feeds by family. Feeds without a family come first, then tags, authors and sources. Within a group
// the main feed comes first, and the others are sorted by label. Archives and duplicates are omitted.
func groups(list []Entry) []group {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Entry) int {
		return cmp.Or(-compareBool(a.Name == feed.Main, b.Name == feed.Main),
			strings.Compare(strings.ToLower(a.label()), strings.ToLower(b.label())), cmp.Compare(a.Name, b.Name))
	})
	all := []group{{family: ""}, {family: feed.Tags}, {family: feed.Authors}, {family: feed.Sources}}
	seen := map[feed.Name]bool{feed.Pages: true}
	for _, e := range list {
		if _, number := e.Name.Archived(); number > 0 || seen[e.Name] {
			continue
		}
		seen[e.Name] = true
		family, _ := e.Name.Split()
		i := max(slices.IndexFunc(all, func(g group) bool { return g.family == family }), 0)
		all[i].entries = append(all[i].entries, e)
	}
	return slices.DeleteFunc(all, func(g group) bool { return len(g.entries) == 0 })
}

// maxInFull is the maximum number of tags, of authors and of sources that the index lists with all their formats. A
// ten-year-old blog can have hundreds of tags.
const maxInFull = 50

// largest returns a function that reports whether the index lists an entry of a group in full. In a family with more
// than maxInFull feeds, these are the feeds with the most posts. Feeds without a family are configured by the owner of
// the site, and all of them are listed in full.
func largest(g group) func(Entry) bool {
	if g.family == "" || len(g.entries) <= maxInFull {
		return func(Entry) bool { return true }
	}
	bySize := slices.Clone(g.entries)
	slices.SortStableFunc(bySize, func(a, b Entry) int { return cmp.Compare(b.Posts, a.Posts) })
	names := make(map[feed.Name]bool, maxInFull)
	for _, e := range bySize[:maxInFull] {
		names[e.Name] = true
	}
	return func(e Entry) bool { return names[e.Name] }
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

func entryFormats(e Entry) []feed.Format { return feedFormats(feed.Feed{Formats: e.Formats}) }

// pageGroup is a group on a page.
type pageGroup struct {
	ID, Name string
	Few      bool
	Feeds    []pageFeed
	Rest     []pageRest // the feeds that follow in a collapsed list
}

// pageRest is a feed in a collapsed list, where only its page is linked.
type pageRest struct {
	URL, Name string
	Posts     int // 0 is not shown
}

type pageFeed struct {
	URL, Name, Description, Updated, Date, Posts string

	Formats []pageLink
}

// pagePost is a post in the list of the newest posts.
type pagePost struct {
	pageArticle
	Summary string
}

// pageList is the data of the template "list".
type pageList struct {
	Newest []pagePost
	AllURL string // URL of the main feed's page
	Groups []pageGroup
	OPML   string
	Words  words
	UI     template.HTMLAttr
}

// Index renders the page at the site's root, which shows the newest posts and lists the feeds. The order of list does
// not matter; newest is in the order of the main feed, and posts that cannot be rendered are left out. The error is of
// kind [feed.ErrInvalid] and means that the metadata of the site or a feed cannot be written.
func (r *Renderer) Index(site feed.Site, list []Entry, newest []*feed.Item) (feed.Document, error) {
	d, err := r.index(site, list, newest)
	if err != nil {
		return feed.Document{}, fmt.Errorf("render the index of site %s: %w", site.ID, err)
	}
	return d, nil
}

func (r *Renderer) index(site feed.Site, list []Entry, newest []*feed.Item) (feed.Document, error) {
	if err := checkTexts(site.Title, site.Description, site.Copyright); err != nil {
		return feed.Document{}, err
	}
	top := newPageTop(site, r.version, cmp.Or(strings.TrimSpace(site.Title), string(site.ID)), site.Description)
	top.Indexed = indexURL(site) == ""
	page := pageList{OPML: URL(site, feed.Pages, feed.OPML), Words: top.Words, UI: top.UI}
	for _, item := range newest {
		if checkItem(item) == nil {
			page.Newest = append(page.Newest, newPagePost(site, item))
		}
	}
	var updated time.Time
	for _, g := range groups(list) {
		pg := pageGroup{ID: cmp.Or(string(g.family), "feeds"), Name: top.Words.families[g.family], Few: len(g.entries) < 4}
		inFull := largest(g)
		for _, e := range g.entries {
			if err := checkTexts(e.Title, e.Label, e.Description); err != nil {
				return feed.Document{}, fmt.Errorf("feed %s: %w", e.Name, err)
			}
			if e.Updated.After(updated) {
				updated = e.Updated
			}
			if !inFull(e) {
				pg.Rest = append(pg.Rest, pageRest{URL: URL(site, e.Name, feed.HTML), Name: e.label(), Posts: e.Posts})
				continue
			}
			pf := newPageFeed(site, e, top.Words)
			if e.Name == feed.Main {
				top.Subscribe, top.Alternates, page.AllURL = pf.Formats, pf.Formats, pf.URL
			}
			pg.Feeds = append(pg.Feeds, pf)
		}
		page.Groups = append(page.Groups, pg)
	}
	bottom := newPageBottom(site, updated)
	if updated.IsZero() {
		bottom.Updated = ""
	}
	return pageOf(site, feed.HTML, top, "list", page, bottom)
}

// newPageFeed returns a feed as the index lists it.
func newPageFeed(site feed.Site, e Entry, w words) pageFeed {
	pf := pageFeed{URL: URL(site, e.Name, feed.HTML), Name: e.label(),
		Formats: subscribeLinks(site, e.Name, e.Title, entryFormats(e))}
	if family, _ := e.Name.Split(); family == "" && e.Description != pf.Name {
		pf.Description = e.Description // other descriptions only repeat the names of the group and the feed
	}
	if !e.Updated.IsZero() {
		pf.Updated, pf.Date = rfc3339(e.Updated.Truncate(time.Second)), w.day(e.Updated, site.Language)
	}
	if e.Posts > 0 {
		pf.Posts = w.posts(e.Posts)
	}
	return pf
}

// newPagePost returns a post as the index shows it.
func newPagePost(site feed.Site, item *feed.Item) pagePost {
	v := Variant{Language: site.Language, Base: site.BaseURL, Feeds: lines(item.Feeds)}
	p := pagePost{pageArticle: newPageArticle(item, v), Summary: summary(item)}
	p.Credits = v.credits(item.Quotes)
	if len(p.Credits) > 0 { // remove the sources at the end of the summary, which the credits repeat
		p.Summary, _, _ = strings.Cut(p.Summary, "\n— ")
	}
	return p
}

// pageOf renders a page that consists of the top, the named template and the bottom.
func pageOf(site feed.Site, format feed.Format, top pageTop, name string, data any, bottom pageBottom) (feed.Document, error) {
	var body []byte
	for _, part := range []struct {
		name string
		data any
	}{{"top", top}, {name, data}, {"bottom", bottom}} {
		b, err := execute(part.name, part.data)
		if err != nil {
			return feed.Document{}, err
		}
		body = append(body, b...)
	}
	return newDocument(site, format, body, nil), nil
}

// ErrorPages renders the pages that browsers get with the status codes 404 and 410. The error is of kind
// [feed.ErrInvalid] and means that the metadata of the site cannot be written.
func (r *Renderer) ErrorPages(site feed.Site) ([]feed.Document, error) {
	if err := checkTexts(site.Title, site.Copyright); err != nil {
		return nil, fmt.Errorf("render the error pages of site %s: %w", site.ID, err)
	}
	w := wordsFor(site.Language)
	var docs []feed.Document
	for _, p := range []struct {
		format      feed.Format
		title, text string
	}{{feed.NotFoundPage, w.NotFound, w.NotFoundText}, {feed.GonePage, w.Gone, w.GoneText}} {
		top := newPageTop(site, r.version, p.title, p.text)
		top.IndexURL, top.Error = indexURL(site), true
		bottom := newPageBottom(site, time.Time{})
		bottom.Updated = ""
		d, err := pageOf(site, p.format, top, "nothing", nil, bottom)
		if err != nil {
			return nil, fmt.Errorf("render the error pages of site %s: %w", site.ID, err)
		}
		docs = append(docs, d)
	}
	return docs, nil
}

// OPML renders the list of feeds as OPML 2.0, which feed readers import. Each feed is listed in its first format. The
// order of list does not matter. The error is of kind [feed.ErrInvalid] and means that a feed's metadata cannot be
// written.
func OPML(site feed.Site, list []Entry) (feed.Document, error) {
	var w xmlWriter
	w.reset("")
	title := cmp.Or(strings.TrimSpace(site.Title), string(site.ID))
	families := wordsFor(site.Language).families
	w.open("opml", xmlAttribute{"version", "2.0"})
	w.open("head")
	w.text("title", title)
	var updated time.Time
	for _, e := range list {
		if e.Updated.After(updated) {
			updated = e.Updated
		}
	}
	if !updated.IsZero() {
		w.text("dateModified", rfc822(updated))
	}
	w.text("ownerName", names(feedAuthors(site)))
	w.optional("ownerId", uri(site.HomeURL))
	w.text("docs", "http://opml.org/spec2.opml")
	w.close("head")
	w.open("body")
	for _, g := range groups(list) {
		if g.family != "" {
			w.open("outline", xmlAttribute{"text", families[g.family]}, xmlAttribute{"title", families[g.family]})
		}
		for _, e := range g.entries {
			format := entryFormats(e)[0]
			attrs := []xmlAttribute{{"type", "rss"}, {"text", e.Title}, {"title", e.Title}}
			attrs = appendAttribute(attrs, "description", e.Description)
			w.text("outline", "", append(attrs,
				xmlAttribute{"xmlUrl", URL(site, e.Name, format)}, xmlAttribute{"htmlUrl", URL(site, e.Name, feed.HTML)},
				xmlAttribute{"language", site.Language}, xmlAttribute{"version", writers[format].opmlVersion})...)
		}
		if g.family != "" {
			w.close("outline")
		}
	}
	if len(groups(list)) == 0 { // the body must contain an outline
		w.text("outline", "", xmlAttribute{"text", title})
	}
	w.close("body")
	w.close("opml")
	body, err := w.finish()
	if err != nil {
		return feed.Document{}, fmt.Errorf("render the OPML of site %s: %w", site.ID, err)
	}
	body = slices.Concat([]byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"), body)
	return feed.NewDocument(feed.OPML, body, nil), nil
}

// Snippet returns link elements for the head of the blog's own pages. Feed readers use them to discover feeds, and most
// use the first link. There is one link for each format of each feed for which urls returns an address, in the order of
// the list.
func Snippet(site feed.Site, list []Entry, urls func(feed.Name, feed.Format) string) string {
	var b strings.Builder
	for _, e := range list {
		for _, format := range entryFormats(e) {
			address := urls(e.Name, format)
			if address == "" {
				continue
			}
			l := subscribeLinks(site, e.Name, e.Title, []feed.Format{format})[0]
			l.URL = address
			fmt.Fprintf(&b, "<link rel=\"alternate\" type=\"%s\" title=\"%s\" href=\"%s\">\n",
				l.Type, html.EscapeString(l.Title), html.EscapeString(l.URL))
		}
	}
	return b.String()
}
