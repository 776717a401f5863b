package admin

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

// someRuns returns three runs, newest first.
func someRuns() []feed.Run {
	run := func(id string, minute int, trigger feed.Trigger, reports ...feed.FeedReport) feed.Run {
		r := feed.Run{
			ID: id, Cause: feed.Cause{Trigger: trigger, By: "alice"}, Builder: "host:1",
			Started: time.Date(2024, 5, 17, 12, minute, 0, 0, time.UTC), Duration: 12,
			Stages: map[feed.Stage]int64{feed.RenderStage: 3},
		}
		r.SetFeeds(reports)
		return r
	}
	idle := run("r3", 2, feed.ScheduleTrigger, feed.FeedReport{Feed: feed.Main, Outcome: feed.Unchanged, Items: 2})
	idle.Times, idle.Since = 7, idle.Started.Add(-time.Hour)
	rejected := run("r1", 0, feed.ChangeTrigger, feed.FeedReport{Feed: "tags/go", Outcome: feed.Committed, Items: 1})
	rejected.Absorbed, rejected.Rejected, rejected.RejectedPosts = 2, 1, []string{"bad"}
	return []feed.Run{idle, run("r2", 1, feed.HTTPTrigger,
		feed.FeedReport{Feed: feed.Main, Outcome: feed.Held, Items: 2, Reason: "posts vanished"}), rejected}
}

func TestRuns(t *testing.T) {
	for target, want := range map[string][]string{
		"/runs":                          {"r3", "r2", "r1"},
		"/sites/main/runs":               {"r3", "r2", "r1"},
		"/runs?feed=main":                {"r3", "r2"},
		"/runs?failed=true":              {"r2", "r1"},
		"/runs?failed=false&limit=1":     {"r3"},
		"/runs?feed=tags/go&failed=true": {"r1"},
		"/runs?feed=none":                {},
	} {
		res := ask(t, config(t, &fake{runs: someRuns()}), http.MethodGet, target, "")
		var got struct{ Runs []siteRun }
		if err := json.Unmarshal([]byte(text(t, res)), &got); err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("GET %s: status %d, %v", target, res.StatusCode, err)
			continue
		}
		ids := []string{}
		for _, r := range got.Runs {
			ids = append(ids, r.ID)
			if r.Site != "main" {
				t.Errorf("GET %s: the site of run %s is %q; want main", target, r.ID, r.Site)
			}
		}
		if !slices.Equal(ids, want) {
			t.Errorf("GET %s: the runs are %v; want %v", target, ids, want)
		}
	}
	for target, want := range map[string]int{
		"/runs?limit=0": 400, "/runs?failed=maybe": 400, "/runs/none": 404, "/sites/none/runs": 404,
		"/sites/none/schedule": 404,
	} {
		if res := ask(t, config(t, &fake{runs: someRuns()}), http.MethodGet, target, ""); res.StatusCode != want {
			t.Errorf("GET %s: status %d; want %d", target, res.StatusCode, want)
		}
	}
	if res := ask(t, config(t, &fake{err: feed.ErrUnavailable}), http.MethodGet, "/runs", ""); res.StatusCode != 503 {
		t.Errorf("GET /runs without the store: status %d; want 503", res.StatusCode)
	}
}

func TestOneRun(t *testing.T) {
	res := ask(t, config(t, &fake{runs: someRuns()}), http.MethodGet, "/runs/r2", "")
	var got siteRun
	if err := json.Unmarshal([]byte(text(t, res)), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(siteRun{"main", someRuns()[1]}, got); diff != "" {
		t.Errorf("run (-want +got):\n%s", diff)
	}
}

// TestScheduleWithoutTheStore checks that the schedule is sent even if the latest runs are unknown.
func TestScheduleWithoutTheStore(t *testing.T) {
	f := &fake{err: feed.ErrUnavailable}
	res := ask(t, config(t, f), http.MethodGet, "/schedule", "")
	var got struct{ Schedule []siteScheduled }
	if err := json.Unmarshal([]byte(text(t, res)), &got); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("GET /schedule: status %d, %v", res.StatusCode, err)
	}
	want, _ := f.Schedule(t.Context())
	if diff := cmp.Diff([]siteScheduled{{"main", want[0]}}, got.Schedule); diff != "" {
		t.Errorf("schedule (-want +got):\n%s", diff)
	}
}

func TestRebuildIsRecordedWithTheToken(t *testing.T) {
	f := &fake{}
	if res := ask(t, config(t, f), http.MethodPost, "/rebuild", "", bearer); res.StatusCode != http.StatusOK {
		t.Fatalf("POST /rebuild: status %d", res.StatusCode)
	}
	want := []feed.Cause{{Trigger: feed.HTTPTrigger, By: "alice"}}
	if diff := cmp.Diff(want, f.causes); diff != "" {
		t.Errorf("causes of the rebuilds (-want +got):\n%s", diff)
	}
}
