package admin

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"feedpub/feed"
)

const (
	// maxSiteLabels bounds the number of sites that have their own metrics, and so the number of time series. These are
	// the sites with the smallest ids. The metrics that count sites include all of them.
	maxSiteLabels = 1000
	// maxFeedLabels bounds the number of feeds that have their own metrics if there is one site; manyFeedLabels applies if
	// there are several. All other feeds share one label, because a site may have a feed for each of thousands of tags.
	maxFeedLabels  = 500
	manyFeedLabels = 20
)

// Watch registers the metrics of the sites and of the process's problems. states reads the states of the sites from the
// store, and listers list the problems.
func (m *Metrics) Watch(sites Sites, states StateReader, listers ...ProblemLister) error {
	return m.register(newSitesCollector(sites), newStatesCollector(sites, states, listers), newReadersCollector(sites),
		newPushCollector(sites))
}

// labeled returns the sites that have their own metrics.
func labeled(sites Sites) []*Site {
	all := sites.Sites()
	return all[:min(len(all), maxSiteLabels)]
}

func siteDesc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(namespace+"_"+name, help, append([]string{"site"}, labels...), nil)
}

// sitesCollector collects metrics from the sites' replicas.
type sitesCollector struct {
	sites                                               Sites
	number, numberReady                                 *prometheus.Desc
	ready, store, version, synced, feeds, commit, event *prometheus.Desc
	next                                                *prometheus.Desc
	unsaved                                             *prometheus.Desc
}

func newSitesCollector(sites Sites) *sitesCollector {
	return &sitesCollector{
		sites:       sites,
		number:      prometheus.NewDesc(namespace+"_sites", "Number of sites.", nil, nil),
		numberReady: prometheus.NewDesc(namespace+"_sites_ready", "Number of sites whose main feed is served.", nil, nil),
		ready:       siteDesc("ready", "1 if the main feed is served."),
		store:       siteDesc("store_up", "1 if the replica's last call to the store succeeded."),
		version:     siteDesc("replica_version", "Store version up to which the replica has applied commits."),
		synced:      siteDesc("replica_synced_timestamp_seconds", "Time of the store's last response to the replica."),
		unsaved: siteDesc("unsaved_since_timestamp_seconds",
			"Time at which the copies of served documents on disk became out of date; 0 if they are up to date."),
		feeds:  siteDesc("feeds", "Number of served feeds."),
		commit: siteDesc("last_commit_timestamp_seconds", "Latest Last-Modified of the served documents."),
		next:   siteDesc("next_run_timestamp_seconds", "Time of the next scheduled run."),
		event: siteDesc("replica_events_total",
			"Commits that the replica read from the store, by result; see the problems for any result other than applied.",
			"event"),
	}
}

// Describe implements [prometheus.Collector].
func (c *sitesCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.number, c.numberReady, c.ready, c.store, c.version, c.synced, c.feeds, c.commit, c.event, c.next, c.unsaved,
	} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *sitesCollector) Collect(ch chan<- prometheus.Metric) {
	ready := 0
	all := c.sites.Sites()
	for i, s := range all {
		isReady := s.Replica.Ready() == nil
		if isReady {
			ready++
		}
		if i >= maxSiteLabels {
			continue
		}
		gauge := func(d *prometheus.Desc, v float64) {
			ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, string(s.ID))
		}
		version, synced := s.Replica.Version()
		heads := s.Replica.Heads()
		gauge(c.ready, number(isReady))
		gauge(c.store, number(s.Replica.Store() == nil))
		gauge(c.version, float64(version))
		gauge(c.synced, seconds(synced))
		behind, _ := s.Replica.Saved()
		gauge(c.unsaved, seconds(behind))
		feeds, _ := feed.FeedsOf(heads)
		gauge(c.feeds, float64(len(feeds)))
		gauge(c.commit, seconds(latest(heads)))
		if next := s.NextRun(time.Now()); !next.IsZero() {
			gauge(c.next, seconds(next))
		}
		for event, n := range s.Replica.Counts() {
			ch <- prometheus.MustNewConstMetric(c.event, prometheus.CounterValue, float64(n), string(s.ID), event)
		}
	}
	ch <- prometheus.MustNewConstMetric(c.number, prometheus.GaugeValue, float64(len(all)))
	ch <- prometheus.MustNewConstMetric(c.numberReady, prometheus.GaugeValue, float64(ready))
}

// number returns 1 for true and 0 for false.
func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// latest returns the latest Last-Modified of the documents of heads.
func latest(heads []feed.Head) time.Time {
	var t time.Time
	for _, h := range heads {
		for _, d := range h.Documents {
			if d.Modified.After(t) {
				t = d.Modified
			}
		}
	}
	return t
}

// seconds returns t in Unix seconds, or 0 for the zero time.
func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// readersCollector collects the readership of feeds. The feeds that were polled first have their own labels, so that
// the counter of a label never decreases.
type readersCollector struct {
	sites                                            Sites
	polls, notModified, deltas, subscribers, clients *prometheus.Desc
}

func newReadersCollector(sites Sites) *readersCollector {
	return &readersCollector{
		sites:       sites,
		polls:       siteDesc("feed_polls_total", "Polls of a feed answered with 200, 226 or 304.", "feed"),
		notModified: siteDesc("feed_polls_not_modified_total", "Polls of a feed answered with 304.", "feed"),
		deltas:      siteDesc("feed_polls_delta_total", "Polls of a feed answered with 226.", "feed"),
		subscribers: siteDesc("feed_subscribers",
			"Subscribers of the last seven days: those that aggregators reported, direct readers and subscriptions through the hub.", "feed"),
		clients: siteDesc("client_polls_total", "Polls of all feeds, by program.", "client"),
	}
}

// Describe implements [prometheus.Collector].
func (c *readersCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.polls, c.notModified, c.deltas, c.subscribers, c.clients} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *readersCollector) Collect(ch chan<- prometheus.Metric) {
	sites := labeled(c.sites)
	labels := maxFeedLabels
	if len(sites) > 1 {
		labels = manyFeedLabels
	}
	for _, s := range sites {
		if s.Readers != nil {
			c.collect(ch, string(s.ID), s.Readers.Readers(), labels)
		}
	}
}

// collect sends the readership of a site, with separate labels for the first feeds.
func (c *readersCollector) collect(ch chan<- prometheus.Metric, site string, list []feed.Readership, labels int) {
	clients := make(map[string]uint64)
	rest := feed.Readership{Feed: otherFormat}
	send := func(r feed.Readership) {
		label := string(r.Feed)
		ch <- prometheus.MustNewConstMetric(c.polls, prometheus.CounterValue, float64(r.Polls), site, label)
		ch <- prometheus.MustNewConstMetric(c.notModified, prometheus.CounterValue, float64(r.NotModified), site, label)
		ch <- prometheus.MustNewConstMetric(c.deltas, prometheus.CounterValue, float64(r.Deltas), site, label)
		ch <- prometheus.MustNewConstMetric(c.subscribers, prometheus.GaugeValue, float64(r.Subscribers), site, label)
	}
	for i, r := range list {
		for name, n := range r.Clients {
			clients[name] += n
		}
		if i < labels {
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
		ch <- prometheus.MustNewConstMetric(c.clients, prometheus.CounterValue, float64(n), site, name)
	}
}
