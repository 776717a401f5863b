package publish_test

import (
	"context"
	"iter"
	"log/slog"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"feedpub/feed"
	"feedpub/feed/attribution"
	"feedpub/feed/intake"
	"feedpub/feed/publish"
	"feedpub/feed/render"
	"feedpub/store/memstore"
)

// killable is the store of a builder that can be killed: a killed builder does not release its lease.
type killable struct {
	publish.Store
	killed atomic.Bool
}

func (k *killable) Release(ctx context.Context, job, owner string) error {
	if k.killed.Load() {
		return nil
	}
	return k.Store.Release(ctx, job, owner)
}

// endless is a store whose scans do not end.
type endless struct{ publish.Store }

func (endless) IDs(ctx context.Context) iter.Seq2[feed.IDs, error] {
	return func(yield func(feed.IDs, error) bool) {
		<-ctx.Done()
		yield(feed.IDs{}, ctx.Err())
	}
}

// virtualConfig returns a function that returns the configuration of a builder for tests in virtual time, which starts
// in the year 2000.
func virtualConfig(t *testing.T) func(owner string, s publish.Store) publish.Config {
	t.Helper()
	reader, err := attribution.New(attribution.Options{Threshold: 0.7})
	if err != nil {
		t.Fatal(err)
	}
	site := feed.Site{
		ID: "main", Title: "A Blog", Language: "en", BaseURL: "https://feeds.example", HomeURL: "https://blog.example/",
		Since: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), Limit: 50, TTL: time.Hour,
	}
	return func(owner string, s publish.Store) publish.Config {
		return publish.Config{
			Site: site, Store: s, Intake: intake.New(site, reader), Renderer: render.New(), Canonical: reader.Canonical,
			Owner: owner, Clock: time.Now, Logger: slog.New(slog.DiscardHandler), OnChange: true,
		}
	}
}

// oldPost returns a post that is published at the start of virtual time.
func oldPost(id string) feed.RawPost { return post(id, "date_published", "1999-06-01T00:00:00Z") }

// TestTakeover checks that a waiting builder acquires the lease at the moment it expires, and publishes the
// posts that were written in the meantime before it compares all posts.
func TestTakeover(t *testing.T) {
	configure := virtualConfig(t)
	for _, after := range []time.Duration{0, 130 * time.Millisecond, 777 * time.Millisecond, 5 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			posts := memstore.New(time.Now)
			run := func(owner string, s publish.Store) (stop func()) {
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				p := publish.New(configure(owner, s))
				go func() { ended <- p.Run(ctx) }()
				return func() {
					cancel()
					if err := <-ended; err != nil {
						t.Errorf("Run of %s: %v", owner, err)
					}
				}
			}
			publishes := func(id string) {
				t.Helper()
				if err := posts.Put(t.Context(), oldPost(id)); err != nil {
					t.Fatal(err)
				}
				for range 10_000 {
					if h, err := posts.Head(t.Context(), feed.Main); err == nil && slices.Contains(h.IDs, id) {
						return
					}
					time.Sleep(time.Millisecond)
				}
				t.Fatalf("%s was not published within 10 s", id)
			}
			first := &killable{Store: posts}
			kill := run("first", first)
			publishes("a")
			defer run("second", endless{posts})()
			time.Sleep(after)
			first.killed.Store(true)
			kill()
			_, left, err := posts.Holder(t.Context(), publish.Job)
			if err != nil || left == 0 {
				t.Fatalf("the lease of the killed builder is held for %v, %v; want a positive duration", left, err)
			}
			killed := time.Now()
			publishes("b")
			if took := time.Since(killed); took > left+10*time.Millisecond || took > 2100*time.Millisecond {
				t.Errorf("killed %v after the start: the next post was published after %v, want at most %v, when the lease "+
					"expires, and at most 2 s", after, took, left)
			}
		})
	}
}
