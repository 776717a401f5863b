// Package cache provides a map of bounded size that drops the least recently used entries. It is for values that can be
// recomputed, and does not compute them.
package cache

import "sync"

// Cache maps keys to values up to a total size. It keeps two generations: when the young entries reach half of the
// size, they become the old entries, and the previous old entries are dropped. An old entry that is used becomes young
// again. It therefore needs no list ordered by use, and drops an entry only after more recently used entries have
// filled half of the size.
//
// A nil Cache keeps nothing. A Cache is safe for concurrent use.
type Cache[K comparable, V any] struct {
	limit int // maximum size of a generation

	mu         sync.Mutex
	young, old map[K]entry[V]
	size       int // total size of the young entries
	oldSize    int // total size of the old entries
}

type entry[V any] struct {
	value V
	size  int
}

// New returns a cache for values of size bytes in total, or nil if size is not positive.
func New[K comparable, V any](size int) *Cache[K, V] {
	if size <= 0 {
		return nil
	}
	return &Cache[K, V]{limit: size / 2, young: map[K]entry[V]{}}
}

// Get returns the value of key, and whether there is one.
func (c *Cache[K, V]) Get(key K) (V, bool) {
	if c == nil {
		var none V
		return none, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.young[key]; ok {
		return e.value, true
	}
	e, ok := c.old[key]
	if ok {
		c.remove(key)
		c.add(key, e)
	}
	return e.value, ok
}

// Put sets the value of key, which takes size bytes. A value larger than half of the cache is not kept.
func (c *Cache[K, V]) Put(key K, value V, size int) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(key)
	c.add(key, entry[V]{value, size})
}

// ageless is a divisor: a cache that uses at most 1/ageless of its size keeps its entries, whatever their age.
const ageless = 16

// Age drops the entries that have not been used since the previous call of Age, unless the cache is nearly empty.
// Regular calls remove values that were needed only once.
func (c *Cache[K, V]) Age() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.size+c.oldSize > 2*c.limit/ageless {
		c.renew()
	}
}

// renew makes the young entries old, and drops the old ones. The caller must hold the lock.
func (c *Cache[K, V]) renew() {
	c.old, c.oldSize = c.young, c.size
	c.young, c.size = map[K]entry[V]{}, 0
}

// remove removes the entry of key, if there is one. The caller must hold the lock.
func (c *Cache[K, V]) remove(key K) {
	c.size -= c.young[key].size
	c.oldSize -= c.old[key].size
	delete(c.young, key)
	delete(c.old, key)
}

func (c *Cache[K, V]) add(key K, e entry[V]) {
	if e.size > c.limit {
		return
	}
	if c.size+e.size > c.limit {
		c.renew()
	}
	c.young[key] = e
	c.size += e.size
}
