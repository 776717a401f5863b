package config

import (
	"cmp"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"feedpub/feed"
)

// validate reports invalid values and combinations of values.
func (d *decoder) validate(c *Config, checkSchedule func(string, *time.Location) error) {
	d.validatePublishing(c, checkSchedule)
	if !c.Several() && c.Site.BaseURL == "" && !d.failed("site.base_url") && !d.failed("listen") {
		d.require(c.Listen.Loopback(), "site.base_url",
			fmt.Sprintf("is required, since other machines cannot resolve a URL made from listen, %s", c.Listen))
	}

	d.require(c.Durability != DurabilityReplicas || !c.Redis.IsZero(), "durability",
		"want local, got replicas: a folder of posts has no replicas (set redis)")
	d.require(c.Build || !c.Redis.IsZero(), "build",
		"want true, got false: a folder of posts is built by the server that has it open (set redis)")

	s := c.Server
	for _, limit := range []struct {
		key   string
		value time.Duration
	}{
		{"read_header_timeout", s.ReadHeaderTimeout},
		{"read_timeout", s.ReadTimeout},
		{"write_timeout", s.WriteTimeout},
		{"idle_timeout", s.IdleTimeout},
		{"drain_timeout", s.DrainTimeout},
	} {
		// In net/http, 0 means no timeout, so slow clients could occupy all connections.
		d.require(limit.value > 0, "server."+limit.key, fmt.Sprintf("want more than 0s, got %v", limit.value))
	}
	d.require(s.MaxHeaderBytes >= 4096, "server.max_header_bytes",
		fmt.Sprintf("want at least 4096, got %d", s.MaxHeaderBytes))

	d.require(s.TLSCertFile == "" || s.Engine != EngineFast, "server.engine", "want standard for TLS, got fast")
	d.require(s.MaxConnections > 0, "server.max_connections", fmt.Sprintf("want at least 1, got %d", s.MaxConnections))
	d.require(s.TLSCertFile == "" || s.TLSKeyFile != "", "server.tls_cert_file", "needs server.tls_key_file")
	d.require(s.TLSKeyFile == "" || s.TLSCertFile != "", "server.tls_key_file", "needs server.tls_cert_file")

	d.require(c.Polling.Limit >= 0, "polling.limit", fmt.Sprintf("want 0 or more, got %d", c.Polling.Limit))
	d.require(c.Polling.Per > 0, "polling.per", fmt.Sprintf("want more than 0s, got %v", c.Polling.Per))
	for i, p := range c.Egress.Ports {
		d.require(p > 0 && p < 1<<16, fmt.Sprintf("egress.ports[%d]", i), fmt.Sprintf("want a port, got %d", p))
	}
	d.require(c.Log.Access >= 0, "log.access", fmt.Sprintf("want 0 or more, got %d", c.Log.Access))

	// Listening would fail too, but its error would not name the key.
	d.require(c.Listen != c.Admin.Listen || strings.HasSuffix(string(c.Listen), ":0"), "admin.listen",
		fmt.Sprintf("want an address that differs from listen, got %s for both", c.Listen))
}

// validatePublishing reports errors in a site's publishing settings.
func (d *decoder) validatePublishing(c *Config, checkSchedule func(string, *time.Location) error) {
	d.validateSite(c)
	d.validateSchedules(c, checkSchedule)
	d.validateFeeds(c, checkSchedule)
	d.validatePaths(c)
	d.validatePush(c)

	for i, p := range c.Attribution.Publications {
		d.requireName(p.Name, fmt.Sprintf("attribution.publications[%d]", i))
	}
	t := c.Attribution.Threshold
	d.require(t > 0 && t <= 1, "attribution.threshold",
		fmt.Sprintf("want a number greater than 0 and at most 1, got %v", t))
}

func (d *decoder) validateSite(c *Config) {
	s := c.Site
	d.require(s.ID.Validate() == nil, "site.id", fmt.Sprintf("want 1 to 63 characters from a-z, 0-9 and -, got %q", s.ID))
	d.require(strings.TrimSpace(s.Title) != "" || d.failed("site.title"), "site.title", "want a title, got none")
	d.require(!strings.ContainsFunc(strings.TrimSpace(s.Title), unicode.IsControl) || d.failed("site.title"), "site.title",
		fmt.Sprintf("want a title without control characters, got %q", s.Title))
	for i, a := range s.Authors {
		d.requireName(a.Name, fmt.Sprintf("site.authors[%d]", i))
	}
	d.require(s.Limit >= 1 && s.Limit <= maxLimit, "site.limit", fmt.Sprintf("want 1 to %d, got %d", maxLimit, s.Limit))
	d.require(s.TTL >= time.Minute && s.TTL <= 24*time.Hour && s.TTL%time.Minute == 0, "site.ttl",
		fmt.Sprintf("want whole minutes from 1m to 24h, got %v", s.TTL))

	if s.Permalink != "" {
		if err := feed.CheckPermalink(s.Permalink); err != nil {
			d.require(false, "site.permalink", strings.TrimSuffix(err.Error(), ": "+feed.ErrInvalid.Error()))
		}
		d.require(s.HomeURL != "", "site.permalink", "needs site.home_url, since permalinks are relative to it")
	}
	if s.BaseURL != "" {
		// Paths are appended to the base URL.
		u, err := url.Parse(string(s.BaseURL))
		d.require(err == nil && u.RawQuery == "" && !u.ForceQuery, "site.base_url",
			fmt.Sprintf("want a URL without a query, got %q", s.BaseURL))
	}
}

// feedName matches main and the names of feeds in families.
var feedName = regexp.MustCompile(`^(main|(tags|authors|sources)/[^/\s]+)$`)

func (d *decoder) validateSchedules(c *Config, check func(string, *time.Location) error) {
	if err := check(c.Schedule, c.TimeZone.Location); err != nil {
		d.require(false, "schedule", err.Error())
	}
	for _, name := range slices.Sorted(maps.Keys(c.Schedules)) {
		path := join("schedules", string(name))
		_, selected := c.Feeds[name]
		d.require(selected || feedName.MatchString(string(name)), path,
			fmt.Sprintf("want the name of a feed such as %s or %s, got %q", feed.Main, feed.Join(feed.Tags, "go"), name))
		if err := check(c.Schedules[name], c.TimeZone.Location); err != nil {
			d.require(false, path, err.Error())
		}
	}
}

// require reports message for the key at path unless ok is true.
func (d *decoder) require(ok bool, path, message string) {
	if !ok {
		d.report(d.origins[path], path, message)
	}
}

// requireName reports an element of a list that has no name.
func (d *decoder) requireName(name, path string) {
	if strings.TrimSpace(name) == "" {
		d.report(d.origins[path], join(path, "name"), "is required")
	}
}

// failed reports whether the key at path is set to a value that could not be read.
func (d *decoder) failed(path string) bool {
	o, set := d.origins[path]
	return set && slices.ContainsFunc(d.problems, func(p Problem) bool {
		return p.Origin == o.at && cmp.Or(p.Path, o.key) == join(d.at, path)
	})
}
