package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// Select returns the ids of up to limit posts in a feed, in the order of [feed.CompareItems]. A limit of 0 means all
// posts.
func (s *Site) Select(ctx context.Context, name feed.Name, limit int) ([]string, error) {
	ids, err := s.client.build.ZRevRange(ctx, s.keys.index(name), 0, int64(max(limit, 0))-1).Result()
	return ids, s.client.wrap("select", err)
}

// Range returns the positions of a feed's posts, oldest first: those that are greater than after and at most upTo. A
// zero position means no bound.
func (s *Site) Range(ctx context.Context, name feed.Name, after, upTo feed.Position) ([]feed.Position, error) {
	scores := &redis.ZRangeBy{Min: "-inf", Max: "+inf"}
	if !after.IsZero() {
		scores.Min = strconv.FormatInt(after.Time.UnixMilli(), 10)
	}
	if !upTo.IsZero() {
		scores.Max = strconv.FormatInt(upTo.Time.UnixMilli(), 10)
	}
	found, err := s.client.build.ZRangeByScoreWithScores(ctx, s.keys.index(name), scores).Result()
	if err != nil {
		return nil, s.client.wrap("range", err)
	}
	positions := make([]feed.Position, 0, len(found))
	for _, z := range found {
		id, _ := z.Member.(string)
		p := feed.Position{Time: time.UnixMilli(int64(z.Score)).UTC(), ID: id}
		// Posts with the same time as a bound are compared with it by id.
		if (after.IsZero() || p.Compare(after) > 0) && (upTo.IsZero() || p.Compare(upTo) <= 0) {
			positions = append(positions, p)
		}
	}
	return positions, nil
}

// Counts returns the number of posts in each of the feeds.
func (s *Site) Counts(ctx context.Context, names ...feed.Name) (map[feed.Name]int, error) {
	counts := make(map[feed.Name]int, len(names))
	for batch := range slices.Chunk(names, headBatch) {
		replies := make([]*redis.IntCmd, len(batch))
		if _, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, name := range batch {
				replies[i] = p.ZCard(ctx, s.keys.index(name))
			}
			return nil
		}); err != nil {
			return nil, s.client.wrap("counts", err)
		}
		for i, name := range batch {
			counts[name] = int(replies[i].Val())
		}
	}
	return counts, nil
}

// InFeed reports, for each id, whether the post is in a feed.
func (s *Site) InFeed(ctx context.Context, name feed.Name, ids ...string) ([]bool, error) {
	scores := make([]*redis.FloatCmd, len(ids))
	// ZMSCORE is not used because miniredis lacks it. The pipeline returns redis.Nil if any post is not a member.
	_, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			scores[i] = p.ZScore(ctx, s.keys.index(name), id)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, s.client.wrap("in feed", err)
	}
	in := make([]bool, len(ids))
	for i, score := range scores {
		if err := score.Err(); err != nil && !errors.Is(err, redis.Nil) {
			return nil, s.client.wrap("in feed", err)
		}
		in[i] = score.Err() == nil
	}
	return in, nil
}

// Now returns the time of the site's server. Processes on different machines use it where times must be comparable,
// since their own clocks may differ.
func (s *Site) Now(ctx context.Context) (time.Time, error) {
	// This is a script because TIME has no key: a Cluster client would send it to any server.
	reply, err := words(ctx, s.client.build, nowSource, []string{s.keys.absent()})
	if err != nil {
		return time.Time{}, s.client.wrap("now", err)
	}
	now, err := timeOf(reply)
	return now, s.client.wrap("now", err)
}

// timeOf returns the time in a reply of the TIME command.
func timeOf(reply []string) (time.Time, error) {
	if len(reply) != 2 {
		return time.Time{}, errReply(reply)
	}
	seconds, err := strconv.ParseInt(reply[0], 10, 64)
	if err != nil {
		return time.Time{}, errReply(reply)
	}
	micros, err := strconv.ParseInt(reply[1], 10, 64)
	if err != nil {
		return time.Time{}, errReply(reply)
	}
	return time.Unix(seconds, micros*1000).UTC(), nil
}

// Due returns the ids of up to n posts with a future date that has been reached by the time now, earliest date first.
func (s *Site) Due(ctx context.Context, now time.Time, n int) ([]string, error) {
	ids, err := s.client.build.ZRangeByScore(ctx, s.keys.due(), &redis.ZRangeBy{
		Min: "-inf", Max: strconv.FormatInt(now.UnixMilli(), 10), Count: int64(n),
	}).Result()
	return ids, s.client.wrap("due", err)
}

// NextDue returns the earliest date among the posts with a future date, and reports whether there are such posts.
func (s *Site) NextDue(ctx context.Context) (time.Time, bool, error) {
	var earliest *redis.ZSliceCmd
	if err := s.pipelined(ctx, func(p redis.Pipeliner) {
		earliest = p.ZRangeWithScores(ctx, s.keys.due(), 0, 0)
	}); err != nil {
		return time.Time{}, false, s.client.wrap("next due", err)
	}
	first, err := earliest.Result()
	if err != nil || len(first) == 0 {
		return time.Time{}, false, s.client.wrap("next due", err)
	}
	return time.UnixMilli(int64(first[0].Score)).UTC(), true, nil
}

// Names returns the full names of the given feeds, or of all feeds if there are no arguments. Feeds without a full name
// are omitted. [Site.Absorb] or [Site.RestoreRecords] records a name once, and it never changes.
func (s *Site) Names(ctx context.Context, names ...feed.Name) (map[feed.Name]string, error) {
	out := map[feed.Name]string{}
	if len(names) == 0 {
		all, err := s.client.build.HGetAll(ctx, s.keys.names()).Result()
		for n, full := range all {
			out[feed.Name(n)] = full
		}
		return out, s.client.wrap("names", err)
	}
	fields := mapKeys(names, func(n feed.Name) string { return string(n) })
	values, err := s.client.build.HMGet(ctx, s.keys.names(), fields...).Result()
	for i, v := range values {
		if full, ok := v.(string); ok {
			out[names[i]] = full
		}
	}
	return out, s.client.wrap("names", err)
}

// LastRemoval returns when a post was last removed from a feed, or the zero time.
func (s *Site) LastRemoval(ctx context.Context, name feed.Name) (time.Time, error) {
	v, err := s.client.build.HGet(ctx, s.keys.removals(), string(name)).Result()
	if errors.Is(err, redis.Nil) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, s.client.wrap("last removal", err)
	}
	t, err := decodeTime(v)
	return t, s.client.wrap("last removal", err)
}

// DirtyFeeds returns the feeds to rebuild, in the order in which they became dirty. A feed stays dirty until it is
// committed with the mark that DirtyFeeds has returned. If it becomes dirty again before that commit, it gets a new
// mark and stays dirty.
func (s *Site) DirtyFeeds(ctx context.Context) ([]feed.DirtyFeed, error) {
	var listed *redis.ZSliceCmd
	if err := s.pipelined(ctx, func(p redis.Pipeliner) {
		listed = p.ZRangeWithScores(ctx, s.keys.dirty(), 0, -1)
	}); err != nil {
		return nil, s.client.wrap("dirty feeds", err)
	}
	all, err := listed.Result()
	if err != nil {
		return nil, s.client.wrap("dirty feeds", err)
	}
	out := make([]feed.DirtyFeed, 0, len(all))
	for _, z := range all {
		name, _ := z.Member.(string)
		out = append(out, feed.DirtyFeed{Name: feed.Name(name), Mark: int64(z.Score)})
	}
	return out, nil
}

// MarkDirty makes feeds dirty, or dirty again with a new mark.
func (s *Site) MarkDirty(ctx context.Context, names ...feed.Name) error {
	if len(names) == 0 {
		return nil
	}
	args := []any{s.client.now().UnixMilli()}
	for _, n := range names {
		args = append(args, string(n))
	}
	_, err := status(ctx, s.client.build, markDirtySource, []string{s.keys.dirty(), s.keys.marks(), s.keys.quiet()}, args...)
	return s.client.wrap("mark dirty", err)
}

// Archives returns the archives of all feeds, ordered by name.
func (s *Site) Archives(ctx context.Context) ([]feed.Archive, error) {
	all, err := s.client.build.HGetAll(ctx, s.keys.archives()).Result()
	if err != nil {
		return nil, s.client.wrap("archives", err)
	}
	out := make([]feed.Archive, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		until, err := decodePosition(all[name])
		if err != nil {
			return nil, s.client.wrap("archives", err)
		}
		out = append(out, feed.Archive{Feed: feed.Name(name), Until: until})
	}
	return out, nil
}

// ArchiveCount returns the number of archives. Archives are never changed or removed, so a cached list of archives is
// up to date if it has this length.
func (s *Site) ArchiveCount(ctx context.Context) (int, error) {
	n, err := s.client.build.HLen(ctx, s.keys.archives()).Result()
	return int(n), s.client.wrap("archives", err)
}

// AddArchives records archives, which are permanent, and marks feeds as dirty, atomically. The error is of kind
// [feed.ErrStale] if a later builder has written, or if an archive with the same name but a different end exists. The
// call may be repeated.
func (s *Site) AddArchives(ctx context.Context, token feed.Token, archives []feed.Archive, dirty []feed.Name) error {
	args := []any{int64(token), s.client.now().UnixMilli(), len(archives)}
	for _, a := range archives {
		if err := checkArchive(a); err != nil {
			return s.client.wrap("add archives", err)
		}
		args = append(args, string(a.Feed), encodePosition(a.Until))
	}
	for _, n := range dirty {
		args = append(args, string(n))
	}
	keys := []string{s.keys.token(), s.keys.archives(), s.keys.dirty(), s.keys.marks(), s.keys.journal()}
	reply, err := status(ctx, s.client.once, addArchivesSource, keys, args...)
	if err != nil {
		return s.client.wrap("add archives", err)
	}
	result, value, _ := strings.Cut(reply, " ")
	switch result {
	case "ok":
		return nil
	case "journal":
		return s.client.wrap("add archives", s.sync(ctx))
	case "token":
		err = errFenced(token, value)
	case "exists":
		err = fmt.Errorf("archive %s already exists with a different end: %w", value, feed.ErrStale)
	default:
		err = errReply(reply)
	}
	return s.client.wrap("add archives", err)
}

// checkArchive returns an error of kind [feed.ErrInvalid] unless a is a valid archive.
func checkArchive(a feed.Archive) error {
	if _, number := a.Feed.Archived(); number == 0 || a.Until.Time.IsZero() {
		return fmt.Errorf("archive %q until %v: want the name of an archive and a non-zero end: %w",
			a.Feed, a.Until.Time, feed.ErrInvalid)
	}
	return checkID(a.Until.ID)
}

// problemField returns the field of a problem in the hash. A post may have one problem of each kind.
func problemField(kind feed.ProblemKind, id string) string { return string(kind) + ":" + id }

// encodeProblem returns a problem's field, its Since in Unix milliseconds or "0", and the rest as JSON. Since is
// separate so that scripts can preserve the time at which the problem was first seen.
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
			s.client.log.Warn("stored problem cannot be decoded", "site", string(s.keys), "problem", field, "error", err)
			continue
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b feed.Problem) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Kind, b.Kind))
	})
	return out, nil
}

// Problem returns the problem with the given kind and id, and whether it is listed.
func (s *Site) Problem(ctx context.Context, kind feed.ProblemKind, id string) (feed.Problem, bool, error) {
	stored, err := s.client.build.HGet(ctx, s.keys.problems(), problemField(kind, id)).Result()
	if errors.Is(err, redis.Nil) {
		return feed.Problem{}, false, nil
	}
	if err != nil {
		return feed.Problem{}, false, s.client.wrap("problem", err)
	}
	p, err := decodeProblem(stored)
	return p, err == nil, s.client.wrap("problem", err)
}

// SetProblem lists a problem. It replaces an existing problem with the same kind and id but keeps the existing Since.
func (s *Site) SetProblem(ctx context.Context, p feed.Problem) error {
	field, since, rest, err := encodeProblem(p)
	if err != nil {
		return s.client.wrap("set problem", err)
	}
	_, err = status(ctx, s.client.build, setProblemSource, []string{s.keys.problems()}, field, since, rest)
	return s.client.wrap("set problem", err)
}

// ClearProblem removes a problem from the list, if it is listed.
func (s *Site) ClearProblem(ctx context.Context, kind feed.ProblemKind, id string) error {
	return s.client.wrap("clear problem", s.client.build.HDel(ctx, s.keys.problems(), problemField(kind, id)).Err())
}
