package serve

import (
	"hash/maphash"
	"iter"
	"slices"
)

const (
	// shardSize is the average number of entries of a part above which a shards value is split into twice as many parts.
	shardSize = 32
	// maxShardBits is the binary logarithm of the maximum number of parts.
	maxShardBits = 8
	maxShards    = 1 << maxShardBits
)

// shards is an immutable map that is split into parts: a single part if there are few entries, since a process may have
// thousands of sites, and up to maxShards. Changed copies share the unchanged parts. Reads need no locks.
//
// With 30,000 feeds, copying a plain map takes 3.4 MB and about 4 ms per commit, and a rebuild of all feeds commits
// each of them. Copying only the parts that change takes 55 KB and about 50 µs.
type shards[V any] struct {
	seed  maphash.Seed // does not affect results
	bits  uint         // binary logarithm of the number of parts
	parts []shard[V]
	size  int
}

// shard is one part of a shards value: an open-addressing hash table. Its length is a power of two, and at least a
// quarter of its slots are empty. The tables of thousands of feeds do not fit in a CPU cache, and a lookup in a slice
// follows fewer pointers than one in a Go map.
type shard[V any] []slot[V]

type slot[V any] struct {
	hash uint64 // hash of key; 0 if the slot is empty
	key  string
	v    V
}

func newShards[V any]() *shards[V] {
	return &shards[V]{seed: maphash.MakeSeed(), parts: make([]shard[V], 1)}
}

// part returns the index of the part for a hash.
func (s *shards[V]) part(hash uint64) uint64 { return hash >> (64 - s.bits) }

// get returns the value of a key.
func (s *shards[V]) get(key string) (v V, ok bool) {
	hash := maphash.String(s.seed, key) | 1
	if x := s.parts[s.part(hash)].find(hash, key); x != nil {
		return x.v, true
	}
	return v, false
}

// getBytes is like get for a key in a buffer. It does not retain the buffer.
func (s *shards[V]) getBytes(key []byte) (v V, ok bool) {
	hash := maphash.Bytes(s.seed, key) | 1
	if x := s.parts[s.part(hash)].find(hash, string(key)); x != nil {
		return x.v, true
	}
	return v, false
}

// find returns the slot of key, or nil if there is none.
func (p shard[V]) find(hash uint64, key string) *slot[V] {
	for i := hash >> 1; len(p) > 0; i++ {
		x := &p[i&uint64(len(p)-1)]
		switch {
		case x.hash == 0:
			return nil
		case x.hash == hash && x.key == key:
			return x
		}
	}
	return nil
}

// without returns a copy of p without key, whose hash is given, and the number of entries in the copy. The copy has
// room for one more entry.
func (p shard[V]) without(hash uint64, key string) (next shard[V], entries int) {
	return p.except(func(x slot[V]) bool { return x.hash == hash && x.key == key })
}

// except returns a copy of p without the entries for which left returns true, and the number of entries in the copy.
// The copy has room for one more entry.
func (p shard[V]) except(left func(slot[V]) bool) (next shard[V], entries int) {
	for _, x := range p {
		if x.hash != 0 && !left(x) {
			entries++
		}
	}
	length := 4
	for length*3/4 <= entries {
		length *= 2
	}
	next = make(shard[V], length)
	for _, x := range p {
		if x.hash != 0 && !left(x) {
			next.put(x)
		}
	}
	return next, entries
}

// put adds an entry whose key is not in p.
func (p shard[V]) put(x slot[V]) {
	i := x.hash >> 1
	for p[i&uint64(len(p)-1)].hash != 0 {
		i++
	}
	p[i&uint64(len(p)-1)] = x
}

// all returns the entries in no particular order.
func (s *shards[V]) all() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, part := range s.parts {
			for _, x := range part {
				if x.hash != 0 && !yield(x.key, x.v) {
					return
				}
			}
		}
	}
}

// edit returns a modifiable copy of s.
func (s *shards[V]) edit() *edit[V] { return &edit[V]{base: s} }

// edit is a copy of a shards value that one goroutine changes. It copies parts when they are first changed.
type edit[V any] struct {
	base *shards[V]
	next *shards[V] // nil if nothing was changed

	owned   [maxShards]bool // parts that have been copied
	entries [maxShards]int  // sizes of the copies
}

func (e *edit[V]) get(key string) (V, bool) {
	if e.next != nil {
		return e.next.get(key)
	}
	return e.base.get(key)
}

// own returns the part for hash and the index of the part. The part is a copy with room for one more entry.
func (e *edit[V]) own(hash uint64) (part *shard[V], i uint64) {
	if e.next == nil {
		whole := *e.base
		whole.parts = slices.Clone(e.base.parts)
		e.next = &whole
	}
	if e.next.size >= shardSize<<e.next.bits && e.next.bits < maxShardBits {
		e.split()
	}
	i = e.next.part(hash)
	part = &e.next.parts[i]
	if !e.owned[i] || e.entries[i] >= len(*part)*3/4 {
		*part, e.entries[i] = part.without(0, "")
		e.owned[i] = true
	}
	return part, i
}

// split divides each part into two.
func (e *edit[V]) split() {
	whole := e.next
	e.next = &shards[V]{seed: whole.seed, bits: whole.bits + 1, parts: make([]shard[V], 2*len(whole.parts)), size: whole.size}
	for i, part := range whole.parts {
		for half := range 2 {
			to := uint64(2*i + half)
			other := func(x slot[V]) bool { return e.next.part(x.hash) != to }
			e.next.parts[to], e.entries[to] = part.except(other)
			e.owned[to] = true
		}
	}
}

func (e *edit[V]) set(key string, v V) {
	hash := maphash.String(e.base.seed, key) | 1
	part, i := e.own(hash)
	if x := part.find(hash, key); x != nil {
		x.v = v
		return
	}
	part.put(slot[V]{hash, key, v})
	e.entries[i]++
	e.next.size++
}

func (e *edit[V]) remove(key string) {
	if _, ok := e.get(key); !ok {
		return
	}
	hash := maphash.String(e.base.seed, key) | 1
	part, i := e.own(hash)
	*part, e.entries[i] = part.without(hash, key)
	e.next.size--
}

// done returns the result, which is the original if nothing was changed. The edit must not be used afterwards.
func (e *edit[V]) done() *shards[V] {
	if e.next == nil {
		return e.base
	}
	return e.next
}
