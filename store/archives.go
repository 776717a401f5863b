package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"feedpub/feed"
)

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
	reply, err := status(ctx, s.client.once, closeSource, keys, args...)
	if err != nil {
		return s.client.wrap("close archives", err)
	}
	what, value, _ := strings.Cut(reply, " ")
	switch what {
	case "ok":
		return nil
	case "journal":
		return s.client.wrap("close archives", s.settle(ctx))
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
