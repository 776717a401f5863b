package store_test

import (
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/store"
	"feedpub/store/storetest"
)

// TestWritesAreConfirmedByReplicas: a write counts as confirmed only when a replica has it.
func TestWritesAreConfirmedByReplicas(t *testing.T) {
	const wait = 300 * time.Millisecond
	primary, replica := storetest.StartRedis(t), storetest.StartRedis(t)
	s := open(t, store.Options{URL: primary.URL(), ConfirmTimeout: wait}).Site(site)
	put := func(id string) (one, many bool) {
		t.Helper()
		one, err := s.Update(t.Context(), id, func([]byte) ([]byte, error) { return []byte(id), nil })
		if err != nil {
			t.Fatalf("Update: %v", err)
		}
		many, err = s.PutConfirmed(t.Context(), feed.RawPost{ID: id + "2", Raw: []byte(id)})
		if err != nil {
			t.Fatalf("PutConfirmed: %v", err)
		}
		return one, many
	}
	if one, many := put("alone"); one || many {
		t.Errorf("without a replica a write is confirmed: %t, %t", one, many)
	}
	if got, err := s.Post(t.Context(), "alone"); err != nil || string(got) != "alone" {
		t.Errorf("the write that was not confirmed is %q, %v; want it made", got, err)
	}

	cli := func(r *storetest.Server, args ...string) string {
		t.Helper()
		out, err := exec.Command("redis-cli", append([]string{"-u", r.URL()}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("redis-cli %q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	host, port, err := net.SplitHostPort(primary.Addr())
	if err != nil {
		t.Fatal(err)
	}
	cli(replica, "REPLICAOF", host, port)
	for end := time.Now().Add(time.Minute); ; {
		if one, many := put("both"); one && many {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("with a replica no write is confirmed:\n%s", cli(primary, "INFO", "replication"))
		}
	}
	if got := cli(replica, "GET", store.PostKeyPrefix(site)+"both"); strings.TrimSpace(got) != "both" {
		t.Errorf("a write was confirmed, and the replica has %q", got)
	}
}
