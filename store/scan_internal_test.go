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

// fakeKeys is a hook that replies to SCAN like a server with keys. A cursor is an index into the list of keys.
type fakeKeys struct {
	redis.Hook // nil, since only the methods defined below may be called
	list       []string
	moved      keyspace // a site whose slot has moved to a different server

	mu    sync.Mutex
	runID string
	scans int
	err   error // the reply to every SCAN, if not nil
}

func (k *fakeKeys) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, cmd redis.Cmder) error {
		k.mu.Lock()
		defer k.mu.Unlock()
		switch cmd := cmd.(type) {
		case *redis.ScanCmd:
			k.scans++
			if k.err != nil {
				cmd.SetErr(k.err)
				return k.err
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

func (k *fakeKeys) ProcessPipelineHook(redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(_ context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			if k.moved != "" && cmd.Args()[1] == k.moved.absent() {
				cmd.SetErr(errMoved)
			}
		}
		return nil
	}
}

func (k *fakeKeys) DialHook(next redis.DialHook) redis.DialHook { return next }

func (k *fakeKeys) set(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
}

var (
	errMoved  = errors.New("MOVED 1 elsewhere")
	errBroken = errors.New("broken")
)

// scanned is the result of a scan: the number of different ids, and the error.
type scanned struct {
	ids int
	err error
}

// startScan starts a scan for the posts of a site and returns a channel for its result. It calls
// each for every batch.
func startScan(
	ctx context.Context, w *scanner, m *redis.Client, p pace, site keyspace, each func(idLists) bool,
) <-chan scanned {
	done := make(chan scanned, 1)
	go func() {
		seen := map[string]bool{}
		err := w.join(ctx, m, p, site, kinds{kindPost: true}, func(ids idLists) bool {
			for _, id := range ids[kindPost] {
				seen[id] = true
			}
			return each(ids)
		})
		done <- scanned{len(seen), err}
	}()
	synctest.Wait()
	return done
}

const (
	// sitePosts is the number of posts in each of the sites a and b. It exceeds the size of a site's buffer.
	sitePosts = 6000
	// some means any number of ids between 0 and sitePosts.
	some = -1
)

func wantScanned(t *testing.T, what string, got <-chan scanned, ids int, err error) {
	t.Helper()
	g := <-got
	if ids == some && g.ids > 0 && g.ids < sitePosts {
		ids = g.ids
	}
	if g.ids != ids || !errors.Is(g.err, err) {
		t.Errorf("scan of %s: %d ids, error %v; want %d, %v", what, g.ids, g.err, ids, err)
	}
}

func TestScanner(t *testing.T) {
	all := func(idLists) bool { return true }
	for _, tt := range []struct {
		name string
		run  func(t *testing.T, k *fakeKeys, w *scanner, m *redis.Client)
	}{
		{"concurrent scans share a pass", func(t *testing.T, k *fakeKeys, w *scanner, m *redis.Client) {
			a, b := startScan(t.Context(), w, m, swift, "a", all), startScan(t.Context(), w, m, swift, "b", all)
			none := startScan(t.Context(), w, m, swift, "c", all)
			wantScanned(t, "a", a, sitePosts, nil)
			wantScanned(t, "b", b, sitePosts, nil)
			wantScanned(t, "a site without posts", none, 0, nil)
			if k.scans != 18 {
				t.Errorf("%d SCAN commands for 18,000 keys, want 18", k.scans)
			}
		}},
		{"joining during a pass waits for the next pass", func(t *testing.T, k *fakeKeys, w *scanner, m *redis.Client) {
			var late <-chan scanned
			first := sync.OnceFunc(func() { late = startScan(t.Context(), w, m, patient, "b", all) })
			a := startScan(t.Context(), w, m, patient, "a", func(idLists) bool {
				first() // the pass waits for this site, since it is patient
				return true
			})
			wantScanned(t, "a", a, sitePosts, nil)
			wantScanned(t, "b", late, sitePosts, nil)
		}},
		{"a swift pass continues without a slow site", func(t *testing.T, k *fakeKeys, w *scanner, m *redis.Client) {
			start := time.Now()
			slow := startScan(t.Context(), w, m, swift, "a", func(idLists) bool { time.Sleep(time.Hour); return true })
			wantScanned(t, "the other site", startScan(t.Context(), w, m, swift, "b", all), sitePosts, nil)
			if took := time.Since(start); took > time.Second {
				t.Errorf("the scan of the other site took %v, want at most a second", took)
			}
			wantScanned(t, "the slow site", slow, some, errLeftBehind)
		}},
		{"a patient pass waits for a slow site", func(t *testing.T, k *fakeKeys, w *scanner, m *redis.Client) {
			slow := startScan(t.Context(), w, m, patient, "a", func(idLists) bool {
				time.Sleep(time.Duration(patient) - 1)
				return true
			})
			other := startScan(t.Context(), w, m, patient, "b", all)
			wantScanned(t, "the other site", other, sitePosts, nil)
			wantScanned(t, "the slow site", slow, sitePosts, nil)
		}},
		{"a patient pass continues without a site that hangs", func(t *testing.T, k *fakeKeys, w *scanner, m *redis.Client) {
			start := time.Now()
			hangs := startScan(t.Context(), w, m, patient, "a", func(idLists) bool { time.Sleep(time.Hour); return true })
			wantScanned(t, "the other site", startScan(t.Context(), w, m, patient, "b", all), sitePosts, nil)
			if took := time.Since(start); took > time.Duration(patient)+time.Second {
				t.Errorf("the scan of the other site took %v, want at most %v", took, time.Duration(patient))
			}
			wantScanned(t, "the site that hangs", hangs, some, errLeftBehind)
		}},
		{"a site may stop early", func(t *testing.T, k *fakeKeys, w *scanner, m *redis.Client) {
			a := startScan(t.Context(), w, m, swift, "a", func(idLists) bool { return false })
			wantScanned(t, "the other site", startScan(t.Context(), w, m, swift, "b", all), sitePosts, nil)
			wantScanned(t, "the site that stops", a, some, nil)
		}},
		{"the pass ends when all sites have stopped", func(t *testing.T, k *fakeKeys, w *scanner, m *redis.Client) {
			k.list = slices.Repeat(k.list, 20)
			w.room = 1
			<-startScan(t.Context(), w, m, patient, "a", func(idLists) bool { return false })
			synctest.Wait()
			if k.scans > 100 {
				t.Errorf("%d SCAN commands after the only site stopped at its first ids, want at most 100", k.scans)
			}
		}},
		{"a canceled context ends the scan of its site only", func(t *testing.T, k *fakeKeys, w *scanner, m *redis.Client) {
			ctx, cancel := context.WithCancel(t.Context())
			a, b := startScan(ctx, w, m, swift, "a", all), startScan(t.Context(), w, m, swift, "b", all)
			cancel()
			wantScanned(t, "the site whose context ended", a, 0, context.Canceled)
			wantScanned(t, "the other site", b, sitePosts, nil)
		}},
		{"an error ends the scans of all sites", func(t *testing.T, k *fakeKeys, w *scanner, m *redis.Client) {
			k.err = errBroken
			a, b := startScan(t.Context(), w, m, swift, "a", all), startScan(t.Context(), w, m, swift, "b", all)
			wantScanned(t, "a", a, 0, errBroken)
			wantScanned(t, "b", b, 0, errBroken)
		}},
		{"a moved slot ends the scan of its site only", func(t *testing.T, k *fakeKeys, w *scanner, m *redis.Client) {
			k.moved = "a"
			a, b := startScan(t.Context(), w, m, swift, "a", all), startScan(t.Context(), w, m, swift, "b", all)
			wantScanned(t, "the moved site", a, 0, errMoved)
			wantScanned(t, "the other site", b, sitePosts, nil)
		}},
		{"another server is an error", func(t *testing.T, k *fakeKeys, w *scanner, m *redis.Client) {
			change := sync.OnceFunc(func() { k.set(func() { k.runID = "two" }) })
			a := startScan(t.Context(), w, m, patient, "a", func(idLists) bool { change(); return true })
			if g := <-a; g.err == nil {
				t.Error("scan of two servers: no error; keys that the second server skipped would count as deleted")
			}
		}},
		{"close ends scans", func(t *testing.T, k *fakeKeys, w *scanner, m *redis.Client) {
			a := startScan(t.Context(), w, m, patient, "a", func(idLists) bool { time.Sleep(time.Minute); return true })
			b := startScan(t.Context(), w, m, swift, "b", all)
			w.close()
			if g := <-a; g.err == nil {
				t.Error("scan interrupted by close: no error; keys that it did not reach would count as deleted")
			}
			<-b
			wantScanned(t, "a site after close", startScan(t.Context(), w, m, swift, "a", all), 0, redis.ErrClosed)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k := &fakeKeys{runID: "one"}
				for i := range sitePosts {
					id := fmt.Sprint(i)
					k.list = append(k.list, keyspace("a").post(id), keyspace("b").post(id), keyspace("a").item(id))
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
