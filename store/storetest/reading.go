package storetest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"feedpub/feed"
)

func readingTests() []test {
	return []test{
		{"ReadingsOutliveBuilders", testReadingsOutliveBuilders},
		{"CostlyVersions", testCostlyVersions},
	}
}

func testReadingsOutliveBuilders(t *testing.T, s suite) {
	want := func(when string, want map[string][]string) {
		t.Helper()
		got, err := s.open().Readings(s.ctx)
		must(t, "Readings", err)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("Readings %s (-want +got):\n%s", when, diff)
		}
	}
	want("of an empty store", nil)
	must(t, "SetReading", s.SetReading(s.ctx, "one", "a", "b"))
	must(t, "SetReading", s.SetReading(s.ctx, "two", "<c> \u2028"))
	must(t, "SetReading", s.SetReading(s.ctx, "one", "d"))
	want("of two builders", map[string][]string{"one": {"d"}, "two": {"<c> \u2028"}})
	must(t, "SetReading", s.SetReading(s.ctx, "one"))
	must(t, "SetReading of nothing again", s.SetReading(s.ctx, "one"))
	want("after one builder is done", map[string][]string{"two": {"<c> \u2028"}})
}

func testCostlyVersions(t *testing.T, s suite) {
	want := func(when string, want ...feed.Costly) {
		t.Helper()
		got, err := s.open().Costly(s.ctx)
		must(t, "Costly", err)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("Costly %s (-want +got):\n%s", when, diff)
		}
	}
	want("of an empty store")
	a := feed.Costly{ID: "a", Sum: feed.HashOf([]byte("1")), Intake: "1-x", Reason: "slow"}
	b := feed.Costly{ID: "b", Sum: feed.HashOf([]byte("2")), Intake: "1-x", Reason: "deadly"}
	must(t, "SetCostly of nothing", s.SetCostly(s.ctx))
	must(t, "SetCostly", s.SetCostly(s.ctx, b, a))
	want("after two were set", a, b)
	a.Reason = "slower"
	must(t, "SetCostly", s.SetCostly(s.ctx, a))
	must(t, "RemoveCostly", s.RemoveCostly(s.ctx, "b", "none"))
	must(t, "RemoveCostly of nothing", s.RemoveCostly(s.ctx))
	want("after a change and a removal", a)
}
