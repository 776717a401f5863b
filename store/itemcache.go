package store

import (
	"sync"

	"feedpub/feed"
)

// itemCacheBytes is about how much memory decoded items take that a client remembers: some ten thousand of usual length,
// which is more than stand in the documents of a usual site.
const itemCacheBytes = 96 << 20

// itemCache remembers decoded items, up to a number of bytes. An item stands in several feeds, and most items of a feed
// are those of its last build. It never decides what an item is: that is asked of the server each time, by the sum.
//
// It forgets by generations, as the renderer's cache does: when the young one holds half of what there is room for, it
// becomes the old one, and the old one goes.
type itemCache struct {
	limit int // bytes of a generation

	mu         sync.Mutex
	young, old map[string]cachedItem // by key in the store
	size       int                   // of the young ones
}

// cachedItem is an item with the first bytes of its stored form, which tell it from others.
type cachedItem struct {
	sum  string
	item *feed.Item
	size int
}

func newItemCache(bytes int) *itemCache {
	return &itemCache{limit: bytes / 2, young: map[string]cachedItem{}}
}

func (c *itemCache) get(key string) (cachedItem, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if it, ok := c.young[key]; ok {
		return it, true
	}
	it, ok := c.old[key]
	if ok {
		delete(c.old, key)
		c.add(key, it)
	}
	return it, ok
}

func (c *itemCache) put(key, sum string, it *feed.Item) {
	const overhead = 1000 // of the members besides their texts
	size := overhead + len(key) + len(it.HTML) + len(it.Text) + len(it.Summary)
	for _, q := range it.Quotes {
		size += len(q.Text) + len(q.HTML)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.size -= c.young[key].size
	delete(c.young, key)
	c.add(key, cachedItem{sum, it, size})
}

func (c *itemCache) add(key string, it cachedItem) {
	if it.size > c.limit {
		return
	}
	if c.size+it.size > c.limit {
		c.old, c.young, c.size = c.young, map[string]cachedItem{}, 0
	}
	c.young[key] = it
	c.size += it.size
}
