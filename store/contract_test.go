package store_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/store"
	"feedpub/store/storetest"
)

// open opens a client and closes it when the test ends. The default timeouts are long enough for a busy machine.
func open(t *testing.T, o store.Options) *store.Client {
	t.Helper()
	o.DialTimeout = cmp.Or(o.DialTimeout, 30*time.Second)
	o.ServeTimeout = cmp.Or(o.ServeTimeout, 30*time.Second)
	o.BuildTimeout = cmp.Or(o.BuildTimeout, 30*time.Second)
	c, err := store.Open(o)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return c
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(b) // never fails for a buffer
	_ = w.Close()
	return out.Bytes()
}

const site = feed.SiteID("main")

// document returns a request to commit the main feed with one document.
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

// noFailover is a failover timeout so long that a busy machine does not trigger a failover.
const noFailover = 10 * time.Second

// onServer returns an opener of clients of one server.
func onServer(o store.Options) storetest.Opener {
	return func(t *testing.T, _ feed.SiteID) *store.Client { return open(t, o) }
}

// onMiniredis returns an opener that starts a Miniredis for each test, because its expiration of keys is slow if it has
// the keys of all tests.
func onMiniredis(o store.Options) storetest.Opener {
	urls := map[*testing.T]string{}
	return func(t *testing.T, _ feed.SiteID) *store.Client {
		if urls[t] == "" {
			urls[t] = storetest.Miniredis(t)
		}
		o := o
		o.URL = urls[t]
		return open(t, o)
	}
}

func TestContractOnRedis(t *testing.T) {
	url := storetest.Redis(t)
	storetest.Run(t, onServer(store.Options{URL: url}))
	storetest.RunPush(t, onServer(store.Options{URL: url}))
	t.Run("KeysHaveHashTag", func(t *testing.T) { checkHashTags(t, url) })
}

// checkHashTags checks that all keys of a site are in one slot of a Cluster, as scripts and transactions require.
func checkHashTags(t *testing.T, url string) {
	t.Helper()
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

func TestContractOnRedisWithCompressedPosts(t *testing.T) {
	storetest.Run(t, onServer(store.Options{URL: storetest.Redis(t), Compress: true}))
}

func TestContractOnMiniredis(t *testing.T) {
	opener := onMiniredis(store.Options{})
	storetest.Run(t, opener)
	storetest.RunPush(t, opener)
}

// TestContractWithPolling runs the contract as if there were hundreds of sites, so that no call blocks in the server.
func TestContractWithPolling(t *testing.T) {
	t.Run("redis", func(t *testing.T) {
		storetest.Run(t, onServer(store.Options{URL: storetest.Redis(t), MaxBlocking: -1}))
	})
	t.Run("miniredis", func(t *testing.T) { storetest.Run(t, onMiniredis(store.Options{MaxBlocking: -1})) })
}

func TestContractOnCluster(t *testing.T) {
	url := storetest.StartCluster(t, noFailover).URL()
	opener := onServer(store.Options{URL: url})
	storetest.Run(t, opener)
	storetest.RunPush(t, opener)
}

func TestContractThroughSentinels(t *testing.T) {
	url := storetest.StartSentinels(t, noFailover).URL()
	opener := onServer(store.Options{URL: url})
	storetest.Run(t, opener)
	storetest.RunPush(t, opener)
}
