package store

import (
	"fmt"
	"strings"
	"testing"

	"feedpub/feed"
)

func TestItemCacheIsBoundedAndForgetsWhatIsNotAskedFor(t *testing.T) {
	const size = 11_000 // of an item, about
	c := newItemCache(20 * size)
	put := func(key string) { c.put(key, "sum of "+key, &feed.Item{ID: key, HTML: strings.Repeat("x", size-1000)}) }
	put("often")
	put("once")
	for i := range 100 {
		put(fmt.Sprint(i))
		if _, ok := c.get("often"); !ok {
			t.Fatalf("what is asked for again and again was forgotten after %d others", i+1)
		}
		if n := len(c.young) + len(c.old); n > 20 {
			t.Fatalf("%d items are remembered after %d, more than there is room for", n, i+1)
		}
	}
	if _, ok := c.get("once"); ok {
		t.Error("what nobody asked for is remembered for ever")
	}
	if it, ok := c.get("99"); !ok || it.sum != "sum of 99" {
		t.Errorf("the last item is remembered as %q, %v", it.sum, ok)
	}
	c.put("large", "sum", &feed.Item{HTML: strings.Repeat("x", 20*size)})
	if _, ok := c.get("large"); ok {
		t.Error("an item is remembered that leaves no room for others")
	}
}
