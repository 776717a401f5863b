package admin

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"feedpub/feed"
)

// BuildReporter reports the build state of a site.
type BuildReporter interface {
	BuildState(ctx context.Context) (feed.BuildState, error)
}

// buildCollector collects the build state of the sites. If the store is unavailable, the metrics are missing.
type buildCollector struct {
	sites                       Sites
	builder, token, oldest, lag *prometheus.Desc
}

func newBuildCollector(sites Sites) *buildCollector {
	return &buildCollector{
		sites:   sites,
		builder: siteDesc("builder", "1 if a process, on any machine, builds the site."),
		token:   siteDesc("builder_token", "Greatest fencing token of the site; it grows when another process takes over."),
		oldest:  siteDesc("inbox_oldest_seconds", "Age of the oldest inbox entry that was not absorbed; 0 if there is none."),
		lag:     siteDesc("replica_lag_versions", "Number of commits in the store that the replica has not applied."),
	}
}

// Describe implements [prometheus.Collector].
func (c *buildCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.builder, c.token, c.oldest, c.lag} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *buildCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	for _, s := range labeled(c.sites) {
		if s.Builds == nil {
			continue
		}
		state, err := s.Builds.BuildState(ctx)
		if err != nil {
			return // all sites share a store, so the others would fail too, each after a timeout
		}
		gauge := func(d *prometheus.Desc, v float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, string(s.ID))
		}
		gauge(c.builder, number(state.Builder != ""))
		gauge(c.token, float64(state.Token))
		oldest := 0.0
		if !state.Waiting.IsZero() {
			oldest = max(0, time.Since(state.Waiting).Seconds())
		}
		gauge(c.oldest, oldest)
		applied, _ := s.Replica.Version()
		gauge(c.lag, float64(max(0, state.Version-applied)))
	}
}

// StoreCalled observes a command or pipeline that was sent to the store. The outcome is one of a small fixed set.
func (m *Metrics) StoreCalled(outcome string, d time.Duration) {
	m.calls.WithLabelValues(outcome).Observe(d.Seconds())
}

// Answered observes the time that it took to answer a reader.
func (m *Metrics) Answered(d time.Duration) { m.answers.Observe(d.Seconds()) }

// addDurations creates the histograms of responses and of calls to the store.
func (m *Metrics) addDurations() {
	m.calls = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: "store_call_duration_seconds",
		Help:    "Duration of commands and pipelines sent to the store, by outcome, except those that wait for new entries.",
		Buckets: []float64{.0002, .0005, .001, .0025, .005, .01, .025, .1, .5, 1, 5},
	}, []string{"outcome"})
	m.answers = prometheus.NewHistogram(prometheus.HistogramOpts{
		Namespace: namespace, Name: "response_duration_seconds",
		Help:    "Time to prepare a response to a reader, before it is sent; one in 16 requests is measured.",
		Buckets: []float64{.000001, .00001, .0001, .001, .01, .1, 1},
	})
}
