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

// store is a Store in memory.
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

func (s *store) Report(_ context.Context, m feed.Member, ttl time.Duration) ([]feed.Member, feed.Schema, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.members[m.ID], s.ends[m.ID] = m, time.Now().Add(ttl)
	return s.list(), s.schema, s.down
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
	return s.list(), s.down
}

// list returns the members whose reports have not expired. The caller must hold mu.
func (s *store) list() []feed.Member {
	var list []feed.Member
	for id, m := range s.members {
		if time.Now().Before(s.ends[id]) {
			list = append(list, m)
		}
	}
	slices.SortFunc(list, func(a, b feed.Member) int { return strings.Compare(a.ID, b.ID) })
	return list
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

// documents implements Documents. Its value is the token of the newest head.
type documents feed.Token

func (d documents) Newest() feed.Token          { return feed.Token(d) }
func (d documents) Version() (int64, time.Time) { return int64(d) + 1, time.Time{} }

// process returns the Fleet of a process that supports the rendering versions from oldest to newest, and whose newest
// document has the token.
func process(s Store, id string, oldest, newest int, token feed.Token) *Fleet {
	return New(Config{
		Store: s, Documents: documents(token), Log: slog.New(slog.DiscardHandler), Clock: time.Now,
		Self: feed.Member{
			ID: id, Builds: true, Serves: true, Program: "1", Schema: 1, Config: "c",
			Renderer: feed.Versions{Oldest: oldest, Newest: newest},
		},
		Initial: feed.Schema{Version: 1, Reader: 1, Writer: 1},
	})
}

// run runs processes until stop is called.
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

// pass advances the bubble's clock.
func pass(d time.Duration) {
	time.Sleep(d)
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

func TestReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStore()
		a, b := process(s, "a", 2, 3, 10), process(s, "b", 2, 3, 20)
		stop := run(t, a, b)
		pass(2 * DefaultInterval)
		if got := a.NewestToken(); got != 20 {
			t.Errorf("the newest token known to process a is %d, want 20, the token of process b", got)
		}
		want := feed.Member{
			ID: "b", Builds: true, Serves: true, Program: "1", Schema: 1, Config: "c",
			Renderer: feed.Versions{Oldest: 2, Newest: 3}, Seen: 20, Applied: 21,
		}
		if diff := cmp.Diff(want, a.Members()[1]); diff != "" {
			t.Errorf("report of process b (-want +got):\n%s", diff)
		}
		s.mu.Lock()
		clear(s.members) // like a flush of the store
		s.mu.Unlock()
		if err := a.Refresh(t.Context()); err != nil || a.NewestToken() != 20 {
			t.Errorf("after a flush, the newest token known to process a is %d (error %v), want 20", a.NewestToken(), err)
		}
		stop()
		if len(s.members) > 0 {
			t.Errorf("stopped processes are still listed: %v", s.members)
		}
	})
}

func TestAwaitReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reported := func(f *Fleet) bool {
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			return f.AwaitReports(ctx) == nil
		}
		s := newStore()
		alone := process(s, "alone", 2, 3, 0)
		stop := run(t, alone)
		if reported(alone) {
			t.Error("AwaitReports returned before other processes could report")
		}
		pass(DefaultInterval)
		if !reported(alone) {
			t.Errorf("AwaitReports did not return after %v", DefaultInterval)
		}
		second := process(s, "second", 2, 3, 0)
		stopSecond := run(t, second)
		pass(0)
		if !reported(second) {
			t.Error("AwaitReports did not return although another process has reported")
		}
		stopSecond()
		stop()
		oneShot := New(Config{Store: s, OneShot: true, Log: slog.New(slog.DiscardHandler), Clock: time.Now})
		if !reported(oneShot) {
			t.Error("AwaitReports of a one-shot process did not return")
		}
	})
}

func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pace, s := new(Pace), newStore()
		for range 3 * sitesPerInterval {
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
		pass(DefaultInterval) // wait for the second report, which is not delayed, since builders may wait for it
		// next waits for the next report, at most a little longer than the interval of many sites, and returns its end.
		next := func(last time.Time) time.Time {
			t.Helper()
			const step = DefaultInterval / 4
			for range 4*4 + 4 {
				if pass(step); ends().After(last) {
					return ends()
				}
			}
			t.Fatalf("it made no further report within %v", 5*DefaultInterval)
			return time.Time{}
		}
		third := next(ends()) // made at a random time, so that the sites do not report together
		got := next(third).Sub(third)
		if got < 4*DefaultInterval || got > 4*DefaultInterval+feed.UnhurriedInterval {
			t.Errorf("one of many sites reported again after %v, want %v to %v", got, 4*DefaultInterval,
				4*DefaultInterval+feed.UnhurriedInterval)
		}
		if lives := time.Until(ends()); lives < 3*4*DefaultInterval {
			t.Errorf("a report that is made every %v expires after %v", 4*DefaultInterval, lives)
		}
	})
}

func TestAgree(t *testing.T) {
	for _, tt := range []struct {
		name           string
		others         []feed.Versions
		oldest, newest int
		want           int
	}{
		{"alone", nil, 2, 3, 3},
		{"with an older process", []feed.Versions{{Oldest: 1, Newest: 2}}, 2, 3, 2},
		{"with a newer process", []feed.Versions{{Oldest: 2, Newest: 9}}, 2, 3, 3},
		{"with a process that has no version in common", []feed.Versions{{Oldest: 7, Newest: 9}}, 2, 3, 3},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStore()
			for _, v := range tt.others {
				if _, _, err := s.Report(t.Context(), feed.Member{ID: "other", Renderer: v}, time.Minute); err != nil {
					t.Fatal(err)
				}
			}
			f := process(s, "self", tt.oldest, tt.newest, 0)
			got := agree(t, f)
			if got.Renderer != tt.want || got.Writer != 1 || got.Since == 0 {
				t.Errorf("Agree = %+v, want rendering version %d", got, tt.want)
			}
			if again := agree(t, f); again != got || s.decided != 1 {
				t.Errorf("a second Agree = %+v after %d changes of the schema, want the first one unchanged", again, s.decided)
			}
		})
	}
}

func TestOutdatedProgram(t *testing.T) {
	for _, tt := range []struct {
		name   string
		schema feed.Schema
		want   string
	}{
		{"rendering version", feed.Schema{Version: 1, Reader: 1, Writer: 1, Renderer: 4, Since: 7},
			"rendering version 4, and this program supports 2 to 3"},
		{"old rendering version", feed.Schema{Version: 1, Reader: 1, Writer: 1, Renderer: 1, Since: 7},
			"rendering version 1, and this program supports 2 to 3"},
		{"data", feed.Schema{Version: 2, Reader: 1, Writer: 2, Renderer: 3, Since: 7},
			"schema 2 or later, and this program has schema 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newStore()
			s.schema = tt.schema
			f := process(s, "self", 2, 3, 0)
			_, err := f.Agree(t.Context())
			if !errors.Is(err, feed.ErrOutdated) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Agree: %v; want an error of kind %q that contains %q", err, feed.ErrOutdated, tt.want)
			}
			if s.schema != tt.schema {
				t.Errorf("an outdated program changed the schema to %+v", s.schema)
			}
			if err := f.Check(t.Context()); !errors.Is(err, feed.ErrOutdated) {
				t.Errorf("Check: %v", err)
			}
			problems, _ := f.Problems(t.Context())
			if len(problems) != 1 || problems[0].Kind != feed.KindFleet || !strings.Contains(problems[0].Reason, tt.want) {
				t.Errorf("problems are %+v, want one of kind \"fleet\" that contains %q", problems, tt.want)
			}
			if err := f.Readable(t.Context()); err != nil {
				t.Errorf("Readable = %v, want nil: the program cannot write but can read", err)
			}
			if err := f.Writable(t.Context()); errors.Is(err, feed.ErrOutdated) != (tt.schema.Writer > 1) {
				t.Errorf("Writable: %v", err)
			}
		})
	}
	s := newStore()
	s.schema = feed.Schema{Version: 2, Reader: 2, Writer: 2, Renderer: 3, Since: 7}
	if err := process(s, "self", 2, 3, 0).Readable(t.Context()); !errors.Is(err, feed.ErrOutdated) {
		t.Errorf("Readable = %v, want an error of kind outdated", err)
	}
}

// TestLostSchema checks that documents do not change back after a store was restored from a backup made before an
// upgrade.
func TestLostSchema(t *testing.T) {
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
		pass(DefaultInterval)
		s.mu.Lock()
		s.schema = before
		s.mu.Unlock()
		pass(DefaultInterval) // wait until the replica reports the schema
		if got := agree(t, builder); got.Renderer != 3 || got.Since <= 100 {
			t.Errorf("after the upgrade was lost, a new builder's Agree returned %+v, want rendering version 3", got)
		}
		if s.schema.Renderer != 3 {
			t.Errorf("the schema in the store is %+v, want rendering version 3", s.schema)
		}
	})
}

func TestConflictingConfigurations(t *testing.T) {
	s := newStore()
	f := process(s, "self", 2, 3, 0)
	report := func(m feed.Member) {
		t.Helper()
		_, _, err := s.Report(t.Context(), m, time.Minute)
		if err = errors.Join(err, f.Refresh(t.Context())); err != nil {
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
		t.Errorf("problems are %+v, want none: replicas and builders of a different release are not compared", got)
	}
	report(feed.Member{ID: "other", Builds: true, Program: "1", Config: "another"})
	got := list()
	if len(got) != 1 || got[0].Kind != feed.KindFleet || !strings.Contains(got[0].Reason, "other") ||
		got[0].Since.IsZero() {
		t.Fatalf("problems are %+v, want one about the builder with a different configuration", got)
	}
	report(feed.Member{ID: "other", Builds: true, Program: "1", Config: "another"})
	if again := list(); !cmp.Equal(again, got) {
		t.Errorf("after another refresh the problem is %+v, want it unchanged", again)
	}
	report(feed.Member{ID: "other", Builds: true, Program: "1", Config: "c"})
	if got := list(); len(got) > 0 {
		t.Errorf("problems are %+v once the configurations are equal, want none", got)
	}
}
