package publish_test

import (
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/coding"
	"feedpub/feed/publish"
)

// TestStableDocumentsInBrotli checks that stable documents are compressed with brotli, and that a changed document is
// not.
func TestStableDocumentsInBrotli(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("Some more of the text. ", 400)
	w.put(post("a", "content_text", long))
	b := w.builder("one", func(c *publish.Config) { c.OnChange = true })
	stop := w.run(b)
	w.until("the first build", func() bool { return w.ids("main") != nil })
	tick := func() feed.Head {
		t.Helper()
		if err := b.Tick(t.Context()); err != nil {
			t.Fatalf("Tick: %v", err)
		}
		return w.head(feed.Main)
	}
	checkBrotli := func(h feed.Head, want bool) {
		t.Helper()
		for _, d := range h.Documents {
			blob, err := w.site.Blob(t.Context(), d.Hash)
			if err != nil {
				t.Fatal(err)
			}
			if d.Brotli != want || (blob.Brotli != nil) != want {
				t.Errorf("the %s document is in brotli coding: %t in the head, %t in the store; want %t",
					d.Format, d.Brotli, blob.Brotli != nil, want)
			}
			if !want {
				continue
			}
			if err := coding.Brotli.Check(blob.Brotli, d.Hash, d.Length); err != nil {
				t.Errorf("%s: %v", d.Format, err)
			}
			if ttl := w.redis.TTL("feedpub:{main}:doc:" + string(d.Hash) + ":br"); ttl != 0 {
				t.Errorf("%s in brotli coding expires in %v, want never", d.Format, ttl)
			}
		}
	}
	first := tick()
	checkBrotli(first, false)
	w.advance(time.Hour)
	stable := tick()
	checkBrotli(stable, true)
	for i, d := range stable.Documents {
		if d.Hash != first.Documents[i].Hash || !d.Modified.Equal(first.Documents[i].Modified) {
			t.Errorf("%s has the reference %+v after it was compressed, want the hash and date of %+v", d.Format, d,
				first.Documents[i])
		}
	}
	if again := tick(); again.Token != stable.Token || len(again.IDs) != 1 {
		t.Errorf("head of a compressed feed after another Tick is %+v, want %+v", again, stable)
	}
	if _, err := b.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkBrotli(w.head(feed.Main), true)

	w.put(post("b", "content_text", long))
	w.until("b is in the main feed", func() bool { return len(w.ids("main")) == 2 })
	checkBrotli(w.head(feed.Main), false)
	for _, d := range stable.Documents {
		if ttl := w.redis.TTL("feedpub:{main}:doc:" + string(d.Hash) + ":br"); ttl <= 0 {
			t.Errorf("%s in brotli coding does not expire although it was replaced", d.Format)
		}
	}
	stop()
}
