package render

import (
	"sync"

	"feedpub/feed"
)

// DefaultCacheBytes is the size of a Renderer's cache unless it is told another: enough for the fragments of some ten
// thousand posts of usual length.
const DefaultCacheBytes = 256 << 20

// fragmentKey is all that a fragment's bytes depend on: the version of the form, the site's id and the item's content,
// by their sum, and what of the variant concerns the format.
type fragmentKey struct {
	version int
	content contentSum
	format  feed.Format
	variant Variant
}

// cache holds fragments that are not to be modified, up to a number of bytes. It forgets by generations: when the young
// one holds half of what there is room for, it becomes the old one, and the old one goes. What is asked for is young
// again. That costs no list to keep in order and forgets nothing that was used within the last half.
type cache struct {
	limit int // bytes of a generation

	mu         sync.Mutex
	young, old map[fragmentKey][]byte
	size       int // of the young ones
}

// fragmentOverhead is about what an entry takes besides the fragment.
const fragmentOverhead = 200

// newCache returns a cache of that many bytes, or nil, which keeps nothing, if there is no room.
func newCache(bytes int) *cache {
	if bytes <= 0 {
		return nil
	}
	return &cache{limit: bytes / 2, young: map[fragmentKey][]byte{}}
}

func (c *cache) get(key fragmentKey) ([]byte, bool) {
	if c == nil {
		return nil, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if fragment, ok := c.young[key]; ok {
		return fragment, true
	}
	fragment, ok := c.old[key]
	if ok {
		delete(c.old, key)
		c.add(key, fragment)
	}
	return fragment, ok
}

func (c *cache) put(key fragmentKey, fragment []byte) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.young[key]; !ok { // another goroutine may have made it meanwhile
		c.add(key, fragment)
	}
}

func (c *cache) add(key fragmentKey, fragment []byte) {
	size := len(fragment) + fragmentOverhead
	if size > c.limit {
		return
	}
	if c.size+size > c.limit {
		c.old, c.young, c.size = c.young, map[fragmentKey][]byte{}, 0
	}
	c.young[key] = fragment
	c.size += size
}
