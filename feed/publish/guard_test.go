package publish_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/publish"
)

// readings is a store that records the calls to SetReading.
type readings struct {
	publish.Store
	mu    sync.Mutex
	calls [][]string
}

func (r *readings) SetReading(ctx context.Context, owner string, ids ...string) error {
	r.mu.Lock()
	r.calls = append(r.calls, slices.Clone(ids))
	r.mu.Unlock()
	return r.Store.SetReading(ctx, owner, ids...)
}

// TestReadingIsRecorded checks that posts are recorded while a builder reads them, and that deleted posts are not
// recorded.
func TestReadingIsRecorded(t *testing.T) {
	w := newWorld(t)
	w.put(post("a"), post("b"))
	s := &readings{Store: w.site}
	b := w.builder("one", func(c *publish.Config) { c.Store = s })
	w.rebuild(b)
	w.delete("b")
	w.rebuild(b)
	if diff := cmp.Diff([][]string{{"a", "b"}, nil}, s.calls); diff != "" {
		t.Errorf("calls to SetReading (-want +got):\n%s", diff)
	}
	if left, err := w.site.Readings(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("Readings after the rebuilds = %v, %v; want none", left, err)
	}
}

// tries provides a Try function that returns the given reasons.
type tries struct {
	reasons map[string]string
	err     error
	ids     []string // ids of the posts passed to Try since the last take
}

func (x *tries) hook(c *publish.Config) {
	c.Try = func(_ context.Context, posts []feed.StoredPost) (map[string]string, error) {
		for _, p := range posts {
			x.ids = append(x.ids, p.ID)
		}
		return x.reasons, x.err
	}
}

func (x *tries) take() []string {
	ids := x.ids
	x.ids = nil
	return ids
}

// TestDeadBuilder checks that a builder tries the posts that a different builder was reading when it died, rejects
// those that are costly without reading them, publishes the others, and reads a costly post again if it changes or if a
// rebuild is requested.
func TestDeadBuilder(t *testing.T) {
	w := newWorld(t)
	w.put(post("a"), post("bad"), post("later"), post("gone"))
	if err := w.site.SetReading(t.Context(), "dead", "bad", "a", "gone"); err != nil {
		t.Fatal(err)
	}
	w.delete("gone")
	x := &tries{reasons: map[string]string{"bad": "reading it crashes the program"}}
	step := func(what string, wantTried []string, want ...string) {
		t.Helper()
		w.rebuild(w.builder("next", x.hook))
		if got := x.take(); !slices.Equal(got, wantTried) {
			t.Errorf("%s: tried %v, want %v", what, got, wantTried)
		}
		got := slices.Sorted(slices.Values(w.ids("main")))
		if !slices.Equal(got, want) {
			t.Errorf("%s: published %v, want %v", what, got, want)
		}
		var rejected []string
		problems, err := w.site.Problems(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			if p.Kind != feed.KindRejected || !strings.HasPrefix(p.Reason, "reading it crashes the program; it is read again when") {
				t.Errorf("%s: problem %+v, want one with the reason", what, p)
			}
			rejected = append(rejected, p.ID)
		}
		if bad := !slices.Contains(want, "bad"); bad != slices.Equal(rejected, []string{"bad"}) {
			t.Errorf("%s: rejected %v", what, rejected)
		}
	}
	step("after the death", []string{"a", "bad"}, "a", "later")
	if left, err := w.site.Readings(t.Context()); err != nil || len(left) > 0 {
		t.Errorf("Readings = %v, %v; want none", left, err)
	}
	step("a requested rebuild", []string{"bad"}, "a", "later")
	x.err = errors.New("no memory")
	step("a rebuild that cannot try posts", []string{"bad"}, "a", "later")
	x.err = nil
	w.put(post("bad", "title", "Corrected"))
	delete(x.reasons, "bad")
	step("a corrected version", []string{"bad"}, "a", "bad", "later")
	step("a rebuild without costly posts", nil, "a", "bad", "later")
	if costly, err := w.site.Costly(t.Context()); err != nil || len(costly) > 0 {
		t.Errorf("Costly = %v, %v; want none", costly, err)
	}
}

// TestCostlyVersionStaysPublished checks that the last good version of a costly post stays published, unless the costly
// version is private.
func TestCostlyVersionStaysPublished(t *testing.T) {
	w := newWorld(t)
	w.put(post("a"), post("b"))
	w.rebuild(w.builder("one"))
	w.put(post("a", "title", "New"), post("b", "status", "private"))
	if err := w.site.SetReading(t.Context(), "dead", "a", "b"); err != nil {
		t.Fatal(err)
	}
	x := &tries{reasons: map[string]string{"a": "slow", "b": "slow"}}
	w.rebuild(w.builder("next", x.hook))
	if got := w.ids("main"); !slices.Equal(got, []string{"a"}) {
		t.Errorf("main has %v, want [a]: its last good version, and not the private post", got)
	}
	costly, err := w.site.Costly(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sums := map[string]feed.Hash{}
	for _, c := range costly {
		sums[c.ID] = c.Sum
	}
	want := map[string]feed.Hash{
		"a": feed.HashOf(post("a", "title", "New").Raw), "b": feed.HashOf(post("b", "status", "private").Raw),
	}
	if !maps.Equal(sums, want) {
		t.Errorf("costly versions %v, want %v", sums, want)
	}
}
