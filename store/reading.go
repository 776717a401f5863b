package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"feedpub/feed"
)

// SetReading records the ids of the posts that a builder is about to read. Without ids, it removes the
// record. If the builder dies, the record remains.
func (s *Site) SetReading(ctx context.Context, owner string, ids ...string) error {
	if len(ids) == 0 {
		return s.changeReading(ctx, "set reading", s.client.build.HDel(ctx, s.keys.reading(), owner).Err())
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return fmt.Errorf("set reading: %w", err)
	}
	return s.changeReading(ctx, "set reading", s.client.build.HSet(ctx, s.keys.reading(), owner, list).Err())
}

// Readings returns the ids of the posts that each builder is reading, or was reading when it died.
func (s *Site) Readings(ctx context.Context) (map[string][]string, error) {
	stored, err := s.client.build.HGetAll(ctx, s.keys.reading()).Result()
	if err != nil {
		return nil, s.client.wrap("readings", err)
	}
	readings := make(map[string][]string, len(stored))
	for owner, list := range stored {
		var ids []string
		if json.Unmarshal([]byte(list), &ids) != nil {
			s.client.log.Warn("record of posts that are being read cannot be decoded", "owner", owner)
		}
		readings[owner] = ids
	}
	return readings, nil
}

// SetCostly records versions of posts that builders must not read.
func (s *Site) SetCostly(ctx context.Context, versions ...feed.Costly) error {
	if len(versions) == 0 {
		return nil
	}
	var values []any
	for _, c := range versions {
		text, err := json.Marshal(c)
		if err != nil {
			return fmt.Errorf("set costly: %w", err)
		}
		values = append(values, c.ID, text)
	}
	return s.changeReading(ctx, "set costly", s.client.build.HSet(ctx, s.keys.costly(), values...).Err())
}

// RemoveCostly removes what SetCostly has recorded about posts.
func (s *Site) RemoveCostly(ctx context.Context, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	return s.changeReading(ctx, "remove costly", s.client.build.HDel(ctx, s.keys.costly(), ids...).Err())
}

// Costly returns the versions of posts that builders must not read, sorted by post.
func (s *Site) Costly(ctx context.Context) ([]feed.Costly, error) {
	stored, err := s.client.build.HVals(ctx, s.keys.costly()).Result()
	if err != nil {
		return nil, s.client.wrap("costly", err)
	}
	return s.costlyOf(stored), nil
}

// costlyOf returns the decoded records of costly versions, sorted by id.
func (s *Site) costlyOf(stored []string) []feed.Costly {
	list := make([]feed.Costly, 0, len(stored))
	for _, text := range stored {
		var c feed.Costly
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			s.client.log.Warn("record of a costly post cannot be decoded", "error", err)
			continue
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b feed.Costly) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// changeReading is called after the operation op has changed the records of posts that are being read or are costly. If
// err, the error of op, is nil and the client has a backing, it saves all of these records to the backing. It returns
// the wrapped error.
func (s *Site) changeReading(ctx context.Context, op string, err error) error {
	if err != nil || s.client.backing == nil {
		return s.client.wrap(op, err)
	}
	saved, err := s.readingState(ctx)
	if err == nil {
		err = s.client.backing.SaveReading(feed.SiteID(s.keys), saved)
	}
	return s.client.wrap(op, err)
}

// readingState is the content of the file that a backing keeps.
type readingState struct {
	Readings map[string][]string `json:"readings,omitempty"`
	Costly   []feed.Costly       `json:"costly,omitempty"`
}

// readingState returns all records of posts that are being read or are costly, as JSON, or nil if there are none.
func (s *Site) readingState(ctx context.Context) (encoded []byte, err error) {
	var state readingState
	if state.Readings, err = s.Readings(ctx); err != nil {
		return nil, err
	}
	if state.Costly, err = s.Costly(ctx); err != nil {
		return nil, err
	}
	if len(state.Readings)+len(state.Costly) == 0 {
		return nil, nil
	}
	return json.Marshal(state)
}

// RestoreReading loads the state that [Backing.SaveReading] saved. The server must be empty.
func (s *Site) RestoreReading(ctx context.Context, saved []byte) error {
	var state readingState
	if err := json.Unmarshal(saved, &state); err != nil {
		return fmt.Errorf("restore reading: %w: %w", err, feed.ErrInvalid)
	}
	for owner, ids := range state.Readings {
		if err := s.SetReading(ctx, owner, ids...); err != nil {
			return err
		}
	}
	return s.SetCostly(ctx, state.Costly...)
}
