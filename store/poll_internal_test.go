package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"feedpub/feed"
)

// streams are a server that has streams only, each with the entry that is its last. It answers pipelines.
type streams struct {
	redis.Hook // nil: nothing else is asked
	last       map[string]string
	takes      time.Duration // to answer
	err        error         // in place of an answer

	mu        sync.Mutex
	pipelines int
	commands  [][]any
}

// asked returns how many round trips there were, and the commands.
func (s *streams) asked() (pipelines int, commands [][]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pipelines, slices.Clone(s.commands)
}

func (s *streams) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(_ context.Context, cmds []redis.Cmder) error {
		if s.takes > 0 {
			<-time.After(s.takes)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.pipelines++
		for _, cmd := range cmds {
			s.commands = append(s.commands, cmd.Args())
			if s.err != nil {
				cmd.SetErr(s.err)
				continue
			}
			x, ok := cmd.(*redis.XStreamSliceCmd)
			if !ok {
				continue
			}
			at := slices.Index(cmd.Args(), any("streams"))
			asked := cmd.Args()[at+1:]
			var news []redis.XStream
			for i, stream := range asked[:len(asked)/2] {
				name, after := stream.(string), asked[len(asked)/2+i].(string)
				if s.last[name] > after {
					news = append(news, redis.XStream{Stream: name, Messages: []redis.XMessage{{ID: s.last[name]}}})
				}
			}
			x.SetVal(news)
			if news == nil {
				x.SetErr(redis.Nil)
			}
		}
		return nil
	}
}

func (s *streams) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (s *streams) DialHook(next redis.DialHook) redis.DialHook          { return next }

// newTestWaits returns waits on the streams, which are to be closed.
func newTestWaits(s *streams, clustered bool) *poller {
	c := redis.NewClient(&redis.Options{
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	c.AddHook(s)
	return newPoller(c, clustered, 0)
}

// answer is how a wait ended, and when.
type answer struct {
	News  bool
	Err   error
	After time.Duration
}

// begin begins a wait for a stream of the site "a" and returns where its answer comes.
func begin(ctx context.Context, w *poller, stream, after string, wait time.Duration) <-chan answer {
	done := make(chan answer, 1)
	start := time.Now()
	go func() {
		news, err := w.await(ctx, "a", stream, after, start.Add(wait))
		done <- answer{news, err, time.Since(start)}
	}()
	synctest.Wait()
	return done
}

func wantAnswer(t *testing.T, what string, got <-chan answer, want answer) {
	t.Helper()
	if g := <-got; g.News != want.News || !errors.Is(g.Err, want.Err) || g.After != want.After {
		t.Errorf("%s: the wait ended with %+v, want %+v", what, g, want)
	}
}

func TestRounds(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name string
		run  func(t *testing.T, s *streams, w *poller)
	}{
		{"news comes with the next round, to those who lack it", func(t *testing.T, s *streams, w *poller) {
			s.last["x"], s.last["y"] = "5-0", "1-0"
			behind, level := begin(t.Context(), w, "x", "4-0", time.Second), begin(t.Context(), w, "x", "5-0", time.Second)
			other := begin(t.Context(), w, "y", "1-0", 600*time.Millisecond)
			wantAnswer(t, "after an older entry", behind, answer{News: true, After: 250 * time.Millisecond})
			wantAnswer(t, "a stream without news", other, answer{After: 600 * time.Millisecond})
			wantAnswer(t, "after the last entry", level, answer{After: time.Second})
		}},
		{"what this process adds is known at once", func(t *testing.T, s *streams, w *poller) {
			x, y := begin(t.Context(), w, "x", "0-0", time.Minute), begin(t.Context(), w, "y", "0-0", time.Second)
			w.nudge("x")
			wantAnswer(t, "the stream", x, answer{News: true})
			wantAnswer(t, "another stream", y, answer{After: time.Second})
		}},
		{"an error is everyone's", func(t *testing.T, s *streams, w *poller) {
			s.err = broken
			x, y := begin(t.Context(), w, "x", "0-0", time.Minute), begin(t.Context(), w, "y", "0-0", time.Minute)
			wantAnswer(t, "one", x, answer{Err: broken, After: pollInterval})
			wantAnswer(t, "the other", y, answer{Err: broken, After: pollInterval})
			if n, _ := s.asked(); n != 1 {
				t.Errorf("the server was asked %d times, want once for all", n)
			}
		}},
		{"a server that does not answer in time is not one without news", func(t *testing.T, s *streams, w *poller) {
			s.takes, s.err = time.Second, broken
			x := begin(t.Context(), w, "x", "0-0", 500*time.Millisecond)
			wantAnswer(t, "a wait that ends during a round", x, answer{Err: broken, After: pollInterval + time.Second})
		}},
		{"the end of a context is noticed during a round", func(t *testing.T, s *streams, w *poller) {
			s.takes = time.Minute
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			x := begin(ctx, w, "x", "0-0", time.Hour)
			wantAnswer(t, "the wait", x, answer{Err: context.DeadlineExceeded, After: time.Second})
		}},
		{"commands ride with a round and not alone", func(t *testing.T, s *streams, w *poller) {
			x := begin(t.Context(), w, "x", "0-0", time.Second)
			start := time.Now()
			for range 2 {
				go func() { _ = w.withNextRound(t.Context(), func(p redis.Pipeliner) { p.Ping(t.Context()) }) }()
			}
			if err := w.withNextRound(t.Context(), func(p redis.Pipeliner) { p.Ping(t.Context()) }); err != nil {
				t.Error(err)
			}
			n, commands := s.asked()
			if took := time.Since(start); took != pollInterval || n != 1 || len(commands) != 4 {
				t.Errorf("after %v there were %d round trips with %d commands; want one with 4 after %v",
					took, n, len(commands), pollInterval)
			}
			<-x
		}},
		{"closing ends waits", func(t *testing.T, s *streams, w *poller) {
			x := begin(t.Context(), w, "x", "0-0", time.Hour)
			w.close()
			wantAnswer(t, "one that waits", x, answer{Err: redis.ErrClosed})
			wantAnswer(t, "one that comes later", begin(t.Context(), w, "x", "0-0", time.Hour), answer{Err: redis.ErrClosed})
			if err := w.withNextRound(t.Context(), nil); !errors.Is(err, redis.ErrClosed) {
				t.Errorf("ride on a closed client = %v; want %v", err, redis.ErrClosed)
			}
		}},
		{"nothing runs when nobody waits", func(t *testing.T, s *streams, w *poller) {
			<-begin(t.Context(), w, "x", "0-0", time.Second)
			time.Sleep(time.Hour) // of the test's own clock
			if n, _ := s.asked(); n > 4 {
				t.Errorf("an hour after a wait of a second the server was asked %d times; want no more than 4", n)
			}
			wantAnswer(t, "a wait after that", begin(t.Context(), w, "x", "0-0", time.Second), answer{After: time.Second})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &streams{last: map[string]string{}}
				w := newTestWaits(s, false)
				tt.run(t, s, w)
				w.close()
			})
		})
	}
}

// TestARoundIsFewCommands: for two places in each of 3 × 200 streams.
func TestARoundIsFewCommands(t *testing.T) {
	for _, tt := range []struct {
		clustered bool
		want      map[int]int // commands by how many streams they ask for
	}{
		{false, map[int]int{128: 8, 88: 2}},
		{true, map[int]int{3: 400}}, // the streams of a site are in one slot
	} {
		t.Run(fmt.Sprint("clustered ", tt.clustered), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &streams{last: map[string]string{}}
				w := newTestWaits(s, tt.clustered)
				ctx, cancel := context.WithCancel(t.Context())
				for i := range 200 {
					k := keyspace(feed.SiteID(fmt.Sprint("site-", i)))
					for _, stream := range []string{k.inbox(), k.requests(), k.changes()} {
						for _, after := range []string{"1-0", "2-0"} {
							go func() { _, _ = w.await(ctx, k, stream, after, time.Now().Add(time.Hour)) }()
						}
					}
				}
				time.Sleep(pollInterval)
				synctest.Wait()
				pipelines, commands := s.asked()
				got := map[int]int{}
				for _, args := range commands {
					got[(len(args)-4)/2]++ // xread count 1 streams …
				}
				if diff := cmp.Diff(tt.want, got); diff != "" || pipelines != 1 {
					t.Errorf("in %d round trips, commands by number of streams (-want +got):\n%s", pipelines, diff)
				}
				cancel()
				w.close()
			})
		})
	}
}

// TestWaitsBlockWhileTheyAreFew, and none does while there are many: the bound on connections holds.
func TestWaitsBlockWhileTheyAreFew(t *testing.T) {
	w := newPoller(nil, false, 2)
	var blocking atomic.Int32
	var leave []func()
	for range 4 {
		leave = append(leave, w.enter())
		if !w.crowded() {
			blocking.Add(1)
		}
	}
	if blocking.Load() != 2 || !w.crowded() {
		t.Errorf("of 4 waits %d block, want 2", blocking.Load())
	}
	leave[0]()
	leave[3]()
	if w.crowded() {
		t.Error("2 of 4 waits are over and the rest may not block again")
	}
}
