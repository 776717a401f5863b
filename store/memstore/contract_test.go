package memstore_test

import (
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/store/memstore"
	"feedpub/store/storetest"
)

func TestContract(t *testing.T) {
	sites := map[feed.SiteID]*memstore.Site{}
	storetest.RunSites(t, func(_ *testing.T, _ feed.SiteID) func(feed.SiteID) storetest.Site {
		return func(id feed.SiteID) storetest.Site {
			if sites[id] == nil {
				sites[id] = memstore.New(time.Now)
			}
			return sites[id]
		}
	})
}
