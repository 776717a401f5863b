package publish_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"feedpub/feed"
	"feedpub/feed/publish"
	"feedpub/store/memstore"
)

// busyStore is a store that does not renew leases until a given time.
type busyStore struct {
	publish.Store
	until time.Time
}

func (s busyStore) Renew(ctx context.Context, job, owner string, ttl time.Duration) error {
	if time.Now().Before(s.until) {
		return fmt.Errorf("renew: %w", feed.ErrUnavailable)
	}
	return s.Store.Renew(ctx, job, owner, ttl)
}

// TestLeaseAlone checks that a builder that has the store to itself keeps its term if it cannot renew the lease for
// ten seconds, and that a builder with the default lease does not.
func TestLeaseAlone(t *testing.T) {
	configure := virtualConfig(t)
	for name, test := range map[string]struct {
		lease time.Duration
		kept  bool
	}{
		"default": {0, false},
		"alone":   {publish.LeaseAlone, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				posts := memstore.New(time.Now)
				c := configure("b", busyStore{posts, time.Now().Add(10 * time.Second)})
				c.Lease = test.lease
				p := publish.New(c)
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() { ended <- p.Run(ctx) }()
				synctest.Wait()
				first := token(t, posts)
				time.Sleep(time.Minute)
				_, left, err := posts.Holder(ctx, publish.Job)
				if err != nil || left <= 0 || left > max(test.lease, 2*time.Second) {
					t.Errorf("the lease expires in %v (error %v), want at most %v", left, err, max(test.lease, 2*time.Second))
				}
				if err := posts.Put(ctx, oldPost("p")); err != nil {
					t.Fatal(err)
				}
				if _, err := publish.Ask(ctx, posts, nil); err != nil {
					t.Fatal(err)
				}
				if last := token(t, posts); (last == first) != test.kept {
					t.Errorf("token %d, then %d; want the same: %t", first, last, test.kept)
				}
				cancel()
				if err := <-ended; err != nil {
					t.Errorf("Run: %v", err)
				}
			})
		})
	}
}

// token returns the token of the main feed's head.
func token(t *testing.T, s *memstore.Site) feed.Token {
	t.Helper()
	head, err := s.Head(t.Context(), feed.Main)
	if err != nil {
		t.Fatal(err)
	}
	return head.Token
}
