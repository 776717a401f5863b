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
			if oneEdit(lower, known) {
				return fmt.Errorf("front matter: unknown key %q; did you mean %s? The post is not published, "+
					"since it may be meant to stay private: %w", shorten(key), known, feed.ErrInvalid)
			}
		}
	}
	return nil
}

// similarKeys are keys with a different meaning that are similar to those in frontVisibility.
var similarKeys = setOf("publisher", "delete", "builds", "built", "stats")

// oneEdit reports whether a and b differ by one inserted, removed or replaced character, or by two neighbouring
// characters in reverse order.
func oneEdit(a, b string) bool {
	x, y := []rune(a), []rune(b)
	if len(x) > len(y) {
		x, y = y, x
	}
	if len(y)-len(x) > 1 || len(x) < 4 {
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
