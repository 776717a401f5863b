package hub_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/hub"
)

// unavailable is a store that fails to record subscription requests.
type unavailable struct{ hub.Store }

func (unavailable) RequestSubscription(
	context.Context, time.Time, feed.SubscriptionRequest, string, feed.HubLimits,
) (feed.HubLimit, error) {
	return "", fmt.Errorf("test: %w", feed.ErrUnavailable)
}

// servingLater makes the replicas serve a version 100 ms after they are first asked.
func servingLater() option {
	return func(c *hub.Config) {
		var first atomic.Int64
		c.Serving = func(context.Context, int64) bool {
			first.CompareAndSwap(0, time.Now().UnixNano())
			return time.Now().UnixNano()-first.Load() > int64(100*time.Millisecond)
		}
	}
}

func neverServing(context.Context, int64) bool { return false }

func TestParseSecret(t *testing.T) {
	const secret = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	if key, err := hub.ParseSecret("whsec_" + secret + "\n"); err != nil || len(key) != 24 {
		t.Errorf("a valid secret: %d bytes, %v", len(key), err)
	}
	for _, text := range []string{"", secret, "whsec_", "whsec_c2hvcnQ=", "whsec_" + secret + "!", "whsec_" + strings.Repeat("A", 100)} {
		if _, err := hub.ParseSecret(text); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: error %v, want one without the secret", text, err)
		}
	}
}

// TestSeveralProcesses checks that two hubs on one store deliver the newest version to every subscriber, and never an
// older version after a newer one, although one of them is stopped after each commit and replaced.
func TestSeveralProcesses(t *testing.T) {
	for name, open := range stores(t) {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, open(t, "several"), "several")
			const subscribers, versions = 10, 5
			for i := range subscribers {
				w.subscribe(fmt.Sprintf("/cb/%d", i))
			}
			for range versions {
				w.publish()
				ctx, stop := context.WithCancel(t.Context())
				ended := make(chan struct{})
				go func() {
					defer close(ended)
					_ = w.second().Run(ctx)
				}()
				stop() // stop the hub at an arbitrary point in its work
				<-ended
			}
			newest := text(feed.RSS, w.version)
			for i := range subscribers {
				path := fmt.Sprintf("/cb/%d", i)
				w.until("the newest version of "+path, func() bool {
					got := w.matching(posts(path))
					return got[len(got)-1].body == newest
				})
				last := ""
				for _, r := range w.matching(posts(path)) {
					if r.body < last { // compare bodies: each ends in a version of one digit
						t.Errorf("%s gets %q after %q", path, r.body, last)
					}
					last = r.body
				}
			}
		})
	}
}

// TestHostLimitOfSeveralProcesses checks that several hubs on one store together send at most two requests at a time to
// a host, and that if a hub is killed, the hosts that it had reserved become free when its claims end.
func TestHostLimitOfSeveralProcesses(t *testing.T) {
	for name, open := range stores(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newStoppedWorld(t, open(t, "limit"), "limit")
			const subscribers = 12
			now := time.Now()
			for i := range subscribers {
				sub := feed.Subscription{
					Callback: fmt.Sprintf("%s/cb/%d", w.server.URL, i), Topic: topic(feed.Main, feed.RSS), Feed: feed.Main,
					Format: feed.RSS, Created: now, Expires: now.Add(time.Hour),
				}
				if err := w.site.Subscribe(t.Context(), time.Time{}, sub, feed.Claim{}); err != nil {
					t.Fatal(err)
				}
			}
			dead := feed.Claiming{Lease: 500 * time.Millisecond, Most: 1, Claimant: "dead", Serial: 1}
			claims, err := w.site.ClaimDeliveries(t.Context(), dead)
			if err != nil || len(claims) != 1 {
				t.Fatalf("ClaimDeliveries = %v, %v; want one", claims, err)
			}
			slow := newSlow(w.serve)
			w.server.Config.Handler = slow
			for range 3 {
				w.run(w.second())
			}
			for range subscribers {
				slow.finishOne(w)
			}
			w.settled()
			if slow.most != 2 {
				t.Errorf("%d requests to the host at the same time, want 2", slow.most)
			}
			if end := claims[0].Lease; slow.first.Before(end) {
				t.Errorf("the first delivery is %v before the claim of the dead process ends", end.Sub(slow.first))
			}
			w.await(subscribers, func(r received) bool { return r.method == "POST" })
		})
	}
}

// slow is a handler whose requests wait until the test lets them end.
type slow struct {
	next http.HandlerFunc

	mu           sync.Mutex
	active, most int
	first        time.Time
	finish       chan struct{}
}

func newSlow(next http.HandlerFunc) *slow { return &slow{next: next, finish: make(chan struct{})} }

func (s *slow) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	if s.first.IsZero() {
		s.first = time.Now()
	}
	s.active++
	s.most = max(s.most, s.active)
	s.mu.Unlock()
	<-s.finish
	s.next(w, r)
	s.mu.Lock()
	s.active--
	s.mu.Unlock()
}

// finishOne lets one request end once no delivery is due that a hub could start.
func (s *slow) finishOne(w *world) {
	w.t.Helper()
	w.until("all deliveries to be claimed or postponed", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.active > 0 && !slices.ContainsFunc(w.subscriptions(), func(x feed.SubscriptionState) bool {
			return !x.Next.IsZero() && time.Until(x.Next) <= 0
		})
	})
	s.finish <- struct{}{}
}
