package cache_test

import (
	"fmt"
	"testing"

	"feedpub/feed/cache"
)

func TestCacheEviction(t *testing.T) {
	const size = 11_000
	c := cache.New[string, string](20 * size)
	put := func(key string) { c.Put(key, "value of "+key, size) }
	put("often")
	put("once")
	for i := range 100 {
		put(fmt.Sprint(i))
		if _, ok := c.Get("often"); !ok {
			t.Fatalf("a frequently used entry was dropped after %d others", i+1)
		}
	}
	if _, ok := c.Get("once"); ok {
		t.Error("an unused entry was not dropped")
	}
	if v, ok := c.Get("99"); !ok || v != "value of 99" {
		t.Errorf("Get of the last entry = %q, %v", v, ok)
	}
	c.Put("99", "another", size)
	if v, _ := c.Get("99"); v != "another" {
		t.Errorf("Get after a second Put = %q, want the second value", v)
	}
	c.Put("large", "value", 20*size)
	if _, ok := c.Get("large"); ok {
		t.Error("a value larger than half of the cache was kept")
	}
	if _, ok := c.Get("often"); !ok {
		t.Error("a value that is too large evicted another")
	}
}

func TestCacheSize(t *testing.T) {
	c := cache.New[int, int](20)
	for i := range 100 {
		c.Put(i, i, 1)
		kept := 0
		for j := range i + 1 {
			if _, ok := c.Get(j); ok {
				kept++
			}
		}
		if kept > 20 {
			t.Fatalf("after %d entries of size 1, a cache of size 20 contains %d", i+1, kept)
		}
	}
}

func TestAge(t *testing.T) {
	const size = 160
	c := cache.New[int, int](size)
	c.Put(0, 0, size/ageless)
	for range 3 {
		c.Age()
	}
	if _, ok := c.Get(0); !ok {
		t.Error("a cache that is nearly empty dropped an entry")
	}
	for i := range 5 {
		c.Put(i, i, size/ageless)
	}
	for range 3 {
		c.Age()
		if _, ok := c.Get(1); !ok {
			t.Fatal("an entry that is used between calls of Age was dropped")
		}
	}
	for _, i := range []int{0, 2, 3, 4} {
		if _, ok := c.Get(i); ok {
			t.Errorf("entry %d was not dropped although it was not used between two calls of Age", i)
		}
	}
	c.Put(1, 1, size/2) // fits only if the sizes of dropped entries are no longer counted
	if _, ok := c.Get(1); !ok {
		t.Error("an entry of half of the size was not kept")
	}
}

// ageless is the divisor that Age uses.
const ageless = 16

func TestNilCache(t *testing.T) {
	c := cache.New[int, int](0)
	c.Put(1, 1, 0)
	c.Age()
	if _, ok := c.Get(1); ok {
		t.Error("a cache of size 0 kept a value")
	}
}
