package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/feed/coding"
)

// running is a replica that runs in a bubble of testing/synctest. Its disk outlives it.
type running struct {
	*Replica
	t    *testing.T
	stop func() // stops it and waits until it has saved
}

// run starts a replica of a store with a folder, "" for none, and waits until it is idle.
func run(t *testing.T, source Source, dir string) *running {
	t.Helper()
	return runWith(t, source, dir, nil)
}

// runWith is run with a bound on memory, which may be nil.
func runWith(t *testing.T, source Source, dir string, m *Memory) *running {
	t.Helper()
	var disk *Disk
	if dir != "" {
		var err error
		if disk, err = OpenDisk(dir); err != nil {
			t.Fatalf("OpenDisk: %v", err)
		}
	}
	return startReplica(t, ReplicaConfig{Source: source, Disk: disk, Memory: m})
}

// startReplica starts a replica with the given configuration; it sets the log and the clock.
func startReplica(t *testing.T, c ReplicaConfig) *running {
	t.Helper()
	disk := c.Disk
	c.Log, c.Now = logTo(t), time.Now
	r := NewReplica(c)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	synctest.Wait()
	return &running{Replica: r, t: t, stop: func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if disk != nil {
			if err := disk.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		}
	}}
}

// wait advances the time of the bubble, and waits until the replica is idle.
func (r *running) wait(d time.Duration) {
	time.Sleep(d) // a bubble's time
	synctest.Wait()
}

// serves checks that the documents of a feed have the text, or that there are none if it is "".
func (r *running) serves(name feed.Name, text string) {
	r.t.Helper()
	for _, f := range feed.Formats() {
		got := Answer(r.Snapshot(), Request{Method: "GET", Path: name.Path(f)})
		if text == "" {
			if got.Status != 503 && got.Status != 404 {
				r.t.Errorf("%s answered with %d, want none", name.Path(f), got.Status)
			}
			continue
		}
		if got.Status != 200 || !strings.Contains(string(got.Body), ">"+text+" ") {
			r.t.Errorf("%s answered with %d and %.60q, want 200 and the text %q", name.Path(f), got.Status, got.Body, text)
		}
	}
}

// refuses checks which feeds have problems.
func (r *running) refuses(want ...string) {
	r.t.Helper()
	problems, err := r.Problems(r.t.Context())
	if err != nil {
		r.t.Fatalf("Problems: %v", err)
	}
	got := []string{}
	for _, p := range problems {
		if p.Kind != feed.KindReplica || p.Reason == "" || p.Since.IsZero() {
			r.t.Errorf("problem %+v: want kind %s, a reason and a time", p, feed.KindReplica)
		}
		got = append(got, p.ID)
	}
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		r.t.Errorf("problems (-want +got):\n%s%v", diff, problems)
	}
}

const minute = time.Minute

func TestReplicaServesCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.commit(feed.Main, 1, noon, "first")
		r := run(t, store, t.TempDir())
		defer r.stop()
		r.serves(feed.Main, "first")

		store.commit(feed.Main, 1, noon.Add(minute), "second")
		store.commit("tags/go", 1, noon.Add(minute), "a tag's")
		synctest.Wait() // no time passes: announcements bring it at once
		r.serves(feed.Main, "second")
		r.serves("tags/go", "a tag's")
		if got := r.Newest(); got != 1 {
			t.Errorf("Newest() = %d, want 1", got)
		}
		if got, synced := r.Version(); got != 3 || synced.IsZero() {
			t.Errorf("Version() = %d, %v; want 3 and a time", got, synced)
		}
		if err := r.Ready(); err != nil {
			t.Errorf("Ready: %v", err)
		}
		r.refuses()
	})
}

func TestReplicaReadsOnlyChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		for i := range 200 {
			store.commit(feed.Join(feed.Tags, fmt.Sprint(i)), 1, noon, fmt.Sprint(i))
		}
		r := run(t, store, "")
		defer r.stop()
		clear(store.calls)
		store.commit("tags/7", 1, noon.Add(minute), "new")
		r.wait(minute)
		if got := store.calls["Heads"]; got != 0 {
			t.Errorf("after an announced commit all heads were read %d times in a minute, want 0", got)
		}
		if got := store.calls["Head"]; got != 1 {
			t.Errorf("after an announced commit %d heads were read, want 1", got)
		}
		if got, want := store.calls["Blob"], len(feed.Formats()); got != want {
			t.Errorf("after a commit %d documents were read, want %d", got, want)
		}
		if got := store.calls["Changes"]; got > 100 {
			t.Errorf("announcements were asked for %d times in a minute: a busy loop", got)
		}
	})
}

func TestReplicaFindsUnannouncedCommits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.commit(feed.Main, 1, noon, "first")
		r := run(t, store, "")
		defer r.stop()
		store.mute = true
		store.commit(feed.Main, 1, noon.Add(minute), "second")
		r.wait(defaultPoll)
		r.serves(feed.Main, "second")
	})
}

// A head that was announced and could not be read is read again with the next poll, and does not hold up others.
func TestReplicaRetriesUnreadableHeads(t *testing.T) {
	for name, err := range map[string]error{
		"not there yet": feed.ErrNotFound, "not readable": feed.ErrInvalid, "no answer": feed.ErrUnavailable,
	} {
		for _, polls := range []time.Duration{1, 3} {
			t.Run(fmt.Sprintf("%s for %d polls", name, polls), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store := newFakeStore()
					store.commit(feed.Main, 1, noon, "first")
					r := run(t, store, "")
					defer r.stop()
					store.do(func() { store.veiled = map[feed.Name]error{"tags/go": err, "tags/c": err} })
					store.commit("tags/go", 1, noon, "a tag's")
					store.commit(feed.Main, 1, noon.Add(minute), "second")
					store.commit("tags/c", 1, noon, "another's")
					r.wait(time.Second)
					if got, _ := r.Version(); got != 1 {
						t.Errorf("Version() = %d while commit 2 could not be read, want 1", got)
					}
					r.wait(polls * defaultPoll)
					r.serves(feed.Main, "second")
					store.do(func() { store.veiled = nil })
					r.wait(defaultPoll)
					r.serves("tags/go", "a tag's")
					r.serves("tags/c", "another's")
					if got, _ := r.Version(); got != 4 {
						t.Errorf("Version() = %d when all was read, want 4", got)
					}
					store.do(func() { clear(store.calls) })
					r.wait(minute)
					if got := store.calls["Head"] + store.calls["Heads"]; got != 0 {
						t.Errorf("when all was read heads were read %d times in a minute, want 0", got)
					}
				})
			})
		}
	}
}

// A new stream with lower entries, as after FLUSHALL with a clock that was set back, must be followed.
func TestReplicaFollowsNewStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		for i := range 10 {
			store.commit(feed.Main, 1, noon.Add(time.Duration(i)*minute), fmt.Sprint(i))
		}
		r := run(t, store, "")
		defer r.stop()
		store.do(func() { store.stream, store.entries, store.version = nil, 0, 0 })
		store.commit(feed.Main, 2, noon.Add(time.Hour), "anew")
		r.wait(2 * defaultPoll)
		r.serves(feed.Main, "anew")
		store.commit(feed.Main, 2, noon.Add(2*time.Hour), "and on")
		synctest.Wait()
		r.serves(feed.Main, "and on")
	})
}

func TestServesWithoutStore(t *testing.T) {
	damage := func(b feed.Blob) feed.Blob {
		b.Gzip = coding.GzipSmall([]byte("something else"))
		return b
	}
	for _, test := range []struct {
		name       string
		harm       func(s *fakeStore) // to a store with main, at noon and with token 5, and tags/go
		mismatches []string
	}{
		{"down", func(s *fakeStore) { s.down = errDown }, nil},
		{"answering with errors of no kind", func(s *fakeStore) { s.down = errors.New("WRONGTYPE") }, nil},
		{"empty", func(s *fakeStore) { clear(s.heads); clear(s.blobs); s.stream = nil; s.version = 0 },
			[]string{"main", "tags/go"}},
		{"with fewer heads", func(s *fakeStore) { delete(s.heads, feed.Main); s.version++ }, []string{"main"}},
		{"rolled back to an earlier builder", func(s *fakeStore) {
			h, _ := commit(feed.Main, 4, noon.Add(-minute), "old")
			s.heads[feed.Main] = h
			s.version--
		}, []string{"main"}},
		{"rolled back to an earlier commit", func(s *fakeStore) {
			h, _ := commit(feed.Main, 5, noon.Add(-minute), "old")
			s.heads[feed.Main] = h
			s.version--
		}, []string{"main"}},
		{"with other documents under the same date", func(s *fakeStore) {
			h, bs := commit(feed.Main, 5, noon, "other")
			s.heads[feed.Main] = h
			for _, b := range bs {
				s.blobs[b.Hash] = b
			}
			s.version++
		}, []string{"main"}},
		{"with a newer head without its documents", func(s *fakeStore) {
			h, _ := commit(feed.Main, 6, later, "new")
			s.heads[feed.Main] = h
			s.version++
		}, []string{"main"}},
		{"with a newer head with other bytes", func(s *fakeStore) {
			h, bs := commit(feed.Main, 6, later, "new")
			s.heads[feed.Main] = h
			for _, b := range bs {
				s.blobs[b.Hash] = damage(b)
			}
			s.version++
		}, []string{"main"}},
		{"with a key of another type in a document's place", func(s *fakeStore) {
			h, _ := commit(feed.Main, 6, later, "new")
			s.heads[feed.Main] = h
			s.wrong = h.Documents[0].Hash
			s.version++
		}, []string{"main"}},
		{"with a newer head without documents", func(s *fakeStore) {
			s.heads[feed.Main] = feed.Head{Feed: feed.Main, Token: 6}
			s.version++
		}, []string{"main"}},
		{"with a newer head that splits the header", func(s *fakeStore) {
			h, bs := commit(feed.Main, 6, later, "new")
			h.Documents[0].Link = "<x>\r\nSet-Cookie: a=b"
			s.heads[feed.Main] = h
			for _, b := range bs {
				s.blobs[b.Hash] = b
			}
			s.version++
		}, []string{"main"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				store := newFakeStore()
				store.commit(feed.Main, 5, noon, "main's")
				store.commit("tags/go", 5, noon, "go's")
				r := run(t, store, dir)
				store.do(func() { test.harm(store) })
				check := func() {
					t.Helper()
					for range 12 {
						r.serves(feed.Main, "main's")
						r.serves("tags/go", "go's")
						r.wait(defaultPoll)
					}
					r.refuses(test.mismatches...)
					if err := r.Ready(); err != nil {
						t.Errorf("Ready: %v", err)
					}
				}
				check()
				r.stop()

				r = run(t, store, dir) // a restart
				check()
				store.do(func() { store.down = errDown })
				r.stop()

				r = run(t, store, dir) // and one without the store
				defer r.stop()
				r.serves(feed.Main, "main's")
				r.serves("tags/go", "go's")
				if r.Store() == nil {
					t.Errorf("Store() = nil while the store is down")
				}
				if got := r.Newest(); got != 5 {
					t.Errorf("Newest() = %d, want 5: a builder must learn it from here when the store forgot", got)
				}
			})
		})
	}
}

func TestReplicaServesRepairedDocuments(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.commit(feed.Main, 1, noon, "first")
		var kept map[feed.Hash]feed.Blob
		r := run(t, store, "")
		defer r.stop()
		head, blobs := commit(feed.Main, 2, later, "second")
		store.do(func() { store.heads[feed.Main] = head; kept = store.blobs; store.blobs = nil; store.version++ })
		r.wait(defaultPoll)
		r.serves(feed.Main, "first")
		r.refuses("main")
		store.do(func() {
			store.blobs = kept
			for _, b := range blobs {
				store.blobs[b.Hash] = b
			}
		})
		r.wait(defaultPoll) // the version has not moved
		r.serves(feed.Main, "second")
		r.refuses()
		want := map[string]uint64{"taken": 2, "stale": 0, "damaged": 0, "absent": 1, "lost": 0, "unsaved": 0}
		if diff := cmp.Diff(want, r.Counts()); diff != "" {
			t.Errorf("Counts (-want +got):\n%s", diff)
		}
	})
}

// A store that lost everything and was rebuilt has lower versions, and a later builder has a greater token.
func TestReplicaFollowsLaterBuilder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.commit(feed.Main, 5, noon, "before")
		r := run(t, store, "")
		defer r.stop()
		store.do(func() { clear(store.heads); clear(store.blobs); store.stream, store.version = nil, 0 })
		r.wait(defaultPoll)
		r.serves(feed.Main, "before")
		store.commit(feed.Main, r.Newest()+1, noon.Add(-time.Hour), "after")
		r.wait(defaultPoll)
		r.serves(feed.Main, "after")
		r.refuses()
	})
}

func TestReplicaTakesHeadsWithSameBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		head := store.commit(feed.Main, 1, noon, "text")
		r := run(t, store, "")
		defer r.stop()
		store.do(func() { clear(store.calls) })
		head.Token, head.Documents = 2, slices.Clone(head.Documents)
		head.Documents[0].MaxAge = time.Hour
		store.do(func() { store.heads[feed.Main] = head })
		store.announce(feed.Main)
		synctest.Wait()
		got := Answer(r.Snapshot(), Request{Method: "GET", Path: "/feed.xml"})
		if cc := got.Get("Cache-Control"); !strings.Contains(cc, "max-age=3600") {
			t.Errorf("Cache-Control is %q, want the new max-age=3600", cc)
		}
		if n := store.calls["Blob"]; n != 0 {
			t.Errorf("%d documents were fetched again, want 0", n)
		}
		if r.Newest() != 2 {
			t.Errorf("Newest() = %d, want 2", r.Newest())
		}
	})
}

func TestReplicaNotReadyWithoutMainFeed(t *testing.T) {
	for _, test := range []struct {
		name string
		harm func(s *fakeStore)
		want string
	}{
		{"down", func(s *fakeStore) { s.down = errDown }, "does not answer"},
		{"empty", func(*fakeStore) {}, "not been committed"},
		{"without its documents", func(s *fakeStore) { s.commit(feed.Main, 1, noon, "text"); clear(s.blobs) }, "not found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newFakeStore()
				test.harm(store)
				r := run(t, store, "")
				defer r.stop()
				if err := r.Ready(); !errors.Is(err, feed.ErrUnavailable) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("Ready() = %v, want one that says %q", err, test.want)
				}
				if got := Answer(r.Snapshot(), Request{Method: "GET", Path: "/feed.xml"}); got.Status != 503 {
					t.Errorf("status is %d, want 503", got.Status)
				}
			})
		})
	}
}

func TestReplicaAddsLastModified(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.commit(feed.Main, 1, time.Now().Add(3*time.Second), "text")
		r := run(t, store, "")
		defer r.stop()
		get := Request{Method: "GET", Path: "/feed.xml"}
		if lm := Answer(r.Snapshot(), get).Get("Last-Modified"); lm != "" {
			t.Errorf("Last-Modified is %q at %v", lm, time.Now().UTC())
		}
		r.wait(defaultPoll)
		if lm := Answer(r.Snapshot(), get).Get("Last-Modified"); lm == "" {
			t.Errorf("no Last-Modified at %v", time.Now().UTC())
		}
	})
}

// hungStore does not answer until its context ends.
type hungStore struct{ Source }

func (hungStore) Version(ctx context.Context) (int64, error) {
	<-ctx.Done()
	return 0, fmt.Errorf("i/o timeout: %w", feed.ErrUnavailable)
}

func TestReplicaStopsWhileStoreHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := run(t, hungStore{}, "")
		r.wait(2 * callTimeout)
		if r.Store() == nil {
			t.Errorf("Store() = nil after %v without an answer", 2*callTimeout)
		}
		r.stop()
	})
}

func TestReplicaServesWhenDiskFails(t *testing.T) {
	for _, test := range []struct {
		name   string
		repair func(r *running, dir string)
	}{
		{"repaired while it runs", func(r *running, dir string) {
			repairDisk(r.t, dir)
			r.wait(defaultPoll)
			breakDisk(r.t, dir) // so that stopping saves nothing
			r.stop()
			repairDisk(r.t, dir)
		}},
		{"repaired before it stops", func(r *running, dir string) {
			repairDisk(r.t, dir)
			r.stop()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				store := newFakeStore()
				r := run(t, store, dir)
				breakDisk(t, dir)
				store.commit(feed.Main, 1, noon, "text")
				synctest.Wait()
				r.serves(feed.Main, "text")
				if n := r.Counts()["unsaved"]; n != 1 {
					t.Errorf("%d attempts to save failed, want 1", n)
				}
				test.repair(r, dir)
				r = run(t, newFakeStore(), dir)
				defer r.stop()
				r.serves(feed.Main, "text")
			})
		})
	}
}

// A store that was rolled back and has new commits can have a version that it had before.
func TestReplicaReadsAllHeadsPeriodically(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newFakeStore()
		store.commit(feed.Main, 1, noon, "first")
		r := run(t, store, "")
		defer r.stop()
		store.mute = true
		store.commit(feed.Main, 2, later, "second")
		store.do(func() { store.version-- })
		r.wait(pollsPerFull * defaultPoll)
		r.serves(feed.Main, "second")
	})
}

// hastyStore does not wait for announcements in the first thousand calls.
type hastyStore struct {
	*fakeStore
	asked int
}

func (s *hastyStore) Changes(ctx context.Context, after string, block time.Duration) ([]feed.Announcement, error) {
	if s.asked++; s.asked > 1000 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return nil, nil
}

func TestReplicaDoesNotSpin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hastyStore{fakeStore: newFakeStore()}
		r := run(t, store, "")
		defer r.stop()
		r.wait(minute)
		if store.asked > 100 {
			t.Errorf("announcements were asked for %d times in a minute: a busy loop", store.asked)
		}
	})
}

// deafStore fails only to return announcements, as when it has no connections left for them.
type deafStore struct{ *fakeStore }

func (s *deafStore) Changes(ctx context.Context, after string, block time.Duration) ([]feed.Announcement, error) {
	return nil, errDown
}

func TestReplicaFollowsByPolling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &deafStore{newFakeStore()}
		store.commit(feed.Main, 1, noon, "first")
		var log bytes.Buffer
		r := NewReplica(ReplicaConfig{Source: store, Log: slog.New(slog.NewTextHandler(&log, nil)), Now: time.Now})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		synctest.Wait()
		store.commit(feed.Main, 1, later, "second")
		time.Sleep(minute)
		synctest.Wait()
		(&running{Replica: r, t: t}).serves(feed.Main, "second")
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if n := strings.Count(log.String(), "\n"); n > 3 {
			t.Errorf("%d lines were logged in a minute of the same trouble:\n%s", n, log.String())
		}
	})
}

// TestReplicaInheritsDocuments checks that a replica serves the documents of the one that it replaces from the start,
// with its own options, without disk and store, and that memory is counted once.
func TestReplicaInheritsDocuments(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		memory := NewMemory(1 << 30)
		store := newFakeStore()
		disk, err := OpenDisk(dir)
		if err != nil {
			t.Fatal(err)
		}
		config := ReplicaConfig{Source: store, Disk: disk, Log: logTo(t), Now: time.Now, Memory: memory}
		first := NewReplica(config)
		ctx, end := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- first.Run(ctx) }()
		store.commit(feed.Main, 1, noon, "one")
		store.commit("tags/go", 1, noon, "two")
		synctest.Wait()
		breakDisk(t, dir) // what is committed last is not saved
		store.commit("tags/go", 1, noon.Add(time.Minute), "three")
		synctest.Wait()
		end()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		repairDisk(t, dir)
		held := memory.Size()

		config.Source, config.Before = newFakeStore(), first
		config.Options = Options{Moved: map[string]string{"/old": "https://example.com/feed.xml"}}
		second := NewReplica(config)
		second.Load()
		r := &running{Replica: second, t: t}
		r.serves(feed.Main, "one")
		r.serves("tags/go", "three")
		if res := Answer(second.Snapshot(), Request{Method: "GET", Path: "/old"}); res.Status != 301 {
			t.Errorf("a path that moved answered with %d, want 301", res.Status)
		}
		if memory.Size() != held || held == 0 {
			t.Errorf("%d bytes are counted, and were %d before", memory.Size(), held)
		}
		ctx, end = context.WithCancel(t.Context())
		go func() { ended <- second.Run(ctx) }()
		synctest.Wait()
		end()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		second.ReleaseMemory()
		if memory.Size() != 0 {
			t.Errorf("%d bytes are counted of a removed site", memory.Size())
		}

		if err := disk.Close(); err != nil {
			t.Fatal(err)
		}
		third := runWith(t, newFakeStore(), dir, nil)
		defer third.stop()
		third.serves("tags/go", "three") // the second has saved what the first could not
	})
}
