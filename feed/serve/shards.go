package serve

import (
	"hash/maphash"
	"iter"
)

// shardCount is into how many parts a table is dealt. A change copies those that it touches: of 100,000 entries some
// hundreds for each.
const shardCount = 256

// shards is an immutable table. A table that differs in a few entries shares the rest with the one it was made from, so
// that a commit costs what it changes and not what there is. It is read without locks.
type shards[V any] struct {
	seed  maphash.Seed // what it is has no influence on anything that can be seen
	parts [shardCount]shard[V]
	size  int
}

// shard is a part of a table, by open addressing in a slice whose length is a power of two, and of which a quarter at
// least is empty. A map would do; but every poll comes by here, and what a map looks at on its way, from one pointer to
// the next, is in no processor's cache where there are thousands of feeds.
type shard[V any] []slot[V]

type slot[V any] struct {
	hash uint64 // of key; 0 if the slot is empty
	key  string
	v    V
}

func newShards[V any]() *shards[V] { return &shards[V]{seed: maphash.MakeSeed()} }

// get returns the value for key, and whether there is one.
func (s *shards[V]) get(key string) (v V, ok bool) {
	hash := maphash.String(s.seed, key) | 1
	if x := s.parts[hash>>56].find(hash, key); x != nil {
		return x.v, true
	}
	return v, false
}

// at is get for a key that is put together for it: it does not keep key.
func (s *shards[V]) at(key []byte) (v V, ok bool) {
	hash := maphash.Bytes(s.seed, key) | 1
	if x := s.parts[hash>>56].find(hash, string(key)); x != nil {
		return x.v, true
	}
	return v, false
}

// find returns the slot of key, or nil.
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

// without returns a part that has the entries of p but for the one of key, and room for one more.
func (p shard[V]) without(hash uint64, key string) (next shard[V], entries int) {
	for _, x := range p {
		if x.hash != 0 {
			entries++
		}
	}
	length := 4
	for length*3/4 <= entries {
		length *= 2
	}
	next, entries = make(shard[V], length), 0
	for _, x := range p {
		if x.hash != 0 && (x.hash != hash || x.key != key) {
			next.put(x)
			entries++
		}
	}
	return next, entries
}

// put enters what is not there.
func (p shard[V]) put(x slot[V]) {
	i := x.hash >> 1
	for p[i&uint64(len(p)-1)].hash != 0 {
		i++
	}
	p[i&uint64(len(p)-1)] = x
}

// all gives the entries in no order.
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

// edit begins a table that differs from s, which stays as it is.
func (s *shards[V]) edit() *edit[V] { return &edit[V]{base: s} }

// edit is a table that is being made. It is read and changed by one goroutine.
type edit[V any] struct {
	base *shards[V]
	next *shards[V] // nil while nothing differs

	owned   [shardCount]bool // the parts that are no other table's
	entries [shardCount]int  // of those
}

func (e *edit[V]) get(key string) (V, bool) {
	if e.next != nil {
		return e.next.get(key)
	}
	return e.base.get(key)
}

// own returns the part for hash, of which no other table has a share, and with room for one more entry.
func (e *edit[V]) own(hash uint64) *shard[V] {
	if e.next == nil {
		whole := *e.base
		e.next = &whole
	}
	i := hash >> 56
	if part := &e.next.parts[i]; !e.owned[i] || e.entries[i] >= len(*part)*3/4 {
		*part, e.entries[i] = part.without(0, "")
		e.owned[i] = true
	}
	return &e.next.parts[i]
}

func (e *edit[V]) set(key string, v V) {
	hash := maphash.String(e.base.seed, key) | 1
	part := e.own(hash)
	if x := part.find(hash, key); x != nil {
		x.v = v
		return
	}
	part.put(slot[V]{hash, key, v})
	e.entries[hash>>56]++
	e.next.size++
}

func (e *edit[V]) remove(key string) {
	if _, ok := e.get(key); !ok {
		return
	}
	hash := maphash.String(e.base.seed, key) | 1
	part := e.own(hash)
	*part, e.entries[hash>>56] = part.without(hash, key)
	e.next.size--
}

// done returns the table. The edit is not to be used any more.
func (e *edit[V]) done() *shards[V] {
	if e.next == nil {
		return e.base
	}
	return e.next
}
