package admin

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"feedpub/feed"
)

// several is a fixed [Sites].
type several []*Site

func (s several) Sites() []*Site { return s }

// severalSites returns a configuration of the sites alice and bob, each with its own token.
func severalSites(t *testing.T) (c Config, alice, bob *fake) {
	t.Helper()
	alice, bob = &fake{list: []feed.Problem{{ID: "a", Kind: feed.KindRejected, Reason: "no content"}}}, &fake{}
	c = config(t, &fake{})
	sites := several{newSite("alice", alice), newSite("bob", bob)}
	for _, s := range sites {
		tokens, err := ParseTokens(fmt.Sprintf("%s [write,rebuild]: only-%s", s.ID, s.ID))
		if err != nil {
			t.Fatal(err)
		}
		s.Tokens = tokens
	}
	c.Sites = sites
	c.Problems = []ProblemLister{&fake{list: []feed.Problem{{ID: "sites/carol.yml", Kind: feed.KindFile,
		Reason: "no YAML"}}}}
	return c, alice, bob
}

// TestSiteTokens checks that a site's token is not accepted for another site.
func TestSiteTokens(t *testing.T) {
	for _, test := range []struct {
		method, path, token string
		want                int
	}{
		{"POST", "/sites/alice/rebuild", "only-alice", 200},
		{"POST", "/sites/bob/rebuild", "only-bob", 200},
		{"POST", "/sites/alice/rebuild", "only-bob", 401},
		{"POST", "/sites/alice/rebuild", secret, 200},
		{"POST", "/sites/alice/rebuild", "writer-token", 403},
		{"POST", "/sites/carol/rebuild", secret, 404},
		{"POST", "/sites/carol/rebuild", "only-alice", 401},
		{"POST", "/rebuild", secret, 400},
		{"POST", "/rebuild", "only-alice", 401},
		{"GET", "/sites/alice/posts", "only-alice", 200},
		{"GET", "/sites/bob/posts", "only-alice", 401},
		{"GET", "/sites/bob/posts", "writer-token", 200},
		{"PUT", "/sites/bob/posts/hello", "only-alice", 401},
		{"PUT", "/sites/bob/posts/hello", "only-bob", 201},
		{"PUT", "/sites/carol/posts/hello", secret, 404},
		{"DELETE", "/sites/bob/posts/hello", "only-alice", 401},
		{"POST", "/sites/bob/posts", "only-alice", 401},
	} {
		c, alice, bob := severalSites(t)
		res := ask(t, c, test.method, test.path, hello, "Authorization: Bearer "+test.token, asJSON)
		if strings.HasSuffix(test.path, "/rebuild") {
			res = ask(t, c, test.method, test.path, "", "Authorization: Bearer "+test.token)
		}
		if res.StatusCode != test.want {
			t.Errorf("%s %s with %s: %d, want %d: %s", test.method, test.path, test.token, res.StatusCode, test.want,
				text(t, res))
		}
		for name, f := range map[string]*fake{"alice": alice, "bob": bob} {
			if want := test.path == "/sites/"+name+"/rebuild" && test.want == 200; want != (len(f.asked) > 0) {
				t.Errorf("%s %s with %s: %s was rebuilt: %v, want %v", test.method, test.path, test.token, name, !want, want)
			}
		}
	}
	c, _, _ := severalSites(t)
	c.Tokens = nil
	if res := ask(t, c, "POST", "/sites/alice/rebuild", "", "Authorization: Bearer only-alice"); res.StatusCode != 200 {
		t.Errorf("a site's token, without tokens for all sites: status %d, want 200", res.StatusCode)
	}
	if res := ask(t, c, "POST", "/sites/carol/rebuild", "", "Authorization: Bearer only-alice"); res.StatusCode != 403 {
		t.Errorf("an unknown site, without tokens for all sites: status %d, want 403", res.StatusCode)
	}
}

// TestListsOfSites checks the lists of all sites and of a single site, and the site of each entry.
func TestListsOfSites(t *testing.T) {
	c, _, _ := severalSites(t)
	c.Sites.Sites()[0].Hosts = []string{"alice.example", "old.example"}
	c.Sites.Sites()[1].Replica = &replica{fake: &fake{}, unready: fmt.Errorf("not read yet: %w", feed.ErrUnavailable)}
	c.Sites.Sites()[1].Readers = readership{{Feed: feed.Main, Polls: 3}}
	documents := `"items":2,"archives":2,"token":7,"documents":[{"format":"rss","path":"/feed.xml","hash":"00ff",` +
		`"bytes":123,"modified":"2024-05-17T12:00:00Z"}]}`
	const invalid = `{"site":"alice","id":"a","kind":"rejected","reason":"no content"}`
	for path, want := range map[string]string{
		"/sites": `{"sites":[{"site":"alice","base_url":"https://alice.example","hosts":["alice.example","old.example"],` +
			`"ready":true,"feeds":1},{"site":"bob","base_url":"https://bob.example","hosts":[],"ready":false,` +
			`"reason":"not read yet: unavailable","feeds":1}]}`,
		"/problems":             `{"problems":[{"id":"sites/carol.yml","kind":"file","reason":"no YAML"},` + invalid + `]}`,
		"/sites/alice/problems": `{"problems":[` + invalid + `]}`,
		"/sites/bob/problems":   `{"problems":[]}`,
		"/feeds": `{"feeds":[{"site":"alice","feed":"main",` + documents +
			`,{"site":"bob","feed":"main",` + documents + `]}`,
		"/sites/bob/feeds": `{"feeds":[{"site":"bob","feed":"main",` + documents + `]}`,
		"/readers": `{"feeds":[{"site":"bob","feed":"main","polls":3,"not_modified":0,"deltas":0,"clients":null,` +
			`"subscribers":0,"direct":0}]}`,
		"/sites/alice/readers": `{"feeds":[]}`,
	} {
		var got, wanted any
		body := text(t, ask(t, c, "GET", path, ""))
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatalf("%s: %v: %s", path, err, body)
		}
		if err := json.Unmarshal([]byte(want), &wanted); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wanted, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	for _, list := range []string{"feeds", "readers", "problems"} {
		if res := ask(t, c, "GET", "/sites/carol/"+list, ""); res.StatusCode != 404 {
			t.Errorf("/%s of an unknown site: status %d, want 404", list, res.StatusCode)
		}
	}
}

// TestMetricsOfManySitesAreBounded checks that the number of time series is bounded for any number of sites and feeds.
func TestMetricsOfManySitesAreBounded(t *testing.T) {
	var sites several
	var list readership
	for i := range 100 {
		list = append(list, feed.Readership{Feed: feed.Name(fmt.Sprint("tags/", i)), Polls: 1})
	}
	for i := range maxSiteLabels + 50 {
		s := newSite(feed.SiteID(fmt.Sprintf("site-%05d", i)), &fake{})
		s.Readers = list
		if i%2 == 1 {
			s.Replica = &replica{fake: &fake{}, unready: feed.ErrUnavailable}
		}
		sites = append(sites, s)
	}
	registry := prometheus.NewRegistry()
	m, err := NewMetrics(registry, Build{})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Watch(sites, states{}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{
		"feedpub_ready": maxSiteLabels, "feedpub_feed_polls_total": maxSiteLabels * (manyFeedLabels + 1),
		"feedpub_problems": maxSiteLabels * len(feed.ProblemKinds()),
	} {
		if n, err := testutil.GatherAndCount(registry, name); err != nil || n != want {
			t.Errorf("%s has %d series (%v), want %d", name, n, err, want)
		}
	}
	want := `# HELP feedpub_sites Number of sites.
# TYPE feedpub_sites gauge
feedpub_sites 1050
# HELP feedpub_sites_ready Number of sites whose main feed is served.
# TYPE feedpub_sites_ready gauge
feedpub_sites_ready 525
`
	err = testutil.GatherAndCompare(registry, strings.NewReader(want), "feedpub_sites", "feedpub_sites_ready")
	if err != nil {
		t.Error(err)
	}
}
