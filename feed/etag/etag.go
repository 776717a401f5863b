// Package etag parses the lists of entity tags in If-Match and If-None-Match (RFC 9110 sections 8.8.3 and 13.1). It
// does not compare the tags with a resource: callers have different rules for the comparison.
package etag

import "strings"

// Tag is a member of a list of entity tags.
type Tag struct {
	Opaque string // the opaque tag, without quotation marks
	Weak   bool   // the tag has the prefix W/
	Form   Form
}

// Form is the syntax of a list member.
type Form uint8

// The forms.
const (
	Quoted    Form = iota // an entity tag
	Unquoted              // a token without quotation marks, which some clients send in place of an entity tag
	Malformed             // neither a tag nor a token; the other fields of the Tag are zero
)

// IsAny reports whether a field's value is "*", which matches every current representation.
func IsAny(value string) bool { return strings.Trim(value, " \t") == "*" }

// Next returns the first member of a list and the rest of the list. It returns false if the list is empty. Callers
// must first join the lines of a field with commas. Next does not allocate memory.
func Next(list string) (tag Tag, rest string, ok bool) {
	list = strings.TrimLeft(list, " \t,")
	if list == "" {
		return Tag{}, "", false
	}
	list, tag.Weak = strings.CutPrefix(list, "W/")
	quoted, found := strings.CutPrefix(list, `"`)
	if !found {
		tag.Form = Unquoted
		tag.Opaque, rest, _ = strings.Cut(list, ",")
		tag.Opaque = strings.TrimRight(tag.Opaque, " \t")
		return tag, rest, true
	}
	tag.Opaque, rest, found = strings.Cut(quoted, `"`)
	if !found {
		return Tag{Form: Malformed}, "", true
	}
	rest = strings.TrimLeft(rest, " \t")
	if rest != "" && rest[0] != ',' {
		_, rest, _ = strings.Cut(rest, ",")
		return Tag{Form: Malformed}, rest, true
	}
	return tag, rest, true
}
