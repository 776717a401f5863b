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

// settleTime is how long a replica waits after the last announcement before it compares editions. A change to a post
// affects several feeds, which are committed one by one. Comparing the first editions must not delay serving the last
// ones.
const settleTime = 100 * time.Millisecond

// tail is the position up to which a replica has read the store.
type tail struct {
	positioned bool      // after is valid
	after      string    // the stream entry up to which announcements were read
	announced  bool      // there was an announcement since the last poll
	version    int64     // version up to which announcements or heads were read
	polls      int       // number of polls since all heads were read
	next       time.Time // time of the next poll

	// missed holds the announced feeds whose heads could not be read. They are read again with every poll, because they
	// are not announced again.
	missed map[feed.Name]bool

	// uncompared holds the replaced editions that have not been compared with the served editions. They are compared when
	// there are no announcements, because serving does not depend on the comparison.
	uncompared map[feed.Name]*edition
	idle       bool // nothing was announced during the last wait
}

// follow applies the commits of the store until ctx is done. The stream announces each commit immediately. follow also
// reads the version at intervals. If the version shows that an announcement was missed, follow reads all heads.
func (r *Replica) follow(ctx context.Context) {
	t := tail{
		missed: map[feed.Name]bool{}, uncompared: map[feed.Name]*edition{},
	}
	defer func() {
		for _, before := range t.uncompared {
			r.Memory.release(before.documents)
		}
	}()
	for ctx.Err() == nil {
		err := r.step(ctx, &t)
		if ctx.Err() != nil {
			return
		}
		r.setStoreError(err)
		if err != nil {
			r.setCaughtUp()
			t.next = time.Time{} // the store may have different data when it responds again
			pause(ctx, min(retryAfterError, r.Poll))
		}
	}
}

// step polls if a poll is due, and then waits for announcements until the next poll.
func (r *Replica) step(ctx context.Context, t *tail) error {
	now := time.Now() // not r.Now, which may be set back: the interval between polls is fixed
	if !now.Before(t.next) {
		if err := r.poll(ctx, t); err != nil {
			return err
		}
		if err := r.checkLoaded(ctx); err != nil {
			return err
		}
		t.next = now.Add(max(r.Poll, min(r.paced(r.Poll), maxPoll)))
		r.restoreLost(ctx)
	}
	wait := min(maxBlock, max(t.next.Sub(now), time.Millisecond))
	if len(t.uncompared) > 0 {
		wait = min(wait, settleTime)
		if t.idle {
			wait = 0 // only check for announcements between comparisons
		}
	}
	changes, err := r.changes(ctx, t.after, wait)
	if err != nil {
		return err
	}
	if t.idle = len(changes) == 0; t.idle {
		r.compareNext(t)
		return nil
	}
	t.after, t.announced = changes[len(changes)-1].Entry, true
	return r.applyAnnounced(ctx, t, changes)
}

// compareNext compares one of the editions that have not been compared, beginning with the main feed's.
func (r *Replica) compareNext(t *tail) {
	if len(t.uncompared) > 0 {
		r.compare(t, slices.MinFunc(slices.Collect(maps.Keys(t.uncompared)), feed.Name.Compare))
	}
}

// compare compares the served edition of a feed with the edition that it replaced, unless this has been done, and
// publishes the edition with the resulting history of each document.
func (r *Replica) compare(t *tail, name feed.Name) {
	if before := t.uncompared[name]; before != nil {
		delete(t.uncompared, name)
		r.publish(map[feed.Name]*edition{name: r.Snapshot().edition(name).compare(before)}, false, nil)
		r.Memory.release(before.documents)
	}
}

// poll reads the version. If nothing but the missed heads can have changed, it then reads only these, otherwise all
// heads.
func (r *Replica) poll(ctx context.Context, t *tail) error {
	version, err := within(ctx, 0, r.Source.Version)
	if err != nil {
		return err
	}
	moved := version != t.version
	// The version changed without an announcement or became lower, so the stream may be a new one.
	if !t.positioned || moved && (!t.announced || version < t.version) {
		if err := r.findEnd(ctx, t); err != nil {
			return err
		}
	}
	t.announced = false
	t.polls++
	if !moved && r.Snapshot().complete && !r.hasTransient() && t.polls < pollsPerFull {
		return r.applyMissed(ctx, t)
	}
	if err := r.applyAll(ctx, t); err != nil {
		return err
	}
	// The version was read before the heads, so commits between the two reads are applied twice rather than missed.
	t.polls, t.version = 0, version
	r.setVersionUnlessMissed(ctx, t)
	return nil
}

// findEnd sets the position to the end of the stream. It is called before heads are read, so that no commit is missed.
func (r *Replica) findEnd(ctx context.Context, t *tail) error {
	last, err := within(ctx, 0, r.Source.LastChange)
	if err != nil {
		return err
	}
	t.after, t.positioned = last, true
	return nil
}

// applyAnnounced applies the heads of the announced feeds, and the heads that were missed before.
func (r *Replica) applyAnnounced(ctx context.Context, t *tail, changes []feed.Announcement) error {
	for _, c := range changes {
		t.version = max(t.version, c.Version)
		if c.Feed != "" {
			t.missed[c.Feed] = true // missed until its head has been read
		}
	}
	r.setVersionUnlessMissed(ctx, t)
	return r.applyMissed(ctx, t)
}

// applyMissed applies the heads of the feeds that were announced but not applied. Heads that are not in the store, or
// that cannot be decoded, remain missed. If the store fails, the heads read before the failure are still applied, so a
// head that cannot be read does not delay the others.
func (r *Replica) applyMissed(ctx context.Context, t *tail) error {
	if len(t.missed) == 0 {
		return nil
	}
	heads, blobs, failed := r.readEditions(ctx, slices.SortedFunc(maps.Keys(t.missed), feed.Name.Compare))
	// A greater token means that a different builder has taken over, perhaps because the store has lost data, such as the
	// lease. Since this commit also changes the version, the version does not reveal the loss, and the next poll reads all
	// heads.
	newest := r.Newest()
	if slices.ContainsFunc(heads, func(h feed.Head) bool { return h.Token > newest }) {
		t.polls = pollsPerFull
	}
	if err := r.apply(ctx, t, heads, blobs); err != nil {
		return err
	}
	r.setVersionUnlessMissed(ctx, t)
	return failed
}

// readEditions is like readHeads, but also returns those documents of the heads that are not served and that the source
// returns with the heads.
func (r *Replica) readEditions(
	ctx context.Context, names []feed.Name,
) (heads []feed.Head, blobs []feed.Blob, failed error) {
	served := r.Snapshot()
	type editions struct {
		heads []feed.Head
		blobs []feed.Blob
	}
	for some := range slices.Chunk(names, editionBatch) {
		var known []feed.Hash
		for _, name := range some {
			if e := served.edition(name); e != nil {
				for _, ref := range e.head.Documents {
					known = append(known, ref.Hash)
				}
			}
		}
		read, err := within(ctx, 0, func(ctx context.Context) (e editions, err error) {
			e.heads, e.blobs, err = r.Source.Editions(ctx, known, some...)
			return e, err
		})
		if err != nil { // one head that cannot be read must not delay the others
			read.heads, err = r.readHeads(ctx, some)
		}
		heads, blobs = append(heads, read.heads...), append(blobs, read.blobs...)
		if failed == nil {
			failed = err
		}
	}
	return heads, blobs, failed
}

// isUnavailable reports whether an error means that the store does not respond.
func isUnavailable(err error) bool {
	return errors.Is(err, feed.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
}

// readHeads returns the heads of feeds, except for heads that are not in the store or cannot be decoded. If the store
// fails, it returns the heads that it could read and an error.
func (r *Replica) readHeads(ctx context.Context, names []feed.Name) (heads []feed.Head, failed error) {
	read, errs := make([]feed.Head, len(names)), make([]error, len(names))
	var g errgroup.Group
	g.SetLimit(parallel)
	for i, name := range names {
		g.Go(func() error {
			read[i], errs[i] = within(ctx, 0, func(ctx context.Context) (feed.Head, error) {
				return r.Source.Head(ctx, name)
			})
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs
	for i, err := range errs {
		switch {
		case err == nil:
			heads = append(heads, read[i])
		case errors.Is(err, feed.ErrNotFound) || errors.Is(err, feed.ErrInvalid):
		case failed == nil:
			failed = err
		}
	}
	return heads, failed
}

// prefetch reads the documents of heads that are neither in served nor in read, many with each call to the store, and
// returns those that match their checksums, by hash. The caller must read all other documents one by one.
func (r *Replica) prefetch(
	ctx context.Context, heads []feed.Head, served *Snapshot, read []feed.Blob,
) map[feed.Hash]feed.Blob {
	refs := map[feed.Hash]feed.DocumentRef{}
	var all []feed.Hash // the documents of each head are adjacent, since the embedded store has them in one file
	for _, head := range heads {
		current := served.edition(head.Feed)
		for _, ref := range head.Documents {
			has := current.find(func(d *document) bool { return d.ref.Hash == ref.Hash }) != nil
			if _, twice := refs[ref.Hash]; ref.GzipSum != "" && !ref.Brotli && !has && !twice {
				refs[ref.Hash] = ref
				all = append(all, ref.Hash)
			}
		}
	}
	found := make(map[feed.Hash]feed.Blob, len(refs))
	check := func(blobs []feed.Blob) {
		for _, b := range blobs {
			if ref, ok := refs[b.Hash]; ok && b.Size == ref.Length && feed.ChecksumOf(b.Gzip) == ref.GzipSum {
				b.Checked = true
				found[b.Hash] = b
			}
		}
	}
	check(read)
	all = slices.DeleteFunc(all, func(h feed.Hash) bool { return found[h].Checked })
	for hashes := range slices.Chunk(all, fetchBatch) {
		blobs, err := within(ctx, 0, func(ctx context.Context) ([]feed.Blob, error) {
			return r.Source.Blobs(ctx, hashes...)
		})
		if err != nil {
			break // reading a document reports the error
		}
		check(blobs)
	}
	return found
}

// setVersionUnlessMissed records that the commits up to t.version have been applied, unless a head has been missed.
func (r *Replica) setVersionUnlessMissed(ctx context.Context, t *tail) {
	if len(t.missed) == 0 {
		r.setVersion(ctx, t.version)
	}
}

// applyAll applies all heads, and records which feeds the store has lost. Heads that are equal to the served ones are
// not decoded again. A head that could not be applied is decoded again even if it has not changed, because the store
// may have restored its documents.
func (r *Replica) applyAll(ctx context.Context, t *tail) error {
	sums := r.Sums()
	stored, err := within(ctx, 0, func(ctx context.Context) ([]feed.StoredHead, error) {
		return r.Source.StoredHeads(ctx, sums)
	})
	if err != nil {
		return err
	}
	r.recordLost(stored)
	r.confirm(t, stored)
	stored = slices.DeleteFunc(stored, func(h feed.StoredHead) bool { return h.Unchanged })
	slices.SortFunc(stored, func(a, b feed.StoredHead) int { return a.Feed.Compare(b.Feed) })
	for some := range slices.Chunk(stored, batch) {
		heads := make([]feed.Head, len(some))
		for i, h := range some {
			heads[i] = h.Head
		}
		if err := r.apply(ctx, t, heads, nil); err != nil {
			return err
		}
		r.keepSums(some)
		r.waitForRoom(ctx)
	}
	r.publish(nil, true, nil)
	r.setCaughtUp()
	return nil
}

// confirm records that the served heads are equal to the stored ones that are marked as unchanged.
func (r *Replica) confirm(t *tail, stored []feed.StoredHead) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range stored {
		if h.Unchanged {
			delete(r.mismatches, h.Feed)
			delete(t.missed, h.Feed)
		}
	}
}

// keepSums keeps the sums of the heads that are equal to the served heads.
func (r *Replica) keepSums(stored []feed.StoredHead) {
	served := r.Snapshot()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range stored {
		if current := served.edition(h.Feed); h.Sum != (feed.HeadSum{}) && current != nil && sameHead(h.Head, current.head) {
			r.sums[h.Feed] = h.Sum
		}
	}
}

// apply serves the given heads, except for heads that are older than the served ones or whose documents cannot be
// fetched. If the store does not respond, it serves the heads that were fetched before and returns the error. read
// contains documents that have been read with the heads.
func (r *Replica) apply(ctx context.Context, t *tail, heads []feed.Head, read []feed.Blob) error {
	for _, head := range heads {
		r.compare(t, head.Feed) // compare the served edition before it is replaced
	}
	served := r.Snapshot()
	fetched, err := r.fetch(ctx, r.newer(heads, served), served, read)
	if err == nil {
		for _, head := range heads {
			delete(t.missed, head.Feed)
		}
	}
	r.forgetSums(fetched) // of the replaced heads
	r.syncKept(ctx, fetched)
	r.publish(fetched, false, r.saveFirst(ctx, fetched))
	r.count(applied, len(fetched))
	for name := range fetched {
		if before := served.edition(name); before != nil {
			t.uncompared[name] = before
			r.Memory.retain(before.documents)
		}
	}
	return err
}

// forgetSums removes the sums of the stored heads of feeds that are about to be replaced.
func (r *Replica) forgetSums(replaced map[feed.Name]*edition) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name := range replaced {
		delete(r.sums, name)
	}
}

// newer returns the heads that are later than the served ones. For each head that is earlier, it records a mismatch.
func (r *Replica) newer(heads []feed.Head, served *Snapshot) []feed.Head {
	var newer []feed.Head
	for _, head := range heads {
		if current := served.edition(head.Feed); current != nil {
			switch why := notNewer(head, current.head); {
			case why != "":
				r.addMismatch(mismatch{cause: stale, head: head, reason: why})
				continue
			case sameHead(head, current.head):
				r.clearMismatch(head.Feed)
				continue
			}
		}
		newer = append(newer, head)
	}
	return newer
}

// fetch returns the editions of heads. For a head whose documents are missing or damaged, it records a mismatch
// instead. If the store does not respond, it returns the editions that it could fetch and the error. read contains
// documents that have already been read.
func (r *Replica) fetch(
	ctx context.Context, heads []feed.Head, served *Snapshot, read []feed.Blob,
) (map[feed.Name]*edition, error) {
	blobs := r.prefetch(ctx, heads, served, read)
	var mu sync.Mutex
	fetched := make(map[feed.Name]*edition)
	g, fetching := errgroup.WithContext(ctx)
	g.SetLimit(parallel)
	for _, head := range heads {
		g.Go(func() error {
			e, err := newEdition(head, served.edition(head.Feed), func(ref feed.DocumentRef) (feed.Blob, error) {
				if b, ok := blobs[ref.Hash]; ok {
					return b, nil
				}
				return within(fetching, 0, func(ctx context.Context) (feed.Blob, error) {
					return r.Source.Blob(ctx, ref.Hash)
				})
			})
			switch {
			case err == nil:
				mu.Lock()
				defer mu.Unlock()
				fetched[head.Feed] = e
			case isUnavailable(err) || fetching.Err() != nil:
				return err
			case errors.Is(err, feed.ErrNotFound):
				r.addMismatch(mismatch{cause: absent, head: head, reason: err.Error()})
			default: // an error in one feed must not affect others
				r.addMismatch(mismatch{cause: damaged, head: head, reason: err.Error()})
			}
			return nil
		})
	}
	err := g.Wait()
	return fetched, err
}

// notNewer returns the reason why a head is earlier than the served head of the feed, or "" if it is later or the same.
// Later builders have greater tokens, and the documents of one builder have increasing modification times.
func notNewer(head, current feed.Head) string {
	if head.Token != current.Token {
		if head.Token > current.Token {
			return ""
		}
		return fmt.Sprintf("the store's documents have token %d, and the served documents are newer, with token %d",
			head.Token, current.Token)
	}
	for _, ref := range head.Documents {
		old, ok := current.Document(ref.Format)
		if ok && (ref.Modified.Before(old.Modified) || ref.Hash != old.Hash && ref.Modified.Equal(old.Modified)) {
			return fmt.Sprintf("the store's documents are from %s, and the served documents are newer, from %s",
				ref.Modified.UTC().Format(time.RFC3339), old.Modified.UTC().Format(time.RFC3339))
		}
	}
	return ""
}

// sameHead reports whether head is equal to current.
func sameHead(head, current feed.Head) bool {
	return head.Token == current.Token && head.Config == current.Config && slices.Equal(head.IDs, current.IDs) &&
		slices.EqualFunc(head.Documents, current.Documents, func(a, b feed.DocumentRef) bool {
			return a.Equal(b)
		})
}

func (r *Replica) changes(ctx context.Context, after string, block time.Duration) ([]feed.Announcement, error) {
	began := time.Now()
	changes, err := within(ctx, block, func(ctx context.Context) ([]feed.Announcement, error) {
		return r.Source.Changes(ctx, after, block)
	})
	if err == nil && len(changes) == 0 {
		// Do not spin if the store returns early.
		pause(ctx, block-time.Since(began))
	}
	return changes, err
}

// within calls the store with a timeout of wait plus callTimeout.
func within[T any](ctx context.Context, wait time.Duration, call func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+callTimeout)
	defer cancel()
	return call(ctx)
}

// pause waits for d or until ctx is done.
func pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
