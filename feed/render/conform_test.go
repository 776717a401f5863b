package render_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/render"
)

// TestConformance checks the rules of the specifications on the documents of every fixture, without the renderer's
// types. It replaces the W3C feed validator, which is not available in tests.
func TestConformance(t *testing.T) {
	check := map[feed.Format]func(*rules, []byte){feed.RSS: conformRSS, feed.Atom: conformAtom, feed.JSON: conformJSON}
	for _, fx := range fixtures() {
		for format, doc := range documents(t, fx) {
			t.Run(fx.name+"/"+string(format), func(t *testing.T) {
				conforms := check[format]
				if conforms == nil {
					t.Fatalf("no reader for format %q: add one to TestConformance", format)
				}
				conforms(&rules{T: t, feed: fx.feed, self: render.URL(fx.feed.Site, fx.feed.Name, format)}, doc)
			})
		}
	}
}

// rules checks a document and reports violations.
type rules struct {
	*testing.T
	feed feed.Feed
	self string
}

func (r *rules) want(ok bool, format string, args ...any) {
	r.Helper()
	if !ok {
		r.Errorf(format, args...)
	}
}

// absolute requires an absolute URI without characters that must be percent-encoded.
func (r *rules) absolute(where, address string) {
	r.Helper()
	u, err := url.Parse(address)
	ok := err == nil && u.IsAbs() && (u.Host != "" || u.Opaque != "") &&
		regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]+$`).MatchString(address)
	r.want(ok, "%s: %q is not an absolute URI", where, address)
}

// node is an element and its children.
type node struct {
	name     string // element name with the usual namespace prefix
	attrs    map[string]string
	children []*node
	text     string
}

var prefixes = map[string]string{
	"":                            "",
	"http://www.w3.org/2005/Atom": "atom:",
	"http://purl.org/rss/1.0/modules/content/": "content:",
	"http://purl.org/dc/elements/1.1/":         "dc:",
	"http://search.yahoo.com/mrss/":            "media:",
	"http://purl.org/syndication/history/1.0":  "fh:",
}

func (r *rules) parse(doc []byte) *node {
	r.Helper()
	dec := xml.NewDecoder(bytes.NewReader(doc))
	top := &node{}
	stack := []*node{top}
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			r.Fatalf("not well-formed: %v\n%s", err, doc)
		}
		last := stack[len(stack)-1]
		switch token := token.(type) {
		case xml.StartElement:
			prefix, ok := prefixes[token.Name.Space]
			r.want(ok, "<%s> is in the undeclared or unknown namespace %q", token.Name.Local, token.Name.Space)
			n := &node{name: prefix + token.Name.Local, attrs: map[string]string{}}
			for _, a := range token.Attr {
				n.attrs[a.Name.Local] = a.Value
			}
			last.children = append(last.children, n)
			stack = append(stack, n)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		case xml.CharData:
			last.text += string(token)
		}
	}
	r.want(bytes.HasPrefix(doc, []byte(`<?xml version="1.0" encoding="UTF-8"?>`)), "the XML declaration is missing")
	r.want(len(top.children) == 1, "the document has %d root elements, want 1", len(top.children))
	return top.children[0]
}

func (n *node) all(name string) []*node {
	return slices.DeleteFunc(slices.Clone(n.children), func(c *node) bool { return c.name != name })
}

// one requires exactly one child with the name, which must have text.
func (r *rules) one(n *node, name string) string {
	r.Helper()
	found := n.all(name)
	if len(found) != 1 {
		r.Errorf("<%s> has %d <%s>, want 1", n.name, len(found), name)
		return ""
	}
	r.want(strings.TrimSpace(found[0].text) != "", "<%s> in <%s> is empty", name, n.name)
	return found[0].text
}

// atMost requires at most limit children with the name.
func (r *rules) atMost(limit int, n *node, name string) {
	r.Helper()
	r.want(len(n.all(name)) <= limit, "<%s> has %d <%s>, want at most %d", n.name, len(n.all(name)), name, limit)
}

// known requires that every child has one of the names.
func (r *rules) known(n *node, names ...string) {
	r.Helper()
	for _, c := range n.children {
		r.want(slices.Contains(names, c.name), "<%s> is not allowed in <%s>", c.name, n.name)
	}
}

func (r *rules) links(n *node, name string) (rels map[string][]string) {
	rels = map[string][]string{}
	for _, l := range n.all(name) {
		r.absolute("link rel="+l.attrs["rel"], l.attrs["href"])
		r.want(strings.TrimSpace(l.text) == "" && len(l.children) == 0, "link to %s has content", l.attrs["href"])
		if title, ok := l.attrs["title"]; ok {
			r.want(title != "", "link to %s has an empty title", l.attrs["href"])
		}
		rels[l.attrs["rel"]] = append(rels[l.attrs["rel"]], l.attrs["href"])
	}
	return rels
}

func (r *rules) selfAndHub(rels map[string][]string) {
	r.Helper()
	r.want(slices.Equal(rels["self"], []string{r.self}), "rel=self is %q, want the document's own URL %q",
		rels["self"], r.self)
	r.want(slices.Equal(rels["hub"], r.hubs()), "rel=hub is %q, want %q", rels["hub"], r.hubs())
}

// hubs returns the hubs that the document must list. Archives list none.
func (r *rules) hubs() []string {
	if r.feed.History.Archive {
		return nil
	}
	return r.feed.Site.Hubs
}

// history requires the links of RFC 5005, section 4, to documents of the same format, and fh:archive in archives only.
func (r *rules) history(rels map[string][]string, n *node, format feed.Format) {
	r.Helper()
	h := r.feed.History
	for rel, name := range map[string]feed.Name{"current": h.Current, "prev-archive": h.Prev, "next-archive": h.Next} {
		var want []string
		if name != "" {
			want = append(want, render.URL(r.feed.Site, name, format))
		}
		r.want(slices.Equal(rels[rel], want), "rel=%s is %q, want %q", rel, rels[rel], want)
	}
	archives := len(n.all("fh:archive"))
	r.want((archives == 1) == h.Archive, "the document has %d fh:archive elements; it is an archive: %v",
		archives, h.Archive)
}

// rfc822 requires a date with the correct weekday, a four-digit year and the zone +0000.
func (r *rules) rfc822(s string) time.Time {
	r.Helper()
	t, err := time.Parse("Mon, 02 Jan 2006 15:04:05 -0700", s)
	r.want(err == nil && strings.HasSuffix(s, " +0000"), "%q is not an RFC 822 date in UTC: %v", s, err)
	r.want(t.Format("Mon, 02 Jan 2006 15:04:05 -0700") == s, "%q has the wrong weekday", s)
	return t
}

// rfc3339 requires a date in UTC with at most six fractional digits, which most parsers accept.
func (r *rules) rfc3339(s string) time.Time {
	r.Helper()
	t, err := time.Parse(time.RFC3339Nano, s)
	ok := err == nil && regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$`).MatchString(s)
	r.want(ok, "%q is not an RFC 3339 date in UTC: %v", s, err)
	return t
}

func conformRSS(r *rules, doc []byte) {
	rss := r.parse(doc)
	version := rss.attrs["version"]
	r.want(rss.name == "rss" && version == "2.0", "root is <%s version=%q>, want RSS 2.0", rss.name, version)
	r.known(rss, "channel")
	channel := rss.all("channel")[0]
	r.known(channel, "title", "link", "description", "language", "copyright", "pubDate", "lastBuildDate", "generator",
		"ttl", "image", "dc:creator", "atom:link", "fh:archive", "item")
	title, link := r.one(channel, "title"), r.one(channel, "link")
	r.one(channel, "description")
	r.one(channel, "generator")
	r.absolute("channel link", link)
	r.want(r.one(channel, "language") == r.feed.Site.Language, "the channel's language differs from the site's")
	built := r.rfc822(r.one(channel, "lastBuildDate"))
	r.want(built.Equal(r.feed.Updated.Truncate(time.Second)), "lastBuildDate is %v, want %v", built, r.feed.Updated)
	rels := r.links(channel, "atom:link")
	r.selfAndHub(rels)
	r.history(rels, channel, feed.RSS)
	for _, image := range channel.all("image") {
		r.absolute("image", r.one(image, "url"))
		r.want(r.one(image, "title") == title && r.one(image, "link") == link,
			"the image's title and link differ from the channel's")
	}
	guids := map[string]bool{}
	for _, item := range channel.all("item") {
		r.known(item, "title", "link", "description", "content:encoded", "guid", "pubDate", "category", "enclosure", "source",
			"dc:creator", "dc:language", "media:content", "media:thumbnail", "atom:link")
		r.one(item, "title")
		if r.feed.Content == feed.SummaryContent {
			r.want(r.one(item, "description") != "" && len(item.all("content:encoded")) == 0, "a summary feed has content")
		} else {
			r.one(item, "content:encoded")
		}
		r.rfc822(r.one(item, "pubDate"))
		guid := r.one(item, "guid")
		r.want(!guids[guid], "two items have the guid %q", guid)
		guids[guid] = true
		r.want(item.all("guid")[0].attrs["isPermaLink"] == "false", "guid %q lacks isPermaLink=false", guid)
		for name := range strings.FieldsSeq("link description dc:creator enclosure source dc:language media:thumbnail") {
			r.atMost(1, item, name)
		}
		for _, l := range item.all("link") {
			r.absolute("item link", l.text)
		}
		description := slices.IndexFunc(item.children, func(n *node) bool { return n.name == "description" })
		content := slices.IndexFunc(item.children, func(n *node) bool { return n.name == "content:encoded" })
		r.want(description >= 0 && (description < content || content < 0),
			"description is not before content:encoded in %q", guid)
		for _, e := range item.all("enclosure") {
			r.absolute("enclosure", e.attrs["url"])
			complete := strings.HasPrefix(e.attrs["url"], "http") && e.attrs["length"] != "" &&
				strings.Contains(e.attrs["type"], "/")
			r.want(complete, "enclosure %v lacks a required attribute", e.attrs)
		}
		for _, m := range append(item.all("media:content"), item.all("media:thumbnail")...) {
			r.absolute(m.name, m.attrs["url"])
		}
		for _, s := range item.all("source") {
			r.absolute("source", s.attrs["url"])
		}
		for _, c := range item.all("category") {
			r.want(c.text != "", "empty category in %q", guid)
		}
		r.links(item, "atom:link")
	}
}

func conformAtom(r *rules, doc []byte) {
	root := r.parse(doc)
	r.want(root.name == "atom:feed", "root is <%s>, want <atom:feed>", root.name)
	r.want(root.attrs["lang"] == r.feed.Site.Language, "xml:lang is %q, want the site's language", root.attrs["lang"])
	r.known(root, "atom:id", "atom:title", "atom:subtitle", "atom:updated", "atom:rights", "atom:icon", "atom:generator",
		"atom:author", "atom:link", "fh:archive", "atom:entry")
	r.absolute("feed id", r.one(root, "atom:id"))
	r.one(root, "atom:title")
	r.one(root, "atom:generator")
	r.want(len(root.all("atom:author")) > 0, "the feed has no author")
	feedUpdated := r.rfc3339(r.one(root, "atom:updated"))
	rels := r.links(root, "atom:link")
	r.selfAndHub(rels)
	r.history(rels, root, feed.Atom)
	r.want(len(rels["alternate"]) == 1, "the feed has %d alternate links, want 1", len(rels["alternate"]))

	ids, times := map[string]bool{}, map[string]bool{}
	entries := false
	for _, entry := range root.children {
		if entry.name != "atom:entry" {
			r.want(!entries, "<%s> follows an entry", entry.name)
			continue
		}
		entries = true
		r.known(entry, "atom:id", "atom:title", "atom:updated", "atom:published", "atom:author", "atom:category",
			"atom:summary", "atom:content", "atom:link")
		id, updated := r.one(entry, "atom:id"), r.one(entry, "atom:updated")
		r.absolute("entry id", id)
		r.want(!ids[id], "two entries have the id %q", id)
		r.want(!times[updated], "two entries have the same updated time %s", updated)
		ids[id], times[updated] = true, true
		r.one(entry, "atom:title")
		if contents := entry.all("atom:content"); r.feed.Content != feed.SummaryContent || len(contents) > 0 {
			r.one(entry, "atom:content")
			r.want(contents[0].attrs["type"] == "html", "content of %q is not declared as HTML", id)
		} else {
			r.one(entry, "atom:summary")
			r.want(len(r.links(entry, "atom:link")["alternate"]) > 0,
				"%q has neither content nor an alternate link (RFC 4287, section 4.1.2)", id)
		}
		u := r.rfc3339(updated)
		r.want(!u.After(feedUpdated), "entry %q has the updated time %v, later than its feed's, %v", id, u, feedUpdated)
		r.want(!r.rfc3339(r.one(entry, "atom:published")).After(u),
			"entry %q has a published time after its updated time", id)
		r.atMost(1, entry, "atom:summary")
		for _, a := range entry.all("atom:author") {
			r.known(a, "atom:name", "atom:uri")
			r.one(a, "atom:name")
			r.atMost(1, a, "atom:uri")
		}
		for _, c := range entry.all("atom:category") {
			r.want(c.attrs["term"] != "", "category without a term in %q", id)
		}
		rels := r.links(entry, "atom:link")
		r.want(len(rels["alternate"]) <= 1, "entry %q has %d alternate links, want at most 1", id, len(rels["alternate"]))
		if links := entry.all("atom:link"); len(rels["alternate"]) == 1 {
			r.want(links[len(links)-1].attrs["rel"] == "alternate", "the alternate link is not the last link of %q", id)
		}
	}
}

func conformJSON(r *rules, doc []byte) {
	type author struct {
		Name, URL, Avatar string
	}
	var jf struct {
		Version     string `json:"version"`
		Title       string `json:"title"`
		HomePageURL string `json:"home_page_url"`
		FeedURL     string `json:"feed_url"`
		Description string `json:"description"`
		Icon        string `json:"icon"`
		Language    string `json:"language"`
		NextURL     string `json:"next_url"`
		Authors     []author
		Hubs        []struct{ Type, URL string }
		Items       []struct {
			ID            string   `json:"id"`
			URL           *string  `json:"url"`
			ExternalURL   *string  `json:"external_url"`
			Title         *string  `json:"title"`
			ContentHTML   string   `json:"content_html"`
			ContentText   string   `json:"content_text"`
			Summary       string   `json:"summary"`
			Image         *string  `json:"image"`
			DatePublished string   `json:"date_published"`
			DateModified  string   `json:"date_modified"`
			Authors       []author `json:"authors"`
			Tags          []string `json:"tags"`
			Language      string   `json:"language"`
			Attachments   []struct {
				URL      string  `json:"url"`
				MIMEType string  `json:"mime_type"`
				Title    string  `json:"title"`
				Size     float64 `json:"size_in_bytes"`
				Duration float64 `json:"duration_in_seconds"`
			} `json:"attachments"`
			Feedpub json.RawMessage `json:"_feedpub"`
		} `json:"items"`
	}
	dec := json.NewDecoder(bytes.NewReader(doc))
	dec.DisallowUnknownFields() // extensions begin with an underscore
	if err := dec.Decode(&jf); err != nil {
		r.Fatalf("not a JSON Feed: %v\n%s", err, doc)
	}
	r.want(jf.Version == "https://jsonfeed.org/version/1.1", "version is %q", jf.Version)
	r.want(jf.Title != "" && jf.Items != nil, "title or items are missing")
	r.want(jf.FeedURL == r.self, "feed_url is %q, want the document's own URL %q", jf.FeedURL, r.self)
	r.want(jf.Language == r.feed.Site.Language, "language is %q, want the site's language", jf.Language)
	r.want(len(jf.Hubs) == len(r.hubs()), "the document has %d hubs, want %q", len(jf.Hubs), r.hubs())
	r.absolute("home_page_url", jf.HomePageURL)
	var next string
	if prev := r.feed.History.Prev; prev != "" {
		next = render.URL(r.feed.Site, prev, feed.JSON)
	}
	r.want(jf.NextURL == next && next != r.self, "next_url is %q, want %q", jf.NextURL, next)
	ids := map[string]bool{}
	for _, item := range jf.Items {
		r.want(item.ID != "" && !ids[item.ID], "id %q is empty or not unique", item.ID)
		ids[item.ID] = true
		addresses := map[string]*string{"url": item.URL, "external_url": item.ExternalURL, "image": item.Image}
		for name, address := range addresses {
			if address != nil {
				r.absolute(name, *address)
			}
		}
		r.want(item.Title == nil || *item.Title != "", "item %q has an empty title", item.ID)
		r.want(item.ContentHTML != "" || item.ContentText != "", "item %q has no content", item.ID)
		short := r.feed.Content == feed.SummaryContent
		r.want((item.ContentText != "") == short, "item %q has the content_text %q", item.ID, item.ContentText)
		r.want(!short || !strings.Contains(string(item.Feedpub), `"text"`),
			"item %q of a summary feed has full quotes", item.ID)
		r.want(!r.rfc3339(item.DatePublished).After(r.rfc3339(item.DateModified)),
			"item %q has a date_published after its date_modified", item.ID)
		for _, a := range item.Attachments {
			r.absolute("attachment", a.URL)
			r.want(a.MIMEType != "", "attachment %s has no type", a.URL)
		}
	}
}
