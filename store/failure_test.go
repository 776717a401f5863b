package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/store"
	"feedpub/store/storetest"
)

const site = feed.SiteID("main")

// document returns a request to commit one document.
func document(token feed.Token, now time.Time, body string) feed.CommitRequest {
	b := []byte(body)
	h := feed.HashOf(b)
	return feed.CommitRequest{
		Now:   now,
		Blobs: []feed.Blob{{Hash: h, Gzip: gzipped(b), Size: len(b)}},
		Head: feed.Head{Feed: feed.Main, Token: token, IDs: []string{"a"}, Documents: []feed.DocumentRef{
			{Format: feed.RSS, Path: "/feed.xml", Hash: h, Length: len(b)},
		}},
	}
}

// TestServerStatesAreKinds drives a real server into each state in which it refuses, and asks for all that a process
// asks of it.
func TestServerStatesAreKinds(t *testing.T) {
	write := func(ctx context.Context, s *store.Site) error {
		return s.Put(ctx, feed.RawPost{ID: "a", Raw: []byte("{}")})
	}
	script := func(ctx context.Context, s *store.Site) error {
		_, err := s.Acquire(ctx, "build", "me", time.Minute, time.UnixMilli(1), 0)
		return err
	}
	absorb := func(ctx context.Context, s *store.Site) error { return s.Absorb(ctx, feed.Absorption{Token: 1 << 50}) }
	commit := func(ctx context.Context, s *store.Site) error {
		_, _, err := s.Commit(ctx, document(1<<50, time.UnixMilli(1), "body"))
		return err
	}
	read := func(ctx context.Context, s *store.Site) error { _, err := s.Version(ctx); return err }
	blocking := func(ctx context.Context, s *store.Site) error {
		_, err := s.Changes(ctx, "0-0", 10*time.Second)
		return err
	}
	tests := []struct {
		name  string
		args  []string
		state func(r *storetest.Server)
		calls map[string]func(context.Context, *store.Site) error
	}{
		{"down", nil, (*storetest.Server).Kill,
			map[string]func(context.Context, *store.Site) error{"write": write, "script": script, "read": read, "blocking": blocking}},
		{"hanging", nil, (*storetest.Server).Pause,
			map[string]func(context.Context, *store.Site) error{"write": write, "script": script, "read": read, "blocking": blocking}},
		{"OOM", nil, func(r *storetest.Server) { r.Do("CONFIG SET maxmemory 1") },
			map[string]func(context.Context, *store.Site) error{"write": write, "script": script, "absorb": absorb, "commit": commit}},
		{"READONLY", nil, func(r *storetest.Server) { r.Do("REPLICAOF 127.0.0.1 1") },
			map[string]func(context.Context, *store.Site) error{"write": write, "script": script, "absorb": absorb, "commit": commit}},
		{"NOREPLICAS", nil, func(r *storetest.Server) { r.Do("CONFIG SET min-replicas-to-write 1") },
			map[string]func(context.Context, *store.Site) error{"write": write, "script": script, "absorb": absorb, "commit": commit}},
		{"MASTERDOWN", []string{"--replica-serve-stale-data", "no"}, func(r *storetest.Server) { r.Do("REPLICAOF 127.0.0.1 1") },
			map[string]func(context.Context, *store.Site) error{"read": read, "write": write, "script": script}},
		{"too many clients", []string{"--maxclients", "1"}, func(r *storetest.Server) {},
			map[string]func(context.Context, *store.Site) error{"read then write": func(ctx context.Context, s *store.Site) error {
				return errors.Join(read(ctx, s), write(ctx, s)) // two pools, so two connections
			}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := storetest.StartRedis(t, tt.args...)
			c := open(t, store.Options{URL: r.URL(), ServeTimeout: 200 * time.Millisecond, BuildTimeout: 200 * time.Millisecond})
			tt.state(r)
			for name, call := range tt.calls {
				if err := call(t.Context(), c.Site(site)); !errors.Is(err, feed.ErrUnavailable) {
					t.Errorf("%s: error is %v; want one of kind %q", name, err, feed.ErrUnavailable)
				}
			}
		})
	}
}

// TestFullDiskIsUnavailable has a server that can't write its snapshot: MISCONF, also for scripts.
func TestFullDiskIsUnavailable(t *testing.T) {
	r := storetest.StartRedis(t, "--save", "3600 1", "--dbfilename", "blocked")
	s := open(t, store.Options{URL: r.URL()}).Site(site)
	if err := s.Put(t.Context(), feed.RawPost{ID: "a", Raw: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	// A folder in the place of the file that the snapshot goes to.
	if err := os.Mkdir(filepath.Join(r.Dir(), "blocked"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.Do("BGSAVE")
	deadline := time.Now().Add(time.Minute)
	var err error
	for err == nil && time.Now().Before(deadline) {
		err = s.Put(t.Context(), feed.RawPost{ID: "a", Raw: []byte("{}")})
	}
	if !errors.Is(err, feed.ErrUnavailable) || !strings.Contains(fmt.Sprint(err), "MISCONF") {
		t.Fatalf("Put on a server that can't write to its disk: error is %v; want MISCONF, of kind %q", err, feed.ErrUnavailable)
	}
	if err := s.Absorb(t.Context(), feed.Absorption{Token: 1}); !errors.Is(err, feed.ErrUnavailable) {
		t.Errorf("Absorb: error is %v; want one of kind %q", err, feed.ErrUnavailable)
	}
}

// TestRefusedAbsorptionIsNotHalfMade: Redis doesn't undo a script, so that what it refuses must be refused at once.
func TestRefusedAbsorptionIsNotHalfMade(t *testing.T) {
	r := storetest.StartRedis(t)
	s := open(t, store.Options{URL: r.URL()}).Site(site)
	it := &feed.Item{ID: "a", Published: time.UnixMilli(0).UTC(), Updated: time.UnixMilli(0).UTC(), HTML: strings.Repeat("x", 1<<20)}
	r.Do("CONFIG SET maxmemory 1")
	err := s.Absorb(t.Context(), feed.Absorption{Token: 1, Next: "1-1", Changes: []feed.Change{{ID: "a", Item: it, Entered: []feed.Name{feed.Main}}}})
	if !errors.Is(err, feed.ErrUnavailable) {
		t.Errorf("Absorb without memory: error is %v; want one of kind %q", err, feed.ErrUnavailable)
	}
	r.Do("CONFIG SET maxmemory 0")
	if size := r.Do("DBSIZE"); size != ":0" {
		t.Errorf("after a refused absorption the server has %s keys; want none", size)
	}
}

// TestFlushedServerDoesNotLockTheBuilderOut: what a server forgot, tokens, versions and Last-Modified go on from.
func TestFlushedServerDoesNotLockTheBuilderOut(t *testing.T) {
	r := storetest.StartRedis(t)
	s := open(t, store.Options{URL: r.URL()}).Site(site)
	now := time.Date(2014, 6, 17, 0, 0, 0, 0, time.UTC)
	token, err := s.Acquire(t.Context(), "build", "one", time.Minute, now, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, head, err := s.Commit(t.Context(), document(token, now, "before"))
	if err != nil {
		t.Fatal(err)
	}
	version, err := s.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.Flush()
	// The clock of the next builder is behind; what replicas have seen counts.
	next, err := s.Acquire(t.Context(), "build", "two", time.Minute, now.Add(-time.Hour), token)
	if err != nil || next <= token {
		t.Errorf("token after the flush is %d, %v; want more than %d", next, err, token)
	}
	b := document(token, now, "before").Blobs[0]
	if err := s.RestoreHeads(t.Context(), []feed.Head{head}, func(feed.Hash) (feed.Blob, error) { return b, nil }); err != nil {
		t.Errorf("RestoreHeads: %v", err)
	}
	outcome, again, err := s.Commit(t.Context(), document(next, now.Add(-time.Hour), "after"))
	if err != nil || outcome != feed.Committed || !again.Documents[0].Modified.After(head.Documents[0].Modified) {
		t.Errorf("commit after the flush = %s, %+v, %v; want a Last-Modified later than %v", outcome, again.Documents, err, head.Documents[0].Modified)
	}
	if v, err := s.Version(t.Context()); err != nil || v <= version {
		t.Errorf("version after the flush is %d, %v; want more than %d, or replicas overlook it", v, err, version)
	}
}

// TestWritesAreIdempotent: a client repeats what it got no reply to, and that must leave what one write would.
func TestWritesAreIdempotent(t *testing.T) {
	s := open(t, store.Options{URL: storetest.Redis(t)}).Site(site)
	now := time.Date(2014, 6, 17, 0, 0, 0, 0, time.UTC)
	it := &feed.Item{ID: "a", Published: now, Updated: now}
	absorb := func() error {
		stored, err := s.Load(t.Context(), []string{"a"})
		if err != nil {
			return err
		}
		return s.Absorb(t.Context(), feed.Absorption{Token: 1, Changes: []feed.Change{
			{ID: "a", ItemSum: stored[0].ItemSum, Item: it, Entered: []feed.Name{feed.Main}},
		}})
	}
	for i := range 2 {
		for name, err := range map[string]error{
			"Put":    s.Put(t.Context(), feed.RawPost{ID: "a", Raw: []byte("{}")}),
			"Absorb": absorb(),
			"Delete": s.Delete(t.Context(), "gone"),
		} {
			if err != nil {
				t.Errorf("%s, time %d: %v", name, i+1, err)
			}
		}
		want := []feed.Outcome{feed.Committed, feed.Unchanged}[i]
		if outcome, _, err := s.Commit(t.Context(), document(1, now, "body")); err != nil || outcome != want {
			t.Errorf("Commit, time %d = %s, %v; want %s", i+1, outcome, err, want)
		}
	}
	if n, err := s.Count(t.Context(), feed.Main); err != nil || n != 1 {
		t.Errorf("Count = %d, %v; want 1", n, err)
	}
}

func TestDeadlinesAreKept(t *testing.T) {
	r := storetest.StartRedis(t)
	c := open(t, store.Options{URL: r.URL(), ServeTimeout: time.Minute, BuildTimeout: time.Minute})
	if err := c.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.Pause()
	t.Cleanup(r.Resume)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := c.Ping(ctx); !errors.Is(err, feed.ErrUnavailable) {
		t.Errorf("Ping of a hanging server: error is %v; want one of kind %q", err, feed.ErrUnavailable)
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("Ping with a deadline of 100 ms took %v", took)
	}
}

func TestCancelledCallIsNotTheServersFault(t *testing.T) {
	c := open(t, store.Options{URL: storetest.Redis(t)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Site(site).Changes(ctx, "0-0", time.Hour)
	if !errors.Is(err, context.Canceled) || errors.Is(err, feed.ErrUnavailable) {
		t.Errorf("error is %v; want context.Canceled, and not %q", err, feed.ErrUnavailable)
	}
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		kind error
		want string // in the error or the only warning; "" is neither
	}{
		{"safe", []string{"--appendonly", "yes", "--appendfsync", "always"}, nil, ""},
		{"safe but for the last second", []string{"--appendonly", "yes"}, nil, "appendfsync is everysec"},
		{"allkeys-lru", []string{"--maxmemory-policy", "allkeys-lru"}, feed.ErrInvalid, "maxmemory-policy is allkeys-lru"},
		{"allkeys-random", []string{"--maxmemory-policy", "allkeys-random", "--maxmemory", "100mb"}, feed.ErrInvalid, "noeviction"},
		{"volatile-lru evicts no post", []string{"--maxmemory-policy", "volatile-lru", "--appendonly", "yes", "--appendfsync", "always"}, nil, ""},
		{"nothing persists", nil, nil, "neither an append-only file nor snapshots"},
		{"snapshots only", []string{"--save", "60 1"}, nil, "no append-only file"},
		{"CONFIG forbidden, safe", []string{"--rename-command", "CONFIG", "", "--appendonly", "yes"}, nil, ""},
		{"CONFIG forbidden, allkeys", []string{"--rename-command", "CONFIG", "", "--maxmemory-policy", "allkeys-lfu"}, feed.ErrInvalid, "allkeys-lfu"},
		{"CONFIG forbidden, nothing persists", []string{"--rename-command", "CONFIG", ""}, nil, "no append-only file"},
		{"CONFIG and INFO forbidden", []string{"--rename-command", "CONFIG", "", "--rename-command", "INFO", ""}, nil, "does not reveal"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := open(t, store.Options{URL: storetest.Redis(t, tt.args...)})
			warnings, err := c.Check(t.Context())
			if (err == nil) != (tt.kind == nil) || !errors.Is(err, tt.kind) {
				t.Fatalf("Check = %q, %v; want an error of kind %v", warnings, err, tt.kind)
			}
			got := strings.Join(warnings, "; ")
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, tt.want) || (tt.want == "" && got != "") {
				t.Errorf("Check says %q; want %q in it", got, tt.want)
			}
		})
	}
	t.Run("miniredis tells nothing", func(t *testing.T) {
		c := open(t, store.Options{URL: storetest.Miniredis(t)})
		if warnings, err := c.Check(t.Context()); err != nil || len(warnings) != 2 {
			t.Errorf("Check = %q, %v; want two warnings", warnings, err)
		}
	})
	t.Run("down", func(t *testing.T) {
		r := storetest.StartRedis(t)
		r.Kill()
		if _, err := open(t, store.Options{URL: r.URL()}).Check(t.Context()); !errors.Is(err, feed.ErrUnavailable) {
			t.Errorf("Check of a server that is down: %v; want an error of kind %q", err, feed.ErrUnavailable)
		}
	})
}

func TestStoreComesBackWithItsServer(t *testing.T) {
	r := storetest.StartRedis(t, "--appendonly", "yes")
	s := open(t, store.Options{URL: r.URL()}).Site(site)
	if err := s.Put(t.Context(), feed.RawPost{ID: "a", Raw: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	r.Stop()
	if _, err := s.Post(t.Context(), "a"); !errors.Is(err, feed.ErrUnavailable) {
		t.Errorf("Post of a stopped server: error is %v; want one of kind %q", err, feed.ErrUnavailable)
	}
	r.Restart()
	if got, err := s.Post(t.Context(), "a"); err != nil || string(got) != "{}" {
		t.Errorf("Post after the restart = %q, %v", got, err)
	}
	if err := s.MarkDirty(t.Context(), feed.Main); err != nil { // the server has forgotten the scripts
		t.Errorf("MarkDirty after the restart: %v", err)
	}
}

// TestOnlyCommittedDocumentsAreKeptForEver: what was replaced goes in some days, also when builders meet, and what is
// committed never does.
func TestOnlyCommittedDocumentsAreKeptForEver(t *testing.T) {
	r := storetest.StartRedis(t)
	c := open(t, store.Options{URL: r.URL()})
	s := c.Site(site)
	now := time.Date(2014, 6, 17, 0, 0, 0, 0, time.UTC)
	expires := func(body string) bool {
		t.Helper()
		switch reply := r.Do(fmt.Sprintf("TTL feedpub:{main}:doc:%s", feed.HashOf([]byte(body)))); reply {
		case ":-1":
			return false
		case ":-2":
			t.Errorf("document %q is gone", body)
			return true
		default:
			return true
		}
	}
	for i, body := range []string{"A", "B", "A"} {
		if _, _, err := s.Commit(t.Context(), document(1, now, body)); err != nil {
			t.Fatal(err)
		}
		if expires(body) {
			t.Errorf("commit %d: the committed document %q expires: readers would lose it", i+1, body)
		}
	}
	if !expires("B") {
		t.Error("the replaced document B is kept for ever")
	}

	var wg sync.WaitGroup
	for worker := range 4 { // with one token, so that none is refused for another
		wg.Go(func() {
			for i := range 15 {
				_, _, err := s.Commit(t.Context(), document(1, now, fmt.Sprintf("%d of %d", i, worker)))
				if err != nil && !errors.Is(err, feed.ErrStale) {
					t.Errorf("Commit: %v", err)
				}
			}
		})
	}
	wg.Wait()
	head, err := s.Head(t.Context(), feed.Main)
	if err != nil {
		t.Fatal(err)
	}
	for worker := range 4 {
		for i := range 15 {
			body := fmt.Sprintf("%d of %d", i, worker)
			if committed := head.Documents[0].Hash == feed.HashOf([]byte(body)); expires(body) == committed {
				t.Errorf("document %q: committed %v, expires %v", body, committed, !committed)
			}
		}
	}
}

// TestVersionMovesAfterAFlush: a replica that compares versions must not find the one that it knows.
func TestVersionMovesAfterAFlush(t *testing.T) {
	r := storetest.StartRedis(t)
	s := open(t, store.Options{URL: r.URL()}).Site(site)
	now := time.Date(2014, 6, 17, 0, 0, 0, 0, time.UTC)
	var before int64
	for i := range 2 {
		if _, _, err := s.Commit(t.Context(), document(1, now.Add(time.Duration(i)*time.Second), "body")); err != nil {
			t.Fatal(err)
		}
		v, err := s.Version(t.Context())
		if err != nil || v <= before {
			t.Errorf("version of commit %d is %d, %v; want more than %d", i+1, v, err, before)
		}
		before = v
		r.Flush()
	}
}

// TestWalkOverARestartedServerIsAnError: another process gives no meaning to the cursor of the one before, and leaves
// posts out that would then count as missing.
func TestWalkOverARestartedServerIsAnError(t *testing.T) {
	r := storetest.StartRedis(t, "--appendonly", "yes")
	s := open(t, store.Options{URL: r.URL()}).Site(site)
	var posts []feed.RawPost
	for i := range 3000 {
		posts = append(posts, feed.RawPost{ID: fmt.Sprint(i), Raw: []byte("{}")})
	}
	if err := s.Put(t.Context(), posts...); err != nil {
		t.Fatal(err)
	}
	restarted, ids := false, 0
	var last error
	for batch, err := range s.PostIDs(t.Context()) {
		if last = err; err != nil {
			break
		}
		if ids += len(batch); !restarted {
			restarted = true
			r.Kill()
			r.Restart()
		}
	}
	if !errors.Is(last, feed.ErrUnavailable) {
		t.Errorf("a walk over a restarted server gave %d of %d ids and the error %v; want one of kind %q, or those left out look deleted",
			ids, len(posts), last, feed.ErrUnavailable)
	}
}
