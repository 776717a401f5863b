package render_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/render"
)

// benchFeed has 50 items of 3 KB of content.
func benchFeed() feed.Feed {
	paragraph := "<p>" + strings.Repeat("What the papers say, and what to think of “it”. ", 20) + "</p>\n"
	var items []*feed.Item
	for n := range 50 {
		when := date(2014, 6, 17, 9, 30).Add(time.Duration(n) * time.Hour)
		items = append(items, post(fmt.Sprintf("post-%d", n), guardian, at(when), func(i *feed.Item) {
			i.HTML += strings.Repeat(paragraph, 2)
			i.Tags = []string{"one", "two", "three"}
		}))
	}
	return mainFeed(items...)
}

func BenchmarkDocuments(b *testing.B) {
	f := benchFeed()
	for name, size := range map[string]int{"cached": render.DefaultCacheBytes, "uncached": 0} {
		r := render.New(render.CacheBytes(size))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, rejected, err := r.Documents(f); err != nil || len(rejected) > 0 {
					b.Fatal(err, rejected)
				}
			}
		})
	}
}

func BenchmarkPage(b *testing.B) {
	f := benchFeed()
	for name, size := range map[string]int{"cached": render.DefaultCacheBytes, "uncached": 0} {
		r := render.New(render.CacheBytes(size))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Page(f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRebuild renders 306 feeds of 50 items, as after a configuration change: 5,000 posts, each in three feeds.
func BenchmarkRebuild(b *testing.B) {
	var items []*feed.Item
	for n := range 5000 {
		item := *benchFeed().Items[0]
		item.ID = fmt.Sprintf("post-%d", n)
		items = append(items, &item)
	}
	for name, size := range map[string]int{"cached": render.DefaultCacheBytes, "uncached": 0} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				r := render.New(render.CacheBytes(size))
				for n := range 306 {
					f := mainFeed()
					f.Name = feed.Join(feed.Tags, fmt.Sprint(n))
					for i := range 50 {
						f.Items = append(f.Items, items[(n*50+i)%len(items)])
					}
					if _, _, err := r.Documents(f); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func BenchmarkFragment(b *testing.B) {
	item := benchFeed().Items[0]
	for _, format := range feed.Formats() {
		b.Run(string(format), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(item.HTML)))
			for b.Loop() {
				if _, err := render.Fragment("main", item, format, render.Variant{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
