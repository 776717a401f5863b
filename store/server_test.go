package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/store"
	"feedpub/store/storetest"
)

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		kind error
		want string // part of the error or of the only warning; "" if neither is expected
	}{
		{"safe", []string{"--appendonly", "yes", "--appendfsync", "always"}, nil, ""},
		{"syncs every second", []string{"--appendonly", "yes"}, nil, "appendfsync is everysec"},
		{"allkeys-lru", []string{"--maxmemory-policy", "allkeys-lru"}, feed.ErrInvalid, "maxmemory-policy is allkeys-lru"},
		{"allkeys-random", []string{"--maxmemory-policy", "allkeys-random", "--maxmemory", "100mb"},
			feed.ErrInvalid, "noeviction"},
		{"volatile-lru evicts no post",
			[]string{"--maxmemory-policy", "volatile-lru", "--appendonly", "yes", "--appendfsync", "always"}, nil, ""},
		{"no persistence", nil, nil, "neither an append-only file nor snapshots"},
		{"snapshots only", []string{"--save", "60 1"}, nil, "no append-only file"},
		{"CONFIG forbidden, safe", []string{"--rename-command", "CONFIG", "", "--appendonly", "yes"}, nil, ""},
		{"CONFIG forbidden, allkeys",
			[]string{"--rename-command", "CONFIG", "", "--maxmemory-policy", "allkeys-lfu"},
			feed.ErrInvalid, "allkeys-lfu"},
		{"CONFIG forbidden, no persistence", []string{"--rename-command", "CONFIG", ""}, nil, "no append-only file"},
		{"CONFIG and INFO forbidden", []string{"--rename-command", "CONFIG", "", "--rename-command", "INFO", ""},
			nil, "does not reveal"},
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
				t.Errorf("Check reports %q; want it to contain %q", got, tt.want)
			}
		})
	}
	t.Run("miniredis reveals nothing", func(t *testing.T) {
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

func TestCheckGroups(t *testing.T) {
	cluster, sentinels := storetest.StartCluster(t, noFailover), storetest.StartSentinels(t, noFailover)
	for _, tt := range []struct {
		name    string
		options store.Options
		want    []string // part of the error or of each warning
		kind    error
	}{
		{"Cluster", store.Options{URL: cluster.URL()}, slices.Repeat([]string{"a failover may lose posts"}, 3), nil},
		{"Cluster, with replicas confirming", store.Options{URL: cluster.URL(), ConfirmTimeout: time.Second}, nil, nil},
		{"Sentinels", store.Options{URL: sentinels.URL()}, []string{"a failover may lose posts"}, nil},
		{"one server of a Cluster", store.Options{URL: cluster.Servers()[0].URL()},
			[]string{"begins with redis+cluster://"}, feed.ErrInvalid},
		{"Sentinels of another master", store.Options{URL: sentinels.URL() + "-other"},
			[]string{"knows a master named"}, feed.ErrUnavailable},
		{"Cluster URL of a single server", store.Options{URL: "redis+cluster://" + sentinels.Servers()[0].Addr()},
			[]string{"not part of a Cluster"}, feed.ErrInvalid},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := open(t, tt.options).Check(t.Context())
			if !errors.Is(err, tt.kind) {
				t.Fatalf("Check = %q, %v; want an error of kind %v", got, err, tt.kind)
			}
			if err != nil {
				got = append(got, err.Error())
			}
			if len(got) != len(tt.want) {
				t.Fatalf("Check = %q; want %d messages, %q", got, len(tt.want), tt.want)
			}
			for i, want := range tt.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("Check reports %q; want it to contain %q", got[i], want)
				}
			}
		})
	}
	t.Run("one master evicts", func(t *testing.T) {
		bad := cluster.Servers()[1]
		bad.Do("CONFIG SET maxmemory-policy allkeys-lru")
		defer bad.Do("CONFIG SET maxmemory-policy noeviction")
		_, err := open(t, store.Options{URL: cluster.URL()}).Check(t.Context())
		want := bad.Addr() + ": maxmemory-policy is allkeys-lru"
		if !errors.Is(err, feed.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("Check: %v; want an error of kind %q that contains %q", err, feed.ErrInvalid, want)
		}
	})
}

// failover is how long a master must be unresponsive before it is replaced.
const failover = time.Second

// TestFailover kills the master of a site. Until a replica replaces it, failed calls must return feed.ErrUnavailable,
// and no call may return an empty result. After that, calls must succeed and confirmed posts must exist.
func TestFailover(t *testing.T) {
	sentinels := func(t testing.TB, failover time.Duration) *storetest.Group {
		return storetest.StartSentinels(t, failover)
	}
	for _, tt := range []struct {
		name  string
		start func(testing.TB, time.Duration) *storetest.Group
	}{{"Sentinels", sentinels}, {"Cluster", storetest.StartCluster}} {
		t.Run(tt.name, func(t *testing.T) {
			group := tt.start(t, failover)
			s := open(t, store.Options{URL: group.URL(), ConfirmTimeout: 10 * time.Second}).Site(site)
			_, confirmed, err := s.PutConfirmed(t.Context(), feed.RawPost{ID: "kept", Raw: []byte("{}")})
			if err != nil || !confirmed {
				t.Fatalf("PutConfirmed with a replica = %t, %v", confirmed, err)
			}
			now := time.Date(2014, 6, 17, 0, 0, 0, 0, time.UTC)
			if _, _, err := s.Commit(t.Context(), document(1, now, "body")); err != nil {
				t.Fatal(err)
			}
			calls := map[string]func(context.Context) error{
				"Ping": s.Client().Ping,
				"Post": func(ctx context.Context) error { _, err := s.Post(ctx, "kept"); return err },
				"Put": func(ctx context.Context) error {
					return s.Put(ctx, feed.RawPost{ID: "put", Raw: []byte("{}")})
				},
				"Update": func(ctx context.Context) error {
					_, err := s.Update(ctx, "kept", func(current []byte) ([]byte, error) {
						if current == nil {
							return nil, errors.New("the confirmed post does not exist")
						}
						return current, nil
					})
					return err
				},
				"Head":    func(ctx context.Context) error { _, err := s.Head(ctx, feed.Main); return err },
				"Changes": func(ctx context.Context) error { _, err := s.Changes(ctx, "0-0", time.Second); return err },
				"Absorb":  func(ctx context.Context) error { return s.Absorb(ctx, feed.Absorption{Token: 1}) },
				"Commit": func(ctx context.Context) error {
					outcome, _, err := s.Commit(ctx, document(1, now, "body"))
					if err == nil && outcome != feed.Unchanged {
						return fmt.Errorf("outcome of a repeated commit is %s", outcome)
					}
					return err
				},
				"MarkDirty": func(ctx context.Context) error { return s.MarkDirty(ctx, feed.Main) },
				"PostIDs": func(ctx context.Context) error {
					kept := false
					for ids, err := range s.PostIDs(ctx) {
						if err != nil {
							return err
						}
						for _, id := range ids {
							kept = kept || id == "kept"
						}
					}
					if !kept {
						return errors.New("the scan skipped the confirmed post")
					}
					return nil
				},
			}
			master := group.Master(site)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			began := time.Now()
			master.Kill()
			var all sync.WaitGroup
			for name, call := range calls {
				all.Go(func() {
					failed := 0
					for {
						err := call(ctx)
						// In a Cluster, a different server may reply to Ping, so Ping may never fail.
						if err == nil && (failed > 0 || name == "Ping") {
							after := time.Since(began).Round(time.Millisecond)
							t.Logf("%s: works after %v and %d errors", name, after, failed)
							return
						}
						if err != nil && !errors.Is(err, feed.ErrUnavailable) {
							t.Errorf("%s: error is %v; want kind %q", name, err, feed.ErrUnavailable)
							return
						}
						if failed++; ctx.Err() != nil {
							t.Errorf("%s: no success within a minute after the failover; last error: %v", name, err)
							return
						}
						<-time.After(10 * time.Millisecond)
					}
				})
			}
			all.Wait()
			// The old master becomes a replica, and the promoted server is still the master when it is restarted.
			master.Restart()
			group.AwaitWhole()
			promoted := group.Master(site)
			promoted.Kill()
			promoted.Restart()
			group.AwaitWhole()
		})
	}
}

// TestMovingSlot moves the slot of a site from one master of a Cluster to another while the site is used. During the
// move, calls that use keys on both masters may be unavailable. It checks that nothing is lost or repeated and that
// clients find the new master.
func TestMovingSlot(t *testing.T) {
	cluster := storetest.StartCluster(t, noFailover)
	s := open(t, store.Options{URL: cluster.URL()}).Site(site)
	var posts []feed.RawPost
	for i := range 50 {
		posts = append(posts, feed.RawPost{ID: fmt.Sprint(i), Raw: []byte("{}")})
	}
	if err := s.Put(t.Context(), posts...); err != nil {
		t.Fatal(err)
	}
	before, err := s.Acquire(t.Context(), "job", "me", time.Minute, time.UnixMilli(0), 0)
	if err != nil {
		t.Fatal(err)
	}
	from := cluster.Master(site)
	var to *storetest.Server
	for _, m := range cluster.Servers()[:3] {
		if m != from {
			to = m
		}
	}
	slot := strings.TrimPrefix(from.Do(fmt.Sprintf("CLUSTER KEYSLOT {%s}", site)), ":")
	to.Do("CLUSTER SETSLOT " + slot + " IMPORTING " + from.Do("CLUSTER MYID"))
	from.Do("CLUSTER SETSLOT " + slot + " MIGRATING " + to.Do("CLUSTER MYID"))
	host, port, _ := strings.Cut(to.Addr(), ":")
	move := func(keys ...string) {
		t.Helper()
		from.Do(fmt.Sprintf("MIGRATE %s %s %q 0 5000 KEYS %s", host, port, "", strings.Join(keys, " ")))
	}
	key := func(name string) string { return fmt.Sprintf("feedpub:{%s}:%s", site, name) }

	var half []string
	for _, p := range posts[:25] {
		half = append(half, key("post:"+p.ID))
	}
	move(append(half, key("token"))...)
	ids := map[string]bool{}
	count := func() error {
		clear(ids)
		for batch, err := range s.PostIDs(t.Context()) {
			if err != nil {
				return err
			}
			for _, id := range batch {
				ids[id] = true
			}
		}
		return nil
	}
	token := before
	const scanCall = "scan"
	calls := map[string]func() error{
		"moved post":            func() error { _, err := s.Post(t.Context(), "0"); return err },
		"unmoved post":          func() error { _, err := s.Post(t.Context(), "49"); return err },
		"posts on both masters": func() error { _, err := s.RawPosts(t.Context(), "0", "49"); return err },
		"script with keys on both masters": func() error {
			got, err := s.Acquire(t.Context(), "job", "me", time.Minute, time.UnixMilli(0), 0)
			if err == nil {
				token = got
			}
			return err
		},
		"transaction with keys on both masters": func() error {
			return s.Put(t.Context(), feed.RawPost{ID: "0", Raw: []byte("{}")})
		},
		scanCall: count,
	}
	for name, call := range calls {
		if err := call(); err != nil && !errors.Is(err, feed.ErrUnavailable) {
			t.Errorf("during the move, %s: error is %v; want no error or one of kind %q",
				name, err, feed.ErrUnavailable)
		} else if err == nil && name == scanCall {
			t.Errorf("during the move, a scan returns %d of %d posts and no error, so the others would count as deleted",
				len(ids), len(posts))
		}
	}
	if _, err := s.Post(t.Context(), "0"); err != nil {
		t.Errorf("Post of a moved post: %v", err)
	}

	for {
		n, err := strconv.Atoi(strings.TrimPrefix(from.Do("CLUSTER COUNTKEYSINSLOT "+slot), ":"))
		if err != nil || n == 0 {
			break
		}
		var rest []string
		for _, name := range []string{"inbox", "lease:job", "token", "marks", "cursor", "version", "absent"} {
			rest = append(rest, key(name))
		}
		for _, p := range posts {
			rest = append(rest, key("post:"+p.ID))
		}
		move(rest...)
	}
	for _, m := range []*storetest.Server{to, from} {
		m.Do("CLUSTER SETSLOT " + slot + " NODE " + to.Do("CLUSTER MYID"))
	}
	after, err := s.Acquire(t.Context(), "job", "me", time.Minute, time.UnixMilli(0), 0)
	if err != nil || after <= token || token < before {
		t.Errorf("tokens before, during and after the move are %d, %d, %d (error %v); want increasing tokens",
			before, token, after, err)
	}
	// Other commands follow a redirection to the new master. A scan does not: it fails until the client has found the new
	// master.
	for deadline := time.Now().Add(time.Minute); ; <-time.After(10 * time.Millisecond) {
		err := count()
		if err == nil && len(ids) == len(posts) {
			break
		}
		if err == nil || !errors.Is(err, feed.ErrUnavailable) || time.Now().After(deadline) {
			t.Fatalf("after the move, a scan returns %d of %d posts, error %v", len(ids), len(posts), err)
		}
	}
}
