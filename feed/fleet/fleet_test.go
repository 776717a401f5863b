package fleet

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
)

// store is the fleet's part of a store, in memory.
type store struct {
	mu      sync.Mutex
	members map[string]feed.Member
	ends    map[string]time.Time
	schema  feed.Schema
	decided int
	down    error
}

func newStore() *store {
	return &store{members: map[string]feed.Member{}, ends: map[string]time.Time{}}
}

func (s *store) Report(_ context.Context, m feed.Member, ttl time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.members[m.ID], s.ends[m.ID] = m, time.Now().Add(ttl)
	return s.down
}

func (s *store) Leave(_ context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.members, id)
	return s.down
}

func (s *store) Members(context.Context) ([]feed.Member, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []feed.Member
	for id, m := range s.members {
		if time.Now().Before(s.ends[id]) {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b feed.Member) int { return strings.Compare(a.ID, b.ID) })
	return list, s.down
}

func (s *store) Schema(context.Context) (feed.Schema, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.schema, s.down
}

func (s *store) SetSchema(_ context.Context, read, want feed.Schema) (feed.Schema, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if read.Since != s.schema.Since {
		return feed.Schema{}, feed.ErrStale
	}
	want.Since = max(want.Since, read.Since+1)
	s.schema = want
	s.decided++
	return want, s.down
}

// documents are those of a process that has taken commits up to a token.
type documents feed.Token

func (d documents) Newest() feed.Token          { return feed.Token(d) }
func (d documents) Version() (int64, time.Time) { return int64(d) + 1, time.Time{} }

// process is a process that knows the versions from oldest to newest of the form, and has documents up to a token.
func process(s Store, id string, oldest, newest int, seen feed.Token) *Fleet {
	return New(Config{
		Store: s, Documents: documents(seen), Log: slog.New(slog.DiscardHandler), Clock: time.Now,
		Self: feed.Member{
			ID: id, Builds: true, Serves: true, Program: "1", Schema: 1, Config: "c",
			Renderer: feed.Versions{Oldest: oldest, Newest: newest},
		},
		Native: feed.Schema{Version: 1, Reader: 1, Writer: 1},
	})
}

// run runs processes until the function returned is called.
func run(t *testing.T, processes ...*Fleet) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for _, f := range processes {
		wg.Go(func() {
			if err := f.Run(ctx); err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	synctest.Wait()
	return func() {
		cancel()
		wg.Wait()
	}
}

// pass lets time pass.
func pass(d time.Duration) {
	time.Sleep(d) // a bubble's time
	synctest.Wait()
}

func agree(t *testing.T, f *Fleet) feed.Schema {
	t.Helper()
	s, err := f.Agree(t.Context())
	if err != nil {
		t.Fatalf("Agree of %s: %v", f.Self.ID, err)
	}
	return s
}

func TestProcessesLearnWhatOthersHaveSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		a, b := process(s, "a", 2, 3, 10), process(s, "b", 2, 3, 20)
		stop := run(t, a, b)
		pass(2 * DefaultEvery)
		if got := a.Seen(); got != 20 {
			t.Errorf("a knows of token %d, want 20, which b has seen", got)
		}
		want := feed.Member{
			ID: "b", Builds: true, Serves: true, Program: "1", Schema: 1, Config: "c", Renderer: feed.Versions{Oldest: 2, Newest: 3},
			Seen: 20, Applied: 21,
		}
		if diff := cmp.Diff(want, a.Members()[1]); diff != "" {
			t.Errorf("what b says of itself (-want +got):\n%s", diff)
		}
		s.mu.Lock()
		clear(s.members) // a flush
		s.mu.Unlock()
		if err := a.Look(t.Context()); err != nil || a.Seen() != 20 {
			t.Errorf("after the store forgot, a knows of token %d, %v; want 20", a.Seen(), err)
		}
		stop()
		if len(s.members) > 0 {
			t.Errorf("processes that were told to stop are still listed: %v", s.members)
		}
	})
}

func TestABuilderWaitsUntilOthersHadTimeToReport(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		settled := func(f *Fleet) bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			return f.Settled(ctx) == nil
		}
		s := newStore()
		alone := process(s, "alone", 2, 3, 0)
		stop := run(t, alone)
		if settled(alone) {
			t.Error("settled at once, before others could report")
		}
		pass(DefaultEvery)
		if !settled(alone) {
			t.Errorf("not settled after %v", DefaultEvery)
		}
		second := process(s, "second", 2, 3, 0)
		stopSecond := run(t, second)
		pass(0)
		if !settled(second) {
			t.Error("not settled although another process is there: reports are not lost, and a takeover waits for nothing")
		}
		stopSecond()
		stop()
		visitor := New(Config{Store: s, Visits: true, Log: slog.New(slog.DiscardHandler), Clock: time.Now})
		if !settled(visitor) {
			t.Error("a command that doesn't run waits for ever")
		}
	})
}

func TestManySitesReportLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pace, s := new(Pace), newStore()
		for range 3 * perInterval {
			pace.join()
		}
		f := process(s, "self", 2, 3, 0)
		f.Pace = pace
		stop := run(t, f)
		defer stop()
		ends := func() time.Time {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.ends["self"]
		}
		first := ends()
		pass(3 * DefaultEvery)
		if got := ends(); got != first {
			t.Error("one of 750 sites reports as often as one alone")
		}
		pass(DefaultEvery)
		if got := ends().Sub(first); got != 4*DefaultEvery {
			t.Errorf("it has reported again after %v, want %v", got, 4*DefaultEvery)
		}
		if lives := time.Until(ends()); lives < 3*4*DefaultEvery {
			t.Errorf("a report that comes every %v lives for %v", 4*DefaultEvery, lives)
		}
	})
}

func TestASiteIsFoundedInTheNewestFormThatAllKnow(t *testing.T) {
	for _, tt := range []struct {
		name           string
		others         []feed.Versions
		oldest, newest int
		want           int
	}{
		{"alone", nil, 2, 3, 3},
		{"beside an older one", []feed.Versions{{Oldest: 1, Newest: 2}}, 2, 3, 2},
		{"beside a newer one", []feed.Versions{{Oldest: 2, Newest: 9}}, 2, 3, 3},
		{"beside one too far away", []feed.Versions{{Oldest: 7, Newest: 9}}, 2, 3, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStore()
			for _, v := range tt.others {
				if err := s.Report(t.Context(), feed.Member{ID: "other", Renderer: v}, time.Minute); err != nil {
					t.Fatal(err)
				}
			}
			f := process(s, "self", tt.oldest, tt.newest, 0)
			got := agree(t, f)
			if got.Renderer != tt.want || got.Writer != 1 || got.Since == 0 {
				t.Errorf("decided on %+v, want form %d", got, tt.want)
			}
			if again := agree(t, f); again != got || s.decided != 1 {
				t.Errorf("agreed again on %+v with %d decisions, want the first one to stand", again, s.decided)
			}
		})
	}
}

func TestAProgramThatIsTooOldStandsAside(t *testing.T) {
	for _, tt := range []struct {
		name   string
		schema feed.Schema
		want   string
	}{
		{"form", feed.Schema{Version: 1, Reader: 1, Writer: 1, Renderer: 4, Since: 7}, "form 4, and this program makes 2 to 3"},
		{"form of long ago", feed.Schema{Version: 1, Reader: 1, Writer: 1, Renderer: 1, Since: 7}, "form 1, and this program makes 2 to 3"},
		{"data", feed.Schema{Version: 2, Reader: 1, Writer: 2, Renderer: 3, Since: 7}, "schema 2 and later, and this one is of 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStore()
			s.schema = tt.schema
			f := process(s, "self", 2, 3, 0)
			_, err := f.Agree(t.Context())
			if !errors.Is(err, feed.ErrOutdated) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Agree: %v; want an error of kind %q that says %q", err, feed.ErrOutdated, tt.want)
			}
			if s.schema != tt.schema {
				t.Errorf("what is too old changed the decision to %+v", s.schema)
			}
			if err := f.Check(t.Context()); !errors.Is(err, feed.ErrOutdated) {
				t.Errorf("Check: %v", err)
			}
			problems, _ := f.Problems(t.Context())
			if len(problems) != 1 || problems[0].Kind != feed.KindFleet || !strings.Contains(problems[0].Reason, tt.want) {
				t.Errorf("problems are %+v", problems)
			}
			if err := f.Readable(t.Context()); err != nil {
				t.Errorf("Readable: %v: a program that may not write may read", err)
			}
			if err := f.Writable(t.Context()); errors.Is(err, feed.ErrOutdated) != (tt.schema.Writer > 1) {
				t.Errorf("Writable: %v", err)
			}
		})
	}
	s := newStore()
	s.schema = feed.Schema{Version: 2, Reader: 2, Writer: 2, Renderer: 3, Since: 7}
	if err := process(s, "self", 2, 3, 0).Readable(t.Context()); !errors.Is(err, feed.ErrOutdated) {
		t.Errorf("Readable of data for later programs: %v", err)
	}
}

// TestAForgottenDecisionIsMadeAgain: a store that was restored from before an upgrade must not make documents change back.
func TestAForgottenDecisionIsMadeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		s.schema = feed.Schema{Version: 1, Reader: 1, Writer: 1, Renderer: 2, Since: 100}
		before := s.schema
		replica, builder := process(s, "replica", 2, 3, 0), process(s, "builder", 2, 3, 0)
		stop := run(t, replica)
		defer stop()
		upgraded := before
		upgraded.Renderer = 3
		if _, err := s.SetSchema(t.Context(), before, upgraded); err != nil {
			t.Fatal(err)
		}
		pass(DefaultEvery)
		s.mu.Lock()
		s.schema = before
		s.mu.Unlock()
		pass(DefaultEvery) // the replica reports what it knows
		if got := agree(t, builder); got.Renderer != 3 || got.Since <= 100 {
			t.Errorf("a builder that never saw the upgrade agrees on %+v, want form 3", got)
		}
		if s.schema.Renderer != 3 {
			t.Errorf("the store was not told again: %+v", s.schema)
		}
	})
}

func TestBuildersWithDifferentConfigurationsAreListed(t *testing.T) {
	s := newStore()
	f := process(s, "self", 2, 3, 0)
	report := func(m feed.Member) {
		t.Helper()
		if err := errors.Join(s.Report(t.Context(), m, time.Minute), f.Look(t.Context())); err != nil {
			t.Fatal(err)
		}
	}
	list := func() []feed.Problem {
		problems, _ := f.Problems(t.Context())
		return problems
	}
	report(feed.Member{ID: "replica", Program: "1"})
	report(feed.Member{ID: "later release", Builds: true, Program: "2", Config: "another"})
	if got := list(); len(got) > 0 {
		t.Errorf("problems are %+v; replicas have no configuration, and another release may tell its own otherwise", got)
	}
	report(feed.Member{ID: "other", Builds: true, Program: "1", Config: "another"})
	got := list()
	if len(got) != 1 || got[0].Kind != feed.KindFleet || !strings.Contains(got[0].Reason, "other") || got[0].Since.IsZero() {
		t.Fatalf("problems are %+v, want the builder with another configuration", got)
	}
	report(feed.Member{ID: "other", Builds: true, Program: "1", Config: "another"})
	if again := list(); !cmp.Equal(again, got) {
		t.Errorf("looked at again the problem is another: %+v", again)
	}
	report(feed.Member{ID: "other", Builds: true, Program: "1", Config: "c"})
	if got := list(); len(got) > 0 {
		t.Errorf("problems stay after the configurations are one: %+v", got)
	}
}
