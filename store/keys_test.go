package store_test

import (
	"os/exec"
	"strings"
	"testing"

	"feedpub/feed"
	"feedpub/store"
	"feedpub/store/storetest"
)

// TestKeysHaveHashTag checks that all keys of a site are in one slot of a Cluster, as scripts and transactions require.
func TestKeysHaveHashTag(t *testing.T) {
	r := storetest.StartRedis(t)
	url := r.URL()
	opener := func(t *testing.T, _ feed.SiteID) *store.Client { return open(t, store.Options{URL: url}) }
	storetest.Run(t, opener)
	storetest.RunPush(t, opener)
	out, err := exec.Command("redis-cli", "-u", url, "--scan").Output()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for key := range strings.Lines(string(out)) {
		if strings.HasPrefix(key, "feedpub:alive:") { // not used in a Cluster
			continue
		}
		if !strings.HasPrefix(key, "feedpub:{contract-") && !strings.HasPrefix(key, "feedpub:{push-") || !strings.Contains(key, "}:") {
			t.Errorf("key %q does not have the hash tag of its site", key)
		}
		n++
	}
	if n == 0 {
		t.Error("the contract left no keys to check")
	}
}
