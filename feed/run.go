package feed

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Trigger is the kind of event that caused a [Run].
type Trigger string

// The triggers.
const (
	ScheduleTrigger Trigger = "schedule" // a cron spec; Cause.By is the job
	ChangeTrigger   Trigger = "change"   // a post was submitted, found or due
	CommandTrigger  Trigger = "command"  // feedpub rebuild, or a command that rebuilds; Cause.By is the command
	HTTPTrigger     Trigger = "http"     // a request to the admin address; Cause.By is the name of its token
	StartTrigger    Trigger = "start"    // a builder started
	TakeoverTrigger Trigger = "takeover" // a builder took over from another process
	ReloadTrigger   Trigger = "reload"   // the configuration was reloaded; Cause.By is "SIGHUP" or the name of a token
)

// Triggers returns all triggers.
func Triggers() []Trigger {
	return []Trigger{ScheduleTrigger, ChangeTrigger, CommandTrigger, HTTPTrigger, StartTrigger, TakeoverTrigger, ReloadTrigger}
}

// Cause describes why a run started.
type Cause struct {
	Trigger Trigger `json:"trigger"`
	// By identifies the job, command or token. The comment of each trigger says which. It may be empty.
	By string `json:"by,omitempty"`
}

// String returns the trigger, and By if there is one.
func (c Cause) String() string { return strings.TrimSpace(string(c.Trigger) + " " + c.By) }

type causeKey struct{}

// WithCause returns a context that carries the cause of the rebuilds that are requested with it.
func WithCause(ctx context.Context, c Cause) context.Context {
	return context.WithValue(ctx, causeKey{}, c)
}

// CauseOf returns the cause that a context carries. The default is a command without a name.
func CauseOf(ctx context.Context) Cause {
	if c, ok := ctx.Value(causeKey{}).(Cause); ok {
		return c
	}
	return Cause{Trigger: CommandTrigger}
}

// Run is the record of one run of the builder: it absorbed posts, rebuilt feeds, and committed those that had changed.
type Run struct {
	// ID identifies the run. The store assigns it.
	ID string `json:"id"`
	Cause
	Started  time.Time `json:"started"`
	Duration int64     `json:"duration_ms"`
	// Stages maps each stage to its duration in milliseconds. Feeds are built concurrently, so the stages may take
	// longer than the run.
	Stages   map[Stage]int64 `json:"stages_ms,omitempty"`
	Absorbed int             `json:"absorbed"` // posts that were absorbed, including deleted and newly rejected ones
	Rejected int             `json:"rejected"` // absorbed posts that were rejected
	// RejectedPosts lists the ids of up to [MaxRunPosts] posts that were rejected.
	RejectedPosts []string `json:"rejected_posts,omitempty"`
	// Feeds are the outcomes of up to [MaxRunFeeds] feeds, with failures first. Outcomes counts all feeds.
	Feeds    []FeedReport    `json:"feeds"`
	Outcomes map[Outcome]int `json:"outcomes,omitempty"`
	// Error is the reason why the run did not complete; empty if it completed.
	Error   string `json:"error,omitempty"`
	Builder string `json:"builder"`           // the process that performed the run
	Release string `json:"release,omitempty"` // version of the builder's program
	// Times is the number of runs with the same cause and outcome that this record represents, if greater than 1. The
	// other fields describe the latest of them, and Since is the start of the first.
	Times int       `json:"times,omitempty"`
	Since time.Time `json:"since,omitzero"`
}

// Stage is a part of a run.
type Stage string

// The stages.
const (
	AbsorbStage    Stage = "absorb"    // read posts and create items
	ReconcileStage Stage = "reconcile" // compare posts with items
	RenderStage    Stage = "render"    // select items, and render and compress the documents of a feed
	CommitStage    Stage = "commit"    // store the documents of a feed, or of several feeds together
)

// Stages returns all stages.
func Stages() []Stage { return []Stage{AbsorbStage, ReconcileStage, RenderStage, CommitStage} }

const (
	// MaxRunFeeds is the maximum number of feeds in the record of a run.
	MaxRunFeeds = 50
	// MaxRunPosts is the maximum number of posts in the record of a run.
	MaxRunPosts = 50
	// maxUnchanged is the maximum number of unchanged feeds in the record of a run.
	maxUnchanged = 10
	// maxRunText is the maximum length of a reason in bytes.
	maxRunText = 500
)

// SetFeeds sets Feeds and Outcomes. The number and size of the feeds' reports are bounded.
func (r *Run) SetFeeds(reports []FeedReport) {
	rank := func(o Outcome) int { return slices.Index([]Outcome{Failed, Held, Committed, Unchanged}, o) }
	sorted := slices.Clone(reports)
	slices.SortStableFunc(sorted, func(a, b FeedReport) int {
		return cmp.Or(cmp.Compare(rank(a.Outcome), rank(b.Outcome)), a.Feed.Compare(b.Feed))
	})
	r.Feeds, r.Outcomes = []FeedReport{}, map[Outcome]int{}
	for _, f := range sorted {
		r.Outcomes[f.Outcome]++
		if len(r.Feeds) == MaxRunFeeds || f.Outcome == Unchanged && r.Outcomes[Unchanged] > maxUnchanged {
			continue
		}
		f.Reason = cut(f.Reason)
		r.Feeds = append(r.Feeds, f)
	}
}

// SetError sets Error to the text of err, truncated if it is too long.
func (r *Run) SetError(err error) { r.Error = cut(err.Error()) }

// cut truncates s to maxRunText bytes and appends an ellipsis if it was longer.
func cut(s string) string {
	if len(s) <= maxRunText {
		return s
	}
	return strings.ToValidUTF8(s[:maxRunText], "") + "…"
}

// Failed reports whether the run did not complete or left a feed held or failed.
func (r Run) Failed() bool { return r.Error != "" || r.Outcomes[Failed]+r.Outcomes[Held] > 0 }

// Idle reports whether there was nothing to do.
func (r Run) Idle() bool { return r.Absorbed == 0 && r.Outcomes[Committed] == 0 && !r.Failed() }

// Repeats returns a key shared by runs with the same cause that need not be recorded separately: those with
// nothing to do, and those that changed nothing and failed for the same reason. It is empty for other runs.
func (r Run) Repeats() string {
	switch {
	case r.Idle():
		return r.Cause.String() + "\tidle"
	case r.Absorbed > 0 || r.Outcomes[Committed] > 0:
		return ""
	}
	var b strings.Builder
	b.WriteString(r.Error)
	for _, f := range r.Feeds {
		b.WriteString("\n" + string(f.Feed) + " " + string(f.Outcome) + " " + f.Reason)
	}
	return r.Cause.String() + "\t" + string(HashOf([]byte(b.String())))
}

// Outcome summarizes the run in one word: "error" if it did not complete, else the most important outcome of its feeds;
// if there is none, "absorbed" or "idle".
func (r Run) Outcome() string {
	if r.Error != "" {
		return "error"
	}
	for _, o := range []Outcome{Failed, Held, Committed} {
		if r.Outcomes[o] > 0 {
			return string(o)
		}
	}
	switch {
	case r.Absorbed > 0:
		return "absorbed"
	case r.Outcomes[Unchanged] > 0:
		return string(Unchanged)
	}
	return "idle"
}

// Reason returns the most important reason for the outcome, or "" if there is none.
func (r Run) Reason() string {
	if r.Error != "" {
		return r.Error
	}
	for _, f := range r.Feeds {
		if f.Reason != "" {
			return f.Reason
		}
	}
	if len(r.RejectedPosts) == 0 {
		return ""
	}
	const shown = 3
	ids := r.RejectedPosts[:min(len(r.RejectedPosts), shown)]
	reason := "rejected " + strings.Join(ids, ", ")
	if more := r.Rejected - len(ids); more > 0 {
		reason += fmt.Sprintf(" and %d more", more)
	}
	return reason
}

// Has reports whether the record names the feed.
func (r Run) Has(n Name) bool {
	return slices.ContainsFunc(r.Feeds, func(f FeedReport) bool { return f.Feed == n })
}

// RunFilter selects runs. The zero value selects all.
type RunFilter struct {
	Feed   Name // if not empty, only runs that name the feed
	Failed bool // only runs that failed (see [Run.Failed]) or rejected posts
	Limit  int  // if positive, the maximum number of runs
}

// Select returns the selected runs.
func (f RunFilter) Select(runs []Run) []Run {
	out := []Run{}
	for _, r := range runs {
		if f.Limit > 0 && len(out) == f.Limit {
			break
		}
		if (f.Feed == "" || r.Has(f.Feed)) && (!f.Failed || r.Failed() || r.Rejected > 0) {
			out = append(out, r)
		}
	}
	return out
}

// RunHistory is what a store has recorded about runs.
type RunHistory struct {
	// Runs lists the runs, newest first.
	Runs []Run
	// Last maps each cause to the start of its latest run.
	Last map[Cause]time.Time
}

// Bounds of the records of runs.
const (
	// KeptRuns is the maximum number of runs that are kept for RunAge.
	KeptRuns = 500
	// KeptFailures is the maximum number of runs that failed or rejected posts and are kept for FailureAge.
	KeptFailures = 500
	// RunAge and FailureAge are how long records of runs are kept.
	RunAge     = 30 * 24 * time.Hour
	FailureAge = 180 * 24 * time.Hour
	// KeptCauses is the number of causes and repeated outcomes that are kept.
	KeptCauses = 200
)

// Scheduled describes when a feed, or several feeds with the same schedule, are rebuilt.
type Scheduled struct {
	// Feed is the name of the feed; "*" means all feeds that are not listed.
	Feed Name `json:"feed"`
	// Spec is the cron spec, and Zone the time zone of its times.
	Spec string    `json:"spec"`
	Zone string    `json:"zone"`
	Next time.Time `json:"next"`
	Last time.Time `json:"last,omitzero"` // start of the latest scheduled run; zero if none is recorded
}

// RepeatWindow is the longest time between two runs with the same failure that are counted together.
const RepeatWindow = 24 * time.Hour

// RunLog keeps runs as a store does. It is not safe for concurrent use. The zero value is empty.
type RunLog struct {
	runs, failures []Run          // oldest first
	repeated       map[string]Run // by Repeats
	last           map[Cause]time.Time
}

// Add adds a run. A run whose Times is greater than 1 already counts the earlier runs of its kind, so it replaces them.
func (l *RunLog) Add(r Run) {
	if l.last == nil {
		l.repeated, l.last = map[string]Run{}, map[Cause]time.Time{}
	}
	l.last[r.Cause] = r.Started
	for len(l.last) > KeptCauses {
		delete(l.last, oldest(l.last, func(t time.Time) time.Time { return t }))
	}
	if l.repeat(r) {
		return
	}
	list, kept := &l.runs, KeptRuns
	if r.keptLonger() {
		list, kept = &l.failures, KeptFailures
	}
	*list = append(*list, r)
	*list = (*list)[max(0, len(*list)-kept):]
}

// repeat counts the run r with earlier runs that have the same key; see [Run.Repeats]. It reports whether r need not be
// listed separately.
func (l *RunLog) repeat(r Run) bool {
	key := r.Repeats()
	if key == "" {
		return false
	}
	before, known := l.repeated[key]
	known = known && (r.Idle() || r.Started.Sub(before.Started) <= RepeatWindow)
	times := max(r.Times, 1)
	if r.Since.IsZero() {
		r.Since = r.Started
	}
	switch {
	case known && times == 1:
		r.Since, r.Times = before.Since, before.Times+1
	default: // a record that represents several runs includes the earlier ones
		r.Times = times
	}
	l.repeated[key] = r
	for len(l.repeated) > KeptCauses {
		delete(l.repeated, oldest(l.repeated, func(r Run) time.Time { return r.Started }))
	}
	return known || r.Idle() || times > 1
}

// oldest returns the key of the value in m whose time, which timeOf returns, is the earliest.
func oldest[K comparable, V any](m map[K]V, timeOf func(V) time.Time) K {
	var first K
	var found bool
	for k, v := range m {
		if !found || timeOf(v).Before(timeOf(m[first])) {
			first, found = k, true
		}
	}
	return first
}

// keptLonger reports whether the run is one of those that are kept for [FailureAge].
func (r Run) keptLonger() bool { return r.Failed() || r.Rejected > 0 }

// History returns the runs that have not expired.
func (l *RunLog) History(now time.Time) RunHistory {
	runs := slices.Concat(l.runs, l.failures)
	for _, r := range l.repeated {
		runs = append(runs, r)
	}
	return NewRunHistory(runs, l.last, now)
}

// NewRunHistory returns the history of runs in any order. It omits runs that have expired, and records of repeated
// failures that so far count only one run, since that run is also listed by itself.
func NewRunHistory(runs []Run, last map[Cause]time.Time, now time.Time) RunHistory {
	list := []Run{}
	for _, r := range runs {
		age := RunAge
		if r.keptLonger() {
			age = FailureAge
		}
		single := r.Times == 1
		if now.Sub(r.Started) > age || single && !r.Idle() {
			continue
		}
		if single {
			r.Times, r.Since = 0, time.Time{}
		}
		list = append(list, r)
	}
	slices.SortStableFunc(list, func(a, b Run) int {
		return cmp.Or(b.Started.Compare(a.Started), cmp.Compare(b.ID, a.ID))
	})
	return RunHistory{Runs: list, Last: maps.Clone(last)}
}

// Clone returns a copy that later calls to Add do not affect.
func (l *RunLog) Clone() *RunLog {
	return &RunLog{
		runs: slices.Clone(l.runs), failures: slices.Clone(l.failures), repeated: maps.Clone(l.repeated),
		last: maps.Clone(l.last),
	}
}

// ParseCause returns the cause that [Cause.String] describes.
func ParseCause(s string) Cause {
	trigger, by, _ := strings.Cut(s, " ")
	return Cause{Trigger: Trigger(trigger), By: by}
}

// BuildState describes the state of a site's builder and of its inbox.
type BuildState struct {
	Builder string    // the process that builds the site; empty if there is none
	Token   Token     // the greatest fencing token
	Version int64     // version of the store: it grows with every commit
	Waiting time.Time // time of the oldest inbox entry that has not been absorbed yet; zero if there is none
}

// SiteState is the state of a site in its store.
type SiteState struct {
	Build    BuildState
	Problems map[ProblemKind]int // number of listed problems by kind; a kind without problems may be missing
}
