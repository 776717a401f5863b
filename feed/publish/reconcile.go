package publish

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"feedpub/feed"
)

const (
	// stepPosts is how many posts a step of a pass compares. It bounds how long a change waits for a step to end, even
	// if all of them have to be read anew.
	stepPosts = 256
	// passAtOnce is how many posts and items a rebuild waits for to be compared: on a small site all, and on a large one
	// no more than is not felt.
	passAtOnce = 2048
	// passShare is the share of its time that a pass works when nobody waits for it, as one in so many.
	passShare = 4
	// newestFirst is how many of the newest posts are read first by a new intake.
	newestFirst = 10_000
)

// step is a part of a pass over all posts and items.
type step struct {
	ids []string
	// do takes in those of the ids that call for it, and reports whether any did.
	do func(ctx context.Context, token feed.Token, ids []string) (bool, error)
}

// pass walks over all posts and items, to take in posts that were written without a notice or read by an older intake,
// to restore items that fell out of the indexes, and to report those whose posts are gone.
func (p *Publisher) pass(ctx context.Context) iter.Seq2[step, error] {
	return func(yield func(step, error) bool) {
		for ids, err := range p.everything(ctx) {
			if err != nil {
				yield(step{}, fmt.Errorf("reconcile: %w", err))
				return
			}
			for some := range slices.Chunk(ids.Posts, stepPosts) {
				if !yield(step{some, p.reconcilePosts}, nil) {
					return
				}
			}
			for some := range slices.Chunk(ids.Items, stepPosts) {
				if !yield(step{some, p.reconcileItems}, nil) {
					return
				}
			}
		}
	}
}

// everything returns the ids of all posts and items, those of outdated first.
func (p *Publisher) everything(ctx context.Context) iter.Seq2[feed.IDs, error] {
	return func(yield func(feed.IDs, error) bool) {
		for ids, err := range p.outdated(ctx) {
			if !yield(feed.IDs{Posts: ids}, err) {
				return
			}
		}
		p.Store.IDs(ctx)(yield)
	}
}

// outdated returns the newest posts, newest first, if some of the very newest are to be read anew: after the intake has
// changed all are, and what readers see should be first.
func (p *Publisher) outdated(ctx context.Context) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		ids, err := p.Store.Select(ctx, feed.Main, stepPosts)
		if err != nil {
			yield(nil, err)
			return
		}
		standings, err := p.Store.PostStates(ctx, p.reading, ids...)
		if err != nil {
			yield(nil, err)
			return
		}
		if slices.ContainsFunc(standings, func(st feed.PostState) bool { return st.Post && !st.Current }) {
			yield(p.Store.Select(ctx, feed.Main, newestFirst))
		}
	}
}

// reconcile makes a whole pass. Its caller holds work.
func (p *Publisher) reconcile(ctx context.Context, token feed.Token) error {
	for s, err := range p.pass(ctx) {
		if err == nil {
			_, err = s.do(ctx, token, s.ids)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// absorbUnread absorbs the posts without an item.
func (p *Publisher) absorbUnread(ctx context.Context, token feed.Token) error {
	for ids, err := range p.Store.PostIDs(ctx) {
		if err != nil {
			return fmt.Errorf("absorb unread: %w", err)
		}
		read, err := p.Store.ItemsExist(ctx, ids...)
		if err != nil {
			return fmt.Errorf("absorb unread: %w", err)
		}
		var unread []string
		for i, id := range ids {
			if !read[i] {
				unread = append(unread, id)
			}
		}
		for some := range slices.Chunk(unread, batch) {
			done, err := p.inTurn(ctx)
			if err != nil {
				return fmt.Errorf("absorb unread: %w", err)
			}
			err = p.absorbFound(ctx, token, some, false)
			done()
			if err != nil {
				return fmt.Errorf("absorb unread: %w", err)
			}
		}
	}
	return nil
}

// walker makes passes in the background. A site can have a million posts, and a rebuild, a tick or a change must not
// wait until they have been compared.
type walker struct {
	// asked takes who wants a pass; each is answered when as much has been compared as a rebuild waits for.
	asked chan chan<- error
	ended chan struct{}
}

// startWalker returns a walker that is to be asked for passes until the function returned is called.
func (p *Publisher) startWalker() (w *walker, end func()) {
	w = &walker{asked: make(chan chan<- error), ended: make(chan struct{})}
	p.setWalker(w)
	return w, func() {
		p.setWalker(nil)
		close(w.ended)
	}
}

// wantPass sees to it that a pass begins, and waits for its beginning. While a pass is under way that began before, it
// only sees to it that another follows. Without a walker it makes the pass itself.
func (p *Publisher) wantPass(ctx context.Context, token feed.Token) error {
	w := p.walking()
	if w == nil {
		p.work.Lock()
		defer p.work.Unlock()
		return p.reconcile(ctx, token)
	}
	begun := make(chan error, 1)
	select {
	case w.asked <- begun:
	case <-w.ended:
		return errLeaseLost
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-begun:
		return err
	case <-w.ended:
		return errLeaseLost
	case <-ctx.Done():
		return ctx.Err()
	}
}

// walk makes passes as they are asked for, until ctx ends.
func (p *Publisher) walk(ctx context.Context, token feed.Token, w *walker) error {
	for {
		select {
		case begun := <-w.asked:
			for again := true; again; {
				var err error
				if again, err = p.walkOnce(ctx, token, w, begun); err != nil {
					return err
				}
				begun = nil // who asked meanwhile has been answered
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// walkOnce makes one pass, and answers begun, unless it is nil, as soon as that is due. It reports whether another pass
// was asked for meanwhile.
func (p *Publisher) walkOnce(ctx context.Context, token feed.Token, w *walker, begun chan<- error) (again bool, err error) {
	answer := func() {
		if begun != nil {
			begun <- err
			begun = nil
		}
	}
	defer answer()
	compared, found := 0, false
	for s, err := range p.pass(ctx) {
		if err != nil {
			return false, err
		}
		start := time.Now()
		p.work.Lock()
		some, err := s.do(ctx, token, s.ids)
		p.work.Unlock()
		if err != nil {
			return false, err
		}
		found = found || some
		if compared += len(s.ids); begun != nil && compared < passAtOnce {
			continue
		}
		answer()
		select {
		case another := <-w.asked:
			again = true
			another <- nil
		case <-time.After((passShare - 1) * time.Since(start)):
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
	if !found {
		return again, nil
	}
	// What asked for the pass may have built before this was found. What was submitted since then is another matter:
	// without OnChange that waits for the next tick.
	if p.OnChange {
		_, err = p.changed(ctx, token)
		return again, err
	}
	p.work.Lock()
	defer p.work.Unlock()
	_, err = p.buildDirty(ctx, token)
	return again, err
}

// reconcilePosts absorbs those of the posts that have no item made from them.
func (p *Publisher) reconcilePosts(ctx context.Context, token feed.Token, ids []string) (bool, error) {
	standings, err := p.Store.PostStates(ctx, p.reading, ids...)
	if err != nil {
		return false, fmt.Errorf("reconcile: %w", err)
	}
	var differ, lost []string
	for _, st := range standings {
		switch {
		case !st.Post:
		case !st.Current:
			differ = append(differ, st.ID)
		case !st.Indexed && !st.Published.After(p.Clock()):
			lost = append(lost, st.ID)
		}
	}
	if len(differ) > 0 {
		if err := p.absorbFound(ctx, token, differ, false); err != nil {
			return true, fmt.Errorf("reconcile: %w", err)
		}
	}
	if len(lost) > 0 {
		if err := p.absorbFound(ctx, token, lost, true); err != nil {
			return true, fmt.Errorf("reconcile: %w", err)
		}
	}
	return len(differ)+len(lost) > 0, nil
}

// reconcileItems reports those of the items whose posts are gone.
func (p *Publisher) reconcileItems(ctx context.Context, token feed.Token, ids []string) (bool, error) {
	gone, err := p.withoutPost(ctx, ids)
	if err != nil || len(gone) == 0 {
		return false, err
	}
	// A deletion may have come in since the inbox was last read. Its notice is there, then, since both are written in
	// one transaction; what is still gone after reading it was not deleted by anyone.
	if err := p.absorbInbox(ctx, token); err != nil {
		return true, fmt.Errorf("reconcile: %w", err)
	}
	if gone, err = p.withoutPost(ctx, gone); err != nil || len(gone) == 0 {
		return true, err
	}
	if err := p.absorbFound(ctx, token, gone, false); err != nil {
		return true, fmt.Errorf("reconcile: %w", err)
	}
	return true, nil
}

// withoutPost returns those of the ids that have no post. Those whose item is gone too by then are decided by absorb.
func (p *Publisher) withoutPost(ctx context.Context, ids []string) ([]string, error) {
	posted, err := p.Store.PostsExist(ctx, ids...)
	if err != nil {
		return nil, fmt.Errorf("reconcile: %w", err)
	}
	var gone []string
	for i, id := range ids {
		if !posted[i] {
			gone = append(gone, id)
		}
	}
	return gone, nil
}
