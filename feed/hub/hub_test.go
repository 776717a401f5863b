package hub_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"feedpub/feed"
	"feedpub/feed/hub"
)

// unavailable is a store that is down for requests to the hub.
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

// TestSeveralProcesses checks that two hubs on one store, which take turns in stopping, deliver every version to every
// subscriber in order.
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
				stop() // in the middle of whatever it is doing
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
					if r.body < last { // the version has one digit, so later bodies are greater
						t.Errorf("%s gets %q after %q", path, r.body, last)
					}
					last = r.body
				}
			}
		})
	}
}
