package admin

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"feedpub/feed"
)

// StateReader reads the states of many sites from their store. It takes a few round trips for any number of sites.
type StateReader interface {
	// States returns the states of the sites, in their order.
	States(ctx context.Context, sites []feed.SiteID) ([]feed.SiteState, error)
}

// statesCollector collects the problems and the build state of the sites. If the store is unavailable, the metrics of
// the build state are missing, and the number of problems includes the problems that were last read from the store.
type statesCollector struct {
	sites   Sites
	states  StateReader
	listers []ProblemLister // problems of the process

	problems, read              *prometheus.Desc
	builder, token, oldest, lag *prometheus.Desc

	mu     sync.Mutex
	readAt time.Time // zero if the problems in the store have never been read
	stored map[feed.SiteID]map[feed.ProblemKind]int
}

func newStatesCollector(sites Sites, states StateReader, listers []ProblemLister) *statesCollector {
	return &statesCollector{
		sites: sites, states: states, listers: listers,
		problems: siteDesc("problems",
			"Problems listed for operators, by kind; the site label is empty for problems of the process.", "kind"),
		read: prometheus.NewDesc(namespace+"_problems_read_timestamp_seconds",
			"Time at which the problems in the store were last read; 0 if they have not been read yet, in which case they are not counted.", nil, nil),
		builder: siteDesc("builder", "1 if a process, on any machine, builds the site."),
		token:   siteDesc("builder_token", "Greatest fencing token of the site; it grows when another process takes over."),
		oldest:  siteDesc("inbox_oldest_seconds", "Age of the oldest inbox entry that has not been absorbed yet; 0 if there is none."),
		lag:     siteDesc("replica_lag_versions", "Number of commits in the store that the replica has not applied."),
	}
}

// Describe implements [prometheus.Collector].
func (c *statesCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.problems, c.read, c.builder, c.token, c.oldest, c.lag} {
		ch <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *statesCollector) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	sites := labeled(c.sites)
	ids := make([]feed.SiteID, len(sites))
	for i, s := range sites {
		ids[i] = s.ID
	}
	states, err := c.states.States(ctx, ids)
	if err == nil {
		for i, s := range sites {
			c.collectBuild(ch, s, states[i].Build)
		}
	}
	stored, readAt := c.remember(ids, states, err)
	ch <- prometheus.MustNewConstMetric(c.read, prometheus.GaugeValue, seconds(readAt))
	if len(c.listers) > 0 {
		c.collectProblems(ctx, ch, "", c.listers, nil)
	}
	for _, s := range sites {
		c.collectProblems(ctx, ch, s.ID, s.Local, stored[s.ID])
	}
}

// remember returns the problems in the store by site, and the time at which they were read. If err is not nil, it
// returns the problems that were last read.
func (c *statesCollector) remember(
	ids []feed.SiteID, states []feed.SiteState, err error,
) (map[feed.SiteID]map[feed.ProblemKind]int, time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.readAt, c.stored = time.Now(), make(map[feed.SiteID]map[feed.ProblemKind]int, len(ids))
		for i, id := range ids {
			c.stored[id] = states[i].Problems
		}
	}
	return c.stored, c.readAt // neither map is modified
}

// collectBuild collects the build state of a site.
func (c *statesCollector) collectBuild(ch chan<- prometheus.Metric, s *Site, state feed.BuildState) {
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

// collectProblems counts the problems of a site: those that the listers return, and those in the store.
func (c *statesCollector) collectProblems(
	ctx context.Context, ch chan<- prometheus.Metric, site feed.SiteID, listers []ProblemLister,
	stored map[feed.ProblemKind]int,
) {
	counts := map[feed.ProblemKind]int{}
	for _, kind := range feed.ProblemKinds() { // the kinds come from the store, and label values must be bounded
		counts[kind] = stored[kind]
	}
	for _, lister := range listers {
		problems, err := lister.Problems(ctx)
		if err != nil {
			ch <- prometheus.NewInvalidMetric(c.problems, err)
			return
		}
		for _, p := range problems {
			if _, known := counts[p.Kind]; known {
				counts[p.Kind]++
			}
		}
	}
	for kind, n := range counts {
		ch <- prometheus.MustNewConstMetric(c.problems, prometheus.GaugeValue, float64(n), string(site), string(kind))
	}
}
