package admin

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"feedpub/feed"
)

// replica is a [Replica] with fixed state.
type replica struct {
	*fake
	down, unready error
}

func (r *replica) Ready() error                { return r.unready }
func (r *replica) Store() error                { return r.down }
func (r *replica) Saved() (time.Time, error)   { return time.Unix(1700000001, 0), nil }
func (r *replica) Version() (int64, time.Time) { return 42, time.Unix(1700000000, 5e8) }
func (r *replica) Counts() map[string]uint64   { return map[string]uint64{"applied": 9, "stale": 1} }

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	m, err := NewMetrics(registry, Build{Version: "v1.2.3", Revision: "abc", GoVersion: "go1.26"})
	if err != nil {
		t.Fatal(err)
	}
	lister := &fake{list: []feed.Problem{
		{ID: "a", Kind: feed.KindRejected}, {ID: "b", Kind: feed.KindRejected}, {ID: "c", Kind: feed.KindHeld},
		{ID: "d", Kind: "unknown kind"},
	}}
	main := newSite("main", lister)
	main.Replica = &replica{fake: lister, down: feed.ErrUnavailable}
	file := &fake{list: []feed.Problem{{ID: "sites/a.yml", Kind: feed.KindFile}}}
	if err := m.Watch(OneSite{main}, states{"main": lister}, file); err != nil {
		t.Fatal(err)
	}
	m.Served(feed.RSS, 200, 1000)
	m.Served(feed.RSS, 200, 500)
	m.Served(feed.RSS, 304, 0)
	m.Served(feed.Atom, 226, 7)
	m.Served(feed.Atom, 301, 0)
	m.Served("", 404, 60)
	m.Served("", 503, 60)
	m.Served("unknown format", 200, 1)
	m.Built(feed.FeedReport{Feed: feed.Main, Outcome: feed.Committed})
	m.Built(feed.FeedReport{Feed: "tags/go", Outcome: feed.Held})
	m.Built(feed.FeedReport{Feed: "tags/go", Outcome: feed.Held})

	want := `
# HELP feedpub_build_info Version of the running program; the value is always 1.
# TYPE feedpub_build_info gauge
feedpub_build_info{goversion="go1.26",revision="abc",version="v1.2.3"} 1
# HELP feedpub_builds_total Feeds built, by outcome.
# TYPE feedpub_builds_total counter
feedpub_builds_total{outcome="committed"} 1
feedpub_builds_total{outcome="failed"} 0
feedpub_builds_total{outcome="held"} 2
feedpub_builds_total{outcome="unchanged"} 0
# HELP feedpub_feeds Number of served feeds.
# TYPE feedpub_feeds gauge
feedpub_feeds{site="main"} 1
# HELP feedpub_last_commit_timestamp_seconds Latest Last-Modified of the served documents.
# TYPE feedpub_last_commit_timestamp_seconds gauge
feedpub_last_commit_timestamp_seconds{site="main"} 1.7159472e+09
# HELP feedpub_problems Problems listed for operators, by kind; the site label is empty for problems of the process.
# TYPE feedpub_problems gauge
feedpub_problems{kind="characters",site=""} 0
feedpub_problems{kind="characters",site="main"} 0
feedpub_problems{kind="file",site=""} 1
feedpub_problems{kind="file",site="main"} 0
feedpub_problems{kind="fleet",site=""} 0
feedpub_problems{kind="fleet",site="main"} 0
feedpub_problems{kind="held",site=""} 0
feedpub_problems{kind="held",site="main"} 1
feedpub_problems{kind="media",site=""} 0
feedpub_problems{kind="missing",site=""} 0
feedpub_problems{kind="media",site="main"} 0
feedpub_problems{kind="missing",site="main"} 0
feedpub_problems{kind="note",site=""} 0
feedpub_problems{kind="note",site="main"} 0
feedpub_problems{kind="rejected",site=""} 0
feedpub_problems{kind="rejected",site="main"} 2
feedpub_problems{kind="replica",site=""} 0
feedpub_problems{kind="rollback",site=""} 0
feedpub_problems{kind="replica",site="main"} 0
feedpub_problems{kind="rollback",site="main"} 0
feedpub_problems{kind="suggestion",site=""} 0
feedpub_problems{kind="suggestion",site="main"} 0
# HELP feedpub_ready 1 if the main feed is served.
# TYPE feedpub_ready gauge
feedpub_ready{site="main"} 1
# HELP feedpub_replica_events_total Commits that the replica read from the store, by result; see the problems for any result other than applied.
# TYPE feedpub_replica_events_total counter
feedpub_replica_events_total{event="stale",site="main"} 1
feedpub_replica_events_total{event="applied",site="main"} 9
# HELP feedpub_replica_synced_timestamp_seconds Time of the store's last response to the replica.
# TYPE feedpub_replica_synced_timestamp_seconds gauge
feedpub_replica_synced_timestamp_seconds{site="main"} 1.7000000005e+09
# HELP feedpub_replica_version Store version up to which the replica has applied commits.
# TYPE feedpub_replica_version gauge
feedpub_replica_version{site="main"} 42
# HELP feedpub_response_bytes_total Bytes of response bodies sent to readers, by format of the requested feed.
# TYPE feedpub_response_bytes_total counter
feedpub_response_bytes_total{format="atom"} 7
feedpub_response_bytes_total{format="json"} 0
feedpub_response_bytes_total{format="other"} 121
feedpub_response_bytes_total{format="rss"} 1500
# HELP feedpub_responses_total Responses to readers, by format of the requested feed and class of the status code.
# TYPE feedpub_responses_total counter
feedpub_responses_total{format="atom",status="2xx"} 1
feedpub_responses_total{format="atom",status="304"} 0
feedpub_responses_total{format="atom",status="3xx"} 1
feedpub_responses_total{format="atom",status="4xx"} 0
feedpub_responses_total{format="atom",status="5xx"} 0
feedpub_responses_total{format="json",status="2xx"} 0
feedpub_responses_total{format="json",status="304"} 0
feedpub_responses_total{format="json",status="3xx"} 0
feedpub_responses_total{format="json",status="4xx"} 0
feedpub_responses_total{format="json",status="5xx"} 0
feedpub_responses_total{format="other",status="2xx"} 1
feedpub_responses_total{format="other",status="304"} 0
feedpub_responses_total{format="other",status="3xx"} 0
feedpub_responses_total{format="other",status="4xx"} 1
feedpub_responses_total{format="other",status="5xx"} 1
feedpub_responses_total{format="rss",status="2xx"} 2
feedpub_responses_total{format="rss",status="304"} 1
feedpub_responses_total{format="rss",status="3xx"} 0
feedpub_responses_total{format="rss",status="4xx"} 0
feedpub_responses_total{format="rss",status="5xx"} 0
# HELP feedpub_sites Number of sites.
# TYPE feedpub_sites gauge
feedpub_sites 1
# HELP feedpub_sites_ready Number of sites whose main feed is served.
# TYPE feedpub_sites_ready gauge
feedpub_sites_ready 1
# HELP feedpub_store_up 1 if the replica's last call to the store succeeded.
# TYPE feedpub_store_up gauge
feedpub_store_up{site="main"} 0
`
	names := []string{}
	for line := range strings.Lines(want) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[1] == "TYPE" {
			names = append(names, fields[2])
		}
	}
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
	lints, err := testutil.GatherAndLint(registry, names...)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lints {
		t.Errorf("%s: %s", l.Metric, l.Text)
	}
	if err := m.Watch(OneSite{main}, states{}); err == nil {
		t.Errorf("the second Watch returned no error, want one")
	}
}

// TestMetricsWithoutTheStore checks that metrics are collected while the store is unavailable. The number of problems
// then includes the problems that were last read from the store, and those that are not in the store.
func TestMetricsWithoutTheStore(t *testing.T) {
	registry := prometheus.NewRegistry()
	m, err := NewMetrics(registry, Build{})
	if err != nil {
		t.Fatal(err)
	}
	stored := &fake{err: feed.ErrUnavailable}
	site := newSite("main", &fake{})
	site.Local = []ProblemLister{&fake{list: []feed.Problem{{ID: "main", Kind: feed.KindReplica}}}}
	if err := m.Watch(OneSite{site}, states{"main": stored}); err != nil {
		t.Fatal(err)
	}
	c := config(t, &fake{})
	c.Gatherer = registry
	metrics := func() string {
		t.Helper()
		res := ask(t, c, "GET", "/metrics", "")
		got := text(t, res)
		if res.StatusCode != 200 || !strings.Contains(got, "feedpub_build_info") || !strings.Contains(got, "go_goroutines") {
			t.Errorf("status is %d, and the body has %d bytes; want 200 and the other metrics", res.StatusCode, len(got))
		}
		return got
	}
	wants := func(when, got string, lines ...string) {
		t.Helper()
		for _, line := range lines {
			if !strings.Contains(got, line+"\n") {
				t.Errorf("%s: the metrics have no line %s", when, line)
			}
		}
	}
	const replica = `feedpub_problems{kind="replica",site="main"} 1`
	wants("store never read", metrics(), "feedpub_problems_read_timestamp_seconds 0", replica,
		`feedpub_problems{kind="held",site="main"} 0`)
	stored.err, stored.list = nil, []feed.Problem{{ID: "main", Kind: feed.KindHeld}}
	got := metrics()
	wants("store read", got, replica, `feedpub_problems{kind="held",site="main"} 1`, `feedpub_builder{site="main"} 0`)
	if strings.Contains(got, "feedpub_problems_read_timestamp_seconds 0\n") {
		t.Error("the time at which the problems were read is 0 after they were read")
	}
	stored.err = feed.ErrUnavailable
	got = metrics()
	wants("store down again", got, replica, `feedpub_problems{kind="held",site="main"} 1`)
	if strings.Contains(got, "feedpub_builder{") {
		t.Error("the build state is present although the store is unavailable")
	}
}

func TestServedDoesNotAllocate(t *testing.T) {
	m, err := NewMetrics(prometheus.NewRegistry(), Build{})
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() { m.Served(feed.Atom, 304, 0) }); n != 0 {
		t.Errorf("Served allocates %v times", n)
	}
}

// readership is a fixed list.
type readership []feed.Readership

func (r readership) Readers() []feed.Readership { return r }

func TestMetricsOfReaders(t *testing.T) {
	registry := prometheus.NewRegistry()
	m, err := NewMetrics(registry, Build{})
	if err != nil {
		t.Fatal(err)
	}
	list := readership{{
		Feed: feed.Main, Polls: 10, NotModified: 7, Deltas: 1, Subscribers: 42,
		Clients: map[string]uint64{"newsboat": 9, "other": 1},
	}}
	for i := range maxFeedLabels + 1 {
		list = append(list, feed.Readership{Feed: feed.Name(fmt.Sprint("tags/", i)), Polls: 1,
			Clients: map[string]uint64{"newsboat": 1}})
	}
	main := newSite("main", &fake{})
	main.Readers = list
	if err := m.Watch(OneSite{main}, states{}); err != nil {
		t.Fatal(err)
	}
	if n, err := testutil.GatherAndCount(registry, "feedpub_feed_polls_total"); err != nil || n != maxFeedLabels+1 {
		t.Errorf("%d feeds have metrics (error %v), want %d and one for all other feeds", n, err, maxFeedLabels)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			for _, label := range metric.GetLabel() {
				if label.GetName() == "site" {
					continue
				}
				value := metric.GetCounter().GetValue() + metric.GetGauge().GetValue()
				got[family.GetName()+" "+label.GetValue()] = value
			}
		}
	}
	for name, want := range map[string]float64{
		"feedpub_feed_polls_total main": 10, "feedpub_feed_polls_not_modified_total main": 7,
		"feedpub_feed_polls_delta_total main": 1,
		"feedpub_feed_subscribers main":       42, "feedpub_feed_polls_total other": 2,
		"feedpub_client_polls_total newsboat": maxFeedLabels + 10,
		"feedpub_client_polls_total other":    1,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}

type fixedMemory struct{}

func (fixedMemory) Size() int64   { return 4096 }
func (fixedMemory) Loads() uint64 { return 7 }

func TestMetricsOfMemory(t *testing.T) {
	registry := prometheus.NewRegistry()
	m, err := NewMetrics(registry, Build{})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.WatchMemory(fixedMemory{}); err != nil {
		t.Fatal(err)
	}
	const want = `# HELP feedpub_document_loads_total Documents loaded from disk into memory; a high rate means that server.memory is too small.
# TYPE feedpub_document_loads_total counter
feedpub_document_loads_total 7
# HELP feedpub_documents_memory_bytes Bytes of documents and of responses that are being sent, bounded by server.memory.
# TYPE feedpub_documents_memory_bytes gauge
feedpub_documents_memory_bytes 4096
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want),
		"feedpub_document_loads_total", "feedpub_documents_memory_bytes"); err != nil {
		t.Error(err)
	}
}
