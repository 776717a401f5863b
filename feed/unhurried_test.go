package feed_test

import (
	"testing"
	"time"

	"feedpub/feed"
)

func TestUnhurriedWait(t *testing.T) {
	start := time.Unix(1_800_000_000, 0)
	for _, test := range []struct{ after, wait, want time.Duration }{
		{0, 5 * time.Second, 5*time.Second + 225*time.Millisecond},
		{100 * time.Millisecond, 5 * time.Second, 5*time.Second + 125*time.Millisecond},
		{225 * time.Millisecond, 5 * time.Second, 5 * time.Second},
		{226 * time.Millisecond, 5 * time.Second, 5*time.Second + 249*time.Millisecond},
		{100 * time.Millisecond, 2*time.Second - 1, 2*time.Second - 1}, // too short to be extended
		{100 * time.Millisecond, 0, 0},
	} {
		if got := feed.UnhurriedWait(start.Add(test.after), test.wait); got != test.want {
			t.Errorf("UnhurriedWait(%v after a second, %v) = %v, want %v", test.after, test.wait, got, test.want)
		}
	}
}
