package admin

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"feedpub/feed"
	"feedpub/feed/etag"
)

// conditions are a request's preconditions (RFC 9110 section 13.1). Preconditions with dates are not supported, because
// posts have only entity tags.
type conditions struct {
	match, noneMatch tagList
}

// tagList is the value of If-Match or If-None-Match.
type tagList struct {
	given bool
	any   bool // "*"
	tags  []string
}

func readConditions(h http.Header) (conditions, error) {
	var c conditions
	for name, list := range map[string]*tagList{"If-Match": &c.match, "If-None-Match": &c.noneMatch} {
		value := strings.Join(h.Values(name), ",")
		if !list.parse(value) {
			return conditions{}, fmt.Errorf(`%s %q: want "*" or entity tags in quotation marks: %w`, name, value,
				feed.ErrInvalid)
		}
	}
	return c, nil
}

// parse parses s into l and reports whether s is valid: "*", a list of entity tags, or empty.
func (l *tagList) parse(s string) bool {
	s = strings.Trim(s, " \t,")
	if l.given, l.any = s != "", etag.IsAny(s); l.any {
		return true
	}
	for {
		tag, rest, ok := etag.Next(s)
		switch {
		case !ok:
			return true
		case tag.Form != etag.Quoted:
			return false
		case !tag.Weak: // a weak tag never matches in a strong comparison
			l.tags = append(l.tags, `"`+tag.Opaque+`"`)
		}
		s = rest
	}
}

// matches reports whether the list contains the entity tag of the stored post, which is nil if there is none.
func (l tagList) matches(current []byte) bool {
	return current != nil && (l.any || slices.Contains(l.tags, entityTag(current)))
}

// check returns a problem if the preconditions do not hold for the stored post, which is nil if there is none.
func (c conditions) check(current []byte) error {
	switch {
	case c.match.given && current == nil:
		return problem{Status: http.StatusPreconditionFailed, Detail: "The post does not exist."}
	case c.match.given && !c.match.matches(current):
		return problem{Status: http.StatusPreconditionFailed,
			Detail: "The post has changed: its entity tag is " + entityTag(current) + "."}
	case c.noneMatch.given && c.noneMatch.matches(current):
		return problem{Status: http.StatusPreconditionFailed, Detail: "A post with this id exists."}
	}
	return nil
}
