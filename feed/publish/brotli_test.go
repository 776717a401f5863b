package publish_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/coding"
	"feedpub/feed/publish"
)

// TestStableDocumentsInBrotli leaves a feed unchanged, rebuilds it, and changes it.
func TestStableDocumentsInBrotli(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	long := strings.Repeat("Some more of the text. ", 400)
	w.put(post("a", "content_text", long))
	b := w.builder("one", func(c *publish.Config) { c.OnChange = true })
	done := make(chan error)
	go func() { done <- b.Run(ctx) }()
	w.until("the first build", func() bool { return w.ids("main") != nil })
	tick := func() feed.Head {
		t.Helper()
		if err := b.Tick(ctx); err != nil {
			t.Fatalf("Tick: %v", err)
		}
		return w.head(feed.Main)
	}
	packed := func(h feed.Head, want bool) {
		t.Helper()
		for _, d := range h.Documents {
			blob, err := w.site.Blob(ctx, d.Hash)
			if err != nil {
				t.Fatal(err)
			}
			if d.Brotli != want || (blob.Brotli != nil) != want {
				t.Errorf("%s is in brotli coding: %t by the head, %t by the store; want %t", d.Format, d.Brotli, blob.Brotli != nil, want)
			}
			if !want {
				continue
			}
			if err := coding.Brotli.Check(blob.Brotli, d.Hash, d.Length); err != nil {
				t.Errorf("%s: %v", d.Format, err)
			}
			if ttl := w.redis.TTL("feedpub:{main}:doc:" + string(d.Hash) + ":br"); ttl != 0 {
				t.Errorf("%s in brotli coding is lost in %v", d.Format, ttl)
			}
		}
	}
	first := tick()
	packed(first, false)
	w.advance(time.Hour)
	rested := tick()
	packed(rested, true)
	for i, d := range rested.Documents {
		if d.Hash != first.Documents[i].Hash || !d.Modified.Equal(first.Documents[i].Modified) {
			t.Errorf("%s is another version after it was packed: %+v, before %+v", d.Format, d, first.Documents[i])
		}
	}
	if again := tick(); again.Token != rested.Token || len(again.IDs) != 1 {
		t.Errorf("after it was packed the head is %+v, want %+v", again, rested)
	}
	if _, err := b.Rebuild(ctx); err != nil {
		t.Fatal(err)
	}
	packed(w.head(feed.Main), true)

	w.put(post("b", "content_text", long))
	w.until("b is in the main feed", func() bool { return len(w.ids("main")) == 2 })
	packed(w.head(feed.Main), false)
	for _, d := range rested.Documents {
		if ttl := w.redis.TTL("feedpub:{main}:doc:" + string(d.Hash) + ":br"); ttl <= 0 {
			t.Errorf("%s in brotli coding stays for ever although it was replaced", d.Format)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
}
