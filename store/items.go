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
)

// Load returns what the store has of posts, in the order of ids, in one round trip. An item that cannot be decoded is
// nil, and its ItemSum still names it, so that it can be replaced.
func (s *Site) Load(ctx context.Context, ids []string) ([]feed.StoredPost, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var posts, records, items *redis.SliceCmd
	_, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		posts = p.MGet(ctx, mapKeys(ids, s.keys.post)...)
		records = p.MGet(ctx, mapKeys(ids, s.keys.record)...)
		items = p.MGet(ctx, mapKeys(ids, s.keys.item)...)
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
			out[i].Item = s.item(id, b)
		}
	}
	return out, s.client.wrap("load", s.explainAbsent(ctx, out, absent))
}

// explainAbsent tells those of the absent posts that do not exist from those whose keys have something else than a
// string, which MGET gives as absent too: the one is a deletion, the other a slip of who wrote it.
func (s *Site) explainAbsent(ctx context.Context, posts []feed.StoredPost, absent []int) error {
	if len(absent) == 0 {
		return nil
	}
	kinds := make([]*redis.StatusCmd, len(absent))
	if _, err := s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		for n, i := range absent {
			kinds[n] = p.Type(ctx, s.keys.post(posts[i].ID))
		}
		return nil
	}); err != nil {
		return err
	}
	for n, i := range absent {
		switch kind := kinds[n].Val(); kind {
		case "none":
		case "string": // written since: its notice comes next
			return fmt.Errorf("post %q was written while it was read: %w", posts[i].ID, feed.ErrStale)
		default:
			posts[i].Unreadable = fmt.Sprintf("its key holds a Redis %s, want a string, written with SET", kind)
		}
	}
	return nil
}

// Items returns ready items in the order of ids, nil where there is none or where it cannot be decoded. They are not to
// be modified: the client remembers some, and gives them again for as long as the store has them.
func (s *Site) Items(ctx context.Context, ids ...string) ([]*feed.Item, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	keys := mapKeys(ids, s.keys.item)
	out := make([]*feed.Item, len(ids))
	changed, err := s.remembered(ctx, keys, out)
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
		if out[i] = s.item(ids[i], b); out[i] != nil {
			s.client.items.put(keys[i], b[:sumEnd], out[i])
		}
	}
	return out, nil
}

// remembered fills in the items that the client remembers and the store still has, and returns the places of the others.
func (s *Site) remembered(ctx context.Context, keys []string, out []*feed.Item) (others []int, err error) {
	known := make([]cachedItem, len(keys))
	sums := make([]*redis.StringCmd, len(keys))
	_, err = s.client.build.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, key := range keys {
			var ok bool
			if known[i], ok = s.client.items.get(key); ok {
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

// item decodes a stored item; one that cannot be decoded counts as missing, so that it is made anew from its post.
func (s *Site) item(id, stored string) *feed.Item {
	it, err := decodeItem(stored)
	if err != nil {
		s.client.log.Warn("stored item is not readable; it will be made anew", "site", string(s.keys), "post", id, "error", err)
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

// Absorb makes all changes of a batch, or none. It is refused with an error of kind [feed.ErrStale] if a later builder
// has come, or if the cursor or one of the items is no longer the one that was read: then the batch is to be computed
// anew. A Next that is empty leaves the cursor.
//
// In Left and Entered, feed.Main is named like the others. What Touched names becomes dirty; an item enters with its time
// of publication, which for Keep is the stored item's. A change's Due replaces the one before, none takes it away. Of
// the problems that absorbing finds in a post, the change's takes the place of those listed; one of the same kind keeps
// its Since.
//
// After an error of another kind the batch may have been made or not: the reply may be what was lost. A repetition is
// then refused as stale, or does the same again.
func (s *Site) Absorb(ctx context.Context, a feed.Absorption) error {
	keys, args, err := s.absorbArgs(a)
	if err != nil {
		return s.client.wrap("absorb", err)
	}
	reply, err := status(ctx, s.client.once, absorbSource, keys, args...)
	if err != nil {
		return s.client.wrap("absorb", err)
	}
	what, value, _ := strings.Cut(reply, " ")
	switch what {
	case "ok":
		return nil
	case "journal":
		return s.client.wrap("absorb", s.sync(ctx))
	case "token":
		err = fmt.Errorf("token %d, but a builder with token %s has come: %w", a.Token, value, feed.ErrStale)
	case "cursor":
		err = fmt.Errorf("cursor %q, but it stands at %q: %w", a.Cursor, value, feed.ErrStale)
	case "item":
		if i, convErr := strconv.Atoi(value); convErr == nil && i >= 1 && i <= len(a.Changes) {
			value = a.Changes[i-1].ID
		}
		err = fmt.Errorf("item %q is not the one that was read: %w", value, feed.ErrStale)
	default:
		err = fmt.Errorf("script answered %q", reply)
	}
	return s.client.wrap("absorb", err)
}

// absorbArgs lays an absorption out for the script, in an order that does not depend on maps.
func (s *Site) absorbArgs(a feed.Absorption) (keys []string, args []any, err error) {
	position := map[feed.Name]int{} // of a feed among the index keys, from 1
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
		s.keys.removals(), s.keys.due(), s.keys.journal(),
	}
	args = []any{int64(a.Token), a.Cursor, a.Next, s.client.now().UnixMilli(), len(feeds), len(a.Changes)}
	for _, n := range feeds {
		keys = append(keys, s.keys.index(n))
		args = append(args, string(n))
	}
	for _, c := range a.Changes {
		sum, err := rawSum(c.ItemSum)
		if err != nil {
			return nil, nil, fmt.Errorf("post %q: %w", c.ID, err)
		}
		keys = append(keys, s.keys.item(c.ID), s.keys.record(c.ID))
		dated := "0"
		if c.Keep && len(c.Entered) > 0 {
			dated = "1"
		}
		args = append(args, sum, dated)
	}
	for _, c := range a.Changes {
		change, err := changeArgs(c, position)
		if err != nil {
			return nil, nil, fmt.Errorf("post %q: %w", c.ID, err)
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
	return keys, args, nil
}

// postKinds are the kinds of problems that absorbing a post answers; the others are a feed's or a file's.
func postKinds() []feed.ProblemKind {
	return []feed.ProblemKind{feed.KindRejected, feed.KindMissing, feed.KindSuggestion, feed.KindCharacters}
}

func changeArgs(c feed.Change, position map[feed.Name]int) ([]any, error) {
	mode, item := "keep", []byte(nil)
	switch {
	case c.Keep:
	case c.Item == nil && len(c.Entered) > 0:
		return nil, fmt.Errorf("enters feeds without an item: %w", feed.ErrInvalid)
	case c.Item == nil:
		mode = "drop"
	default:
		var err error
		if mode = "set"; c.Item.ID != c.ID {
			return nil, fmt.Errorf("item has the id %q: %w", c.Item.ID, feed.ErrInvalid)
		}
		if item, err = encodeItem(c.Item); err != nil {
			return nil, err
		}
	}
	due, record := "", ""
	if !c.Due.IsZero() {
		due = encodeTime(c.Due)
	}
	if !c.Record.FirstSeen.IsZero() || !c.Record.Removed.IsZero() {
		record = encodeRecord(c.Record)
	}
	args := []any{c.ID, mode, item, due, record}

	args = append(args, len(postKinds()))
	for _, kind := range postKinds() {
		args = append(args, problemField(kind, c.ID))
	}
	field, since, problem := "", "0", ""
	if c.Problem != nil {
		p := *c.Problem
		if p.ID = c.ID; !slices.Contains(postKinds(), p.Kind) {
			return nil, fmt.Errorf("problem of kind %q is not a post's: %w", p.Kind, feed.ErrInvalid)
		}
		var err error
		if field, since, problem, err = encodeProblem(p); err != nil {
			return nil, err
		}
	}
	args = append(args, field, since, problem)

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
	return args, nil
}

// PostStates compares posts with their items, in the order of ids and in one round trip. A current item is one that the
// intake of this fingerprint made; it is told by the item's header, so that the rest need not be read.
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
		return nil, s.client.wrap("standings", err)
	}
	out := make([]feed.PostState, len(ids))
	for i, id := range ids {
		if err := scores[i].Err(); err != nil && !errors.Is(err, redis.Nil) {
			return nil, s.client.wrap("standings", err)
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
	return out, s.client.wrap("standings", s.findOthers(ctx, out))
}

// findOthers sees to it that a post whose key has something else than a string counts as a post.
func (s *Site) findOthers(ctx context.Context, standings []feed.PostState) error {
	var absent []int
	for i, st := range standings {
		if !st.Post {
			absent = append(absent, i)
		}
	}
	if len(absent) == 0 {
		return nil
	}
	exist, err := s.exist(ctx, mapKeys(absent, func(i int) string { return s.keys.post(standings[i].ID) }))
	if err != nil {
		return err
	}
	for n, i := range absent {
		standings[i].Post = exist[n]
	}
	return nil
}

// Posted reports for each of ids whether that post exists.
func (s *Site) PostsExist(ctx context.Context, ids ...string) ([]bool, error) {
	exist, err := s.exist(ctx, mapKeys(ids, s.keys.post))
	return exist, s.client.wrap("posted", err)
}

// Read reports for each of ids whether there is an item of that post, readable or not.
func (s *Site) ItemsExist(ctx context.Context, ids ...string) ([]bool, error) {
	exist, err := s.exist(ctx, mapKeys(ids, s.keys.item))
	return exist, s.client.wrap("read", err)
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
