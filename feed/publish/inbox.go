package publish

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"feedpub/feed"
)

// batch is how many posts are absorbed in one step. It bounds how long the store's script keeps others waiting, and how
// much is lost when another builder takes over.
const batch = 256

// inboxBatch is a portion of the inbox on its way through absorbInbox: read, decided, written.
type inboxBatch struct {
	cursor, next string // where it begins and ends in the inbox
	notices      []notice
	stored       []feed.StoredPost
	decided      []decision
}

// absorbInbox takes in all submissions that came before it was called, and posts that have become due.
//
// Three things go on at once: while one batch is written, the posts of the next are made ready on all processors, and
// those of the one after are read. Each batch is still written whole or not at all, and in the order of the inbox.
func (p *Publisher) absorbInbox(ctx context.Context, token feed.Token) error {
	if err := p.absorbDue(ctx, token); err != nil {
		return err
	}
	seen := 0
	read, decided := make(chan *inboxBatch, 1), make(chan *inboxBatch, 1)
	written := make(chan []notice, cap(read)+cap(decided)+3) // never blocks: one more could not be under way
	g, working := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(read)
		return p.readInbox(working, read, written)
	})
	g.Go(func() error {
		defer close(decided)
		for b := range read {
			b.decided = p.decideAll(b.stored, b.notices)
			b.stored = nil
			select {
			case decided <- b:
			case <-working.Done():
				return working.Err()
			}
		}
		return nil
	})
	g.Go(func() error {
		for b := range decided {
			if err := p.write(working, token, b); err != nil {
				return err
			}
			if before := seen; before/10_000 != (before+len(b.notices))/10_000 {
				p.Logger.Info("absorbing", "posts", before+len(b.notices))
			}
			seen += len(b.notices)
			written <- b.notices
		}
		return nil
	})
	if err := g.Wait(); err != nil {
		return err
	}
	return p.absorbDue(ctx, token)
}

// readInbox reads the inbox from the cursor on, with what the store has of the posts. What it reads of a post must not
// be older than what an earlier batch makes of it, so a post that comes twice waits for the batch before to be written.
func (p *Publisher) readInbox(ctx context.Context, read chan<- *inboxBatch, written <-chan []notice) error {
	cursor, err := p.Store.Cursor(ctx)
	if err != nil {
		return fmt.Errorf("absorb: %w", err)
	}
	underWay := map[string]bool{}
	for {
		submissions, err := p.Store.Inbox(ctx, cursor, batch)
		if err != nil {
			return fmt.Errorf("absorb: %w", err)
		}
		if len(submissions) == 0 {
			return nil
		}
		b := &inboxBatch{cursor: cursor, next: submissions[len(submissions)-1].Entry, notices: noticesOf(submissions)}
		for _, n := range b.notices {
			for underWay[n.id] {
				select {
				case done := <-written:
					for _, n := range done {
						delete(underWay, n.id)
					}
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		}
		ids := make([]string, len(b.notices))
		for i, n := range b.notices {
			ids[i], underWay[n.id] = n.id, true
		}
		if b.stored, err = p.Store.Load(ctx, ids); err != nil {
			return fmt.Errorf("absorb: %w", err)
		}
		select {
		case read <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
		for len(written) > 0 {
			for _, n := range <-written {
				delete(underWay, n.id)
			}
		}
		if cursor = b.next; len(submissions) < batch {
			return nil
		}
	}
}

// noticesOf returns a notice of each post that was submitted, once.
func noticesOf(submissions []feed.Submission) []notice {
	notices := make([]notice, 0, len(submissions))
	place := make(map[string]int, len(submissions))
	for _, s := range submissions {
		if s.ID == "" { // names no post: a writer's mistake, which nothing can be made of
			continue
		}
		if i, ok := place[s.ID]; ok {
			notices[i].at = s.Time // only the state counts, and the last word is its time
			continue
		}
		place[s.ID] = len(notices)
		notices = append(notices, notice{id: s.ID, at: s.Time, expected: true})
	}
	return notices
}

// decideAll decides about posts on all processors. The decisions are in the order of the posts.
func (p *Publisher) decideAll(stored []feed.StoredPost, notices []notice) []decision {
	all, ok := make([]decision, len(stored)), make([]bool, len(stored))
	var next atomic.Int64
	var g errgroup.Group
	for range min(runtime.GOMAXPROCS(0), len(stored)) {
		g.Go(func() error {
			for i := next.Add(1) - 1; i < int64(len(stored)); i = next.Add(1) - 1 {
				all[i], ok[i] = p.decide(stored[i], notices[i])
			}
			return nil
		})
	}
	_ = g.Wait() // there are no errors
	decided := all[:0]
	for i, d := range all {
		if ok[i] {
			decided = append(decided, d)
		}
	}
	return decided
}
