package config_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"feedpub/config"
	"feedpub/feed"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const several = `redis: redis://127.0.0.1:6379
site: {language: de, limit: 20, copyright: © all}
on_change: false
feeds: {links: {quoting: true}}
sites:
  alice:
    site: {base_url: "https://Alice.Example.org/feeds/", limit: 10}
    hosts: [old.example.org., BÜCHER.example, "[::1]"]
    tokens_file: tokens/alice
    attribution: {threshold: 0.9}
  bob:
    site: {base_url: "https://bob.example.org", title: Bob's, home_url: "https://bob.example.net/"}
    on_change: true
    feeds: {}
`

func TestSiteDefaults(t *testing.T) {
	file := write(t, "feedpub.yml", several)
	c, err := load(t, file, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Several() || len(c.Sites) != 2 || c.Site.ID != "" {
		t.Fatalf("Several is %v, with %d sites and site.id %q; want true, 2 sites and an empty id",
			c.Several(), len(c.Sites),
			c.Site.ID)
	}
	since := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for id, want := range map[feed.SiteID]feed.Site{
		"alice": {
			ID: "alice", Title: "alice", Language: "de", BaseURL: "https://Alice.Example.org/feeds",
			HomeURL: "https://Alice.Example.org/feeds", Copyright: "© all", Since: since, Limit: 10, TTL: 15 * time.Minute,
		},
		"bob": {
			ID: "bob", Title: "Bob's", Language: "de", BaseURL: "https://bob.example.org", HomeURL: "https://bob.example.net/",
			Copyright: "© all", Since: since, Limit: 20, TTL: 15 * time.Minute,
		},
	} {
		one := c.ForSite(c.Sites[id])
		if one.Several() {
			t.Errorf("ForSite(%s) returns a configuration with several sites", id)
		}
		if diff := cmp.Diff(want, one.FeedSite()); diff != "" {
			t.Errorf("site %s (-want +got):\n%s", id, diff)
		}
	}
	alice, bob := c.Sites["alice"], c.Sites["bob"]
	hosts := []string{"alice.example.org", "old.example.org", "xn--bcher-kva.example", "::1"}
	if diff := cmp.Diff(hosts, alice.Hostnames()); diff != "" {
		t.Errorf("the hosts of alice (-want +got):\n%s", diff)
	}
	if want := config.Path(filepath.Join(filepath.Dir(file), "tokens", "alice")); alice.TokensFile != want {
		t.Errorf("the tokens of alice are in %q, want %q", alice.TokensFile, want)
	}
	if alice.OnChange || !bob.OnChange || len(alice.Feeds) != 1 || len(bob.Feeds) != 0 ||
		alice.Attribution.Threshold != 0.9 {
		t.Errorf("on_change is %v and %v, there are %d and %d feeds, the threshold is %v; want false and true, 1 and 0, 0.9",
			alice.OnChange, bob.OnChange, len(alice.Feeds), len(bob.Feeds), alice.Attribution.Threshold)
	}

	dump, err := c.Dump()
	if err != nil {
		t.Fatal(err)
	}
	again, err := load(t, write(t, "dump.yml", string(dump)), nil)
	if err != nil {
		t.Fatalf("the dump does not load: %v\n%s", err, dump)
	}
	if diff := cmp.Diff(c.Sites, again.Sites, equateUnexported, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the sites loaded from the dump (-want +got):\n%s", diff)
	}
}

// TestVariablesAndFlagsWithSites checks that variables and flags set the defaults of all sites, which a site's own keys
// override, and choose the site that a command works on.
func TestVariablesAndFlagsWithSites(t *testing.T) {
	file := write(t, "feedpub.yml", several)
	c, err := load(t, file, map[string]string{"FEEDPUB_SITE_LIMIT": "7", "FEEDPUB_SITE_TITLE": "All"},
		config.Flag{Name: "site", Path: "site.id", Value: "bob"})
	if err != nil {
		t.Fatal(err)
	}
	if a, b := c.Sites["alice"].Site, c.Sites["bob"].Site; a.Limit != 10 || b.Limit != 7 || a.Title != "All" ||
		b.Title != "Bob's" {
		t.Errorf("limits are %d and %d, titles %q and %q; want 10 and 7, All and Bob's", a.Limit, b.Limit, a.Title, b.Title)
	}
	if c.Site.ID != "bob" {
		t.Errorf("site.id is %q, want bob", c.Site.ID)
	}

	c, err = load(t, file, map[string]string{"FEEDPUB_SITES": `{carol: {site: {base_url: "http://carol.example"}}}`})
	if err != nil || len(c.Sites) != 1 || c.Sites["carol"].Site.Limit != 20 {
		t.Errorf("sites are %v (error %v), want only carol, with the file's limit 20", c.Sites, err)
	}

	_, err = load(t, file, nil, config.Flag{Name: "site", Path: "site.id", Value: "dora"})
	if want := `--site: there is no site "dora" in sites`; err == nil || err.Error() != want {
		t.Errorf("an unknown site: got error %v, want %s", err, want)
	}
	_, err = load(t, "", map[string]string{"FEEDPUB_REDIS": "redis://x", "FEEDPUB_SITES": `{a: {site: {limit: -1}}}`})
	want := "FEEDPUB_SITES: sites.a.site.base_url: is required, since requests are routed by its host\n" +
		"FEEDPUB_SITES: sites.a.site.limit: want 1 to 10000, got -1"
	if err == nil || err.Error() != want {
		t.Errorf("errors in a variable: %v\nwant %s", err, want)
	}
}

func TestParseSite(t *testing.T) {
	c, err := load(t, write(t, "feedpub.yml", several+"sites_from: sites\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	const url = "site: {base_url: 'https://x.example'}\n"
	for _, x := range []struct{ name, path, text, want string }{
		{"a site", "dir/carol.yml", url, ""},
		{"an empty file", "dir/carol.yml", "", "site.base_url: is required, since requests are routed by its host"},
		{"not YAML", "dir/carol.yml", "site: {", "dir/carol.yml:1:7: could not find flow mapping end token '}'"},
		{"several errors", "dir/carol.yml", url + "listen: 127.0.0.1:80\nschedule: bad\n",
			"dir/carol.yml:2:1: listen: unknown key\ndir/carol.yml:3:11: schedule: want a schedule, got \"bad\""},
		{"another id", "dir/carol.yml", "site: {id: dora, base_url: 'https://x.example'}\n",
			"dir/carol.yml:1:12: site.id: want carol, the id of this site, got \"dora\""},
		{"a site that is in sites too", "dir/alice.yml", url, "dir/alice.yml: the site alice is already in sites"},
		{"an invalid id", "dir/Carol.yml", url, "dir/Carol.yml: want a file name of 1 to 63 characters from a-z, 0-9 and -, followed by " +
			".yml"},
		{"another extension", "dir/carol.yaml", url, "dir/carol.yaml: want a file name of 1 to 63 characters from a-z, 0-9 and -, " +
			"followed by .yml"},
	} {
		t.Run(x.name, func(t *testing.T) {
			s, err := c.ParseSite(x.path, x.text, checkSchedule)
			got := ""
			if err != nil {
				got = err.Error()
				if !errors.Is(err, feed.ErrInvalid) {
					t.Errorf("error %v is not of kind ErrInvalid", err)
				}
			}
			if diff := cmp.Diff(x.want, got); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
			if err == nil && (s.Site.ID != "carol" || s.Site.Title != "carol" || s.Site.Limit != 20) {
				t.Errorf("the site is %+v, want carol with the limit 20 of the top level", s.Site)
			}
		})
	}
}

func TestSiteOf(t *testing.T) {
	for path, want := range map[string]bool{
		"sites/alice.yml": true, "sites/.alice.yml": false, "sites/..data": false, "sites/alice.yml~": false,
		"sites/README.md": false, "sites/alice.yml.swp": false, "sites/alice.yaml": true, "sites/alice": false,
	} {
		if _, got, _ := config.SiteOf(path); got != want {
			t.Errorf("%s is a site file: %v, want %v", path, got, want)
		}
	}
}

// FuzzParseSite checks that any text is either rejected with a [config.Error] or parsed as the settings of a site with
// valid host names.
func FuzzParseSite(f *testing.F) {
	for _, text := range []string{
		"", "site: {base_url: 'http://x'}\nhosts: [a.b]", "site:\n  limit: x\n", "sites: {}", "- a", "hosts: {",
	} {
		f.Add(text)
	}
	c := config.Default()
	f.Fuzz(func(t *testing.T, text string) {
		s, err := c.ParseSite("dir/x.yml", text, checkSchedule)
		if e := new(config.Error); err != nil && (!errors.As(err, &e) || len(e.Problems) == 0) {
			t.Fatalf("error %v is not a config.Error with problems", err)
		}
		if err != nil {
			return
		}
		if s.Site.ID != "x" || len(s.Hostnames()) == 0 {
			t.Errorf("the site %q has the hosts %q, want the site \"x\" with at least one host", s.Site.ID, s.Hostnames())
		}
		for _, h := range s.Hostnames() {
			if h == "" || strings.ContainsAny(h, "/@ \r\n") || strings.ToLower(h) != h {
				t.Errorf("the host %q is invalid", h)
			}
		}
	})
}
