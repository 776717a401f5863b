package publish_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"feedpub/feed"
	"feedpub/feed/publish"
	"feedpub/store/memstore"
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

// TestAnswerDuringFirstRebuild checks that requests do not wait for the first rebuild of a term to end.
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

// slowItems is a store that blocks every read of items until release is closed.
type slowItems struct {
	publish.Store
	release <-chan struct{}
}

func (s slowItems) Items(ctx context.Context, ids ...string) ([]*feed.Item, error) {
	<-s.release
	return s.Store.Items(ctx, ids...)
}

func (s slowItems) FeedItems(ctx context.Context, limits map[feed.Name]int) (map[feed.Name]feed.FeedItems, error) {
	<-s.release
	return s.Store.FeedItems(ctx, limits)
}

// TestBusyBuilder checks that requests that arrive while a rebuild takes hours are refused with a reason within a
// minute, through the store and in the process of the builder, and that they succeed after the rebuild.
func TestBusyBuilder(t *testing.T) {
	configure := virtualConfig(t)
	synctest.Test(t, func(t *testing.T) {
		posts, release := memstore.New(time.Now), make(chan struct{})
		if err := posts.Put(t.Context(), oldPost("p")); err != nil {
			t.Fatal(err)
		}
		runs := &runs{}
		c := configure("b", slowItems{posts, release})
		c.Runs = runs
		p := publish.New(c)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- p.Run(ctx) }()
		synctest.Wait()
		time.Sleep(time.Hour)

		requests := map[string]func() (feed.Report, error){
			"of all feeds":   func() (feed.Report, error) { return publish.Ask(ctx, posts, nil) },
			"of one feed":    func() (feed.Report, error) { return publish.Ask(ctx, posts, []feed.Name{"main"}) },
			"of a tag":       func() (feed.Report, error) { return publish.Ask(ctx, posts, []feed.Name{"tags/x"}) },
			"in the process": func() (feed.Report, error) { return p.Rebuild(ctx) },
			"in another one": func() (feed.Report, error) { return publish.New(configure("o", posts)).Rebuild(ctx) },
		}
		var asking sync.WaitGroup
		for name, request := range requests {
			asking.Go(func() {
				begun := time.Now()
				_, err := request()
				const want = "busy: a run (start) has been in progress since 2000-01-01T00:00:00Z; try again later"
				if !errors.Is(err, feed.ErrBusy) || !strings.Contains(err.Error(), want) {
					t.Errorf("request %s: error %v, want one of kind busy with %q", name, err, want)
				}
				if took := time.Since(begun); took > time.Minute {
					t.Errorf("request %s was refused after %v, want at most a minute", name, took)
				}
			})
		}
		asking.Wait()
		if list := runs.list(); len(list) > 0 {
			t.Errorf("refused requests are recorded as runs: %+v", list)
		}
		close(release)
		if report, err := publish.Ask(ctx, posts, nil); err != nil || len(report.Feeds) == 0 {
			t.Errorf("request after the long rebuild: %+v, %v; want a report", report, err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// runs keeps the records of runs.
type runs struct {
	mu  sync.Mutex
	all []feed.Run
}

func (r *runs) AddRun(_ context.Context, run feed.Run) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, run)
	return nil
}

func (r *runs) list() []feed.Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.all)
}

// TestStoreHiccup checks that the term of a builder does not end if the store is unavailable for a moment.
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
		t.Errorf("the token is %s, %v after the outage, want %s: a new term began\n%s", after, err, before, w.log)
	}
}
