package admin

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"feedpub/feed"
)

var update = flag.Bool("update", false, "rewrite the generated parts of deploy/docs/metrics.md and openapi.yaml")

const (
	metricsPage = "../../deploy/docs/metrics.md"
	alertsFile  = "../../deploy/prometheus/alerts.yml"
)

// oneReader is a [ReaderLister] with one feed that was polled.
type oneReader struct{}

func (oneReader) Readers() []feed.Readership {
	return []feed.Readership{{Feed: feed.Main, Polls: 1, Clients: map[string]uint64{"curl": 1}}}
}

// states is a [StateReader] with the problems of fakes.
type states map[feed.SiteID]*fake

func (s states) States(_ context.Context, sites []feed.SiteID) ([]feed.SiteState, error) {
	list := make([]feed.SiteState, len(sites))
	for i, id := range sites {
		f := s[id]
		if f == nil {
			continue
		}
		if f.err != nil {
			return nil, f.err
		}
		list[i].Problems = map[feed.ProblemKind]int{}
		for _, p := range f.list {
			list[i].Problems[p.Kind]++
		}
	}
	return list, nil
}

// idlePush is a [PushReporter] without subscriptions.
type idlePush struct{}

func (idlePush) PushState(context.Context) (feed.PushState, error) { return feed.PushState{}, nil }

// noMemory is a [Memory] without documents.
type noMemory struct{}

func (noMemory) Size() int64   { return 0 }
func (noMemory) Loads() uint64 { return 0 }

// families returns a table row for each metric of a server, by name.
func families(t *testing.T) map[string]string {
	t.Helper()
	registry := prometheus.NewRegistry()
	m, err := NewMetrics(registry, Build{})
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{}
	site := newSite("main", f)
	site.Readers, site.Push = oneReader{}, idlePush{}
	if err := m.WatchMemory(noMemory{}); err != nil {
		t.Fatal(err)
	}
	m.pushes.WithLabelValues("webhook", "delivered")
	if err := m.Watch(OneSite{site}, states{}, f); err != nil {
		t.Fatal(err)
	}
	m.Ran("main", feed.Run{Cause: feed.Cause{Trigger: feed.StartTrigger}, Started: time.Unix(1, 0)})
	m.Timed(feed.AbsorbStage, time.Second)
	m.StoreCalled("ok", time.Millisecond)
	gathered, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, x := range gathered {
		name := x.GetName()
		if !strings.HasPrefix(name, namespace+"_") {
			continue // a metric of the Go runtime or the process
		}
		var labels []string
		for _, l := range x.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		out[name] = fmt.Sprintf("| `%s` | %s | %s | %s |\n", name, strings.ToLower(x.GetType().String()),
			strings.Join(labels, ", "), x.GetHelp())
	}
	return out
}

// TestMetricsTable compares the documentation's table of metrics with the program's metrics.
func TestMetricsTable(t *testing.T) {
	all := families(t)
	var want strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		want.WriteString(all[name])
	}
	page, err := os.ReadFile(metricsPage)
	if err != nil {
		t.Fatal(err)
	}
	const heading = "| --- | --- | --- | --- |\n"
	before, table, found := strings.Cut(string(page), heading)
	table, after, ended := strings.Cut(table, "\n\n")
	if !found || !ended {
		t.Fatalf("%s has no table of four columns", metricsPage)
	}
	if *update {
		text := before + heading + strings.TrimSuffix(want.String(), "\n") + "\n\n" + after
		if err := os.WriteFile(metricsPage, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.TrimSuffix(want.String(), "\n"), table); diff != "" {
		t.Errorf("table of metrics in %s (-program +page; go test ./feed/admin -run MetricsTable -update):\n%s", metricsPage, diff)
	}
}

// TestAlerts checks the alerts with Prometheus's own tool, and checks that each of their metrics exists.
func TestAlerts(t *testing.T) {
	if out, err := exec.CommandContext(t.Context(), "promtool", "check", "rules", alertsFile).CombinedOutput(); err != nil {
		t.Errorf("promtool (Debian's package prometheus): %v\n%s", err, out)
	}
	text, err := os.ReadFile(alertsFile)
	if err != nil {
		t.Fatal(err)
	}
	all := families(t)
	names := regexp.MustCompile(`feedpub_\w+`).FindAllString(string(text), -1)
	if len(names) < 5 {
		t.Errorf("%s refers to %d metrics; want at least 5", alertsFile, len(names))
	}
	for _, name := range names {
		if all[name] == "" {
			t.Errorf("%s refers to the metric %s, which does not exist", alertsFile, name)
		}
	}
}
