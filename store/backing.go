package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
	"feedpub/feed/crash"
)

// A Backing makes writes durable for a server that keeps its data only in memory. The embedded store implements it with
// files; Redis does not need one. Its methods must be safe for concurrent use.
type Backing interface {
	// WritePosts makes changes to a site's posts durable and then calls apply, which makes the same changes in the server.
	// Only one call runs at a time. It first calls check, unless check is nil; if check returns an error, WritePosts
	// returns that error and writes nothing. Other errors are of kind [feed.ErrInvalid] for posts that cannot be
	// written and [feed.ErrUnavailable] if the disk fails; apply is not called in either case. If apply fails,
	// WritePosts returns the error, but the changes are durable.
	WritePosts(site feed.SiteID, changes []PostChange, check, apply func() error) error
	// Sync makes the changes in the site's journal durable. Its errors are of kind [feed.ErrUnavailable].
	Sync(ctx context.Context, site feed.SiteID) error
	// SaveReading saves the records of posts that are being read or are costly, so that they survive the death of the
	// process; nil means that there are none. They need not survive a power failure. Its errors are of kind
	// [feed.ErrUnavailable].
	SaveReading(site feed.SiteID, saved []byte) error
}

// PostChange is a new version of a post, or its deletion.
type PostChange struct {
	ID     string
	Raw    []byte // ignored for a deletion
	Delete bool
}

// The journal is a stream of the changes, except changes to posts, that a backing must make durable. While it exists,
// the scripts that change primary records or heads also add each change to the journal, atomically, so a change is
// listed even if the client that made it never receives the reply. The client then calls [Backing.Sync] before the call
// that made the change returns. A Redis server has no journal.

// JournalEntry is a change that must be written to disk: a changed primary record, a changed head, a recorded run, or
// the changed milestones of a post. Exactly one of Line, Head, Run and Post is set.
type JournalEntry struct {
	Entry string // id of the stream entry
	Line  *feed.ExportLine
	Head  feed.Name // the feed whose head was written
	Run   *feed.Run // a run that was recorded
	Post  string    // the post whose milestones have changed
	// Milestones are those of Post.
	Milestones feed.Milestones
}

// StartJournal creates the journal, in which all later changes are recorded. It may be called more than once.
func (s *Site) StartJournal(ctx context.Context) error {
	args := &redis.XAddArgs{Stream: s.keys.journal(), Values: []string{"kind", "start", "id", "", "value", ""}}
	return s.client.wrap("start journal", s.client.build.XAdd(ctx, args).Err())
}

// Journal returns up to n entries after the entry with the given id, oldest first, or the first n entries if the id is
// "". It also returns the id to pass to the next call.
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
		j, known, err := journalEntry(e)
		switch {
		case err != nil:
			return nil, "", s.client.wrap("journal", err)
		case known:
			out = append(out, j)
		}
	}
	return out, after, nil
}

// journalEntry decodes an entry of the journal. Known is false for an entry without a change, such as the one that
// StartJournal adds.
func journalEntry(e redis.XMessage) (j JournalEntry, known bool, err error) {
	kind, _ := e.Values["kind"].(string)
	id, _ := e.Values["id"].(string)
	value, _ := e.Values["value"].(string)
	j.Entry = e.ID
	switch kind {
	case "record":
		r, err := decodeRecord(id, value)
		j.Line = &feed.ExportLine{Record: &r}
		return j, true, err
	case "name":
		j.Line = &feed.ExportLine{Name: &feed.PathName{Feed: feed.Name(id), Full: value}}
	case "removal":
		t, err := decodeTime(value)
		j.Line = &feed.ExportLine{Removal: &feed.FeedRemoval{Feed: feed.Name(id), Time: t}}
		return j, true, err
	case "archive":
		until, err := decodePosition(value)
		j.Line = &feed.ExportLine{Archive: &feed.Archive{Feed: feed.Name(id), Until: until}}
		return j, true, err
	case "subscription":
		j.Line = &feed.ExportLine{Subscription: new(feed.Subscription)}
		return j, true, json.Unmarshal([]byte(value), j.Line.Subscription)
	case "notice":
		_, payload, _ := strings.Cut(value, " ")
		j.Line = &feed.ExportLine{Notice: &feed.StoredNotice{Key: id, Value: payload, Done: value == ""}}
	case "credits":
		list, err := decodeDecisions(value)
		j.Line = &feed.ExportLine{Credits: &feed.Decisions{ID: id, List: list}}
		return j, true, err
	case "publication":
		j.Line = &feed.ExportLine{Publication: new(feed.Publication)}
		return j, true, json.Unmarshal([]byte(value), j.Line.Publication)
	case "head":
		j.Head = feed.Name(id)
	case "milestones":
		j.Post = id
		j.Milestones, err = decodeMilestones(value)
		return j, err == nil, nil // an invalid entry is skipped, as for runs
	case "run":
		j.Run = new(feed.Run)
		// A run that cannot be decoded is skipped, so that the entries after it are still written.
		return j, json.Unmarshal([]byte(value), j.Run) == nil, nil
	default:
		return j, false, nil
	}
	return j, true, nil
}

// TrimJournal deletes the entries that precede the named entry.
func (s *Site) TrimJournal(ctx context.Context, before string) error {
	return s.client.wrap("trim journal", s.client.build.XTrimMinID(ctx, s.keys.journal(), before).Err())
}

// writePosts calls apply, which changes posts in the server. If the client has a backing, the backing calls apply.
func (s *Site) writePosts(changes []PostChange, check, apply func() error) error {
	crash.At(crash.PostReceived)
	defer crash.At(crash.PostWritten)
	if s.client.backing == nil {
		return apply()
	}
	return s.client.backing.WritePosts(feed.SiteID(s.keys), changes, check, apply)
}

// Sync waits until all changes to the site are durable. It does nothing for a Redis server.
func (s *Site) Sync(ctx context.Context) error { return s.client.wrap("sync", s.sync(ctx)) }

// sync waits until the journal's entries are durable. Scripts record changes only if the site has a journal.
func (s *Site) sync(ctx context.Context) error {
	if s.client.backing == nil {
		return nil
	}
	return s.client.backing.Sync(ctx, feed.SiteID(s.keys))
}

// A client with [Options.Delegate] set uses its own connections only for reading. Delete, Decide, RestoreRecords,
// Revoke and Ask are delegated to the process that owns the server, with a custom command: DelegateCommand, an
// operation, the site, and the operation's arguments. The owner runs them with [Client.Delegated].

// DelegateCommand is the name of the command.
const DelegateCommand = "FEEDPUB"

const (
	delegatedDelete  = "DELETE"  // the post's id
	delegatedRestore = "RESTORE" // lines as JSON
	delegatedRevoke  = "REVOKE"  // the subscription as JSON, and the reason; the reply is "removed" or ""
	// delegatedDecide takes the post's id, the decisions that were read, and the new ones; the reply is that of the
	// script.
	delegatedDecide = "DECIDE"
	delegatedAsk    = "ASK" // the request, and the timeout as a duration; the reply is the builder's reply
)

// delegate sends an operation to the owner of the server and returns the reply. It waits for up to timeout.
func (s *Site) delegate(ctx context.Context, timeout time.Duration, op string, args ...any) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	reply, err := s.client.owner.Do(ctx, slices.Concat([]any{DelegateCommand, op, string(s.keys)}, args)...).Text()
	return []byte(reply), err
}

// restoreDelegated runs RestoreRecords in the process that owns the server.
func (s *Site) restoreDelegated(ctx context.Context, lines []feed.ExportLine) error {
	for batch := range slices.Chunk(lines, restoreBatch) {
		args := make([]any, len(batch))
		for i, l := range batch {
			b, err := json.Marshal(l)
			if err != nil {
				return fmt.Errorf("record: %w", err)
			}
			args[i] = b
		}
		if _, err := s.delegate(ctx, s.client.buildTimeout, delegatedRestore, args...); err != nil {
			return err
		}
	}
	return nil
}

// delegatedLease returns the error of Acquire: of kind [feed.ErrLocked] if the owner of the server holds the lease, and
// of kind [feed.ErrUnavailable] otherwise. It waits briefly, because an owner that has just started may not have
// acquired the lease yet.
func (s *Site) delegatedLease(ctx context.Context, job string) error {
	const interval, attempts = 50 * time.Millisecond, 40
	for range attempts {
		owner, left, err := s.Holder(ctx, job)
		if err != nil {
			return err
		}
		if left > 0 {
			return fmt.Errorf("held by %s: %w", owner, feed.ErrLocked)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(interval):
		}
	}
	return fmt.Errorf("the process that has the store open does not build; try again when it has exited: %w",
		feed.ErrUnavailable)
}

// Delegated runs the operation in the arguments of a [DelegateCommand] and returns the reply. Errors are formatted for
// the wire: they begin with a code from which the client derives the error's kind.
func (c *Client) Delegated(ctx context.Context, args []string) ([]byte, error) {
	reply, err := c.delegated(ctx, args)
	if err == nil {
		return reply, nil
	}
	code := "ERR"
	switch {
	case errors.Is(err, feed.ErrInvalid):
		code = invalidCode
	case errors.Is(err, feed.ErrUnavailable):
		code = "MISCONF"
	}
	return nil, errors.New(code + " " + strings.NewReplacer("\r", " ", "\n", " ").Replace(err.Error()))
}

func (c *Client) delegated(ctx context.Context, args []string) ([]byte, error) {
	if len(args) < 2 {
		return nil, fmt.Errorf("%d arguments: %w", len(args), feed.ErrInvalid)
	}
	op, id, args := args[0], feed.SiteID(args[1]), args[2:]
	if err := id.Validate(); err != nil {
		return nil, err
	}
	site := c.Site(id)
	switch {
	case op == delegatedDelete && len(args) == 1:
		return nil, site.Delete(ctx, args[0])
	case op == delegatedRestore:
		lines := make([]feed.ExportLine, len(args))
		for i, a := range args {
			if err := json.Unmarshal([]byte(a), &lines[i]); err != nil {
				return nil, fmt.Errorf("line %d: %w: %w", i+1, err, feed.ErrInvalid)
			}
		}
		return nil, site.RestoreRecords(ctx, lines...)
	case op == delegatedRevoke && len(args) == 2:
		return site.revokeDelegated(ctx, args[0], args[1])
	case op == delegatedDecide && len(args) == 3:
		return site.decideDelegated(ctx, args[0], args[1], args[2])
	case op == delegatedAsk && len(args) == 2:
		timeout, err := time.ParseDuration(args[1])
		if err != nil {
			return nil, fmt.Errorf("timeout: %w: %w", err, feed.ErrInvalid)
		}
		return site.Ask(ctx, []byte(args[0]), timeout)
	}
	return nil, fmt.Errorf("unknown operation %q with %d arguments: %w", op, len(args), feed.ErrInvalid)
}
