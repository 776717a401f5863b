package store_test

import (
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/store"
	"feedpub/store/storetest"
)

// calm is long enough that no server of a busy machine is taken for dead.
const calm = 10 * time.Second

func TestContractOnCluster(t *testing.T) {
	url := storetest.StartCluster(t, calm).URL()
	storetest.Run(t, func(t *testing.T, _ feed.SiteID) *store.Client { return open(t, store.Options{URL: url}) })
}

func TestContractThroughSentinels(t *testing.T) {
	url := storetest.StartSentinels(t, calm).URL()
	storetest.Run(t, func(t *testing.T, _ feed.SiteID) *store.Client { return open(t, store.Options{URL: url}) })
}
