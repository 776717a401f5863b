package schedule_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"feedpub/feed"
	"feedpub/feed/schedule"
)

var discard = slog.New(slog.DiscardHandler)

func TestParseErrors(t *testing.T) {
	for _, spec := range []string{
		"", "   ", "TZ=UTC", "CRON_TZ=UTC", "CRON_TZ=UTC ", "TZ=Nowhere/Land * * * * *", "0 0 31 2 *", "0 0 30 2 *",
		"@every 0s", "@every -1m", "@every 10ms", "@every", "@every soon", "* * * *", "* * * * * *", "60 * * * *",
		"@fortnightly", "every day", "\x00",
	} {
		if s, err := schedule.Parse(spec, time.UTC); !errors.Is(err, feed.ErrInvalid) {
			t.Errorf("Parse(%q) = %v, %v; want an error of kind invalid", spec, s, err)
		}
	}
}

func TestParseZone(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		spec string
		loc  *time.Location
		want time.Time
	}{
		{"30 6 * * *", time.UTC, time.Date(2026, 1, 1, 6, 30, 0, 0, time.UTC)},
		{"30 6 * * *", berlin, time.Date(2026, 1, 1, 5, 30, 0, 0, time.UTC)},
		{"CRON_TZ=Europe/Berlin 30 6 * * *", time.UTC, time.Date(2026, 1, 1, 5, 30, 0, 0, time.UTC)},
		{"@hourly", time.UTC, time.Date(2026, 1, 1, 1, 0, 0, 0, time.UTC)},
		{"@every 90s", time.UTC, time.Date(2026, 1, 1, 0, 1, 30, 0, time.UTC)},
		{"0 0 29 2 *", time.UTC, time.Date(2028, 2, 29, 0, 0, 0, 0, time.UTC)}, // only in leap years
	} {
		s, err := schedule.Parse(tt.spec, tt.loc)
		if err != nil {
			t.Errorf("Parse(%q): %v", tt.spec, err)
			continue
		}
		if got := s.Next(from); !got.Equal(tt.want) {
			t.Errorf("Parse(%q, %v).Next(%v) = %v, want %v", tt.spec, tt.loc, from, got.UTC(), tt.want)
		}
	}
}

// TestDaylightSaving uses Central European time, which skips 02:30 in spring and repeats it in autumn.
func TestDaylightSaving(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	s, err := schedule.Parse("30 2 * * *", berlin)
	if err != nil {
		t.Fatal(err)
	}
	spring := s.Next(time.Date(2026, 3, 28, 12, 0, 0, 0, berlin))
	if want := time.Date(2026, 3, 30, 2, 30, 0, 0, berlin); !spring.Equal(want) {
		t.Errorf("in spring the next run is %v, want %v", spring, want)
	}
	first := s.Next(time.Date(2026, 10, 24, 12, 0, 0, 0, berlin))
	second := s.Next(first)
	if second.Sub(first) != time.Hour {
		t.Errorf("in autumn the runs are %v and %v, want both times of the repeated hour", first, second)
	}
}

func TestRunContinuesAfterErrorsAndPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := schedule.Parse("@every 1m", time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		runs := 0
		done := make(chan error)
		go func() {
			done <- schedule.Run(ctx, discard, schedule.Job{Name: "j", Schedule: s, Run: func(context.Context) error {
				runs++
				switch runs {
				case 1:
					panic("a bug in the job")
				case 2:
					return errors.New("a failure of the job")
				}
				return nil
			}})
		}()
		time.Sleep(5*time.Minute + time.Second)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
		if runs != 5 {
			t.Errorf("%d runs of @every 1m in five minutes with a panic in the first, want 5", runs)
		}
	})
}

func TestRunSkipsWhileRunningAndWaitsAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := schedule.Parse("@every 1m", time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		started, ended := 0, 0
		done := make(chan error)
		go func() {
			done <- schedule.Run(ctx, discard, schedule.Job{Name: "j", Schedule: s, Run: func(ctx context.Context) error {
				started++
				time.Sleep(150 * time.Second) // longer than the interval, and even after ctx is done
				ended++
				return ctx.Err()
			}})
		}()
		time.Sleep(6 * time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
		if started != 2 || ended != started {
			t.Errorf("%d runs started and %d ended when Run returned, want 2 and 2: at minutes 1 and 4", started, ended)
		}
	})
}

// TestSchedulerAdd checks that jobs can be added and removed while others run, and that removing them waits for the
// running ones.
func TestSchedulerAdd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		every, err := schedule.Parse("@every 1m", time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		s := schedule.NewScheduler(discard)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Run(ctx) }()
		var mu sync.Mutex
		started, ended := map[string]int{}, map[string]int{}
		add := func(name string, takes time.Duration) (remove func()) {
			t.Helper()
			remove, err := s.Add(ctx, discard, schedule.Job{Name: name, Schedule: every, Run: func(context.Context) error {
				mu.Lock()
				started[name]++
				mu.Unlock()
				time.Sleep(takes)
				mu.Lock()
				defer mu.Unlock()
				ended[name]++
				return nil
			}})
			if err != nil {
				t.Fatal(err)
			}
			return remove
		}
		removeOne := add("one", 0)
		time.Sleep(90 * time.Second) // one runs once
		removeSlow := add("slow", 10*time.Minute)
		time.Sleep(75 * time.Second) // one runs again, and slow begins to run
		removeOne()
		begun := time.Now()
		removeSlow()
		if took := time.Since(begun); took < 9*time.Minute || ended["slow"] != 1 {
			t.Errorf("removing a job that runs for ten minutes took %v, and %d of %d runs have ended; want it to wait", took,
				ended["slow"], started["slow"])
		}
		time.Sleep(5 * time.Minute)
		if started["one"] != 2 || started["slow"] != 1 {
			t.Errorf("removed jobs ran %d and %d times, want 2 and 1", started["one"], started["slow"])
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run = %v, want nil", err)
		}
	})
}

func TestRunJobWithoutSchedule(t *testing.T) {
	if err := schedule.Run(t.Context(), discard, schedule.Job{Name: "j"}); !errors.Is(err, feed.ErrInvalid) {
		t.Errorf("Run = %v, want an error of kind invalid", err)
	}
}

func TestTriggerCoalesces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls [][]feed.Name
		release := make(chan struct{})
		trigger := schedule.NewTrigger(t.Context(), func(_ context.Context, names ...feed.Name) (feed.Report, error) {
			calls = append(calls, names)
			<-release
			return feed.Report{Feeds: []feed.FeedReport{{Feed: feed.Main, Items: len(calls)}}}, nil
		})
		var wg sync.WaitGroup
		ask := func(want int, names ...feed.Name) {
			wg.Go(func() {
				got, err := trigger.Rebuild(t.Context(), names...)
				if err != nil || got.Feeds[0].Items != want {
					t.Errorf("Rebuild(%v) = %v, %v; want the report of rebuild %d, the first that began after the call",
						names, got, err, want)
				}
			})
		}
		ask(1, "tags/a")
		synctest.Wait()
		for range 100 { // all of these requests arrive while the first rebuild runs
			ask(2, "tags/b")
		}
		ask(2, "tags/a")
		synctest.Wait()
		release <- struct{}{}
		synctest.Wait()
		release <- struct{}{}
		wg.Wait()
		want := [][]feed.Name{{"tags/a"}, {"tags/a", "tags/b"}}
		if !slices.EqualFunc(calls, want, slices.Equal[[]feed.Name]) {
			t.Errorf("rebuilds %v, want %v", calls, want)
		}
	})
}

func TestTriggerForAllIncludesNamedFeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls [][]feed.Name
		release := make(chan struct{})
		trigger := schedule.NewTrigger(t.Context(), func(_ context.Context, names ...feed.Name) (feed.Report, error) {
			calls = append(calls, names)
			<-release
			return feed.Report{}, nil
		})
		var wg sync.WaitGroup
		for _, names := range [][]feed.Name{{"tags/a"}, {"tags/b"}, nil} {
			wg.Go(func() { _, _ = trigger.Rebuild(t.Context(), names...) })
			synctest.Wait()
		}
		close(release)
		wg.Wait()
		if len(calls) != 2 || len(calls[1]) != 0 {
			t.Errorf("rebuilds %v, want one rebuild of tags/a and one of all feeds", calls)
		}
	})
}

func TestTriggerCanceledCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		trigger := schedule.NewTrigger(t.Context(), func(ctx context.Context, _ ...feed.Name) (feed.Report, error) {
			<-release
			return feed.Report{}, ctx.Err()
		})
		ctx, cancel := context.WithCancel(t.Context())
		canceled := make(chan error)
		go func() { _, err := trigger.Rebuild(ctx); canceled <- err }()
		synctest.Wait()
		cancel()
		if err := <-canceled; !errors.Is(err, context.Canceled) {
			t.Errorf("Rebuild with a canceled context = %v, want context.Canceled", err)
		}
		other := make(chan error)
		go func() { _, err := trigger.Rebuild(t.Context()); other <- err }()
		close(release)
		if err := <-other; err != nil {
			t.Errorf("Rebuild of the other caller = %v, want nil", err)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"* * * * *", "TZ=UTC", "@every 1s", "0 0 31 2 *", "CRON_TZ=Europe/Berlin 1-5/2 * * JAN MON", "@",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		s, err := schedule.Parse(spec, time.UTC)
		if err != nil {
			if !errors.Is(err, feed.ErrInvalid) {
				t.Errorf("Parse(%q): error %v is not of kind invalid", spec, err)
			}
			return
		}
		now := time.Now()
		if next := s.Next(now); !next.After(now) {
			t.Errorf("Parse(%q).Next(%v) = %v, want a later time", spec, now, next)
		}
	})
}
