package store

import (
	"context"
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

// Select returns the ids of the posts in a feed, in the order of [feed.CompareItems], at most limit of them; 0 is all.
func (s *Site) Select(ctx context.Context, name feed.Name, limit int) ([]string, error) {
	ids, err := s.client.build.ZRevRange(ctx, s.keys.index(name), 0, int64(max(limit, 0))-1).Result()
	return ids, s.client.wrap("select", err)
}

// Range returns the positions of the posts in a feed after one position and up to and including another, oldest first. A
// zero after is before all posts, a zero upTo behind them.
func (s *Site) Range(ctx context.Context, name feed.Name, after, upTo feed.Position) ([]feed.Position, error) {
	within := &redis.ZRangeBy{Min: "-inf", Max: "+inf"}
	if !after.IsZero() {
		within.Min = strconv.FormatInt(after.Time.UnixMilli(), 10)
	}
	if !upTo.IsZero() {
		within.Max = strconv.FormatInt(upTo.Time.UnixMilli(), 10)
	}
	found, err := s.client.build.ZRangeByScoreWithScores(ctx, s.keys.index(name), within).Result()
	if err != nil {
		return nil, s.client.wrap("range", err)
	}
	positions := make([]feed.Position, 0, len(found))
	for _, z := range found {
		id, _ := z.Member.(string)
		p := feed.Position{Time: time.UnixMilli(int64(z.Score)).UTC(), ID: id}
		// Posts of the same time as a border are on both sides of it, by their ids.
		if (after.IsZero() || p.Compare(after) > 0) && (upTo.IsZero() || p.Compare(upTo) <= 0) {
			positions = append(positions, p)
		}
	}
	return positions, nil
}

// Count returns how many posts are in a feed.
func (s *Site) Count(ctx context.Context, name feed.Name) (int, error) {
	n, err := s.client.build.ZCard(ctx, s.keys.index(name)).Result()
	return int(n), s.client.wrap("count", err)
}

// Member reports for each of ids whether that post is in a feed.
func (s *Site) InFeed(ctx context.Context, name feed.Name, ids ...string) ([]bool, error) {
	scores := make([]*redis.FloatCmd, len(ids))
	// Not ZMSCORE, which miniredis lacks. The pipeline's error is the first command's, and a missing member is one.
	_, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			scores[i] = p.ZScore(ctx, s.keys.index(name), id)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, s.client.wrap("member", err)
	}
	in := make([]bool, len(ids))
	for i, score := range scores {
		if err := score.Err(); err != nil && !errors.Is(err, redis.Nil) {
			return nil, s.client.wrap("member", err)
		}
		in[i] = score.Err() == nil
	}
	return in, nil
}

// Due returns the ids of up to n posts whose date has come, those of the earliest date first.
func (s *Site) Due(ctx context.Context, now time.Time, n int) ([]string, error) {
	ids, err := s.client.build.ZRangeByScore(ctx, s.keys.due(), &redis.ZRangeBy{
		Min: "-inf", Max: strconv.FormatInt(now.UnixMilli(), 10), Count: int64(n),
	}).Result()
	return ids, s.client.wrap("due", err)
}

// NextDue returns the earliest date that a post waits for, and whether one waits.
func (s *Site) NextDue(ctx context.Context) (time.Time, bool, error) {
	first, err := s.client.build.ZRangeWithScores(ctx, s.keys.due(), 0, 0).Result()
	if err != nil || len(first) == 0 {
		return time.Time{}, false, s.client.wrap("next due", err)
	}
	return time.UnixMilli(int64(first[0].Score)).UTC(), true, nil
}

// Names returns what path names stand for: of the feeds given, those that are recorded; of all if none is given. A
// name is recorded once, by Absorb or Restore, and never changes.
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

// Removed returns when a post was last removed from a feed, or zero.
func (s *Site) LastRemoval(ctx context.Context, name feed.Name) (time.Time, error) {
	v, err := s.client.build.HGet(ctx, s.keys.removals(), string(name)).Result()
	if errors.Is(err, redis.Nil) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, s.client.wrap("removed", err)
	}
	t, err := decodeTime(v)
	return t, s.client.wrap("removed", err)
}

// Dirty returns the feeds to rebuild, those that wait longest first. A feed stays dirty until a commit names the mark
// that was read here: one that was made dirty again in between stays.
func (s *Site) DirtyFeeds(ctx context.Context) ([]feed.DirtyFeed, error) {
	all, err := s.client.build.ZRangeWithScores(ctx, s.keys.dirty(), 0, -1).Result()
	if err != nil {
		return nil, s.client.wrap("dirty", err)
	}
	out := make([]feed.DirtyFeed, 0, len(all))
	for _, z := range all {
		name, _ := z.Member.(string)
		out = append(out, feed.DirtyFeed{Name: feed.Name(name), Mark: int64(z.Score)})
	}
	return out, nil
}

// MarkDirty makes feeds dirty, or dirty again.
func (s *Site) MarkDirty(ctx context.Context, names ...feed.Name) error {
	if len(names) == 0 {
		return nil
	}
	args := []any{s.client.now().UnixMilli()}
	for _, n := range names {
		args = append(args, string(n))
	}
	_, err := status(ctx, s.client.build, markDirtySource, []string{s.keys.dirty(), s.keys.marks()}, args...)
	return s.client.wrap("mark dirty", err)
}

// Archives returns all archives of the site's feeds, by name.
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

// ArchiveCount returns how many archives there are. Since none is ever changed or taken away, those that were read
// before are still right while their number is.
func (s *Site) ArchiveCount(ctx context.Context) (int, error) {
	n, err := s.client.build.HLen(ctx, s.keys.archives()).Result()
	return int(n), s.client.wrap("archives", err)
}

// AddArchives records archives for good, and makes the feeds dirty that the new borders change, all in one step. It is
// refused with an error of kind [feed.ErrStale] if a later builder has come, or if an archive of such a name ends
// elsewhere; recording one again does no harm.
func (s *Site) AddArchives(ctx context.Context, token feed.Token, archives []feed.Archive, dirty []feed.Name) error {
	args := []any{int64(token), s.client.now().UnixMilli(), len(archives)}
	for _, a := range archives {
		if err := checkArchive(a); err != nil {
			return s.client.wrap("close archives", err)
		}
		args = append(args, string(a.Feed), encodePosition(a.Until))
	}
	for _, n := range dirty {
		args = append(args, string(n))
	}
	keys := []string{s.keys.token(), s.keys.archives(), s.keys.dirty(), s.keys.marks(), s.keys.journal()}
	reply, err := status(ctx, s.client.once, addArchivesSource, keys, args...)
	if err != nil {
		return s.client.wrap("close archives", err)
	}
	what, value, _ := strings.Cut(reply, " ")
	switch what {
	case "ok":
		return nil
	case "journal":
		return s.client.wrap("close archives", s.sync(ctx))
	case "token":
		err = fmt.Errorf("token %d, but a builder with token %s has come: %w", token, value, feed.ErrStale)
	case "taken":
		err = fmt.Errorf("archive %s ends elsewhere: %w", value, feed.ErrStale)
	default:
		err = fmt.Errorf("script answered %q", reply)
	}
	return s.client.wrap("close archives", err)
}

// checkArchive returns an error of kind [feed.ErrInvalid] for what is no archive.
func checkArchive(a feed.Archive) error {
	if _, number := a.Feed.Archived(); number == 0 || a.Until.Time.IsZero() {
		return fmt.Errorf("archive %q until %v: %w", a.Feed, a.Until.Time, feed.ErrInvalid)
	}
	return checkID(a.Until.ID)
}
