// Package schedule runs jobs at the times of cron specs, and coalesces concurrent requests to rebuild. It does not
// define the jobs. It is the only importer of robfig/cron.
package schedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/robfig/cron/v3"

	"feedpub/feed"
)

// Schedule is a parsed cron spec. The zero value never fires.
type Schedule struct {
	spec string
	cron cron.Schedule
}

// String returns the spec that the schedule was parsed from.
func (s Schedule) String() string { return s.spec }

// Next returns the first time after t at which the schedule fires.
func (s Schedule) Next(t time.Time) time.Time {
	if s.cron == nil {
		return time.Time{}
	}
	return s.cron.Next(t)
}

// Parse parses a spec: five cron fields (minute, hour, day of month, month, day of week), "@hourly", "@daily",
// "@weekly", "@monthly", "@yearly" or "@every DURATION" of at least a second. Times are in loc unless the spec begins
// with "CRON_TZ=ZONE ".
//
// In a zone with daylight saving time, the schedule does not fire at a time that is skipped in spring, and fires twice
// at a time that occurs twice in autumn.
//
// The error is of kind [feed.ErrInvalid]. Specs that can never fire, such as "0 0 31 2 *", are errors too, although
// the cron library accepts them.
func Parse(spec string, loc *time.Location) (s Schedule, err error) {
	defer func() {
		// The library panics for "TZ=UTC" without fields.
		if r := recover(); r != nil {
			s, err = Schedule{}, fmt.Errorf("schedule %q: malformed: %w", spec, feed.ErrInvalid)
		}
	}()
	trimmed := strings.TrimSpace(spec)
	if trimmed == "" {
		return Schedule{}, fmt.Errorf("schedule is empty: want a cron spec such as \"*/15 * * * *\": %w", feed.ErrInvalid)
	}
	if every, ok := strings.CutPrefix(trimmed, "@every "); ok {
		// The library rounds durations below a second up, even zero and negative ones.
		d, err := time.ParseDuration(strings.TrimSpace(every))
		if err != nil || d < time.Second {
			return Schedule{}, fmt.Errorf("schedule %q: want a duration of at least 1s after @every: %w", spec, feed.ErrInvalid)
		}
	}
	zoned := trimmed
	if !strings.HasPrefix(trimmed, "CRON_TZ=") && !strings.HasPrefix(trimmed, "TZ=") {
		zoned = "CRON_TZ=" + loc.String() + " " + trimmed
	}
	parsed, err := cron.ParseStandard(zoned)
	if err != nil {
		return Schedule{}, fmt.Errorf("schedule %q: %s: %w", spec, err.Error(), feed.ErrInvalid)
	}
	// The library returns the zero time if the spec does not fire within five years.
	if parsed.Next(time.Now()).IsZero() {
		return Schedule{}, fmt.Errorf("schedule %q never fires: %w", spec, feed.ErrInvalid)
	}
	return Schedule{spec: trimmed, cron: parsed}, nil
}

// Job is work that is done at the times of a schedule.
type Job struct {
	Name     string // name in the log
	Schedule Schedule
	// Run does the work. Its context is canceled when the scheduler stops. A job that is still running at its next time
	// skips that time, so its correctness must not depend on the number of runs.
	Run func(context.Context) error
}

// Run runs the jobs until ctx is done, waits for those that are still running, and returns nil. It logs the error or
// panic of a job that fails, and runs the job again at its next time. If a job has no schedule, Run runs no job and
// returns an error.
func Run(ctx context.Context, logger *slog.Logger, jobs ...Job) error {
	s := NewScheduler(logger)
	remove, err := s.Add(ctx, logger, jobs...)
	if err != nil {
		return err
	}
	defer remove()
	return s.Run(ctx)
}

// Scheduler runs the jobs of all sites in a process, which need no goroutines between their runs. Its methods are safe
// for concurrent use.
type Scheduler struct{ cron *cron.Cron }

// NewScheduler returns a Scheduler, which runs no job until Run is called.
func NewScheduler(logger *slog.Logger) *Scheduler {
	return &Scheduler{cron.New(cron.WithLogger(cronLogger{logger}), cron.WithLocation(time.UTC))}
}

// Run runs the jobs that have been added until ctx is done, waits for those that are still running, and returns nil.
func (s *Scheduler) Run(ctx context.Context) error {
	s.cron.Start()
	<-ctx.Done()
	<-s.cron.Stop().Done()
	return nil
}

// Add adds jobs, which run with the context ctx until remove is called. remove waits for those that are still running.
// Errors and panics are handled as [Run] does. If a job has no schedule, Add adds no job and returns an error.
func (s *Scheduler) Add(ctx context.Context, logger *slog.Logger, jobs ...Job) (remove func(), err error) {
	for _, j := range jobs {
		if j.Schedule.cron == nil {
			return nil, fmt.Errorf("job %s has no schedule: %w", j.Name, feed.ErrInvalid)
		}
	}
	log := cronLogger{logger}
	// Recover must be inside SkipIfStillRunning: otherwise a panic would leave the job marked as running forever.
	chain := cron.NewChain(cron.SkipIfStillRunning(log), cron.Recover(log))
	var set jobSet
	ids := make([]cron.EntryID, len(jobs))
	for i, j := range jobs {
		ids[i] = s.cron.Schedule(j.Schedule.cron, chain.Then(cron.FuncJob(func() {
			if !set.begin() {
				return
			}
			defer set.running.Done()
			if err := j.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
				logger.Error("scheduled job failed", "job", j.Name, "error", err)
			}
		})))
	}
	return func() {
		for _, id := range ids {
			s.cron.Remove(id)
		}
		set.end()
	}, nil
}

// jobSet counts the running jobs of one call of [Scheduler.Add].
type jobSet struct {
	mu      sync.Mutex
	ended   bool
	running sync.WaitGroup
}

// begin counts a job that begins to run, and returns false if the jobs have been removed.
func (s *jobSet) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.running.Add(1)
	}
	return !s.ended
}

// end prevents further jobs from running, and waits for those that are running.
func (s *jobSet) end() {
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.running.Wait()
}

// cronLogger logs the messages of the cron library, with info messages at level debug.
type cronLogger struct{ *slog.Logger }

func (l cronLogger) Info(msg string, keysAndValues ...any) {
	l.Debug("cron: "+msg, keysAndValues...) //nolint:sloglint // the message is the library's
}

func (l cronLogger) Error(err error, msg string, keysAndValues ...any) {
	l.Logger.Error("cron: "+msg, append([]any{"error", err}, keysAndValues...)...) //nolint:sloglint // as above
}
