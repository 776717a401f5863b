// Package memstore is a store of one site in memory with the contract of package store, which package storetest checks.
// It is for simulations: it is fast, uses no goroutines and no connection, reads only the clock that it is given, and
// can lose the data that an embedded store loses when its process ends. It is not for use outside tests.
package memstore

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"feedpub/feed"
)

// Site is the store of a site. Its methods have the same contracts as those of store.Site, and are safe for concurrent
// use. They take no time, except for those that wait for changes.
type Site struct {
	now func() time.Time

	mu    sync.Mutex
	data  data
	news  chan struct{} // closed and replaced when something is added that a call may wait for
	asked int           // number of requests so far; used as the id of the newest
}

// data is everything that a site stores. Its values are never modified, so that a copy of the maps is a snapshot.
type data struct {
	primary
	items    map[string]storedItem
	index    map[feed.Name]map[string]int64 // times of publication in Unix milliseconds, by post
	due      map[string]int64
	problems map[problemKey]feed.Problem
	dirty    map[feed.Name]int64
	mark     int64
	inbox    stream[string] // ids of posts
	cursor   string
	token    feed.Token
	version  int64
	changes  stream[feed.Announcement]
	leases   map[string]lease
	alive    map[string]time.Time // times at which the records of processes expire
	requests stream[feed.Request]
	replies  map[string][]byte
	members  map[string]member
	schema   feed.Schema
}

// primary is the part of the data that an embedded store keeps on the disk.
type primary struct {
	posts    map[string][]byte
	records  map[string]feed.Record
	names    map[feed.Name]string
	removals map[feed.Name]int64
	archives map[feed.Name]feed.Position
	credits  map[string][]feed.Decision
	known    map[string]feed.Publication // the table of publications, by name
	heads    map[feed.Name]feed.Head
	docs     map[feed.Hash]feed.Blob
	runs     *feed.RunLog
	// milestones are by post. unserved contains the posts that have not been served, with the version of their first
	// commit, or 0 if there was none.
	milestones map[string]feed.Milestones
	unserved   map[string]int64
	readings   map[string][]string // ids of the posts that each lease owner is reading
	costly     map[string]feed.Costly
}

type lease struct {
	owner string
	until time.Time
}

type member struct {
	feed.Member
	until time.Time
}

type problemKey struct {
	kind feed.ProblemKind
	id   string
}

// New returns an empty store. Now is its clock, which may be set back.
func New(now func() time.Time) *Site {
	return &Site{now: now, news: make(chan struct{}), data: newData(primary{
		posts: map[string][]byte{}, records: map[string]feed.Record{}, names: map[feed.Name]string{},
		removals: map[feed.Name]int64{}, archives: map[feed.Name]feed.Position{},
		credits: map[string][]feed.Decision{}, known: map[string]feed.Publication{}, heads: map[feed.Name]feed.Head{},
		docs: map[feed.Hash]feed.Blob{}, runs: new(feed.RunLog), readings: map[string][]string{},
		costly: map[string]feed.Costly{}, milestones: map[string]feed.Milestones{}, unserved: map[string]int64{},
	})}
}

func newData(p primary) data {
	return data{
		primary: p, items: map[string]storedItem{}, index: map[feed.Name]map[string]int64{}, due: map[string]int64{},
		problems: map[problemKey]feed.Problem{}, dirty: map[feed.Name]int64{}, leases: map[string]lease{}, alive: map[string]time.Time{},
		replies: map[string][]byte{}, members: map[string]member{},
	}
}

// clone returns a copy that later changes of d do not affect.
func (d data) clone() data {
	d.posts, d.records, d.names = maps.Clone(d.posts), maps.Clone(d.records), maps.Clone(d.names)
	d.removals, d.archives = maps.Clone(d.removals), maps.Clone(d.archives)
	d.credits, d.known = maps.Clone(d.credits), maps.Clone(d.known)
	d.heads, d.docs, d.runs = maps.Clone(d.heads), maps.Clone(d.docs), d.runs.Clone()
	d.milestones, d.unserved = maps.Clone(d.milestones), maps.Clone(d.unserved)
	d.readings, d.costly = maps.Clone(d.readings), maps.Clone(d.costly)
	d.items, d.due, d.problems = maps.Clone(d.items), maps.Clone(d.due), maps.Clone(d.problems)
	d.dirty, d.leases, d.alive = maps.Clone(d.dirty), maps.Clone(d.leases), maps.Clone(d.alive)
	d.replies, d.members = maps.Clone(d.replies), maps.Clone(d.members)
	index := make(map[feed.Name]map[string]int64, len(d.index))
	for n, posts := range d.index {
		index[n] = maps.Clone(posts)
	}
	d.index = index
	d.inbox.entries, d.changes.entries = slices.Clone(d.inbox.entries), slices.Clone(d.changes.entries)
	d.requests.entries = slices.Clone(d.requests.entries)
	return d
}

// Snapshot is the data of a store at one time.
type Snapshot struct{ data data }

// Snapshot returns the current data.
func (s *Site) Snapshot() Snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Snapshot{s.data.clone()}
}

// RollBack replaces the data with that of a snapshot, as if a server had lost its latest writes.
func (s *Site) RollBack(to Snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.data = to.data.clone()
	s.announce()
}

// Restart loses what an embedded store loses when its process ends: everything but posts, records and heads. Like the
// embedded store, it submits every post again, and also the posts in deleted whose deletions no builder has recorded.
func (s *Site) Restart(deleted ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.data.primary
	s.data = newData(kept)
	for _, h := range kept.heads {
		s.data.token = max(s.data.token, h.Token)
	}
	for _, id := range slices.Sorted(maps.Keys(kept.heads)) {
		s.commitVersion(id, s.now())
	}
	for _, id := range slices.Sorted(maps.Keys(kept.posts)) {
		s.submit(id)
	}
	for _, id := range deleted {
		if kept.posts[id] == nil && kept.records[id].Removed.IsZero() {
			s.submit(id)
		}
	}
	s.announce()
}

// announce wakes the calls that wait. The caller must hold mu.
func (s *Site) announce() {
	close(s.news)
	s.news = make(chan struct{})
}

// await calls ready, with mu held, until it returns true, for up to block. It returns the error of ctx if ctx is done.
func (s *Site) await(ctx context.Context, block time.Duration, ready func() bool) error {
	timer := time.NewTimer(block)
	defer timer.Stop()
	for end := time.Now().Add(block); ; {
		s.mu.Lock()
		done, news := ready(), s.news
		s.mu.Unlock()
		switch {
		case done:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !time.Now().Before(end):
			return nil
		}
		select {
		case <-news:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
}

// stream is a list of entries with growing ids.
type stream[T any] struct {
	entries []entry[T]
	ms, seq int64 // id of the last entry
}

type entry[T any] struct {
	ms, seq int64
	value   T
}

func (e entry[T]) id() string {
	return strconv.FormatInt(e.ms, 10) + "-" + strconv.FormatInt(e.seq, 10)
}

// add adds an entry. As in Redis, ids increase even if the clock is set back.
func (x *stream[T]) add(now time.Time, value T) {
	if ms := now.UnixMilli(); ms > x.ms {
		x.ms, x.seq = ms, 0
	} else {
		x.seq++
	}
	x.entries = append(x.entries, entry[T]{x.ms, x.seq, value})
}

// after returns the entries after the entry with the given id, or all entries if the id is "".
func (x *stream[T]) after(id string) []entry[T] {
	head, tail, _ := strings.Cut(id, "-")
	ms, _ := strconv.ParseInt(head, 10, 64) // 0 for ""
	seq, _ := strconv.ParseInt(tail, 10, 64)
	if id == "" {
		seq = -1
	}
	for i, e := range x.entries {
		if e.ms > ms || e.ms == ms && e.seq > seq {
			return x.entries[i:]
		}
	}
	return nil
}

func checkID(id string) error {
	if err := feed.ValidatePostID(id); err != nil {
		return fmt.Errorf("post id: %w", err)
	}
	return nil
}

// submit adds an inbox entry. The caller must hold mu.
func (s *Site) submit(id string) {
	s.data.inbox.add(s.now(), id)
	s.announce()
}

// Put writes posts.
func (s *Site) Put(_ context.Context, posts ...feed.RawPost) error {
	for _, p := range posts {
		if err := checkID(p.ID); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range posts {
		s.data.posts[p.ID] = append([]byte{}, p.Raw...)
		s.submit(p.ID)
	}
	return nil
}

// Delete deletes a post.
func (s *Site) Delete(_ context.Context, id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.data.posts, id)
	s.submit(id)
	return nil
}

// Post returns a raw post.
func (s *Site) Post(_ context.Context, id string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	raw := s.data.posts[id]
	if raw == nil {
		return nil, fmt.Errorf("post %q: %w", id, feed.ErrNotFound)
	}
	return bytes.Clone(raw), nil
}

// RawPosts returns raw posts in the order of ids.
func (s *Site) RawPosts(_ context.Context, ids ...string) ([]feed.RawPost, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	posts := make([]feed.RawPost, len(ids))
	for i, id := range ids {
		posts[i] = feed.RawPost{ID: id, Raw: bytes.Clone(s.data.posts[id])}
	}
	return posts, nil
}

// Update replaces a post with the result of next.
func (s *Site) Update(
	_ context.Context, id string, next func(current []byte) ([]byte, error),
) (confirmed bool, err error) {
	if err := checkID(id); err != nil {
		return false, err
	}
	for {
		s.mu.Lock()
		current := s.data.posts[id]
		s.mu.Unlock()
		raw, err := next(bytes.Clone(current))
		if err != nil {
			return false, err
		}
		if s.replace(id, current, raw) {
			return true, nil
		}
	}
}

// replace replaces a post with raw, or deletes it if raw is nil, if the stored post still equals current. It reports
// whether it did so.
func (s *Site) replace(id string, current, raw []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	stored := s.data.posts[id]
	if (stored == nil) != (current == nil) || !bytes.Equal(stored, current) {
		return false
	}
	if raw == nil {
		delete(s.data.posts, id)
	} else {
		s.data.posts[id] = append([]byte{}, raw...)
	}
	s.submit(id)
	return true
}

// Inbox returns up to n submissions after an entry.
func (s *Site) Inbox(_ context.Context, after string, n int) ([]feed.Submission, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entries := s.data.inbox.after(after)
	out := make([]feed.Submission, 0, min(n, len(entries)))
	for _, e := range entries[:min(n, len(entries))] {
		out = append(out, feed.Submission{Entry: e.id(), ID: e.value, Time: time.UnixMilli(e.ms).UTC()})
	}
	return out, nil
}

// Cursor returns the last inbox entry that was absorbed.
func (s *Site) Cursor(context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data.cursor, nil
}

// AwaitInbox waits for a submission after an entry.
func (s *Site) AwaitInbox(ctx context.Context, after string, block time.Duration) (found bool, err error) {
	err = s.await(ctx, block, func() bool {
		found = len(s.data.inbox.after(after)) > 0
		return found
	})
	return found, err
}

// Now returns the time of the store.
func (s *Site) Now(context.Context) (time.Time, error) {
	return s.now().UTC().Truncate(time.Microsecond), nil
}
