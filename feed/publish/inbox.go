package publish

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"feedpub/feed"
)

// batchSize is the maximum number of posts absorbed in one step. It bounds how long the store's script blocks other
// clients, and how much work is lost when another builder takes over.
const batchSize = 256

// inboxReader reads what writers have submitted.
type inboxReader interface {
	// Cursor returns the entry up to which the inbox is absorbed.
	Cursor(ctx context.Context) (string, error)
	// Inbox returns up to n submissions after an entry, oldest first.
	Inbox(ctx context.Context, after string, n int) ([]feed.Submission, error)
}

// batch is a part of the inbox that is absorbed in one step.
type batch struct {
	cursor, next string // inbox cursors before and after the batch
	candidates   []candidate
	stored       []feed.StoredPost // set when the batch is read, cleared once decisions are made
	decisions    []decision
}

// absorbInbox absorbs the posts that are due and all submissions that were made before it was called.
//
// Three batches are processed at the same time: while one is written, all processors make the decisions about the next,
// and the third is read. Batches are written in the order of the inbox, each of them completely or not at all.
func (a *absorber) absorbInbox(ctx context.Context, token feed.Token) error {
	w, err := a.publishDue(ctx, token)
	if err != nil {
		return err
	}
	defer a.history.time(ctx, feed.AbsorbStage)()
	by := a.dates
	read, decided := make(chan *batch, 1), make(chan *batch, 1)
	// The capacity is the number of batches that can be in progress, so that sending never blocks.
	written := make(chan []candidate, cap(read)+cap(decided)+3)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		defer close(read)
		r := inboxPipeline{absorber: a, read: read, written: written, pending: map[string]bool{}}
		return r.run(ctx, w.Cursor, w.Submissions)
	})
	g.Go(func() error {
		defer close(decided)
		for b := range read {
			var err error
			if b.decisions, err = a.decideAll(ctx, b.stored, b.candidates, by); err != nil {
				return fmt.Errorf("absorb: %w", err)
			}
			b.stored = nil
			select {
			case decided <- b:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	g.Go(func() error { return a.writeBatches(ctx, token, decided, written) })
	return g.Wait()
}

// writeBatches writes the batches about which decisions were made. Once a batch is written, it sends the candidates of
// the batch.
func (a *absorber) writeBatches(
	ctx context.Context, token feed.Token, decided <-chan *batch, written chan<- []candidate,
) error {
	const logEvery = 10_000
	total := 0
	for b := range decided {
		if err := a.write(ctx, token, b); err != nil {
			return err
		}
		before := total
		if total += len(b.candidates); before/logEvery != total/logEvery {
			a.logger.Info("absorbing", "posts", total)
		}
		written <- b.candidates
	}
	return nil
}

// inboxPipeline reads batches before earlier batches are written. The state that it loads for a post must include the
// changes of earlier batches, so a post that was submitted twice is not loaded until the earlier batch is written.
type inboxPipeline struct {
	*absorber
	read    chan<- *batch
	written <-chan []candidate
	pending map[string]bool // posts of batches that are not written yet
}

// run reads the inbox from the cursor to its end. submissions are the first batchSize submissions after the cursor.
func (r *inboxPipeline) run(ctx context.Context, cursor string, submissions []feed.Submission) error {
	for len(submissions) > 0 {
		b := &batch{cursor: cursor, next: submissions[len(submissions)-1].Entry, candidates: candidatesOf(submissions)}
		if err := r.load(ctx, b); err != nil {
			return err
		}
		select {
		case r.read <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
		if cursor = b.next; len(submissions) < batchSize {
			return nil
		}
		var err error
		if submissions, err = r.inbox.Inbox(ctx, cursor, batchSize); err != nil {
			return fmt.Errorf("absorb: %w", err)
		}
	}
	return nil
}

// load loads the posts of a batch after the earlier batches that contain them are written.
func (r *inboxPipeline) load(ctx context.Context, b *batch) error {
	for len(r.written) > 0 {
		r.forget(<-r.written)
	}
	ids := make([]string, len(b.candidates))
	for i, n := range b.candidates {
		for r.pending[n.id] {
			select {
			case candidates := <-r.written:
				r.forget(candidates)
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		ids[i] = n.id
	}
	for _, id := range ids {
		r.pending[id] = true
	}
	var err error
	if b.stored, err = r.posts.Load(ctx, ids); err != nil {
		return fmt.Errorf("absorb: %w", err)
	}
	return nil
}

func (r *inboxPipeline) forget(written []candidate) {
	for _, n := range written {
		delete(r.pending, n.id)
	}
}

// candidatesOf returns one candidate for each post that was submitted.
func candidatesOf(submissions []feed.Submission) []candidate {
	candidates := make([]candidate, 0, len(submissions))
	index := make(map[string]int, len(submissions))
	for _, s := range submissions {
		if s.ID == "" { // malformed entry without a post id
			continue
		}
		if i, ok := index[s.ID]; ok {
			candidates[i].at = s.Time
			continue
		}
		index[s.ID] = len(candidates)
		candidates = append(candidates, candidate{id: s.ID, at: s.Time, submitted: true})
	}
	return candidates
}

// decideAll makes the decisions about posts, on all processors. The decisions are in the order of the posts.
func (a *absorber) decideAll(
	ctx context.Context, stored []feed.StoredPost, candidates []candidate, by dates,
) ([]decision, error) {
	defer a.guard.begin(ctx, stored)()
	all, ok := make([]decision, len(stored)), make([]bool, len(stored))
	var next atomic.Int64
	var g errgroup.Group
	for range min(runtime.GOMAXPROCS(0), len(stored)) {
		g.Go(func() error {
			for i := next.Add(1) - 1; i < int64(len(stored)); i = next.Add(1) - 1 {
				all[i], ok[i] = a.decide(stored[i], candidates[i], by)
			}
			return nil
		})
	}
	_ = g.Wait() // the goroutines return no errors
	decisions := all[:0]
	var costly []feed.Costly
	for i, d := range all {
		if d.costly != "" {
			costly = append(costly, a.guard.version(stored[i], d.costly))
		}
		if ok[i] {
			decisions = append(decisions, d)
		}
	}
	return decisions, a.guard.add(ctx, costly)
}
