package publish_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/publish"
)

// requestWaits reports whether the stream of requests has an entry.
func (w *world) requestWaits() bool {
	requests, err := w.site.Requests(w.t.Context(), "", 0)
	return err == nil && len(requests) > 0
}

// TestAnswerOldRequest checks that the builder replies to a request regardless of its age and the builder's clock.
func TestAnswerOldRequest(t *testing.T) {
	for name, skew := range map[string]time.Duration{"clock right": 0, "clock ahead": time.Minute + time.Second} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.put(post("p"))
			answer := make(chan error, 1)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			go func() {
				_, err := publish.Ask(ctx, w.site, nil)
				answer <- err
			}()
			w.until("the request", w.requestWaits)
			if skew == 0 {
				w.advance(5 * time.Minute)
			}
			defer w.run(w.builder("b", func(c *publish.Config) {
				c.Clock = func() time.Time { return w.now().Add(skew) }
			}))()
			if err := <-answer; err != nil {
				t.Errorf("Ask: %v\n%s", err, w.log)
			}
			if w.requestWaits() {
				t.Error("the request is still there after the reply")
			}
		})
	}
}

// Requests do not wait for the first rebuild of a term to end.
func TestAnswerDuringFirstRebuild(t *testing.T) {
	w := newWorld(t)
	w.put(post("p"))
	begun, finish := make(chan struct{}, 100), make(chan struct{})
	stop := w.run(w.builder("b", func(c *publish.Config) {
		c.Turn = func(ctx context.Context) (func(), error) {
			begun <- struct{}{}
			select {
			case <-finish:
			case <-ctx.Done():
			}
			return func() {}, ctx.Err()
		}
	}))
	defer stop()
	defer close(finish)
	<-begun
	reply, err := w.site.Ask(t.Context(), []byte("not JSON"), 20*time.Second)
	if err != nil || !strings.Contains(string(reply), "invalid character") {
		t.Errorf("Ask = %q, %v; want a reply with an error", reply, err)
	}
}

// A store that is unavailable for a moment makes an operation fail, but does not end the term.
func TestStoreHiccup(t *testing.T) {
	w := newWorld(t)
	w.put(post("p"))
	defer w.run(w.builder("b", func(c *publish.Config) { c.OnChange = true }))()
	w.until("the first commit", func() bool { _, err := w.site.Head(t.Context(), feed.Main); return err == nil })
	before, err := w.redis.Get("feedpub:{main}:token")
	if err != nil {
		t.Fatal(err)
	}
	w.redis.SetError("LOADING the data of the test")
	w.until("an error", func() bool { return w.logged("LOADING") > 0 })
	w.redis.SetError("")

	w.put(post("q"))
	w.until("the commit of another post", func() bool { return len(w.ids(feed.Main)) == 2 })
	if _, err := publish.Ask(t.Context(), w.site, nil); err != nil {
		t.Errorf("Ask: %v", err)
	}
	if after, err := w.redis.Get("feedpub:{main}:token"); err != nil || after != before {
		t.Errorf("the token is %s, %v after the hiccup, want %s: a new term began\n%s", after, err, before, w.log)
	}
}
