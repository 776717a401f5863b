package publish_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/publish"
)

func TestRebuildByRunningBuilder(t *testing.T) {
	w := newWorld(t)
	w.put(post("a"))
	running := w.builder("running")
	stop := w.run(running)
	w.until("the first build of the running builder", func() bool { return w.ids("main") != nil })

	w.put(post("b"))
	got := w.rebuild(w.builder("command"))
	if got["main"] != feed.Committed {
		t.Errorf("outcomes %v, want main committed", got)
	}
	if ids := w.ids("main"); !slices.Equal(ids, []string{"b", "a"}) {
		t.Errorf("main has %v, want [b a]", ids)
	}
	_, err := w.builder("command").Rebuild(t.Context(), "tags/none")
	if !errors.Is(err, feed.ErrNotFound) {
		t.Errorf("rebuild of a feed that does not exist: %v, want an error of kind not found", err)
	}
	stop()
	if _, left, err := w.site.Holder(t.Context(), publish.Job); err != nil || left > 0 {
		t.Errorf("the lease has a holder after Run: %v, %v; want none", left, err)
	}
}

func TestRunBuildsOnChange(t *testing.T) {
	w := newWorld(t)
	b := w.builder("one", func(c *publish.Config) { c.OnChange = true })
	stop := w.run(b)
	w.until("the empty feed is committed", func() bool { return w.ids("main") != nil })
	for i, id := range []string{"a", "b", "c"} {
		w.put(post(id))
		w.until(id+" is published", func() bool { return len(w.ids("main")) == i+1 })
	}
	w.put(post("soon", "date_published", w.now().Add(time.Second).UTC().Format(time.RFC3339Nano)))
	w.until("the post dated a second later is published", func() bool { return slices.Contains(w.ids("main"), "soon") })
	stop()
}

func TestScheduledFeed(t *testing.T) {
	w := newWorld(t)
	w.put(post("a", "tags", []string{"weekly"}))
	b := w.builder("one", func(c *publish.Config) { c.OnChange, c.Scheduled = true, []feed.Name{"tags/weekly"} })
	stop := w.run(b)
	w.until("the first build", func() bool { return w.ids("tags/weekly") != nil })
	w.put(post("b", "tags", []string{"weekly"}))
	w.until("b is in the main feed", func() bool { return len(w.ids("main")) == 2 })
	if err := b.Tick(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.ids("tags/weekly"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("tags/weekly has %v before its scheduled build, want [a]", got)
	}
	if err := b.Tick(t.Context(), "tags/weekly", "tags/none-yet"); err != nil {
		t.Errorf("Tick of a feed without posts: %v, want nil", err)
	}
	if err := b.Tick(t.Context(), "tags/weekly"); err != nil {
		t.Fatal(err)
	}
	if got := w.ids("tags/weekly"); !slices.Equal(got, []string{"b", "a"}) {
		t.Errorf("tags/weekly has %v, want [b a]", got)
	}
	stop()
}

func TestRunRetriesWhenStoreIsUnavailable(t *testing.T) {
	w := newWorld(t)
	b := w.builder("one", func(c *publish.Config) { c.OnChange = true })
	stop := w.run(b)
	w.put(post("a"))
	w.until("a is published", func() bool { return slices.Equal(w.ids("main"), []string{"a"}) })
	w.redis.SetError("LOADING Redis is loading the dataset in memory")
	if _, err := b.Rebuild(t.Context()); !errors.Is(err, feed.ErrUnavailable) {
		t.Errorf("Rebuild while the store is unavailable: %v, want an error of kind unavailable", err)
	}
	w.redis.SetError("")
	w.redis.FastForward(time.Minute) // lets the lease expire
	w.put(post("b"))
	w.until("b is published", func() bool { return len(w.ids("main")) == 2 })
	stop()
}
