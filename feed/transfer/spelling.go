package transfer

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"feedpub/feed"
)

// checkSpelling returns an error if a key of the front matter is a misspelling of a key that keeps a post from being
// published, such as "draf". Other unknown keys are kept, since people and programs use their own keys.
func checkSpelling(front map[string]any) error {
	for _, key := range slices.Sorted(maps.Keys(front)) {
		lower := strings.ToLower(key)
		if frontVisibility[lower] != nil || scheduleKeys[lower] || similarKeys[lower] {
			continue
		}
		for _, known := range slices.Sorted(maps.Keys(frontVisibility)) {
			if len(lower) > 3 && oneEdit(lower, known) {
				return fmt.Errorf("front matter: unknown key %q; did you mean %s? The post is not published, "+
					"since it may be meant to stay private: %w", shorten(key), known, feed.ErrInvalid)
			}
		}
	}
	return nil
}

// similarKeys are keys with a different meaning that are similar to known keys.
var similarKeys = setOf("publisher", "delete", "builds", "built", "stats",
	"links", "line", "sources", "images", "languages", "slugs", "permalinks", "uid", "uuid", "url2", "titles", "dates")

// spellingNotes returns a note for each unknown key of the front matter that is similar to a known key, unless the post
// has that key, too.
func spellingNotes(front map[string]any) (notes []string) {
	given := map[string]bool{}
	for key := range front {
		given[strings.ToLower(key)] = true
	}
	known := knownKeys()
	for _, key := range slices.Sorted(maps.Keys(front)) {
		lower := strings.ToLower(key)
		if _, ok := known[lower]; ok || frontVisibility[lower] != nil || scheduleKeys[lower] || similarKeys[lower] {
			continue
		}
		for _, other := range slices.Sorted(maps.Keys(known)) {
			if oneEdit(lower, other) && !givenMember(given, known, known[other]) {
				notes = append(notes, fmt.Sprintf("unknown front matter key %q; did you mean %s?", shorten(key), other))
				break
			}
		}
		if len(notes) == maxNotes {
			break
		}
	}
	return notes
}

// knownKeys maps the keys of front matter to the members of a post that they set.
func knownKeys() map[string]string {
	known := map[string]string{
		"title": "title", "authors": "authors", "author": "authors", "tags": "tags", "categories": "tags", "category": "tags",
		"taxonomies": "tags", "attachments": "attachments", "image": "image", "slug": "slug", "via": "via", "via_url": "via",
		"via-url": "via", "quotes": "quotes", "attribution": "attribution", "exclude_from": "exclude_from",
	}
	for _, f := range frontMatterKeys {
		known[f.key], known[f.member] = f.member, f.member
	}
	return known
}

// givenMember reports whether one of the keys in given sets the member. The map known contains the member that each key
// sets.
func givenMember(given map[string]bool, known map[string]string, member string) bool {
	for key := range given {
		if known[key] == member {
			return true
		}
	}
	return false
}

// oneEdit reports whether a and b differ by one inserted, removed or replaced character, or by two neighboring
// characters in reverse order.
func oneEdit(a, b string) bool {
	x, y := []rune(a), []rune(b)
	if len(x) > len(y) {
		x, y = y, x
	}
	if len(y)-len(x) > 1 || len(x) < 3 {
		return false
	}
	start := 0
	for start < len(x) && x[start] == y[start] {
		start++
	}
	restX, restY := x[start:], y[start:]
	if len(x) < len(y) {
		return slices.Equal(restX, restY[1:])
	}
	if len(restX) == 0 {
		return false // equal
	}
	swapped := len(restX) > 1 && restX[0] == restY[1] && restX[1] == restY[0] && slices.Equal(restX[2:], restY[2:])
	return swapped || slices.Equal(restX[1:], restY[1:])
}
