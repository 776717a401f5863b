package memstore

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"feedpub/feed"
)

// addMilestone records when a post was absorbed for the first time, unless at is zero. The caller must hold mu.
func (s *Site) addMilestone(id string, at time.Time) {
	d := &s.data
	if _, known := d.milestones[id]; known || at.IsZero() {
		return
	}
	d.milestones[id], d.unserved[id] = feed.Milestones{Absorbed: inMillis(at)}, 0
}

// trimMilestones removes the oldest milestones if there are too many. The caller must hold mu.
func (s *Site) trimMilestones() {
	d := &s.data
	excess := len(d.milestones) - feed.KeptMilestones
	if excess < 100 {
		return
	}
	ids := slices.SortedFunc(maps.Keys(d.milestones), func(a, b string) int {
		return cmp.Or(d.milestones[a].Absorbed.Compare(d.milestones[b].Absorbed), strings.Compare(a, b))
	})
	for _, id := range ids[:excess] {
		delete(d.milestones, id)
		delete(d.unserved, id)
	}
}

// markCommitted records that the current version contains posts. The caller must hold mu.
func (s *Site) markCommitted(ids []string, now time.Time) {
	for _, id := range ids {
		m, known := s.data.milestones[id]
		if !known || !m.Committed.IsZero() {
			continue
		}
		m.Committed = inMillis(now)
		s.data.milestones[id], s.data.unserved[id] = m, s.data.version
	}
}

// Milestones returns the milestones of a post.
func (s *Site) Milestones(_ context.Context, id string) (feed.Milestones, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.milestones[id], nil
}

// AllMilestones returns the recorded milestones by post.
func (s *Site) AllMilestones(context.Context) (map[string]feed.Milestones, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.data.milestones), nil
}

// MarkServed records when posts were first served.
func (s *Site) MarkServed(_ context.Context, reached ...feed.ReachedVersion) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range reached {
		for id, version := range s.data.unserved {
			if version == 0 || version > r.Version {
				continue
			}
			m := s.data.milestones[id]
			m.Served = inMillis(s.now().Add(-r.Age))
			s.data.milestones[id] = m
			delete(s.data.unserved, id)
		}
	}
	return nil
}

func inMillis(t time.Time) time.Time { return time.UnixMilli(t.UnixMilli()).UTC() }
