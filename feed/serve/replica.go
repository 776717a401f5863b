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

	"golang.org/x/sync/errgroup"

	"feedpub/feed"
)

const (
	// defaultPoll is how often the version is read, should an announcement have been missed.
	defaultPoll = 5 * time.Second
	// maxBlock is how long a read waits for announcements: short enough that a connection that died silently is noticed.
	maxBlock = 2 * time.Second
	// retryAfterError is the pause after a store that failed.
	retryAfterError = time.Second
	// callTimeout bounds a call of the store, on top of what it was asked to wait.
	callTimeout = 10 * time.Second
	// fullEvery is after how many polls all heads are read even if the version has not moved: a store that was rolled
	// back can come to a version again that it had before.
	fullEvery = 60
	// batch is how many heads are fetched and then served at once, so that a replica without a disk copy starts with
	// what it has.
	batch = 64
	// parallel is how many documents are fetched at a time.
	parallel = 4
	// savedTogether is how many feeds are saved in one go.
	savedTogether = 32
	// lastSaves bounds how long a replica that is told to stop goes on saving.
	lastSaves = 5 * time.Second
)

// ReplicaConfig is what a [Replica] is made of.
type ReplicaConfig struct {
	Source  Source
	Disk    *Disk // optional: without it nothing is served after a restart until the store answers
	Log     *slog.Logger
	Now     func() time.Time
	Poll    time.Duration // how often the version is read; 0 is 5 s
	Memory  *Memory       // which other replicas may share; nil is no bound
	Keeper  Keeper        // optional: takes back what the store has lost
	Options Options       // of the snapshots; their Now is the clock's
	// Before is the replica of the same site that this one takes the place of, optional: what it serves is served from
	// the start. Its Run must have returned by the time of Load.
	Before *Replica
}

// Replica keeps a site's committed documents in memory, on disk and up to date with the store. What it serves only ever
// gets newer: whatever the store says or fails to say, a document that is served stays until a later commit of its feed
// has been fetched whole and found to be what its hashes say. Its methods are safe for concurrent use.
type Replica struct {
	ReplicaConfig
	loaded  sync.Once
	loader  *loader // nil without a disk: then nothing leaves the memory
	current atomic.Pointer[Snapshot]

	wake  chan struct{} // tells the goroutine that saves; holds at most one
	saved chan struct{} // and what it tells: that a feed was saved, or could not be; holds at most one

	mu      sync.Mutex
	unsaved map[feed.Name]bool
	failing bool // nothing can be saved now
	refused map[feed.Name]refusal
	counts  map[string]uint64
	version int64     // of the store, up to which documents were taken
	synced  time.Time // when the store last answered
	down    error     // why it does not answer now
}

// NewReplica returns a replica that serves nothing yet. Load and Run fill it.
func NewReplica(c ReplicaConfig) *Replica {
	c.Poll = cmp.Or(c.Poll, defaultPoll)
	if c.Memory == nil {
		c.Memory = NewMemory(0)
	}
	r := &Replica{
		ReplicaConfig: c,
		wake:          make(chan struct{}, 1),
		saved:         make(chan struct{}, 1),
		unsaved:       make(map[feed.Name]bool),
		refused:       make(map[feed.Name]refusal),
		counts: map[string]uint64{
			taken: 0, string(stale): 0, string(damaged): 0, string(absent): 0, string(lost): 0, unsaved: 0,
		},
	}
	if c.Disk != nil {
		r.loader = &loader{disk: c.Disk, source: c.Source, memory: c.Memory, log: c.Log, now: c.Now}
	}
	r.current.Store(emptySnapshot(newRetreats(c.Options)))
	return r
}

// Load serves what the disk holds. What is damaged is logged and left out. Calling it before a server listens saves the
// first readers from an answer that says the feeds are not ready; Run calls it otherwise.
func (r *Replica) Load() {
	r.loaded.Do(func() {
		if before := r.Before; before != nil {
			r.Before = nil // it is not needed any more
			r.succeed(before)
			return
		}
		if r.Disk == nil {
			return
		}
		editions, problems := r.Disk.load(r.Now())
		for _, err := range problems {
			r.Log.Warn("copy on disk not used", "error", err)
		}
		r.serve(r.current.Load().with(editions, nil, r.Now()), editions)
		r.Log.Info("feeds loaded from disk", "feeds", len(editions))
	})
}

// succeed takes over what another replica serves, with what of it the disk does not have. The disk's copies are those of
// what is served, so they need not be read.
func (r *Replica) succeed(before *Replica) {
	editions := make(map[feed.Name]*edition)
	for name, e := range before.Snapshot().editions.all() {
		editions[feed.Name(name)] = e
	}
	next := r.current.Load().with(editions, nil, r.Now())
	r.current.Store(next)
	r.Memory.replace(before.Snapshot().documents(), next.documents())
	before.mu.Lock()
	unsaved := maps.Clone(before.unsaved)
	before.mu.Unlock()
	r.mu.Lock()
	maps.Copy(r.unsaved, unsaved)
	r.mu.Unlock()
	if len(unsaved) > 0 {
		r.wake <- struct{}{} // it is empty: nothing runs yet
	}
}

// Retire stops counting what the replica serves among what the process holds in memory. It is for a site that is served no
// more, when Run has returned.
func (r *Replica) Retire() { r.Memory.replace(r.Snapshot().documents(), nil) }

// Run keeps the replica up to date until ctx ends. It returns nil then, when all that is served has been saved.
func (r *Replica) Run(ctx context.Context) error {
	r.Load()
	followed := make(chan struct{})
	var g errgroup.Group
	g.Go(func() error {
		defer close(followed)
		r.follow(ctx)
		return nil
	})
	if r.Disk != nil {
		g.Go(func() error {
			r.save(ctx, followed)
			return nil
		})
		g.Go(func() error {
			r.warm(ctx)
			return nil
		})
	}
	return g.Wait()
}

// warm loads what Load has not read, the main feed's documents first, for as long as there is room. It spares readers a
// wait, and finds damaged copies while the store may still have the documents.
func (r *Replica) warm(ctx context.Context) {
	for _, name := range r.Snapshot().names() {
		for _, d := range r.Snapshot().edition(name).documents {
			if ctx.Err() != nil || r.Memory.full(d.packed) {
				return
			}
			_, _, _ = d.load() // what can't be loaded has been logged
		}
	}
}

// makeRoom waits, while there is more in memory than should be, for what was taken to be saved, so that it can be
// dropped. It does not wait for a disk that fails: to serve comes first.
func (r *Replica) makeRoom(ctx context.Context) {
	for r.Disk != nil && r.Memory.full(0) {
		r.mu.Lock()
		hope := len(r.unsaved) > 0 && !r.failing
		r.mu.Unlock()
		if !hope {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-r.saved:
		}
	}
}

// Snapshot returns what is served now.
func (r *Replica) Snapshot() *Snapshot { return r.current.Load() }

// Newest returns the greatest fencing token among the heads that are served. A builder takes a greater one, also when
// the store has forgotten it.
func (r *Replica) Newest() feed.Token { return r.Snapshot().Newest() }

// Head returns the head that is served for a feed.
func (r *Replica) Head(name feed.Name) (feed.Head, bool) { return r.Snapshot().Head(name) }

// Heads returns the heads that are served, the main feed's first, then by name.
func (r *Replica) Heads() []feed.Head { return r.Snapshot().Heads() }

// Blob returns the bytes of a document that is served, which it loads if they are not in memory. They are not to be
// modified.
func (r *Replica) Blob(hash feed.Hash) (feed.Blob, bool) { return r.Snapshot().Blob(hash) }

// Ready returns nil once the main feed is served, else an error of kind [feed.ErrUnavailable] that says why it is not.
// A replica that is ready stays so, whatever becomes of the store.
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
		return fmt.Errorf("the store has not been asked yet: %w", feed.ErrUnavailable)
	case r.refused[feed.Main].reason != "":
		return fmt.Errorf("%s: %w", r.refused[feed.Main].reason, feed.ErrUnavailable)
	default:
		return fmt.Errorf("the main feed has not been committed yet: %w", feed.ErrUnavailable)
	}
}

// Store returns nil if the store answered when it was last asked, else why not.
func (r *Replica) Store() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.down
}

// Version returns the store's version up to which commits have been taken, and when the store last answered.
func (r *Replica) Version() (int64, time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.version, r.synced
}

// publish serves the given editions in place of those of the same feeds. complete says that all feeds of the store have
// been seen by now. Only Load and the goroutine of follow call it.
func (r *Replica) publish(editions map[feed.Name]*edition, complete bool) {
	r.mu.Lock()
	for name := range editions {
		delete(r.refused, name)
	}
	var unheld []feed.Head
	for _, x := range r.refused {
		if !x.serving {
			unheld = append(unheld, x.head)
		}
	}
	r.mu.Unlock()

	next := r.Snapshot().with(editions, unheld, r.Now())
	next.complete = next.complete || complete
	if changed := r.serve(next, editions); len(changed) > 0 {
		// Only now: what is marked is taken from the snapshot and saved at any moment.
		r.mu.Lock()
		for _, name := range changed {
			r.unsaved[name] = true
		}
		r.mu.Unlock()
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

// serve makes next, which was made with the given editions, what is served, and returns the feeds that differ.
func (r *Replica) serve(next *Snapshot, editions map[feed.Name]*edition) (changed []feed.Name) {
	prev := r.Snapshot()
	var before, now []*document
	look := func(name feed.Name) {
		was, is := prev.edition(name), next.edition(name)
		if was == is {
			return
		}
		changed = append(changed, name)
		if was != nil {
			before = append(before, was.documents...)
		}
		for _, d := range is.documents {
			if d.loader == nil { // others are served already
				d.loader = r.loader
			}
		}
		now = append(now, is.documents...)
	}
	for name := range editions {
		look(name)
	}
	for name := range prev.undated {
		if editions[name] == nil {
			look(name)
		}
	}
	r.current.Store(next)
	r.Memory.replace(before, now)
	return changed
}

// count adds n to one of the counts.
func (r *Replica) count(what string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[what] += uint64(n)
}

// reached records up to which version commits have been taken.
func (r *Replica) reached(version int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.version, r.synced = version, r.Now()
}

// answered records whether the store answered.
func (r *Replica) answered(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err == nil && r.down != nil:
		r.Log.Info("store answers again")
	case err != nil && r.down == nil:
		r.Log.Warn("store does not answer; the documents at hand are served", "error", err)
	}
	r.down = err
	if err == nil {
		r.synced = r.Now()
	}
}

// save writes what is taken to the disk until ctx ends and following has ended, and then what is left.
func (r *Replica) save(ctx context.Context, followed <-chan struct{}) {
	var failed error
	for ctx.Err() == nil {
		var retry <-chan time.Time // never, unless there is something to try again
		if failed != nil {
			retry = time.After(r.Poll)
		}
		select {
		case <-ctx.Done():
		case <-r.wake:
		case <-retry:
		}
		failed = r.saveAll(ctx, failed)
	}
	<-followed
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSaves)
	defer cancel()
	_ = r.saveAll(last, failed) // logged; there is nobody left to act on it
}

// saveAll saves the feeds that are not saved, until ctx ends. It returns the last error, which it logs if it is not the
// one of the last time.
func (r *Replica) saveAll(ctx context.Context, before error) (failed error) {
	r.mu.Lock()
	names := slices.SortedFunc(maps.Keys(r.unsaved), feed.Name.Compare)
	r.mu.Unlock()
	for some := range slices.Chunk(names, savedTogether) {
		if ctx.Err() != nil {
			return failed
		}
		// Marked as saved before they are: what is taken meanwhile marks them again.
		r.mu.Lock()
		editions := make([]*edition, len(some))
		for i, name := range some {
			delete(r.unsaved, name)
			editions[i] = r.Snapshot().edition(name)
		}
		r.mu.Unlock()
		errs := r.Disk.save(editions...)
		r.mu.Lock()
		r.failing = false
		for i, err := range errs {
			if err == nil {
				r.Memory.note(editions[i].documents)
				continue
			}
			failed, r.failing = err, true
			r.unsaved[some[i]] = true
			r.counts[unsaved]++
		}
		r.mu.Unlock()
		select {
		case r.saved <- struct{}{}:
		default:
		}
	}
	if failed != nil && (before == nil || before.Error() != failed.Error()) {
		r.Log.Error("documents not saved; they are lost in a restart without the store", "error", failed)
	}
	return failed
}
