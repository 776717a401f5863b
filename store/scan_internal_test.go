package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

// keys are a server that can be walked over. A cursor is a place in the list.
type keys struct {
	redis.Hook // nil: nothing else is asked
	list       []string
	moved      keyspace // a site whose slot is elsewhere

	mu    sync.Mutex
	runID string
	scans int
	fail  error // of the scans that follow
}

func (k *keys) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, cmd redis.Cmder) error {
		k.mu.Lock()
		defer k.mu.Unlock()
		switch cmd := cmd.(type) {
		case *redis.ScanCmd:
			k.scans++
			if k.fail != nil {
				cmd.SetErr(k.fail)
				return k.fail
			}
			from := cmd.Args()[1].(uint64)
			to := min(from+scanCount, uint64(len(k.list)))
			page := slices.Clone(k.list[from:to])
			if to == uint64(len(k.list)) {
				to = 0
			}
			cmd.SetVal(page, to)
		case *redis.StringCmd:
			cmd.SetVal("run_id:" + k.runID + "\r\n")
		}
		return nil
	}
}

func (k *keys) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(_ context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			if k.moved != "" && cmd.Args()[1] == k.moved.absent() {
				cmd.SetErr(errMoved)
			}
		}
		return nil
	}
}

func (k *keys) DialHook(next redis.DialHook) redis.DialHook { return next }

func (k *keys) set(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
}

var (
	errMoved  = errors.New("MOVED 1 elsewhere")
	errBroken = errors.New("broken")
)

// walked is what came of a walk.
type walked struct {
	ids int
	err error
}

// begin begins a walk of a site over its posts that calls each before it goes on, and returns where its end comes.
func beginWalk(
	ctx context.Context, w *scanner, m *redis.Client, p pace, site keyspace, each func(idLists) bool,
) <-chan walked {
	done := make(chan walked, 1)
	go func() {
		seen := map[string]bool{}
		err := w.join(ctx, m, p, site, kinds{kindPost: true}, func(ids idLists) bool {
			for _, id := range ids[kindPost] {
				seen[id] = true
			}
			return each(ids)
		})
		done <- walked{len(seen), err}
	}()
	synctest.Wait()
	return done
}

// some is a number of ids that is neither none nor all.
const some = -1

func wantWalked(t *testing.T, what string, got <-chan walked, ids int, err error) {
	t.Helper()
	g := <-got
	if ids == some && g.ids > 0 && g.ids < 6000 {
		ids = g.ids
	}
	if g.ids != ids || !errors.Is(g.err, err) {
		t.Errorf("%s: the walk gave %d ids and the error %v, want %d and %v", what, g.ids, g.err, ids, err)
	}
}

func TestSharedWalks(t *testing.T) {
	const each = 6000 // posts of each of the sites a and b, more than a site may leave lying
	all := func(idLists) bool { return true }
	for _, tt := range []struct {
		name string
		run  func(t *testing.T, k *keys, w *scanner, m *redis.Client)
	}{
		{"two at a time share a pass", func(t *testing.T, k *keys, w *scanner, m *redis.Client) {
			a, b := beginWalk(t.Context(), w, m, swift, "a", all), beginWalk(t.Context(), w, m, swift, "b", all)
			none := beginWalk(t.Context(), w, m, swift, "c", all)
			wantWalked(t, "a", a, each, nil)
			wantWalked(t, "b", b, each, nil)
			wantWalked(t, "a site without posts", none, 0, nil)
			if k.scans != 18 {
				t.Errorf("%d scans for 18,000 keys, want 18", k.scans)
			}
		}},
		{"who comes during a pass takes part in a whole one", func(t *testing.T, k *keys, w *scanner, m *redis.Client) {
			var late <-chan walked
			first := sync.OnceFunc(func() { late = beginWalk(t.Context(), w, m, patient, "b", all) })
			a := beginWalk(t.Context(), w, m, patient, "a", func(idLists) bool {
				first() // the pass waits for this one meanwhile, since it is patient
				return true
			})
			wantWalked(t, "a", a, each, nil)
			wantWalked(t, "b", late, each, nil)
		}},
		{"a slow one is left behind, with what lies there", func(t *testing.T, k *keys, w *scanner, m *redis.Client) {
			start := time.Now()
			slow := beginWalk(t.Context(), w, m, swift, "a", func(idLists) bool { time.Sleep(time.Hour); return true })
			wantWalked(t, "the other", beginWalk(t.Context(), w, m, swift, "b", all), each, nil)
			if took := time.Since(start); took > time.Second {
				t.Errorf("the other took %v, want it not to wait", took)
			}
			wantWalked(t, "the slow one", slow, some, errLeftBehind)
		}},
		{"a patient pass goes at the speed of its slowest", func(t *testing.T, k *keys, w *scanner, m *redis.Client) {
			slow := beginWalk(t.Context(), w, m, patient, "a", func(idLists) bool { time.Sleep(time.Duration(patient) - 1); return true })
			other := beginWalk(t.Context(), w, m, patient, "b", all)
			wantWalked(t, "the other", other, each, nil)
			wantWalked(t, "the slow one", slow, each, nil)
		}},
		{"one that hangs holds a patient pass for half a minute", func(t *testing.T, k *keys, w *scanner, m *redis.Client) {
			start := time.Now()
			hangs := beginWalk(t.Context(), w, m, patient, "a", func(idLists) bool { time.Sleep(time.Hour); return true })
			wantWalked(t, "the other", beginWalk(t.Context(), w, m, patient, "b", all), each, nil)
			if took := time.Since(start); took > time.Duration(patient)+time.Second {
				t.Errorf("the other took %v, want no more than %v", took, time.Duration(patient))
			}
			wantWalked(t, "the one that hangs", hangs, some, errLeftBehind)
		}},
		{"one that has enough leaves", func(t *testing.T, k *keys, w *scanner, m *redis.Client) {
			a := beginWalk(t.Context(), w, m, swift, "a", func(idLists) bool { return false })
			wantWalked(t, "the other", beginWalk(t.Context(), w, m, swift, "b", all), each, nil)
			wantWalked(t, "the one that leaves", a, some, nil)
		}},
		{"the last one that leaves ends the pass", func(t *testing.T, k *keys, w *scanner, m *redis.Client) {
			k.list = slices.Repeat(k.list, 20)
			w.room = 1
			<-beginWalk(t.Context(), w, m, patient, "a", func(idLists) bool { return false })
			synctest.Wait()
			if k.scans > 100 {
				t.Errorf("%d scans for somebody who left with the first ids", k.scans)
			}
		}},
		{"a context that ends, ends one part", func(t *testing.T, k *keys, w *scanner, m *redis.Client) {
			ctx, cancel := context.WithCancel(t.Context())
			a, b := beginWalk(ctx, w, m, swift, "a", all), beginWalk(t.Context(), w, m, swift, "b", all)
			cancel()
			wantWalked(t, "the one that gave up", a, 0, context.Canceled)
			wantWalked(t, "the other", b, each, nil)
		}},
		{"a failure is everyone's", func(t *testing.T, k *keys, w *scanner, m *redis.Client) {
			k.fail = errBroken
			a, b := beginWalk(t.Context(), w, m, swift, "a", all), beginWalk(t.Context(), w, m, swift, "b", all)
			wantWalked(t, "a", a, 0, errBroken)
			wantWalked(t, "b", b, 0, errBroken)
		}},
		{"a slot that has moved is its site's failure", func(t *testing.T, k *keys, w *scanner, m *redis.Client) {
			k.moved = "a"
			a, b := beginWalk(t.Context(), w, m, swift, "a", all), beginWalk(t.Context(), w, m, swift, "b", all)
			wantWalked(t, "the site that moved", a, 0, errMoved)
			wantWalked(t, "the other", b, each, nil)
		}},
		{"another server in the place of the one is an error", func(t *testing.T, k *keys, w *scanner, m *redis.Client) {
			change := sync.OnceFunc(func() { k.set(func() { k.runID = "two" }) })
			a := beginWalk(t.Context(), w, m, patient, "a", func(idLists) bool { change(); return true })
			if g := <-a; g.err == nil {
				t.Error("a walk over two servers is no error: what the second left out counts as deleted")
			}
		}},
		{"closing ends walks", func(t *testing.T, k *keys, w *scanner, m *redis.Client) {
			a := beginWalk(t.Context(), w, m, patient, "a", func(idLists) bool { time.Sleep(time.Minute); return true })
			b := beginWalk(t.Context(), w, m, swift, "b", all)
			w.close()
			if g := <-a; g.err == nil {
				t.Error("a walk that was cut off by closing the client looks whole")
			}
			<-b
			wantWalked(t, "after closing", beginWalk(t.Context(), w, m, swift, "a", all), 0, redis.ErrClosed)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := &keys{runID: "one"}
				for i := range each {
					k.list = append(k.list, keyspace("a").post(fmt.Sprint(i)), keyspace("b").post(fmt.Sprint(i)), keyspace("a").item(fmt.Sprint(i)))
				}
				m := redis.NewClient(&redis.Options{
					MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
				})
				m.AddHook(k)
				w := newScanner()
				w.room = 1
				tt.run(t, k, w, m)
				w.close()
			})
		})
	}
}
