package store_test

import (
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/feed"
	"feedpub/store"
	"feedpub/store/storetest"
)

// TestConfirmedWrites checks that a write is confirmed if and only if a replica has it.
func TestConfirmedWrites(t *testing.T) {
	const wait = 300 * time.Millisecond
	primary, replica := storetest.StartRedis(t), storetest.StartRedis(t)
	s := open(t, store.Options{URL: primary.URL(), ConfirmTimeout: wait}).Site(site)
	put := func(id string) (updated, written bool) {
		t.Helper()
		updated, err := s.Update(t.Context(), id, func([]byte) ([]byte, error) { return []byte(id), nil })
		if err != nil {
			t.Fatalf("Update: %v", err)
		}
		_, written, err = s.PutConfirmed(t.Context(), feed.RawPost{ID: id + "2", Raw: []byte(id)})
		if err != nil {
			t.Fatalf("PutConfirmed: %v", err)
		}
		return updated, written
	}
	if updated, written := put("alone"); updated || written {
		t.Errorf("without a replica, Update and PutConfirmed return %t and %t; want false", updated, written)
	}
	if got, err := s.Post(t.Context(), "alone"); err != nil || string(got) != "alone" {
		t.Errorf("Post after an unconfirmed update = %q, %v; want the new version", got, err)
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
		if updated, written := put("both"); updated && written {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("no write was confirmed within a minute of a replica connecting:\n%s", cli(primary, "INFO", "replication"))
		}
	}
	if got := cli(replica, "GET", store.PostKeyPrefix(site)+"both"); strings.TrimSpace(got) != "both" {
		t.Errorf("the replica has %q after a write was confirmed; want both posts", got)
	}
}

// TestWritersInOtherLanguages writes and deletes a post with redis-cli, in the transactions that are documented for
// other programs.
func TestWritersInOtherLanguages(t *testing.T) {
	cli, err := exec.LookPath("redis-cli")
	if err != nil {
		t.Fatalf("this test needs redis-cli: install Debian's package with \"apt-get install redis-tools\" (%v)", err)
	}
	url := storetest.Redis(t)
	run := func(script string) {
		t.Helper()
		cmd := exec.Command(cli, "-u", url)
		cmd.Stdin = strings.NewReader(script)
		if out, err := cmd.CombinedOutput(); err != nil || strings.Contains(string(out), "ERR") {
			t.Fatalf("redis-cli: %v\n%s", err, out)
		}
	}
	s := open(t, store.Options{URL: url}).Site(site)
	run(`MULTI
SET feedpub:{main}:post:hello '{"id": "hello", "content_text": "Hello"}'
XADD feedpub:{main}:inbox * id hello
EXEC
`)
	if got, err := s.Post(t.Context(), "hello"); err != nil || string(got) != `{"id": "hello", "content_text": "Hello"}` {
		t.Errorf("Post = %q, %v", got, err)
	}
	run(`MULTI
DEL feedpub:{main}:post:hello
XADD feedpub:{main}:inbox * id hello
EXEC
XADD feedpub:{main}:inbox * something else
`)
	entries, err := s.Inbox(t.Context(), "", 10)
	if err != nil || len(entries) != 3 {
		t.Fatalf("Inbox = %+v, %v; want three entries", entries, err)
	}
	for i, want := range []string{"hello", "hello", ""} {
		if entries[i].ID != want {
			t.Errorf("inbox entry %d has the id %q; want %q", i, entries[i].ID, want)
		}
	}
}

// TestWritesAreIdempotent repeats writes, as a client does when it receives no reply.
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
	if n, err := s.Counts(t.Context(), feed.Main); err != nil || n[feed.Main] != 1 {
		t.Errorf("Counts = %d, %v; want 1", n[feed.Main], err)
	}
}

// TestPutConfirmedReportsNewPosts checks that each new post is reported once, even if it occurs twice in one call.
func TestPutConfirmedReportsNewPosts(t *testing.T) {
	for name, options := range map[string]store.Options{"unconfirmed": {}, "confirmed": {ConfirmTimeout: time.Second}} {
		t.Run(name, func(t *testing.T) {
			options.URL = storetest.Redis(t)
			s := open(t, options).Site(site)
			post := func(id string) feed.RawPost { return feed.RawPost{ID: id, Raw: []byte("{}")} }
			if err := s.Put(t.Context(), post("old")); err != nil {
				t.Fatal(err)
			}
			got, _, err := s.PutConfirmed(t.Context(), post("new"), post("old"), post("new"), post("next"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]bool{true, false, false, true}, got); diff != "" {
				t.Errorf("new posts (-want +got):\n%s", diff)
			}
		})
	}
}
