package store_test

import (
	"os/exec"
	"strings"
	"testing"

	"feedpub/feed"
	"feedpub/store"
	"feedpub/store/storetest"
)

// TestWritersInAnyLanguage writes and deletes a post as the documentation tells other programs to: with two commands in
// a transaction, by redis-cli.
func TestWritersInAnyLanguage(t *testing.T) {
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
			t.Errorf("inbox entry %d is of %q; want %q", i, entries[i].ID, want)
		}
	}
}

// TestEveryKeyOfASiteIsInOneSlot: scripts and transactions of a Redis Cluster reach no further.
func TestEveryKeyOfASiteIsInOneSlot(t *testing.T) {
	r := storetest.StartRedis(t)
	url := r.URL()
	storetest.Run(t, func(t *testing.T, _ feed.SiteID) *store.Client { return open(t, store.Options{URL: url}) })
	out, err := exec.Command("redis-cli", "-u", url, "--scan").Output()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for key := range strings.Lines(string(out)) {
		if !strings.HasPrefix(key, "feedpub:{contract-") || !strings.Contains(key, "}:") {
			t.Errorf("key %q is outside of its site", key)
		}
		n++
	}
	if n == 0 {
		t.Error("the contract has left no keys: nothing was tested")
	}
}
