package hub

import (
	"testing"

	"feedpub/feed"
)

// TestPauseWhileClaiming checks that a host's pause is kept if the host is released while a call that claims work is in
// progress: that call may have reached the store before the report of the pause.
func TestPauseWhileClaiming(t *testing.T) {
	h := &New(Config{}).hosts
	first := feed.Claim{Host: "example.org"}
	fail := func() {
		t.Helper()
		if h.admit(first.Host, ours, nil) != start {
			t.Fatal("the request was not admitted")
		}
		h.done(first.Host, ours, failing)
	}
	claim := func(serial int64) {
		h.claimed(first, serial)
	}
	end := h.claiming()
	claim(1)
	end()
	for range breakerFailures {
		fail()
	}
	h.ended(first)

	end = h.claiming()
	reports := h.take()
	if len(reports) != 1 || reports[0].Pause != breakerTime || !reports[0].Release {
		t.Fatalf("the reports are %+v, want a pause and a release", reports)
	}
	h.forget(reports)
	claim(2)
	end()
	if got := h.admit(first.Host, strangers, nil); got != broken {
		t.Errorf("admit returned %v for a request to a failing host, want broken (%v)", got, broken)
	}
	h.ended(first)

	reports = h.take()
	if len(reports) != 1 || reports[0].Serial != 2 || !reports[0].Release {
		t.Fatalf("the reports are %+v, want a release after the second claim", reports)
	}
	h.forget(reports)
	if len(h.byName) != 0 {
		t.Errorf("%d hosts are kept after their release", len(h.byName))
	}
}

// TestReleaseWhileClaiming checks that a host that is released while a call that claims work is in progress is reported
// again, and forgotten then, if the call claims nothing for that host.
func TestReleaseWhileClaiming(t *testing.T) {
	h := &New(Config{}).hosts
	c := feed.Claim{Host: "example.org"}
	h.claimed(c, 1)
	h.ended(c)
	end := h.claiming()
	h.forget(h.take())
	if len(h.byName) != 1 {
		t.Error("the host was forgotten during the call")
	}
	end()
	select {
	case <-h.reports:
	default:
		t.Fatal("the host is not reported again after the call")
	}
	reports := h.take()
	if len(reports) != 1 || !reports[0].Release {
		t.Fatalf("the reports are %+v, want a release", reports)
	}
	if h.forget(reports); len(h.byName) != 0 {
		t.Error("the host was not forgotten after the call")
	}
}
