package admin

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"feedpub/feed"
)

const namespace = "feedpub"

// Metrics holds the metrics that the process updates as events occur. Label values come from small fixed sets, never
// from a request or a post. Its methods are safe for concurrent use.
type Metrics struct {
	registry  prometheus.Registerer
	responses map[feed.Format]*formatMetrics
	builds    *prometheus.CounterVec
	runs      *prometheus.CounterVec
	stages    *prometheus.HistogramVec
	lastRun   *prometheus.GaugeVec
	pushes    *prometheus.CounterVec
	delays    prometheus.Histogram
	calls     *prometheus.HistogramVec
	answers   prometheus.Histogram
	reloads   *prometheus.CounterVec
	reloaded  *prometheus.GaugeVec
}

// formatMetrics are the counters of one format. They are looked up once, since every response updates them.
type formatMetrics struct {
	statuses [len(statusClasses)]prometheus.Counter
	bytes    prometheus.Counter
}

// otherFormat is the format label of errors and of documents that are not feeds, and the feed label of feeds that have
// no label of their own.
const otherFormat = "other"

// statusClasses are the values of the status label. 304 has its own class, because the share of 304 responses shows how
// many readers make conditional requests.
var statusClasses = [...]string{"2xx", "304", "3xx", "4xx", "5xx"}

func statusClass(status int) int {
	switch {
	case status < 300:
		return 0
	case status == 304:
		return 1
	case status < 400:
		return 2
	case status < 500:
		return 3
	default:
		return 4
	}
}

// Build identifies the running program.
type Build struct {
	Version, Revision, GoVersion string
}

// NewMetrics registers all metrics, including those of the Go runtime and the process. It fails if any of them is
// already registered.
func NewMetrics(registry prometheus.Registerer, b Build) (*Metrics, error) {
	m := &Metrics{
		registry:  registry,
		responses: make(map[feed.Format]*formatMetrics),
		builds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "builds_total", Help: "Feeds built, by outcome.",
		}, []string{"outcome"}),
		pushes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "push_requests_total",
			Help: "Requests to subscribers, hubs and webhooks, by kind and outcome.",
		}, []string{"kind", "outcome"}),
		delays: prometheus.NewHistogram(prometheus.HistogramOpts{
			Namespace: namespace, Name: "push_delay_seconds",
			Help:    "Time from a commit to the response of a subscriber, hub or webhook, for first attempts.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		}),
	}
	responses := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "responses_total",
		Help: "Responses to readers, by format of the requested feed and class of the status code.",
	}, []string{"format", "status"})
	bytes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "response_bytes_total",
		Help: "Bytes of response bodies sent to readers, by format of the requested feed.",
	}, []string{"format"})
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Version of the running program; the value is always 1.",
		ConstLabels: prometheus.Labels{"version": b.Version, "revision": b.Revision, "goversion": b.GoVersion},
	})
	info.Set(1)
	for _, f := range append(feed.Formats(), "") {
		label := string(f)
		if f == "" {
			label = otherFormat
		}
		fm := &formatMetrics{bytes: bytes.WithLabelValues(label)}
		for i, class := range statusClasses {
			fm.statuses[i] = responses.WithLabelValues(label, class)
		}
		m.responses[f] = fm
	}
	m.addRuns()
	m.addDurations()
	for _, o := range feed.Outcomes() {
		m.builds.WithLabelValues(string(o))
	}
	if err := m.register(responses, bytes, m.builds, m.pushes, m.delays, m.runs, m.stages, m.lastRun, m.calls, m.answers, m.reloads, m.reloaded, info,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})); err != nil {
		return nil, err
	}
	return m, nil
}

// addRuns creates the metrics of runs and reloads. Except for metrics with a site label, it initializes all series.
func (m *Metrics) addRuns() {
	m.runs = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "runs_total", Help: "Runs of the builder, by trigger and result.",
	}, []string{"trigger", "result"})
	m.stages = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Name: "stage_duration_seconds",
		Help: "Duration of the stages of runs; render is observed for each feed, " +
			"commit for each feed or for several feeds that are committed together.",
		Buckets: []float64{.001, .005, .02, .1, .5, 2, 10, 60, 600},
	}, []string{"stage"})
	m.lastRun = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: namespace, Name: "last_run_timestamp_seconds",
		Help: "Start of this process's last run, by site and result.",
	}, []string{"site", "result"})
	m.reloads = prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "reloads_total", Help: "Reloads of the configuration, by outcome.",
	}, []string{"outcome"})
	m.reloaded = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Namespace: namespace, Name: "last_reload_timestamp_seconds",
		Help: "Time of the last reload of the configuration with the outcome; 0 if there was none.",
	}, []string{"outcome"})
	for _, o := range ReloadOutcomes() {
		m.reloads.WithLabelValues(string(o))
		m.reloaded.WithLabelValues(string(o))
	}
	for _, t := range feed.Triggers() {
		if t == feed.ReloadTrigger {
			continue // a reload does not run the builder
		}
		for _, result := range runResults {
			m.runs.WithLabelValues(string(t), result)
		}
	}
	for _, s := range feed.Stages() {
		m.stages.WithLabelValues(string(s))
	}
}

func (m *Metrics) register(cs ...prometheus.Collector) error {
	var errs []error
	for _, c := range cs {
		errs = append(errs, m.registry.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

// Served counts a response to a reader. The format is that of the requested feed, or "" for errors and documents that
// are not feeds; bytes is the length of the body.
func (m *Metrics) Served(format feed.Format, status, bytes int) {
	fm := m.responses[format]
	if fm == nil {
		fm = m.responses[""]
	}
	fm.statuses[statusClass(status)].Inc()
	fm.bytes.Add(float64(bytes))
}

// Memory reports the memory used by documents.
type Memory interface {
	// Size returns the number of bytes of documents in memory. Loads returns the number of documents loaded from disk
	// since the start.
	Size() int64
	Loads() uint64
}

// WatchMemory registers memory metrics.
func (m *Metrics) WatchMemory(memory Memory) error {
	return m.register(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: "documents_memory_bytes",
			Help: "Bytes of documents and of responses that are being sent, bounded by server.memory.",
		}, func() float64 { return float64(memory.Size()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: namespace, Name: "document_loads_total",
			Help: "Documents loaded from disk into memory; a high rate means that server.memory is too small.",
		}, func() float64 { return float64(memory.Loads()) }),
	)
}

// Built counts the outcome of a feed that was built.
func (m *Metrics) Built(r feed.FeedReport) { m.builds.WithLabelValues(string(r.Outcome)).Inc() }

// runResults are the values of the result label.
var runResults = []string{"changed", "idle", "failed"}

// Ran counts a run of the builder of a site.
func (m *Metrics) Ran(site feed.SiteID, r feed.Run) {
	result := runResults[0]
	switch {
	case r.Failed():
		result = runResults[2]
	case r.Idle():
		result = runResults[1]
	}
	m.runs.WithLabelValues(string(r.Trigger), result).Inc()
	m.lastRun.WithLabelValues(string(site), result).Set(seconds(r.Started))
}

// Reloaded counts a reload of the configuration.
func (m *Metrics) Reloaded(o ReloadOutcome, at time.Time) {
	m.reloads.WithLabelValues(string(o)).Inc()
	m.reloaded.WithLabelValues(string(o)).Set(seconds(at))
}

// Timed observes the duration of a stage.
func (m *Metrics) Timed(s feed.Stage, d time.Duration) {
	m.stages.WithLabelValues(string(s)).Observe(d.Seconds())
}

// Forget removes the metrics of a site that this process no longer serves or builds.
func (m *Metrics) Forget(site feed.SiteID) {
	m.lastRun.DeletePartialMatch(prometheus.Labels{"site": string(site)})
}
