package admin

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"feedpub/feed"
)

// Pushed counts a request to a subscriber, a hub or a webhook. The kind and the outcome come from small fixed sets.
// delay is the time since the commit, or 0 to omit it.
func (m *Metrics) Pushed(kind, outcome string, delay time.Duration) {
	m.pushes.WithLabelValues(kind, outcome).Inc()
	if delay > 0 {
		m.delays.Observe(delay.Seconds())
	}
}

// pushCollector collects the state of subscriptions and notices. If the store is unavailable, the metrics are missing.
type pushCollector struct {
	sites  Sites
	gauges []pushGauge
}

type pushGauge struct {
	desc  *prometheus.Desc
	value func(feed.PushState) float64
}

func newPushCollector(sites Sites) *pushCollector {
	count := func(n func(feed.PushState) int) func(feed.PushState) float64 {
		return func(s feed.PushState) float64 { return float64(n(s)) }
	}
	return &pushCollector{sites, []pushGauge{
		{siteDesc("push_subscriptions", "Subscriptions through the built-in hub."),
			count(func(s feed.PushState) int { return s.Subscriptions })},
		{siteDesc("push_subscriptions_failing", "Subscriptions whose last delivery failed."),
			count(func(s feed.PushState) int { return s.Failing })},
		{siteDesc("push_subscriptions_expiring", "Subscriptions whose lease ends within a day."),
			count(func(s feed.PushState) int { return s.Expiring })},
		{siteDesc("push_verifications_waiting", "Requests to the hub that await the subscriber's confirmation."),
			count(func(s feed.PushState) int { return s.Requests })},
		{siteDesc("push_deliveries_waiting", "Deliveries to subscribers that are waiting or in progress."),
			count(func(s feed.PushState) int { return s.Deliveries })},
		{siteDesc("push_notices_waiting", "Notices to hubs and webhooks that are waiting or in progress."),
			count(func(s feed.PushState) int { return s.Notices })},
		{siteDesc("push_oldest_seconds", "How long the oldest delivery or notice has been overdue."),
			func(s feed.PushState) float64 {
				if s.Oldest.IsZero() {
					return 0
				}
				return max(0, time.Since(s.Oldest).Seconds())
			}},
	}}
}

// Describe implements [prometheus.Collector].
func (c *pushCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, g := range c.gauges {
		ch <- g.desc
	}
}

// Collect implements [prometheus.Collector].
func (c *pushCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	for _, s := range labeled(c.sites) {
		if s.Push == nil {
			continue
		}
		state, err := s.Push.PushState(ctx)
		if err != nil {
			return // all sites share a store, so the others would fail too, each after a timeout
		}
		for _, g := range c.gauges {
			ch <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, g.value(state), string(s.ID))
		}
	}
}
