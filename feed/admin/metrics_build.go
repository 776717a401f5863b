package admin

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

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
