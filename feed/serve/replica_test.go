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

// running is a replica that runs in a bubble of testing/synctest.
type running struct {
	*Replica
	t    *testing.T
	stop func() // stops the replica, waits until it has saved its documents, and closes the disk
}

// run starts a replica of a store and waits until it is idle. dir is the folder of its disk, or "" for none.
func run(t *testing.T, source Source, dir string) *running {
	t.Helper()
	return runWith(t, source, dir, nil)
}

// runWith is like run, but with a bound on memory, which may be nil.
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

// startReplica starts a replica with the given configuration, the test's log and the bubble's clock.
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

// wait advances the bubble's clock, and waits until the replica is idle.
func (r *running) wait(d time.Duration) {
	time.Sleep(d) // on the bubble's clock
	synctest.Wait()
}

// serves checks that the documents of a feed have the given text, or are not served if it is "".
func (r *running) serves(name feed.Name, text string) {
	r.t.Helper()
	for _, f := range feed.Formats() {
		got := Answer(r.Snapshot(), Request{Method: "GET", Path: name.Path(f)})
		if text == "" {
			if got.Status != 503 && got.Status != 404 {
				r.t.Errorf("status of %s is %d, want 503 or 404", name.Path(f), got.Status)
			}
			continue
		}
		if got.Status != 200 || !strings.Contains(string(got.Body), ">"+text+" ") {
			r.t.Errorf("%s: status %d with body %.60q, want 200 with the text %q", name.Path(f), got.Status, got.Body, text)
		}
	}
}

// checkProblems checks which feeds have problems.
func (r *running) checkProblems(want ...string) {
	r.t.Helper()
	problems, err := r.Problems(r.t.Context())
	if err != nil {
		r.t.Fatalf("Problems: %v", err)
	}
	got := []string{}
	for _, p := range problems {
		if p.Kind != feed.KindReplica || p.Reason == "" || p.Since.IsZero() {
			r.t.Errorf("problem %+v, want one of kind %s with a reason and a time", p, feed.KindReplica)
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
		synctest.Wait() // no time passes: an announcement is applied immediately
		r.serves(feed.Main, "second")
		r.serves("tags/go", "a tag's")
		if got := r.Newest(); got != 1 {
			t.Errorf("Newest() = %d, want 1", got)
		}
		if got, synced := r.Version(); got != 3 || synced.IsZero() {
			t.Errorf("Version() = %d, %v; want 3 and the time", got, synced)
		}
		if err := r.Ready(); err != nil {
			t.Errorf("Ready: %v", err)
		}
		r.checkProblems()
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
			t.Errorf("all heads were read %d times in the minute after an announced commit, want 0", got)
		}
		if got := store.calls["Editions"] + store.calls["Head"]; got != 1 {
			t.Errorf("heads were read %d times after an announced commit, want 1", got)
		}
		if got, want := store.calls["Blob"], len(feed.Formats()); got != want {
			t.Errorf("%d documents were read after a commit, want %d", got, want)
		}
		if got := store.calls["Changes"]; got > 100 {
			t.Errorf("Changes was called %d times in a minute, want fewer: the replica does not wait", got)
		}
	})
}

// TestReplicaReadsDocumentsWithHead checks that a change takes one call to the store, unless the documents that it
// returns are damaged.
func TestReplicaReadsDocumentsWithHead(t *testing.T) {
	for name, damaged := range map[string]bool{"intact": false, "damaged": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newFakeStore()
				store.commit(feed.Main, 1, noon, "first")
				r := run(t, store, "")
				defer r.stop()
				clear(store.calls)
				head, blobs := commit(feed.Main, 1, noon.Add(minute), "second")
				store.do(func() {
					for i, b := range blobs {
						head.Documents[i].GzipSum = feed.ChecksumOf(b.Gzip)
						if store.blobs[b.Hash] = b; damaged {
							b.Gzip = slices.Clone(b.Gzip)
							b.Gzip[len(b.Gzip)-1]++
							store.blobs[b.Hash] = b
						}
					}
					store.heads[feed.Main] = head
				})
				store.announce(feed.Main)
				r.wait(time.Second)
				if !damaged {
					r.serves(feed.Main, "second")
				} else {
					r.serves(feed.Main, "first")
				}
				if calls := store.calls["Editions"]; calls != 1 {
					t.Errorf("heads were read %d times, want 1", calls)
				}
				if again := store.calls["Blob"]+store.calls["Blobs"] > 0; again != damaged {
					t.Errorf("documents were read again: %t, want %t", again, damaged)
				}
			})
		})
	}
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

// TestReplicaRetriesUnreadableHeads checks that an announced head that cannot be read is read again with the next poll,
// and does not delay others.
func TestReplicaRetriesUnreadableHeads(t *testing.T) {
	for name, err := range map[string]error{
		"not found": feed.ErrNotFound, "invalid": feed.ErrInvalid, "store unavailable": feed.ErrUnavailable,
	} {
		for _, polls := range []time.Duration{1, 3} {
			t.Run(fmt.Sprintf("%s for %d polls", name, polls), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store := newFakeStore()
					store.commit(feed.Main, 1, noon, "first")
					r := run(t, store, "")
					defer r.stop()
					store.do(func() { store.unread = map[feed.Name]error{"tags/go": err, "tags/c": err} })
					store.commit("tags/go", 1, noon, "a tag's")
					store.commit(feed.Main, 1, noon.Add(minute), "second")
					store.commit("tags/c", 1, noon, "another's")
					r.wait(time.Second)
					if got, _ := r.Version(); got != 1 {
						t.Errorf("Version() = %d while commit 2 could not be read, want 1", got)
					}
					r.wait(polls * defaultPoll)
					r.serves(feed.Main, "second")
					store.do(func() { store.unread = nil })
					r.wait(defaultPoll)
					r.serves("tags/go", "a tag's")
					r.serves("tags/c", "another's")
					if got, _ := r.Version(); got != 4 {
						t.Errorf("Version() = %d after all heads were read, want 4", got)
					}
					store.do(func() { clear(store.calls) })
					r.wait(minute)
					if got := store.calls["Head"] + store.calls["Heads"] + store.calls["Editions"]; got != 0 {
						t.Errorf("heads were read %d times in the minute after all were read, want 0", got)
					}
				})
			})
		}
	}
}

// TestReplicaFollowsNewStream checks that a replica follows a new stream whose entries are lower, as after a FLUSHALL
// with a clock that was set back.
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
	otherBytes := func(b feed.Blob) feed.Blob {
		b.Gzip = coding.GzipSmall([]byte("something else"))
		return b
	}
	for _, test := range []struct {
		name       string
		damage     func(s *fakeStore) // damages the store, which has main (committed at noon with token 5) and tags/go
		mismatches []string
	}{
		{"down", func(s *fakeStore) { s.down = errDown }, nil},
		{"with errors without a kind", func(s *fakeStore) { s.down = errors.New("WRONGTYPE") }, nil},
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
		{"with different documents and the same date", func(s *fakeStore) {
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
		{"with a newer head whose documents have different bytes", func(s *fakeStore) {
			h, bs := commit(feed.Main, 6, later, "new")
			s.heads[feed.Main] = h
			for _, b := range bs {
				s.blobs[b.Hash] = otherBytes(b)
			}
			s.version++
		}, []string{"main"}},
		{"with a document key of the wrong type", func(s *fakeStore) {
			h, _ := commit(feed.Main, 6, later, "new")
			s.heads[feed.Main] = h
			s.wrong = h.Documents[0].Hash
			s.version++
		}, []string{"main"}},
		{"with a newer head without documents", func(s *fakeStore) {
			s.heads[feed.Main] = feed.Head{Feed: feed.Main, Token: 6}
			s.version++
		}, []string{"main"}},
		{"with a newer head whose link has a line break", func(s *fakeStore) {
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
				store.do(func() { test.damage(store) })
				check := func() {
					t.Helper()
					for range 12 {
						r.serves(feed.Main, "main's")
						r.serves("tags/go", "go's")
						r.wait(defaultPoll)
					}
					r.checkProblems(test.mismatches...)
					if err := r.Ready(); err != nil {
						t.Errorf("Ready: %v", err)
					}
				}
				check()
				r.stop()

				r = run(t, store, dir) // restart the replica
				check()
				store.do(func() { store.down = errDown })
				r.stop()

				r = run(t, store, dir) // restart the replica without the store
				defer r.stop()
				r.serves(feed.Main, "main's")
				r.serves("tags/go", "go's")
				if r.Store() == nil {
					t.Errorf("Store() = nil while the store is down")
				}
				if got := r.Newest(); got != 5 {
					t.Errorf("Newest() = %d, want 5, which a builder needs if the store has lost it", got)
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
		r.checkProblems("main")
		store.do(func() {
			store.blobs = kept
			for _, b := range blobs {
				store.blobs[b.Hash] = b
			}
		})
		r.wait(defaultPoll) // the version has not changed
		r.serves(feed.Main, "second")
		r.checkProblems()
		want := map[string]uint64{"applied": 2, "stale": 0, "damaged": 0, "absent": 1, "lost": 0, "unsaved": 0}
		if diff := cmp.Diff(want, r.Counts()); diff != "" {
			t.Errorf("Counts (-want +got):\n%s", diff)
		}
	})
}

// TestReplicaFollowsLaterBuilder checks that a greater token takes precedence over a lower version. A store has a lower
// version after it has been flushed and rebuilt.
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
		r.checkProblems()
	})
}

func TestReplicaServesNewHeadWithSameBytes(t *testing.T) {
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
		name   string
		damage func(s *fakeStore)
		want   string
	}{
		{"down", func(s *fakeStore) { s.down = errDown }, "does not answer"},
		{"empty", func(*fakeStore) {}, "not been committed"},
		{"without its documents", func(s *fakeStore) { s.commit(feed.Main, 1, noon, "text"); clear(s.blobs) }, "not found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newFakeStore()
				test.damage(store)
				r := run(t, store, "")
				defer r.stop()
				if err := r.Ready(); !errors.Is(err, feed.ErrUnavailable) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("Ready() = %v, want an error that contains %q", err, test.want)
				}
				if got := Answer(r.Snapshot(), Request{Method: "GET", Path: "/feed.xml"}); got.Status != 503 {
					t.Errorf("status is %d, want 503", got.Status)
				}
			})
		})
	}
}

// hungStore is a store that does not answer until the context is done.
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
			t.Errorf("Store() = nil although the store has not answered for %v", 2*callTimeout)
		}
		r.stop()
	})
}

func TestReplicaServesWhenDiskFails(t *testing.T) {
	for _, test := range []struct {
		name   string
		repair func(r *running, dir string)
	}{
		{"disk repaired while the replica runs", func(r *running, dir string) {
			repairDisk(r.t, dir)
			r.wait(defaultPoll)
			breakDisk(r.t, dir) // so that nothing is saved when the replica stops
			r.stop()
			repairDisk(r.t, dir)
		}},
		{"disk repaired before the replica stops", func(r *running, dir string) {
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
				if n := r.Counts()["unsaved"]; n == 0 {
					t.Error("no failed saves are counted")
				}
				failedAt := time.Now()
				r.wait(time.Minute)
				behind, err := r.Saved()
				if err == nil || behind.After(failedAt) {
					t.Errorf("Saved() = %v, %v; want an error since %v", behind, err, failedAt)
				}
				problems, _ := r.Problems(t.Context())
				if len(problems) != 1 || problems[0].ID != "data folder" || !problems[0].Since.Equal(behind) {
					t.Errorf("problems are %+v, want one about the data folder since %v", problems, behind)
				}
				test.repair(r, dir)
				if behind, err := r.Saved(); err != nil || !behind.IsZero() {
					t.Errorf("Saved() = %v, %v after the disk was repaired, want nil", behind, err)
				}
				r = run(t, newFakeStore(), dir)
				defer r.stop()
				r.serves(feed.Main, "text")
			})
		})
	}
}

// TestReplicaReadsAllHeadsPeriodically checks that a replica notices new commits even if the version is the same, as it
// can be after the store was rolled back.
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

// hastyStore is a store that does not wait for announcements in the first thousand calls.
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

func TestReplicaWaitsForHastyStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &hastyStore{fakeStore: newFakeStore()}
		r := run(t, store, "")
		defer r.stop()
		r.wait(minute)
		if store.asked > 100 {
			t.Errorf("Changes was called %d times in a minute, want fewer: the replica does not wait", store.asked)
		}
	})
}

// deafStore is a store whose Changes always fails, as if no connection were available for announcements.
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
			t.Errorf("%d lines were logged in a minute with the same error, want fewer:\n%s", n, log.String())
		}
	})
}

// TestReplicaInheritsDocuments checks that a replica serves the documents of the replica it replaces from the start,
// with its own options and without reading the disk or the store, and that memory is counted once.
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
		breakDisk(t, dir) // the next commit is not saved
		store.commit("tags/go", 1, noon.Add(time.Minute), "three")
		synctest.Wait()
		end()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		repairDisk(t, dir)
		before := memory.Size()

		config.Source, config.Before = newFakeStore(), first
		config.Options = Options{Moved: map[string]string{"/old": "https://example.com/feed.xml"}}
		second := NewReplica(config)
		second.Load()
		r := &running{Replica: second, t: t}
		r.serves(feed.Main, "one")
		r.serves("tags/go", "three")
		if res := Answer(second.Snapshot(), Request{Method: "GET", Path: "/old"}); res.Status != 301 {
			t.Errorf("status of a moved path is %d, want 301", res.Status)
		}
		if memory.Size() != before || before == 0 {
			t.Errorf("%d bytes are counted, want %d as before", memory.Size(), before)
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
			t.Errorf("%d bytes are counted for a removed site, want 0", memory.Size())
		}

		if err := disk.Close(); err != nil {
			t.Fatal(err)
		}
		third := runWith(t, newFakeStore(), dir, nil)
		defer third.stop()
		third.serves("tags/go", "three") // saved by the second replica
	})
}

// TestReplicaReadsDocumentsOfHeadTogether checks that documents are read in the order of their heads, since the
// embedded store has the documents of a head in one file.
func TestReplicaReadsDocumentsOfHeadTogether(t *testing.T) {
	store := newFakeStore()
	r := NewReplica(ReplicaConfig{Source: store, Log: logTo(t), Now: time.Now})
	var heads []feed.Head
	var want []feed.Hash
	for i := range 20 {
		head := store.commit(feed.Name(fmt.Sprintf("tags/%d", i)), 1, noon, "text")
		for i, d := range head.Documents {
			head.Documents[i].GzipSum = feed.ChecksumOf(store.blobs[d.Hash].Gzip)
			want = append(want, d.Hash)
		}
		heads = append(heads, head)
	}
	found := r.prefetch(t.Context(), append(heads, heads[0]), r.Snapshot(), nil)
	if len(found) != len(want) {
		t.Errorf("%d documents were read, want %d", len(found), len(want))
	}
	if !slices.Equal(store.asked, want) {
		t.Errorf("documents were read in the order %q, want %q", store.asked, want)
	}
}
