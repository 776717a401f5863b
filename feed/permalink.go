package feed

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// PermalinkKeys returns the keys that [Site.Permalink] can contain, each preceded by a colon: the parts of the post's
// date as written, the slug of the post, and the path of its file without the extension.
func PermalinkKeys() []string { return []string{"year", "month", "day", "slug", "path"} }

var permalinkKey = regexp.MustCompile(`:[A-Za-z_]+`)

// CheckPermalink returns nil if the pattern is an absolute path that depends on the slug or the path of a post, so that
// each post has its own URL. Otherwise the error is of kind [ErrInvalid].
func CheckPermalink(pattern string) error {
	if u, err := url.Parse(pattern); !strings.HasPrefix(pattern, "/") || err != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("want a path such as /:year/:month/:slug/, got %q: %w", pattern, ErrInvalid)
	}
	distinct := false
	for _, key := range permalinkKey.FindAllString(pattern, -1) {
		switch key[1:] {
		case "slug", "path":
			distinct = true
		case "year", "month", "day":
		default:
			return fmt.Errorf("want only :%s, got %q: %w", strings.Join(PermalinkKeys(), ", :"), key, ErrInvalid)
		}
	}
	if !distinct {
		return fmt.Errorf("want a pattern with :slug or :path, so that each post has its own URL, got %q: %w", pattern, ErrInvalid)
	}
	return nil
}

// ExpandPermalink replaces the keys in a pattern with their values.
func ExpandPermalink(pattern string, value func(key string) string) string {
	return permalinkKey.ReplaceAllStringFunc(pattern, func(key string) string { return value(key[1:]) })
}
