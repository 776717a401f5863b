package render

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"feedpub/feed"
	"feedpub/feed/pathname"
)

//go:embed pages
var pageFiles embed.FS

// pageAssets are the embedded files used to render pages. They are not modified.
type pageAssets struct {
	template *template.Template
	style    template.CSS
	feedCSS  []byte
}

var pages = sync.OnceValue(func() pageAssets {
	read := func(name string) []byte {
		data, err := pageFiles.ReadFile("pages/" + name)
		if err != nil {
			panic(err) // pages/ is embedded, so the name is wrong
		}
		return data
	}
	return pageAssets{
		template: template.Must(template.New("page").Parse(string(read("page.tmpl")))),
		style:    template.CSS(read("page.css")),
		feedCSS:  read("feed.css"),
	}
})

// newDocument returns a document of the site with the policy of its format.
func newDocument(site feed.Site, format feed.Format, body []byte, bounds feed.Bounds) feed.Document {
	d := feed.NewDocument(format, body, bounds)
	if policy := writers[format].policy; policy != nil {
		d.Policy = policy(site)
	}
	return d
}

// pagePolicy allows the page's style element, and images, audio and video from the server itself and over HTTPS. It
// blocks scripts, form submission and framing of the page. If the site has its own style sheet, it and fonts from the
// server are also allowed.
func pagePolicy(site feed.Site) string {
	sum := sha256.Sum256([]byte(pageStyle(site)))
	style := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	if site.Style != "" {
		style += " " + URL(site, feed.Pages, feed.Style) + "; font-src 'self'"
	}
	return "default-src 'none'; style-src " + style +
		"; img-src 'self' https:; media-src 'self' https:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// pageStyle returns the content of the style element of the site's pages.
func pageStyle(site feed.Site) template.CSS {
	style := pages().style
	if site.Accent != "" {
		style += template.CSS(accentStyle(string(style), site.Accent))
	}
	return style
}

// SiteStyle returns the site's own style sheet as a document, or false if the site has none.
func SiteStyle(site feed.Site) (feed.Document, bool) {
	return feed.NewDocument(feed.Style, []byte(site.Style), nil), site.Style != ""
}

// styleURL returns the URL of the site's own style sheet, or "" if the site has none. Its query changes with the style
// sheet, so that browsers do not use an old copy.
func styleURL(site feed.Site) string {
	if site.Style == "" {
		return ""
	}
	return URL(site, feed.Pages, feed.Style) + "?v=" + string(feed.HashOf([]byte(site.Style)))[:12]
}

// StyleSheet returns the style sheet that the site's RSS and Atom documents refer to, for browsers. If the site has
// pages, the notice in the style sheet shows the URL of the index.
func (r *Renderer) StyleSheet(site feed.Site, hasPages bool) feed.Document {
	w := wordsFor(site.Language)
	notice := w.Notice
	if hasPages {
		address := strings.NewReplacer(`\`, "%5C", `"`, "%22").Replace(URL(site, feed.Pages, feed.HTML))
		notice += " " + strings.ReplaceAll(w.NoticePage, "{url}", address)
	}
	css := strings.NewReplacer("{notice}", notice, "{quoted}", w.Quoted, "{via}", w.Via).Replace(string(pages().feedCSS))
	return feed.NewDocument(feed.CSS, []byte(css), nil)
}

// pageLink is a link on a page.
type pageLink struct{ URL, Type, Format, Title, Name, Rel string }

// App returns the URL that opens the link in a program registered for the "feed" scheme: "feed:" followed by the whole
// URL. Thunderbird, NetNewsWire, Akregator and others remove the prefix. The shorter form, feed://host/path, is
// ambiguous, because older programs request it over http and newer ones over https. The Nu HTML checker reports an
// error for the longer form, since no slash follows the scheme, but browsers pass it on unchanged.
func (l pageLink) App() template.URL { return template.URL("feed:" + l.URL) }

// pageTop is the data of the template "top", which precedes the articles or lists of a page.
type pageTop struct {
	Lang, Dir, Title, Description, Period, Generator, Icon, SiteTitle, HomeURL, Home, IndexURL, CurrentURL string

	Words      words
	UI         template.HTMLAttr // lang and dir attributes for Words, if their language differs from the page's
	Style      template.CSS
	Alternates []pageLink // link elements in the head, for feed readers
	Related    []pageLink
	Subscribe  []pageLink
	StyleURL   string   // URL of the site's own style sheet
	About      pageLink // the author's own page, on the page of an author's feed

	// Canonical, Heading and Image are set on a post's own page: its URL, the text of its heading and its image.
	Canonical, Heading, Image string
	// Error is set on the pages for status codes. Indexed is set if search engines may index a page that is not a post's.
	Error, Indexed bool
}

// pageBottom is the data of the template "bottom", which follows the articles or lists.
type pageBottom struct {
	Words                           words
	UI                              template.HTMLAttr
	Empty                           bool
	Pager, Subscribe                []pageLink
	Updated, UpdatedDate, Copyright string
}

func newPageTop(site feed.Site, version int, title, description string) pageTop {
	w := wordsFor(site.Language)
	siteTitle := cmp.Or(strings.TrimSpace(site.Title), string(site.ID))
	home := siteTitle
	if u, err := url.Parse(uri(site.HomeURL)); err == nil && u.Host != "" && title == siteTitle {
		home = u.Host // the heading already shows the title
	}
	return pageTop{
		Lang: site.Language, Dir: direction(site.Language), Title: title, Generator: generator + " " + generatorVersion(version, false),
		Icon: uri(site.Icon), SiteTitle: siteTitle, HomeURL: uri(site.HomeURL), Home: home,
		Description: description, Words: w, UI: w.attr(site.Language), Style: pageStyle(site),
		StyleURL: styleURL(site),
	}
}

// indexURL returns the URL of the index, or "" if the index is the blog's home page, to which all pages link anyway.
func indexURL(site feed.Site) string {
	if strings.TrimRight(site.HomeURL, "/") == strings.TrimRight(site.BaseURL, "/") {
		return ""
	}
	return URL(site, feed.Pages, feed.HTML)
}

func newPageBottom(site feed.Site, updated time.Time) pageBottom {
	w := wordsFor(site.Language)
	return pageBottom{Words: w, UI: w.attr(site.Language), Updated: rfc3339(updated.Truncate(time.Second)),
		UpdatedDate: w.day(updated, site.Language), Copyright: site.Copyright}
}

// Page renders the feed as an HTML page with links to subscribe and every item with its credits. Its Policy field is
// the Content-Security-Policy to serve it with. Items that [Renderer.Documents] rejects are omitted. The page of a post
// is empty if the post's texts or dates cannot be written. The error is of kind [feed.ErrInvalid] and means that the
// feed's own metadata cannot be written.
func (r *Renderer) Page(f feed.Feed) (feed.Document, error) {
	formats := []feed.Format{feed.HTML}
	if !f.Name.OfPost() {
		formats = append(feedFormats(f), feed.HTML)
	}
	w, err := r.write(f, formats)
	if err != nil {
		return feed.Document{}, err
	}
	return r.document(w, len(w.formats)-1)
}

func pageFrame(f feed.Feed, version int, _ time.Time) (frame, error) {
	if f.Name.OfPost() {
		return postFrame(f, version)
	}
	if err := checkTexts(f.Title, f.Description, f.Site.Title, f.Site.Copyright); err != nil {
		return frame{}, err
	}
	top := newPageTop(f.Site, version, f.Title, f.Description)
	if f.Description == f.Title {
		top.Description = ""
	}
	top.IndexURL = indexURL(f.Site)
	current, number := f.Name.Archived()
	if number > 0 {
		top.Period = top.Words.Archive + " " + strconv.Itoa(number)
		top.CurrentURL = URL(f.Site, current, feed.HTML)
	}
	top.About = about(current, f.Items)
	top.Subscribe = subscribeLinks(f.Site, current, f.Title, feedFormats(f))
	top.Alternates = top.Subscribe
	bottom := newPageBottom(f.Site, f.Updated)
	bottom.Empty = len(f.Items) == 0
	for _, l := range []struct {
		rel, text string
		name      feed.Name
	}{{"next", top.Words.Newer, f.History.Next}, {"prev", top.Words.Older, f.History.Prev}} {
		if l.rel == "next" && l.name == "" && f.History.Archive { // the feed itself follows the last archive
			l.text, l.name = top.Words.Latest, f.History.Current
		}
		if l.name != "" {
			bottom.Pager = append(bottom.Pager, pageLink{Rel: l.rel, URL: URL(f.Site, l.name, feed.HTML), Name: l.text})
		}
	}
	top.Related = bottom.Pager
	return executeFrame(top, bottom)
}

// about returns a link to the author's own page if the feed is an author's and one of the items has its URL.
func about(name feed.Name, items []*feed.Item) pageLink {
	if family, _ := name.Split(); family != feed.Authors {
		return pageLink{}
	}
	for _, item := range items {
		for _, author := range item.Authors {
			address := uri(author.URL)
			u, err := url.Parse(address)
			if err == nil && u.Host != "" && feedOf(feed.Authors, authorName(author), item.Feeds) == name {
				return pageLink{URL: address, Name: strings.TrimPrefix(u.Host, "www.") + strings.TrimRight(u.Path, "/")}
			}
		}
	}
	return pageLink{}
}

func executeFrame(top pageTop, bottom pageBottom) (frame, error) {
	head, err := execute("top", top)
	if err != nil {
		return frame{}, err
	}
	foot, err := execute("bottom", bottom)
	if err != nil {
		return frame{}, err
	}
	return frame{head: head, foot: foot}, nil
}

// postFrame returns the frame of a post's own page. Search engines may index it, since the post has no other page.
func postFrame(f feed.Feed, version int) (frame, error) {
	if err := checkTexts(f.Site.Title, f.Site.Copyright); err != nil {
		return frame{}, err
	}
	top := newPageTop(f.Site, version, f.Title, "")
	bottom := newPageBottom(f.Site, f.Updated)
	top.IndexURL = indexURL(f.Site)
	top.Canonical = URL(f.Site, f.Name, feed.HTML)
	top.Alternates = subscribeLinks(f.Site, feed.Main, top.SiteTitle, feed.Formats())
	bottom.Subscribe = top.Alternates
	bottom.Empty = len(f.Items) == 0
	if bottom.Empty {
		top.Title = top.SiteTitle
	} else {
		item := f.Items[0]
		top.Title = heading(item)
		top.Heading = cmp.Or(strings.TrimSpace(item.Title), top.Words.day(item.Published, f.Site.Language))
		top.Description, top.Image = summary(item), uri(item.Image)
		if item.Language != "" {
			top.Lang, top.Dir = item.Language, direction(item.Language)
			top.UI = top.Words.attr(item.Language)
			bottom.UI = top.UI
		}
	}
	return executeFrame(top, bottom)
}

// execute executes the template of a part of a page.
func execute(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := pages().template.ExecuteTemplate(&b, name, data); err != nil {
		return nil, fmt.Errorf("%w: %w", err, feed.ErrInvalid)
	}
	return b.Bytes(), nil
}

// checkTexts returns an error of kind [feed.ErrInvalid] if a text has characters that XML does not allow. Templates
// would replace them silently.
func checkTexts(texts ...string) error {
	for _, s := range texts {
		if err := checkText(s); err != nil {
			return fmt.Errorf("text has %w: %w", err, feed.ErrInvalid)
		}
	}
	return nil
}

// subscribeLinks returns a link to the feed's document in each of the formats.
func subscribeLinks(site feed.Site, name feed.Name, title string, formats []feed.Format) []pageLink {
	list := make([]pageLink, 0, len(formats))
	for _, format := range formats {
		mediaType, _, _ := strings.Cut(format.MediaType(), ";")
		list = append(list, pageLink{URL: URL(site, name, format), Type: mediaType, Format: format.Label(),
			Title: title + " (" + format.Label() + ")"})
	}
	return list
}

// feedFormats returns the formats that the feed's readers can subscribe to, in the order of [feed.Formats], followed by
// the feed's other formats, which cannot be written and cause an error later.
func feedFormats(f feed.Feed) []feed.Format {
	if len(f.Formats) == 0 {
		return feed.Formats()
	}
	known := feed.Formats()
	list := slices.DeleteFunc(feed.Formats(), func(format feed.Format) bool {
		return !slices.Contains(f.Formats, format)
	})
	for _, format := range f.Formats {
		if !slices.Contains(known, format) {
			list = append(list, format)
		}
	}
	return list
}

// pageArticle is the data of the template "article": an item on a page.
type pageArticle struct {
	Anchor, Lang, Dir, Title, Link, Mark, Published, Date string

	HTML                         template.HTML
	Words                        words
	UI                           template.HTMLAttr
	Single                       bool
	Authors, Sources, Via, Files []pageLink
	Credits                      []pageCredit
	Tags                         []pageLink
}

// pageCredit is the credit of a quote. Source is a link to the feed of the posts that quote the publication.
type pageCredit struct{ Headline, Source pageLink }

// anchor returns the id of an item's element on its page, which is also the text of the comments around it.
func anchor(id string) string {
	sum := sha256.Sum256([]byte(id))
	return "p-" + hex.EncodeToString(sum[:16])
}

// newPageArticle returns the parts of an article that do not depend on how much of the content is shown.
func newPageArticle(item *feed.Item, v Variant) pageArticle {
	w := wordsFor(v.Language)
	a := pageArticle{
		Anchor: anchor(item.ID), Title: strings.TrimSpace(item.Title), Link: uri(item.URL),
		Published: rfc3339(item.Published.Truncate(time.Second)), Date: w.day(item.Published, v.Language),
		Words: w, UI: w.attr(v.Language), Single: v.Single,
	}
	if item.Language != "" && item.Language != v.Language {
		a.Lang, a.Dir = item.Language, direction(item.Language)
	}
	for _, author := range item.Authors {
		if name := authorName(author); name != "" {
			address := cmp.Or(v.feedPage(feed.Authors, name), uri(author.URL))
			a.Authors = append(a.Authors, pageLink{Name: name, URL: address})
		}
	}
	return a
}

// pageFragment returns the item as an article between two comments with its anchor. [pageContent] removes comments and
// ids, so no post can contain an anchor.
func pageFragment(_ *pen, _ int, _ feed.SiteID, item *feed.Item, v Variant) ([]byte, error) {
	a := newPageArticle(item, v)
	for _, tag := range tags(item) {
		a.Tags = append(a.Tags, pageLink{Name: tag, URL: v.feedPage(feed.Tags, tag)})
	}
	if v.TitleLink == feed.SourceTitle && item.ExternalURL != "" {
		a.Link, a.Mark = uri(item.ExternalURL), a.Link
	}
	if v.Content == feed.SummaryContent {
		a.HTML = template.HTML("<p>" + textToHTML(summary(item)) + "</p>")
		a.Credits = v.credits(item.Quotes)
	} else {
		a.HTML = pageContent(content(item)) // the content includes the credits
		a.Sources = v.sources(item.Quotes)
	}
	for _, via := range item.Via {
		if v.Content != feed.SummaryContent && viaShown(item, via) {
			continue
		}
		if name := cmp.Or(strings.TrimSpace(via.Name), via.URL); name != "" {
			a.Via = append(a.Via, pageLink{Name: name, URL: uri(via.URL)})
		}
	}
	for _, file := range item.Attachments {
		name := cmp.Or(strings.TrimSpace(file.Title), uri(file.URL))
		a.Files = append(a.Files, pageLink{Name: name, URL: uri(file.URL), Type: mediaType(file)})
	}
	article, err := execute("article", a)
	if err != nil {
		return nil, err
	}
	return slices.Concat([]byte("<!--"+a.Anchor+"-->"), article, []byte("<!--/"+a.Anchor+"-->\n")), nil
}

// feedPage returns the URL of the page for the feed of a tag, author or source. The argument full is the name of the
// tag, author or source. feedPage returns "" if the item is not in that feed, or if the name is ambiguous among the
// item's feeds.
func (v Variant) feedPage(family feed.Family, full string) string {
	if v.Base == "" {
		return ""
	}
	var feeds []feed.Name
	for n := range strings.Lines(v.Feeds) {
		feeds = append(feeds, feed.Name(strings.TrimSuffix(n, "\n")))
	}
	found := feedOf(family, full, feeds)
	if found == "" {
		return ""
	}
	return URL(feed.Site{BaseURL: v.Base}, found, feed.HTML)
}

// feedOf returns the feed of a tag, author or source among the feeds of an item. The argument full is the name of the
// tag, author or source. feedOf returns "" if there is no such feed or more than one.
func feedOf(family feed.Family, full string, feeds []feed.Name) feed.Name {
	plain := pathname.Plain(family, full)
	var found feed.Name
	for _, n := range feeds {
		// Different names with the same plain form have a suffix of hexadecimal digits.
		rest, ok := strings.CutPrefix(string(n), string(plain))
		if !ok || rest != "" && (len(rest) < 7 || rest[0] != '-' || strings.Trim(rest[1:], "0123456789abcdef") != "") {
			continue
		}
		if found != "" {
			return ""
		}
		found = n
	}
	return found
}

// credits returns the credit of each quote whose source has a headline, a publication or a URL.
func (v Variant) credits(quotes []feed.Quote) []pageCredit {
	var list []pageCredit
	for _, q := range quotes {
		headline, publication := strings.TrimSpace(q.Source.Headline), strings.TrimSpace(q.Source.Publication)
		c := pageCredit{Headline: pageLink{Name: headline, URL: uri(q.Source.URL)}}
		switch {
		case publication == "":
			c.Headline.Name = cmp.Or(headline, q.Source.URL)
		case headline == "" && q.Source.URL != "":
			c.Headline.Name = publication
		default:
			c.Source = pageLink{Name: publication, URL: v.feedPage(feed.Sources, publication)}
		}
		if c.Headline.Name != "" || c.Source.Name != "" {
			list = append(list, c)
		}
	}
	return list
}

// sources returns a link to the feed of each quoted publication that has one.
func (v Variant) sources(quotes []feed.Quote) []pageLink {
	var list []pageLink
	for _, q := range quotes {
		l := pageLink{Name: strings.TrimSpace(q.Source.Publication)}
		if l.Name == "" {
			continue
		}
		if l.URL = v.feedPage(feed.Sources, l.Name); l.URL == "" {
			continue
		}
		if !slices.ContainsFunc(list, func(other pageLink) bool { return other.URL == l.URL }) {
			list = append(list, l)
		}
	}
	return list
}

// viaShown reports whether the item's content already contains the via's name, linked to the via's URL if it has one.
func viaShown(item *feed.Item, via feed.Via) bool {
	name := strings.TrimSpace(via.Name)
	if name == "" {
		return false
	}
	if via.URL == "" {
		return strings.Contains(item.Text, name)
	}
	_, link, found := strings.Cut(item.HTML, `href="`+template.HTMLEscapeString(via.URL)+`"`)
	text, _, _ := strings.Cut(link, "</a>")
	return found && strings.Contains(text, template.HTMLEscapeString(name))
}
