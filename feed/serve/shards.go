package serve

import (
	"hash/maphash"
	"iter"
	"maps"
)

// shardCount is into how many maps a table is parted. A change copies those that it touches: of 100,000 entries some
// hundreds for each.
const shardCount = 256

// shards is an immutable table. A table that differs in a few entries shares the rest with the one it was made from, so
// that a commit costs what it changes and not what there is. It is read without locks.
type shards[V any] struct {
	seed  maphash.Seed // what it is has no influence on anything that can be seen
	parts [shardCount]map[string]V
	size  int
}

func newShards[V any]() *shards[V] { return &shards[V]{seed: maphash.MakeSeed()} }

// get returns the value for key, and whether there is one.
func (s *shards[V]) get(key string) (V, bool) {
	v, ok := s.parts[maphash.String(s.seed, key)%shardCount][key]
	return v, ok
}

// at is get for a key that is put together for it: it does not keep key.
func (s *shards[V]) at(key []byte) (V, bool) {
	v, ok := s.parts[maphash.Bytes(s.seed, key)%shardCount][string(key)]
	return v, ok
}

// all gives the entries in no order.
func (s *shards[V]) all() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, part := range s.parts {
			for k, v := range part {
				if !yield(k, v) {
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
	own  [shardCount]bool
}

func (e *edit[V]) get(key string) (V, bool) {
	if e.next != nil {
		return e.next.get(key)
	}
	return e.base.get(key)
}

// part returns the map for key, which is e's own.
func (e *edit[V]) part(key string) map[string]V {
	if e.next == nil {
		whole := *e.base
		e.next = &whole
	}
	i := maphash.String(e.next.seed, key) % shardCount
	if !e.own[i] {
		e.own[i] = true
		if e.next.parts[i] = maps.Clone(e.next.parts[i]); e.next.parts[i] == nil {
			e.next.parts[i] = make(map[string]V)
		}
	}
	return e.next.parts[i]
}

func (e *edit[V]) set(key string, v V) {
	part := e.part(key)
	before := len(part)
	part[key] = v
	e.next.size += len(part) - before
}

func (e *edit[V]) remove(key string) {
	if _, ok := e.get(key); !ok {
		return
	}
	delete(e.part(key), key)
	e.next.size--
}

// done returns the table. The edit is not to be used any more.
func (e *edit[V]) done() *shards[V] {
	if e.next == nil {
		return e.base
	}
	return e.next
}
