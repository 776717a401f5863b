package memstore

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"feedpub/feed"
)

// Decide replaces the decisions about the credits of a post with the result of next.
func (s *Site) Decide(
	_ context.Context, id string, next func(current []feed.Decision) ([]feed.Decision, error),
) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := checkID(id); err != nil {
		return err
	}
	decisions, err := next(slices.Clone(s.data.credits[id]))
	if err != nil {
		return err
	}
	s.setDecisions(id, decisions)
	return nil
}

// setDecisions replaces the decisions about a post and submits the post. The caller must hold mu.
func (s *Site) setDecisions(id string, decisions []feed.Decision) {
	if len(decisions) == 0 && len(s.data.credits[id]) == 0 || reflect.DeepEqual(decisions, s.data.credits[id]) {
		return
	}
	s.data.credits[id] = decisions
	if len(decisions) == 0 {
		delete(s.data.credits, id)
	}
	if s.data.posts[id] != nil {
		s.submit(id)
	}
}

// Decisions returns all decisions about credits, ordered by post.
func (s *Site) Decisions(context.Context) ([]feed.Decisions, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]feed.Decisions, 0, len(s.data.credits))
	for _, id := range slices.Sorted(maps.Keys(s.data.credits)) {
		all = append(all, feed.Decisions{ID: id, List: s.data.credits[id]})
	}
	return all, nil
}

// Publications returns the site's table of publications, ordered by name.
func (s *Site) Publications(context.Context) ([]feed.Publication, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	table := make([]feed.Publication, 0, len(s.data.known))
	for _, name := range slices.Sorted(maps.Keys(s.data.known)) {
		table = append(table, s.data.known[name])
	}
	return table, nil
}

// restoreDecisions merges decisions with the stored ones. The caller must hold mu.
func (s *Site) restoreDecisions(ds feed.Decisions) error {
	if err := checkID(ds.ID); err != nil {
		return err
	}
	for _, d := range ds.List {
		if err := d.Validate(); err != nil {
			return err
		}
	}
	s.setDecisions(ds.ID, feed.Decisions{List: s.data.credits[ds.ID]}.Merge(ds.List).List)
	return nil
}

// addPublication adds a name to the table of publications unless the table already contains it. The caller must hold
// mu.
func (s *Site) addPublication(p feed.Publication) error {
	if p.Name == "" {
		return fmt.Errorf("publication without a name: %w", feed.ErrInvalid)
	}
	if _, ok := s.data.known[p.Name]; !ok {
		s.data.known[p.Name] = p
	}
	return nil
}
