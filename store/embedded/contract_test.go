package embedded

import (
	"context"
	"testing"

	"feedpub/feed"
	"feedpub/store"
	"feedpub/store/storetest"
)

func TestContract(t *testing.T) {
	stores := map[*testing.T]*Store{}
	storetest.Run(t, func(t *testing.T, site feed.SiteID) *store.Client {
		if s, ok := stores[t]; ok {
			return s.Client()
		}
		s := open(t, Options{Dir: t.TempDir(), Data: t.TempDir(), Site: site})
		stores[t] = s
		// Do not call Run: while it watches the folder, it adds inbox entries, and the contract counts inbox entries.
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- s.expire(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("expire: %v", err)
			}
		})
		return s.Client()
	})
}

func TestPushContract(t *testing.T) {
	storetest.RunPush(t, func(t *testing.T, site feed.SiteID) *store.Client {
		return open(t, Options{Dir: t.TempDir(), Data: t.TempDir(), Site: site}).Client()
	})
}
