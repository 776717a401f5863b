package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/store"
	"feedpub/store/storetest"
)

// TestUnavailable puts a server into each state that makes it reject commands, and checks the kind of the errors.
func TestUnavailable(t *testing.T) {
	type calls map[string]func(context.Context, *store.Site) error
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
		calls calls
	}{
		{"down", nil, (*storetest.Server).Kill,
			calls{"write": write, "script": script, "read": read, "blocking": blocking}},
		{"hanging", nil, (*storetest.Server).Pause,
			calls{"write": write, "script": script, "read": read, "blocking": blocking}},
		{"OOM", nil, func(r *storetest.Server) { r.Do("CONFIG SET maxmemory 1") },
			calls{"write": write, "script": script, "absorb": absorb, "commit": commit}},
		{"READONLY", nil, func(r *storetest.Server) { r.Do("REPLICAOF 127.0.0.1 1") },
			calls{"write": write, "script": script, "absorb": absorb, "commit": commit}},
		{"NOREPLICAS", nil, func(r *storetest.Server) { r.Do("CONFIG SET min-replicas-to-write 1") },
			calls{"write": write, "script": script, "absorb": absorb, "commit": commit}},
		{"MASTERDOWN", []string{"--replica-serve-stale-data", "no"},
			func(r *storetest.Server) { r.Do("REPLICAOF 127.0.0.1 1") },
			calls{"read": read, "write": write, "script": script}},
		{"too many clients", []string{"--maxclients", "1"}, func(r *storetest.Server) {},
			calls{"read then write": func(ctx context.Context, s *store.Site) error {
				return errors.Join(read(ctx, s), write(ctx, s)) // read and write use connections of different pools
			}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := storetest.StartRedis(t, tt.args...)
			const timeout = 200 * time.Millisecond
			c := open(t, store.Options{URL: r.URL(), ServeTimeout: timeout, BuildTimeout: timeout})
			tt.state(r)
			for name, call := range tt.calls {
				if err := call(t.Context(), c.Site(site)); !errors.Is(err, feed.ErrUnavailable) {
					t.Errorf("%s: error is %v; want one of kind %q", name, err, feed.ErrUnavailable)
				}
			}
		})
	}
}

// TestFullDiskIsUnavailable starts a server that cannot write its snapshot and rejects writes with MISCONF.
func TestFullDiskIsUnavailable(t *testing.T) {
	r := storetest.StartRedis(t, "--save", "3600 1", "--dbfilename", "blocked")
	s := open(t, store.Options{URL: r.URL()}).Site(site)
	if err := s.Put(t.Context(), feed.RawPost{ID: "a", Raw: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	// The snapshot cannot be written, since there is a folder with the same name.
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
		t.Fatalf("Put on a server with a full disk: error is %v; want MISCONF, of kind %q", err, feed.ErrUnavailable)
	}
	if err := s.Absorb(t.Context(), feed.Absorption{Token: 1}); !errors.Is(err, feed.ErrUnavailable) {
		t.Errorf("Absorb: error is %v; want one of kind %q", err, feed.ErrUnavailable)
	}
}

func TestCanceledIsNotUnavailable(t *testing.T) {
	c := open(t, store.Options{URL: storetest.Redis(t)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Site(site).Changes(ctx, "0-0", time.Hour)
	if !errors.Is(err, context.Canceled) || errors.Is(err, feed.ErrUnavailable) {
		t.Errorf("Changes with a canceled context: error is %v; want context.Canceled without kind %q",
			err, feed.ErrUnavailable)
	}
}
