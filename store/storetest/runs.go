package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"feedpub/feed"
)

func runTests() []test {
	return []test{
		{"RunsNewestFirst", testRunsNewestFirst},
		{"RunByID", testRunByID},
		{"IdleRunsAreCounted", testIdleRunsAreCounted},
		{"IdleRunsDoNotReplaceOthers", testIdleRunsDoNotReplaceOthers},
		{"RepeatedFailuresAreCounted", testRepeatedFailuresAreCounted},
		{"RunsAreBounded", testRunsAreBounded},
		{"FailuresAreKeptLonger", testFailuresAreKeptLonger},
		{"LastRunOfEachCause", testLastRunOfEachCause},
		{"RunsOfSites", testRunsOfSites},
	}
}

// newRun returns a run with the given start, cause and outcomes of feeds.
func newRun(id string, at time.Time, c feed.Cause, reports ...feed.FeedReport) feed.Run {
	r := feed.Run{ID: id, Cause: c, Started: at, Duration: 12, Builder: "one", Release: "v1"}
	r.SetFeeds(reports)
	return r
}

func committed() feed.FeedReport {
	return feed.FeedReport{Feed: feed.Main, Outcome: feed.Committed, Items: 3}
}

func unchanged(n feed.Name) feed.FeedReport {
	return feed.FeedReport{Feed: n, Outcome: feed.Unchanged, Items: 3}
}

func held(reason string) feed.FeedReport {
	return feed.FeedReport{Feed: feed.Main, Outcome: feed.Held, Items: 3, Reason: reason}
}

// now returns the current time in whole milliseconds, the precision of times in a store.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

var (
	scheduled = feed.Cause{Trigger: feed.ScheduleTrigger, By: "all feeds"}
	byToken   = feed.Cause{Trigger: feed.HTTPTrigger, By: "alice smith"}
)

func (s suite) addRuns(t *testing.T, runs ...feed.Run) {
	t.Helper()
	for _, r := range runs {
		must(t, "AddRun", s.AddRun(s.ctx, r))
	}
}

// wantRuns checks the recorded runs.
func (s suite) wantRuns(t *testing.T, want ...feed.Run) {
	t.Helper()
	got, err := s.open().Runs(s.ctx)
	must(t, "Runs", err)
	if diff := cmp.Diff(want, got.Runs, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
}

func testRunsNewestFirst(t *testing.T, s suite) {
	s.wantRuns(t)
	start := now()
	one := newRun("1", start, byToken, committed(), unchanged("tags/a"))
	one.Stages = map[feed.Stage]int64{feed.AbsorbStage: 3, feed.CommitStage: 4}
	one.Absorbed, one.Rejected = 2, 1
	two := newRun("2", start.Add(time.Second), feed.Cause{Trigger: feed.ChangeTrigger}, held("posts vanished"))
	three := newRun("3", start.Add(2*time.Second), scheduled, committed())
	s.addRuns(t, one, two, three)
	s.wantRuns(t, three, two, one)
}

func testRunByID(t *testing.T, s suite) {
	r := newRun("some id", now(), scheduled, committed())
	s.addRuns(t, r)
	got, err := s.Run(s.ctx, r.ID)
	must(t, "Run", err)
	if diff := cmp.Diff(r, got); diff != "" {
		t.Errorf("run (-want +got):\n%s", diff)
	}
	_, err = s.Run(s.ctx, "other id")
	wantKind(t, "Run with an unknown id", err, feed.ErrNotFound)
}

func testIdleRunsAreCounted(t *testing.T, s suite) {
	start := now()
	first := newRun("1", start, scheduled, unchanged(feed.Main))
	s.addRuns(t, first)
	s.wantRuns(t, first)
	last := newRun("3", start.Add(2*time.Minute), scheduled, unchanged(feed.Main))
	s.addRuns(t, newRun("2", start.Add(time.Minute), scheduled, unchanged(feed.Main)), last)
	last.Times, last.Since = 3, start
	other := newRun("4", start.Add(3*time.Minute), byToken)
	s.addRuns(t, other)
	s.wantRuns(t, other, last)
}

func testIdleRunsDoNotReplaceOthers(t *testing.T, s suite) {
	start := now()
	r := newRun("1", start, scheduled, committed())
	s.addRuns(t, r)
	var last feed.Run
	for i := range feed.KeptRuns + 10 {
		last = newRun(fmt.Sprintf("idle %d", i), start.Add(time.Duration(i+1)*time.Second), scheduled, unchanged(feed.Main))
		s.addRuns(t, last)
	}
	last.Times, last.Since = feed.KeptRuns+10, start.Add(time.Second)
	s.wantRuns(t, last, r)
}

func testRepeatedFailuresAreCounted(t *testing.T, s suite) {
	start := now()
	failed := func(id string, after time.Duration, reason string) feed.Run {
		return newRun(id, start.Add(after), scheduled, held(reason))
	}
	first, second, other := failed("1", 0, "a"), failed("2", time.Minute, "a"), failed("3", 2*time.Minute, "b")
	s.addRuns(t, first)
	s.wantRuns(t, first)
	s.addRuns(t, second, other)
	counted := second
	counted.Times, counted.Since = 2, start
	s.wantRuns(t, other, counted, first)
	// A record that represents several runs can be restored.
	s.addRuns(t, counted)
	s.wantRuns(t, other, counted, first)
	// A failure after feed.RepeatWindow starts a new count.
	later := failed("4", time.Minute+feed.RepeatWindow+time.Second, "a")
	s.addRuns(t, later)
	s.wantRuns(t, later, other, first)
}

func testRunsAreBounded(t *testing.T, s suite) {
	start := now()
	failed := newRun("failed", start, scheduled, held("posts vanished"))
	s.addRuns(t, failed)
	for i := range feed.KeptRuns + 20 {
		s.addRuns(t, newRun(fmt.Sprint(i), start.Add(time.Duration(i)*time.Second), byToken, committed()))
	}
	got, err := s.Runs(s.ctx)
	must(t, "Runs", err)
	if n := len(got.Runs); n != feed.KeptRuns+1 || got.Runs[0].ID != fmt.Sprint(feed.KeptRuns+19) ||
		got.Runs[n-1].ID != failed.ID {
		t.Errorf("%d runs are recorded; want the newest %d, and the failed one", n, feed.KeptRuns)
	}
	for i := range feed.KeptCauses + 5 {
		c := feed.Cause{Trigger: feed.HTTPTrigger, By: fmt.Sprint(i)}
		s.addRuns(t, newRun("idle", start.Add(time.Hour+time.Duration(i)*time.Second), c))
	}
	got, err = s.Runs(s.ctx)
	must(t, "Runs", err)
	if n := len(got.Last); n != feed.KeptCauses {
		t.Errorf("the last runs of %d causes are recorded; want %d", n, feed.KeptCauses)
	}
	if n := len(got.Runs); n != feed.KeptRuns+1+feed.KeptCauses {
		t.Errorf("%d runs are recorded; want %d, the failed one and %d idle ones", n, feed.KeptRuns, feed.KeptCauses)
	}
}

func testFailuresAreKeptLonger(t *testing.T, s suite) {
	at := now().Add(-feed.RunAge - time.Hour)
	old := newRun("old", at, scheduled, committed())
	failed := newRun("failed", at.Add(time.Second), scheduled)
	failed.SetError(errors.New("no luck"))
	rejected := newRun("rejected", at.Add(2*time.Second), scheduled, committed())
	rejected.Rejected = 1
	tooOld := newRun("too old", now().Add(-feed.FailureAge-time.Hour), byToken, held("posts vanished"))
	s.addRuns(t, old, failed, rejected, tooOld)
	s.wantRuns(t, rejected, failed)
}

func testLastRunOfEachCause(t *testing.T, s suite) {
	start := now()
	s.addRuns(t, newRun("1", start, scheduled, committed()), newRun("2", start.Add(time.Minute), byToken),
		newRun("3", start.Add(2*time.Minute), scheduled))
	got, err := s.Runs(s.ctx)
	must(t, "Runs", err)
	want := map[feed.Cause]time.Time{scheduled: start.Add(2 * time.Minute), byToken: start.Add(time.Minute)}
	if diff := cmp.Diff(want, got.Last); diff != "" {
		t.Errorf("last runs by cause (-want +got):\n%s", diff)
	}
}

func testRunsOfSites(t *testing.T, s suite) {
	s.addRuns(t, newRun("1", now(), scheduled, committed()))
	got, err := s.other("another-site").Runs(s.ctx)
	must(t, "Runs", err)
	if len(got.Runs)+len(got.Last) != 0 {
		t.Errorf("another site has the runs %+v; want none", got)
	}
}
