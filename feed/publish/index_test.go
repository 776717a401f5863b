package publish_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"feedpub/feed"
	"feedpub/feed/publish"
	"feedpub/store"
)

// TestIndexFollowsPosts checks that the index shows the newest posts and the number of posts of each feed, and that an
// edit, a deletion and a draft change it at once.
func TestIndexFollowsPosts(t *testing.T) {
	w := newWorld(t)
	w.config.Limit = 2 // fewer than the number of posts, so that a count of posts differs from the number of items in a document
	w.config.Style = "h1 { color: red; }"
	b := w.builder("one", func(c *publish.Config) {
		c.OnChange, c.Catalog = true, feed.Catalog{Pages: true}
		c.Site = w.config
	})
	w.put(dated("a", 1, "tags", []string{"Go"}), dated("b", 2, "tags", []string{"Go"}), dated("c", 3, "tags", []string{"Go"}))
	stop := w.run(b)
	defer stop()
	index := func(want, missing string) {
		t.Helper()
		w.until("the index contains "+want+" and lacks "+missing, func() bool {
			h, err := w.site.Head(t.Context(), feed.Pages)
			if err != nil {
				return false
			}
			page := string(w.body(h, feed.HTML))
			for text := range strings.SplitSeq(want, "|") {
				if !strings.Contains(page, text) {
					return false
				}
			}
			return missing == "" || !strings.Contains(page, missing)
		})
	}
	index("Title of c|Title of b|>3 posts<|/style.css?v=", "Title of a")
	if h := w.head(feed.Pages); string(w.body(h, feed.Style)) != w.config.Style {
		t.Errorf("the style sheet is %q, want %q", w.body(h, feed.Style), w.config.Style)
	}
	w.put(dated("d", 4))
	index("Title of d|>4 posts<|>3 posts<", "Title of b")
	w.put(dated("d", 4, "title", "Edited"))
	index("Edited", "Title of d")
	w.put(dated("d", 4, "title", "Secret", "status", "draft"))
	index("Title of c|Title of b|>3 posts<", "Edited")
	index("Title of c", "Secret")
	w.delete("c")
	index("Title of b|Title of a|>2 posts<", "Title of c")
}

// loadCounter counts the calls that read posts.
type loadCounter struct {
	*store.Site
	loads *atomic.Int64
}

func (c loadCounter) Load(ctx context.Context, ids []string) ([]feed.StoredPost, error) {
	c.loads.Add(1)
	return c.Site.Load(ctx, ids)
}

// TestScheduledRunChecksPages checks that a scheduled run without changes does not build the pages again, but restores
// them if the store has lost them.
func TestScheduledRunChecksPages(t *testing.T) {
	w := newWorld(t)
	var loads atomic.Int64
	b := w.builder("one", func(c *publish.Config) {
		c.OnChange, c.Catalog, c.Store = true, feed.Catalog{Pages: true}, loadCounter{w.site, &loads}
	})
	w.put(dated("a", 1), dated("b", 2))
	stop := w.run(b)
	defer stop()
	w.until("the pages are committed", func() bool {
		_, err := w.site.Head(t.Context(), feed.Pages)
		return err == nil
	})
	tick := func() {
		t.Helper()
		if err := b.Tick(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	tick() // runs after the first rebuild, which may end later than the commit of the pages
	before := loads.Load()
	tick()
	if n := loads.Load() - before; n != 0 {
		t.Errorf("a scheduled run without changes read posts %d times, want 0: it built the pages", n)
	}
	pages := w.head(feed.Pages)
	index, _ := pages.Document(feed.HTML)
	w.lose(string(index.Hash))
	tick()
	if _, err := w.site.Blob(t.Context(), index.Hash); err != nil {
		t.Errorf("after a scheduled run, the lost index is not in the store: %v", err)
	}
	w.lose(":head:" + string(feed.Pages))
	tick()
	if h := w.head(feed.Pages); len(h.Documents) != len(pages.Documents) {
		t.Errorf("after a scheduled run, the pages have %d documents, want %d", len(h.Documents), len(pages.Documents))
	}
}
