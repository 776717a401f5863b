package store_test

import (
	"testing"

	"feedpub/feed"
	"feedpub/store"
	"feedpub/store/storetest"
)

// open opens a client and closes it when the test ends.
func open(t *testing.T, o store.Options) *store.Client {
	t.Helper()
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

func TestContractOnRedis(t *testing.T) {
	url := storetest.Redis(t)
	storetest.Run(t, func(t *testing.T, _ feed.SiteID) *store.Client { return open(t, store.Options{URL: url}) })
}

func TestContractOnRedisWithCompressedPosts(t *testing.T) {
	url := storetest.Redis(t)
	storetest.Run(t, func(t *testing.T, _ feed.SiteID) *store.Client {
		return open(t, store.Options{URL: url, Compress: true})
	})
}

func TestContractOnMiniredis(t *testing.T) {
	url := storetest.Miniredis(t)
	storetest.Run(t, func(t *testing.T, _ feed.SiteID) *store.Client { return open(t, store.Options{URL: url}) })
}
