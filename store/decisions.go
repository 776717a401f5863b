package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// Decide replaces the decisions about the credits of a post with the result of next, which receives the current
// decisions. An empty list deletes the decisions. If the decisions have changed in the meantime, next is called again,
// so it must not have side effects. If next returns an error, Decide returns it unchanged and writes nothing. If the
// post exists, a change adds an inbox entry. The post need not exist, since decisions outlast it.
func (s *Site) Decide(
	ctx context.Context, id string, next func(current []feed.Decision) ([]feed.Decision, error),
) error {
	journal, err := s.decide(ctx, id, next)
	if err == nil && journal {
		err = s.client.wrap("decide", s.sync(ctx))
	}
	return err
}

// decide is like Decide, but does not wait for the journal.
func (s *Site) decide(
	ctx context.Context, id string, next func([]feed.Decision) ([]feed.Decision, error),
) (journal bool, err error) {
	if err := checkID(id); err != nil {
		return false, fmt.Errorf("store decide: %w", err)
	}
	for range updateTries {
		read, err := s.client.build.HGet(ctx, s.keys.credits(), id).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return false, s.client.wrap("decide", err)
		}
		current, err := decodeDecisions(read)
		if err != nil {
			return false, s.client.wrap("decide", err)
		}
		decisions, err := next(current)
		if err != nil {
			return false, err
		}
		value, err := encodeDecisions(decisions)
		if err != nil {
			return false, s.client.wrap("decide", err)
		}
		reply, err := s.replaceDecisions(ctx, id, read, value)
		switch {
		case err != nil:
			return false, s.client.wrap("decide", err)
		case reply != "stale":
			s.client.poller.nudge(s.keys.inbox())
			return reply == "journal", nil
		}
	}
	return false, s.client.wrap("decide",
		fmt.Errorf("the decisions changed during each of %d attempts: %w", updateTries, feed.ErrStale))
}

// replaceDecisions runs the script in the process that owns the server.
func (s *Site) replaceDecisions(ctx context.Context, id, read, value string) (string, error) {
	if s.client.owner != nil {
		reply, err := s.delegate(ctx, s.client.buildTimeout, delegatedDecide, id, read, value)
		return string(reply), err
	}
	keys := []string{s.keys.credits(), s.keys.inbox(), s.keys.post(id), s.keys.journal()}
	return status(ctx, s.client.build, decideSource, keys, id, read, value)
}

// decideDelegated replaces decisions for another process, and returns when the change is durable.
func (s *Site) decideDelegated(ctx context.Context, id, read, value string) ([]byte, error) {
	if err := checkID(id); err != nil {
		return nil, err
	}
	reply, err := s.replaceDecisions(ctx, id, read, value)
	if err == nil && reply == "journal" {
		reply, err = "ok", s.sync(ctx)
	}
	s.client.poller.nudge(s.keys.inbox())
	return []byte(reply), err
}

// Decisions returns all decisions about credits, ordered by post.
func (s *Site) Decisions(ctx context.Context) ([]feed.Decisions, error) {
	values, err := s.client.build.HGetAll(ctx, s.keys.credits()).Result()
	if err != nil {
		return nil, s.client.wrap("decisions", err)
	}
	all := make([]feed.Decisions, 0, len(values))
	for _, id := range slices.Sorted(maps.Keys(values)) {
		list, err := decodeDecisions(values[id])
		if err != nil {
			return nil, s.client.wrap("decisions", err)
		}
		all = append(all, feed.Decisions{ID: id, List: list})
	}
	return all, nil
}

// Publications returns the site's table of publications, ordered by name. [Site.RestoreRecords] adds to it.
func (s *Site) Publications(ctx context.Context) ([]feed.Publication, error) {
	values, err := s.client.build.HGetAll(ctx, s.keys.publications()).Result()
	if err != nil {
		return nil, s.client.wrap("publications", err)
	}
	table := make([]feed.Publication, 0, len(values))
	for _, field := range slices.Sorted(maps.Keys(values)) {
		var p feed.Publication
		if err := json.Unmarshal([]byte(values[field]), &p); err != nil {
			return nil, s.client.wrap("publications", fmt.Errorf("%q: %w: %w", field, err, feed.ErrInvalid))
		}
		table = append(table, p)
	}
	return table, nil
}

// creditRecords returns the decisions and the table of publications.
func (s *Site) creditRecords(ctx context.Context) ([]feed.ExportLine, error) {
	decisions, err := s.Decisions(ctx)
	if err != nil {
		return nil, err
	}
	table, err := s.Publications(ctx)
	if err != nil {
		return nil, err
	}
	var lines []feed.ExportLine
	for _, d := range decisions {
		lines = append(lines, feed.ExportLine{Credits: &d})
	}
	for _, p := range table {
		lines = append(lines, feed.ExportLine{Publication: &p})
	}
	return lines, nil
}

// isCredits reports whether a line of an export is restored by restoreCredits.
func isCredits(l feed.ExportLine) bool { return l.Credits != nil || l.Publication != nil }

// restoreCredits restores a line with decisions or a publication. Stored decisions about the same credits are kept.
func (s *Site) restoreCredits(ctx context.Context, l feed.ExportLine) (journal bool, err error) {
	if l.Credits != nil {
		for _, d := range l.Credits.List {
			if err := d.Validate(); err != nil {
				return false, err
			}
		}
		return s.decide(ctx, l.Credits.ID, func(current []feed.Decision) ([]feed.Decision, error) {
			return feed.Decisions{List: current}.Merge(l.Credits.List).List, nil
		})
	}
	if l.Publication.Name == "" {
		return false, fmt.Errorf("publication without a name: %w", feed.ErrInvalid)
	}
	value, err := json.Marshal(l.Publication)
	if err != nil {
		return false, fmt.Errorf("publication: %w", err)
	}
	keys := []string{s.keys.publications(), s.keys.journal()}
	reply, err := status(ctx, s.client.build, addPublicationSource, keys, l.Publication.Name, string(value))
	return reply == "journal", err
}

// encodeDecisions encodes decisions for storage; an empty list is encoded as "".
func encodeDecisions(list []feed.Decision) (string, error) {
	if len(list) == 0 {
		return "", nil
	}
	b, err := json.Marshal(list)
	if err != nil {
		return "", fmt.Errorf("decisions: %w", err)
	}
	return string(b), nil
}

func decodeDecisions(value string) ([]feed.Decision, error) {
	if value == "" {
		return nil, nil
	}
	var list []feed.Decision
	if err := json.Unmarshal([]byte(value), &list); err != nil {
		return nil, fmt.Errorf("decisions: %w: %w", err, feed.ErrInvalid)
	}
	return list, nil
}
