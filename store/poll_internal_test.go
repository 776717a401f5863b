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

// fakeStreams is a hook that replies to pipelines like a server with streams.
type fakeStreams struct {
	redis.Hook                   // nil, since only the methods defined below may be called
	last       map[string]string // id of the last entry by stream
	delay      time.Duration     // delay before each reply
	err        error             // the reply to every command, if not nil

	mu        sync.Mutex
	pipelines int
	commands  [][]any
}

// received returns the number of pipelines received so far and their commands.
func (s *fakeStreams) received() (pipelines int, commands [][]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pipelines, slices.Clone(s.commands)
}

func (s *fakeStreams) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(_ context.Context, cmds []redis.Cmder) error {
		if s.delay > 0 {
			<-time.After(s.delay)
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
			if m, ok := cmd.(*redis.SliceCmd); ok { // MGET
				m.SetVal(cmd.Args()[1:])
			}
			x, ok := cmd.(*redis.XStreamSliceCmd)
			if !ok {
				continue
			}
			args := cmd.Args()[slices.Index(cmd.Args(), any("streams"))+1:]
			names, positions := args[:len(args)/2], args[len(args)/2:]
			var reply []redis.XStream
			for i, n := range names {
				name, after := n.(string), positions[i].(string)
				if s.last[name] > after {
					reply = append(reply, redis.XStream{Stream: name, Messages: []redis.XMessage{{ID: s.last[name]}}})
				}
			}
			x.SetVal(reply)
			if reply == nil {
				x.SetErr(redis.Nil)
			}
		}
		return nil
	}
}

func (s *fakeStreams) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (s *fakeStreams) DialHook(next redis.DialHook) redis.DialHook          { return next }

// newTestPoller returns a poller of s that never blocks. The caller must close it.
func newTestPoller(s *fakeStreams, clustered bool) *poller {
	c := redis.NewClient(&redis.Options{
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	c.AddHook(s)
	return newPoller(c, clustered, 0)
}

// outcome is the result and the duration of a wait.
type outcome struct {
	Found bool
	Err   error
	After time.Duration
}

// startWait starts a wait for a stream of the site "a" and returns a channel for its outcome.
func startWait(ctx context.Context, w *poller, stream, after string, wait time.Duration) <-chan outcome {
	done := make(chan outcome, 1)
	start := time.Now()
	go func() {
		found, err := w.await(ctx, "a", stream, after, start.Add(wait))
		done <- outcome{found, err, time.Since(start)}
	}()
	synctest.Wait()
	return done
}

func wantOutcome(t *testing.T, what string, got <-chan outcome, want outcome) {
	t.Helper()
	if g := <-got; g.Found != want.Found || !errors.Is(g.Err, want.Err) || g.After != want.After {
		t.Errorf("%s: outcome is %+v, want %+v", what, g, want)
	}
}

func TestPoller(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name string
		run  func(t *testing.T, s *fakeStreams, w *poller)
	}{
		{"the next round finds new entries", func(t *testing.T, s *fakeStreams, w *poller) {
			s.last["x"], s.last["y"] = "5-0", "1-0"
			behind := startWait(t.Context(), w, "x", "4-0", time.Second)
			level := startWait(t.Context(), w, "x", "5-0", time.Second)
			other := startWait(t.Context(), w, "y", "1-0", 600*time.Millisecond)
			wantOutcome(t, "wait after an older entry", behind, outcome{Found: true, After: 250 * time.Millisecond})
			wantOutcome(t, "wait for another stream", other, outcome{After: 600 * time.Millisecond})
			wantOutcome(t, "wait after the last entry", level, outcome{After: time.Second})
		}},
		{"nudge ends waits of the stream at once", func(t *testing.T, s *fakeStreams, w *poller) {
			x, y := startWait(t.Context(), w, "x", "0-0", time.Minute), startWait(t.Context(), w, "y", "0-0", time.Second)
			w.nudge("x")
			wantOutcome(t, "wait for the stream", x, outcome{Found: true})
			wantOutcome(t, "wait for another stream", y, outcome{After: time.Second})
		}},
		{"an error ends all waits", func(t *testing.T, s *fakeStreams, w *poller) {
			s.err = broken
			x, y := startWait(t.Context(), w, "x", "0-0", time.Minute), startWait(t.Context(), w, "y", "0-0", time.Minute)
			wantOutcome(t, "first wait", x, outcome{Err: broken, After: pollInterval})
			wantOutcome(t, "second wait", y, outcome{Err: broken, After: pollInterval})
			if n, _ := s.received(); n != 1 {
				t.Errorf("%d round trips, want 1 that serves both waits", n)
			}
		}},
		{"a wait that ends during a round has the result of the round", func(t *testing.T, s *fakeStreams, w *poller) {
			s.delay, s.err = time.Second, broken
			x := startWait(t.Context(), w, "x", "0-0", 500*time.Millisecond)
			wantOutcome(t, "wait", x, outcome{Err: broken, After: pollInterval + time.Second})
		}},
		{"a canceled context ends a wait during a round", func(t *testing.T, s *fakeStreams, w *poller) {
			s.delay = time.Minute
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			x := startWait(ctx, w, "x", "0-0", time.Hour)
			wantOutcome(t, "wait", x, outcome{Err: context.DeadlineExceeded, After: time.Second})
		}},
		{"extra commands are sent with the next round", func(t *testing.T, s *fakeStreams, w *poller) {
			x := startWait(t.Context(), w, "x", "0-0", time.Second)
			start := time.Now()
			for range 2 {
				go func() { _ = w.withNextRound(t.Context(), func(p redis.Pipeliner) { p.Ping(t.Context()) }) }()
			}
			if err := w.withNextRound(t.Context(), func(p redis.Pipeliner) { p.Ping(t.Context()) }); err != nil {
				t.Error(err)
			}
			n, commands := s.received()
			if took := time.Since(start); took != pollInterval || n != 1 || len(commands) != 4 {
				t.Errorf("after %v there were %d round trips with a total of %d commands; want 1 with 4 commands after %v",
					took, n, len(commands), pollInterval)
			}
			<-x
		}},
		{"close ends waits", func(t *testing.T, s *fakeStreams, w *poller) {
			x := startWait(t.Context(), w, "x", "0-0", time.Hour)
			w.close()
			wantOutcome(t, "wait before close", x, outcome{Err: redis.ErrClosed})
			late := startWait(t.Context(), w, "x", "0-0", time.Hour)
			wantOutcome(t, "wait after close", late, outcome{Err: redis.ErrClosed})
			if err := w.withNextRound(t.Context(), nil); !errors.Is(err, redis.ErrClosed) {
				t.Errorf("withNextRound after close = %v; want %v", err, redis.ErrClosed)
			}
		}},
		{"no rounds without waits", func(t *testing.T, s *fakeStreams, w *poller) {
			<-startWait(t.Context(), w, "x", "0-0", time.Second)
			time.Sleep(time.Hour) // sleep on the fake clock
			if n, _ := s.received(); n > 4 {
				t.Errorf("%d round trips in an hour after a wait of a second; want at most 4", n)
			}
			wantOutcome(t, "next wait", startWait(t.Context(), w, "x", "0-0", time.Second), outcome{After: time.Second})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &fakeStreams{last: map[string]string{}}
				w := newTestPoller(s, false)
				tt.run(t, s, w)
				w.close()
			})
		})
	}
}

// TestPollerCommands counts the commands of a round for two positions in each of 3 × 200 streams.
func TestPollerCommands(t *testing.T) {
	for _, tt := range []struct {
		clustered bool
		want      map[int]int // number of commands, by the number of streams in each
	}{
		{false, map[int]int{128: 8, 88: 2}},
		{true, map[int]int{3: 400}}, // the streams of a site are in one slot
	} {
		t.Run(fmt.Sprint("clustered ", tt.clustered), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &fakeStreams{last: map[string]string{}}
				w := newTestPoller(s, tt.clustered)
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
				pipelines, commands := s.received()
				got := map[int]int{}
				for _, args := range commands {
					got[(len(args)-4)/2]++ // xread count 1 streams …
				}
				if diff := cmp.Diff(tt.want, got); diff != "" || pipelines != 1 {
					t.Errorf("%d round trips, want 1; number of commands by number of streams (-want +got):\n%s",
						pipelines, diff)
				}
				cancel()
				w.close()
			})
		})
	}
}

// TestPollerMerges counts the commands of a round in which 200 sites read one or two values.
func TestPollerMerges(t *testing.T) {
	for _, tt := range []struct {
		clustered bool
		want      int
	}{{false, 3}, {true, 200}} {
		t.Run(fmt.Sprint("clustered ", tt.clustered), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &fakeStreams{}
				w := newTestPoller(s, tt.clustered)
				for i := range 200 {
					keys := []string{fmt.Sprint("a", i), fmt.Sprint("b", i)}[:1+i%2]
					go func() {
						got, err := w.merge(t.Context(), mergeValues, keys...)
						want := make([]any, len(keys))
						for i, k := range keys {
							want[i] = k
						}
						if err != nil || !cmp.Equal(got, want) {
							t.Errorf("values of %q are %q, %v; want their names, which the server replies", keys, got, err)
						}
					}()
				}
				time.Sleep(pollInterval)
				synctest.Wait()
				if pipelines, commands := s.received(); pipelines != 1 || len(commands) != tt.want {
					t.Errorf("%d commands in %d round trips, want %d in 1", len(commands), pipelines, tt.want)
				}
				w.close()
				if _, err := w.merge(t.Context(), mergeExists, "a"); !errors.Is(err, redis.ErrClosed) {
					t.Errorf("merge after close: %v, want %v", err, redis.ErrClosed)
				}
			})
		})
	}
}

// TestPollerMergeOfOthers checks that a read that is given up does not affect those that share its command, and that
// reads work again after an error of the server.
func TestPollerMergeOfOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		s := &fakeStreams{}
		w := newTestPoller(s, false)
		defer w.close()
		read := func(ctx context.Context, key string) <-chan error {
			done := make(chan error, 1)
			go func() {
				got, err := w.merge(ctx, mergeValues, key)
				if err == nil && !cmp.Equal(got, []any{key}) {
					err = fmt.Errorf("value is %q, want its name, which the server replies", got)
				}
				done <- err
			}()
			synctest.Wait()
			return done
		}
		want := func(what string, got <-chan error, want error) {
			t.Helper()
			if err := <-got; !errors.Is(err, want) {
				t.Errorf("%s: error is %v, want %v", what, err, want)
			}
		}

		ctx, cancel := context.WithCancel(t.Context())
		first, leaving, last := read(t.Context(), "a"), read(ctx, "b"), read(t.Context(), "c")
		cancel()
		want("a read whose context is canceled", leaving, context.Canceled)
		want("the read before it", first, nil)
		want("the read after it", last, nil)

		s.mu.Lock()
		s.err = broken
		s.mu.Unlock()
		first, last = read(t.Context(), "a"), read(t.Context(), "c")
		want("a read while the server is broken", first, broken)
		want("another read while the server is broken", last, broken)
		s.mu.Lock()
		s.err = nil
		s.mu.Unlock()
		want("a read when the server works again", read(t.Context(), "a"), nil)
	})
}

// TestPollerCrowded checks that calls block only while at most max calls are waiting, so that the number of connections
// is bounded.
func TestPollerCrowded(t *testing.T) {
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
		t.Errorf("%d of 4 calls may block, want 2", blocking.Load())
	}
	leave[0]()
	leave[3]()
	if w.crowded() {
		t.Error("the poller is crowded with 2 waiting calls, want both allowed to block")
	}
}
