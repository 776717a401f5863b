package hosting

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/admin"
)

// withHosts returns the settings of a site that claims the hosts.
func withHosts(names ...config.Host) siteSettings {
	return siteSettings{settings: config.SiteSettings{Hosts: names}}
}

// TestHostConflict checks that one site cannot claim another site's host.
func TestHostConflict(t *testing.T) {
	for _, c := range []struct {
		name         string
		running, all map[feed.SiteID]siteSettings
		want         map[feed.SiteID]string // by site: the host that it must not have
	}{
		{"a start", nil, map[feed.SiteID]siteSettings{"a": withHosts("x"), "b": withHosts("y", "z")},
			map[feed.SiteID]string{}},
		{"several claim one host", nil,
			map[feed.SiteID]siteSettings{"c": withHosts("z", "x"), "a": withHosts("x"), "b": withHosts("x", "y")},
			map[feed.SiteID]string{"b": "x", "c": "x"}},
		{"a running site keeps its host", map[feed.SiteID]siteSettings{"b": withHosts("x")},
			map[feed.SiteID]siteSettings{"a": withHosts("x"), "b": withHosts("x")}, map[feed.SiteID]string{"a": "x"}},
		{"a running site claims another", map[feed.SiteID]siteSettings{"a": withHosts("x"), "b": withHosts("y")},
			map[feed.SiteID]siteSettings{"a": withHosts("x", "y"), "b": withHosts("y")}, map[feed.SiteID]string{"a": "y"}},
		{"the host of a removed site is free", map[feed.SiteID]siteSettings{"b": withHosts("x")},
			map[feed.SiteID]siteSettings{"a": withHosts("x")}, map[feed.SiteID]string{}},
		{"a host moves to a site with a smaller id", map[feed.SiteID]siteSettings{"a": withHosts("x"), "b": withHosts("y")},
			map[feed.SiteID]siteSettings{"a": withHosts("y"), "b": withHosts("z")}, map[feed.SiteID]string{}},
		{"a chain of moves", map[feed.SiteID]siteSettings{"a": withHosts("x"), "b": withHosts("y"), "c": withHosts("z")},
			map[feed.SiteID]siteSettings{"a": withHosts("y"), "b": withHosts("z"), "c": withHosts("w")},
			map[feed.SiteID]string{}},
		{"two sites exchange their hosts", map[feed.SiteID]siteSettings{"a": withHosts("x"), "b": withHosts("y")},
			map[feed.SiteID]siteSettings{"a": withHosts("y"), "b": withHosts("x")}, map[feed.SiteID]string{"a": "y", "b": "x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &siteSet{sites: map[feed.SiteID]*hostedSite{}}
			for id, w := range c.running {
				h.sites[id] = &hostedSite{settings: w, entry: &admin.Site{Hosts: w.settings.Hostnames()}}
			}
			got := map[feed.SiteID]string{}
			for id, err := range h.hostConflicts(c.all) {
				got[id] = strings.Fields(err.Error())[2]
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("conflicts (-want +got):\n%s", diff)
			}
		})
	}
}

func siteID(i int) feed.SiteID { return feed.SiteID(fmt.Sprintf("site-%03d", i)) }

// fakeReplica is a replica in a given state of readiness.
type fakeReplica struct {
	admin.Replica
	unready, down error
	synced        bool // the store has answered
}

func (r fakeReplica) Ready() error { return r.unready }
func (r fakeReplica) Store() error { return r.down }
func (r fakeReplica) Version() (int64, time.Time) {
	if r.synced {
		return 0, time.Unix(1, 0)
	}
	return 0, time.Time{}
}

// TestReadiness checks when a server of several sites is ready for readers.
func TestReadiness(t *testing.T) {
	nothing := fmt.Errorf("not committed yet: %w", feed.ErrUnavailable)
	ready, unbuilt, unknown := fakeReplica{synced: true}, fakeReplica{unready: nothing,
		synced: true}, fakeReplica{unready: nothing}
	unreachable := fakeReplica{unready: nothing, down: feed.ErrUnavailable}
	for _, c := range []struct {
		name     string
		replicas []admin.Replica
		settled  bool // the server has been ready before
		want     string
	}{
		{"no sites yet", nil, false, ""},
		{"all have documents", []admin.Replica{ready, ready}, false, ""},
		{"one has never been built", []admin.Replica{ready, unbuilt}, false, ""},
		{"one has no documents, and the store is unavailable", []admin.Replica{ready, unreachable}, false, ""},
		{"the store has not answered for all", []admin.Replica{ready, unknown}, false,
			"the store has not answered yet for 1 of 2 sites: unavailable"},
		{"a site is added later", []admin.Replica{ready, unknown}, true, ""},
		{"none has documents", []admin.Replica{unbuilt, unreachable}, true,
			"none of 2 sites has documents; the first error: not committed yet: unavailable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &siteSet{server: &Server{several: true}}
			var list siteList
			for i, r := range c.replicas {
				list.entries = append(list.entries, &admin.Site{ID: siteID(i), Replica: r})
			}
			h.current.Store(&list)
			h.settled.Store(c.settled)
			err := h.checkDocuments(t.Context())
			if got := fmt.Sprint(err); err != nil && got != c.want || err == nil && c.want != "" {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if err != nil && !errors.Is(err, feed.ErrUnavailable) {
				t.Errorf("error %v is not ErrUnavailable", err)
			}
			if n := len(c.replicas); n > 0 && err == nil && c.replicas[n-1].Ready() != nil {
				if w := h.checkAllReady(t.Context()); w == nil || !strings.HasSuffix(w.Error(), string(siteID(n-1))) {
					t.Errorf("the warning is %v, want one that names %s", w, siteID(n-1))
				}
			}
		})
	}
}
