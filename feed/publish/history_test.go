package publish_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"feedpub/feed"
	"feedpub/feed/publish"
)

// runLog is a RunStore that can fail.
type runLog struct {
	mu   sync.Mutex
	runs []feed.Run
	fail bool
}

func (l *runLog) AddRun(_ context.Context, r feed.Run) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fail {
		return errors.New("no store")
	}
	l.runs = append(l.runs, r)
	return nil
}

func (l *runLog) use(c *publish.Config) { c.Runs, c.Release = l, "v1.2.3" }

// take returns the runs since the last call.
func (l *runLog) take() []feed.Run {
	l.mu.Lock()
	defer l.mu.Unlock()
	runs := l.runs
	l.runs = nil
	return runs
}

// ignoreTimes ignores the fields that differ from one execution of a test to the next.
var ignoreTimes = cmpopts.IgnoreFields(feed.Run{}, "ID", "Started", "Duration", "Stages")

func byCommand(r feed.Run) feed.Run {
	r.Cause, r.Builder, r.Release = feed.Cause{Trigger: feed.CommandTrigger, By: "test"}, "one", "v1.2.3"
	return r
}

func (w *world) wantRun(l *runLog, what string, want feed.Run) {
	w.t.Helper()
	if diff := cmp.Diff([]feed.Run{byCommand(want)}, l.take(), ignoreTimes); diff != "" {
		w.t.Errorf("%s: recorded runs (-want +got):\n%s", what, diff)
	}
}

func TestRebuildsAreRecorded(t *testing.T) {
	w := newWorld(t)
	l := &runLog{}
	b := w.builder("one", l.use)
	ctx := feed.WithCause(t.Context(), feed.Cause{Trigger: feed.CommandTrigger, By: "test"})
	rebuild := func() {
		t.Helper()
		if _, err := b.Rebuild(ctx); err != nil {
			t.Fatal(err)
		}
	}
	w.put(post("a"), post("b"), feed.RawPost{ID: "bad", Raw: []byte("{")})
	rebuild()
	main := feed.FeedReport{Feed: feed.Main, Outcome: feed.Committed, Items: 2}
	w.wantRun(l, "first build", feed.Run{
		Absorbed: 3, Rejected: 1, RejectedPosts: []string{"bad"}, Feeds: []feed.FeedReport{main}, Outcomes: map[feed.Outcome]int{feed.Committed: 1},
	})
	if n := w.logged("msg=run trigger=command by=test outcome=committed"); n != 1 {
		t.Errorf("%d lines about the run are logged; want 1:\n%s", n, w.log)
	}

	rebuild()
	main.Outcome = feed.Unchanged
	idle := feed.Run{Feeds: []feed.FeedReport{main}, Outcomes: map[feed.Outcome]int{feed.Unchanged: 1}}
	w.wantRun(l, "nothing has changed", idle)
	if n := w.logged("msg=run"); n != 1 {
		t.Errorf("%d lines are logged; want none for the run with nothing to do:\n%s", n, w.log)
	}

	w.lose(":post:a", ":item:a")
	w.put(post("b", "title", "Edited"))
	rebuild()
	main.Outcome, main.Items, main.Reason = feed.Held, 1, "posts vanished without explanation: a"
	w.wantRun(l, "a post is lost", feed.Run{
		Absorbed: 1, Feeds: []feed.FeedReport{main}, Outcomes: map[feed.Outcome]int{feed.Held: 1},
	})

	if _, err := b.Rebuild(ctx, "tags/unknown"); !errors.Is(err, feed.ErrNotFound) {
		t.Fatalf("Rebuild of an unknown feed: %v; want an error of kind ErrNotFound", err)
	}
	w.wantRun(l, "unknown feed", feed.Run{
		Feeds: []feed.FeedReport{}, Outcomes: map[feed.Outcome]int{}, Error: `feed "tags/unknown": not found`,
	})
}

// summary returns the cause, the outcome and the counts of posts of each run.
func summary(runs []feed.Run) string {
	var b strings.Builder
	for _, r := range runs {
		fmt.Fprintf(&b, "[%s %s: %d absorbed, %d rejected]", r.Cause, r.Outcome(), r.Absorbed, r.Rejected)
	}
	return b.String()
}

// TestScansAreSilent checks that posts which a scan finds again are not counted: a draft or private post has no item,
// and a rejected draft has none either, so every scan reads them.
func TestScansAreSilent(t *testing.T) {
	w := newWorld(t)
	l := &runLog{}
	b := w.builder("one", l.use)
	w.put(post("a"), post("draft", "status", "draft"), post("private", "status", "private"),
		post("rejected draft", "status", "draft", "date_published", "soon"))
	w.rebuild(b)
	if runs := l.take(); len(runs) != 1 || runs[0].Absorbed != 4 || runs[0].Rejected != 1 {
		t.Fatalf("first rebuild: runs %s; want one that absorbed 4 posts and rejected 1", summary(runs))
	}
	for range 2 {
		w.rebuild(b)
		if runs := l.take(); len(runs) != 1 || !runs[0].Idle() {
			t.Errorf("rebuild without changes: runs %s; want one with nothing to do", summary(runs))
		}
	}
	w.put(post("draft", "status", "draft", "title", "Edited"))
	w.rebuild(b)
	if runs := l.take(); len(runs) != 1 || runs[0].Absorbed != 1 {
		t.Errorf("a draft was submitted: runs %s; want one that absorbed it", summary(runs))
	}
}

// TestRejectedPostsThatAreGone checks that a rejected post which was deleted without an inbox entry is not listed as a
// problem after the next rebuild, and that the post is reported again if it comes back.
func TestRejectedPostsThatAreGone(t *testing.T) {
	w := newWorld(t)
	l := &runLog{}
	b := w.builder("one", l.use)
	w.put(post("a"), post("b"))
	w.rebuild(b)
	w.put(feed.RawPost{ID: "bad", Raw: []byte("{")}, feed.RawPost{ID: "b", Raw: []byte("{")})
	w.rebuild(b)
	l.take()
	w.redis.Del("feedpub:{main}:post:bad")
	w.rebuild(b)
	problems, err := w.site.Problems(t.Context())
	if err != nil || len(problems) != 1 || problems[0].ID != "b" {
		t.Errorf("problems %+v, %v; want only the post b, which still exists", problems, err)
	}
	l.take()
	if err := w.redis.Set("feedpub:{main}:post:bad", "{"); err != nil {
		t.Fatal(err)
	}
	w.rebuild(b)
	if runs := l.take(); len(runs) != 1 || !slices.Equal(runs[0].RejectedPosts, []string{"bad"}) {
		t.Errorf("the post came back: runs %s; want one that rejected it", summary(runs))
	}
}

// TestFoundPostsBelongToTheRebuild checks that the run of a rebuild includes the posts without an inbox entry that its
// scan finds.
func TestFoundPostsBelongToTheRebuild(t *testing.T) {
	w := newWorld(t)
	l := &runLog{}
	w.put(post("a"))
	b := w.builder("one", l.use, func(c *publish.Config) { c.OnChange = false })
	stop := w.run(b)
	defer stop()
	w.until("the first documents are committed", func() bool { return w.ids("main") != nil })
	for id, raw := range map[string]string{"good": string(post("good").Raw), "bad": "{"} {
		if err := w.redis.Set("feedpub:{main}:post:"+id, raw); err != nil {
			t.Fatal(err)
		}
	}
	report, err := b.Rebuild(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := "[command committed: 2 absorbed, 1 rejected]"
	if got := summary([]feed.Run{report.Run}); got != want {
		t.Errorf("the run of the rebuild is %s; want %s", got, want)
	}
	if got := w.ids("main"); !slices.Contains(got, "good") {
		t.Errorf("main contains %v after the rebuild; want also the post that the scan found", got)
	}
}

func TestRunsHaveTheirTimes(t *testing.T) {
	w := newWorld(t)
	l := &runLog{}
	var mu sync.Mutex
	timed := map[feed.Stage]int{}
	b := w.builder("one", l.use, func(c *publish.Config) {
		c.Timed = func(s feed.Stage, d time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			if timed[s]++; d <= 0 {
				t.Errorf("stage %s took %v", s, d)
			}
		}
	})
	w.put(post("a"))
	before := w.now()
	w.rebuild(b)
	runs := l.take()
	if len(runs) != 1 {
		t.Fatalf("%d runs are recorded; want 1", len(runs))
	}
	r := runs[0]
	if r.Started.Before(before.Add(-time.Millisecond)) || r.Started.After(w.now()) || r.ID == "" {
		t.Errorf("the run %q started at %v; want a time after %v", r.ID, r.Started, before)
	}
	for _, s := range feed.Stages() {
		if _, ok := r.Stages[s]; !ok || timed[s] == 0 {
			t.Errorf("the duration of stage %s is not recorded: %v, %v", s, r.Stages, timed)
		}
	}
}

// TestRunsAreRecordedWhenTheStoreIsBack checks that a run that could not be recorded is recorded with the next.
func TestRunsAreRecordedWhenTheStoreIsBack(t *testing.T) {
	w := newWorld(t)
	l := &runLog{fail: true}
	b := w.builder("one", l.use)
	w.put(post("a"))
	w.rebuild(b)
	l.fail = false
	w.put(post("b"))
	w.rebuild(b)
	runs := l.take()
	if len(runs) != 2 || runs[0].Feeds[0].Items != 1 || runs[1].Feeds[0].Items != 2 {
		t.Errorf("recorded runs are %+v; want both, in order", runs)
	}
}

func TestTriggersOfRuns(t *testing.T) {
	w := newWorld(t)
	l := &runLog{}
	w.put(post("a"))
	b := w.builder("one", l.use, func(c *publish.Config) { c.OnChange = true })
	stop := w.run(b)
	stopped := false
	defer func() {
		if !stopped {
			stop()
		}
	}()
	triggers := func(l *runLog) []string {
		l.mu.Lock()
		defer l.mu.Unlock()
		var list []string
		for _, r := range l.runs {
			if !slices.Contains(list, r.Cause.String()) {
				list = append(list, r.Cause.String())
			}
		}
		return list
	}
	has := func(l *runLog, want string) func() bool {
		return func() bool { return slices.Contains(triggers(l), want) }
	}
	w.until("the first run is recorded", has(l, "start"))
	w.put(post("b"))
	w.until("the run for a change is recorded", has(l, "change"))
	if err := b.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.until("the scheduled run is recorded", has(l, "schedule all feeds"))
	if err := b.Tick(t.Context(), feed.Main); err != nil {
		t.Fatal(err)
	}
	w.until("the scheduled run of a feed is recorded", has(l, "schedule main"))
	// A process that does not build asks the builder, which records the caller.
	other := w.builder("two", l.use)
	ctx := feed.WithCause(t.Context(), feed.Cause{Trigger: feed.HTTPTrigger, By: "alice"})
	if _, err := other.Rebuild(ctx); err != nil {
		t.Fatal(err)
	}
	w.until("the requested run is recorded", has(l, "http alice"))
	for _, r := range l.take() {
		if r.Builder != "one" {
			t.Errorf("the builder of a run is %q; want the process that did the work", r.Builder)
		}
	}
	second := &runLog{}
	stopOther := w.run(w.builder("three", second.use))
	defer stopOther()
	w.until("another builder waits", func() bool { return strings.Contains(w.log.String(), "waiting for the lease") })
	stopped = true
	stop()
	w.until("the run of the next builder is recorded", has(second, "takeover"))
}
