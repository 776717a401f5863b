package memstore

import (
	"context"
	"maps"
	"slices"

	"feedpub/feed"
)

// SetReading records the posts that a builder is about to read.
func (s *Site) SetReading(_ context.Context, owner string, ids ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(ids) == 0 {
		delete(s.data.readings, owner)
	} else {
		s.data.readings[owner] = slices.Clone(ids)
	}
	return nil
}

// Readings returns the posts that each builder is reading.
func (s *Site) Readings(context.Context) (map[string][]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.data.readings), nil
}

// SetCostly records versions of posts that builders must not read.
func (s *Site) SetCostly(_ context.Context, versions ...feed.Costly) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range versions {
		s.data.costly[c.ID] = c
	}
	return nil
}

// RemoveCostly removes what SetCostly has recorded about posts.
func (s *Site) RemoveCostly(_ context.Context, ids ...string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		delete(s.data.costly, id)
	}
	return nil
}

// Costly returns the versions of posts that builders must not read, sorted by post.
func (s *Site) Costly(context.Context) ([]feed.Costly, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []feed.Costly{}
	for _, id := range slices.Sorted(maps.Keys(s.data.costly)) {
		list = append(list, s.data.costly[id])
	}
	return list, nil
}
