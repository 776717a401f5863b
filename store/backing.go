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
)

// A Backing makes writes durable for a server that keeps its data in memory only: the embedded store's files. Redis
// needs none. Its methods are safe for concurrent use.
type Backing interface {
	// WritePosts makes changes of a site's posts durable and then calls apply, which makes them in the server. Calls
	// exclude each other. It first calls check, if it is not nil; an error of check is returned and nothing is
	// written. Other errors are of kind [feed.ErrInvalid] for posts that cannot be written and [feed.ErrUnavailable]
	// if the disk fails; then apply is not called. An error of apply is returned, and the changes are durable all the
	// same.
	WritePosts(site feed.SiteID, changes []PostChange, check, apply func() error) error
	// Sync makes durable what is in the site's journal. Its errors are of kind [feed.ErrUnavailable].
	Sync(ctx context.Context, site feed.SiteID) error
}

// PostChange is a new version of a post, or its deletion.
type PostChange struct {
	ID     string
	Raw    []byte // ignored for a deletion
	Delete bool
}

// The journal is a stream that lists what a backing has to make durable beside posts. While it exists, the scripts that
// change primary records or heads enter each change in it, in the same step: so a change is listed even if the client
// that made it never gets the reply. The client then calls [Backing.Sync] before it returns. A Redis server has no
// journal.

// JournalEntry is a change that must reach the disk: of one primary record, or of a feed's head. Exactly one of Line
// and Head is set.
type JournalEntry struct {
	Entry string // the stream entry's id
	Line  *feed.ExportLine
	Head  feed.Name // whose head was written
}

// StartJournal creates the journal; changes are entered in it from then on. Calling it again does no harm.
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

// TrimJournal deletes the entries before the one named.
func (s *Site) TrimJournal(ctx context.Context, before string) error {
	return s.client.wrap("trim journal", s.client.build.XTrimMinID(ctx, s.keys.journal(), before).Err())
}

// writePosts calls apply, which changes posts in the server, through the backing if there is one.
func (s *Site) writePosts(changes []PostChange, check, apply func() error) error {
	if s.client.backing == nil {
		return apply()
	}
	return s.client.backing.WritePosts(feed.SiteID(s.keys), changes, check, apply)
}

// sync returns when the journal's entries are durable. Scripts enter changes only if there is a journal.
func (s *Site) sync(ctx context.Context) error {
	if s.client.backing == nil {
		return nil
	}
	return s.client.backing.Sync(ctx, feed.SiteID(s.keys))
}

// A client with [Options.Delegate] set only reads from the server itself. Delete, RestoreRecords and Ask are
// delegated to the process that owns the server, by a command of our own: DelegateCommand, an operation, the site,
// and the operation's arguments. The owner runs them with [Client.Delegated].

// DelegateCommand is the name of the command.
const DelegateCommand = "FEEDPUB"

const (
	delegatedDelete  = "DELETE"  // the post's id
	delegatedRestore = "RESTORE" // lines as JSON
	delegatedAsk     = "ASK"     // the request, and the timeout as a duration; the reply is the answer
)

// delegate sends an operation to the owner of the server and returns the reply. It waits for up to timeout.
func (s *Site) delegate(ctx context.Context, timeout time.Duration, op string, args ...any) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	reply, err := s.client.owner.Do(ctx, slices.Concat([]any{DelegateCommand, op, string(s.keys)}, args)...).Text()
	return []byte(reply), err
}

// restoreDelegated is RestoreRecords by the owner of the server.
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

// delegatedLease returns the error of Acquire: of kind [feed.ErrLocked] if the owner of the server has the lease,
// else of kind [feed.ErrUnavailable]. An owner that has just started has a moment to acquire it.
func (s *Site) delegatedLease(ctx context.Context, job string) error {
	const interval, attempts = 50 * time.Millisecond, 40
	for range attempts {
		owner, held, err := s.Holder(ctx, job)
		if err != nil {
			return err
		}
		if held {
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

// Delegated runs the operation in the arguments of a [DelegateCommand] and returns the reply. An error is in the form
// in which it is sent: it begins with a code that tells the client its kind.
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
	case op == delegatedAsk && len(args) == 2:
		timeout, err := time.ParseDuration(args[1])
		if err != nil {
			return nil, fmt.Errorf("timeout: %w: %w", err, feed.ErrInvalid)
		}
		return site.Ask(ctx, []byte(args[0]), timeout)
	}
	return nil, fmt.Errorf("unknown operation %q with %d arguments: %w", op, len(args), feed.ErrInvalid)
}
