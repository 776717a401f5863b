package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"feedpub/feed"
	"feedpub/feed/crash"
)

// Load returns the stored state of posts, in the order of ids, in one round trip. An item that cannot be decoded is
// returned as nil with its ItemSum set, so that it can be replaced.
func (s *Site) Load(ctx context.Context, ids []string) ([]feed.StoredPost, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var posts, records, items, decisions *redis.SliceCmd
	_, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		posts = p.MGet(ctx, mapKeys(ids, s.keys.post)...)
		records = p.MGet(ctx, mapKeys(ids, s.keys.record)...)
		items = p.MGet(ctx, mapKeys(ids, s.keys.item)...)
		decisions = p.HMGet(ctx, s.keys.credits(), ids...)
		return nil
	})
	if err != nil {
		return nil, s.client.wrap("load", err)
	}
	out := make([]feed.StoredPost, len(ids))
	var absent []int
	for i, id := range ids {
		out[i].ID = id
		if raw, ok := posts.Val()[i].(string); ok {
			out[i].Raw = unpackPost([]byte(raw))
		} else {
			absent = append(absent, i)
		}
		if r, ok := records.Val()[i].(string); ok {
			if out[i].Record, err = decodeRecord(id, r); err != nil {
				return nil, s.client.wrap("load", err)
			}
		}
		if b, ok := items.Val()[i].(string); ok {
			out[i].ItemSum = itemSum(b)
			out[i].Item = s.decodeItem(id, b)
		}
		if d, ok := decisions.Val()[i].(string); ok {
			if out[i].Decisions, err = decodeDecisions(d); err != nil {
				return nil, s.client.wrap("load", err)
			}
		}
	}
	return out, s.client.wrap("load", s.checkTypes(ctx, out, absent))
}

// checkTypes sets Unreadable for absent posts whose keys have a Redis type other than string. MGET returns nil for such
// keys, which are a writer's mistake, as it does for deleted posts.
func (s *Site) checkTypes(ctx context.Context, posts []feed.StoredPost, absent []int) error {
	if len(absent) == 0 {
		return nil
	}
	types := make([]*redis.StatusCmd, len(absent))
	if _, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		for n, i := range absent {
			types[n] = p.Type(ctx, s.keys.post(posts[i].ID))
		}
		return nil
	}); err != nil {
		return err
	}
	for n, i := range absent {
		switch t := types[n].Val(); t {
		case "none":
		case "string": // the post was written after the MGET, and its inbox entry follows
			return fmt.Errorf("post %q was written while it was read: %w", posts[i].ID, feed.ErrStale)
		default:
			posts[i].Unreadable = fmt.Sprintf("its key holds a Redis %s, want a string, written with SET", t)
		}
	}
	return nil
}

// Items returns items in the order of ids. An item is nil if it does not exist or cannot be decoded. The caller must
// not modify the items, since the client caches them.
func (s *Site) Items(ctx context.Context, ids ...string) ([]*feed.Item, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	keys := mapKeys(ids, s.keys.item)
	out := make([]*feed.Item, len(ids))
	changed, err := s.cachedItems(ctx, keys, out)
	if err != nil {
		return nil, s.client.wrap("items", err)
	}
	if len(changed) == 0 {
		return out, nil
	}
	values, err := s.client.build.MGet(ctx, mapKeys(changed, func(i int) string { return keys[i] })...).Result()
	if err != nil {
		return nil, s.client.wrap("items", err)
	}
	for j, i := range changed {
		b, ok := values[j].(string)
		if !ok {
			continue
		}
		if out[i] = s.decodeItem(ids[i], b); out[i] != nil {
			s.cacheItem(keys[i], b[:sumEnd], out[i])
		}
	}
	return out, nil
}

// defaultItemCache is the default size of a client's cache of decoded items. It suffices for about ten thousand items
// of typical length, more than the documents of a typical site contain.
const defaultItemCache = 96 << 20

// cachedItem is an item with the first bytes of its encoding, which identify it.
type cachedItem struct {
	sum  string
	item *feed.Item
}

// cacheItem caches a decoded item by its key.
func (s *Site) cacheItem(key, sum string, it *feed.Item) {
	const overhead = 1000 // approximate size of an item without its texts
	size := overhead + len(key) + len(it.HTML) + len(it.Text) + len(it.Summary)
	for _, q := range it.Quotes {
		size += len(q.Text) + len(q.HTML)
	}
	s.client.items.Put(key, cachedItem{sum, it}, size)
}

// cachedItems sets each element of out whose cached item has the same checksum as the stored item, and returns the
// indexes of the other elements.
func (s *Site) cachedItems(ctx context.Context, keys []string, out []*feed.Item) (others []int, err error) {
	known := make([]cachedItem, len(keys))
	sums := make([]*redis.StringCmd, len(keys))
	_, err = s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, key := range keys {
			var ok bool
			if known[i], ok = s.client.items.Get(key); ok {
				sums[i] = p.GetRange(ctx, key, 0, sumEnd-1)
			}
		}
		return nil
	})
	for i, sum := range sums {
		if sum != nil && sum.Val() == known[i].sum {
			out[i] = known[i].item
		} else {
			others = append(others, i)
		}
	}
	return others, err
}

// decodeItem returns a stored item. If the item cannot be decoded, decodeItem logs the error and returns nil, so that
// the item is treated as missing and rebuilt from its post.
func (s *Site) decodeItem(id, stored string) *feed.Item {
	it, err := decodeItem(stored)
	if err != nil {
		s.client.log.Warn("stored item cannot be decoded and is rebuilt", "site", string(s.keys), "post", id, "error", err)
		return nil
	}
	return it
}

func mapKeys[T any](ids []T, key func(T) string) []string {
	keys := make([]string, len(ids))
	for i, id := range ids {
		keys[i] = key(id)
	}
	return keys
}

// Absorb makes all changes of a batch, or none. It returns an error of kind [feed.ErrStale] if a later builder has
// written, or if the cursor or one of the items has changed since it was read; the caller must then compute the batch
// again. If Next is empty, the cursor is not changed.
//
// Left and Entered include [feed.Main]. The feeds in Touched become dirty. An item is added to an index with its time
// of publication, or with that of the stored item if Keep is set. A change's Due replaces the stored one, and a zero
// Due removes it. A change's Absorbed is recorded unless the post has milestones. A change's Problem replaces the
// post's listed problems of the kinds that absorbing can cause; if one of them has the same kind, its Since is kept.
//
// After any other error, the changes may have been made, because the reply may have been lost. Repeating the call then
// either returns ErrStale or makes the same changes again.
func (s *Site) Absorb(ctx context.Context, a feed.Absorption) error {
	return s.client.wrap("absorb", s.absorb(ctx, a))
}

func (s *Site) absorb(ctx context.Context, a feed.Absorption) error {
	keys, args, items, err := s.absorbArgs(a)
	if err != nil {
		return err
	}
	crash.At(crash.AbsorbRead)
	reply, err := status(ctx, s.client.once, absorbSource, keys, args...)
	if err != nil {
		return err
	}
	crash.At(crash.AbsorbWritten)
	result, value, _ := strings.Cut(reply, " ")
	switch result {
	case "ok", "journal":
		// Cache the items, since the rebuild reads them next.
		for i, stored := range items {
			if stored != nil {
				s.cacheItem(s.keys.item(a.Changes[i].ID), string(stored[:sumEnd]), normalizeItem(a.Changes[i].Item))
			}
		}
		if result == "journal" {
			return s.sync(ctx)
		}
		return nil
	case "token":
		return errFenced(a.Token, value)
	case "cursor":
		return fmt.Errorf("cursor is %q, want %q: %w", value, a.Cursor, feed.ErrStale)
	case "item":
		if i, convErr := strconv.Atoi(value); convErr == nil && i >= 1 && i <= len(a.Changes) {
			value = a.Changes[i-1].ID
		}
		return fmt.Errorf("item %q has changed since it was read: %w", value, feed.ErrStale)
	default:
		return errReply(reply)
	}
}

// absorbArgs returns the arguments of the script, in an order that does not depend on map iteration, and each change's
// encoded item, or nil if the change writes no item.
func (s *Site) absorbArgs(a feed.Absorption) (keys []string, args []any, items [][]byte, err error) {
	position := map[feed.Name]int{} // 1-based position of each feed among the index keys
	var feeds []feed.Name
	for _, c := range a.Changes {
		for _, n := range slices.Concat(c.Left, c.Entered, c.Touched) {
			if position[n] == 0 {
				feeds = append(feeds, n)
				position[n] = len(feeds)
			}
		}
	}
	keys = []string{
		s.keys.token(), s.keys.cursor(), s.keys.inbox(), s.keys.dirty(), s.keys.marks(), s.keys.problems(), s.keys.names(),
		s.keys.removals(), s.keys.due(), s.keys.journal(), s.keys.imported(), s.keys.quiet(),
		s.keys.outbox(), s.keys.notices(), s.keys.milestones(), s.keys.milestoneOrder(), s.keys.unserved(),
	}
	args = []any{
		int64(a.Token), a.Cursor, a.Next, s.client.now().UnixMilli(), feed.KeptMilestones, len(feeds), len(a.Changes),
	}
	for _, n := range feeds {
		keys = append(keys, s.keys.index(n))
		args = append(args, string(n))
	}
	for _, c := range a.Changes {
		sum, err := rawSum(c.ItemSum)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("post %q: %w", c.ID, err)
		}
		keys = append(keys, s.keys.item(c.ID), s.keys.record(c.ID))
		dated := "0"
		if c.Keep && len(c.Entered) > 0 {
			dated = "1"
		}
		args = append(args, sum, dated)
	}
	items = make([][]byte, len(a.Changes))
	for i, c := range a.Changes {
		var change []any
		if change, items[i], err = changeArgs(c, position); err != nil {
			return nil, nil, nil, fmt.Errorf("post %q: %w", c.ID, err)
		}
		args = append(args, change...)
	}
	args = append(args, len(a.Names))
	for _, n := range slices.Sorted(maps.Keys(a.Names)) {
		args = append(args, string(n), a.Names[n])
	}
	args = append(args, len(a.Removals))
	for _, n := range slices.Sorted(maps.Keys(a.Removals)) {
		args = append(args, string(n), a.Removals[n].UnixMilli())
	}
	return keys, args, items, nil
}

// changeArgs returns the arguments of one change and its encoded item, or nil if the change writes no item.
func changeArgs(c feed.Change, position map[feed.Name]int) (args []any, item []byte, err error) {
	mode, item, err := itemArgs(c)
	if err != nil {
		return nil, nil, err
	}
	due, record, absorbed := "", "", ""
	if !c.Due.IsZero() {
		due = encodeTime(c.Due)
	}
	if c.Record != (feed.Record{ID: c.Record.ID}) {
		record = encodeRecord(c.Record)
	}
	if !c.Absorbed.IsZero() {
		absorbed = encodeTime(c.Absorbed)
	}
	args = []any{string(c.Raw), c.ID, mode, item, due, record, absorbed}

	args = append(args, len(postProblems()))
	for _, kind := range postProblems() {
		args = append(args, problemField(kind, c.ID))
	}
	field, since, problem := "", "0", ""
	if c.Problem != nil {
		p := *c.Problem
		if p.ID = c.ID; !slices.Contains(postProblems(), p.Kind) {
			return nil, nil, fmt.Errorf("problem of kind %q does not concern a post: %w", p.Kind, feed.ErrInvalid)
		}
		if field, since, problem, err = encodeProblem(p); err != nil {
			return nil, nil, err
		}
	}
	args = append(args, field, since, problem, len(c.Notices))
	for _, n := range c.Notices {
		args = append(args, n.Key, n.Value)
	}

	touched := c.Touched
	if touched == nil {
		touched = slices.Concat(c.Left, c.Entered)
	}
	for _, names := range [][]feed.Name{c.Left, c.Entered, touched} {
		args = append(args, len(names))
		for _, n := range names {
			args = append(args, position[n])
		}
	}
	return args, item, nil
}

// itemArgs returns the mode of a change's item ("keep", "drop" or "set") for the script and, for "set", the encoded
// item.
func itemArgs(c feed.Change) (mode string, item []byte, err error) {
	switch {
	case c.Keep:
		return "keep", nil, nil
	case c.Item == nil && len(c.Entered) > 0:
		return "", nil, fmt.Errorf("the post enters feeds but has no item: %w", feed.ErrInvalid)
	case c.Item == nil:
		return "drop", nil, nil
	case c.Item.ID != c.ID:
		return "", nil, fmt.Errorf("its item has the id %q: %w", c.Item.ID, feed.ErrInvalid)
	}
	item, err = encodeItem(c.Item)
	return "set", item, err
}

// postProblems returns the kinds of problems that absorbing a post can cause. Other kinds concern feeds or files.
func postProblems() []feed.ProblemKind {
	return []feed.ProblemKind{feed.KindRejected, feed.KindMissing, feed.KindSuggestion, feed.KindCharacters,
		feed.KindMedia, feed.KindNote}
}

// PostStates compares posts with their items, in the order of ids and in one round trip. An item is current if the
// intake with the given fingerprint built it from the current version of the post. Only the headers of items are read.
func (s *Site) PostStates(ctx context.Context, intake string, ids ...string) ([]feed.PostState, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var posts *redis.SliceCmd
	headers, scores := make([]*redis.StringCmd, len(ids)), make([]*redis.FloatCmd, len(ids))
	_, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		posts = p.MGet(ctx, mapKeys(ids, s.keys.post)...)
		for i, id := range ids {
			headers[i] = p.GetRange(ctx, s.keys.item(id), 0, headerSize-1)
			scores[i] = p.ZScore(ctx, s.keys.index(feed.Main), id)
		}
		return nil
	})
	if err != nil && !errors.Is(err, redis.Nil) {
		return nil, s.client.wrap("post states", err)
	}
	out := make([]feed.PostState, len(ids))
	for i, id := range ids {
		if err := scores[i].Err(); err != nil && !errors.Is(err, redis.Nil) {
			return nil, s.client.wrap("post states", err)
		}
		header := headers[i].Val()
		st := feed.PostState{ID: id, Item: header != "", Indexed: scores[i].Err() == nil}
		if raw, ok := posts.Val()[i].(string); ok {
			st.Post = true
			published, origin, ok := decodeHeader(header)
			if ok && origin == originOf(intake, feed.HashOf(unpackPost([]byte(raw)))) {
				st.Current, st.Published = true, published
			}
		}
		out[i] = st
	}
	return out, s.client.wrap("post states", s.findOtherTypes(ctx, out))
}

// findOtherTypes sets Post for posts whose keys have a Redis type other than string, for which MGET returns nil.
func (s *Site) findOtherTypes(ctx context.Context, states []feed.PostState) error {
	var absent []int
	for i, st := range states {
		if !st.Post {
			absent = append(absent, i)
		}
	}
	if len(absent) == 0 {
		return nil
	}
	exist, err := s.exist(ctx, mapKeys(absent, func(i int) string { return s.keys.post(states[i].ID) }))
	if err != nil {
		return err
	}
	for n, i := range absent {
		states[i].Post = exist[n]
	}
	return nil
}

// PostsExist reports, for each id, whether the post exists.
func (s *Site) PostsExist(ctx context.Context, ids ...string) ([]bool, error) {
	exist, err := s.exist(ctx, mapKeys(ids, s.keys.post))
	return exist, s.client.wrap("posts exist", err)
}

// ItemsExist reports, for each id, whether the post has an item, even one that cannot be decoded.
func (s *Site) ItemsExist(ctx context.Context, ids ...string) ([]bool, error) {
	exist, err := s.exist(ctx, mapKeys(ids, s.keys.item))
	return exist, s.client.wrap("items exist", err)
}

func (s *Site) exist(ctx context.Context, keys []string) ([]bool, error) {
	found := make([]*redis.IntCmd, len(keys))
	if _, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, key := range keys {
			found[i] = p.Exists(ctx, key)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	exist := make([]bool, len(keys))
	for i := range keys {
		exist[i] = found[i].Val() > 0
	}
	return exist, nil
}
