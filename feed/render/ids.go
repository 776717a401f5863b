package render

import (
	"strings"

	"golang.org/x/text/unicode/norm"

	"feedpub/feed"
)

// AtomID returns the atom:id of the post with the given id (RFC 4287, section 4.2.6). It depends on nothing else, and
// different ids give different results, for ever.
//
// An http, https, tag or urn IRI stays as it is, so that a blog that moves here keeps the ids that its readers know.
// Anything else, including what merely looks like an IRI, such as the id "post:1", becomes urn:feedpub:SITE: and the
// percent-encoded id.
func AtomID(site feed.SiteID, id string) string {
	if isIRI(id) && !hasPrefixFold(id, urnPrefix) {
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

// isIRI says whether s is an IRI (RFC 3987) of a scheme whose syntax is checked here.
func isIRI(s string) bool {
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || !isIRIText(rest) {
		return false
	}
	ascii := isASCII(rest)
	switch strings.ToLower(scheme) {
	case "http", "https":
		authority, ok := strings.CutPrefix(rest, "//")
		return ok && authority != "" && !strings.ContainsRune("/?#:@", rune(authority[0]))
	case "tag": // RFC 4151: an authority, a date, and what is specific
		authority, specific, ok := strings.Cut(rest, ":")
		name, date, dated := strings.Cut(authority, ",")
		return ok && ascii && dated && name != "" && specific != "" && isTagDate(date) && isTagAuthority(name)
	case "urn": // RFC 8141: a namespace and what is specific
		nid, nss, ok := strings.Cut(rest, ":")
		return ok && ascii && isURNNamespace(nid) && nss != "" && !strings.ContainsAny(nss, "/?#~&") &&
			(!strings.EqualFold(nid, "uuid") || isUUID(nss))
	default:
		return false
	}
}

// isIRIText says whether s holds only what may stand in an IRI after its scheme. Brackets, which are for literal IPv6
// addresses only, are left out with them.
func isIRIText(s string) bool {
	for i, r := range s {
		switch {
		case r == '%':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return false
			}
		case r < 0x80:
			if !isAlnum(byte(r)) && !strings.ContainsRune("-._~:/?#@!$&'()*+,;=", r) {
				return false
			}
		case !isUcschar(r):
			return false
		}
	}
	return strings.Count(s, "#") <= 1
}

// isUcschar is the production ucschar of RFC 3987, section 2.2. A byte that is not UTF-8 reads as U+FFFD, which is not
// in it.
func isUcschar(r rune) bool {
	switch {
	case r >= 0xA0 && r <= 0xD7FF, r >= 0xF900 && r <= 0xFDCF, r >= 0xFDF0 && r <= 0xFFEF:
		return true
	default:
		return r >= 0x10000 && r <= 0xEFFFD && r&0xFFFF <= 0xFFFD
	}
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
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
