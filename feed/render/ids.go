package render

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"feedpub/feed"
)

// AtomID returns the atom:id of the post with the given id (RFC 4287, section 4.2.6). It depends on nothing else, and
// different ids give different results, for ever.
//
// An absolute URI of the schemes http, https, tag and urn stays as it is, so that a blog that moves here keeps the ids
// that its readers know. Anything else becomes urn:feedpub:SITE: and the percent-encoded id: what merely looks like a
// URI, such as the id "post:1", and IRIs beyond ASCII, which RFC 4287 allows but validators and readers stumble over.
func AtomID(site feed.SiteID, id string) string {
	if isURI(id) && !hasPrefixFold(id, urnPrefix) {
		return id
	}
	return urnPrefix + string(site) + ":" + urnEscape(id)
}

// FeedID returns the atom:id of the site's feed of that name. It is none of [AtomID]'s, since those have no colon after
// the site, and does not depend on where the feed is served.
func FeedID(site feed.SiteID, name feed.Name) string {
	return urnPrefix + string(site) + ":feed:" + urnEscape(string(name))
}

const urnPrefix = "urn:feedpub:"

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// urnEscape percent-encodes all but the letters, digits and "-._" of ASCII.
//
// What normalization of URIs (RFC 3986, section 6.2.2; RFC 3987, section 5.3.2) would change again is written as "="
// and two digits instead, because consumers that normalize would take the id for another one: "~", which old URN syntax
// wants encoded and normalization decodes; "%", of which careless decoders make something else; and text that is not in
// NFC, such as the file names of some systems.
func urnEscape(s string) string {
	const hex = "0123456789ABCDEF"
	stable := norm.NFC.IsNormalString(s)
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case isAlnum(c) || c == '-' || c == '.' || c == '_':
			b.WriteByte(c)
			continue
		case c == '~' || c == '%' || c >= 0x80 && !stable:
			b.WriteByte('=')
		default:
			b.WriteByte('%')
		}
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// isURI says whether s is an absolute URI (RFC 3986) of one of the schemes whose syntax is known here.
func isURI(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || !isURIText(rest) {
		return false
	}
	switch strings.ToLower(scheme) {
	case "http", "https":
		authority, ok := strings.CutPrefix(rest, "//")
		return ok && authority != "" && strings.IndexByte("/?#:@", authority[0]) < 0
	case "tag": // RFC 4151: an authority, a date, and what is specific
		authority, specific, ok := strings.Cut(rest, ":")
		name, date, dated := strings.Cut(authority, ",")
		return ok && dated && name != "" && specific != "" && isTagDate(date) && isTagAuthority(name)
	case "urn": // RFC 2141: a namespace and what is specific, without the characters that only RFC 8141 allows
		nid, nss, ok := strings.Cut(rest, ":")
		return ok && isURNNamespace(nid) && nss != "" && !strings.ContainsAny(nss, "/?#~&") &&
			(!strings.EqualFold(nid, "uuid") || isUUID(nss))
	default:
		return false
	}
}

// isURIText says whether s holds only what may stand in a URI after its scheme.
func isURIText(s string) bool {
	for i := range len(s) {
		if !isURIChar(s[i]) || s[i] == '%' && (i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2])) {
			return false
		}
	}
	return strings.Count(s, "#") <= 1
}

func isTagAuthority(s string) bool {
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9') && !strings.ContainsRune("-._@", rune(c)) {
			return false
		}
	}
	return true
}

// isTagDate says whether s is YYYY, YYYY-MM or YYYY-MM-DD in form.
func isTagDate(s string) bool {
	const form = "0000-00-00"
	if len(s) != 4 && len(s) != 7 && len(s) != 10 {
		return false
	}
	for i := range len(s) {
		if digit := s[i] >= '0' && s[i] <= '9'; digit != (form[i] == '0') || !digit && s[i] != '-' {
			return false
		}
	}
	return true
}

func isURNNamespace(s string) bool {
	if len(s) < 2 || len(s) > 32 || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		if !isAlnum(s[i]) && s[i] != '-' {
			return false
		}
	}
	return true
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		if hyphen := i == 8 || i == 13 || i == 18 || i == 23; hyphen != (s[i] == '-') || !hyphen && !isHex(s[i]) {
			return false
		}
	}
	return true
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
