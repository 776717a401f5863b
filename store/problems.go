package store

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"feedpub/feed"
)

// problemField returns the field of a problem in the hash. A post may have one problem of each kind.
func problemField(kind feed.ProblemKind, id string) string { return string(kind) + ":" + id }

// encodeProblem returns a problem's field, its Since in Unix milliseconds or "0", and the rest as JSON. Since is separate so
// that scripts can keep the time at which the problem was first seen.
func encodeProblem(p feed.Problem) (field, since, rest string, err error) {
	since = "0"
	if !p.Since.IsZero() {
		since = strconv.FormatInt(p.Since.UnixMilli(), 10)
	}
	p.Since = time.Time{}
	b, err := json.Marshal(p)
	if err != nil {
		return "", "", "", fmt.Errorf("problem of %q: %w", p.ID, err)
	}
	return problemField(p.Kind, p.ID), since, string(b), nil
}

func decodeProblem(stored string) (feed.Problem, error) {
	since, rest, _ := strings.Cut(stored, " ")
	var p feed.Problem
	ms, err := strconv.ParseInt(since, 10, 64)
	if err == nil {
		err = json.Unmarshal([]byte(rest), &p)
	}
	if err != nil {
		return feed.Problem{}, fmt.Errorf("stored problem %.100q: %w: %w", stored, feed.ErrInvalid, err)
	}
	if ms != 0 {
		p.Since = time.UnixMilli(ms).UTC()
	}
	return p, nil
}

// Problems returns the problems listed for the operator, ordered by id and kind.
func (s *Site) Problems(ctx context.Context) ([]feed.Problem, error) {
	all, err := s.client.build.HGetAll(ctx, s.keys.problems()).Result()
	if err != nil {
		return nil, s.client.wrap("problems", err)
	}
	out := make([]feed.Problem, 0, len(all))
	for field, stored := range all {
		p, err := decodeProblem(stored)
		if err != nil {
			// It must not hide the others.
			s.client.log.Warn("stored problem cannot be decoded", "site", string(s.keys), "problem", field, "error", err)
			continue
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b feed.Problem) int { return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Kind, b.Kind)) })
	return out, nil
}

// SetProblem lists a problem. It replaces the one of the same kind and id and keeps its Since.
func (s *Site) SetProblem(ctx context.Context, p feed.Problem) error {
	field, since, rest, err := encodeProblem(p)
	if err != nil {
		return s.client.wrap("set problem", err)
	}
	_, err = status(ctx, s.client.build, setProblemSource, []string{s.keys.problems()}, field, since, rest)
	return s.client.wrap("set problem", err)
}

// ClearProblem removes a problem from the list, if it is there.
func (s *Site) ClearProblem(ctx context.Context, kind feed.ProblemKind, id string) error {
	return s.client.wrap("clear problem", s.client.build.HDel(ctx, s.keys.problems(), problemField(kind, id)).Err())
}
