package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"feedpub/feed"
)

// validatePush reports errors in site.hubs, push and notify.
func (d *decoder) validatePush(c *Config) {
	own := 0
	for i, h := range c.Site.Hubs {
		path := fmt.Sprintf("site.hubs[%d]", i)
		d.require(h == "" || !slices.Contains(c.Site.Hubs[:i], h), path, fmt.Sprintf("%s is already in site.hubs", h))
		if !h.Own() {
			continue
		}
		own++
		d.require(own == 1, path, "want a URL, got a second path: a site has only one built-in hub")
		file := string(h[strings.LastIndexByte(string(h), '/')+1:])
		isFile := slices.ContainsFunc(feed.AllFormats(), func(f feed.Format) bool { return f.File() == file })
		d.require(!isFile && !ownPath(c.Catalog(), string(h)) && !isOldPath(c, string(h)), path,
			fmt.Sprintf("%s is already the path of a document, or in aliases, moved or retired", h))
	}
	d.require(c.Push.Lease >= 5*time.Minute && c.Push.Lease <= 30*24*time.Hour, "push.lease",
		fmt.Sprintf("want 5m to 720h, got %v", c.Push.Lease))
	const maxSubscriptions = 10_000_000
	d.require(c.Push.Limit >= 1 && c.Push.Limit <= maxSubscriptions, "push.limit",
		fmt.Sprintf("want 1 to %d, got %d", maxSubscriptions, c.Push.Limit))
	for i, w := range c.Notify {
		path := fmt.Sprintf("notify[%d]", i)
		if strings.TrimSpace(string(w.URL)) == "" {
			d.report(d.origins[path], join(path, "url"), "is required")
		}
		if w.SecretFile == "" {
			d.report(d.origins[path], join(path, "secret_file"), "is required")
		}
	}
}

// isOldPath reports whether path is in aliases, moved or retired.
func isOldPath(c *Config, path string) bool {
	_, alias := c.Aliases[path]
	_, moved := c.Moved[path]
	return alias || moved || slices.Contains(c.Retired, path)
}
