package publish

import (
	"fmt"
	"testing"
	"time"

	"feedpub/feed"
)

// TestFirstChecksAreSpread checks that the first full checks of many sites come at different times, and the later ones
// after the whole interval.
func TestFirstChecksAreSpread(t *testing.T) {
	const interval, sites = 10 * time.Second, 300
	whole := int(fullCheck / interval)
	at := make(map[int]int)
	for i := range sites {
		p := &Publisher{config: Config{Site: feed.Site{ID: feed.SiteID(fmt.Sprintf("site-%d", i))}}}
		first := p.roundsToCheck(interval)
		if first < 1 || first > whole {
			t.Fatalf("first check after %d polls, want 1 to %d", first, whole)
		}
		at[first]++
		p.checked = true
		if next := p.roundsToCheck(interval); next != whole {
			t.Errorf("second check after %d polls, want %d", next, whole)
		}
	}
	for first, n := range at {
		if n > 3*sites/whole {
			t.Errorf("%d of %d sites are first checked after %d polls", n, sites, first)
		}
	}
}
