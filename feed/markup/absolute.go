package markup

import (
	"fmt"
	"net/url"
	"strings"

	"golang.org/x/net/html"

	"feedpub/feed"
)

// Absolute resolves the URLs in the attributes of n and its descendants against base, in place. This includes links
// within the page, which would not work in a feed otherwise. In absolute URLs, it only escapes the characters that URL
// parsers do not accept. Values that are not URLs are unchanged.
func Absolute(n *html.Node, base *url.URL) {
	MapReferences(n, func(ref string) string { return Resolve(ref, base) })
}

// MapReferences replaces each URL in the attributes of n and its descendants with the result of f.
func MapReferences(n *html.Node, f func(ref string) string) {
	for d := range n.Descendants() {
		mapAttributes(d, f)
	}
	mapAttributes(n, f)
}

func mapAttributes(n *html.Node, f func(ref string) string) {
	if n.Type != html.ElementNode {
		return
	}
	for i, a := range n.Attr {
		switch a.Key {
		case "href", "src", "cite", "poster", "longdesc":
			n.Attr[i].Val = f(a.Val)
		case "srcset":
			candidates := parseSrcset(a.Val)
			for j := range candidates {
				candidates[j].url = f(candidates[j].url)
			}
			n.Attr[i].Val = formatSrcset(candidates)
		}
	}
}

// Resolve returns the reference ref as an absolute URL. If ref is empty or not a URL, Resolve only trims it.
func Resolve(ref string, base *url.URL) string {
	u, err := ParseURL(ref)
	switch ref = escapeURL(strings.TrimSpace(ref)); {
	case err != nil || ref == "" || u.IsAbs():
		return ref
	default:
		return base.ResolveReference(u).String()
	}
}

// ParseURL parses a URL. It accepts white space around and in the URL, and "%" that is not part of an escape. Errors
// are of kind [feed.ErrInvalid].
func ParseURL(s string) (*url.URL, error) {
	u, err := url.Parse(escapeURL(strings.TrimSpace(s)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", err, feed.ErrInvalid)
	}
	return u, nil
}

// escapeURL percent-encodes spaces, and "%" that is not part of an escape. It removes line ends and tabs, as browsers
// do (WHATWG URL, section 4.4).
func escapeURL(s string) string {
	if strings.HasPrefix(s, "data:") || !strings.ContainsAny(s, " \t\n\r%") {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\t' || c == '\n' || c == '\r':
		case c == ' ':
			b.WriteString("%20")
		case c == '%' && !(i+2 < len(s) && hexDigit(s[i+1]) && hexDigit(s[i+2])):
			b.WriteString("%25")
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func hexDigit(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

// candidate is an image in a srcset attribute: a URL with a width ("480w") or a density ("2x").
type candidate struct{ url, descriptor string }

// parseSrcset parses the value of a srcset attribute (HTML standard, section 4.8.4.2.1).
func parseSrcset(s string) []candidate {
	const space = " \t\n\r\f"
	var list []candidate
	for {
		s = strings.TrimLeft(s, space+",")
		if s == "" {
			return list
		}
		end := strings.IndexAny(s, space)
		if end < 0 {
			end = len(s)
		}
		c := candidate{url: s[:end]}
		s = s[end:]
		// Only a trailing comma ends a URL, since data URLs contain commas.
		if trimmed := strings.TrimRight(c.url, ","); trimmed != c.url {
			c.url = trimmed
		} else {
			c.descriptor, s, _ = strings.Cut(s, ",")
			c.descriptor = strings.Join(strings.Fields(c.descriptor), " ")
		}
		list = append(list, c)
	}
}

func formatSrcset(list []candidate) string {
	var b strings.Builder
	for i, c := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(c.url)
		if c.descriptor != "" {
			b.WriteString(" " + c.descriptor)
		}
	}
	return b.String()
}
