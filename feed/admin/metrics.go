package admin

import (
	"context"
	"errors"
	"fmt"
	"time"

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

// Built counts what became of a feed that was built.
func (m *Metrics) Built(r feed.FeedReport) { m.builds.WithLabelValues(string(r.Outcome)).Inc() }

// Replica is what is measured of the part that serves readers.
type Replica interface {
	Ready() error
	Store() error
	Version() (version int64, synced time.Time)
	Heads() []feed.Head
	// Counts returns what happened so far; its keys are always the same few.
	Counts() map[string]uint64
}

// Watch measures a replica from now on.
func (m *Metrics) Watch(r Replica) error {
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: namespace, Name: name, Help: help}, value)
	}
	holds := func(check func() error) func() float64 {
		return func() float64 {
			if check() == nil {
				return 1
			}
			return 0
		}
	}
	return m.register(
		gauge("ready", "1 if the main feed is served.", holds(r.Ready)),
		gauge("store_up", "1 if the store answered when the replica last asked.", holds(r.Store)),
		gauge("replica_version", "The store's version up to which the replica has taken commits.", func() float64 {
			version, _ := r.Version()
			return float64(version)
		}),
		gauge("replica_synced_timestamp_seconds", "When the store last answered the replica.", func() float64 {
			_, synced := r.Version()
			return seconds(synced)
		}),
		gauge("feeds", "Feeds that are served.", func() float64 { return float64(len(r.Heads())) }),
		gauge("last_commit_timestamp_seconds", "The latest Last-Modified of any document that is served.", func() float64 {
			var latest time.Time
			for _, h := range r.Heads() {
				for _, d := range h.Documents {
					if d.Modified.After(latest) {
						latest = d.Modified
					}
				}
			}
			return seconds(latest)
		}),
		&countsCollector{r, prometheus.NewDesc(namespace+"_replica_events_total",
			"What the replica did with the store's commits; all but taken are worth a look at the problems.",
			[]string{"event"}, nil)},
	)
}

// seconds returns a time as Prometheus has it; 0 for none.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// countsCollector reads a replica's counts when they are asked for.
type countsCollector struct {
	replica Replica
	desc    *prometheus.Desc
}

func (c *countsCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

func (c *countsCollector) Collect(ch chan<- prometheus.Metric) {
	for event, n := range c.replica.Counts() {
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.CounterValue, float64(n), event)
	}
}

// WatchProblems counts the problems that are listed, by kind, whenever metrics are read. While a lister fails there are
// no such metrics, rather than wrong ones.
func (m *Metrics) WatchProblems(listers ...ProblemLister) error {
	return m.register(&problemsCollector{listers, prometheus.NewDesc(namespace+"_problems",
		"Problems that are listed for operators, by kind.", []string{"kind"}, nil)})
}

type problemsCollector struct {
	listers []ProblemLister
	desc    *prometheus.Desc
}

func (c *problemsCollector) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

func (c *problemsCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	counts := map[feed.ProblemKind]int{
		feed.KindInvalid: 0, feed.KindMissing: 0, feed.KindDoubtful: 0, feed.KindHeld: 0, feed.KindRefused: 0,
	}
	for _, lister := range c.listers {
		problems, err := lister.Problems(ctx)
		if err != nil {
			ch <- prometheus.NewInvalidMetric(c.desc, err)
			return
		}
		for _, p := range problems {
			if _, known := counts[p.Kind]; known { // kinds come from the store, labels must not
				counts[p.Kind]++
			}
		}
	}
	for kind, n := range counts {
		ch <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(n), string(kind))
	}
}

// maxFeedLabels is how many feeds have metrics of their own; the others share one label. A site may have a feed for each
// of thousands of tags.
const maxFeedLabels = 500

// WatchReaders measures who reads, whenever metrics are read. The feeds that were polled first have labels of their own,
// so that no count ever goes back.
func (m *Metrics) WatchReaders(l ReaderLister) error {
	desc := func(name, help, label string) *prometheus.Desc {
		return prometheus.NewDesc(namespace+"_"+name, help, []string{label}, nil)
	}
	return m.register(&readersCollector{
		lister:      l,
		polls:       desc("feed_polls_total", "Polls of a feed that were answered with 200, 226 or 304.", "feed"),
		notModified: desc("feed_polls_not_modified_total", "Polls of a feed that were answered with 304.", "feed"),
		deltas:      desc("feed_polls_delta_total", "Polls of a feed that were answered with 226.", "feed"),
		subscribers: desc("feed_subscribers", "Subscribers that aggregators report, and direct readers of seven days.", "feed"),
		clients:     desc("client_polls_total", "Polls of all feeds by the well-known program that made them.", "client"),
	})
}

type readersCollector struct {
	lister                                           ReaderLister
	polls, notModified, deltas, subscribers, clients *prometheus.Desc
}

func (c *readersCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.polls, c.notModified, c.deltas, c.subscribers, c.clients} {
		ch <- d
	}
}

func (c *readersCollector) Collect(ch chan<- prometheus.Metric) {
	clients := make(map[string]uint64)
	rest := feed.Readership{Feed: otherFormat}
	send := func(r feed.Readership) {
		label := string(r.Feed)
		ch <- prometheus.MustNewConstMetric(c.polls, prometheus.CounterValue, float64(r.Polls), label)
		ch <- prometheus.MustNewConstMetric(c.notModified, prometheus.CounterValue, float64(r.NotModified), label)
		ch <- prometheus.MustNewConstMetric(c.deltas, prometheus.CounterValue, float64(r.Deltas), label)
		ch <- prometheus.MustNewConstMetric(c.subscribers, prometheus.GaugeValue, float64(r.Subscribers), label)
	}
	for i, r := range c.lister.Readers() {
		for name, n := range r.Clients {
			clients[name] += n
		}
		if i < maxFeedLabels {
			send(r)
			continue
		}
		rest.Polls += r.Polls
		rest.NotModified += r.NotModified
		rest.Deltas += r.Deltas
		rest.Subscribers += r.Subscribers
	}
	if rest.Polls > 0 {
		send(rest)
	}
	for name, n := range clients {
		ch <- prometheus.MustNewConstMetric(c.clients, prometheus.CounterValue, float64(n), name)
	}
}
