package render

import (
	"cmp"
	"fmt"
	"html"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"feedpub/feed"
)

// checkItem returns an [itemError] if the item has text or dates that cannot be written. The encoders would replace or
// drop invalid characters silently, and dropping characters from sanitized HTML can create unsafe markup.
func checkItem(item *feed.Item) error {
	if item == nil {
		return &itemError{reason: "The item is missing."}
	}
	if item.ID == "" {
		return &itemError{place: "id", reason: "The post has no id."}
	}
	for place, s := range texts(item) {
		if err := checkText(s); err != nil {
			return &itemError{place: place.String(), reason: fmt.Sprintf("The text has %v.", err)}
		}
	}
	if !writableYear(item.Published) {
		return &itemError{place: "date_published", reason: "The year cannot be written in a feed."}
	}
	if !writableYear(item.Updated) {
		return &itemError{place: "date_modified", reason: "The year cannot be written in a feed."}
	}
	return nil
}

// writableYear reports whether the time's year has four digits, as RFC 822 and RFC 3339 require, even if a fraction of
// a second is added.
func writableYear(t time.Time) bool {
	year := t.UTC().Year()
	return year >= 1 && year <= 9998
}

// checkText returns an error that describes the first character of s that XML does not allow (XML 1.0, section 2.2).
func checkText(s string) error {
	if !suspect(s) && utf8.ValidString(s) {
		return nil
	}
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return fmt.Errorf("the invalid UTF-8 byte 0x%02X at offset %d", s[i], i)
			}
		}
		if r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return fmt.Errorf("the character %U at offset %d, which XML does not allow", r, i)
		}
	}
	return nil
}

// suspect reports whether s, which must be valid UTF-8, may contain a character that XML does not allow. It does not
// decode characters, and returns false for almost all texts.
func suspect[T string | []byte](s T) bool {
	for i := range len(s) {
		c := s[i]
		if c < 0x20 && c != '\n' && c != '\t' && c != '\r' || c == 0xEF && i+1 < len(s) && s[i+1] == 0xBF {
			return true
		}
	}
	return false
}

// place is the path of a string in a post, such as quotes[1].source.authors[0].name. It is a struct rather than a
// string because most paths are never formatted.
type place struct {
	list  string // name of the list; empty for members of the post itself
	i     int    // index in list
	inner string // a list within the element; may be empty
	j     int    // index in inner
	name  string
}

func (p place) String() string {
	var b strings.Builder
	if p.list != "" {
		fmt.Fprintf(&b, "%s[%d]", p.list, p.i)
	}
	if p.inner != "" {
		fmt.Fprintf(&b, "%s[%d]", p.inner, p.j)
	}
	return b.String() + p.name
}

// texts yields all texts of an item that are written to documents, each with its place in the post.
func texts(item *feed.Item) iter.Seq2[place, string] {
	return func(yield func(place, string) bool) {
		done := false
		emit := func(p place, name, s string) {
			p.name = name
			done = done || !yield(p, s)
		}
		author := func(p place, a feed.Author) {
			emit(p, ".name", a.Name)
			emit(p, ".url", a.URL)
			emit(p, ".avatar", a.Avatar)
		}
		emit(place{}, "id", item.ID)
		emit(place{}, "url", item.URL)
		emit(place{}, "external_url", item.ExternalURL)
		emit(place{}, "title", item.Title)
		emit(place{}, "content", item.HTML)
		emit(place{}, "content", item.Text)
		emit(place{}, "summary", item.Summary)
		emit(place{}, "image", item.Image)
		emit(place{}, "language", item.Language)
		for i, a := range item.Authors {
			author(place{list: "authors", i: i}, a)
		}
		for i, tag := range item.Tags {
			emit(place{list: "tags", i: i}, "", tag)
		}
		for i, a := range item.Attachments {
			p := place{list: "attachments", i: i}
			emit(p, ".url", a.URL)
			emit(p, ".mime_type", a.MIMEType)
			emit(p, ".title", a.Title)
		}
		for i, q := range item.Quotes {
			p := place{list: "quotes", i: i}
			emit(p, ".text", q.Text)
			s := q.Source
			emit(p, ".source.publication", s.Publication)
			emit(p, ".source.publication_url", s.PublicationURL)
			emit(p, ".source.feed_url", s.FeedURL)
			emit(p, ".source.headline", s.Headline)
			emit(p, ".source.url", s.URL)
			emit(p, ".source.date_published", s.DatePublished)
			for j, a := range s.Authors {
				author(place{list: "quotes", i: i, inner: ".source.authors", j: j}, a)
			}
			for j, agency := range s.Agencies {
				emit(place{list: "quotes", i: i, inner: ".source.agencies", j: j}, "", agency)
			}
		}
		for i, v := range item.Via {
			p := place{list: "via", i: i}
			emit(p, ".name", v.Name)
			emit(p, ".url", v.URL)
		}
	}
}

// headingLength is the maximum length in characters of a title derived from an untitled post's text: about one line in
// the list of a feed reader.
const headingLength = 60

// heading returns the title for RSS and Atom: the item's title or, if it is empty, the first words of its text or
// summary, or the date. Atom requires a title, and in many feed readers an item without one cannot be clicked. JSON
// Feed allows untitled items.
func heading(item *feed.Item) string {
	if title := strings.TrimSpace(item.Title); title != "" {
		return title
	}
	return cmp.Or(firstWords(item.Text, headingLength), firstWords(item.Summary, headingLength),
		item.Published.UTC().Format("2006-01-02"))
}

// firstWords returns the beginning of s, at most limit characters, on one line. It is cut after a word if possible, and
// never within a grapheme cluster.
func firstWords(s string, limit int) string {
	s = strings.Join(strings.Fields(s), " ")
	runes := []rune(s)
	if len(runes) <= limit {
		return s
	}
	cut := limit
	for i := cut; i > limit/2; i-- {
		if runes[i] == ' ' {
			cut = i
			break
		}
	}
	for cut > 0 && joins(runes[cut-1], runes[cut]) {
		cut--
	}
	return strings.TrimRightFunc(string(runes[:cut]), func(r rune) bool {
		return unicode.IsSpace(r) || strings.ContainsRune(",;:–—-", r)
	}) + "…"
}

// joins reports whether b may belong to the same grapheme cluster as a: a combining mark, a variation selector, a skin
// tone, a part of an emoji sequence, or the second half of a flag. It is an approximation that returns true in doubtful
// cases.
func joins(a, b rune) bool {
	const joiner = '\u200D'
	flag := func(r rune) bool { return r >= 0x1F1E6 && r <= 0x1F1FF }
	return a == joiner || b == joiner || unicode.In(b, unicode.Mn, unicode.Me, unicode.Mc) ||
		b >= 0x1F3FB && b <= 0x1F3FF || flag(a) && flag(b) || b >= 0xE0020 && b <= 0xE007F
}

// content returns the item's HTML or, if it is empty, the summary or title as a paragraph, since Atom and JSON Feed
// require content. Line breaks are normalized as XML parsers normalize them (XML 1.0, section 2.11).
func content(item *feed.Item) string {
	if strings.TrimSpace(item.HTML) == "" {
		return "<p>" + textToHTML(cmp.Or(strings.TrimSpace(item.Summary), heading(item))) + "</p>"
	}
	return unixLines(item.HTML)
}

// summaryLength is the maximum length in characters of a summary derived from an item's text.
const summaryLength = 280

// summary returns the text of the item in a feed with [feed.SummaryContent]. It is never empty.
func summary(item *feed.Item) string {
	return cmp.Or(strings.TrimSpace(item.Summary), firstWords(item.Text, summaryLength), heading(item))
}

// permalinkMark returns the link to the post's own page that ends the text of a link post. Its text is a star, which
// link blogs commonly use and which needs no translation.
func permalinkMark(item *feed.Item) string {
	if item.URL == "" {
		return ""
	}
	return `<p><a href="` + html.EscapeString(uri(item.URL)) + `" rel="bookmark" title="` +
		html.EscapeString(unixLines(heading(item))) + `">★</a></p>`
}

// unixLines replaces all line breaks with line feeds.
func unixLines(s string) string {
	if !strings.Contains(s, "\r") {
		return s
	}
	return strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(s)
}

// textToHTML escapes plain text as HTML. Quotation marks are not escaped, because feed readers that do not decode the
// text would show the escapes.
func textToHTML(s string) string {
	if !strings.ContainsAny(s, "&<>") {
		return s
	}
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// names returns the names of the authors, separated by commas.
func names(authors []feed.Author) string {
	var list []string
	for _, a := range authors {
		if name := authorName(a); name != "" {
			list = append(list, name)
		}
	}
	return strings.Join(list, ", ")
}

// authorName returns the author's name or, if it is empty, the URL, since Atom requires a name.
func authorName(a feed.Author) string {
	return cmp.Or(strings.TrimSpace(a.Name), a.URL)
}

// feedAuthors returns the authors of a feed: the site's authors or, if there are none, an author with the site's title
// as the name.
func feedAuthors(site feed.Site) []feed.Author {
	var authors []feed.Author
	for _, a := range site.Authors {
		if authorName(a) != "" {
			authors = append(authors, a)
		}
	}
	if len(authors) == 0 {
		authors = []feed.Author{{Name: cmp.Or(strings.TrimSpace(site.Title), string(site.ID))}}
	}
	return authors
}

// credit is a link to a quoted article or to a via.
type credit struct{ rel, url, title string }

// credits returns the links to the item's quoted articles and vias, without duplicates.
func credits(item *feed.Item) []credit {
	list := make([]credit, 0, len(item.Quotes)+len(item.Via))
	add := func(rel, url, title string) {
		c := credit{rel: rel, url: uri(url), title: strings.TrimSpace(title)}
		if c.url != "" && !slices.ContainsFunc(list, func(l credit) bool { return l.rel == c.rel && l.url == c.url }) {
			list = append(list, c)
		}
	}
	for _, q := range item.Quotes {
		add("related", q.Source.URL, cmp.Or(q.Source.Headline, q.Source.Publication))
	}
	for _, v := range item.Via {
		add("via", v.URL, v.Name)
	}
	return list
}

// tags returns the item's non-blank tags.
func tags(item *feed.Item) []string {
	var list []string
	for _, tag := range item.Tags {
		if tag = strings.TrimSpace(tag); tag != "" {
			list = append(list, tag)
		}
	}
	return list
}
