package memstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"feedpub/feed"
)

// AddRun records a run.
func (s *Site) AddRun(_ context.Context, r feed.Run) error {
	// Encode and decode the run, so that the record does not share memory with r and has the same precision as in package
	// store.
	b, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("add run: %w", err)
	}
	var stored feed.Run
	if err := json.Unmarshal(b, &stored); err != nil {
		return fmt.Errorf("add run: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data.runs.Add(stored)
	return nil
}

// Runs returns the recorded runs.
func (s *Site) Runs(context.Context) (feed.RunHistory, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.data.runs.History(s.now())
	for cause, t := range h.Last {
		h.Last[cause] = t.Truncate(time.Millisecond)
	}
	return h, nil
}

// Run returns a recorded run.
func (s *Site) Run(ctx context.Context, id string) (feed.Run, error) {
	h, err := s.Runs(ctx)
	for _, r := range h.Runs {
		if r.ID == id {
			return r, err
		}
	}
	return feed.Run{}, fmt.Errorf("run %q: %w", id, feed.ErrNotFound)
}
