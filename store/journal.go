package store

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
)

// The journal is how the embedded store learns what must reach its disk, whoever wrote it and from whichever process.
// While the stream exists, the scripts that change primary records or heads note it there in the same step, and the
// client that ran them then waits with WAITAOF (which Redis has since 7.2 for its own append-only file, and for which
// the embedded store registers a handler) until all that was noted is on the disk. A Redis server has no such stream
// and keeps its data itself.

// JournalEntry is a change that must reach the disk: of one primary record, or of a feed's head. Exactly one of Line
// and Head is set.
type JournalEntry struct {
	Entry string // the stream entry's id
	Line  *feed.ExportLine
	Head  feed.Name // whose head was written
}

// StartJournal makes the stream, from which on changes are noted. Calling it again does no harm.
func (s *Site) StartJournal(ctx context.Context) error {
	args := &redis.XAddArgs{Stream: s.keys.journal(), Values: []string{"kind", "start", "id", "", "value", ""}}
	return s.client.wrap("start journal", s.client.build.XAdd(ctx, args).Err())
}

// Journal returns up to n entries after the one named, oldest first; "" is before the first. It also returns the entry
// to go on after.
func (s *Site) Journal(ctx context.Context, after string, n int) ([]JournalEntry, string, error) {
	start := "-"
	if after != "" {
		start = "(" + after
	}
	entries, err := s.client.build.XRangeN(ctx, s.keys.journal(), start, "+", int64(n)).Result()
	if err != nil {
		return nil, after, s.client.wrap("journal", err)
	}
	var out []JournalEntry
	for _, e := range entries {
		after = e.ID
		kind, _ := e.Values["kind"].(string)
		id, _ := e.Values["id"].(string)
		value, _ := e.Values["value"].(string)
		j := JournalEntry{Entry: e.ID}
		switch kind {
		case "record":
			r, err := decodeRecord(id, value)
			if err != nil {
				return nil, "", s.client.wrap("journal", err)
			}
			j.Line = &feed.ExportLine{Record: &r}
		case "name":
			j.Line = &feed.ExportLine{Name: &feed.PathName{Feed: feed.Name(id), Full: value}}
		case "removal":
			t, err := decodeTime(value)
			if err != nil {
				return nil, "", s.client.wrap("journal", err)
			}
			j.Line = &feed.ExportLine{Removal: &feed.FeedRemoval{Feed: feed.Name(id), Time: t}}
		case "archive":
			until, err := decodePosition(value)
			if err != nil {
				return nil, "", s.client.wrap("journal", err)
			}
			j.Line = &feed.ExportLine{Archive: &feed.Archive{Feed: feed.Name(id), Until: until}}
		case "head":
			j.Head = feed.Name(id)
		default:
			continue // the start
		}
		out = append(out, j)
	}
	return out, after, nil
}

// TrimJournal forgets the entries before the one named.
func (s *Site) TrimJournal(ctx context.Context, before string) error {
	return s.client.wrap("trim journal", s.client.build.XTrimMinID(ctx, s.keys.journal(), before).Err())
}

// settle waits until what scripts noted in the journal is on the disk.
func (s *Site) settle(ctx context.Context) error {
	// One local copy, no replica, and the time the client itself would wait.
	reply, err := s.client.once.Do(ctx, "WAITAOF", 1, 0, s.client.buildTimeout.Milliseconds()).Int64Slice()
	if err != nil {
		return fmt.Errorf("wait for the disk: %w", err)
	}
	if len(reply) == 0 || reply[0] < 1 {
		return fmt.Errorf("wait for the disk: not written within %v: %w", s.client.buildTimeout, feed.ErrUnavailable)
	}
	return nil
}
