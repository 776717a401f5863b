package admin

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"feedpub/feed"
)

// conditions are a request's preconditions (RFC 9110 section 13.1). Those with dates are not known here: a post's
// version is told by its entity tag only.
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
			return conditions{}, fmt.Errorf(`%s %q: want "*" or entity tags in quotation marks: %w`, name, value, feed.ErrInvalid)
		}
	}
	return c, nil
}

// parse reports whether s is "*", a list of entity tags, or nothing.
func (l *tagList) parse(s string) bool {
	if s = strings.Trim(s, " \t,"); s == "" {
		return true
	}
	l.given = true
	if s == "*" {
		l.any = true
		return true
	}
	for s != "" {
		weak := strings.HasPrefix(s, "W/")
		rest, ok := strings.CutPrefix(strings.TrimPrefix(s, "W/"), `"`)
		tag, after, closed := strings.Cut(rest, `"`)
		after = strings.TrimLeft(after, " \t")
		if !ok || !closed || after != "" && after[0] != ',' {
			return false
		}
		if !weak { // ours are strong, and a weak one is equal to none of them in the strong comparison
			l.tags = append(l.tags, `"`+tag+`"`)
		}
		s = strings.TrimLeft(after, " \t,")
	}
	return true
}

// matches reports whether the list has the version of a post that is stored, nil for none.
func (l tagList) matches(current []byte) bool {
	return current != nil && (l.any || slices.Contains(l.tags, entityTag(current)))
}

// check returns a problem if a write must not be done on the version of a post that is stored, nil for none.
func (c conditions) check(current []byte) error {
	switch {
	case c.match.given && current == nil:
		return problem{Status: http.StatusPreconditionFailed, Detail: "There is no such post (any more)."}
	case c.match.given && !c.match.matches(current):
		return problem{Status: http.StatusPreconditionFailed,
			Detail: "The post is another version than the one named: somebody has changed it. Its entity tag is " +
				entityTag(current) + "."}
	case c.noneMatch.given && c.noneMatch.matches(current):
		return problem{Status: http.StatusPreconditionFailed, Detail: "There is a post with this id already."}
	}
	return nil
}
