package serve

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"feedpub/feed"
)

// quiet is for how long nothing must be announced before editions are compared: what a change touches is committed feed by
// feed, and the last of them is waited for as much as the first.
const quiet = 100 * time.Millisecond

// tail is how far a replica has followed the store.
type tail struct {
	placed    bool   // the place in the stream is known
	after     string // the stream entry up to which announcements were read
	announced bool   // there was an announcement since the last poll
	version   int64  // up to which announcements were read or heads were looked at
	polls     int    // since all heads were read
	next      time.Time

	// missed are the feeds that were announced and whose heads could not be read since. They are asked for with every
	// poll: nothing else would bring them up before all heads are read in any case.
	missed map[feed.Name]bool

	// uncompared are the feeds that a new edition is served of, with the one before: what is new in it is found out when
	// nothing else is to be taken, for a reader who waits for the edition need not wait for that.
	uncompared map[feed.Name]*edition
	still      bool // nothing was announced when it was last waited for
}

// follow takes over what the store commits until ctx ends. The stream of announcements brings news at once; the version,
// read now and then, tells whether the stream has kept anything back, and then all heads are compared.
func (r *Replica) follow(ctx context.Context) {
	t := tail{missed: map[feed.Name]bool{}, uncompared: map[feed.Name]*edition{}}
	defer func() { // nobody will look at them any more
		for _, before := range t.uncompared {
			r.Memory.release(before.documents)
		}
	}()
	for ctx.Err() == nil {
		err := r.step(ctx, &t)
		if ctx.Err() != nil {
			return
		}
		r.answered(err)
		if err != nil {
			t.next = time.Time{} // when the store is back it may be another one: look at everything
			pause(ctx, min(retryAfterError, r.Poll))
		}
	}
}

// step polls if it is time to, and then waits for announcements until it is time again.
func (r *Replica) step(ctx context.Context, t *tail) error {
	now := r.Now()
	if s := r.Snapshot(); !s.ripe.IsZero() && !s.ripe.After(now) {
		r.publish(nil, false)
	}
	if !now.Before(t.next) {
		if err := r.poll(ctx, t); err != nil {
			return err
		}
		t.next = now.Add(r.Poll)
		r.giveBack(ctx)
	}
	wait := min(maxBlock, max(t.next.Sub(now), time.Millisecond))
	if len(t.uncompared) > 0 {
		wait = min(wait, quiet)
		if t.still {
			wait = 0 // between one comparison and the next
		}
	}
	changes, err := r.changes(ctx, t.after, wait)
	if err != nil {
		return err
	}
	if t.still = len(changes) == 0; t.still {
		r.compareOne(t)
		return nil
	}
	t.after, t.announced = changes[len(changes)-1].Entry, true
	return r.takeAnnounced(ctx, t, changes)
}

// compareOne finds out what is new in one of the editions for which that has not been done, the main feed's first.
func (r *Replica) compareOne(t *tail) {
	if len(t.uncompared) > 0 {
		r.compare(t, slices.MinFunc(slices.Collect(maps.Keys(t.uncompared)), feed.Name.Compare))
	}
}

// compare finds out what is new in the edition of a feed that is served, if that has not been done.
func (r *Replica) compare(t *tail, name feed.Name) {
	if before := t.uncompared[name]; before != nil {
		delete(t.uncompared, name)
		r.publish(map[feed.Name]*edition{name: r.Snapshot().edition(name).compare(before, r.Now())}, false)
		r.Memory.release(before.documents)
	}
}

// poll compares the store's version with what has been looked at, and reads all heads unless it is certain that there is
// nothing new but what is known to have been missed.
func (r *Replica) poll(ctx context.Context, t *tail) error {
	version, err := within(ctx, 0, r.Source.Version)
	if err != nil {
		return err
	}
	moved := version != t.version
	// News that did not come by the stream, or a version that went back: the stream may have begun anew.
	if !t.placed || moved && (!t.announced || version < t.version) {
		if err := r.place(ctx, t); err != nil {
			return err
		}
	}
	t.announced = false
	t.polls++
	if !moved && r.Snapshot().complete && !r.mayTakeMore() && t.polls < fullEvery {
		return r.takeMissed(ctx, t)
	}
	if err := r.takeAll(ctx, t); err != nil {
		return err
	}
	// The version was read before the heads: what was committed between is seen once more, rather than never.
	t.polls, t.version = 0, version
	r.reachedUnlessMissed(t)
	return nil
}

// place finds the end of the stream of announcements. It is read before the heads are, so nothing falls between.
func (r *Replica) place(ctx context.Context, t *tail) error {
	last, err := within(ctx, 0, r.Source.LastChange)
	if err != nil {
		return err
	}
	t.after, t.placed = last, true
	return nil
}

// takeAnnounced takes the heads of the feeds that were announced, and of those that were missed before.
func (r *Replica) takeAnnounced(ctx context.Context, t *tail, changes []feed.Announcement) error {
	for _, c := range changes {
		t.version = max(t.version, c.Version)
		if c.Feed != "" {
			t.missed[c.Feed] = true // until it is taken
		}
	}
	r.reachedUnlessMissed(t)
	return r.takeMissed(ctx, t)
}

// takeMissed takes the heads of the feeds that were announced and not taken. Those that the store does not have, or that
// cannot be decoded, stay missed. If the store fails, the heads that were read before are taken all the same, so that one
// that cannot be read does not keep back the others.
func (r *Replica) takeMissed(ctx context.Context, t *tail) error {
	if len(t.missed) == 0 {
		return nil
	}
	var failed error
	heads := make([]feed.Head, 0, len(t.missed))
	for _, name := range slices.SortedFunc(maps.Keys(t.missed), feed.Name.Compare) {
		head, err := within(ctx, 0, func(ctx context.Context) (feed.Head, error) { return r.Source.Head(ctx, name) })
		if errors.Is(err, feed.ErrNotFound) || errors.Is(err, feed.ErrInvalid) {
			continue
		}
		if err != nil {
			failed = err
			break
		}
		heads = append(heads, head)
	}
	if err := r.take(ctx, t, heads); err != nil {
		return err
	}
	r.reachedUnlessMissed(t)
	return failed
}

// reachedUnlessMissed records up to which version commits have been taken, unless one of them has not.
func (r *Replica) reachedUnlessMissed(t *tail) {
	if len(t.missed) == 0 {
		r.reached(t.version)
	}
}

// takeAll takes all heads, and notes which feeds the store has lost.
func (r *Replica) takeAll(ctx context.Context, t *tail) error {
	heads, err := within(ctx, 0, r.Source.Heads)
	if err != nil {
		return err
	}
	slices.SortFunc(heads, func(a, b feed.Head) int { return a.Feed.Compare(b.Feed) })
	r.noteLost(heads)
	for some := range slices.Chunk(heads, batch) {
		if err := r.take(ctx, t, some); err != nil {
			return err
		}
		r.makeRoom(ctx)
	}
	r.publish(nil, true)
	return nil
}

// take serves the given heads, except those that are older than what is served, or whose documents can't be had. The
// error is that of a store that does not answer; what was fetched before is served all the same.
func (r *Replica) take(ctx context.Context, t *tail, heads []feed.Head) error {
	for _, head := range heads {
		r.compare(t, head.Feed) // with what it took the place of, before it is gone too
	}
	served := r.Snapshot()
	var mu sync.Mutex
	fetched := make(map[feed.Name]*edition)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, head := range heads {
		held := served.edition(head.Feed)
		if held != nil {
			switch why := notNewer(head, held.head); {
			case why != "":
				r.refuse(refusal{cause: stale, head: head, reason: why})
				continue
			case sameHead(head, held.head):
				r.accept(head.Feed)
				continue
			}
		}
		g.Go(func() error {
			e, err := newEdition(head, held, r.Now(), func(ref feed.DocumentRef) (feed.Blob, error) {
				return within(ctx, 0, func(ctx context.Context) (feed.Blob, error) { return r.Source.Blob(ctx, ref.Hash) })
			})
			switch {
			case err == nil:
				mu.Lock()
				defer mu.Unlock()
				fetched[head.Feed] = e
			case errors.Is(err, feed.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil:
				return err
			case errors.Is(err, feed.ErrNotFound):
				r.refuse(refusal{cause: absent, head: head, reason: err.Error()})
			default: // whatever is wrong with this feed must not keep others
				r.refuse(refusal{cause: damaged, head: head, reason: err.Error()})
			}
			return nil
		})
	}
	err := g.Wait()
	if err == nil {
		for _, head := range heads {
			delete(t.missed, head.Feed)
		}
	}
	r.publish(fetched, false)
	r.count(taken, len(fetched))
	for name := range fetched {
		if before := served.edition(name); before != nil {
			t.uncompared[name] = before
			r.Memory.retain(before.documents)
		}
	}
	return err
}

// notNewer says why a head is not a later state of the feed than the one that is served; "" if it is, or is the same.
// Later builders have greater tokens; what one builder commits has a growing Last-Modified.
func notNewer(head, held feed.Head) string {
	if head.Token != held.Token {
		if head.Token > held.Token {
			return ""
		}
		return fmt.Sprintf("the store has the feed with token %d; what is served is newer, with token %d", head.Token, held.Token)
	}
	for _, ref := range head.Documents {
		old, ok := held.Document(ref.Format)
		if ok && (ref.Modified.Before(old.Modified) || ref.Hash != old.Hash && ref.Modified.Equal(old.Modified)) {
			return fmt.Sprintf("the store has the feed as of %s; what is served is newer, of %s",
				ref.Modified.UTC().Format(time.RFC3339), old.Modified.UTC().Format(time.RFC3339))
		}
	}
	return ""
}

// sameHead says whether there is nothing to take from head.
func sameHead(head, held feed.Head) bool {
	return head.Token == held.Token && head.Config == held.Config && slices.Equal(head.IDs, held.IDs) &&
		slices.EqualFunc(head.Documents, held.Documents, func(a, b feed.DocumentRef) bool {
			return a.Equal(b)
		})
}

func (r *Replica) changes(ctx context.Context, after string, block time.Duration) ([]feed.Announcement, error) {
	began := r.Now()
	changes, err := within(ctx, block, func(ctx context.Context) ([]feed.Announcement, error) {
		return r.Source.Changes(ctx, after, block)
	})
	if err == nil && len(changes) == 0 {
		// A store that does not wait must not make this a busy loop.
		pause(ctx, block-r.Now().Sub(began))
	}
	return changes, err
}

// within calls the store, which has wait and a little more to answer.
func within[T any](ctx context.Context, wait time.Duration, call func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+callTimeout)
	defer cancel()
	return call(ctx)
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
