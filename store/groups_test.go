package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/store"
	"feedpub/store/storetest"
)

// calm is long enough that no server of a busy machine is taken for dead.
const calm = 10 * time.Second

func TestContractOnCluster(t *testing.T) {
	url := storetest.StartCluster(t, calm).URL()
	storetest.Run(t, func(t *testing.T, _ feed.SiteID) *store.Client { return open(t, store.Options{URL: url}) })
}

func TestContractThroughSentinels(t *testing.T) {
	url := storetest.StartSentinels(t, calm).URL()
	storetest.Run(t, func(t *testing.T, _ feed.SiteID) *store.Client { return open(t, store.Options{URL: url}) })
}

func TestCheckOfSeveralServers(t *testing.T) {
	cluster, sentinels := storetest.StartCluster(t, calm), storetest.StartSentinels(t, calm)
	for _, tt := range []struct {
		name    string
		options store.Options
		want    []string // in the error or in one warning each
		kind    error
	}{
		{"Cluster", store.Options{URL: cluster.URL()}, slices.Repeat([]string{"a failover may lose posts"}, 3), nil},
		{"Cluster, with replicas confirming", store.Options{URL: cluster.URL(), ConfirmTimeout: time.Second}, nil, nil},
		{"Sentinels", store.Options{URL: sentinels.URL()}, []string{"a failover may lose posts"}, nil},
		{"one server of a Cluster", store.Options{URL: cluster.Servers()[0].URL()}, []string{"begins with redis+cluster://"}, feed.ErrInvalid},
		{"Sentinels of another master", store.Options{URL: sentinels.URL() + "-other"}, []string{"knows a master named"}, feed.ErrUnavailable},
		{"a Cluster that is none", store.Options{URL: "redis+cluster://" + sentinels.Servers()[0].Addr()},
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
				t.Fatalf("Check = %q; want %d, %q", got, len(tt.want), tt.want)
			}
			for i, want := range tt.want {
				if !strings.Contains(got[i], want) {
					t.Errorf("Check says %q; want %q in it", got[i], want)
				}
			}
		})
	}
	t.Run("one master evicts", func(t *testing.T) {
		bad := cluster.Servers()[1]
		bad.Do("CONFIG SET maxmemory-policy allkeys-lru")
		defer bad.Do("CONFIG SET maxmemory-policy noeviction")
		_, err := open(t, store.Options{URL: cluster.URL()}).Check(t.Context())
		if !errors.Is(err, feed.ErrInvalid) || !strings.Contains(err.Error(), bad.Addr()+": maxmemory-policy is allkeys-lru") {
			t.Errorf("Check: %v; want an error of kind %q that names %s", err, feed.ErrInvalid, bad.Addr())
		}
	})
}

// TestUnknownMasterIsNoEmptyStore: Sentinels answer nil for a name that they don't know, as a server does for a key.
func TestUnknownMasterIsNoEmptyStore(t *testing.T) {
	s := open(t, store.Options{URL: storetest.StartSentinels(t, calm).URL() + "-other"}).Site(site)
	for name, call := range map[string]func() error{
		"Version": func() error { _, err := s.Version(t.Context()); return err },
		"Cursor":  func() error { _, err := s.Cursor(t.Context()); return err },
		"Post":    func() error { _, err := s.Post(t.Context(), "a"); return err },
		"Heads":   func() error { _, err := s.Heads(t.Context()); return err },
	} {
		if err := call(); !errors.Is(err, feed.ErrUnavailable) || errors.Is(err, feed.ErrNotFound) {
			t.Errorf("%s of an unknown master: error is %v; want one of kind %q", name, err, feed.ErrUnavailable)
		}
	}
}

// TestUsersOfSentinelsAndServers: they have passwords of their own, and a Sentinel's may be in a file.
func TestUsersOfSentinelsAndServers(t *testing.T) {
	group := storetest.StartSentinels(t, calm)
	for _, s := range group.Servers() {
		s.Do("ACL SETUSER writer on >swordfish ~feedpub:* &* +@all -@admin")
	}
	for _, s := range group.Sentinels() {
		s.Do("ACL SETUSER asker on >sesame allcommands allchannels")
		s.Do("ACL SETUSER default -@all +ping +publish +subscribe +info|sentinel") // not a client's
	}
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("sesame\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url := strings.Replace(group.URL(), "://", "://writer:swordfish@", 1)
	for _, tt := range []struct {
		name, url string
		works     bool
	}{
		{"both known", url + "?sentinel_user=asker&sentinel_password=sesame", true},
		{"the Sentinel's in a file", url + "?sentinel_user=asker&sentinel_password_file=" + file, true},
		{"the Sentinel's wrong", url + "?sentinel_user=asker&sentinel_password=wrong-sesame", false},
		{"the Sentinel's missing", url, false},
		{"the server's wrong", strings.Replace(url, "swordfish", "sardine", 1) + "?sentinel_user=asker&sentinel_password=sesame", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, store.Options{URL: tt.url}).Site(site)
			err := s.Put(t.Context(), feed.RawPost{ID: "a", Raw: []byte("{}")})
			if (err == nil) != tt.works {
				t.Errorf("Put: %v; want it to work: %t", err, tt.works)
			}
			if err != nil && (strings.Contains(err.Error(), "sesame") || strings.Contains(err.Error(), "sardine")) {
				t.Errorf("Put: the error shows a password: %v", err)
			}
			if tt.works {
				// CONFIG is forbidden to this user: INFO tells.
				if warnings, err := s.Client().Check(t.Context()); err != nil || len(warnings) != 1 {
					t.Errorf("Check by a user who may not administrate = %q, %v; want the warning of a failover", warnings, err)
				}
			}
		})
	}
}
