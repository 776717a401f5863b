package admin

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"feedpub/feed"
)

// pushed is a fixed state of subscriptions and notices, or an error.
type pushed struct {
	state feed.PushState
	err   error
}

func (p pushed) PushState(context.Context) (feed.PushState, error) { return p.state, p.err }

func TestMetricsOfPush(t *testing.T) {
	registry := prometheus.NewRegistry()
	m, err := NewMetrics(registry, Build{})
	if err != nil {
		t.Fatal(err)
	}
	main := newSite("main", &fake{})
	main.Push = pushed{state: feed.PushState{
		Subscriptions: 7, Failing: 2, Expiring: 3, Requests: 4, Deliveries: 5, Notices: 6,
	}}
	if err := m.Watch(OneSite{main}, states{}); err != nil {
		t.Fatal(err)
	}
	m.Pushed("delivery", "ok", 20*time.Millisecond)
	m.Pushed("delivery", "ok", 0) // a retry, whose delay is not counted
	m.Pushed("ping", "failed", 0)
	want := `
# HELP feedpub_push_requests_total Requests to subscribers, hubs and webhooks, by kind and outcome.
# TYPE feedpub_push_requests_total counter
feedpub_push_requests_total{kind="delivery",outcome="ok"} 2
feedpub_push_requests_total{kind="ping",outcome="failed"} 1
# HELP feedpub_push_subscriptions Subscriptions through the built-in hub.
# TYPE feedpub_push_subscriptions gauge
feedpub_push_subscriptions{site="main"} 7
# HELP feedpub_push_subscriptions_failing Subscriptions whose last delivery failed.
# TYPE feedpub_push_subscriptions_failing gauge
feedpub_push_subscriptions_failing{site="main"} 2
# HELP feedpub_push_notices_waiting Notices to hubs and webhooks that are waiting or in progress.
# TYPE feedpub_push_notices_waiting gauge
feedpub_push_notices_waiting{site="main"} 6
# HELP feedpub_push_oldest_seconds How long the oldest delivery or notice has been overdue.
# TYPE feedpub_push_oldest_seconds gauge
feedpub_push_oldest_seconds{site="main"} 0
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), "feedpub_push_requests_total",
		"feedpub_push_subscriptions", "feedpub_push_subscriptions_failing", "feedpub_push_notices_waiting",
		"feedpub_push_oldest_seconds"); err != nil {
		t.Error(err)
	}
	if n := testutil.CollectAndCount(m.delays); n != 1 {
		t.Errorf("%d delay histograms, want 1", n)
	}
	main.Push = pushed{err: feed.ErrUnavailable}
	if n, err := testutil.GatherAndCount(registry, "feedpub_push_subscriptions"); err != nil || n != 0 {
		t.Errorf("%d subscription metrics while the store is unavailable (error %v), want none", n, err)
	}
}
