package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"feedpub/feed"
)

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
