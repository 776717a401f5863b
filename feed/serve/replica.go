package serve

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"feedpub/feed"
	"feedpub/feed/crash"
)

const (
	// defaultPoll is the default interval at which the version is read, in case an announcement was missed.
	defaultPoll = 5 * time.Second
	// maxPoll is the longest interval at which the version of a site is read in a process with many sites. It is shorter
	// than the time for which a builder waits for replicas to restore lost commits.
	maxPoll = 15 * time.Second
	// maxBlock is the maximum time a read waits for announcements. It ensures that a dead connection is noticed.
	maxBlock = 15 * time.Second
	// retryAfterError is the pause after an error from the store.
	retryAfterError = time.Second
	// callTimeout limits a call to the store, not counting the time that the call waits for announcements.
	callTimeout = 10 * time.Second
	// pollsPerFull is the number of polls after which all heads are read even if the version has not changed: a store that
	// was rolled back can later reach the same version with different commits.
	pollsPerFull = 60
	// batch is the number of heads fetched before they are served. A replica without documents on disk thus serves the
	// first feeds early.
	batch = 64
	// parallel is the maximum number of heads fetched concurrently.
	parallel = 4
	// editionBatch is the maximum number of feeds whose heads and documents are read with one call to the store.
	editionBatch = 8
	// fetchBatch is the maximum number of documents read with one call to the store.
	fetchBatch = 32
	// saveBatch is the maximum number of feeds saved at a time.
	saveBatch = 32
	// finalSaveTimeout is the maximum time for saving after the replica's context is done.
	finalSaveTimeout = 5 * time.Second
)

// ReplicaConfig holds the dependencies of a [Replica].
type ReplicaConfig struct {
	Source Source
	Disk   *Disk // optional; without it nothing is served after a restart until the store responds
	// Kept is optional. It reports whether the Source keeps the documents of a feed on this machine's disk. Such documents
	// are not saved to Disk but loaded from the Source.
	Kept func(feed.Name) bool
	// Sync must be set if Kept is. It is called before such documents are served, and waits until everything that the
	// Source has returned is on the disk.
	Sync func(context.Context) error
	Log  *slog.Logger
	Now  func() time.Time
	Poll time.Duration // the interval at which the version is read; 0 means 5 s
	// Pace, if not nil, returns the interval at which a replica reads the version, and at which it checks whether its
	// folder was deleted, given the interval for a single site. A process with many sites does both less often.
	Pace     func(single time.Duration) time.Duration
	Memory   *Memory  // may be shared with other replicas; nil means no limit
	Restorer Restorer // optional; restores heads that the store has lost
	Marker   Marker   // optional; records when posts were first served
	// Reporter is optional. If the store was rolled back while this process was not running, the replica reports this as a
	// problem. It must not be set for an embedded store: if the process is killed, the store's heads on disk may be
	// earlier.
	Reporter ProblemReporter
	Options  Options // options of the snapshots
	// Before is the replica of the same site that the new replica replaces. It is optional. Its documents are served from
	// the start. Its Run must have returned before Load is called.
	Before *Replica
}

// Replica keeps the committed documents of a site in memory and on disk, up to date with the store. Whatever the store
// returns, a served document is replaced only by a later commit of its feed, and only after all documents of the commit
// have been fetched and checked against their hashes. Its methods are safe for concurrent use.
type Replica struct {
	ReplicaConfig
	loaded  sync.Once
	loader  *loader // nil if there is no disk; then nothing is dropped from memory
	current atomic.Pointer[Snapshot]
	served  atomic.Uint64 // number of snapshots that were served

	wake  chan struct{} // signals the goroutine that saves; capacity 1
	saved chan struct{} // signaled when feeds were saved or a save failed; capacity 1

	saving       sync.WaitGroup // saves that apply has started
	caughtUp     chan struct{}  // closed when the heads of the store have been applied, or the store has failed
	caughtUpOnce sync.Once
	checked      chan struct{} // closed when the documents from the disk have been compared with the store
	checkedOnce  sync.Once
	reached      reached // versions for the Marker
	marking      sync.WaitGroup

	mu         sync.Mutex
	unsaved    map[feed.Name]bool // feeds whose served documents are not on disk
	overdue    int                // number of flushes of stash files that are taking longer than saveWait
	failing    error              // the error from the last save; nil if it succeeded
	behind     time.Time          // the time since which documents have been missing from the disk; zero if none are
	mismatches map[feed.Name]mismatch
	counts     map[string]uint64
	// sums holds the sums of the stored heads that are equal to the served heads. Such heads are not decoded again.
	sums    map[feed.Name]feed.HeadSum
	version int64     // version of the store up to which commits were applied
	synced  time.Time // time of the last response from the store
	down    error     // the last error from the store, nil after a success
}

// NewReplica returns a replica that serves nothing until Load or Run is called.
func NewReplica(c ReplicaConfig) *Replica {
	c.Poll = cmp.Or(c.Poll, defaultPoll)
	if c.Memory == nil {
		c.Memory = NewMemory(0)
	}
	r := &Replica{
		ReplicaConfig: c,
		wake:          make(chan struct{}, 1),
		saved:         make(chan struct{}, 1),
		caughtUp:      make(chan struct{}),
		checked:       make(chan struct{}),
		unsaved:       make(map[feed.Name]bool),
		mismatches:    make(map[feed.Name]mismatch),
		sums:          make(map[feed.Name]feed.HeadSum),
		counts: map[string]uint64{
			applied: 0, string(stale): 0, string(damaged): 0, string(absent): 0, string(lost): 0, unsaved: 0,
		},
	}
	if c.Disk != nil {
		r.loader = &loader{disk: c.Disk, source: c.Source, kept: r.kept, memory: c.Memory, log: c.Log}
	}
	r.setCurrent(emptySnapshot(newRedirects(c.Options)))
	return r
}

// Load serves the documents on disk. Damaged documents are logged and skipped. Call it before a server listens, so that
// the first requests are not answered with 503. Run calls Load if it has not been called.
func (r *Replica) Load() {
	r.loaded.Do(func() {
		if before := r.Before; before != nil {
			r.Before = nil // let the garbage collector free the replaced replica
			r.inherit(before)
			if before.isChecked() {
				r.setChecked()
			}
			return
		}
		if r.Disk == nil {
			r.setChecked()
			return
		}
		editions, stashed, problems := r.Disk.load(r.kept)
		for _, err := range problems {
			r.Log.Warn("cannot use the copy on disk", "error", err)
		}
		r.serve(r.current.Load().with(editions, nil), editions)
		if r.Kept != nil {
			r.loadKept()
		}
		r.mu.Lock()
		for _, name := range stashed {
			r.unsaved[name] = true
		}
		r.mu.Unlock()
		if len(stashed) > 0 {
			r.signalSave()
		}
		if len(editions) == 0 {
			r.setChecked()
		}
		r.Log.Info("feeds loaded from disk", "feeds", len(editions))
	})
}

// kept reports whether the documents of a feed are loaded from the Source rather than from Disk.
func (r *Replica) kept(name feed.Name) bool { return r.Disk != nil && r.Kept != nil && r.Kept(name) }

// loadKept serves the documents that the Source keeps. Without it, requests for them would get 503 until all heads have
// been read.
func (r *Replica) loadKept() {
	ctx := context.Background()
	stored, err := within(ctx, 0, func(ctx context.Context) ([]feed.StoredHead, error) {
		return r.Source.StoredHeads(ctx, nil)
	})
	if err != nil {
		return // follow logs the error
	}
	stored = slices.DeleteFunc(stored, func(h feed.StoredHead) bool { return !r.kept(h.Feed) })
	for some := range slices.Chunk(stored, batch) {
		heads := make([]feed.Head, len(some))
		for i, h := range some {
			heads[i] = h.Head
		}
		fetched, err := r.fetch(ctx, heads, r.Snapshot(), nil)
		r.publish(fetched, false, nil)
		if err != nil {
			return
		}
	}
}

// inherit serves the documents of another replica and marks those that are not on disk as unsaved. The disk has the
// same documents, so it is not read.
func (r *Replica) inherit(before *Replica) {
	editions := make(map[feed.Name]*edition)
	for name, e := range before.Snapshot().editions.all() {
		editions[feed.Name(name)] = e
	}
	next := r.current.Load().with(editions, nil)
	r.setCurrent(next)
	r.Memory.replace(before.Snapshot().documents(), next.documents())
	before.mu.Lock()
	unsaved := maps.Clone(before.unsaved)
	before.mu.Unlock()
	r.mu.Lock()
	maps.Copy(r.unsaved, unsaved)
	r.mu.Unlock()
	if len(unsaved) > 0 {
		r.signalSave()
	}
}

// ReleaseMemory stops counting the replica's documents in its Memory. Call it when the site is removed and Run has
// returned.
func (r *Replica) ReleaseMemory() { r.Memory.replace(r.Snapshot().documents(), nil) }

// Run keeps the replica up to date until ctx is done, saves the served documents, and returns. The error is always nil.
func (r *Replica) Run(ctx context.Context) error {
	r.Load()
	followed := make(chan struct{})
	var g sync.WaitGroup
	if r.Disk != nil {
		g.Go(func() { r.save(ctx, followed) })
		g.Go(func() { r.warm(ctx) })
	}
	r.follow(ctx)
	close(followed)
	g.Wait()
	r.marking.Wait()
	r.saving.Wait()
	return nil
}

// paced returns the interval of a periodic task, given the interval for a process with a single site.
func (r *Replica) paced(single time.Duration) time.Duration {
	if r.Pace == nil {
		return single
	}
	return r.Pace(single)
}

// warm loads the documents that Load has not read, the main feed's first, as far as the limits of the memory allow.
// This way, requests need not wait, and damaged files are found while the store may still have the documents.
func (r *Replica) warm(ctx context.Context) {
	for _, name := range r.Snapshot().names() {
		for _, d := range r.Snapshot().edition(name).documents {
			if ctx.Err() != nil {
				return
			}
			if r.Memory.hasRoom(d) {
				_, _, _ = d.load() // errors have been logged
			}
		}
	}
}

// waitForRoom waits until the memory is within its limit, or until all documents are saved and can be dropped. It does
// not wait for a failing disk: serving has priority.
func (r *Replica) waitForRoom(ctx context.Context) {
	for r.Disk != nil && r.Memory.full() {
		r.mu.Lock()
		pending := len(r.unsaved) > 0 && r.failing == nil
		r.mu.Unlock()
		if !pending {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-r.saved:
		}
	}
}

// Snapshot returns the current snapshot.
func (r *Replica) Snapshot() *Snapshot { return r.current.Load() }

func (r *Replica) setCurrent(s *Snapshot) {
	r.current.Store(s)
	r.served.Add(1)
}

// Generation returns a number that is greater than 0 and increases whenever the served documents change.
func (r *Replica) Generation() uint64 { return r.served.Load() }

// Newest returns the greatest fencing token of the served heads. A builder must use a greater token, even if the store
// has lost this one.
func (r *Replica) Newest() feed.Token { return r.Snapshot().Newest() }

// Head returns the head of a served feed.
func (r *Replica) Head(name feed.Name) (feed.Head, bool) { return r.Snapshot().Head(name) }

// Heads returns the heads of the served feeds, the main feed's first, then by name.
func (r *Replica) Heads() []feed.Head { return r.Snapshot().Heads() }

// Sums returns the sums of the stored heads that were equal to the served heads when they were last read. The caller
// may modify the result.
func (r *Replica) Sums() map[feed.Name]feed.HeadSum {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.sums)
}

// Blob returns the bytes of a served document, and loads them if they are not in memory. They must not be modified.
func (r *Replica) Blob(hash feed.Hash) (feed.Blob, bool) { return r.Snapshot().Blob(hash) }

// Ready returns nil once the main feed is served, else an error of kind [feed.ErrUnavailable] with the reason. A ready
// replica stays ready.
func (r *Replica) Ready() error {
	if r.Snapshot().hasMain() {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.down != nil:
		return fmt.Errorf("no documents on disk, and the store does not answer: %w: %w", r.down, feed.ErrUnavailable)
	case r.synced.IsZero():
		return fmt.Errorf("the store has not been read yet: %w", feed.ErrUnavailable)
	case r.mismatches[feed.Main].reason != "":
		return fmt.Errorf("%s: %w", r.mismatches[feed.Main].reason, feed.ErrUnavailable)
	default:
		return fmt.Errorf("the main feed has not been committed yet: %w", feed.ErrUnavailable)
	}
}

// Store returns the error from the last call to the store, or nil if it succeeded.
func (r *Replica) Store() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.down
}

// Version returns the version of the store up to which commits have been applied, and the time of the last response
// from the store.
func (r *Replica) Version() (int64, time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.version, r.synced
}

// publish replaces the editions of the given feeds. complete is true if all feeds of the store have been read. saved
// contains the feeds whose editions are on disk. Only Load and the goroutine of follow call it.
func (r *Replica) publish(editions map[feed.Name]*edition, complete bool, saved map[feed.Name]bool) {
	r.mu.Lock()
	for name := range editions {
		delete(r.mismatches, name)
	}
	var unavailable []feed.Head
	for _, x := range r.mismatches {
		if !x.serving {
			unavailable = append(unavailable, x.head)
		}
	}
	r.mu.Unlock()

	next := r.Snapshot().with(editions, unavailable)
	next.complete = next.complete || complete
	crash.At(crash.ReplicaFetched)
	if changed := r.serve(next, editions); len(changed) > 0 {
		crash.At(crash.ReplicaServed)
		// Mark the editions as unsaved only now that the snapshot is stored: the saving goroutine may read them from the
		// snapshot as soon as they are marked.
		for _, name := range changed {
			if r.kept(name) {
				r.Memory.note(next.edition(name).documents)
			}
		}
		r.mu.Lock()
		for _, name := range changed {
			if saved[name] || r.kept(name) {
				delete(r.unsaved, name)
			} else {
				r.unsaved[name] = true
			}
		}
		r.noteBehind()
		r.mu.Unlock()
		r.signalSave()
	}
}

// signalSave wakes the goroutine that saves, now or when it starts. It does not block.
func (r *Replica) signalSave() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// serve makes next the current snapshot and returns the feeds that differ. next must contain the given editions.
func (r *Replica) serve(next *Snapshot, editions map[feed.Name]*edition) (changed []feed.Name) {
	prev := r.Snapshot()
	var before, now []*document
	for name := range editions {
		was, is := prev.edition(name), next.edition(name)
		if was == is {
			continue
		}
		changed = append(changed, name)
		if was != nil {
			before = append(before, was.documents...)
		}
		for _, d := range is.documents {
			if d.loader == nil { // a document with a loader is already served
				d.loader = r.loader
			}
		}
		now = append(now, is.documents...)
	}
	r.setCurrent(next)
	r.Memory.replace(before, now)
	return changed
}

// count adds n to a counter.
func (r *Replica) count(what string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[what] += uint64(n)
}

// setVersion records the version up to which commits have been applied.
func (r *Replica) setVersion(ctx context.Context, version int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.version, r.synced = version, r.Now()
	if r.Marker == nil {
		return
	}
	for _, x := range r.mismatches {
		if x.transient() {
			return // not all documents of the version are served
		}
	}
	if r.reached.add(version) {
		r.marking.Go(func() { r.mark(ctx) })
	}
}

// setStoreError records the result of a call to the store.
func (r *Replica) setStoreError(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil && r.down != nil:
		r.Log.Info("store answers again")
	case err != nil && r.down == nil:
		r.Log.Warn("store does not answer; documents are served from memory and disk", "error", err)
	}
	r.down = err
	if err == nil {
		r.synced = r.Now()
	}
}

// save writes documents to disk until ctx is done. When follow has returned and followed is closed, save writes the
// documents that remain.
func (r *Replica) save(ctx context.Context, followed <-chan struct{}) {
	var failed error
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-r.wake:
			r.delaySave(ctx)
		case <-time.After(r.saveInterval(failed)): // retry, and find out whether the folder has been deleted
		}
		if err := r.restoreFolder(); err != nil {
			failed = r.noteFailure(err, failed)
			continue
		}
		failed = r.saveAll(ctx, failed)
	}
	<-followed
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), finalSaveTimeout)
	defer cancel()
	_ = r.saveAll(last, failed) // the error has been logged
}

// saveInterval returns the time after which to try to save again, given the error of the last attempt.
func (r *Replica) saveInterval(failed error) time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if failed != nil || len(r.unsaved) > 0 {
		return r.Poll
	}
	return feed.UnhurriedWait(time.Now(), r.paced(r.Poll))
}

// saveAll saves the feeds that are not saved, until ctx is done. It returns the last error, and logs the error unless
// it is the same as before, the error of the previous call.
func (r *Replica) saveAll(ctx context.Context, before error) (failed error) {
	r.mu.Lock()
	names := slices.SortedFunc(maps.Keys(r.unsaved), feed.Name.Compare)
	r.mu.Unlock()
	for some := range slices.Chunk(names, saveBatch) {
		if ctx.Err() != nil {
			return failed
		}
		// Clear the marks first: a commit that is applied during the save sets them again.
		r.mu.Lock()
		editions := make([]*edition, len(some))
		for i, name := range some {
			delete(r.unsaved, name)
			editions[i] = r.Snapshot().edition(name)
		}
		r.mu.Unlock()
		errs := r.Disk.save(editions...)
		if err := r.noteSaves(editions, errs); err != nil {
			failed = err
		}
		select {
		case r.saved <- struct{}{}:
		default:
		}
	}
	r.mu.Lock()
	r.noteBehind()
	r.mu.Unlock()
	return r.noteFailure(failed, before)
}

// Source is the store of a site. A replica checks the data it returns. Errors are of the kinds in package feed.
type Source interface {
	// StoredHeads returns the heads of all feeds of the site. If the sum of a head is in known, the store may mark the
	// head as unchanged instead of decoding it.
	StoredHeads(ctx context.Context, known map[feed.Name]feed.HeadSum) ([]feed.StoredHead, error)
	// Head returns the head of one feed, or an error of kind [feed.ErrNotFound].
	Head(ctx context.Context, name feed.Name) (feed.Head, error)
	// Editions returns the heads of feeds, and those of their documents that are not in known, in gzip coding. It omits
	// heads and documents that do not exist or cannot be decoded, need not return any documents, and need not check them.
	Editions(ctx context.Context, known []feed.Hash, names ...feed.Name) ([]feed.Head, []feed.Blob, error)
	// Blob returns a document's bytes, or an error of kind [feed.ErrNotFound].
	Blob(ctx context.Context, hash feed.Hash) (feed.Blob, error)
	// Blobs returns the bytes of documents in gzip coding, in the order of the hashes. It need not check them, and returns
	// a zero Blob for a document that it cannot return.
	Blobs(ctx context.Context, hashes ...feed.Hash) ([]feed.Blob, error)
	// Version returns the site's version, which changes with every commit.
	Version(ctx context.Context) (int64, error)
	// Changes returns the announcements of commits after an entry, oldest first. If there are none it waits for up to
	// block for the first; if block is 0 it does not wait.
	Changes(ctx context.Context, after string, block time.Duration) ([]feed.Announcement, error)
	// LastChange returns the entry of the latest announcement, to pass to Changes.
	LastChange(ctx context.Context) (string, error)
}

// CheckedSource is a source whose documents may become unreadable for this release: a later release may store them in a
// format that this one would misread.
type CheckedSource struct {
	Source
	// Check returns an error, of kind [feed.ErrOutdated], if this release must not read the documents.
	Check func(ctx context.Context) error
}

// Version implements [Source]. If Check fails, it returns that error.
func (s *CheckedSource) Version(ctx context.Context) (int64, error) {
	if err := s.Check(ctx); err != nil {
		return 0, err
	}
	return s.Source.Version(ctx)
}

// Head implements [Source]. If Check fails, it returns that error.
func (s *CheckedSource) Head(ctx context.Context, name feed.Name) (feed.Head, error) {
	if err := s.Check(ctx); err != nil {
		return feed.Head{}, err
	}
	return s.Source.Head(ctx, name)
}

// Editions implements [Source]. If Check fails, it returns that error.
func (s *CheckedSource) Editions(
	ctx context.Context, known []feed.Hash, names ...feed.Name,
) ([]feed.Head, []feed.Blob, error) {
	if err := s.Check(ctx); err != nil {
		return nil, nil, err
	}
	return s.Source.Editions(ctx, known, names...)
}
