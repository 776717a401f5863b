package store_test

import (
	"os/exec"
	"strings"
	"testing"

	"feedpub/feed"
	"feedpub/store"
	"feedpub/store/storetest"
)

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
