package feed_test

import (
	"testing"

	"feedpub/feed"
)

func TestBoundOwner(t *testing.T) {
	for _, tt := range []struct{ owner, unbound, process string }{
		{feed.BoundOwner("host:1:X", "host:1:Y"), "host:1:X", "host:1:Y"},
		{feed.BoundOwner("a@b", "p"), "a@b", "p"},
		{"host:1:X", "host:1:X", ""},
		{"", "", ""},
	} {
		if got := feed.UnboundOwner(tt.owner); got != tt.unbound {
			t.Errorf("UnboundOwner(%q) = %q, want %q", tt.owner, got, tt.unbound)
		}
		if got := feed.ProcessOf(tt.owner); got != tt.process {
			t.Errorf("ProcessOf(%q) = %q, want %q", tt.owner, got, tt.process)
		}
	}
}
