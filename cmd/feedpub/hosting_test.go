package main

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"feedpub/config"
	"feedpub/feed"
	"feedpub/feed/admin"
)

// hostsOf returns the settings of a site that wants the given hosts.
func hostsOf(names ...config.Host) wanted { return wanted{settings: config.SiteSettings{Hosts: names}} }

// TestWhoHasAHostKeepsIt holds that no site's configuration takes the readers of another.
func TestWhoHasAHostKeepsIt(t *testing.T) {
	for _, c := range []struct {
		name         string
		running, all map[feed.SiteID]wanted
		want         map[feed.SiteID]string // the host that each is refused
	}{
		{"a start", nil, map[feed.SiteID]wanted{"a": hostsOf("x"), "b": hostsOf("y", "z")}, map[feed.SiteID]string{}},
		{"two want one, the first by id has it", nil,
			map[feed.SiteID]wanted{"c": hostsOf("z", "x"), "a": hostsOf("x"), "b": hostsOf("x", "y")}, map[feed.SiteID]string{"b": "x", "c": "x"}},
		{"one that runs keeps it", map[feed.SiteID]wanted{"b": hostsOf("x")},
			map[feed.SiteID]wanted{"a": hostsOf("x"), "b": hostsOf("x")}, map[feed.SiteID]string{"a": "x"}},
		{"one that runs wants more", map[feed.SiteID]wanted{"a": hostsOf("x"), "b": hostsOf("y")},
			map[feed.SiteID]wanted{"a": hostsOf("x", "y"), "b": hostsOf("y")}, map[feed.SiteID]string{"a": "y"}},
		{"one that is gone leaves it", map[feed.SiteID]wanted{"b": hostsOf("x")},
			map[feed.SiteID]wanted{"a": hostsOf("x")}, map[feed.SiteID]string{}},
		{"it moves to an earlier site", map[feed.SiteID]wanted{"a": hostsOf("x"), "b": hostsOf("y")},
			map[feed.SiteID]wanted{"a": hostsOf("y"), "b": hostsOf("z")}, map[feed.SiteID]string{}},
		{"two of a chain of moves", map[feed.SiteID]wanted{"a": hostsOf("x"), "b": hostsOf("y"), "c": hostsOf("z")},
			map[feed.SiteID]wanted{"a": hostsOf("y"), "b": hostsOf("z"), "c": hostsOf("w")}, map[feed.SiteID]string{}},
		{"an exchange is refused", map[feed.SiteID]wanted{"a": hostsOf("x"), "b": hostsOf("y")},
			map[feed.SiteID]wanted{"a": hostsOf("y"), "b": hostsOf("x")}, map[feed.SiteID]string{"a": "y", "b": "x"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &hosting{sites: map[feed.SiteID]*site{}}
			for id, w := range c.running {
				h.sites[id] = &site{wanted: w}
			}
			got := map[feed.SiteID]string{}
			for id, err := range h.clashes(c.all) {
				got[id] = strings.Fields(err.Error())[2]
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("hosts that are refused (-want +got):\n%s", diff)
			}
		})
	}
}

// fakeReplica is a site's documents as readyz sees them.
type fakeReplica struct {
	admin.Replica
	unready, down error
	asked         bool
}

func (r fakeReplica) Ready() error { return r.unready }
func (r fakeReplica) Store() error { return r.down }
func (r fakeReplica) Version() (int64, time.Time) {
	if r.asked {
		return 0, time.Unix(1, 0)
	}
	return 0, time.Time{}
}

// TestOneSiteDoesNotMakeTheOthersUnready holds when a process of several sites takes requests.
func TestOneSiteDoesNotMakeTheOthersUnready(t *testing.T) {
	nothing := fmt.Errorf("not committed yet: %w", feed.ErrUnavailable)
	ready, unbuilt, unasked := fakeReplica{asked: true}, fakeReplica{unready: nothing, asked: true}, fakeReplica{unready: nothing}
	cutOff := fakeReplica{unready: nothing, down: feed.ErrUnavailable}
	for _, c := range []struct {
		name     string
		replicas []admin.Replica
		settled  bool // it was ready before
		want     string
	}{
		{"no sites yet", nil, false, ""},
		{"all are served", []admin.Replica{ready, ready}, false, ""},
		{"one has never been built", []admin.Replica{ready, unbuilt}, false, ""},
		{"one has nothing, and the store is away", []admin.Replica{ready, cutOff}, false, ""},
		{"the store has not been asked for all", []admin.Replica{ready, unasked}, false,
			"the store has not been asked yet for 1 of 2 sites: unavailable"},
		{"a site is added later", []admin.Replica{ready, unasked}, true, ""},
		{"none is served", []admin.Replica{unbuilt, cutOff}, true,
			"none of 2 sites is served, the first because not committed yet: unavailable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := &hosting{server: &server{config: config.Config{SitesFrom: "sites"}, log: slog.New(slog.DiscardHandler)}}
			var p present
			for i, r := range c.replicas {
				p.entries = append(p.entries, &admin.Site{ID: siteID(i), Replica: r})
			}
			h.current.Store(&p)
			h.settled.Store(c.settled)
			err := h.documents(t.Context())
			if got := fmt.Sprint(err); err != nil && got != c.want || err == nil && c.want != "" {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if err != nil && !errors.Is(err, feed.ErrUnavailable) {
				t.Errorf("error %v is not of kind ErrUnavailable", err)
			}
			if n := len(c.replicas); n > 0 && err == nil && c.replicas[n-1].Ready() != nil {
				if w := h.unserved(t.Context()); w == nil || !strings.HasSuffix(w.Error(), string(siteID(n-1))) {
					t.Errorf("the warning is %v, want one that names %s", w, siteID(n-1))
				}
			}
		})
	}
}
