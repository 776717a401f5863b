package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// AddRun records a run, or counts it with earlier runs that it repeats ([feed.Run.Repeats]). The number and age of the
// recorded runs are bounded. A run whose Times is greater than 1 is one that is being restored. It includes the earlier
// runs that it repeats, so it replaces them. If the reply is lost, the call must not be repeated: the run would be
// counted twice.
func (s *Site) AddRun(ctx context.Context, r feed.Run) error {
	encoded, err := json.Marshal(r)
	if err != nil {
		return s.client.wrap("add run", err)
	}
	list, keep, age := s.keys.runs(), feed.KeptRuns, feed.RunAge
	if r.Failed() || r.Rejected > 0 {
		list, keep, age = s.keys.failedRuns(), feed.KeptFailures, feed.FailureAge
	}
	idle := 0
	if r.Idle() {
		idle = 1
	}
	since := r.Since
	if since.IsZero() {
		since = r.Started
	}
	reply, err := status(ctx, s.client.once, addRunSource,
		[]string{list, s.keys.repeatedRuns(), s.keys.lastRuns(), s.keys.journal()},
		encoded, r.Started.UnixMilli(), r.Cause.String(), r.Repeats(), idle, keep, age.Milliseconds(), feed.KeptCauses,
		feed.RepeatWindow.Milliseconds(), since.UnixMilli(), max(r.Times, 1))
	if err == nil && reply == "journal" {
		err = s.sync(ctx)
	}
	return s.client.wrap("add run", err)
}

// Runs returns the recorded runs. Runs that cannot be decoded, for example because a later release wrote them, are
// omitted.
func (s *Site) Runs(ctx context.Context) (feed.RunHistory, error) {
	var lists [2]*redis.XMessageSliceCmd
	var repeated, last *redis.MapStringStringCmd
	_, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		lists[0] = p.XRevRangeN(ctx, s.keys.runs(), "+", "-", feed.KeptRuns)
		lists[1] = p.XRevRangeN(ctx, s.keys.failedRuns(), "+", "-", feed.KeptFailures)
		repeated, last = p.HGetAll(ctx, s.keys.repeatedRuns()), p.HGetAll(ctx, s.keys.lastRuns())
		return nil
	})
	if err != nil {
		return feed.RunHistory{}, s.client.wrap("runs", err)
	}
	var runs []feed.Run
	for _, l := range lists {
		for _, e := range l.Val() {
			text, _ := e.Values["run"].(string)
			var r feed.Run
			if json.Unmarshal([]byte(text), &r) == nil {
				runs = append(runs, r)
			}
		}
	}
	for _, v := range repeated.Val() {
		if r, err := decodeRepeated(v); err == nil {
			runs = append(runs, r)
		}
	}
	lastRuns := make(map[feed.Cause]time.Time, len(last.Val()))
	for cause, v := range last.Val() {
		if t, err := decodeTime(v); err == nil {
			lastRuns[feed.ParseCause(cause)] = t
		}
	}
	return feed.NewRunHistory(runs, lastRuns, s.client.now()), nil
}

// decodeRepeated decodes a repeated run: the start of the latest, the start of the first, the number of runs, and the
// latest.
func decodeRepeated(v string) (feed.Run, error) {
	parts := strings.SplitN(v, " ", 4)
	var r feed.Run
	if len(parts) != 4 {
		return r, fmt.Errorf("repeated run %q: %w", v, feed.ErrInvalid)
	}
	if err := json.Unmarshal([]byte(parts[3]), &r); err != nil {
		return r, fmt.Errorf("repeated run: %w: %w", feed.ErrInvalid, err)
	}
	var err error
	if r.Since, err = decodeTime(parts[1]); err != nil {
		return r, err
	}
	if r.Times, err = strconv.Atoi(parts[2]); err != nil {
		return r, fmt.Errorf("repeated run: %w: %w", feed.ErrInvalid, err)
	}
	return r, nil
}

// Run returns a recorded run. The error is of kind [feed.ErrNotFound] if there is none with the id.
func (s *Site) Run(ctx context.Context, id string) (feed.Run, error) {
	history, err := s.Runs(ctx)
	if err != nil {
		return feed.Run{}, err
	}
	for _, r := range history.Runs {
		if r.ID == id {
			return r, nil
		}
	}
	return feed.Run{}, s.client.wrap("run", fmt.Errorf("run %q: %w", id, feed.ErrNotFound))
}
