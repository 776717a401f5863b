//go:build !race && unix

// The race detector distorts times and allocation counts, so "make test" runs this file without it.

package markup

import (
	"errors"
	"testing"

	"feedpub/feed"
	"feedpub/feed/posttest"
)

// TestParseCost checks that the time and memory needed for a hostile body grow at most linearly with its length.
func TestParseCost(t *testing.T) {
	for _, format := range []Format{Text, HTML, Markdown} {
		unchanged := func(text string) string { return text }
		posttest.CheckCost(t, string(format), unchanged, func(text string) {
			if n, err := Parse(format, text); err == nil {
				Clean(n)
			} else if !errors.Is(err, feed.ErrInvalid) {
				t.Errorf("Parse as %s: error %v, want an error of kind ErrInvalid", format, err)
			}
		})
	}
}
