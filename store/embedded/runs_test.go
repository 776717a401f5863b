package embedded

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

// TestRunsSurviveARestart checks that runs are restored, even after a line that was not written completely.
func TestRunsSurviveARestart(t *testing.T) {
	data := t.TempDir()
	start := time.Now().UTC().Truncate(time.Millisecond)
	s := open(t, Options{Data: data})
	site := s.Client().Site(testSite)
	run := func(i int, outcome feed.Outcome) feed.Run {
		r := feed.Run{ID: fmt.Sprint(i), Cause: feed.Cause{Trigger: feed.ScheduleTrigger, By: "all feeds"},
			Started: start.Add(time.Duration(i) * time.Second), Builder: "one"}
		r.SetFeeds([]feed.FeedReport{{Feed: feed.Main, Outcome: outcome}})
		return r
	}
	outcomes := []feed.Outcome{feed.Committed, feed.Unchanged, feed.Held, feed.Held, feed.Unchanged, feed.Held, feed.Committed}
	for i, o := range outcomes {
		if err := site.AddRun(t.Context(), run(i, o)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := site.Runs(t.Context())
	if err != nil || len(want.Runs) != 5 {
		t.Fatalf("Runs = %+v, %v; want two commits, a failure, its repetitions and the idle runs", want.Runs, err)
	}
	for i := range 3 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(data, ownFolder, "runs.jsonl")
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(b, `{"id":"torn","trigger":"sche`...), 0o600); err != nil {
			t.Fatal(err)
		}
		s = open(t, Options{Data: data})
		got, err := s.Client().Site(testSite).Runs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("runs after restart %d (-before +after):\n%s", i+1, diff)
		}
	}
}
