package admin

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"feedpub/feed"
)

const namespace = "feedpub"

// Metrics counts what the other parts report to it; they know it only as an interface or a function of their own. Its
// labels have few values that are known beforehand: nothing of a request or a post becomes one. Its methods are safe for
// concurrent use.
type Metrics struct {
	registry  prometheus.Registerer
	responses map[feed.Format]*formatMetrics
	builds    *prometheus.CounterVec
}

// formatMetrics are the counters of one format, looked up once: they are on the way of every answer.
type formatMetrics struct {
	statuses [len(statusClasses)]prometheus.Counter
	bytes    prometheus.Counter
}

// otherFormat is the label for errors and for what is not a feed.
const otherFormat = "other"

// statusClasses are the values of the label status. 304 is by itself: its share is what tells whether readers poll well.
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

// Build says what is running.
type Build struct {
	Version, Revision, GoVersion string
}

// NewMetrics registers all metrics, those of the Go runtime and of the process too. An error says that one is registered
// already.
func NewMetrics(registry prometheus.Registerer, b Build) (*Metrics, error) {
	m := &Metrics{
		registry:  registry,
		responses: make(map[feed.Format]*formatMetrics),
		builds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: namespace, Name: "builds_total", Help: "Feeds built, by what became of them.",
		}, []string{"outcome"}),
	}
	responses := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "responses_total",
		Help: "Answers to readers, by the format of the feed that was asked for and the class of the status.",
	}, []string{"format", "status"})
	bytes := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: namespace, Name: "response_bytes_total", Help: "Bytes of the bodies of answers to readers.",
	}, []string{"format"})
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "What is running; the value is always 1.",
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
	for _, o := range []feed.Outcome{feed.Committed, feed.Unchanged, feed.Held, feed.Failed} {
		m.builds.WithLabelValues(string(o))
	}
	if err := m.register(responses, bytes, m.builds, info, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})); err != nil {
		return nil, err
	}
	return m, nil
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

// Served counts an answer to a reader: the format of the feed that was asked for, "" for errors and what is not a feed,
// the status, and the length of the body in bytes.
func (m *Metrics) Served(format feed.Format, status, bytes int) {
	fm := m.responses[format]
	if fm == nil {
		fm = m.responses[""]
	}
	fm.statuses[statusClass(status)].Inc()
	fm.bytes.Add(float64(bytes))
}

// Memory says how much of documents is in memory.
type Memory interface {
	// Held returns how many bytes are held now, and Loads how many documents were brought there because they were asked
	// for, or after a start.
	Held() int64
	Loads() uint64
}

// WatchMemory reports what m says whenever the metrics are read.
func (m *Metrics) WatchMemory(memory Memory) error {
	return m.register(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Namespace: namespace, Name: "documents_memory_bytes", Help: "Bytes of documents in memory, which server.memory bounds.",
		}, func() float64 { return float64(memory.Held()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Namespace: namespace, Name: "document_loads_total",
			Help: "Documents brought into memory after a start or for want of room; many of them want a greater server.memory.",
		}, func() float64 { return float64(memory.Loads()) }),
	)
}

// Built counts what became of a feed that was built.
func (m *Metrics) Built(r feed.FeedReport) { m.builds.WithLabelValues(string(r.Outcome)).Inc() }
