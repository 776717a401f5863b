package render

import (
	"strings"

	"golang.org/x/net/idna"

	"feedpub/feed"
)

// URL returns the absolute URL of the feed's document in a format. It is the target of the document's link with
// rel=self. Some feed readers replace a subscription's URL with this URL.
func URL(site feed.Site, name feed.Name, format feed.Format) string {
	return uri(strings.TrimSuffix(site.BaseURL, "/") + name.Path(format))
}

// historyNamespace is the namespace of the fh:archive element (RFC 5005, section 4).
const historyNamespace = "http://purl.org/syndication/history/1.0"

// history returns the links to the feed's archives in the same format (RFC 5005, section 4).
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

// Link returns the value of the Link header (RFC 8288) for the feed's document in a format: rel=self and, if readers
// can subscribe to the document, rel=hub for each WebSub hub of the site.
func (r *Renderer) Link(f feed.Feed, format feed.Format) string {
	value := "<" + URL(f.Site, f.Name, format) + `>; rel="self"`
	if !format.Subscribed() {
		return value
	}
	for _, hub := range hubsOf(f, r.version) {
		value += ", <" + uri(hub) + `>; rel="hub"`
	}
	return value
}

// firstWithoutHubs is the rendering version from which archives list no hubs.
const firstWithoutHubs = 2

// firstWithNewModel is the first rendering version whose posts are read with the second generation of package
// attribution's tables.
const firstWithNewModel = 3

// hubsOf returns the WebSub hubs that the documents of a feed list. Archives are not topics, so they list none.
func hubsOf(f feed.Feed, version int) []string {
	if isArchive(f) && version >= firstWithoutHubs {
		return nil
	}
	return f.Site.Hubs
}

func isArchive(f feed.Feed) bool {
	_, number := f.Name.Archived()
	return number > 0
}

// uri converts an absolute IRI to a URI (RFC 3987, section 3.1), since RSS, JSON Feed and HTTP headers allow only URIs.
// Characters that are valid in neither are percent-encoded too, so the result is printable ASCII without spaces,
// quotation marks and angle brackets. A URI is returned unchanged.
func uri(s string) string {
	s = strings.TrimSpace(s)
	special := func(r rune) bool { return r >= 0x80 || !isURIChar(byte(r)) || r == '%' || r == '#' }
	if !strings.ContainsFunc(s, special) {
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

// authority converts the host to its ASCII form. Hosts that have no ASCII form are percent-encoded, as RFC 3986 allows.
func authority(s string) string {
	user, host, ok := strings.Cut(s, "@")
	if !ok {
		user, host = "", s
	}
	if strings.HasPrefix(host, "[") && strings.Trim(host, "[]:.0123456789abcdefABCDEF") == "" {
		return s // an IPv6 address
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

// escape percent-encodes bytes that are not valid in a URI, and every "%" that does not begin an escape.
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

// isURIChar reports whether c is "%" or a reserved or unreserved character of RFC 3986 other than "[" and "]".
func isURIChar(c byte) bool {
	return isAlnum(c) || c < 0x80 && strings.IndexByte("-._~:/?#@!$&'()*+,;=%", c) >= 0
}
