package embedded

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/store"
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

// TestMilestonesSurviveARestart checks that milestones are restored, and that a post that was committed before the
// restart is recorded as served if it is first served after the restart.
func TestMilestonesSurviveARestart(t *testing.T) {
	data := t.TempDir()
	at := time.Date(2024, 5, 17, 12, 0, 0, 0, time.UTC)
	s := open(t, Options{Data: data})
	site := s.Client().Site(testSite)
	want := map[string]feed.Milestones{
		"new": {Absorbed: at}, "committed": {Absorbed: at, Committed: at}, "served": {Absorbed: at, Committed: at},
	}
	var changes []feed.Change
	for id := range want {
		changes = append(changes, feed.Change{ID: id, Absorbed: at})
	}
	if err := site.Absorb(t.Context(), feed.Absorption{Token: 1, Changes: changes}); err != nil {
		t.Fatal(err)
	}
	commitPosts(t, site, at, "served")
	if err := site.MarkServed(t.Context(), feed.ReachedVersion{Version: 1 << 50}); err != nil {
		t.Fatal(err)
	}
	commitPosts(t, site, at, "served", "committed")
	before, err := site.AllMilestones(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	m := want["served"]
	m.Served = before["served"].Served
	want["served"] = m
	if diff := cmp.Diff(want, before); diff != "" || m.Served.IsZero() {
		t.Fatalf("milestones (-want +got):\n%s", diff)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, Options{Data: data})
	site = s.Client().Site(testSite)
	got, err := site.AllMilestones(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, got); diff != "" {
		t.Errorf("milestones after a restart (-before +after):\n%s", diff)
	}
	if err := site.MarkServed(t.Context(), feed.ReachedVersion{Version: 1 << 50}); err != nil {
		t.Fatal(err)
	}
	if m, err := site.Milestones(t.Context(), "committed"); err != nil || m.Served.IsZero() {
		t.Errorf("milestones after the documents were served: %+v, %v; want a time at which the post was served", m, err)
	}
}

// commitPosts commits a document of the main feed with posts.
func commitPosts(t *testing.T, site *store.Site, at time.Time, ids ...string) {
	t.Helper()
	body := fmt.Sprint(ids)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, _ = w.Write([]byte(body)) // a buffer does not fail
	_ = w.Close()
	b := feed.Blob{Hash: feed.HashOf([]byte(body)), Gzip: packed.Bytes(), Size: len(body)}
	if _, _, err := site.Commit(t.Context(), feed.CommitRequest{
		Now: at, Blobs: []feed.Blob{b},
		Head: feed.Head{Feed: feed.Main, Token: 1, IDs: ids, Documents: []feed.DocumentRef{
			{Format: feed.RSS, Path: "/feed.xml", Hash: b.Hash},
		}},
	}); err != nil {
		t.Fatal(err)
	}
}
