package render

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"

	"feedpub/feed"
)

func cachedItem(id string) *feed.Item {
	when := time.Date(2014, 6, 17, 9, 30, 0, 0, time.UTC)
	return &feed.Item{ID: id, Title: id, HTML: "<p>" + id + "</p>", Published: when, Updated: when}
}

func TestFragmentCacheKey(t *testing.T) {
	r := New()
	item := cachedItem("a")
	first, err := r.fragments("main", item, Variant{}, feed.Formats())
	if err != nil {
		t.Fatal(err)
	}
	again := *item // a copy with different Feeds and RawSum
	again.Feeds, again.RawSum = []feed.Name{"tags/x"}, "another"
	second, err := r.fragments("main", &again, Variant{}, feed.Formats())
	if err != nil {
		t.Fatal(err)
	}
	for i, format := range feed.Formats() {
		if &first[i][0] != &second[i][0] {
			t.Errorf("the %s fragment of an equal item is not from the cache", format)
		}
	}
	german, err := r.fragments("main", item, Variant{Language: "de", Content: feed.FullContent}, feed.Formats())
	if err != nil {
		t.Fatal(err)
	}
	for i, format := range feed.Formats() {
		if &first[i][0] != &german[i][0] {
			t.Errorf("the %s fragment with a page language and an explicit FullContent is not from the cache", format)
		}
	}
	shifted, err := r.fragments("main", item, Variant{Fraction: time.Microsecond}, feed.Formats())
	if err != nil {
		t.Fatal(err)
	}
	for i, format := range feed.Formats() {
		if same := &first[i][0] == &shifted[i][0]; same != (format != feed.Atom) {
			t.Errorf("the %s fragment with a fraction of a second is from the cache: %v, want true for all formats except Atom",
				format, same)
		}
	}
}

func TestFragmentCacheBytes(t *testing.T) {
	cached, small, none := New(), New(CacheBytes(5000)), New(CacheBytes(0))
	edited := cachedItem("a")
	edited.Title = "b"
	for round := range 3 {
		for _, site := range []feed.SiteID{"main", "other"} {
			for _, item := range []*feed.Item{cachedItem("a"), edited, cachedItem("b")} {
				for _, v := range []Variant{{}, {Fraction: time.Microsecond}, {Fraction: 2 * time.Microsecond}} {
					want, err := none.fragments(site, item, v, feed.Formats())
					if err != nil {
						t.Fatal(err)
					}
					for name, r := range map[string]*Renderer{"cached": cached, "small cache": small} {
						got, err := r.fragments(site, item, v, feed.Formats())
						if err != nil {
							t.Fatal(err)
						}
						for i := range want {
							if !bytes.Equal(want[i], got[i]) {
								t.Errorf("round %d, %s, site %s, item %s %q, %+v: %s fragment is\n%s\nwant\n%s",
									round, name, site, item.ID, item.Title, v, feed.Formats()[i], got[i], want[i])
							}
						}
					}
				}
			}
		}
	}
}

func TestFragmentCacheSize(t *testing.T) {
	const limit = 20_000
	r := New(CacheBytes(limit))
	hot := cachedItem("hot")
	once, err := r.fragments("main", cachedItem("once"), Variant{}, feed.Formats())
	if err != nil {
		t.Fatal(err)
	}
	kept, err := r.fragments("main", hot, Variant{}, feed.Formats())
	if err != nil {
		t.Fatal(err)
	}
	for n := range 200 {
		if _, err := r.fragments("main", cachedItem(fmt.Sprint(n)), Variant{}, feed.Formats()); err != nil {
			t.Fatal(err)
		}
		again, err := r.fragments("main", hot, Variant{}, feed.Formats())
		if err != nil {
			t.Fatal(err)
		}
		if &again[0][0] != &kept[0][0] {
			t.Fatalf("a frequently used fragment is not in the cache after %d other fragments", n)
		}
	}
	again, err := r.fragments("main", cachedItem("once"), Variant{}, feed.Formats())
	if err != nil || &again[0][0] == &once[0][0] {
		t.Errorf("an unused fragment is still in a cache of %d bytes after 200 other fragments (error %v)", limit, err)
	}
	large := cachedItem("large")
	large.HTML = string(bytes.Repeat([]byte("x"), limit))
	if _, err := r.fragments("main", large, Variant{}, feed.Formats()); err != nil {
		t.Fatal(err)
	}
	if again, _ := r.fragments("main", hot, Variant{}, feed.Formats()); &again[0][0] != &kept[0][0] {
		t.Error("a fragment larger than the cache evicted another fragment")
	}
}

func TestInvalidItemIsNotCached(t *testing.T) {
	r := New()
	bad := cachedItem("a")
	bad.HTML = "\x00"
	for range 2 {
		if _, err := r.fragments("main", bad, Variant{}, feed.Formats()); err == nil {
			t.Error("fragments of an item with a control character: got no error, want one")
		}
	}
}

func TestRendererConcurrency(t *testing.T) {
	r := New(CacheBytes(10_000))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for n := range 50 {
				item := cachedItem(fmt.Sprint(n % 10))
				want, err := Fragment("main", item, feed.JSON, Variant{})
				if err != nil {
					t.Error(err)
					return
				}
				got, err := r.fragments("main", item, Variant{}, []feed.Format{feed.JSON})
				if err != nil || !bytes.Equal(got[0], want) {
					t.Errorf("fragment is %q, %v; want %q", got, err, want)
				}
			}
		})
	}
	wg.Wait()
}
