package markup

import (
	"regexp"
	"strings"
	"sync"

	"github.com/microcosm-cc/bluemonday"
	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// Clean returns the children of n as HTML that can be safely included in other pages. It keeps only elements and
// attributes on an allow-list, which excludes scripts, event handlers, styles, ids, classes, forms and frames, and only
// URLs with schemes that cannot run code. The HTML is valid UTF-8 and contains only characters that XML 1.0 allows.
// Clean is idempotent and does not modify n.
func Clean(n *html.Node) string {
	// When HTML is parsed again, parsers repair some trees, such as a link within a link. Clean must return the repaired
	// HTML. One repair can cause another, but more than two are rarely needed.
	s := sanitize(n)
	for range 4 {
		tree, err := parseHTML(s)
		if err != nil {
			break
		}
		if rendered, ok := render(tree); ok && finish(rendered) == s {
			return s // the policy would not change s
		}
		again := sanitize(tree)
		if again == s {
			return s
		}
		s = again
	}
	return sanitize(parseText(PlainText(n)))
}

// sanitize returns the children of n as HTML, reduced to what the policy allows.
func sanitize(n *html.Node) string {
	rendered, ok := render(n)
	if !ok {
		return html.EscapeString(CleanText(PlainText(n)))
	}
	return finish(policy().Sanitize(rendered))
}

// render returns the children of n as HTML. It returns false for a tree that cannot result from parsing HTML.
func render(n *html.Node) (string, bool) {
	var rendered strings.Builder
	for c := range n.ChildNodes() {
		if err := html.Render(&rendered, c); err != nil {
			return "", false
		}
	}
	return rendered.String(), true
}

// finish replaces characters that XML does not allow in the policy's output, and unescapes its quotation marks.
func finish(s string) string { return quotes(CleanText(s)) }

// quotes unescapes quotation marks in text, where they do not need escaping, to save space. In the policy's output, "<"
// and ">" are escaped outside of tags, and attributes are quoted with `"`.
func quotes(s string) string {
	if !strings.Contains(s, "&#3") {
		return s
	}
	s = strings.ReplaceAll(s, "&#39;", "'")
	var b strings.Builder
	b.Grow(len(s))
	for s != "" {
		text, tag, _ := strings.Cut(s, "<")
		b.WriteString(strings.ReplaceAll(text, "&#34;", `"`))
		if len(text) == len(s) {
			break
		}
		tag, rest, _ := strings.Cut(tag, ">")
		b.WriteString("<" + tag + ">")
		s = rest
	}
	return b.String()
}

// policy returns the allow-list, which is constant.
var policy = sync.OnceValue(func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	for name := range elements {
		p.AllowElements(name.String())
		// By default, the policy drops start tags without attributes, which can cause it to drop the wrong end tags.
		if name != atom.Img && name != atom.Source && name != atom.Track {
			p.AllowNoAttrs().OnElements(name.String())
		}
	}

	p.RequireParseableURLs(true)
	p.AllowRelativeURLs(true)
	p.AllowURLSchemes("http", "https", "mailto", "tel", "sms", "geo", "ftp", "ftps", "sftp", "gemini", "gopher", "irc",
		"ircs", "xmpp", "matrix", "magnet", "news", "nntp", "doi", "urn", "webcal", "bitcoin")
	p.AllowDataURIImages()
	// By itself, the policy checks only the URLs in href, cite and src; the patterns check the others.
	address := regexp.MustCompile(`^https?://[^\s"'<>]+$`)
	addresses := regexp.MustCompile(`^https?://[^\s"'<>]+( [0-9.]+[wxh])*(, https?://[^\s"'<>]+( [0-9.]+[wxh])*)*$`)
	number := regexp.MustCompile(`^[0-9]{1,5}(\.[0-9]+)?%?$`)
	integer := regexp.MustCompile(`^-?[0-9]{1,9}$`)
	date := regexp.MustCompile(`^[0-9A-Za-z :.+-]{1,64}$`)
	flag := regexp.MustCompile(`^[a-z]{0,16}$`)

	p.AllowAttrs("lang").Matching(regexp.MustCompile(`^[A-Za-z0-9-]{1,35}$`)).Globally()
	p.AllowAttrs("dir").Matching(regexp.MustCompile(`^(ltr|rtl|auto)$`)).Globally()
	p.AllowAttrs("title").Globally()
	p.AllowAttrs("href", "hreflang").OnElements("a")
	p.AllowAttrs("cite").OnElements("blockquote", "q", "del", "ins")
	p.AllowAttrs("datetime").Matching(date).OnElements("time", "del", "ins")
	p.AllowAttrs("value").OnElements("data")
	p.AllowAttrs("src", "alt").OnElements("img")
	p.AllowAttrs("src").OnElements("audio", "video", "track")
	p.AllowAttrs("src", "poster").Matching(address).OnElements("source", "video")
	p.AllowAttrs("srcset").Matching(addresses).OnElements("img", "source")
	p.AllowAttrs("sizes", "media").Matching(regexp.MustCompile(`^[\w\s():,.+*/%<>=-]*$`)).OnElements("img", "source")
	p.AllowAttrs("type").Matching(regexp.MustCompile(`^[\w.+-]+/[\w.+-]+(; *codecs="?[\w., -]+"?)?$`)).OnElements("source")
	p.AllowAttrs("width", "height").Matching(number).OnElements("img", "video", "source")
	p.AllowAttrs("controls", "loop", "muted", "preload").Matching(flag).OnElements("audio", "video")
	p.AllowAttrs("kind", "srclang", "label", "default").OnElements("track")
	p.AllowAttrs("colspan", "rowspan").Matching(integer).OnElements("td", "th")
	p.AllowAttrs("span").Matching(integer).OnElements("col", "colgroup")
	p.AllowAttrs("scope").Matching(flag).OnElements("th")
	p.AllowAttrs("align").Matching(regexp.MustCompile(`^(left|center|right)$`)).OnElements("td", "th", "tr", "col")
	p.AllowAttrs("start").Matching(integer).OnElements("ol")
	p.AllowAttrs("reversed").Matching(flag).OnElements("ol")
	p.AllowAttrs("type").Matching(regexp.MustCompile(`^[1aAiI]$`)).OnElements("ol")
	p.AllowAttrs("value").Matching(integer).OnElements("li")
	p.AllowAttrs("open").Matching(flag).OnElements("details")
	return p
})
