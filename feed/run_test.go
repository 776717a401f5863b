package feed

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// runAt returns a run in which one feed had outcome o.
func runAt(id int, after time.Duration, o Outcome) Run {
	start := time.Date(2024, 5, 17, 12, 0, 0, 0, time.UTC)
	r := Run{
		ID: fmt.Sprintf("17159472%05d-abc123", id), Cause: Cause{ScheduleTrigger, "all feeds"}, Started: start.Add(after),
		Duration: 1234, Stages: map[Stage]int64{AbsorbStage: 400, ReconcileStage: 3, RenderStage: 500, CommitStage: 300},
		Absorbed: 2, Builder: "blog.example.org:4711:abcdefghijklmnop", Release: "v1.2.3",
	}
	r.SetFeeds([]FeedReport{{Feed: Main, Outcome: o, Items: 50}, {Feed: "tags/go", Outcome: Unchanged, Items: 12}})
	return r
}

// TestRunIsSmall checks the size of records: a store keeps 1,000 of them, which must take little memory.
func TestRunIsSmall(t *testing.T) {
	length := func(r Run) int {
		t.Helper()
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		return len(b)
	}
	const typical, worst = 600, 40_000
	if n := length(runAt(1, 0, Committed)); n > typical {
		t.Errorf("a typical run takes %d bytes, want at most %d", n, typical)
	}
	r := runAt(1, 0, Failed)
	var reports []FeedReport
	for i := range 10_000 {
		reports = append(reports, FeedReport{
			Feed: Name(fmt.Sprintf("tags/%d", i)), Outcome: Failed, Reason: strings.Repeat("no luck, ", 1000),
		})
	}
	r.SetFeeds(reports)
	r.SetError(errors.New(strings.Repeat("é", 5000)))
	if n := length(r); n > worst || len(r.Feeds) != MaxRunFeeds || r.Outcomes[Failed] != 10_000 {
		t.Errorf("a run in which 10,000 feeds failed takes %d bytes and names %d; want at most %d, and %d of %d",
			n, len(r.Feeds), worst, MaxRunFeeds, r.Outcomes[Failed])
	}
}

// TestRunLogKeepsFailures checks that neither many successful runs nor idle ones remove a failure.
func TestRunLogKeepsFailures(t *testing.T) {
	var l RunLog
	l.Add(runAt(0, 0, Held))
	rejected := runAt(1, time.Second, Committed)
	rejected.Rejected = 1
	l.Add(rejected)
	l.Add(runAt(2, 2*time.Second, Committed))
	for i := range 3 * KeptRuns {
		idle := runAt(10_000+i, time.Duration(i+10)*time.Second, Unchanged)
		idle.Absorbed = 0
		l.Add(idle)
	}
	now := runAt(0, 0, Committed).Started.Add(2 * time.Hour)
	if runs := l.History(now).Runs; len(runs) != 4 || runs[0].Times != 3*KeptRuns {
		t.Errorf("%d runs are recorded after %d idle ones, want the idle ones counted together and 3 others", len(runs), 3*KeptRuns)
	}
	for i := range KeptRuns {
		l.Add(runAt(100+i, time.Duration(i+10)*time.Second, Committed))
	}
	failed := RunFilter{Failed: true}.Select(l.History(now).Runs)
	if len(failed) != 2 {
		t.Errorf("after %d successful runs, %d runs that failed or rejected posts are recorded, want 2", KeptRuns, len(failed))
	}
	for _, tt := range []struct {
		after time.Duration
		want  int
	}{{RunAge - time.Hour, KeptRuns + 3}, {RunAge + 3*time.Hour, 2}, {FailureAge - time.Hour, 2}, {FailureAge + 3*time.Hour, 0}} {
		if got := len(l.History(now.Add(tt.after - 2*time.Hour)).Runs); got != tt.want {
			t.Errorf("%v after the first run, %d runs are recorded, want %d", tt.after, got, tt.want)
		}
	}
}
