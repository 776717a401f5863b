package config

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"golang.org/x/net/idna"

	"feedpub/feed"
)

// SiteSettings are the settings of one of several sites. Omitted keys default to the top-level values, except for
// site.base_url, which is required, and site.home_url. site.title is by default the site's id, if the top level sets no
// title. site.id is the key in sites, or the name of the file.
type SiteSettings struct {
	Publishing `yaml:",inline"`

	// Hosts lists host names of the site in addition to the host of site.base_url, such as an old one. Two sites must not
	// share a host. Default none.
	Hosts []Host `yaml:"hosts"`

	// TokensFile is a file in the format of admin.tokens_file, with tokens for this site only. Default none: only the
	// tokens of admin.tokens_file are valid, for all sites.
	TokensFile Path `yaml:"tokens_file"`
}

// Hostnames returns the host names of the site. The host of its base URL is the first.
func (s SiteSettings) Hostnames() []string {
	var names []string
	add := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if u, err := url.Parse(string(s.Site.BaseURL)); err == nil {
		if h, err := parseHost(u.Hostname()); err == nil {
			add(string(h))
		}
	}
	for _, h := range s.Hosts {
		add(string(h))
	}
	return names
}

// Host is a host name or IP address without a port, in lower case, with international names in ASCII.
type Host string

// UnmarshalText accepts host names, with or without a trailing dot, and IP addresses.
func (h *Host) UnmarshalText(text []byte) error {
	v, err := parseHost(string(text))
	if err != nil {
		return err
	}
	*h = v
	return nil
}

func parseHost(text string) (Host, error) {
	if a, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return Host(a.String()), nil
	}
	name, err := idna.Lookup.ToASCII(strings.TrimSuffix(text, "."))
	if err != nil || name == "" || strings.ContainsAny(name, ":/@*") {
		return "", fmt.Errorf("want the name of a host such as feeds.example.org, without a port, got %q", text)
	}
	return Host(name), nil
}

// Several reports whether the configuration is for several sites, even if there are none yet.
func (c Config) Several() bool { return len(c.Sites) > 0 || c.SitesFrom != "" }

// ForSite returns the configuration for a process that works on only one of several sites.
func (c Config) ForSite(s SiteSettings) Config {
	c.Publishing, c.Sites, c.SitesFrom = s.Publishing, nil, ""
	return c
}

// siteFile is the extension of a site's file.
const siteFile = ".yml"

// SiteOf returns the id of the site that a file in sites_from configures, and whether the file configures a site: files
// whose names begin with a dot or lack a YAML extension are ignored. It returns an error if the name is probably a
// mistake.
func SiteOf(path string) (id feed.SiteID, ok bool, err error) {
	name := filepath.Base(path)
	ending := filepath.Ext(name)
	if strings.HasPrefix(name, ".") || ending != siteFile && ending != ".yaml" {
		return "", false, nil
	}
	id = feed.SiteID(strings.TrimSuffix(name, ending))
	if ending != siteFile || id.Validate() != nil {
		return id, true, &Error{Problems: []Problem{{
			Origin:  path,
			Message: fmt.Sprintf("want a file name of 1 to 63 characters from a-z, 0-9 and -, followed by %s", siteFile),
		}}}
	}
	return id, true, nil
}

// ParseSite parses the text of the file at path as the settings of a site, with the defaults of c. The error is an
// [*Error] with all mistakes. It does not check whether another site uses one of the hosts.
func (c Config) ParseSite(path, text string, checkSchedule func(string, *time.Location) error) (SiteSettings, error) {
	id, _, err := SiteOf(path)
	if err != nil {
		return SiteSettings{}, err
	}
	d := &decoder{origins: make(map[string]origin)}
	s := c.siteDefaults(id)
	d.yaml(source{origin: origin{at: path, layer: layerFile}, dir: filepath.Dir(path), lines: true}, "", text,
		reflect.ValueOf(&s).Elem())
	if len(d.problems) == 0 || len(d.origins) > 0 { // otherwise the text is not YAML
		d.validateOneSite(c, id, s, checkSchedule)
	}
	if _, twice := c.Sites[id]; twice {
		d.problems = append(d.problems, Problem{Origin: path, Message: fmt.Sprintf("the site %s is already in sites", id)})
	}
	if len(d.problems) > 0 {
		return SiteSettings{}, &Error{Problems: slices.Compact(d.problems)}
	}
	return s, nil
}

// siteDefaults returns the settings of a site whose file is empty.
func (c Config) siteDefaults(id feed.SiteID) SiteSettings {
	s := SiteSettings{Publishing: c.Publishing}
	s.Site.ID, s.Site.BaseURL, s.Site.HomeURL = id, "", ""
	if s.Site.Title == defaultPublishing().Site.Title {
		s.Site.Title = string(id)
	}
	return s
}

var sitesType = reflect.TypeFor[map[feed.SiteID]SiteSettings]()

// foundSites is the part of one source that sets the sites key. It is read last, when the defaults of the sites are
// known.
type foundSites struct {
	source source
	node   ast.Node
	// readers maps the ids of sites to the decoders that read them.
	readers map[feed.SiteID]*decoder
}

// readSites reads the settings of the sites in d.sites.
func (d *decoder) readSites(c *Config) {
	if d.sites.node == nil {
		return
	}
	c.Sites, d.sites.readers = make(map[feed.SiteID]SiteSettings), make(map[feed.SiteID]*decoder)
	s := d.sites.source
	d.pairs(s, "sites", d.sites.node, func(key string, keyNode, value ast.Node) {
		id, path := feed.SiteID(key), join("sites", key)
		if id.Validate() != nil {
			d.report(s.place(keyNode), path, fmt.Sprintf("want 1 to 63 characters from a-z, 0-9 and -, got %q", key))
			return
		}
		r := &decoder{at: path, origins: map[string]origin{"": s.place(keyNode)}}
		settings := c.siteDefaults(id)
		r.node(s, "", value, reflect.ValueOf(&settings).Elem())
		c.Sites[id], d.sites.readers[id] = settings, r
	})
}

// validateSites reports the errors in the settings of several sites.
func (d *decoder) validateSites(c *Config, checkSchedule func(string, *time.Location) error) {
	defaults := slices.Clone(d.problems)
	taken := make(map[string]feed.SiteID)
	for _, id := range slices.Sorted(maps.Keys(c.Sites)) {
		settings, r := c.Sites[id], d.sites.readers[id]
		r.validateOneSite(*c, id, settings, checkSchedule)
		for _, name := range settings.Hostnames() {
			if other, twice := taken[name]; twice {
				r.require(false, hostPath(settings, name), fmt.Sprintf("the host %s already belongs to the site %s", name, other))
			}
			taken[name] = id
		}
		for _, p := range r.problems {
			// An error in a default affects every site, but is reported only once.
			if p.Origin != "" || !slices.ContainsFunc(defaults, func(q Problem) bool {
				return join(r.at, q.Path) == p.Path && q.Message == p.Message
			}) {
				d.problems = append(d.problems, p)
			}
		}
	}
}

// hostPath returns the path of the key that sets a site's host name.
func hostPath(s SiteSettings, name string) string {
	if i := slices.Index(s.Hosts, Host(name)); i >= 0 {
		return fmt.Sprintf("hosts[%d]", i)
	}
	return "site.base_url"
}

// validateOneSite reports the errors in the settings of one of several sites.
func (d *decoder) validateOneSite(
	c Config, id feed.SiteID, s SiteSettings, checkSchedule func(string, *time.Location) error,
) {
	d.require(s.Site.ID == id, "site.id", fmt.Sprintf("want %s, the id of this site, got %q", id, s.Site.ID))
	if s.Site.BaseURL == "" && !d.failed("site.base_url") && !d.failed("") {
		d.report(d.origins[""], "site.base_url", "is required, since requests are routed by its host")
	}
	c = c.ForSite(s)
	d.validatePublishing(&c, checkSchedule)
}

// validateSeveral reports keys that are invalid with several sites.
func (d *decoder) validateSeveral(c *Config) {
	which := "sites"
	if len(c.Sites) == 0 {
		which = "sites_from"
	}
	if !d.failed("redis") {
		d.require(!c.Redis.IsZero(), which, "needs redis: a folder of posts has only one site")
	}
	excluded := "cannot be set with " + which + ": set it for each site"
	d.require(c.Site.BaseURL == "", "site.base_url", excluded)
	d.require(c.Site.HomeURL == "", "site.home_url", excluded)
	if o, set := d.origins["site.id"]; set && o.layer == layerFile {
		d.report(o, "site.id", "cannot be set with "+which+": the id of a site is its key or the name of its file")
	} else if id := c.Site.ID; set && c.SitesFrom == "" {
		_, known := c.Sites[id]
		d.require(known, "site.id", fmt.Sprintf("there is no site %q in sites", id))
	} else if !set {
		c.Site.ID = ""
	}
}
