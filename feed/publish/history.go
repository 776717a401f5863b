package publish

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"feedpub/feed"
)

// RunStore keeps the records of runs.
type RunStore interface {
	AddRun(ctx context.Context, r feed.Run) error
}

const (
	// recordTimeout bounds the time for recording a run. Runs that end because the process stops are recorded too.
	recordTimeout = 2 * time.Second
	// maxUnrecorded is the maximum number of runs that are kept in memory while they cannot be recorded.
	maxUnrecorded = 16
)

// history records and logs the runs of a builder. It is safe for concurrent use.
type history struct {
	store    RunStore // may be nil
	problems problemStore
	builder  string
	release  string
	clock    func() time.Time
	timed    func(feed.Stage, time.Duration) // may be nil
	ran      func(feed.Run)                  // may be nil
	logger   *slog.Logger

	mu         sync.Mutex
	unrecorded []feed.Run
	// outside describes the posts that were absorbed outside a run, such as by a scan. The next run includes them.
	outside absorbed
	listed  map[problemKey]bool // problems of posts in the store; nil until they are read
}

type problemKey struct {
	kind feed.ProblemKind
	id   string
}

// activity is what a run has done so far. It is safe for concurrent use.
type activity struct {
	history *history
	cause   feed.Cause
	started time.Time // by the builder's clock
	begun   time.Time // for measuring the duration

	mu       sync.Mutex
	stages   map[feed.Stage]time.Duration
	absorbed absorbed
	reports  []feed.FeedReport
}

type activityKey struct{}

// begin begins a run. The returned context carries the run to the functions that record what they have done in it.
func (h *history) begin(ctx context.Context, c feed.Cause) (context.Context, *activity) {
	a := &activity{
		history: h, cause: c, started: h.clock(), begun: time.Now(), stages: map[feed.Stage]time.Duration{},
	}
	return context.WithValue(ctx, activityKey{}, a), a
}

// activityOf returns the run that a context carries, or nil.
func activityOf(ctx context.Context) *activity {
	a, _ := ctx.Value(activityKey{}).(*activity)
	return a
}

// absorbed describes the posts that one absorption handled.
type absorbed struct {
	posts    int
	rejected []string // ids of posts
}

// add adds the posts of another absorption.
func (a *absorbed) add(b absorbed) {
	a.posts += b.posts
	a.rejected = append(a.rejected, b.rejected...)
}

// count counts the posts that a batch absorbs. It omits posts that every scan finds again; see [history.isFoundAgain].
func (h *history) count(ctx context.Context, b *batch) (absorbed, error) {
	var n absorbed
	for _, d := range b.decisions {
		again, err := h.isFoundAgain(ctx, d)
		if err != nil {
			return n, err
		}
		if again {
			continue
		}
		n.posts++
		if d.Problem != nil && d.Problem.Kind == feed.KindRejected {
			n.rejected = append(n.rejected, d.ID)
		}
	}
	return n, nil
}

// isFoundAgain reports whether every scan finds the post and nothing about it has changed since the last one. Such a
// post is rejected or missing and its problem is already listed, or it is a draft or private and has no item.
func (h *history) isFoundAgain(ctx context.Context, d decision) (bool, error) {
	withoutItem := d.previous == nil && d.Item == nil
	switch {
	case d.candidate.submitted, !d.Keep && !withoutItem:
		return false, nil
	case d.Problem != nil:
		return h.isListed(ctx, d.Problem)
	}
	return withoutItem && !d.Keep, nil
}

// isListed reports whether a problem is in the store. It reads the store's problems once, without the mutex, so that a
// slow store does not delay the end of a run. Absorptions do not run at the same time, so no change is missed.
func (h *history) isListed(ctx context.Context, p *feed.Problem) (bool, error) {
	key := problemKey{p.Kind, p.ID}
	h.mu.Lock()
	known, listed := h.listed != nil, h.listed[key]
	h.mu.Unlock()
	if known {
		return listed, nil
	}
	problems, err := h.problems.Problems(ctx)
	if err != nil {
		return false, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listed = map[problemKey]bool{}
	for _, p := range problems {
		h.listed[problemKey{p.Kind, p.ID}] = true
	}
	return h.listed[key], nil
}

// unlist records that a problem was cleared outside an absorption.
func (h *history) unlist(kind feed.ProblemKind, id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.listed, problemKey{kind, id})
}

// note records an absorption that was written.
func (h *history) note(ctx context.Context, b *batch, n absorbed) {
	if a := activityOf(ctx); a != nil {
		a.mu.Lock()
		a.absorbed.add(n)
		a.mu.Unlock()
		n = absorbed{}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.outside.add(n)
	if h.listed != nil {
		for _, d := range b.decisions {
			delete(h.listed, problemKey{feed.KindRejected, d.ID})
			delete(h.listed, problemKey{feed.KindMissing, d.ID})
			if d.Problem != nil {
				h.listed[problemKey{d.Problem.Kind, d.ID}] = true
			}
		}
	}
}

// noteFeeds records the outcomes of feeds.
func noteFeeds(ctx context.Context, reports []feed.FeedReport) {
	if a := activityOf(ctx); a != nil {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.reports = append(a.reports, reports...)
	}
}

// time returns a function that the caller must call at the end of a stage.
func (h *history) time(ctx context.Context, s feed.Stage) (end func()) {
	begun := time.Now()
	return func() {
		d := time.Since(begun)
		if h.timed != nil {
			h.timed(s, d)
		}
		if a := activityOf(ctx); a != nil {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.stages[s] += d
		}
	}
}

// end ends the run: it logs and records what was done, and returns the record. The error err is the reason why the run
// did not complete, or nil.
func (a *activity) end(ctx context.Context, err error) feed.Run {
	h := a.history
	r := a.run(err)
	if a.isSilent(r, err) {
		return r
	}
	h.log(ctx, r)
	if h.ran != nil {
		h.ran(r)
	}
	if h.store == nil {
		return r
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	h.record(ctx, r)
	return r
}

// refuse ends a run that was refused because the builder is busy. It is not recorded; the next run includes the posts
// that it has absorbed.
func (a *activity) refuse(err error) {
	h := a.history
	h.logger.Info("rebuild refused", "trigger", a.cause, "reason", err)
	a.mu.Lock()
	defer a.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.outside.add(a.absorbed)
}

// isSilent reports whether the run is neither logged nor recorded: it only checked for changes, or the process stopped
// before a first rebuild had done anything, which is not a failure.
func (a *activity) isSilent(r feed.Run, err error) bool {
	switch a.cause.Trigger {
	case feed.ChangeTrigger:
		return onlyLooked(r, err)
	case feed.StartTrigger, feed.TakeoverTrigger:
		return errors.Is(err, context.Canceled) && onlyLooked(r, err)
	case feed.ScheduleTrigger, feed.CommandTrigger, feed.HTTPTrigger, feed.ReloadTrigger:
	}
	return false
}

// onlyLooked reports whether the builder only checked for changes. If the store does not respond or the process stops,
// it checks again later, and the state is logged once; see [Publisher.logState].
func onlyLooked(r feed.Run, err error) bool {
	if err == nil {
		return r.Idle()
	}
	return r.Absorbed == 0 && len(r.Feeds) == 0 && (errors.Is(err, feed.ErrUnavailable) || errors.Is(err, context.Canceled))
}

func (a *activity) run(err error) feed.Run {
	h := a.history
	h.mu.Lock()
	outside := h.outside
	h.outside = absorbed{}
	h.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.absorbed.add(outside)
	r := feed.Run{
		ID:    strconv.FormatInt(a.started.UnixMilli(), 10) + "-" + strings.ToLower(rand.Text()[:6]),
		Cause: a.cause, Started: a.started.UTC().Truncate(time.Millisecond), Duration: time.Since(a.begun).Milliseconds(),
		Builder: h.builder, Release: h.release,
		Stages: map[feed.Stage]int64{},
	}
	r.Absorbed, r.Rejected = a.absorbed.posts, len(a.absorbed.rejected)
	r.RejectedPosts = a.absorbed.rejected[:min(r.Rejected, feed.MaxRunPosts)]
	for s, d := range a.stages {
		r.Stages[s] = d.Milliseconds()
	}
	r.SetFeeds(a.reports)
	if err != nil {
		r.SetError(err)
	}
	return r
}

// record stores a run, along with earlier runs that could not be stored.
func (h *history) record(ctx context.Context, r feed.Run) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.unrecorded = append(h.unrecorded, r)
	h.unrecorded = h.unrecorded[max(0, len(h.unrecorded)-maxUnrecorded):]
	for len(h.unrecorded) > 0 {
		if err := h.store.AddRun(ctx, h.unrecorded[0]); err != nil {
			h.logger.Debug("run not recorded yet", "error", err)
			return
		}
		h.unrecorded = h.unrecorded[1:]
	}
}

// log writes one line about a run. Runs with nothing to do are logged at level debug.
func (h *history) log(ctx context.Context, r feed.Run) {
	level := slog.LevelInfo // the reasons for failures are logged as errors when they begin; see problemLog
	if r.Idle() {
		level = slog.LevelDebug
	}
	args := []any{"trigger", r.Trigger}
	if r.By != "" {
		args = append(args, "by", r.By)
	}
	args = append(args, "outcome", r.Outcome(), "feeds", counted(r), "absorbed", r.Absorbed, "rejected", r.Rejected,
		"duration", time.Duration(r.Duration)*time.Millisecond, "id", r.ID)
	if reason := r.Reason(); reason != "" {
		args = append(args, "reason", reason)
	}
	h.logger.Log(ctx, level, "run", args...)
}

// counted returns the number of feeds by outcome, such as "3 committed, 1 held".
func counted(r feed.Run) string {
	var parts []string
	for _, o := range feed.Outcomes() {
		if n := r.Outcomes[o]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, o))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
