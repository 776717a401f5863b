package render

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"feedpub/feed"
)

// AtomID returns the atom:id of a post (RFC 4287, section 4.2.6). It depends only on the arguments, and different ids
// have different results. The result for an id must never change, or feed readers would show the post as new.
//
// An absolute URI with an http, https, tag or urn scheme is returned unchanged, so that feed readers do not show the
// posts of an imported blog as new. Any other id becomes urn:feedpub:SITE: followed by the percent-encoded id. That
// includes ids that only look like a URI, such as "post:1", and IRIs with non-ASCII characters, which RFC 4287 allows
// but many validators and feed readers do not accept.
func AtomID(site feed.SiteID, id string) string {
	if isURI(id) && !hasPrefixFold(id, urnPrefix) {
		return id
	}
	return urnPrefix + string(site) + ":" + urnEscape(id)
}

// FeedID returns the atom:id of a feed. It differs from every result of [AtomID]: after the prefix urn:feedpub:SITE:, a
// feed's id contains a colon and a post's id does not. It does not depend on the URL of the feed.
func FeedID(site feed.SiteID, name feed.Name) string {
	return urnPrefix + string(site) + ":feed:" + urnEscape(string(name))
}

const urnPrefix = "urn:feedpub:"

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// urnEscape percent-encodes all bytes except ASCII letters, digits and "-._".
//
// Bytes that URI normalization (RFC 3986, section 6.2.2; RFC 3987, section 5.3.2) would change are written as "=" and
// two digits instead, because a consumer that normalizes URIs would see a different id. These are "~", which must be
// encoded in the older URN syntax but is decoded by normalization; "%", which may be decoded twice; and all non-ASCII
// bytes of text that is not in NFC, such as file names on some systems.
func urnEscape(s string) string {
	const hex = "0123456789ABCDEF"
	normalized := norm.NFC.IsNormalString(s)
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case isAlnum(c) || c == '-' || c == '.' || c == '_':
			b.WriteByte(c)
			continue
		case c == '~' || c == '%' || c >= 0x80 && !normalized:
			b.WriteByte('=')
		default:
			b.WriteByte('%')
		}
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// uriSchemes maps the schemes whose URIs are kept as atom:id to functions that report whether the text after "scheme:"
// is valid. It is not modified.
var uriSchemes = map[string]func(rest string) bool{"http": isHTTP, "https": isHTTP, "tag": isTag, "urn": isURN}

// isURI reports whether s is an absolute URI (RFC 3986) with one of the uriSchemes.
func isURI(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	valid := uriSchemes[strings.ToLower(scheme)]
	return ok && valid != nil && isURIText(rest) && valid(rest)
}

// isHTTP reports whether rest has an authority with a host.
func isHTTP(rest string) bool {
	authority, ok := strings.CutPrefix(rest, "//")
	return ok && authority != "" && strings.IndexByte("/?#:@", authority[0]) < 0
}

// isTag reports whether rest is an authority, a date and a specific part (RFC 4151).
func isTag(rest string) bool {
	entity, specific, ok := strings.Cut(rest, ":")
	name, date, dated := strings.Cut(entity, ",")
	return ok && dated && name != "" && specific != "" && isTagDate(date) && isTagAuthority(name)
}

// isURN reports whether rest is a namespace and a name as RFC 2141 defines them: without the characters that only
// RFC 8141 allows.
func isURN(rest string) bool {
	nid, nss, ok := strings.Cut(rest, ":")
	return ok && isURNNamespace(nid) && nss != "" && !strings.ContainsAny(nss, "/?#~&") &&
		(!strings.EqualFold(nid, "uuid") || isUUID(nss))
}

// isURIText reports whether all characters of s are valid in a URI after its scheme.
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

// isTagDate reports whether s has the form YYYY, YYYY-MM or YYYY-MM-DD.
func isTagDate(s string) bool {
	const layout = "0000-00-00"
	if len(s) != 4 && len(s) != 7 && len(s) != 10 {
		return false
	}
	for i := range len(s) {
		if digit := s[i] >= '0' && s[i] <= '9'; digit != (layout[i] == '0') || !digit && s[i] != '-' {
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
