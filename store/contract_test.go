package store_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
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

func TestContractOnRedis(t *testing.T) {
	url := storetest.Redis(t)
	opener := func(t *testing.T, _ feed.SiteID) *store.Client { return open(t, store.Options{URL: url}) }
	storetest.Run(t, opener)
	storetest.RunPush(t, opener)
}

func TestContractOnRedisWithCompressedPosts(t *testing.T) {
	url := storetest.Redis(t)
	storetest.Run(t, func(t *testing.T, _ feed.SiteID) *store.Client {
		return open(t, store.Options{URL: url, Compress: true})
	})
}

func TestContractOnMiniredis(t *testing.T) {
	url := storetest.Miniredis(t)
	opener := func(t *testing.T, _ feed.SiteID) *store.Client { return open(t, store.Options{URL: url}) }
	storetest.Run(t, opener)
	storetest.RunPush(t, opener)
}

// TestContractWithPolling runs the contract as if there were hundreds of sites, so that no call blocks in the server.
func TestContractWithPolling(t *testing.T) {
	for name, url := range map[string]string{"redis": storetest.Redis(t), "miniredis": storetest.Miniredis(t)} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T, _ feed.SiteID) *store.Client {
				return open(t, store.Options{URL: url, MaxBlocking: -1})
			})
		})
	}
}

func TestContractOnCluster(t *testing.T) {
	url := storetest.StartCluster(t, noFailover).URL()
	opener := func(t *testing.T, _ feed.SiteID) *store.Client { return open(t, store.Options{URL: url}) }
	storetest.Run(t, opener)
	storetest.RunPush(t, opener)
}

func TestContractThroughSentinels(t *testing.T) {
	url := storetest.StartSentinels(t, noFailover).URL()
	opener := func(t *testing.T, _ feed.SiteID) *store.Client { return open(t, store.Options{URL: url}) }
	storetest.Run(t, opener)
	storetest.RunPush(t, opener)
}
