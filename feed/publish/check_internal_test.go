package publish

import (
	"fmt"
	"testing"
	"time"

	"feedpub/feed"
)

// TestChecksAreSpread checks that the full checks of many sites are at different times, and those of a site after the
// same interval.
func TestChecksAreSpread(t *testing.T) {
	const sites, slots = 300, 30
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	var at [slots]int
	for i := range sites {
		id := feed.SiteID(fmt.Sprintf("site-%d", i))
		until := untilCheck(id, now)
		if until <= 0 || until > fullCheck {
			t.Fatalf("next check after %v, want at most %v", until, fullCheck)
		}
		at[(until-1)*slots/fullCheck]++
		if again := untilCheck(id, now.Add(until)); again != fullCheck {
			t.Errorf("the check after the next is %v later, want %v", again, fullCheck)
		}
		if sooner := untilCheck(id, now.Add(until/2)); sooner != until-until/2 {
			t.Errorf("after half of %v, the next check is in %v", until, sooner)
		}
	}
	for slot, n := range at {
		if n == 0 || n > 3*sites/slots {
			t.Errorf("%d of %d sites are checked in slot %d of %d", n, sites, slot, slots)
		}
	}
}
