package store

import (
	"context"
	"maps"
	"slices"

	"feedpub/feed"
)

// FeedItems returns, for each of the feeds, the items of its newest posts, up to its limit, and the time of its last
// removal: what [Site.Select], [Site.Items] and [Site.LastRemoval] return. If all items are cached, it takes one round
// trip. The caller must not modify the items, since the client caches them.
func (s *Site) FeedItems(ctx context.Context, limits map[feed.Name]int) (map[feed.Name]feed.FeedItems, error) {
	if len(limits) == 0 {
		return nil, nil
	}
	names := slices.Sorted(maps.Keys(limits))
	keys, args := []string{s.keys.removals()}, []any{s.keys.item(""), sumEnd}
	for _, n := range names {
		keys, args = append(keys, s.keys.index(n)), append(args, string(n), max(limits[n], 0))
	}
	reply, err := run(ctx, s.client.build, feedItemsSource, keys, args...).Slice()
	if err == nil && len(reply) != 3*len(names) {
		err = errReply(reply)
	}
	if err != nil {
		return nil, s.client.wrap("items of feeds", err)
	}
	lists := make([]itemList, len(names))
	changed := map[string]*feed.Item{} // by id; nil until read
	for i := range names {
		lists[i] = s.cachedList(stringsIn(reply[3*i]), stringsIn(reply[3*i+1]), changed)
	}
	if err := s.readItems(ctx, changed); err != nil {
		return nil, s.client.wrap("items of feeds", err)
	}
	out := make(map[feed.Name]feed.FeedItems, len(names))
	for i, n := range names {
		f := feed.FeedItems{Items: lists[i].complete(changed)}
		if removed, _ := reply[3*i+2].(string); removed != "" {
			if f.Removed, err = decodeTime(removed); err != nil {
				return nil, s.client.wrap("items of feeds", err)
			}
		}
		out[n] = f
	}
	return out, nil
}

// itemList holds the ids of posts, and their items, which are nil if they are not cached or have changed.
type itemList struct {
	ids   []string
	items []*feed.Item
}

// cachedList returns the cached items of posts whose stored items begin with sums. It adds the ids of the other stored
// items to changed.
func (s *Site) cachedList(ids, sums []string, changed map[string]*feed.Item) itemList {
	list := itemList{ids, make([]*feed.Item, len(ids))}
	for i, id := range ids {
		if i >= len(sums) || sums[i] == "" {
			continue
		}
		if cached, ok := s.client.items.Get(s.keys.item(id)); ok && cached.sum == sums[i] {
			list.items[i] = cached.item
		} else {
			changed[id] = nil
		}
	}
	return list
}

// complete returns the items of the list, including those that have been read.
func (l itemList) complete(read map[string]*feed.Item) []*feed.Item {
	for i, id := range l.ids {
		if l.items[i] == nil {
			l.items[i] = read[id]
		}
	}
	return l.items
}

// readItems reads the items of the posts whose ids are the keys of a map, and stores them in the map.
func (s *Site) readItems(ctx context.Context, items map[string]*feed.Item) error {
	if len(items) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(items))
	values, err := s.client.build.MGet(ctx, mapKeys(ids, s.keys.item)...).Result()
	if err != nil {
		return err
	}
	for i, id := range ids {
		stored, ok := values[i].(string)
		if !ok {
			continue
		}
		if it := s.decodeItem(id, stored); it != nil {
			s.cacheItem(s.keys.item(id), stored[:sumEnd], it)
			items[id] = it
		}
	}
	return nil
}

// stringsIn returns the elements of a list that a script has returned.
func stringsIn(list any) []string {
	all, _ := list.([]any)
	out := make([]string, len(all))
	for i, v := range all {
		out[i], _ = v.(string)
	}
	return out
}
