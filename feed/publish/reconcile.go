package publish

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"feedpub/feed"
)

const (
	// stepSize is the maximum number of posts compared in one step of a scan. It bounds the time that a change waits
	// for a step, even if all posts of the step must be read again.
	stepSize = 256
	// waitPosts is the number of posts and items that are compared before a rebuild continues. It is large enough for
	// all posts of a small site, and small enough that the delay is not noticeable.
	waitPosts = 2048
	// idleFactor is the ratio of idle time to working time in a scan that nothing waits for.
	idleFactor = 3
	// newestFirst is the number of newest posts that are read before all others after the intake has changed.
	newestFirst = 10_000
)

// postScanner lists the posts of a site.
type postScanner interface {
	PostIDs(ctx context.Context) iter.Seq2[[]string, error]
	// IDs lists all posts and all items in one scan.
	IDs(ctx context.Context) iter.Seq2[feed.IDs, error]
}

// itemComparer compares posts with their items. The results are in the order of ids.
type itemComparer interface {
	PostStates(ctx context.Context, intake string, ids ...string) ([]feed.PostState, error)
	// PostsExist reports which posts exist.
	PostsExist(ctx context.Context, ids ...string) ([]bool, error)
	// ItemsExist reports which posts have an item.
	ItemsExist(ctx context.Context, ids ...string) ([]bool, error)
}

// reconciler compares all posts with their items. It absorbs posts that were written without an inbox entry or read by
// an older intake, restores items that are missing from the indexes, and reports items whose posts are missing.
type reconciler struct {
	scan     postScanner
	compare  itemComparer
	index    indexReader
	absorber *absorber
	problems problemStore
	work     *workLock
	// buildFound builds the feeds that a scan has made dirty.
	buildFound func(ctx context.Context, token feed.Token) error
	history    *history

	mu      sync.Mutex
	scanner *scanner // nil unless a background scan is running
}

// step is a part of a scan.
type step struct {
	ids []string
	// reconcile reconciles posts or items, and reports whether any of them had to be absorbed.
	reconcile func(ctx context.Context, token feed.Token, ids []string) (bool, error)
}

// steps divides a scan into steps.
func (r *reconciler) steps(ctx context.Context) iter.Seq2[step, error] {
	return func(yield func(step, error) bool) {
		for ids, err := range r.all(ctx) {
			if err != nil {
				yield(step{}, fmt.Errorf("reconcile: %w", err))
				return
			}
			for chunk := range slices.Chunk(ids.Posts, stepSize) {
				if !yield(step{chunk, r.reconcilePosts}, nil) {
					return
				}
			}
			for chunk := range slices.Chunk(ids.Items, stepSize) {
				if !yield(step{chunk, r.reconcileItems}, nil) {
					return
				}
			}
		}
		yield(step{nil, r.clearGone}, nil)
	}
}

// all lists all posts and items. It lists the newest posts first if they must be read again.
func (r *reconciler) all(ctx context.Context) iter.Seq2[feed.IDs, error] {
	return func(yield func(feed.IDs, error) bool) {
		for ids, err := range r.outdated(ctx) {
			if !yield(feed.IDs{Posts: ids}, err) {
				return
			}
		}
		r.scan.IDs(ctx)(yield)
	}
}

// outdated lists the newest posts, newest first, if some of them must be read again. All posts must be read again after
// the intake has changed, and readers see the newest posts first.
func (r *reconciler) outdated(ctx context.Context) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		ids, err := r.index.Select(ctx, feed.Main, stepSize)
		if err != nil {
			yield(nil, err)
			return
		}
		states, err := r.compare.PostStates(ctx, r.absorber.version(), ids...)
		if err != nil {
			yield(nil, err)
			return
		}
		if slices.ContainsFunc(states, func(st feed.PostState) bool { return st.Post && !st.Current }) {
			yield(r.index.Select(ctx, feed.Main, newestFirst))
		}
	}
}

// absorbUnread absorbs the posts without an item.
func (r *reconciler) absorbUnread(ctx context.Context, token feed.Token) error {
	for ids, err := range r.scan.PostIDs(ctx) {
		if err != nil {
			return fmt.Errorf("absorb unread posts: %w", err)
		}
		read, err := r.compare.ItemsExist(ctx, ids...)
		if err != nil {
			return fmt.Errorf("absorb unread posts: %w", err)
		}
		var unread []string
		for i, id := range ids {
			if !read[i] {
				unread = append(unread, id)
			}
		}
		for chunk := range slices.Chunk(unread, batchSize) {
			err := r.work.doInTurn(ctx, func() error { return r.absorber.absorbFound(ctx, token, chunk, false) })
			if err != nil {
				return fmt.Errorf("absorb unread posts: %w", err)
			}
		}
	}
	return nil
}

// scanner scans in the background. A site can have a million posts, and no rebuild or change should wait until all of
// them are compared.
type scanner struct {
	// requests holds the channels of rebuilds that wait until waitPosts posts and items have been compared.
	requests chan chan<- error
	ended    chan struct{}
	why      error // why the scanner has ended; set before ended is closed
}

// start returns a scanner for run. From now on, requests are sent to it.
func (r *reconciler) start() *scanner {
	s := &scanner{requests: make(chan chan<- error), ended: make(chan struct{})}
	r.setScanner(s)
	return s
}

func (r *reconciler) setScanner(s *scanner) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scanner = s
}

// request starts a scan and waits for it to begin. If an earlier scan is running, it schedules another scan and does
// not wait. Without a scanner in the background, it does the whole scan itself.
func (r *reconciler) request(ctx context.Context, token feed.Token) error {
	r.mu.Lock()
	s := r.scanner
	r.mu.Unlock()
	if s == nil {
		return r.work.do(ctx, func() error { return r.scanAll(ctx, token) })
	}
	waiting, stop := impatient(ctx)
	defer stop()
	begun := make(chan error, 1)
	select {
	case s.requests <- begun:
	case <-s.ended:
		return s.why
	case <-waiting.Done():
		return r.work.busy(waiting)
	}
	select {
	case err := <-begun:
		return err
	case <-s.ended:
		return s.why
	case <-waiting.Done():
		return r.work.busy(waiting)
	}
}

// scanAll does a whole scan. It is called with the work lock held.
func (r *reconciler) scanAll(ctx context.Context, token feed.Token) error {
	for s, err := range r.steps(ctx) {
		if err == nil {
			_, err = s.reconcile(ctx, token, s.ids)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// run scans on request until ctx is done.
func (r *reconciler) run(ctx context.Context, token feed.Token, s *scanner) error {
	defer func() {
		s.why = whyEnded(ctx)
		r.setScanner(nil)
		close(s.ended)
	}()
	for {
		select {
		case begun := <-s.requests:
			for again := true; again; {
				var err error
				again, err = r.scanOnce(ctx, token, s, begun)
				if ctx.Err() == nil && errors.Is(err, feed.ErrUnavailable) {
					pause(ctx, retryInterval)
				} else if err != nil {
					return err
				}
				begun = nil // scanOnce has replied, also to the requests that have arrived since
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// whyEnded returns the error that has ended the term whose context is ctx. A rebuild that waits for a scan of the term
// has a context of its own, so it must not fail with the term's: if the token was superseded, the next term performs
// it.
func whyEnded(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return errLeaseLost
}

// replyOf returns what a rebuild is told that waits for a scan with the given result, in the term whose context is ctx.
func replyOf(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return whyEnded(ctx)
	}
	return err
}

// scanOnce does one scan. Once it has compared waitPosts posts and items, or has ended, it sends its error to begun,
// unless begun is nil. It reports whether another scan must follow: because one was requested in the meantime, or
// because this one failed after a reply was sent, so that the caller will not repeat it.
func (r *reconciler) scanOnce(
	ctx context.Context, token feed.Token, s *scanner, begun chan<- error,
) (again bool, err error) {
	answer := func() {
		if begun != nil {
			begun <- replyOf(ctx, err)
			begun = nil
		}
	}
	defer func() {
		again = again || err != nil && begun == nil
		answer()
	}()
	compared, found := 0, false
	for st, err := range r.steps(ctx) {
		if err != nil {
			return again, err
		}
		start := time.Now()
		var absorbed bool
		if err := r.work.do(ctx, func() (err error) {
			absorbed, err = st.reconcile(ctx, token, st.ids)
			return err
		}); err != nil {
			return again, err
		}
		// A rebuild that waits for the scan builds what the scan has found before it replies, and its run includes these
		// posts.
		found = found || absorbed && begun == nil
		if compared += len(st.ids); begun != nil && compared < waitPosts {
			continue
		}
		answer()
		select {
		case another := <-s.requests:
			again = true
			another <- nil
		case <-time.After(idleFactor * time.Since(start)):
		case <-ctx.Done():
			return again, ctx.Err()
		}
	}
	if found {
		// The rebuild that requested the scan may have ended before the scan found these posts.
		err = r.buildFound(ctx, token)
	}
	return again, err
}

// reconcilePosts absorbs the posts whose item is missing or outdated, and the posts that are missing from the indexes.
func (r *reconciler) reconcilePosts(ctx context.Context, token feed.Token, ids []string) (bool, error) {
	states, err := r.compare.PostStates(ctx, r.absorber.version(), ids...)
	if err != nil {
		return false, fmt.Errorf("reconcile: %w", err)
	}
	var outdated, unindexed []string
	for _, st := range states {
		switch {
		case !st.Post:
		case !st.Current:
			outdated = append(outdated, st.ID)
		case !st.Indexed && r.absorber.dates.passed(st.ID, st.Published, time.Time{}):
			unindexed = append(unindexed, st.ID)
		}
	}
	if len(outdated) > 0 {
		if err := r.absorber.absorbFound(ctx, token, outdated, false); err != nil {
			return true, fmt.Errorf("reconcile: %w", err)
		}
	}
	if len(unindexed) > 0 {
		if err := r.absorber.absorbFound(ctx, token, unindexed, true); err != nil {
			return true, fmt.Errorf("reconcile: %w", err)
		}
	}
	return len(outdated)+len(unindexed) > 0, nil
}

// reconcileItems reports the items whose posts are missing.
func (r *reconciler) reconcileItems(ctx context.Context, token feed.Token, ids []string) (bool, error) {
	missing, err := r.withoutPost(ctx, ids)
	if err != nil || len(missing) == 0 {
		return false, err
	}
	// A post may have been deleted since the inbox was read. Its inbox entry was written in the same transaction, so a
	// post that is still missing once the inbox is absorbed was not deleted.
	if err := r.absorber.absorbInbox(ctx, token); err != nil {
		return true, fmt.Errorf("reconcile: %w", err)
	}
	if missing, err = r.withoutPost(ctx, missing); err != nil || len(missing) == 0 {
		return true, err
	}
	if err := r.absorber.absorbFound(ctx, token, missing, false); err != nil {
		return true, fmt.Errorf("reconcile: %w", err)
	}
	return true, nil
}

// clearGone clears the problems of rejected posts that no longer exist and have no item. If such a post was deleted
// without an inbox entry, a scan cannot find it in any other way.
func (r *reconciler) clearGone(ctx context.Context, _ feed.Token, _ []string) (bool, error) {
	problems, err := r.problems.Problems(ctx)
	if err != nil {
		return false, fmt.Errorf("reconcile: %w", err)
	}
	var ids []string
	for _, p := range problems {
		if p.Kind == feed.KindRejected {
			ids = append(ids, p.ID)
		}
	}
	if len(ids) == 0 {
		return false, nil
	}
	gone, err := r.withoutPost(ctx, ids)
	if err != nil || len(gone) == 0 {
		return false, err
	}
	read, err := r.compare.ItemsExist(ctx, gone...)
	if err != nil {
		return false, fmt.Errorf("reconcile: %w", err)
	}
	for i, id := range gone {
		if read[i] {
			continue // the post is missing; see reconcileItems
		}
		if err := r.problems.ClearProblem(ctx, feed.KindRejected, id); err != nil {
			return false, fmt.Errorf("reconcile: %w", err)
		}
		r.absorber.problems.post(id, nil)
		r.history.unlist(feed.KindRejected, id)
	}
	return false, nil
}

// withoutPost returns the ids for which there is no post. Their items may have been deleted too; absorbing such an id
// changes nothing.
func (r *reconciler) withoutPost(ctx context.Context, ids []string) ([]string, error) {
	posted, err := r.compare.PostsExist(ctx, ids...)
	if err != nil {
		return nil, fmt.Errorf("reconcile: %w", err)
	}
	var missing []string
	for i, id := range ids {
		if !posted[i] {
			missing = append(missing, id)
		}
	}
	return missing, nil
}
