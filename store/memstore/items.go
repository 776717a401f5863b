package memstore

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"time"

	"feedpub/feed"
)

// storedItem is an item in the form in which a store returns it, and its sum.
type storedItem struct {
	item *feed.Item
	sum  string
}

// newStoredItem copies an item, with times in UTC and whole milliseconds and nil for empty lists, as store.Site does.
func newStoredItem(it *feed.Item) storedItem {
	out := new(feed.Item)
	sum := sha256.Sum256(normalize(nil, reflect.ValueOf(out).Elem(), reflect.ValueOf(it).Elem()))
	return storedItem{out, hex.EncodeToString(sum[:20])}
}

// normalize copies a value, and appends its encoding to b.
func normalize(b []byte, to, from reflect.Value) []byte {
	if t, ok := reflect.TypeAssert[time.Time](from); ok {
		if !t.IsZero() {
			t = time.UnixMilli(t.UnixMilli()).UTC()
		}
		to.Set(reflect.ValueOf(t))
		return binary.AppendVarint(b, t.UnixMilli())
	}
	switch kind := from.Kind(); {
	case kind == reflect.Struct:
		for i := range from.NumField() {
			b = normalize(b, to.Field(i), from.Field(i))
		}
	case kind == reflect.Slice:
		b = binary.AppendVarint(b, int64(from.Len()))
		if from.Len() > 0 {
			to.Set(reflect.MakeSlice(from.Type(), from.Len(), from.Len()))
		}
		for i := range from.Len() {
			b = normalize(b, to.Index(i), from.Index(i))
		}
	case kind == reflect.String:
		to.Set(from)
		b = binary.AppendVarint(b, int64(from.Len()))
		b = append(b, from.String()...)
	default:
		to.Set(from)
		b = fmt.Append(b, from.Interface())
	}
	return b
}

// Load returns the stored state of posts.
func (s *Site) Load(_ context.Context, ids []string) ([]feed.StoredPost, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]feed.StoredPost, len(ids))
	for i, id := range ids {
		it := s.data.items[id]
		out[i] = feed.StoredPost{ID: id, Raw: s.data.posts[id], Record: s.data.records[id], Item: it.item, ItemSum: it.sum,
			Decisions: s.data.credits[id]}
	}
	return out, nil
}

// Items returns items in the order of ids.
func (s *Site) Items(_ context.Context, ids ...string) ([]*feed.Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*feed.Item, len(ids))
	for i, id := range ids {
		out[i] = s.data.items[id].item
	}
	return out, nil
}

// Absorb makes all changes of a batch, or none.
func (s *Site) Absorb(_ context.Context, a feed.Absorption) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.checkAbsorption(a); err != nil {
		return fmt.Errorf("absorb: %w", err)
	}
	d := &s.data
	d.token = a.Token
	dirty := map[feed.Name]bool{}
	for _, c := range a.Changes {
		s.change(c, dirty)
	}
	for n, full := range a.Names {
		if d.names[n] == "" {
			d.names[n] = full
		}
	}
	for n, t := range a.Removals {
		if old, ok := d.removals[n]; !ok || old < t.UnixMilli() {
			d.removals[n] = t.UnixMilli()
		}
	}
	s.trimMilestones()
	s.markDirty(slices.Collect(maps.Keys(dirty))...)
	if a.Next != "" && a.Next != d.cursor {
		d.cursor = a.Next
		trim(&d.inbox, a.Next)
	}
	return nil
}

// checkAbsorption returns an error if an absorption is invalid or stale. The caller must hold mu.
func (s *Site) checkAbsorption(a feed.Absorption) error {
	if err := s.fence(a.Token); err != nil {
		return err
	}
	if s.data.cursor != a.Cursor {
		return fmt.Errorf("cursor is %q, want %q: %w", s.data.cursor, a.Cursor, feed.ErrStale)
	}
	for _, c := range a.Changes {
		stored := s.data.items[c.ID]
		switch {
		case c.Item == nil && !c.Keep && len(c.Entered) > 0:
			return fmt.Errorf("post %q: enters feeds without an item: %w", c.ID, feed.ErrInvalid)
		case c.Item != nil && !c.Keep && c.Item.ID != c.ID:
			return fmt.Errorf("post %q: item has the id %q: %w", c.ID, c.Item.ID, feed.ErrInvalid)
		case stored.sum != c.ItemSum || c.Keep && len(c.Entered) > 0 && stored.item == nil:
			return fmt.Errorf("item %q has changed since it was read: %w", c.ID, feed.ErrStale)
		}
	}
	return nil
}

// trim removes entries that are more than an hour older than a cursor.
func trim(inbox *stream[string], cursor string) {
	const kept = int64(time.Hour / time.Millisecond)
	var last int64
	if _, err := fmt.Sscanf(cursor, "%d-", &last); err != nil {
		return
	}
	i := slices.IndexFunc(inbox.entries, func(e entry[string]) bool { return e.ms >= last-kept })
	inbox.entries = inbox.entries[max(i, 0):]
}

// change makes one change, and adds the feeds that it touches to dirty. The caller must hold mu.
func (s *Site) change(c feed.Change, dirty map[feed.Name]bool) {
	d := &s.data
	switch {
	case c.Keep:
	case c.Item != nil:
		d.items[c.ID] = newStoredItem(c.Item)
	default:
		delete(d.items, c.ID)
	}
	if delete(d.due, c.ID); !c.Due.IsZero() {
		d.due[c.ID] = c.Due.UnixMilli()
	}
	if c.Record != (feed.Record{ID: c.Record.ID}) {
		d.records[c.ID] = recordOf(c.ID, c.Record)
	}
	s.addMilestone(c.ID, c.Absorbed)
	for _, kind := range []feed.ProblemKind{
		feed.KindRejected, feed.KindMissing, feed.KindSuggestion, feed.KindCharacters, feed.KindMedia, feed.KindNote,
	} {
		key := problemKey{kind, c.ID}
		if c.Problem != nil && c.Problem.Kind == kind {
			p := *c.Problem
			p.ID = c.ID
			s.setProblem(p)
		} else {
			delete(d.problems, key)
		}
	}
	for _, n := range c.Left {
		delete(d.index[n], c.ID)
	}
	for _, n := range c.Entered {
		if d.index[n] == nil {
			d.index[n] = map[string]int64{}
		}
		d.index[n][c.ID] = d.items[c.ID].item.Published.UnixMilli()
	}
	touched := c.Touched
	if touched == nil {
		touched = slices.Concat(c.Left, c.Entered)
	}
	for _, n := range touched {
		dirty[n] = true
	}
}

// recordOf returns r as a store would return it.
func recordOf(id string, r feed.Record) feed.Record {
	out := feed.Record{ID: id}
	if !r.FirstSeen.IsZero() {
		out.FirstSeen = time.UnixMilli(r.FirstSeen.UnixMilli()).UTC()
	}
	if !r.Removed.IsZero() {
		out.Removed = time.UnixMilli(r.Removed.UnixMilli()).UTC()
	}
	if !r.Changed.IsZero() {
		out.Changed = time.UnixMilli(r.Changed.UnixMilli()).UTC()
	}
	return out
}

// positions returns the positions of the posts in a feed, oldest first. The caller must hold mu.
func (s *Site) positions(name feed.Name) []feed.Position {
	list := make([]feed.Position, 0, len(s.data.index[name]))
	for id, ms := range s.data.index[name] {
		list = append(list, feed.Position{Time: time.UnixMilli(ms).UTC(), ID: id})
	}
	slices.SortFunc(list, feed.Position.Compare)
	return list
}

// Select returns the ids of up to limit posts of a feed, newest first.
func (s *Site) Select(_ context.Context, name feed.Name, limit int) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.positions(name)
	slices.Reverse(list)
	if limit > 0 {
		list = list[:min(limit, len(list))]
	}
	ids := make([]string, len(list))
	for i, p := range list {
		ids[i] = p.ID
	}
	return ids, nil
}

// FeedItems returns the items of the newest posts of feeds and the times of their last removals.
func (s *Site) FeedItems(ctx context.Context, limits map[feed.Name]int) (map[feed.Name]feed.FeedItems, error) {
	feeds := make(map[feed.Name]feed.FeedItems, len(limits))
	for n, limit := range limits {
		ids, err := s.Select(ctx, n, limit)
		if err != nil {
			return nil, err
		}
		var f feed.FeedItems
		if f.Items, err = s.Items(ctx, ids...); err != nil {
			return nil, err
		}
		if f.Removed, err = s.LastRemoval(ctx, n); err != nil {
			return nil, err
		}
		feeds[n] = f
	}
	return feeds, nil
}

// Waiting returns the store's time and what a builder may have to absorb.
func (s *Site) Waiting(ctx context.Context, n int) (w feed.Waiting, err error) {
	if w.Now, err = s.Now(ctx); err != nil {
		return w, err
	}
	if w.Ahead, err = s.Range(ctx, feed.Main, feed.Position{Time: w.Now}, feed.Position{}); err != nil {
		return w, err
	}
	if w.Due, err = s.Due(ctx, w.Now, n); err != nil {
		return w, err
	}
	if w.Cursor, err = s.Cursor(ctx); err != nil {
		return w, err
	}
	if w.Submissions, err = s.Inbox(ctx, w.Cursor, n); err != nil {
		return w, err
	}
	w.Costly, err = s.Costly(ctx)
	return w, err
}

// Range returns the positions of the posts of a feed between two positions.
func (s *Site) Range(_ context.Context, name feed.Name, after, upTo feed.Position) ([]feed.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	// Like Redis, compare the bounds in whole milliseconds.
	for _, p := range []*feed.Position{&after, &upTo} {
		if !p.IsZero() {
			p.Time = time.UnixMilli(p.Time.UnixMilli()).UTC()
		}
	}
	return slices.DeleteFunc(s.positions(name), func(p feed.Position) bool {
		return !after.IsZero() && p.Compare(after) <= 0 || !upTo.IsZero() && p.Compare(upTo) > 0
	}), nil
}

// Counts returns the number of posts in each of the feeds.
func (s *Site) Counts(_ context.Context, names ...feed.Name) (map[feed.Name]int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	counts := make(map[feed.Name]int, len(names))
	for _, name := range names {
		counts[name] = len(s.data.index[name])
	}
	return counts, nil
}

// InFeed reports which posts are in a feed.
func (s *Site) InFeed(_ context.Context, name feed.Name, ids ...string) ([]bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	in := make([]bool, len(ids))
	for i, id := range ids {
		_, in[i] = s.data.index[name][id]
	}
	return in, nil
}

// Due returns the ids of up to n posts whose date has been reached.
func (s *Site) Due(_ context.Context, now time.Time, n int) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for _, p := range s.sortedDue() {
		if p.Time.UnixMilli() <= now.UnixMilli() && len(ids) < n {
			ids = append(ids, p.ID)
		}
	}
	return ids, nil
}

// NextDue returns the earliest future date.
func (s *Site) NextDue(context.Context) (time.Time, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.sortedDue()
	if len(list) == 0 {
		return time.Time{}, false, nil
	}
	return list[0].Time, true, nil
}

// HasWork reports whether there are dirty feeds or posts with a future date.
func (s *Site) HasWork(context.Context) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.data.dirty)+len(s.data.due) > 0, nil
}

// sortedDue returns the posts with a future date, earliest first. The caller must hold mu.
func (s *Site) sortedDue() []feed.Position {
	var list []feed.Position
	for id, ms := range s.data.due {
		list = append(list, feed.Position{Time: time.UnixMilli(ms).UTC(), ID: id})
	}
	slices.SortFunc(list, feed.Position.Compare)
	return list
}

// PostStates compares posts with their items.
func (s *Site) PostStates(_ context.Context, intake string, ids ...string) ([]feed.PostState, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]feed.PostState, len(ids))
	for i, id := range ids {
		raw, it := s.data.posts[id], s.data.items[id].item
		_, indexed := s.data.index[feed.Main][id]
		out[i] = feed.PostState{ID: id, Post: raw != nil, Item: it != nil, Indexed: indexed}
		if raw != nil && it != nil && it.Intake == intake && it.RawSum == feed.HashOf(raw) {
			out[i].Current, out[i].Published = true, it.Published
		}
	}
	return out, nil
}

// PostsExist reports which posts exist.
func (s *Site) PostsExist(_ context.Context, ids ...string) ([]bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return exist(s.data.posts, ids), nil
}

// ItemsExist reports which posts have an item.
func (s *Site) ItemsExist(_ context.Context, ids ...string) ([]bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return exist(s.data.items, ids), nil
}

func exist[V any](stored map[string]V, ids []string) []bool {
	out := make([]bool, len(ids))
	for i, id := range ids {
		_, out[i] = stored[id]
	}
	return out
}

// PostIDs lists all posts.
func (s *Site) PostIDs(ctx context.Context) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		for ids, err := range s.IDs(ctx) {
			if !yield(ids.Posts, err) {
				return
			}
		}
	}
}

// ItemIDs lists all posts that have an item.
func (s *Site) ItemIDs(ctx context.Context) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		for ids, err := range s.IDs(ctx) {
			if !yield(ids.Items, err) {
				return
			}
		}
	}
}

// IDs lists all posts and all items.
func (s *Site) IDs(context.Context) iter.Seq2[feed.IDs, error] {
	return func(yield func(feed.IDs, error) bool) {
		s.mu.Lock()
		ids := feed.IDs{Posts: slices.Sorted(maps.Keys(s.data.posts)), Items: slices.Sorted(maps.Keys(s.data.items))}
		s.mu.Unlock()
		yield(ids, nil)
	}
}

// Problems returns the problems, ordered by id and kind.
func (s *Site) Problems(context.Context) ([]feed.Problem, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.data.problems), func(a, b feed.Problem) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Kind, b.Kind))
	}), nil
}

// Problem returns the problem with the given kind and id, and whether it is listed.
func (s *Site) Problem(_ context.Context, kind feed.ProblemKind, id string) (feed.Problem, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.data.problems[problemKey{kind, id}]
	return p, ok, nil
}

// SetProblem lists a problem.
func (s *Site) SetProblem(_ context.Context, p feed.Problem) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setProblem(p)
	return nil
}

// setProblem lists a problem, and keeps the time at which it was first seen. The caller must hold mu.
func (s *Site) setProblem(p feed.Problem) {
	key := problemKey{p.Kind, p.ID}
	if !p.Since.IsZero() {
		p.Since = time.UnixMilli(p.Since.UnixMilli()).UTC()
	}
	if old, ok := s.data.problems[key]; ok && !old.Since.IsZero() {
		p.Since = old.Since
	}
	s.data.problems[key] = p
}

// ClearProblem removes a problem from the list.
func (s *Site) ClearProblem(_ context.Context, kind feed.ProblemKind, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.data.problems, problemKey{kind, id})
	return nil
}
