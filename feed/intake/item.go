package intake

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/html"

	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/crash"
	"feedpub/feed/markup"
	"feedpub/feed/pathname"
)

// Intake converts the posts of one site to items. It is immutable and safe for concurrent use.
type Intake struct {
	site   feed.Site
	home   *url.URL // the site's home page; an empty URL if there is none
	reader *attribution.Reader
	media  Media // nil if the site serves no media
	posts  Posts // nil if links to files of posts are not resolved
	pages  bool  // whether posts without a URL have pages of their own

	fingerprint string
}

// New returns an Intake for the site. If the reader is nil, quotes are not read from posts' content. If the site's
// HomeURL is not a URL, relative URLs stay relative in posts that have no URL.
func New(site feed.Site, reader *attribution.Reader) *Intake {
	home, err := url.Parse(site.HomeURL)
	if err != nil {
		home = new(url.URL)
	}
	in := &Intake{site: site, home: home, reader: reader}
	used := home.String() + " " + site.Language + site.Permalink + " " + site.Title
	in.fingerprint = fmt.Sprintf("%d-%s", Version, feed.HashOf([]byte(used))[:8])
	if reader != nil {
		in.fingerprint += "-" + reader.Fingerprint()
	}
	return in
}

// Fingerprint identifies the version of the conversion, the settings of the site that it depends on, and the options of
// the reader. The settings include the title, which the reader uses to detect quotes from the blog itself. Items with a
// different fingerprint are rebuilt. If the conversion starts to use an additional site field or setting, add the value
// to the hash in [New]. If its results change for any other reason, increment [Version].
func (in *Intake) Fingerprint() string { return in.fingerprint }

// Result is the outcome of converting a post.
type Result struct {
	// Item is nil if the post is withheld. Its Feeds field is nil, because the feeds of an item depend on the feed names
	// in the store.
	Item *feed.Item
	// Withheld is Draft or Private if that status prevents publication, else empty.
	Withheld feed.Status
	// Suggestions are the credits whose confidence is below the threshold.
	Suggestions []feed.Quote
	// Credits are all credits of the post, and decisions that withhold credits or no longer apply.
	Credits []Credit
	// Reading is what was read from the content. It is empty if the post gives its credits, or has none.
	Reading attribution.Result
	// Replaced describes the characters that were replaced with U+FFFD.
	Replaced Replaced
	// Missing are the paths of files that the post refers to and that do not exist, or contain posts that are not
	// published.
	Missing []string
	// Notes describe probable mistakes in the file of the post.
	Notes []string
}

// Item converts the post that is stored under key. It uses content_html if present, otherwise content_markdown,
// otherwise content_text. A post without a date gets the FirstSeen date of its record, and a post without a
// modification date gets the Changed date. The decisions about the post's credits apply to those that are read from the
// content. The error is an [*Error].
func (in *Intake) Item(key string, raw []byte, record feed.Record, decisions ...feed.Decision) (Result, error) {
	crash.Reading(raw)
	p, replaced, err := decode(key, raw)
	if err != nil {
		return Result{}, err
	}
	if p.Status == feed.Draft || p.Status == feed.Private {
		return Result{Withheld: p.Status}, nil
	}
	published, updated, err := dates(p, record)
	if err != nil {
		return Result{}, err
	}
	permalink := in.permalink(p, published)
	base := in.base(permalink)
	body, err := content(p)
	if err != nil {
		return Result{}, err
	}
	files := in.filesOf(p, permalink)
	files.content(body)
	absolute(body, base, permalink != "")
	item := &feed.Item{
		ID:          p.ID,
		URL:         permalink,
		ExternalURL: in.absolute(p.ExternalURL, base),
		Title:       line(p.Title),
		Text:        markup.PlainText(body),
		Image:       in.absolute(files.resolve(p.Image), base),
		Published:   published,
		Updated:     updated,
		Authors:     in.authors(p.Authors, base),
		Tags:        lines(p.Tags),
		ExcludeFrom: p.ExcludeFrom,
		Language:    strings.ReplaceAll(p.Language, "_", "-"),
		Attachments: in.attachments(files.attachments(p.Attachments), base),
		Via:         in.vias(p.Via, base),
		Intake:      in.fingerprint,
		RawSum:      feed.HashOf(raw),
	}

	language := item.Language
	if language == "" {
		language = in.site.Language
	}
	result := Result{Item: item, Replaced: replaced, Missing: files.missing, Notes: notes(p)}
	quotes, err := in.quotes(p, body, base, decisions, &result)
	if err != nil {
		return Result{}, err
	}
	for _, q := range quotes {
		item.Quotes = append(item.Quotes, q.Quote)
	}
	if item.ExternalURL == "" && len(quotes) > 0 {
		item.ExternalURL = quotes[0].Source.URL
	}
	english := isEnglish(language)
	credit(body, quotes, english)
	item.HTML = markup.Clean(body)
	item.Summary = summary(p.Summary, item, english)
	return result, nil
}

// absolute makes the references in a post's content absolute. If fragments is false, references to fragments are not
// changed, because the URL of the post's page is not known yet.
func absolute(body *html.Node, base *url.URL, fragments bool) {
	if fragments {
		markup.Absolute(body, base)
		return
	}
	markup.MapReferences(body, func(ref string) string {
		if trimmed := strings.TrimSpace(ref); strings.HasPrefix(trimmed, "#") {
			return trimmed
		}
		return markup.Resolve(ref, base)
	})
}

// permalink returns the URL that the post gives, or a URL built from the site's pattern, or "" if there is neither. A
// built URL contains the date that the post gives, in the post's time zone, or published if the post gives none.
func (in *Intake) permalink(p feed.Post, published time.Time) string {
	if own := in.absolute(p.URL, in.home); own != "" || in.site.Permalink == "" {
		return own
	}
	date := p.DatePublished
	if date.IsZero() {
		date = published
	}
	given := ""
	_ = json.Unmarshal(p.Unknown["slug"], &given) // a slug that is not text is ignored
	name := cmp.Or(pathname.Slug(given), pathname.Slug(pathname.Stem(p.ID)), string(feed.HashOf([]byte(p.ID))[:12]))
	value := func(key string) string {
		switch key {
		case "year":
			return date.Format("2006")
		case "month":
			return date.Format("01")
		case "day":
			return date.Format("02")
		case "path":
			if dir := path.Dir(p.ID); dir != "." && !strings.Contains(dir, "://") {
				return dir + "/" + name
			}
		}
		return name
	}
	u := *in.home
	u.Path = strings.TrimRight(u.Path, "/") + feed.ExpandPermalink(in.site.Permalink, value)
	u.RawPath, u.RawQuery, u.Fragment = "", "", ""
	return u.String()
}

// base returns the URL that a post's relative references are resolved against.
func (in *Intake) base(permalink string) *url.URL {
	if u, err := markup.ParseURL(permalink); err == nil && permalink != "" {
		return u
	}
	return in.home
}

// dates returns the dates of the item, in UTC and whole milliseconds.
func dates(p feed.Post, record feed.Record) (published, updated time.Time, err error) {
	published = p.DatePublished
	if published.IsZero() {
		published = record.FirstSeen
	}
	if published.IsZero() {
		return published, updated, invalid("date_published", "missing, and the post has no record of when it was first seen")
	}
	published = published.UTC().Truncate(time.Millisecond)
	updated = p.DateModified
	if updated.IsZero() {
		updated = record.Changed
	}
	updated = updated.UTC().Truncate(time.Millisecond)
	if updated.Before(published) {
		updated = published
	}
	return published, updated, nil
}

// content parses the post's content.
func content(p feed.Post) (*html.Node, error) {
	member, format, text := "content_html", markup.HTML, p.ContentHTML
	switch {
	case text != "":
	case p.ContentMarkdown != "":
		member, format, text = "content_markdown", markup.Markdown, p.ContentMarkdown
	default:
		member, format, text = "content_text", markup.Text, p.ContentText
	}
	return parse(member, format, text)
}

func parse(place string, format markup.Format, text string) (*html.Node, error) {
	body, err := markup.Parse(format, text)
	if err != nil {
		return nil, invalid(place, "%s", strings.TrimSuffix(err.Error(), ": "+feed.ErrInvalid.Error()))
	}
	return body, nil
}

// quotes returns the post's quotes with the positions of their passages in body, and sets the credits of the result. It
// may split elements of body, and adds the vias that it finds to the item.
func (in *Intake) quotes(
	p feed.Post, body *html.Node, base *url.URL, decisions []feed.Decision, to *Result,
) ([]placed, error) {
	item := to.Item
	switch {
	case p.Attribution == feed.AttributionNone:
		return nil, nil
	case len(p.Quotes) > 0:
		quotes, err := in.given(p.Quotes, body, base)
		for _, q := range quotes {
			to.Credits = append(to.Credits, Credit{
				Quote: q.Quote, Key: feed.CreditKey(q.Quote), State: CreditPublished, Reason: "given in the post",
			})
		}
		return quotes, err
	case p.Attribution == feed.AttributionGiven || in.reader == nil:
		return nil, nil
	}
	own := []string{in.home.Hostname(), host(item.URL)}
	input := attribution.Input{
		Body: body, Title: item.Title, Language: item.Language, Hosts: own, Names: []string{in.site.Title},
		ExternalURL: item.ExternalURL,
	}
	for _, a := range item.Authors {
		input.Names = append(input.Names, a.Name)
	}
	input.Names = append(input.Names, accounts(p)...)
	result := in.reader.Read(input)
	if sharesNodes(result.Quotes, result) || len(decisions) > 0 && sharesNodes(result.Suggestions, result) {
		divideLines(body)
		result = in.reader.Read(input)
	}
	if len(item.Via) == 0 {
		item.Via = in.vias(result.Via, base)
	}
	c := newCredits(in, body, base, result)
	c.creditLone(in.externalSource(p, item, base), item.Title, host(in.home.String()), host(item.URL))
	c.decide(decisions, item.Title)
	to.Suggestions, to.Credits, to.Reading = c.suggestions(), c.all(), result
	return c.published(), nil
}

// given returns the quotes listed in the post, with the positions of their passages in body.
func (in *Intake) given(given []feed.Quote, body *html.Node, base *url.URL) ([]placed, error) {
	find := newFinder(body)
	var quotes []placed
	for i, q := range given {
		if q.HTML != "" {
			passage, err := parse(fmt.Sprintf("quotes[%d].html", i), markup.HTML, q.HTML)
			if err != nil {
				return nil, err
			}
			markup.Absolute(passage, base)
			q.HTML = markup.Clean(passage)
			if q.Text == "" {
				q.Text = markup.PlainText(passage)
			}
		}
		q.Confidence, q.Certain = 1, true
		ready := placed{Quote: in.quote(q, base)}
		ready.passage, ready.inline = find.find(ready.Text)
		quotes = append(quotes, ready)
	}
	return quotes, nil
}

// quote returns q with clean texts, absolute URLs and the known URLs of its publication.
func (in *Intake) quote(q feed.Quote, base *url.URL) feed.Quote {
	s := q.Source
	source := feed.Source{
		Publication:    line(s.Publication),
		PublicationURL: in.absolute(s.PublicationURL, base),
		FeedURL:        in.absolute(s.FeedURL, base),
		Headline:       line(s.Headline),
		URL:            in.absolute(s.URL, base),
		Authors:        in.authors(s.Authors, base),
		DatePublished:  sourceDate(s.DatePublished),
		Agencies:       lines(s.Agencies),
	}
	if in.reader != nil && source.Publication != "" {
		complete(&source, in.reader.Canonical(source.Publication))
	}
	return feed.Quote{
		Source:     source,
		Text:       strings.TrimSpace(markup.CleanText(q.Text)),
		HTML:       q.HTML,
		Confidence: q.Confidence,
		Certain:    q.Certain,
	}
}

// complete sets the missing URLs of the publication in s to those of the publications in known.
func complete(s *feed.Source, known feed.Source) {
	if s.PublicationURL != "" && known.PublicationURL != "" && host(s.PublicationURL) != host(known.PublicationURL) {
		return // a different publication with the same name
	}
	if s.PublicationURL == "" {
		s.PublicationURL = known.PublicationURL
	}
	if s.FeedURL == "" {
		s.FeedURL = known.FeedURL
	}
}

// sourceDate formats a source's date for HTML's time element.
func sourceDate(s string) string {
	s = strings.TrimSpace(s)
	t, ok := ParseDate(s)
	if !ok || len(s) == len(time.DateOnly) {
		return s
	}
	return t.Format(time.RFC3339)
}

// shownInOneLine reports whether a single line of the credit names the whole source. A credit spread over several
// lines, such as a copied headline and byline, still needs a caption.
func shownInOneLine(result attribution.Result, q attribution.Quote) bool {
	source := q.Source
	parts := append(authorNames(source), present(title(source), publisher(source))...)
	for _, i := range q.Credit {
		text := strings.ToLower(result.Blocks[i].Text)
		missing := slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, strings.ToLower(part)) })
		if !missing && (source.DatePublished == "" || strings.ContainsAny(text, "0123456789")) {
			return true
		}
	}
	return false
}

func nodesOf(result attribution.Result, blocks []int) []*html.Node {
	var nodes []*html.Node
	for _, i := range blocks {
		nodes = append(nodes, result.Blocks[i].Nodes...)
	}
	return nodes
}

// sharesNodes reports whether the passage of one of the quotes cannot be wrapped because it shares a node with other
// text.
func sharesNodes(quotes []attribution.Quote, result attribution.Result) bool {
	return slices.ContainsFunc(quotes, func(q attribution.Quote) bool {
		return slices.ContainsFunc(q.Passage, func(i int) bool { return len(result.Blocks[i].Nodes) == 0 })
	})
}

func (in *Intake) absolute(ref string, base *url.URL) string {
	return markup.CleanText(markup.Resolve(ref, base))
}

func (in *Intake) authors(list []feed.Author, base *url.URL) []feed.Author {
	var authors []feed.Author
	for _, a := range list {
		authors = append(authors, feed.Author{
			Name:   line(a.Name),
			URL:    in.absolute(a.URL, base),
			Avatar: in.absolute(a.Avatar, base),
		})
	}
	return authors
}

func (in *Intake) attachments(list []feed.Attachment, base *url.URL) []feed.Attachment {
	var attachments []feed.Attachment
	for _, a := range list {
		a.URL = in.absolute(a.URL, base)
		a.MIMEType = line(a.MIMEType)
		a.Title = line(a.Title)
		attachments = append(attachments, a)
	}
	return attachments
}

func (in *Intake) vias(list []feed.Via, base *url.URL) []feed.Via {
	var vias []feed.Via
	for _, v := range list {
		vias = append(vias, feed.Via{Name: line(v.Name), URL: in.absolute(v.URL, base)})
	}
	return vias
}

// line returns s as clean text on one line.
func line(s string) string {
	return strings.Join(strings.Fields(markup.CleanText(s)), " ")
}

// lines returns each text as clean text on one line. It omits empty and duplicate texts.
func lines(list []string) []string {
	var kept []string
	for _, s := range list {
		if s = line(s); s != "" && !slices.Contains(kept, s) {
			kept = append(kept, s)
		}
	}
	return kept
}

// isEnglish reports whether a language tag denotes English.
func isEnglish(tag string) bool {
	primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
	return primary == "en"
}
