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
	// Updated has the same meaning as in [feed.Feed]. The zero time is not shown. Without times, the list does not change
	// with every post.
	Updated time.Time
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
}

type pageFeed struct {
	URL, Name, Description, Updated, Date string

	Formats []pageLink
}

// Index renders the page at the site's root, which lists the feeds. The order of list does not matter. The page is
// served with [Policy]. The error is of kind [feed.ErrInvalid] and means that the metadata of the site or a feed cannot
// be written.
func (r *Renderer) Index(site feed.Site, list []Entry) (feed.Document, error) {
	top := newPageTop(site, r.version, cmp.Or(strings.TrimSpace(site.Title), string(site.ID)), site.Description)
	page := struct {
		Groups []pageGroup
		OPML   string
		Words  words
		UI     template.HTMLAttr
	}{OPML: URL(site, feed.Pages, feed.OPML), Words: top.Words, UI: top.UI}
	if err := checkTexts(site.Title, site.Description, site.Copyright); err != nil {
		return feed.Document{}, fmt.Errorf("render the index of site %s: %w", site.ID, err)
	}
	var updated time.Time
	for _, g := range groups(list) {
		pg := pageGroup{ID: cmp.Or(string(g.family), "feeds"), Name: top.Words.families[g.family], Few: len(g.entries) < 4}
		for _, e := range g.entries {
			if err := checkTexts(e.Title, e.Label, e.Description); err != nil {
				return feed.Document{}, fmt.Errorf("render feed %s in the index of site %s: %w", e.Name, site.ID, err)
			}
			formats := subscribeLinks(site, e.Name, e.Title, entryFormats(e))
			if e.Name == feed.Main {
				top.Subscribe, top.Alternates = formats, formats
			}
			pf := pageFeed{URL: URL(site, e.Name, feed.HTML), Name: e.label(), Formats: formats}
			if g.family == "" && e.Description != pf.Name { // other descriptions only repeat the names of the group and the feed
				pf.Description = e.Description
			}
			if !e.Updated.IsZero() {
				pf.Updated, pf.Date = rfc3339(e.Updated.Truncate(time.Second)), top.Words.day(e.Updated, site.Language)
			}
			if e.Updated.After(updated) {
				updated = e.Updated
			}
			pg.Feeds = append(pg.Feeds, pf)
		}
		page.Groups = append(page.Groups, pg)
	}
	bottom := newPageBottom(site, updated)
	if updated.IsZero() {
		bottom.Updated = ""
	}
	var body []byte
	for _, part := range []struct {
		name string
		data any
	}{{"top", top}, {"list", page}, {"bottom", bottom}} {
		b, err := execute(part.name, part.data)
		if err != nil {
			return feed.Document{}, fmt.Errorf("render the index of site %s: %w", site.ID, err)
		}
		body = append(body, b...)
	}
	return feed.NewDocument(feed.HTML, body, nil), nil
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
// use the first link. There is one link for each format of each feed, in the order of list.
func Snippet(site feed.Site, list []Entry) string {
	var b strings.Builder
	for _, e := range list {
		for _, l := range subscribeLinks(site, e.Name, e.Title, entryFormats(e)) {
			fmt.Fprintf(&b, "<link rel=\"alternate\" type=\"%s\" title=\"%s\" href=\"%s\">\n",
				l.Type, html.EscapeString(l.Title), html.EscapeString(l.URL))
		}
	}
	return b.String()
}
