package publish

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"feedpub/feed"
)

const (
	// maxReadTime is the time after which a post that is being read is rejected. The parsers limit the
	// number of their steps, and reject most of the posts that take too long well before this time. This limit covers
	// what they do not count.
	maxReadTime = 2 * time.Second
	// readTick is the interval at which that time is checked. Ticks are counted, because measured time would include any
	// time during which the process was suspended.
	readTick = 100 * time.Millisecond
)

// readingStore records which posts a builder is reading. The records outlive the builder.
type readingStore interface {
	// SetReading records the posts that a builder is about to read. Without ids, it removes the builder's record.
	SetReading(ctx context.Context, owner string, ids ...string) error
	// Readings returns the ids of the recorded posts of each builder.
	Readings(ctx context.Context) (map[string][]string, error)
	SetCostly(ctx context.Context, versions ...feed.Costly) error
	RemoveCostly(ctx context.Context, ids ...string) error
}

// guard ensures that no post crashes or blocks one builder after another. Before a builder reads posts, it records
// their ids. If it dies while it reads them, the next builder first tries these posts in a separate process, and does
// not read the posts that crash that process as well. Its methods are called with the work lock held, except for
// rejects.
type guard struct {
	store  readingStore
	posts  postLoader
	owner  string
	try    func(context.Context, []feed.StoredPost) (map[string]string, error) // Config.Try; may be nil
	intake func() string                                                       // returns the version of the intake
	logger *slog.Logger

	costly map[string]feed.Costly // by post
	token  feed.Token             // token of the term in which the records of dead builders were read
	retry  atomic.Bool            // whether to try the costly versions again; set without the work lock
}

// load records which versions of posts are costly. In a new term, it first tries the posts that other builders were
// reading when they died.
func (g *guard) load(ctx context.Context, token feed.Token, list []feed.Costly) error {
	g.costly = make(map[string]feed.Costly, len(list))
	for _, c := range list {
		g.costly[c.ID] = c
	}
	if token == g.token && !g.retry.Load() {
		return nil
	}
	if err := g.inspect(ctx); err != nil {
		return fmt.Errorf("posts that other builders were reading: %w", err)
	}
	g.token = token
	g.retry.Store(false)
	return nil
}

// inspect tries the posts that other builders were reading when they died and, on request, the costly versions.
func (g *guard) inspect(ctx context.Context) error {
	readings, err := g.store.Readings(ctx)
	if err != nil {
		return err
	}
	delete(readings, g.owner) // this process is alive
	suspects := slices.Collect(maps.Keys(g.costly))
	for _, ids := range readings {
		suspects = append(suspects, ids...)
	}
	slices.Sort(suspects)
	if suspects = slices.Compact(suspects); len(suspects) > 0 {
		if err := g.tryPosts(ctx, suspects); err != nil {
			return err
		}
	}
	for _, owner := range slices.Sorted(maps.Keys(readings)) { // in the same order each time, for simulations
		if err := g.store.SetReading(ctx, owner); err != nil {
			return err
		}
	}
	return nil
}

// tryPosts tries the posts with the given ids and records which of them are costly. It removes the records of costly
// versions that have been replaced or deleted.
func (g *guard) tryPosts(ctx context.Context, ids []string) error {
	untried, replaced, err := g.untried(ctx, ids)
	if err != nil {
		return err
	}
	var reasons map[string]string
	if g.try != nil && len(untried) > 0 {
		g.logger.Info("trying posts in a separate process", "posts", len(untried))
		if reasons, err = g.try(ctx, untried); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			g.logger.Error("cannot try posts in a separate process", "error", err)
			return nil
		}
	}
	var found []feed.Costly
	for _, st := range untried {
		if reason := reasons[st.ID]; reason != "" {
			found = append(found, g.version(st, reason))
		} else if _, known := g.costly[st.ID]; known {
			replaced = append(replaced, st.ID)
		}
	}
	for _, id := range replaced {
		delete(g.costly, id)
	}
	return errors.Join(g.add(ctx, found), g.store.RemoveCostly(ctx, replaced...))
}

// untried loads the posts with the given ids. It returns the posts that must be tried, and the ids of deleted posts
// that still have a costly version on record.
func (g *guard) untried(ctx context.Context, ids []string) (untried []feed.StoredPost, deleted []string, err error) {
	for chunk := range slices.Chunk(ids, batchSize) {
		stored, err := g.posts.Load(ctx, chunk)
		if err != nil {
			return nil, nil, err
		}
		for _, st := range stored {
			_, known := g.costly[st.ID]
			switch {
			case g.isCostly(st) && !g.retry.Load(): // not read, so it cannot crash a builder
			case st.Raw != nil:
				untried = append(untried, st)
			case known:
				deleted = append(deleted, st.ID)
			}
		}
	}
	return untried, deleted, nil
}

// version returns the record that prevents the current version of a post from being read, with the given reason.
func (g *guard) version(st feed.StoredPost, reason string) feed.Costly {
	return feed.Costly{ID: st.ID, Sum: feed.HashOf(st.Raw), Intake: g.intake(), Reason: reason}
}

// add records costly versions.
func (g *guard) add(ctx context.Context, versions []feed.Costly) error {
	for _, c := range versions {
		g.logger.Error("post rejected, because reading it costs too much", "post", c.ID, "reason", c.Reason)
		g.costly[c.ID] = c
	}
	return g.store.SetCostly(ctx, versions...)
}

// isCostly reports whether a version of a post must not be read.
func (g *guard) isCostly(st feed.StoredPost) bool {
	c, ok := g.costly[st.ID]
	return ok && c.Sum == feed.HashOf(st.Raw) && c.Intake == g.intake()
}

// errCostly returns the reason why a version of a post is not read, or nil.
func (g *guard) errCostly(st feed.StoredPost) error {
	if !g.isCostly(st) {
		return nil
	}
	return errors.New(g.costly[st.ID].Reason + "; it is read again when it changes, after an upgrade, or on 'feedpub rebuild'")
}

// begin records that posts are about to be read. It continues without the record if that fails: a full disk must not
// stop the builder.
func (g *guard) begin(ctx context.Context, stored []feed.StoredPost) (end func()) {
	var ids []string
	for _, st := range stored {
		if st.Raw != nil && !g.isCostly(st) {
			ids = append(ids, st.ID)
		}
	}
	if len(ids) == 0 {
		return func() {}
	}
	if err := g.store.SetReading(ctx, g.owner, ids...); err != nil {
		g.logger.Debug("cannot record the posts being read", "error", err)
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		if err := g.store.SetReading(ctx, g.owner); err != nil {
			g.logger.Debug("cannot remove the record of posts that were read", "error", err)
		}
	}
}

// bounded calls f and returns its result, or false if it does not return within limit ticks. In that case f continues
// in the background.
func bounded[T any](limit int, ticks <-chan time.Time, f func() T) (result T, ok bool) {
	done := make(chan T, 1)
	go func() { done <- f() }()
	for range limit {
		select {
		case result := <-done:
			return result, true
		case <-ticks:
		}
	}
	return result, false
}
