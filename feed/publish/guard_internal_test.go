package publish

import (
	"testing"
	"time"
)

// TestBounded checks that a call that takes too long is abandoned, and that time during which the process is suspended
// does not count.
func TestBounded(t *testing.T) {
	ticks := make(chan time.Time, 100)
	for range 99 {
		ticks <- time.Time{}
	}
	release := make(chan struct{})
	if got, ok := bounded(3, ticks, func() int { <-release; return 1 }); ok {
		t.Errorf("bounded returned %d for a call that has not returned", got)
	}
	if len(ticks) != 96 {
		t.Errorf("bounded has waited for %d ticks, want 3", 99-len(ticks))
	}
	close(release)
	if got, ok := bounded(3, make(chan time.Time), func() int { return 1 }); !ok || got != 1 {
		t.Errorf("bounded = %d, %t for a call that returns; want 1, true", got, ok)
	}
}
