package render

import (
	"strings"

	"golang.org/x/net/idna"

	"feedpub/feed"
)

// URL returns the absolute URL at which the feed's document of a format is served. It is the document's rel=self, to
// which some readers move their subscription.
func URL(site feed.Site, name feed.Name, format feed.Format) string {
	return uri(strings.TrimSuffix(site.BaseURL, "/") + name.Path(format))
}

// historyNamespace is that of the archive element (RFC 5005, section 4).
const historyNamespace = "http://purl.org/syndication/history/1.0"

// history returns the links that lead through the feed's archives (RFC 5005, section 4), in the same format.
func history(f feed.Feed, format feed.Format) (list []credit) {
	for _, l := range []struct {
		rel  string
		name feed.Name
	}{{"current", f.History.Current}, {"prev-archive", f.History.Prev}, {"next-archive", f.History.Next}} {
		if l.name != "" {
			list = append(list, credit{rel: l.rel, url: URL(f.Site, l.name, format)})
		}
	}
	return list
}

// Link returns the value of the HTTP Link header (RFC 8288) that goes with the feed's document of a format: itself
// and, if the site has one and the document is a feed's and no page, its WebSub hub.
func Link(f feed.Feed, format feed.Format) string {
	value := "<" + URL(f.Site, f.Name, format) + `>; rel="self"`
	if f.Site.Hub != "" && format.Subscribed() {
		value += ", <" + uri(f.Site.Hub) + `>; rel="hub"`
	}
	return value
}

// uri maps an absolute IRI to the URI that stands for it (RFC 3987, section 3.1), since RSS and JSON Feed allow only
// URIs, and so does an HTTP header. Characters that may stand in neither are percent-encoded too, so the result is
// printable ASCII without spaces, quotation marks and angle brackets. A URI comes back as it is.
func uri(s string) string {
	s = strings.TrimSpace(s)
	if i := strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 || !isURIChar(byte(r)) || r == '%' || r == '#' }); i < 0 {
		return s
	}
	var b strings.Builder
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		end := strings.IndexAny(rest, "/?#")
		if end < 0 {
			end = len(rest)
		}
		b.WriteString(escape(scheme) + "://" + authority(rest[:end]))
		s = rest[end:]
	}
	before, fragment, ok := strings.Cut(s, "#")
	b.WriteString(escape(before))
	if ok {
		b.WriteString("#" + escape(fragment))
	}
	return b.String()
}

// authority maps the host to its ASCII form; names that have none are percent-encoded, as RFC 3986 allows.
func authority(s string) string {
	user, host, ok := strings.Cut(s, "@")
	if !ok {
		user, host = "", s
	}
	if strings.HasPrefix(host, "[") && strings.IndexFunc(host, func(r rune) bool { return !strings.ContainsRune("[]:.0123456789abcdefABCDEF", r) }) < 0 {
		return s // a literal IPv6 address
	}
	name, port, hasPort := strings.Cut(host, ":")
	if ascii, err := idna.Lookup.ToASCII(name); err == nil {
		name = ascii
	}
	mapped := escape(name)
	if hasPort {
		mapped += ":" + escape(port)
	}
	if ok {
		mapped = escape(user) + "@" + mapped
	}
	return mapped
}

// escape percent-encodes the bytes that may not stand in a URI, and a "%" that encodes nothing.
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if isURIChar(c) && c != '#' && (c != '%' || i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2])) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// isURIChar says whether c is reserved, unreserved or "%" in RFC 3986, but for the brackets of literal addresses.
func isURIChar(c byte) bool {
	return isAlnum(c) || c < 0x80 && strings.IndexByte("-._~:/?#@!$&'()*+,;=%", c) >= 0
}
